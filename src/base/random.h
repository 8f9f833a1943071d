/* Random bytes from the kernel, for names and jitter; keys come from stream/, which asks OpenSSL.
 * Link seam as base/clock.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { UUID_BYTES = 37 };

void random_bytes(void *ret, size_t size);
uint64_t random_below(uint64_t bound);  /* uniform in [0, bound) */
void random_uuid(char ret[UUID_BYTES]); /* version 4, lower case */
void random_hex8(char ret[9]);          /* 8 hex digits: attempts, command ids */
