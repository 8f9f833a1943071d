/* stream/age-header.c: the grammar, rule by rule. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "stream/age-header.h"
#include "stream/age.h"
#include "unit/test.h"

#define FIRST "age-encryption.org/v1\n"
#define SHARE "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"
#define BODY "EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U"
#define X25519 "-> X25519 " SHARE "\n" BODY "\n"
#define SALT "bBjlhJVYZeE4aqUdmtRHfw"
#define SCRYPT(work) "-> scrypt " SALT " " work "\n" BODY "\n"
#define MAC "--- Ua0D5XTlSXXnNLgJZVkPEaDFlKHLwyQbbbHp7tbbEIQ\n"
#define NONCE "0123456789abcdef"
#define COLUMNS64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static int measure(const char *text, Error *err) {
        size_t offset = 0;

        return age_header_measure(text, strlen(text), &offset, err);
}

static void assert_taken(const char *text) {
        Error err = {0};

        if (measure(text, &err) != 0)
                fail_msg("%s\nfor\n%s", err.message, text);
}

static void assert_refused(const char *text, const char *why) {
        Error err = {0};

        if (measure(text, &err) != -EPROTO)
                fail_msg("taken:\n%s", text);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        if (strstr(err.message, why) == NULL)
                fail_msg("\"%s\" lacks \"%s\"", err.message, why);
}

static void well_formed_headers_are_measured(void **state) {
        static const char one[] = FIRST X25519 MAC NONCE "payload";
        size_t offset = 0;

        assert_int_equal(age_header_measure(one, strlen(one), &offset, NULL), 0);
        assert_int_equal(offset, 168 + 16);
        assert_taken(FIRST X25519 X25519 X25519 MAC NONCE);
        assert_taken(FIRST SCRYPT("18") MAC NONCE);
        assert_taken(FIRST SCRYPT("1") MAC NONCE);
        assert_taken(FIRST SCRYPT("20") MAC NONCE);
}

static void unknown_stanzas_are_passed_over(void **state) {
        assert_taken(FIRST "-> grease\n\n" X25519 MAC NONCE);
        assert_taken(FIRST X25519 "-> a-grease ! ~ x y z\nAAAA\n" MAC NONCE);
        assert_taken(FIRST "-> x25519 nothing like it\n\n" MAC NONCE);
        /* Whole lines are followed by a shorter one, be it empty. */
        assert_taken(FIRST "-> g a\n" COLUMNS64 "\n" COLUMNS64 "\n\n" X25519 MAC NONCE);
        assert_taken(FIRST "-> g a\n" COLUMNS64 "\nAA\n" X25519 MAC NONCE);
}

static void every_prefix_asks_for_more(void **state) {
        static const char text[] = FIRST "-> g a\n" COLUMNS64 "\n\n" X25519 MAC NONCE;
        size_t offset;

        for (size_t i = 0; i < strlen(text); i++)
                assert_int_equal(age_header_measure(text, i, &offset, NULL), -EAGAIN);
        assert_int_equal(age_header_measure(text, strlen(text), &offset, NULL), 0);
}

static void another_first_line_is_no_age_file(void **state) {
        assert_refused("age-encryption.org/v2\n" X25519 MAC NONCE, "not an age file");
        assert_refused("age-encryption.org/v1\r\n" X25519 MAC NONCE, "not an age file");
        assert_refused(" " FIRST X25519 MAC NONCE, "not an age file");
        assert_refused("x", "not an age file");
}

static void arguments_are_printable_and_not_empty(void **state) {
        assert_refused(FIRST "-> \n\n" MAC NONCE, "argument");
        assert_refused(FIRST "->  a\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> a \n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> a  b\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> a\r\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> a\tb\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> \x7f\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "-> \xc3\xa4\n\n" MAC NONCE, "argument");
        assert_refused(FIRST "->\n\n" MAC NONCE, "neither");
        assert_refused(FIRST "->a\n\n" MAC NONCE, "neither");
}

static void bodies_are_canonical_and_end_with_a_short_line(void **state) {
        assert_refused(FIRST "-> g\n" COLUMNS64 "\n" MAC NONCE, "body");
        assert_refused(FIRST "-> g\n" COLUMNS64 "A\n\n" MAC NONCE, "too long");
        assert_refused(FIRST "-> g\nAA==\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\nAB\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\nA\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\nAA A\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\nAA\r\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\n" MAC NONCE, "canonical");
        assert_refused(FIRST "-> g\nAA\nAA\n" MAC NONCE, "neither");
}

static void the_mac_is_32_bytes_after_three_dashes(void **state) {
        assert_refused(FIRST MAC NONCE, "no stanza");
        assert_refused(FIRST X25519 "---\n" NONCE, "neither");
        assert_refused(FIRST X25519 "--- \n" NONCE, "MAC");
        assert_refused(FIRST X25519 "---  " BODY "\n" NONCE, "MAC");
        assert_refused(FIRST X25519 "--- " BODY "=\n" NONCE, "MAC");
        assert_refused(FIRST X25519 "--- " BODY " \n" NONCE, "MAC");
        assert_refused(FIRST X25519 "--- " BODY "\r\n" NONCE, "MAC");
        assert_refused(FIRST X25519 "--- AAAA\n" NONCE, "MAC");
        assert_refused(FIRST X25519 "--- " BODY "AAAA\n" NONCE, "MAC");
        assert_refused(FIRST X25519 "\n" MAC NONCE, "neither");
}

static void an_x25519_stanza_has_one_share_and_a_body_of_32_bytes(void **state) {
        assert_refused(FIRST "-> X25519\n" BODY "\n" MAC NONCE, "share");
        assert_refused(FIRST "-> X25519 " SHARE " x\n" BODY "\n" MAC NONCE, "share");
        assert_refused(FIRST "-> X25519 " SHARE "A\n" BODY "\n" MAC NONCE, "share");
        assert_refused(FIRST "-> X25519 AAAA\n" BODY "\n" MAC NONCE, "share");
        assert_refused(FIRST "-> X25519 " SHARE "=\n" BODY "\n" MAC NONCE, "share");
        assert_refused(FIRST "-> X25519 " SHARE "\n\n" MAC NONCE, "body");
        assert_refused(FIRST "-> X25519 " SHARE "\n" BODY "AAA\n" MAC NONCE, "body");
        assert_refused(
                FIRST "-> X25519 " SHARE "\n" COLUMNS64 "\n" COLUMNS64 "\n\n" MAC NONCE, "body");
        /* Also behind one that is well formed. */
        assert_refused(FIRST X25519 "-> X25519\n\n" MAC NONCE, "share");
}

static void a_passphrase_stanza_is_alone_and_its_work_bounded(void **state) {
        static const char *const work[] = {
                "0",
                "00",
                "01",
                "018",
                "21",
                "22",
                "23",
                "99",
                "118",
                "1a",
                "+1",
                "-1",
                "1.",
                "1e1",
                "0x1"};

        assert_refused(FIRST SCRYPT("18") SCRYPT("18") MAC NONCE, "beside others");
        assert_refused(FIRST SCRYPT("18") X25519 MAC NONCE, "beside others");
        assert_refused(FIRST X25519 SCRYPT("18") MAC NONCE, "beside others");
        assert_refused(FIRST "-> grease\n\n" SCRYPT("18") MAC NONCE, "beside others");
        assert_refused(FIRST "-> scrypt " SALT "\n" BODY "\n" MAC NONCE, "salt");
        assert_refused(FIRST "-> scrypt " SALT " 18 1\n" BODY "\n" MAC NONCE, "salt");
        assert_refused(FIRST "-> scrypt AAAA 18\n" BODY "\n" MAC NONCE, "salt");
        assert_refused(FIRST "-> scrypt " SALT "== 18\n" BODY "\n" MAC NONCE, "salt");
        assert_refused(FIRST "-> scrypt " SALT " 18\nAAAA\n" MAC NONCE, "body");
        for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++) {
                CLEANUP(cleanup_free)
                char *text =
                        string_printf(FIRST "-> scrypt " SALT " %s\n" BODY "\n" MAC NONCE, work[i]);

                assert_refused(text, "work factor");
        }
}

static void at_most_256_stanzas_are_read(void **state) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        text_append(&text, FIRST);
        for (int i = 0; i < LIMIT_AGE_STANZAS; i++)
                text_append(&text, X25519);
        text_append(&text, MAC NONCE);
        assert_taken(text.data);
        text_clear(&text);
        text_append(&text, FIRST);
        for (int i = 0; i < LIMIT_AGE_STANZAS + 1; i++)
                text_append(&text, X25519);
        text_append(&text, MAC NONCE);
        assert_refused(text.data, "256");
}

/* A header of exactly `size` bytes, the nonce not counted. */
static void make_header_of(Text *text, size_t size) {
        text_clear(text);
        text_append(text, FIRST X25519 "-> g ");
        while (text->length + strlen("\n\n" MAC) < size)
                text_append(text, "a");
        text_append(text, "\n\n" MAC);
        assert_int_equal(text->length, size);
}

static void header_and_nonce_end_within_64_kib(void **state) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        make_header_of(&text, LIMIT_AGE_HEADER_BYTES - AGE_NONCE_BYTES);
        assert_int_equal(measure(text.data, NULL), -EAGAIN);
        text_append(&text, NONCE);
        assert_taken(text.data);
        make_header_of(&text, LIMIT_AGE_HEADER_BYTES - AGE_NONCE_BYTES + 1);
        assert_refused(text.data, "64 KiB");
        text_clear(&text);
        text_append(&text, FIRST "-> ");
        while (text.length < LIMIT_AGE_HEADER_BYTES)
                text_append(&text, "a");
        assert_refused(text.data, "64 KiB");
}

static void what_is_written_is_read(void **state) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        uint8_t key[AGE_FILE_KEY_BYTES] = "0123456789abcde", body[AGE_WRAPPED_KEY_BYTES] = {7};
        uint8_t mac[AGE_MAC_BYTES];
        AgeHeader header;

        age_header_begin(&text);
        age_header_add(&text, "X25519 " SHARE, body);
        age_header_add(&text, "scrypt " SALT " 18", body);
        assert_int_equal(age_header_finish(&text, key), 0);
        assert_int_equal(age_header_parse(text.data, text.length, &header, NULL), 0);
        assert_int_equal(header.n_stanzas, 2);
        assert_int_equal(age_stanza_kind(&header.stanzas[0]), AGE_STANZA_X25519);
        assert_int_equal(age_stanza_kind(&header.stanzas[1]), AGE_STANZA_SCRYPT);
        assert_int_equal(age_stanza_log_n(&header.stanzas[1]), 18);
        assert_memory_equal(header.stanzas[0].body, body, sizeof(body));
        assert_memory_equal(text.data + header.mac_span - 3, "--- ", 4);
        assert_int_equal(age_header_mac(key, text.data, header.mac_span, mac), 0);
        assert_memory_equal(mac, header.mac, sizeof(mac));
}

static void a_failed_text_is_no_header(void **state) {
        Text text = {.failed = true};
        uint8_t key[AGE_FILE_KEY_BYTES] = {0};

        assert_int_equal(age_header_finish(&text, key), -ENOMEM);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(well_formed_headers_are_measured),
                cmocka_unit_test(unknown_stanzas_are_passed_over),
                cmocka_unit_test(every_prefix_asks_for_more),
                cmocka_unit_test(another_first_line_is_no_age_file),
                cmocka_unit_test(arguments_are_printable_and_not_empty),
                cmocka_unit_test(bodies_are_canonical_and_end_with_a_short_line),
                cmocka_unit_test(the_mac_is_32_bytes_after_three_dashes),
                cmocka_unit_test(an_x25519_stanza_has_one_share_and_a_body_of_32_bytes),
                cmocka_unit_test(a_passphrase_stanza_is_alone_and_its_work_bounded),
                cmocka_unit_test(at_most_256_stanzas_are_read),
                cmocka_unit_test(header_and_nonce_end_within_64_kib),
                cmocka_unit_test(what_is_written_is_read),
                cmocka_unit_test(a_failed_text_is_no_header),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
