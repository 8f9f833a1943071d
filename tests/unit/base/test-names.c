/* base/names.c */
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "unit/test.h"

static void utf8_is_strict(void **state) {
        static const char *const good[] = {
                "",
                "a",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
                "a\xe2\x82\xac"};
        static const char *const bad[] = {
                "\x80",             /* continuation alone */
                "\xc2",             /* cut */
                "\xc0\x80",         /* overlong */
                "\xc1\xbf",         /* overlong */
                "\xe0\x9f\xbf",     /* overlong */
                "\xf0\x8f\xbf\xbf", /* overlong */
                "\xed\xa0\x80",     /* surrogate */
                "\xf4\x90\x80\x80", /* beyond U+10FFFF */
                "\xf5\x80\x80\x80",
                "\xe2\x82",
                "\xe2\x28\xa1",
                "\xf0\x9f\x90",
                "\xff",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(utf8_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(utf8_valid(bad[i]));
        assert_int_equal(utf8_character("\xe2\x82\xac", 2), 0);
        assert_int_equal(utf8_character("", 0), 0);
}

static void control_characters_are_not_printable(void **state) {
        assert_true(text_is_printable("Gr\xc3\xbc\xc3\x9f"
                                      "e 1"));
        assert_true(text_is_printable(""));
        assert_false(text_is_printable("a\nb"));
        assert_false(text_is_printable("a\x1b"));
        assert_false(text_is_printable("a\x7f"));
        assert_false(text_is_printable("a\xc2\x85"));
        assert_true(text_is_printable("a\xc2\xa0"));
        assert_false(text_is_printable("a\xff"));
}

static void a_sid_is_1_to_30_of_its_characters(void **state) {
        char sid[LIMIT_SID_BYTES + 2];

        memset(sid, 'A', sizeof(sid));
        sid[LIMIT_SID_BYTES + 1] = '\0';
        assert_false(sid_valid(sid));
        sid[LIMIT_SID_BYTES] = '\0';
        assert_true(sid_valid(sid));
        assert_true(sid_valid("orcl_$#9"));
        assert_false(sid_valid(""));
        assert_false(sid_valid(NULL));
        assert_false(sid_valid("+ASM"));
        assert_false(sid_valid("a.b"));
        assert_false(sid_valid("a/b"));
        assert_false(sid_valid("a\n"));
        assert_false(sid_valid("\xc3\xa9"));
}

static void an_instance_begins_with_a_letter_or_digit(void **state) {
        char instance[LIMIT_INSTANCE_BYTES + 2];

        memset(instance, 'a', sizeof(instance));
        instance[LIMIT_INSTANCE_BYTES + 1] = '\0';
        assert_false(instance_valid(instance));
        instance[LIMIT_INSTANCE_BYTES] = '\0';
        assert_true(instance_valid(instance));
        assert_true(instance_valid("db-1.example_x"));
        assert_false(instance_valid(".."));
        assert_false(instance_valid("-a"));
        assert_false(instance_valid("_a"));
        assert_false(instance_valid(""));
        assert_false(instance_valid(NULL));
        assert_false(instance_valid("a/b"));
        assert_false(instance_valid("a b"));
}

static void a_backup_id_is_a_lower_case_uuid(void **state) {
        assert_true(backup_id_valid("0a1b2c3d-0000-4000-8000-0123456789ab"));
        assert_false(backup_id_valid("0A1b2c3d-0000-4000-8000-0123456789ab"));
        assert_false(backup_id_valid("0a1b2c3d00000-4000-8000-0123456789ab"));
        assert_false(backup_id_valid("0a1b2c3d-0000-4000-8000-0123456789a"));
        assert_false(backup_id_valid("0a1b2c3d-0000-4000-8000-0123456789abc"));
        assert_false(backup_id_valid("0a1b2c3d-0000-4000-8000-0123456789a/"));
        assert_false(backup_id_valid(""));
        assert_false(backup_id_valid(NULL));
}

static void a_clean_path_has_no_surprises(void **state) {
        char path[LIMIT_PATH_BYTES + 2];

        assert_true(path_is_clean("/u01/app/oracle"));
        assert_true(path_is_clean("/a/.hidden/..b/c..."));
        assert_false(path_is_clean("a/b"));
        assert_false(path_is_clean(""));
        assert_false(path_is_clean(NULL));
        assert_false(path_is_clean("/"));
        assert_false(path_is_clean("/a/"));
        assert_false(path_is_clean("/a//b"));
        assert_false(path_is_clean("/a/./b"));
        assert_false(path_is_clean("/a/.."));
        assert_false(path_is_clean("/../a"));
        assert_false(path_is_clean("/a\nb"));
        assert_false(path_is_clean("/a\xff"));
        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[LIMIT_PATH_BYTES + 1] = '\0';
        assert_false(path_is_clean(path));
        path[LIMIT_PATH_BYTES] = '\0';
        assert_true(path_is_clean(path));
}

static void a_glob_matches_the_whole_name(void **state) {
        assert_true(glob_matches("*", "anything/at.all"));
        assert_true(glob_matches("*", ".hidden"));
        assert_true(glob_matches("db-?", "db-1"));
        assert_true(glob_matches("db-[0-9]*", "db-1x"));
        assert_true(glob_matches("db", "db"));
        assert_false(glob_matches("db", "db1"));
        assert_false(glob_matches("db-?", "db-10"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utf8_is_strict),
                cmocka_unit_test(control_characters_are_not_printable),
                cmocka_unit_test(a_sid_is_1_to_30_of_its_characters),
                cmocka_unit_test(an_instance_begins_with_a_letter_or_digit),
                cmocka_unit_test(a_backup_id_is_a_lower_case_uuid),
                cmocka_unit_test(a_clean_path_has_no_surprises),
                cmocka_unit_test(a_glob_matches_the_whole_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
