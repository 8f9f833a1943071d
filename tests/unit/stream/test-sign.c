/* stream/signing-key.c, trusted-keys.c, envelope.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "stream/base64.h"
#include "stream/sign.h"
#include "unit/test.h"

#define PUBLIC "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
#define KEYID "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
#define SIG                                                                                        \
        "k1g3R6p+dzR6wRGBLxhLW2No9Q9VVMr5XWQQYPmk9uKZ41kcLt1C66jWPvYIQP01qybk3s5oXdt4sLBTupRRDA=="
#define PAYLOAD "{\"format\":1}"
#define ENCODED "eyJmb3JtYXQiOjF9"
#define TYPE "application/vnd.orabackup.record.v1+json"
#define SIGNATURE(keyid, public, sig)                                                              \
        "{\"keyid\":\"" keyid "\",\"public_key\":\"" public "\",\"sig\":\"" sig "\"}"
#define ENVELOPE(payload, type, signatures)                                                        \
        "{\"payload\":\"" payload "\",\"payloadType\":\"" type "\",\"signatures\":" signatures "}"
#define OTHER "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* The key of the bytes 0 .. 31; the envelope below was signed by another implementation. */
static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                          "-----END PRIVATE KEY-----\n";
static const char golden[] = ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, PUBLIC, SIG) "]");

static int parse_key(void **state) {
        return signing_key_parse(pem, strlen(pem), "key", (SigningKey **)state, NULL);
}

static int free_key(void **state) {
        signing_key_free(*state);
        return 0;
}

static int open_text(const char *text, const char *kind, Envelope *ret, Error *err) {
        return envelope_open(text, strlen(text), kind, "backup.json", ret, err);
}

static void a_key_names_its_public_half(void **state) {
        assert_string_equal(signing_key_public(*state), PUBLIC);
}

static void an_envelope_has_the_bytes_of_another_implementation(void **state) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;

        assert_int_equal(
                envelope_seal(
                        *state,
                        &(EnvelopeContent){"record", PAYLOAD, strlen(PAYLOAD)},
                        &text,
                        &size,
                        NULL),
                0);
        assert_string_equal(text, golden);
        assert_int_equal(size, strlen(golden));
}

static void a_sealed_envelope_opens_and_its_signature_holds(void **state) {
        CLEANUP(envelope_done) Envelope envelope = {0};

        assert_int_equal(open_text(golden, "record", &envelope, NULL), 0);
        assert_string_equal(envelope.payload, PAYLOAD);
        assert_int_equal(envelope.payload_size, strlen(PAYLOAD));
        assert_string_equal(envelope.signer, PUBLIC);
        assert_true(envelope.signature_present);
        assert_true(envelope.signature_valid);
}

static void a_generated_key_signs(void **state) {
        CLEANUP(cleanup_signing_key) SigningKey *key = NULL;
        CLEANUP(cleanup_free) char *text = NULL;
        CLEANUP(cleanup_free) char *envelope_text = NULL;
        CLEANUP(envelope_done) Envelope envelope = {0};
        size_t size;

        assert_int_equal(signing_key_generate(&text, &size, NULL), 0);
        assert_int_equal(size, strlen(text));
        assert_true(string_starts_with(text, "-----BEGIN PRIVATE KEY-----\n"));
        assert_int_equal(signing_key_parse(text, size, "key", &key, NULL), 0);
        assert_string_not_equal(signing_key_public(key), PUBLIC);
        assert_int_equal(
                envelope_seal(key, &(EnvelopeContent){"begin", "", 0}, &envelope_text, &size, NULL),
                0);
        assert_int_equal(open_text(envelope_text, "begin", &envelope, NULL), 0);
        assert_true(envelope.signature_valid);
        assert_string_equal(envelope.payload, "");
        assert_string_equal(envelope.signer, signing_key_public(key));
}

static void other_private_keys_are_refused(void **state) {
        static const char *const bad[] = {
                "",
                "no key",
                "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIDCo8/dW4+Zm/W/5cc8sPG/"
                "yqUWgOaWTyO0GmXgMvYBo\n-----END PRIVATE KEY-----\n", /* X25519 */
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhch1n+Xr19ywICCAAw\n"
                "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIDC8XYZ9r1za9jlenNcSdIEQKrU\n"
                "qStwtBI6AZvW0jILgGaI+oW2FmLmBggXcOHzORd50cVARESpTYH+BAttJDKGc4P3\n"
                "gCubp7QCj+a/A5jV9kI=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        };
        CLEANUP(cleanup_free) char *large = calloc(1, LIMIT_KEY_FILE_BYTES + 1);
        SigningKey *key;
        Error err = {0};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(
                        signing_key_parse(bad[i], strlen(bad[i]), "own.pem", &key, &err), -EINVAL);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_true(string_starts_with(err.message, "own.pem is "));
        }
        assert_int_equal(
                signing_key_parse(large, LIMIT_KEY_FILE_BYTES + 1, "own.pem", &key, &err), -EINVAL);
}

static void a_signature_is_for_one_kind_of_object(void **state) {
        Envelope envelope;
        Error err = {0};

        assert_int_equal(open_text(golden, "begin", &envelope, &err), -EBADMSG);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        assert_non_null(strstr(err.message, "another kind"));
        assert_non_null(strstr(err.message, "backup.json"));
}

static void a_bad_signature_is_no_error_but_not_valid(void **state) {
        static const char *const bad[] = {
                /* another payload, the same payload as another kind */
                ENVELOPE("eyJmb3JtYXQiOjJ9", TYPE, "[" SIGNATURE(KEYID, PUBLIC, SIG) "]"),
                /* another key */
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, OTHER, SIG) "]"),
                ENVELOPE(
                        ENCODED,
                        TYPE,
                        "[" SIGNATURE(
                                "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
                                OTHER,
                                SIG) "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE("56475AA7", PUBLIC, SIG) "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, "", SIG) "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, "rsa:AAAA", SIG) "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, PUBLIC "A", SIG) "]"),
                /* a signature of another form */
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, PUBLIC, "") "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, PUBLIC, "AAAA") "]"),
                ENVELOPE(ENCODED, TYPE, "[" SIGNATURE(KEYID, PUBLIC, SIG "AAAA") "]"),
                ENVELOPE(ENCODED, TYPE, "[{}]"),
                ENVELOPE(ENCODED, TYPE, "[1]"),
                ENVELOPE(ENCODED, TYPE, "[{\"keyid\":\"" KEYID "\"}]"),
                ENVELOPE(
                        ENCODED, TYPE, "[{\"keyid\":\"" KEYID "\",\"public_key\":\"" PUBLIC "\"}]"),
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                CLEANUP(envelope_done) Envelope envelope = {0};
                Error err = {0};

                if (open_text(bad[i], "record", &envelope, &err) < 0)
                        fail_msg("%s: %s", err.message, bad[i]);
                assert_true(envelope.signature_present);
                assert_false(envelope.signature_valid);
                assert_int_equal(envelope_trust(&envelope, NULL, "db1"), TRUST_INVALID);
        }
}

static void a_missing_signature_is_no_error(void **state) {
        static const char *const unsigned_texts[] = {
                ENVELOPE(ENCODED, TYPE, "[]"),
                ENVELOPE(ENCODED, TYPE, "null"),
                "{\"payload\":\"" ENCODED "\",\"payloadType\":\"" TYPE "\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(unsigned_texts); i++) {
                CLEANUP(envelope_done) Envelope envelope = {0};

                assert_int_equal(open_text(unsigned_texts[i], "record", &envelope, NULL), 0);
                assert_false(envelope.signature_present);
                assert_string_equal(envelope.signer, "");
                assert_int_equal(envelope_trust(&envelope, NULL, "db1"), TRUST_MISSING);
        }
}

static void what_is_no_envelope_is_refused(void **state) {
        static const char *const bad[] = {
                "",
                "{",
                "[]",
                "{}",
                "{\"payloadType\":\"" TYPE "\"}",
                "{\"payload\":\"" ENCODED "\"}",
                ENVELOPE(ENCODED, TYPE "x", "[]"),
                ENVELOPE("eyJmb3JtYXQiOjF", TYPE, "[]"),
                ENVELOPE("eyJmb3JtYXQiOjF9\\n", TYPE, "[]"),
                ENVELOPE("e-_mb3JtYXQiOjF9", TYPE, "[]"),
                ENVELOPE(ENCODED, TYPE, "{}"),
                ENVELOPE(
                        ENCODED,
                        TYPE,
                        "[" SIGNATURE(KEYID, PUBLIC, SIG) "," SIGNATURE(KEYID, PUBLIC, SIG) "]"),
                "{\"payload\":1,\"payloadType\":\"" TYPE "\",\"signatures\":[]}",
                "{\"payload\":\"\",\"payload\":\"\",\"payloadType\":\"" TYPE
                "\",\"signatures\":[]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Envelope envelope;
                Error err = {0};

                if (open_text(bad[i], "record", &envelope, &err) >= 0)
                        fail_msg("taken: %s", bad[i]);
                assert_int_equal(err.kind, ERROR_INTEGRITY);
                assert_non_null(strstr(err.message, "backup.json"));
        }
}

/* ENVELOPE of a payload of `size` bytes. */
static char *large_envelope(size_t size) {
        CLEANUP(cleanup_free) char *payload = calloc(1, size);
        CLEANUP(cleanup_free) char *encoded = malloc(base64_length(BASE64_PADDED, size) + 1);

        base64_encode(BASE64_PADDED, payload, size, encoded);
        return string_printf(
                "{\"payload\":\"%s\",\"payloadType\":\"" TYPE "\",\"signatures\":[]}", encoded);
}

static void payloads_reach_4_mib_and_no_more(void **state) {
        CLEANUP(cleanup_free) char *payload = calloc(1, LIMIT_RECORD_BYTES + 1);
        CLEANUP(cleanup_free) char *text = NULL;
        CLEANUP(cleanup_free) char *large = large_envelope(LIMIT_RECORD_BYTES + 3);
        CLEANUP(cleanup_free) char *larger = large_envelope(LIMIT_RECORD_BYTES + 8192);
        CLEANUP(envelope_done) Envelope envelope = {0};
        Error err = {0};
        char *none;
        size_t size;

        assert_int_equal(
                envelope_seal(
                        *state,
                        &(EnvelopeContent){"record", payload, LIMIT_RECORD_BYTES},
                        &text,
                        &size,
                        NULL),
                0);
        assert_int_equal(open_text(text, "record", &envelope, NULL), 0);
        assert_int_equal(envelope.payload_size, LIMIT_RECORD_BYTES);
        assert_true(envelope.signature_valid);
        assert_int_equal(
                envelope_seal(
                        *state,
                        &(EnvelopeContent){"record", payload, LIMIT_RECORD_BYTES + 1},
                        &none,
                        &size,
                        &err),
                -E2BIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
        envelope_done(&envelope);
        assert_true(open_text(large, "record", &envelope, &err) < 0);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        assert_non_null(strstr(err.message, "4 MiB"));
        assert_true(open_text(larger, "record", &envelope, &err) < 0);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static Trust trust_under(const char *lines, const char *instance) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        CLEANUP(envelope_done) Envelope envelope = {0};
        Error err = {0};

        assert_int_equal(trusted_keys_new(&keys, NULL), 0);
        if (trusted_keys_parse(keys, lines, strlen(lines), "trusted-keys", &err) < 0)
                fail_msg("%s", err.message);
        assert_int_equal(open_text(golden, "record", &envelope, NULL), 0);
        return envelope_trust(&envelope, keys, instance);
}

static void a_key_counts_for_the_instances_its_line_names(void **state) {
        assert_int_equal(trust_under("db1 " PUBLIC "\n", "db1"), TRUST_TRUSTED);
        assert_int_equal(trust_under("db1 " PUBLIC " of the first host\r\n", "db1"), TRUST_TRUSTED);
        assert_int_equal(trust_under("# keys\n\n \n\tdb?\t" PUBLIC, "db1"), TRUST_TRUSTED);
        assert_int_equal(trust_under("* " PUBLIC, "anything"), TRUST_TRUSTED);
        assert_int_equal(trust_under("db1 " PUBLIC, "db10"), TRUST_UNTRUSTED);
        assert_int_equal(trust_under("db2 " PUBLIC "\ndb1 " OTHER, "db1"), TRUST_UNTRUSTED);
        assert_int_equal(trust_under("", "db1"), TRUST_UNTRUSTED);
}

static void a_bad_line_is_named_and_nothing_is_added(void **state) {
        static const char *const bad[] = {
                "db1 " PUBLIC "\ndb1\n",
                "db1 " PUBLIC "\ndb1 ed25519:AAAA\n",
                "db1 " PUBLIC "\ndb1 ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbh=\n",
                "db1 " PUBLIC "\ndb1 ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVM===\n",
                "db1 " PUBLIC "\n" PUBLIC " db1\n",
                "db1 " PUBLIC "\ndb1 " PUBLIC "=\n",
                "db1 " PUBLIC "\ndb/1 " PUBLIC "\n",
                "db1 " PUBLIC "\nd\xc3\xa4 " PUBLIC "\n",
        };
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        CLEANUP(cleanup_free) char *large = calloc(1, LIMIT_KEY_FILE_BYTES + 1);
        CLEANUP(envelope_done) Envelope envelope = {0};
        Error err = {0};

        assert_int_equal(trusted_keys_new(&keys, NULL), 0);
        assert_int_equal(open_text(golden, "record", &envelope, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(
                        trusted_keys_parse(keys, bad[i], strlen(bad[i]), "trusted-keys", &err),
                        -EINVAL);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_non_null(strstr(err.message, "trusted-keys, line 2"));
                assert_int_equal(envelope_trust(&envelope, keys, "db1"), TRUST_UNTRUSTED);
        }
        assert_int_equal(
                trusted_keys_parse(keys, large, LIMIT_KEY_FILE_BYTES + 1, "trusted-keys", &err),
                -EFBIG);
}

static void a_key_is_added_by_hand(void **state) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        CLEANUP(envelope_done) Envelope envelope = {0};
        Error err = {0};

        assert_int_equal(trusted_keys_new(&keys, NULL), 0);
        assert_int_equal(open_text(golden, "record", &envelope, NULL), 0);
        assert_int_equal(trusted_keys_add(keys, "db1", PUBLIC, "own", NULL), 0);
        assert_int_equal(envelope_trust(&envelope, keys, "db1"), TRUST_TRUSTED);
        assert_int_equal(trusted_keys_add(keys, "db1", "ed25519:", NULL, &err), -EINVAL);
        assert_int_equal(trusted_keys_add(keys, "", PUBLIC, NULL, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_CONFIG);
}

static void trust_has_a_name(void **state) {
        assert_string_equal(trust_name(TRUST_TRUSTED), "trusted");
        assert_string_equal(trust_name(TRUST_UNTRUSTED), "untrusted");
        assert_string_equal(trust_name(TRUST_INVALID), "invalid");
        assert_string_equal(trust_name(TRUST_MISSING), "missing");
}

static void write_file(const char *directory, const char *name, const void *bytes, size_t size) {
        CLEANUP(cleanup_free) char *path = path_join(directory, name);

        assert_int_equal(file_write_durably(path, bytes, size, 0600, NULL), 0);
}

/* What a person without this program does: openssl alone verifies the signature. */
static void openssl_verifies_what_was_signed(void **state) {
        char directory[] = "/tmp/test-sign-XXXXXX";
        CLEANUP(cleanup_free) char *text = NULL;
        CLEANUP(cleanup_free) char *command = NULL;
        uint8_t der[44] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
        uint8_t signature[64];
        char encoded[89];
        size_t size;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(
                envelope_seal(
                        *state,
                        &(EnvelopeContent){"record", PAYLOAD, strlen(PAYLOAD)},
                        &text,
                        &size,
                        NULL),
                0);
        memcpy(encoded, strstr(text, "\"sig\":\"") + 7, 88);
        assert_int_equal(base64_decode(BASE64_PADDED, encoded, 88, signature, 64, &size), 0);
        assert_int_equal(
                base64_decode(BASE64_PADDED, strchr(PUBLIC, ':') + 1, 44, der + 12, 32, &size), 0);
        write_file(directory, "pub", der, sizeof(der));
        write_file(directory, "sig", signature, sizeof(signature));
        write_file(directory, "pae", "DSSEv1 40 " TYPE " 12 " PAYLOAD, 10 + 40 + 4 + 12);
        command = string_printf(
                "cd %s && openssl pkeyutl -verify -pubin -keyform DER -inkey pub -rawin -in pae "
                "-sigfile sig >&2 && echo x >> pae && ! openssl pkeyutl -verify -pubin -keyform "
                "DER -inkey pub -rawin -in pae -sigfile sig >&2",
                directory);
        assert_int_equal(system(command), 0);
        assert_int_equal(directory_remove_tree(directory, NULL), 0);
}

static void free_takes_null(void **state) {
        assert_null(signing_key_free(NULL));
        assert_null(trusted_keys_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_names_its_public_half),
                cmocka_unit_test(an_envelope_has_the_bytes_of_another_implementation),
                cmocka_unit_test(a_sealed_envelope_opens_and_its_signature_holds),
                cmocka_unit_test(a_generated_key_signs),
                cmocka_unit_test(other_private_keys_are_refused),
                cmocka_unit_test(a_signature_is_for_one_kind_of_object),
                cmocka_unit_test(a_bad_signature_is_no_error_but_not_valid),
                cmocka_unit_test(a_missing_signature_is_no_error),
                cmocka_unit_test(what_is_no_envelope_is_refused),
                cmocka_unit_test(payloads_reach_4_mib_and_no_more),
                cmocka_unit_test(a_key_counts_for_the_instances_its_line_names),
                cmocka_unit_test(a_bad_line_is_named_and_nothing_is_added),
                cmocka_unit_test(a_key_is_added_by_hand),
                cmocka_unit_test(trust_has_a_name),
                cmocka_unit_test(openssl_verifies_what_was_signed),
                cmocka_unit_test(free_takes_null),
        };

        return cmocka_run_group_tests(tests, parse_key, free_key);
}
