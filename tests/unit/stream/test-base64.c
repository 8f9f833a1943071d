/* stream/base64.c */
#include <errno.h>
#include <string.h>

#include "stream/base64.h"
#include "unit/test.h"

typedef struct Case {
        const char *bytes, *unpadded, *padded;
} Case;

/* RFC 4648, section 10. */
static const Case cases[] = {
        {"", "", ""},
        {"f", "Zg", "Zg=="},
        {"fo", "Zm8", "Zm8="},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg", "Zm9vYg=="},
        {"fooba", "Zm9vYmE", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "+/+/"},
};

static void check_both_ways(Base64Form form, const char *bytes, const char *text) {
        size_t size = strlen(bytes), n;
        char encoded[32], decoded[32];

        base64_encode(form, bytes, size, encoded);
        assert_string_equal(encoded, text);
        assert_int_equal(base64_length(form, size), strlen(text));
        assert_int_equal(base64_decode(form, text, strlen(text), decoded, size, &n), 0);
        assert_int_equal(n, size);
        assert_memory_equal(decoded, bytes, size);
}

static void the_vectors_of_the_rfc_hold(void **state) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                check_both_ways(BASE64_UNPADDED, cases[i].bytes, cases[i].unpadded);
                check_both_ways(BASE64_PADDED, cases[i].bytes, cases[i].padded);
        }
}

static void every_byte_comes_back(void **state) {
        uint8_t bytes[256], decoded[256];
        char text[400];
        size_t n;

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(255 - i);
        for (size_t size = 0; size <= sizeof(bytes); size++) {
                base64_encode(BASE64_PADDED, bytes, size, text);
                assert_int_equal(
                        base64_decode(
                                BASE64_PADDED, text, strlen(text), decoded, sizeof(decoded), &n),
                        0);
                assert_int_equal(n, size);
                assert_memory_equal(decoded, bytes, size);
        }
}

static void only_the_canonical_form_is_taken(void **state) {
        static const char *const unpadded[] = {
                "Z",
                "Zg==",
                "Zg=",
                "Zh",
                "Zm9",
                "Zm8=",
                "Zm9vY",
                "Zm 9",
                "Zm9v\n",
                "Zm-_",
                "Zg\r",
                "=",
                "A==="};
        static const char *const padded[] = {
                "Zg",
                "Zg=",
                "Zh==",
                "Zm8",
                "Zm9=",
                "Z===",
                "====",
                "=",
                "Zm9vZg=",
                "Zm==Zm8=",
                "Zm9v\n",
                "Zm8=\n",
                "Zm9*"};
        char decoded[32];
        size_t n;

        for (size_t i = 0; i < sizeof(unpadded) / sizeof(unpadded[0]); i++)
                assert_int_equal(
                        base64_decode(
                                BASE64_UNPADDED,
                                unpadded[i],
                                strlen(unpadded[i]),
                                decoded,
                                sizeof(decoded),
                                &n),
                        -EINVAL);
        for (size_t i = 0; i < sizeof(padded) / sizeof(padded[0]); i++)
                assert_int_equal(
                        base64_decode(
                                BASE64_PADDED,
                                padded[i],
                                strlen(padded[i]),
                                decoded,
                                sizeof(decoded),
                                &n),
                        -EINVAL);
}

static void what_does_not_fit_is_not_written(void **state) {
        char decoded[2];
        size_t n;

        assert_int_equal(base64_decode(BASE64_PADDED, "Zm9v", 4, decoded, 2, &n), -ENOBUFS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_vectors_of_the_rfc_hold),
                cmocka_unit_test(every_byte_comes_back),
                cmocka_unit_test(only_the_canonical_form_is_taken),
                cmocka_unit_test(what_does_not_fit_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
