/* The header of an age file, taken apart and put together: grammar only, no keys.
 * age-encryption.org/v1, "Textual header". */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/strings.h"

enum {
        AGE_FILE_KEY_BYTES = 16,
        AGE_WRAPPED_KEY_BYTES = 32,
        AGE_MAC_BYTES = 32,
        AGE_ARGS_KEPT = 3, /* native stanzas have at most so many */
};

typedef struct AgeSlice {
        const char *data; /* within the bytes that were parsed */
        size_t size;
} AgeSlice;

typedef struct AgeStanza {
        AgeSlice args[AGE_ARGS_KEPT]; /* the type first; further ones are only counted */
        size_t n_args;
        uint8_t body[AGE_WRAPPED_KEY_BYTES]; /* its beginning */
        size_t body_size;
} AgeStanza;

typedef struct AgeHeader {
        AgeStanza stanzas[LIMIT_AGE_STANZAS];
        size_t n_stanzas;
        size_t mac_span; /* the MAC covers so many bytes, from the first to the three dashes */
        uint8_t mac[AGE_MAC_BYTES];
        size_t size; /* with the final line end, without the payload nonce */
} AgeHeader;

/* Integrity, -EPROTO: not an age header, or beyond a limit. -EAGAIN, *err not set: more bytes are
 * needed. */
int age_header_parse(const void *bytes, size_t size, AgeHeader *ret, Error *err);

/* Every stanza of a kind we know is well formed, and a passphrase stanza is alone. */
int age_header_validate(const AgeHeader *header, Error *err);

typedef enum AgeStanzaKind { AGE_STANZA_OTHER, AGE_STANZA_X25519, AGE_STANZA_SCRYPT } AgeStanzaKind;
AgeStanzaKind age_stanza_kind(const AgeStanza *stanza);
/* Of stanzas that were validated. */
void age_stanza_share(const AgeStanza *stanza, uint8_t ret[32]);
void age_stanza_salt(const AgeStanza *stanza, uint8_t ret[16]);
unsigned age_stanza_log_n(const AgeStanza *stanza);

/* Writing: the first line; a native stanza of `args` and a wrapped key; the dashes and the MAC that
 * file_key gives. */
void age_header_begin(Text *text);
void age_header_add(Text *text, const char *args, const uint8_t body[AGE_WRAPPED_KEY_BYTES]);
int age_header_finish(Text *text, const uint8_t file_key[AGE_FILE_KEY_BYTES]);

/* HMAC of `size` bytes under the key that follows from the file key. */
int age_header_mac(
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        const void *bytes,
        size_t size,
        uint8_t ret[AGE_MAC_BYTES]);
