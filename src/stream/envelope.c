/* DSSE envelopes. What is signed is the pre-authentication encoding of type and payload, so a
 * signature for one kind of object is none for another. One signature, no choice of algorithm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "stream/base64.h"
#include "stream/sign.h"
#include "stream/signing-key.h"
#include "stream/trusted-keys.h"

enum {
        /* Base64 of the payload, and room for the rest. */
        ENVELOPE_BYTES = LIMIT_RECORD_BYTES / 3 * 4 + 4096,
};

static char *payload_type(const char *kind) {
        return string_printf("application/vnd.orabackup.%s.v1+json", kind);
}

/* "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload */
static void encode(Text *text, const char *type, const char *payload, size_t size) {
        text_appendf(text, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
        text_append_bytes(text, payload, size);
}

static int
make_signature_object(const SigningKey *key, const uint8_t *signature, Json **ret, Error *err) {
        const char *public = signing_key_public(key);
        char id[KEY_ID_BYTES], encoded[4 * ((ED25519_SIGNATURE_BYTES + 2) / 3) + 1];
        uint8_t raw[ED25519_KEY_BYTES];
        Json *object;
        int r;

        (void)public_key_decode(public, strlen(public), raw);
        r = public_key_id(raw, id, err);
        if (r < 0)
                return r;
        base64_encode(BASE64_PADDED, signature, ED25519_SIGNATURE_BYTES, encoded);
        object = json_new_object();
        json_set_string(object, "keyid", id);
        json_set_string(object, "public_key", public);
        json_set_string(object, "sig", encoded);
        *ret = object;
        return 0;
}

static int print_envelope(
        const char *type,
        const char *encoded,
        Json *signature,
        char **ret,
        size_t *ret_size,
        Error *err) {
        CLEANUP(cleanup_json) Json *root = json_new_object();
        Json *signatures = json_new_array();

        json_add(signatures, signature);
        json_set_string(root, "payload", encoded);
        json_set_string(root, "payloadType", type);
        json_set(root, "signatures", signatures);
        return json_print(root, ret, ret_size, err);
}

int envelope_seal(
        const SigningKey *key,
        const EnvelopeContent *content,
        char **ret,
        size_t *ret_size,
        Error *err) {
        CLEANUP(cleanup_free) char *type = payload_type(content->kind);
        CLEANUP(cleanup_free) char *encoded = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        uint8_t signature[ED25519_SIGNATURE_BYTES];
        Json *object = NULL;
        int r;

        if (content->size > LIMIT_RECORD_BYTES)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -E2BIG,
                        "the %s would be %zu bytes, more than the %d a control object may have",
                        content->kind,
                        content->size,
                        LIMIT_RECORD_BYTES);
        encoded = malloc(base64_length(BASE64_PADDED, content->size) + 1);
        if (type == NULL || encoded == NULL)
                return error_oom(err);
        encode(&text, type, content->payload, content->size);
        if (text.failed)
                return error_oom(err);
        r = signing_key_sign(key, text.data, text.length, signature, err);
        if (r == 0)
                r = make_signature_object(key, signature, &object, err);
        if (r < 0)
                return r;
        base64_encode(BASE64_PADDED, content->payload, content->size, encoded);
        return print_envelope(type, encoded, object, ret, ret_size, err);
}

void envelope_done(Envelope *envelope) {
        free(envelope->payload);
        *envelope = (Envelope){0};
}

static int not_ours(Error *err, const char *what, const char *why) {
        return error_set(err, ERROR_INTEGRITY, -EBADMSG, "%s: %s", what, why);
}

static int
open_payload(const Json *root, const char *type, const char *what, Envelope *ret, Error *err) {
        const char *found, *encoded;
        size_t length;
        int r;

        r = json_get_string(root, "payloadType", &found, err);
        if (r == 0)
                r = json_get_string(root, "payload", &encoded, err);
        if (r != 0)
                return r;
        if (!string_equal(found, type))
                return not_ours(err, what, "the envelope holds an object of another kind");
        length = strlen(encoded);
        if (length > base64_length(BASE64_PADDED, LIMIT_RECORD_BYTES))
                return not_ours(err, what, "the payload is larger than 4 MiB");
        ret->payload = malloc(length / 4 * 3 + 4);
        if (ret->payload == NULL)
                return error_oom(err);
        if (base64_decode(
                    BASE64_PADDED,
                    encoded,
                    length,
                    ret->payload,
                    length / 4 * 3 + 3,
                    &ret->payload_size) < 0)
                return not_ours(err, what, "the payload is not canonical base64");
        ret->payload[ret->payload_size] = '\0';
        return 0;
}

/* The three strings of a signature; false: it cannot be one. */
static bool read_signature(
        const Json *object,
        const char **ret_id,
        uint8_t ret_key[ED25519_KEY_BYTES],
        uint8_t ret_signature[ED25519_SIGNATURE_BYTES]) {
        const char *public, *encoded;
        size_t n;

        if (!json_is_object(object) || json_get_string(object, "keyid", ret_id, NULL) < 0 ||
            json_get_string(object, "public_key", &public, NULL) < 0 ||
            json_get_string(object, "sig", &encoded, NULL) < 0)
                return false;
        if (public_key_decode(public, strlen(public), ret_key) < 0)
                return false;
        return base64_decode(
                       BASE64_PADDED,
                       encoded,
                       strlen(encoded),
                       ret_signature,
                       ED25519_SIGNATURE_BYTES,
                       &n) == 0 &&
               n == ED25519_SIGNATURE_BYTES;
}

static int open_signature(const Json *object, const char *type, Envelope *ret, Error *err) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        uint8_t key[ED25519_KEY_BYTES], signature[ED25519_SIGNATURE_BYTES];
        char expected_id[KEY_ID_BYTES];
        const char *id;
        int r;

        ret->signature_present = true;
        if (!read_signature(object, &id, key, signature))
                return 0;
        r = public_key_id(key, expected_id, err);
        if (r < 0)
                return r;
        if (!string_equal(id, expected_id))
                return 0;
        encode(&text, type, ret->payload, ret->payload_size);
        if (text.failed)
                return error_oom(err);
        public_key_encode(key, ret->signer);
        r = public_key_verify(key, signature, text.data, text.length, err);
        ret->signature_valid = r > 0;
        return r < 0 ? r : 0;
}

static int
open_parts(const Json *root, const char *type, const char *what, Envelope *ret, Error *err) {
        const Json *signatures;
        int r;

        r = open_payload(root, type, what, ret, err);
        if (r < 0)
                return r;
        if (json_is_null(root, "signatures"))
                return 0;
        r = json_get_array(root, "signatures", &signatures, err);
        if (r < 0)
                return r;
        if (json_length(signatures) > 1)
                return not_ours(err, what, "the envelope has more than one signature");
        if (json_length(signatures) == 0)
                return 0;
        return open_signature(json_at(signatures, 0), type, ret, err);
}

int envelope_open(
        const char *text,
        size_t size,
        const char *kind,
        const char *what,
        Envelope *ret,
        Error *err) {
        CLEANUP(cleanup_free) char *type = payload_type(kind);
        CLEANUP(cleanup_json) Json *root = NULL;
        CLEANUP(envelope_done) Envelope envelope = {0};
        int r;

        if (type == NULL)
                return error_oom(err);
        r = json_parse(
                text, size, &(JsonDocument){what, ENVELOPE_BYTES, ERROR_INTEGRITY}, &root, err);
        if (r == 0)
                r = open_parts(root, type, what, &envelope, err);
        if (r < 0)
                return r;
        *ret = envelope;
        envelope = (Envelope){0};
        return 0;
}

Trust envelope_trust(const Envelope *envelope, const TrustedKeys *keys, const char *instance) {
        if (!envelope->signature_present)
                return TRUST_MISSING;
        if (!envelope->signature_valid)
                return TRUST_INVALID;
        return trusted_keys_allow(keys, envelope->signer, instance) ? TRUST_TRUSTED
                                                                    : TRUST_UNTRUSTED;
}

const char *trust_name(Trust trust) {
        static const char *const names[] = {
                [TRUST_TRUSTED] = "trusted",
                [TRUST_UNTRUSTED] = "untrusted",
                [TRUST_INVALID] = "invalid",
                [TRUST_MISSING] = "missing",
        };

        return names[trust];
}
