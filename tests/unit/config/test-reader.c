/* config/reader.c: line numbers, blanks, comments, long lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "config/reader.h"
#include "unit/test.h"

static int
note(const char *section,
     const char *name,
     const char *value,
     unsigned line,
     void *userdata,
     Error *err) {
        if (name == NULL)
                return string_equal(section, "bad")
                               ? error_set(err, ERROR_CONFIG, -EINVAL, "bad section")
                               : 0;
        if (string_equal(name, "bad"))
                return error_set(err, ERROR_CONFIG, -EINVAL, "bad key");
        text_appendf(userdata, "%u|%s|%s|%s\n", line, section, name, value);
        return 0;
}

static void assert_reads(const char *text, const char *expected) {
        Text seen = TEXT_INIT;
        Error err = {0};
        int r = reader_parse(text, strlen(text), "file", note, &seen, &err);
        if (r < 0)
                fail_msg("refused: %s", err.message);
        assert_string_equal(text_get(&seen), expected);
        text_done(&seen);
}

static void assert_refused(const char *text, size_t size, const char *message) {
        Text seen = TEXT_INIT;
        Error err = {0};
        assert_true(reader_parse(text, size, "file", note, &seen, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_string_equal(err.message, message);
        text_done(&seen);
}

static void lines_are_counted_from_one(void **state) {
        assert_reads("[s]\n\n# c\n; c\na = 1\nb=2", "5|s|a|1\n6|s|b|2\n");
}

static void an_indented_line_is_a_key_of_its_own(void **state) {
        assert_reads("[s]\na = 1\n  b = 2\n\t[t]\n c = 3\n", "2|s|a|1\n3|s|b|2\n5|t|c|3\n");
}

static void an_indented_line_without_a_value_is_no_continuation(void **state) {
        static const char text[] = "[s]\na = 1\n  rest of it\n";
        assert_refused(
                text,
                strlen(text),
                "file:3: found 'rest', allowed: a [section], a key = value or a comment");
}

static void blanks_comments_and_carriage_returns_are_no_part_of_a_value(void **state) {
        assert_reads(
                "\xef\xbb\xbf[s]\r\na =  x y \t; note\r\nb = p;q\r\nc = # is a value\r\nd =\r\n",
                "2|s|a|x y\n3|s|b|p;q\n4|s|c|# is a value\n5|s|d|\n");
}

/* The rules for values must not depend on whether the line fits inih's buffer. */
static void a_long_line_has_the_value_that_a_short_one_has(void **state) {
        static const char *const tails[] = {"", " ", " ; note", "; part", "\t;x ;y", " = : z"};
        for (size_t i = 0; i < ELEMENTSOF(tails); i++)
                for (size_t length = 1; length < 600; length += 37) {
                        char x[601];
                        memset(x, 'x', length);
                        x[length] = '\0';
                        const char *cut = strstr(tails[i], ";");
                        bool comment = cut != NULL && cut > tails[i];
                        size_t kept = comment ? (size_t)(cut - tails[i]) : strlen(tails[i]);
                        while (kept > 0 && strchr(" \t", tails[i][kept - 1]) != NULL)
                                kept--;
                        char *text = string_printf("[s]\n a : %s%s\n b = 2\n", x, tails[i]);
                        char *expected =
                                string_printf("2|s|a|%s%.*s\n3|s|b|2\n", x, (int)kept, tails[i]);
                        assert_reads(text, expected);
                        free(text);
                        free(expected);
                }
}

static void a_line_of_the_longest_length_is_read_and_one_more_byte_refused(void **state) {
        Text text = TEXT_INIT;
        text_append(&text, "[s]\na = ");
        while (text.length < 4 + LIMIT_CONFIG_LINE_BYTES)
                text_append(&text, "x");
        Text seen = TEXT_INIT;
        Error err = {0};
        assert_int_equal(reader_parse(text_get(&text), text.length, "file", note, &seen, &err), 0);
        assert_int_equal(
                seen.length, LIMIT_CONFIG_LINE_BYTES - strlen("a = ") + strlen("2|s|a|\n"));
        text_done(&seen);
        text_append(&text, "x\n");
        assert_refused(
                text_get(&text), text.length, "file:2: found a line of 4097 bytes, allowed: 4096");
        text_done(&text);
}

static void a_long_line_without_a_key_is_refused(void **state) {
        char text[301];
        memset(text, 'x', 300);
        text[300] = '\0';
        assert_refused(
                text,
                300,
                "file:1: found 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', "
                "allowed: a [section], a key = value or a comment");
}

static void an_unfinished_section_is_refused(void **state) {
        assert_refused(
                "a", 1, "file:1: found 'a', allowed: a [section], a key = value or a comment");
        assert_refused(
                "\n[s\na=1\n",
                8,
                "file:2: found '[s', allowed: a [section], a key = value or a comment");
}

static void what_the_handler_refuses_carries_file_and_line(void **state) {
        assert_refused("[s]\nbad = 1\njunk\n", 17, "file:2: bad key");
        assert_refused(
                "[s]\njunk\nbad = 1\n",
                17,
                "file:2: found 'junk', allowed: a [section], a key = value or a comment");
}

static void a_section_is_told_of_though_it_has_no_key(void **state) {
        assert_refused("[s]\n\n[bad]\n", 11, "file:3: bad section");
        assert_refused("\xef\xbb\xbf[bad] # x\n[t]\na = 1\n", 23, "file:1: bad section");
        assert_refused(
                "junk\n[bad]\n",
                11,
                "file:1: found 'junk', allowed: a [section], a key = "
                "value or a comment");
}

static void a_nul_byte_is_refused_with_its_line(void **state) {
        assert_refused("[s]\na = 1\0\n", 11, "file:2: found a NUL byte, allowed: text");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_counted_from_one),
                cmocka_unit_test(an_indented_line_is_a_key_of_its_own),
                cmocka_unit_test(an_indented_line_without_a_value_is_no_continuation),
                cmocka_unit_test(blanks_comments_and_carriage_returns_are_no_part_of_a_value),
                cmocka_unit_test(a_long_line_has_the_value_that_a_short_one_has),
                cmocka_unit_test(a_line_of_the_longest_length_is_read_and_one_more_byte_refused),
                cmocka_unit_test(a_long_line_without_a_key_is_refused),
                cmocka_unit_test(an_unfinished_section_is_refused),
                cmocka_unit_test(what_the_handler_refuses_carries_file_and_line),
                cmocka_unit_test(a_section_is_told_of_though_it_has_no_key),
                cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
        };
        return cmocka_run_group_tests_name("config/reader", tests, NULL, NULL);
}
