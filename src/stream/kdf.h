/* The derivations of age: HKDF and HMAC with SHA-256, scrypt, X25519, random keys. All 32 bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KDF_BYTES = 32 };

/* Extract and expand; salt may be of size 0. */
int hkdf_sha256(
        const void *key,
        size_t key_size,
        const void *salt,
        size_t salt_size,
        const char *info,
        uint8_t ret[KDF_BYTES]);

int hmac_sha256(
        const uint8_t key[KDF_BYTES], const void *bytes, size_t size, uint8_t ret[KDF_BYTES]);

/* N = 2^log_n, r = 8, p = 1: takes 2^log_n KiB of memory. */
int scrypt_derive(
        const void *passphrase,
        size_t passphrase_size,
        const void *salt,
        size_t salt_size,
        unsigned log_n,
        uint8_t ret[KDF_BYTES]);

int x25519_public(const uint8_t secret[KDF_BYTES], uint8_t ret[KDF_BYTES]);
/* -EBADMSG when the peer's point gives the all-zero secret. */
int x25519_derive(
        const uint8_t secret[KDF_BYTES], const uint8_t peer[KDF_BYTES], uint8_t ret[KDF_BYTES]);

/* From OpenSSL's generator for private values. */
int random_secret(void *ret, size_t size);

/* For a failed derivation: names the algorithm, and FIPS mode as what most likely hides it. */
int kdf_error(Error *err, const char *algorithm);
