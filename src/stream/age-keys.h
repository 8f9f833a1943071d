/* What recipients and identities consist of, and the wrapping of a file key for one of them. Only
 * for the age-*.c files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/strings.h"
#include "stream/age-header.h"
#include "stream/age.h"

enum {
        AGE_SCRYPT_LOG_N = 18, /* what age writes: 256 MiB, about a second */
        AGE_RECIPIENT_BYTES = 63,
        AGE_IDENTITY_BYTES = 75,
};

typedef struct AgePassphrase {
        uint8_t *bytes;
        size_t size;
} AgePassphrase;

/* Copies; one line end behind it is left out. -EINVAL: empty. */
int age_passphrase_init(AgePassphrase *passphrase, const void *bytes, size_t size);
void age_passphrase_done(AgePassphrase *passphrase); /* wiped */

struct AgeRecipients {
        AgePassphrase passphrase;
        size_t n;
        struct AgeRecipient {
                uint8_t key[AGE_KEY_BYTES];
                char name[AGE_RECIPIENT_BYTES];
        } items[LIMIT_RECIPIENTS];
};

typedef struct AgeIdentity {
        uint8_t secret[AGE_KEY_BYTES];
        uint8_t public[AGE_KEY_BYTES];
} AgeIdentity;

struct AgeIdentities {
        AgeIdentity *items;
        size_t n;
        AgePassphrase *passphrases;
        size_t n_passphrases;
};

/* "age1..", "AGE-SECRET-KEY-1..". A line of the other kind is told apart for its message. */
int age_recipient_decode(const char *line, size_t size, uint8_t ret[AGE_KEY_BYTES]);
int age_identity_decode(const char *line, size_t size, uint8_t ret[AGE_KEY_BYTES]);
bool age_looks_like_identity(const char *line, size_t size);
bool age_looks_like_recipient(const char *line, size_t size);
void age_recipient_encode(const uint8_t key[AGE_KEY_BYTES], char ret[AGE_RECIPIENT_BYTES]);
void age_identity_encode(const uint8_t secret[AGE_KEY_BYTES], char ret[AGE_IDENTITY_BYTES]);

/* Adds a stanza that gives file_key to the holder. Fresh randomness for each. */
int age_wrap_x25519(
        Text *header,
        const uint8_t recipient[AGE_KEY_BYTES],
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        Error *err);
int age_wrap_scrypt(
        Text *header,
        const AgePassphrase *passphrase,
        unsigned log_n,
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        Error *err);

/* 0, or -ENOKEY without *err set: not for this one. Integrity: the share is no usable point. */
int age_unwrap_x25519(
        const AgeIdentity *identity,
        const AgeStanza *stanza,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err);
int age_unwrap_scrypt(
        const AgePassphrase *passphrase,
        const AgeStanza *stanza,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err);
