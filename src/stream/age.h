/* age-encryption.org/v1: recipients, identities, header, and the payload sealed and opened by
 * segments.
 *
 * A segment covers segment_size bytes of plaintext (a multiple of 64 KiB) and begins with the
 * header and the payload nonce when it is the first. Sealing is deterministic in (payload key,
 * chunk index, plaintext). (key, nonce) must never meet two plaintexts: the caller seals a segment
 * once and sends that buffer; age_segment_seal() is the one function that seals. Everything here is
 * plain computation: call it from worker threads (scrypt needs 256 MiB and about a second). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strings.h"

enum {
        AGE_CHUNK_BYTES = 65536,
        AGE_TAG_BYTES = 16,
        AGE_SEALED_CHUNK_BYTES = AGE_CHUNK_BYTES + AGE_TAG_BYTES,
        AGE_NONCE_BYTES = 16,
        AGE_KEY_BYTES = 32,
};

/* Recipients and identities: parsed from files of lines. Errors: ERROR_CONFIG for recipients,
 * ERROR_WRONG_IDENTITY for identities; the line number is named, the line never shown. An identity
 * among recipients (or the reverse) has a message of its own. */
typedef struct AgeRecipients AgeRecipients;
typedef struct AgeIdentities AgeIdentities;

int age_recipients_parse(
        const char *text, size_t size, const char *what, AgeRecipients **ret, Error *err);
int age_recipients_from_passphrase(
        const void *passphrase, size_t size, AgeRecipients **ret, Error *err);
AgeRecipients *age_recipients_free(AgeRecipients *recipients);
DEFINE_CLEANUP(AgeRecipients, age_recipients);
size_t age_recipients_count(const AgeRecipients *recipients); /* 0 in passphrase mode */
const char *age_recipients_name(const AgeRecipients *recipients, size_t i); /* "age1.." */
bool age_recipients_is_passphrase(const AgeRecipients *recipients);

int age_identities_parse(
        const char *text, size_t size, const char *what, AgeIdentities **ret, Error *err);
int age_identities_add_passphrase(
        AgeIdentities **identities,
        const void *passphrase,
        size_t size,
        Error *err);                                           /* *identities may be NULL */
AgeIdentities *age_identities_free(AgeIdentities *identities); /* wiped */
DEFINE_CLEANUP(AgeIdentities, age_identities);

/* A new file: fresh file key, header, payload nonce. *ret_header holds header and nonce (what
 * segment 0 begins with), caller frees. */
typedef struct AgePayload {
        uint8_t key[AGE_KEY_BYTES];
} AgePayload; /* wipe() it */
int age_header_make(
        const AgeRecipients *recipients,
        AgePayload *ret_payload,
        uint8_t **ret_header,
        size_t *ret_size,
        Error *err);

/* Opens a header: `bytes` begins with it (and may hold more); *ret_payload_offset is where the
 * payload's first chunk begins (header and nonce). Integrity: malformed or a bad header MAC;
 * WrongIdentity: no stanza is for any identity. -EAGAIN: more bytes are needed (up to
 * LIMIT_AGE_HEADER_BYTES). */
int age_header_open(
        const AgeIdentities *identities,
        const void *bytes,
        size_t size,
        AgePayload *ret_payload,
        size_t *ret_payload_offset,
        Error *err);
/* The same without any key: only where the header ends (nonce included). */
int age_header_measure(const void *bytes, size_t size, size_t *ret_payload_offset, Error *err);

/* SHA-256 of header and payload nonce, for the record. -EIO: OpenSSL failed, and ret is zero. */
int age_header_digest(const void *header, size_t size, uint8_t ret[32]);

/* Arithmetic (lengths in bytes). plaintext_size is that of the whole file. */
uint64_t age_sealed_size(uint64_t payload_offset, uint64_t plaintext_size);
uint64_t age_segment_count(uint64_t plaintext_size, uint64_t segment_size); /* at least 1 */
uint64_t age_segment_offset(
        uint64_t payload_offset, uint64_t segment_size, uint64_t i); /* in the ciphertext */
uint64_t age_segment_sealed_size(
        uint64_t payload_offset,
        uint64_t segment_size,
        uint64_t i,
        uint64_t plaintext_size,
        bool last);

/* Reads plaintext: exactly `size` bytes of the file's plaintext from `offset`. 0 or negative errno
 * with *err. Called in order from worker threads. */
typedef int (*AgeRead)(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err);

/* A file whose segments are sealed or opened. */
typedef struct AgeFile {
        const AgePayload *payload;
        uint64_t segment_size; /* of plaintext */
        const void *header;    /* sealing: goes before segment 0 */
        size_t header_size;    /* nonce included; opening: skipped in segment 0 */
} AgeFile;

typedef struct AgeSegment {
        uint64_t index;
        bool last; /* its last chunk carries the final flag; plaintext_size bytes of it may be less
                      than segment_size */
        uint64_t plaintext_size; /* of this segment */
        AgeRead read;
        void *userdata;
        uint8_t *buffer; /* of age_segment_sealed_size() bytes */
        size_t buffer_size;
        size_t ret_size;
        char ret_md5[33]; /* of the sealed bytes, lower-case hex */
} AgeSegment;

/* Seals a batch of segments of one file (the batch is where their MD5s can run side by side). On
 * failure nothing in the buffers may be sent. */
int age_segments_seal(const AgeFile *file, AgeSegment *segments, size_t n, Error *err);

/* The whole of a segment as it was stored. */
typedef struct AgeSealedSegment {
        uint64_t index;
        bool last;
        uint8_t *bytes;
        size_t size;
} AgeSealedSegment;

/* Opens one sealed segment in place: its chunks' plaintext is handed to `write` in order, each only
 * when authenticated (so a bad chunk stops before its bytes are seen). Integrity names the chunk.
 */
typedef int (*AgeWrite)(
        void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err);
int age_segment_open(
        const AgeFile *file,
        const AgeSealedSegment *segment,
        AgeWrite write,
        void *userdata,
        Error *err);

/* One fetch of each algorithm and a known answer: says plainly when OpenSSL (FIPS mode) refuses.
 * ERROR_CONFIG. */
int age_selftest(Error *err);

int age_keygen(
        char **ret_identity_file,
        char **ret_recipient,
        Error *err); /* the text age-keygen writes; caller wipes and frees */
