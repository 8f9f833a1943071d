/* stream/digest.c */
#include <openssl/evp.h>

#include "stream/digest.h"
#include "unit/test.h"

static void known_answers_hold(void **state) {
        char hex[65];

        assert_int_equal(digest_hex(DIGEST_MD5, "abc", 3, hex, NULL), 0);
        assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
        assert_int_equal(digest_hex(DIGEST_SHA256, "abc", 3, hex, NULL), 0);
        assert_string_equal(
                hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_int_equal(digest_hex(DIGEST_MD5, NULL, 0, hex, NULL), 0);
        assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

static void pieces_give_the_digest_of_the_whole_and_it_starts_anew(void **state) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        char hex[65];

        assert_int_equal(digest_new(DIGEST_MD5, &digest, NULL), 0);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(digest_update(digest, "a", 1), 0);
                assert_int_equal(digest_update(digest, "", 0), 0);
                assert_int_equal(digest_update(digest, "bc", 2), 0);
                assert_int_equal(digest_final_hex(digest, hex), 0);
                assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
        }
}

static void md5_is_there_where_fips_mode_hides_it(void **state) {
        char hex[65];

        assert_int_equal(EVP_default_properties_enable_fips(NULL, 1), 1);
        assert_null(EVP_MD_fetch(NULL, "MD5", NULL));
        assert_int_equal(digest_hex(DIGEST_MD5, "abc", 3, hex, NULL), 0);
        assert_int_equal(EVP_default_properties_enable_fips(NULL, 0), 1);
        assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
}

static void free_takes_null(void **state) {
        assert_null(digest_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_answers_hold),
                cmocka_unit_test(pieces_give_the_digest_of_the_whole_and_it_starts_anew),
                cmocka_unit_test(md5_is_there_where_fips_mode_hides_it),
                cmocka_unit_test(free_takes_null),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
