/* MD5 (Swift's ETag: a transport check, never security) and SHA-256. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Digest Digest;
typedef enum DigestType { DIGEST_MD5, DIGEST_SHA256 } DigestType;

int digest_new(DigestType type, Digest **ret, Error *err);
Digest *digest_free(Digest *digest);
DEFINE_CLEANUP(Digest, digest);
int digest_update(Digest *digest, const void *bytes, size_t size);
int digest_final_hex(
        Digest *digest, char ret[65]); /* 32 or 64 hex digits; ready for the next message */

int digest_hex(DigestType type, const void *bytes, size_t size, char ret[65], Error *err);
