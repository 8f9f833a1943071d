/* Ed25519 keys and DSSE envelopes: what makes a control object ours.
 *
 * An envelope is {"payload": base64, "payloadType": "application/vnd.orabackup.<kind>.v1+json",
 * "signatures": [{keyid, public_key, sig}]}, signed over the DSSE pre-authentication encoding.
 * keyid is the SHA-256 of the raw public key in hex; the public key in it is a hint, never trusted
 * by being there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct SigningKey SigningKey;

int signing_key_generate(
        char **ret_pem, size_t *ret_size, Error *err); /* PKCS#8 PEM; caller wipes and frees */
int signing_key_parse(
        const char *pem,
        size_t size,
        const char *what,
        SigningKey **ret,
        Error *err); /* Ed25519 only; ERROR_CONFIG */
SigningKey *signing_key_free(SigningKey *key);
DEFINE_CLEANUP(SigningKey, signing_key);
const char *signing_key_public(const SigningKey *key); /* "ed25519:<base64 of the 32 raw bytes>" */

/* Trusted keys: lines `<instance or glob> <ed25519:..> [comment]`. ERROR_CONFIG names file and
 * line. */
typedef struct TrustedKeys TrustedKeys;
int trusted_keys_new(TrustedKeys **ret, Error *err);
int trusted_keys_parse(
        TrustedKeys *keys,
        const char *text,
        size_t size,
        const char *what,
        Error *err); /* adds; on error nothing is added */
int trusted_keys_add(
        TrustedKeys *keys,
        const char *instance_glob,
        const char *public_key,
        const char *comment,
        Error *err);
TrustedKeys *trusted_keys_free(TrustedKeys *keys);
DEFINE_CLEANUP(TrustedKeys, trusted_keys);

typedef enum Trust { TRUST_TRUSTED, TRUST_UNTRUSTED, TRUST_INVALID, TRUST_MISSING } Trust;
const char *trust_name(Trust trust); /* "trusted" .. */

typedef struct EnvelopeContent {
        const char *kind; /* "record", "begin", "failed", "delete" */
        const char *payload;
        size_t size;
} EnvelopeContent;
/* Caller frees. */
int envelope_seal(
        const SigningKey *key,
        const EnvelopeContent *content,
        char **ret,
        size_t *ret_size,
        Error *err);

typedef struct Envelope {
        char *payload;
        size_t payload_size;
        char signer[64];      /* "ed25519:..", or "" */
        bool signature_valid; /* by the key in `signer` */
        bool signature_present;
} Envelope;
void envelope_done(Envelope *envelope);
/* Takes apart and verifies; a bad or missing signature is no error here (see envelope_trust).
 * Integrity: not an envelope, other kind, too large. */
int envelope_open(
        const char *text,
        size_t size,
        const char *kind,
        const char *what,
        Envelope *ret,
        Error *err);
/* A key counts only for the instances its line names. */
Trust envelope_trust(const Envelope *envelope, const TrustedKeys *keys, const char *instance);
