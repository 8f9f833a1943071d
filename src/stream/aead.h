/* ChaCha20-Poly1305 with a 16-byte tag behind the text and no associated data. One object belongs
 * to one thread: it keeps OpenSSL's context with the key in it; its free wipes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { AEAD_KEY_BYTES = 32, AEAD_NONCE_BYTES = 12, AEAD_TAG_BYTES = 16 };

typedef struct Aead Aead;

int aead_new(const uint8_t key[AEAD_KEY_BYTES], Aead **ret, Error *err);
Aead *aead_free(Aead *aead);
DEFINE_CLEANUP(Aead, aead);

/* Seals `size` bytes in place and puts the tag behind them (room for size + AEAD_TAG_BYTES). */
int aead_seal(
        Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], uint8_t *bytes, size_t size, Error *err);

/* Opens `size` bytes, tag included, in place. -EBADMSG without *err set: not authentic, and the
 * bytes are wiped. */
int aead_open(
        Aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], uint8_t *bytes, size_t size, Error *err);
