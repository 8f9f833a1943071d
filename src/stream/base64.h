/* Base64 (RFC 4648, section 4), canonical only: no blanks, no line ends, spare bits zero. age wants
 * it without padding, JSON envelopes and keys with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum Base64Form { BASE64_UNPADDED, BASE64_PADDED } Base64Form;

/* Characters that `size` bytes become, without a terminating NUL. */
size_t base64_length(Base64Form form, size_t size);

/* ret has base64_length() + 1 bytes. */
void base64_encode(Base64Form form, const void *bytes, size_t size, char *ret);

/* Decodes into ret, which has room for max bytes (length / 4 * 3 + 2 always suffice). -EINVAL: not
 * canonical; -ENOBUFS: more than max. */
int base64_decode(
        Base64Form form, const char *text, size_t length, void *ret, size_t max, size_t *ret_size);
