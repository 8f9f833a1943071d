/* stream/kdf.c and stream/aead.c: known answers of the RFCs and of another implementation. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "stream/aead.h"
#include "stream/kdf.h"
#include "unit/test.h"

static void assert_hex(const void *bytes, size_t size, const char *hex) {
        char text[256];

        format_hex(bytes, size, text);
        assert_string_equal(text, hex);
}

static void count_from(uint8_t *bytes, size_t size, uint8_t first) {
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(first + i);
}

static void hkdf_gives_the_known_answers(void **state) {
        uint8_t key[22], salt[13], out[KDF_BYTES];

        memset(key, 0x0b, sizeof(key));
        count_from(salt, sizeof(salt), 0);
        assert_int_equal(
                hkdf_sha256(
                        key,
                        sizeof(key),
                        salt,
                        sizeof(salt),
                        "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9",
                        out),
                0);
        assert_hex(out, 32, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        assert_int_equal(hkdf_sha256(key, sizeof(key), NULL, 0, "header", out), 0);
        assert_hex(out, 32, "024ad94f7b66468f65a7a97cfd80e44dd516d674cdf62c450e81c266117a89f2");
}

static void hmac_gives_the_known_answer(void **state) {
        uint8_t key[KDF_BYTES], out[KDF_BYTES];

        count_from(key, sizeof(key), 0);
        assert_int_equal(hmac_sha256(key, "what do ya want for nothing?", 28, out), 0);
        assert_hex(out, 32, "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a");
}

static void scrypt_gives_the_known_answer(void **state) {
        uint8_t out[KDF_BYTES];

        assert_int_equal(scrypt_derive("pleaseletmein", 13, "SodiumChloride", 14, 14, out), 0);
        assert_hex(out, 32, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

static void scrypt_passes_the_library_s_own_limit_of_32_mib(void **state) {
        uint8_t out[KDF_BYTES];

        assert_int_equal(scrypt_derive("p", 1, "s", 1, 16, out), 0);
}

static void x25519_gives_the_known_answer_on_both_sides(void **state) {
        uint8_t a[KDF_BYTES], b[KDF_BYTES], public_a[KDF_BYTES], public_b[KDF_BYTES];
        uint8_t shared[KDF_BYTES];

        count_from(a, sizeof(a), 1);
        count_from(b, sizeof(b), 33);
        assert_int_equal(x25519_public(a, public_a), 0);
        assert_int_equal(x25519_public(b, public_b), 0);
        assert_hex(
                public_a, 32, "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
        assert_hex(
                public_b, 32, "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b");
        assert_int_equal(x25519_derive(a, public_b, shared), 0);
        assert_hex(shared, 32, "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77");
        assert_int_equal(x25519_derive(b, public_a, shared), 0);
        assert_hex(shared, 32, "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77");
}

static void points_of_small_order_are_refused(void **state) {
        uint8_t secret[KDF_BYTES], shared[KDF_BYTES], point[KDF_BYTES] = {0};

        count_from(secret, sizeof(secret), 1);
        assert_int_equal(x25519_derive(secret, point, shared), -EBADMSG);
        point[0] = 1;
        assert_int_equal(x25519_derive(secret, point, shared), -EBADMSG);
}

static void the_cipher_gives_the_known_answers(void **state) {
        static const uint8_t nonce[AEAD_NONCE_BYTES] = {
                7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
        static const uint8_t zero[AEAD_NONCE_BYTES];
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        uint8_t key[AEAD_KEY_BYTES], bytes[36] = "Ladies and Gentlemen";

        count_from(key, sizeof(key), 0x80);
        assert_int_equal(aead_new(key, &aead, NULL), 0);
        assert_int_equal(aead_seal(aead, nonce, bytes, 20, NULL), 0);
        assert_hex(
                bytes,
                36,
                "d31a8d34648e60db7b86afbc53ef7ec2a4aded51dbf3a3a6d05a122619b0d634be6b3475");
        assert_int_equal(aead_open(aead, nonce, bytes, 36, NULL), 0);
        assert_memory_equal(bytes, "Ladies and Gentlemen", 20);
        assert_int_equal(aead_seal(aead, zero, bytes, 0, NULL), 0);
        assert_hex(bytes, 16, "3ae5d3f2a376d317eaea5aef0215ba54");
        assert_int_equal(aead_open(aead, zero, bytes, 16, NULL), 0);
}

static void what_is_not_authentic_is_wiped(void **state) {
        static const uint8_t nonce[AEAD_NONCE_BYTES] = {1};
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        uint8_t key[AEAD_KEY_BYTES] = {2}, bytes[48], zero[32] = {0};

        assert_int_equal(aead_new(key, &aead, NULL), 0);
        for (size_t i = 0; i < sizeof(bytes); i++) {
                memset(bytes, 'p', 32);
                assert_int_equal(aead_seal(aead, nonce, bytes, 32, NULL), 0);
                bytes[i] ^= 4;
                assert_int_equal(aead_open(aead, nonce, bytes, 48, NULL), -EBADMSG);
                assert_memory_equal(bytes, zero, 32);
        }
        assert_int_equal(aead_open(aead, nonce, bytes, 15, NULL), -EBADMSG);
}

static void a_size_openssl_cannot_count_is_an_error(void **state) {
        static const uint8_t nonce[AEAD_NONCE_BYTES];
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        uint8_t key[AEAD_KEY_BYTES] = {2}, byte = 0;
        Error err = {0};

        assert_int_equal(aead_new(key, &aead, NULL), 0);
        assert_int_equal(aead_seal(aead, nonce, &byte, (size_t)1 << 32, &err), -EIO);
        assert_int_equal(err.kind, ERROR_INTERNAL);
        assert_int_equal(aead_open(aead, nonce, &byte, (size_t)1 << 32, &err), -EIO);
        assert_null(aead_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hkdf_gives_the_known_answers),
                cmocka_unit_test(hmac_gives_the_known_answer),
                cmocka_unit_test(scrypt_gives_the_known_answer),
                cmocka_unit_test(scrypt_passes_the_library_s_own_limit_of_32_mib),
                cmocka_unit_test(x25519_gives_the_known_answer_on_both_sides),
                cmocka_unit_test(points_of_small_order_are_refused),
                cmocka_unit_test(the_cipher_gives_the_known_answers),
                cmocka_unit_test(what_is_not_authentic_is_wiped),
                cmocka_unit_test(a_size_openssl_cannot_count_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
