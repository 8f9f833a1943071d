/* What is said when OpenSSL offers nothing, as a strict FIPS configuration does: the null provider
 * stands in the default one's place for the whole of this program. */
#include <errno.h>
#include <openssl/provider.h>
#include <string.h>

#include "base/strings.h"
#include "stream/aead.h"
#include "stream/age-header.h"
#include "stream/age.h"
#include "stream/digest.h"
#include "stream/kdf.h"
#include "stream/sign.h"
#include "unit/test.h"

static void assert_says(const Error *err, const char *word) {
        assert_int_equal(err->kind, ERROR_CONFIG);
        if (strstr(err->message, word) == NULL)
                fail_msg("\"%s\" lacks \"%s\"", err->message, word);
}

static void digests_name_the_algorithm(void **state) {
        char hex[65];
        Error err = {0};

        assert_int_equal(digest_hex(DIGEST_MD5, "", 0, hex, &err), -EOPNOTSUPP);
        assert_says(&err, "MD5");
        assert_says(&err, "FIPS");
        assert_int_equal(digest_hex(DIGEST_SHA256, "", 0, hex, &err), -EOPNOTSUPP);
        assert_says(&err, "SHA-256");
}

static void the_cipher_and_derivations_are_refused(void **state) {
        uint8_t key[KDF_BYTES] = {1}, mac[KDF_BYTES];
        Error err = {0};
        Aead *aead;

        assert_int_equal(aead_new(key, &aead, &err), -EOPNOTSUPP);
        assert_says(&err, "ChaCha20-Poly1305");
        assert_int_equal(hkdf_sha256(key, 32, NULL, 0, "x", mac), -EIO);
        assert_int_equal(hmac_sha256(key, "", 0, mac), -EIO);
        assert_int_equal(age_header_mac(key, "", 0, mac), -EIO);
        assert_int_equal(scrypt_derive("p", 1, "s", 1, 4, mac), -EIO);
        assert_int_equal(x25519_public(key, mac), -EIO);
        assert_int_equal(x25519_derive(key, key, mac), -EIO);
        assert_int_equal(random_secret(key, sizeof(key)), -EIO);
}

static void the_selftest_says_what_is_missing(void **state) {
        Error err = {0};

        assert_true(age_selftest(&err) < 0);
        assert_says(&err, "X25519");
        assert_says(&err, "FIPS");
        assert_true(age_selftest(NULL) < 0);
}

static void no_header_and_no_keys_are_made(void **state) {
        static const char line[] = "age1g6q086cc06rgsez9tcwxpdmyrr3flqusksephy583wme4z3aefaquwwjcr";
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        char *text, *name;
        AgePayload payload = {0};
        AgeSegment segment = {0};
        uint8_t *header;
        Error err = {0};
        size_t size;

        assert_int_equal(age_recipients_parse(line, strlen(line), "x", &recipients, NULL), 0);
        assert_true(age_header_make(recipients, &payload, &header, &size, &err) < 0);
        assert_says(&err, "random");
        assert_true(age_keygen(&text, &name, &err) < 0);
        assert_says(&err, "random");
        assert_true(signing_key_generate(&text, &size, &err) < 0);
        assert_says(&err, "Ed25519");
        assert_true(age_segments_seal(&(AgeFile){&payload, 65536, NULL, 0}, &segment, 1, &err) < 0);
        assert_says(&err, "ChaCha20-Poly1305");
}

static void a_signature_is_not_called_invalid(void **state) {
        static const char text[] =
                "{\"payload\":\"eyJmb3JtYXQiOjF9\","
                "\"payloadType\":\"application/vnd.orabackup.record.v1+json\","
                "\"signatures\":[{\"keyid\":"
                "\"56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c\","
                "\"public_key\":\"ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\","
                "\"sig\":\"k1g3R6p+"
                "dzR6wRGBLxhLW2No9Q9VVMr5XWQQYPmk9uKZ41kcLt1C66jWPvYIQP01qybk3s5oX"
                "dt4sLBTupRRDA==\"}]}";
        uint8_t digest[32] = {1}, zero[32] = {0};
        Envelope envelope;
        Error err = {0};

        assert_true(envelope_open(text, strlen(text), "record", "x", &envelope, &err) < 0);
        assert_says(&err, "SHA-256");
        assert_int_equal(age_header_digest("x", 1, digest), -EIO);
        assert_memory_equal(digest, zero, sizeof(zero));
}

static int load_nothing(void **state) {
        *state = OSSL_PROVIDER_load(NULL, "null");
        return *state == NULL;
}

static int unload(void **state) {
        OSSL_PROVIDER_unload(*state);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digests_name_the_algorithm),
                cmocka_unit_test(the_cipher_and_derivations_are_refused),
                cmocka_unit_test(the_selftest_says_what_is_missing),
                cmocka_unit_test(no_header_and_no_keys_are_made),
                cmocka_unit_test(a_signature_is_not_called_invalid),
        };

        return cmocka_run_group_tests(tests, load_nothing, unload);
}
