/* Ed25519 in the forms the envelopes need. Only for the files that implement sign.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/sign.h"

enum {
        ED25519_KEY_BYTES = 32,
        ED25519_SIGNATURE_BYTES = 64,
        PUBLIC_KEY_BYTES = 53, /* "ed25519:", 44 characters, NUL */
        KEY_ID_BYTES = 65,
};

void public_key_encode(const uint8_t raw[ED25519_KEY_BYTES], char ret[PUBLIC_KEY_BYTES]);
/* -EINVAL: not "ed25519:" and canonical base64 of 32 bytes. */
int public_key_decode(const char *text, size_t size, uint8_t ret[ED25519_KEY_BYTES]);
/* SHA-256 of the raw key in hex. */
int public_key_id(const uint8_t raw[ED25519_KEY_BYTES], char ret[KEY_ID_BYTES], Error *err);
/* 1: the signature is by this key; 0: it is not. Config: OpenSSL does not verify Ed25519. */
int public_key_verify(
        const uint8_t raw[ED25519_KEY_BYTES],
        const uint8_t signature[ED25519_SIGNATURE_BYTES],
        const void *bytes,
        size_t size,
        Error *err);
int signing_key_sign(
        const SigningKey *key,
        const void *bytes,
        size_t size,
        uint8_t ret[ED25519_SIGNATURE_BYTES],
        Error *err);
