/* stream/bech32.c */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "stream/bech32.h"
#include "unit/test.h"

static const char recipient[] = "age1g6q086cc06rgsez9tcwxpdmyrr3flqusksephy583wme4z3aefaquwwjcr";

static int decode(const char *text, const char *prefix, uint8_t *ret, size_t size) {
        return bech32_decode(text, strlen(text), prefix, ret, size);
}

static void known_strings_of_the_bip_are_taken(void **state) {
        uint8_t none[1], bytes[32];

        assert_int_equal(decode("A12UEL5L", "a", none, 0), 0);
        assert_int_equal(
                decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", bytes, 20), 0);
        assert_int_equal(bytes[0], 0x00);
        assert_int_equal(bytes[1], 0x44);
        assert_int_equal(bytes[19], 0xdf);
}

static void a_key_comes_back_in_either_case(void **state) {
        uint8_t bytes[32], again[32];
        char text[80];

        assert_int_equal(decode(recipient, "age", bytes, 32), 0);
        assert_int_equal(bech32_encode("age", bytes, 32, text, sizeof(text)), 0);
        assert_string_equal(text, recipient);
        for (char *p = text; *p != '\0'; p++)
                *p = (char)toupper((unsigned char)*p);
        assert_int_equal(decode(text, "age", again, 32), 0);
        assert_memory_equal(bytes, again, 32);
        text[0] = 'a';
        assert_int_equal(decode(text, "age", again, 32), -EINVAL);
}

static void every_single_typo_is_seen(void **state) {
        uint8_t bytes[32];
        char text[80];

        for (size_t i = 0; i < strlen(recipient); i++) {
                strcpy(text, recipient);
                text[i] = text[i] == 'q' ? 'p' : 'q';
                assert_int_equal(decode(text, "age", bytes, 32), -EINVAL);
                text[i] = 'b'; /* not of the character set */
                assert_int_equal(decode(text, "age", bytes, 32), -EINVAL);
                text[i] = '\0';
                assert_int_equal(decode(text, "age", bytes, 32), -EINVAL);
        }
}

static void another_prefix_or_length_is_refused(void **state) {
        uint8_t bytes[33];

        assert_int_equal(decode(recipient, "agf", bytes, 32), -EINVAL);
        assert_int_equal(decode(recipient, "ag", bytes, 32), -EINVAL);
        assert_int_equal(decode(recipient, "age", bytes, 31), -EINVAL);
        assert_int_equal(decode(recipient, "age", bytes, 33), -EINVAL);
        assert_int_equal(decode("", "age", bytes, 32), -EINVAL);
        assert_int_equal(decode("age", "age", bytes, 32), -EINVAL);
        assert_int_equal(decode("age1", "age", bytes, 32), -EINVAL);
}

static void padding_bits_must_be_zero(void **state) {
        /* 0x00 as two digits is "qq"; "qp" carries a bit in the padding, with a checksum that
         * holds. */
        uint8_t byte;
        char text[16];

        assert_int_equal(bech32_encode("a", (const uint8_t *)"", 1, text, sizeof(text)), 0);
        assert_int_equal(decode(text, "a", &byte, 1), 0);
        assert_int_equal(decode("a1qpamnt9j", "a", &byte, 1), -EINVAL);
}

static void a_small_buffer_is_not_overrun(void **state) {
        uint8_t bytes[32] = {0};
        char text[63];

        assert_int_equal(bech32_encode("age", bytes, 32, text, 62), -ENOBUFS);
        assert_int_equal(bech32_encode("age", bytes, 32, text, 63), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_strings_of_the_bip_are_taken),
                cmocka_unit_test(a_key_comes_back_in_either_case),
                cmocka_unit_test(every_single_typo_is_seen),
                cmocka_unit_test(another_prefix_or_length_is_refused),
                cmocka_unit_test(padding_bits_must_be_zero),
                cmocka_unit_test(a_small_buffer_is_not_overrun),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
