/* base/error.c */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "unit/test.h"

static void an_error_keeps_kind_errno_and_message(void **state) {
        Error err = {.http_status = 503, .ora_code = "ORA-00001"};

        assert_int_equal(error_set(&err, ERROR_BUSY, -EBUSY, "Job %u runs", 3U), -EBUSY);
        assert_int_equal(err.kind, ERROR_BUSY);
        assert_int_equal(err.r, -EBUSY);
        assert_int_equal(err.http_status, 0);
        assert_string_equal(err.ora_code, "");
        assert_string_equal(err.message, "Job 3 runs");
        assert_true(error_is_set(&err));
}

static void no_error_structure_is_fine_everywhere(void **state) {
        assert_int_equal(error_set(NULL, ERROR_BUSY, -EBUSY, "x"), -EBUSY);
        assert_int_equal(error_set_errno(NULL, ERROR_CONFIG, -ENOENT, "x"), -ENOENT);
        assert_int_equal(error_prefix(NULL, "x"), -EIO);
        assert_int_equal(error_oom(NULL), -ENOMEM);
}

static void a_result_that_is_no_error_becomes_eio(void **state) {
        Error err = {0};

        assert_int_equal(error_set(&err, ERROR_INTERNAL, 0, "x"), -EIO);
        assert_int_equal(error_set(NULL, ERROR_INTERNAL, 0, "x"), -EIO);
}

static void a_message_may_be_made_of_the_old_one(void **state) {
        Error err = {0};

        error_set(&err, ERROR_ORACLE, -EIO, "inner");
        error_set(&err, ERROR_RMAN_FAILED, -EIO, "outer, %s", err.message);
        assert_string_equal(err.message, "outer, inner");
}

static void a_long_message_is_cut_at_a_character(void **state) {
        char text[2 * ERROR_MESSAGE_BYTES] = "";
        Error err = {0};

        /* Every place a character of two to four bytes can have at the cut. */
        for (size_t shift = 0; shift < 4; shift++) {
                memset(text, 'a', shift);
                text[shift] = '\0';
                while (strlen(text) + 5 < sizeof(text))
                        strcat(text, shift % 2 == 0 ? "\xf0\x9f\x90\x98" : "\xe2\x82\xac");
                error_set(&err, ERROR_CONFIG, -EINVAL, "%s", text);
                assert_true(utf8_valid(err.message));
                assert_null(strchr(err.message, '?'));
                assert_true(strlen(err.message) >= ERROR_MESSAGE_BYTES - 4);
                assert_memory_equal(err.message, text, strlen(err.message));
                error_set_errno(&err, ERROR_CONFIG, -EACCES, "%s", text);
                assert_true(utf8_valid(err.message));
                assert_null(strchr(err.message, '?'));
                assert_true(string_ends_with(err.message, ": Permission denied"));
        }
}

static void a_message_is_one_line_of_text(void **state) {
        Error err = {0};

        error_set(&err, ERROR_CONFIG, -EINVAL, "a\nb\tc\x1b[0m\x7f \xff \xc2\x9b|");
        assert_string_equal(err.message, "a b c [0m  ?  |");
}

static void no_space_is_seen_in_the_errno(void **state) {
        Error err = {0};

        assert_int_equal(error_set_errno(&err, ERROR_CONFIG, -ENOSPC, "Cannot write x"), -ENOSPC);
        assert_int_equal(err.kind, ERROR_NO_SPACE);
        assert_string_equal(err.message, "Cannot write x: No space left on device");
        error_set_errno(&err, ERROR_CONFIG, -EDQUOT, "x");
        assert_int_equal(err.kind, ERROR_NO_SPACE);
        error_set_errno(&err, ERROR_CONFIG, -EACCES, "x");
        assert_int_equal(err.kind, ERROR_CONFIG);
}

static void a_prefix_goes_before_and_keeps_the_rest(void **state) {
        Error err = {0};

        error_set(&err, ERROR_STORE_UNAVAILABLE, -EPIPE, "reset");
        err.http_status = 503;
        assert_int_equal(error_prefix(&err, "Segment %d", 17), -EPIPE);
        assert_string_equal(err.message, "Segment 17: reset");
        assert_int_equal(err.http_status, 503);
        assert_int_equal(err.kind, ERROR_STORE_UNAVAILABLE);
}

static void every_kind_has_a_name_and_a_status_of_its_own(void **state) {
        bool seen[71] = {false};

        for (ErrorKind kind = ERROR_NONE + 1; kind < _ERROR_KIND_MAX; kind++) {
                int status = error_exit_status(kind);

                assert_int_equal(error_kind_from_dbus_name(error_dbus_name(kind)), kind);
                assert_in_range(status, 2, 70);
                assert_false(seen[status]);
                seen[status] = true;
        }
        assert_string_equal(error_dbus_name(ERROR_NONE), "");
        assert_string_equal(
                error_dbus_name(ERROR_INVALID_ARGS), "org.freedesktop.DBus.Error.InvalidArgs");
        assert_string_equal(error_dbus_name(ERROR_RMAN_FAILED), "org.orabackup1.Error.RmanFailed");
        assert_int_equal(error_exit_status(ERROR_RMAN_FAILED), 31);
        assert_int_equal(error_kind_from_dbus_name("org.example.No"), ERROR_NONE);
        assert_int_equal(error_kind_from_dbus_name(""), ERROR_NONE);
        assert_int_equal(error_kind_from_dbus_name(NULL), ERROR_NONE);
        assert_string_equal(error_dbus_name(_ERROR_KIND_MAX), "org.orabackup1.Error.Internal");
        assert_int_equal(error_exit_status(_ERROR_KIND_MAX), 70);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_error_keeps_kind_errno_and_message),
                cmocka_unit_test(no_error_structure_is_fine_everywhere),
                cmocka_unit_test(a_result_that_is_no_error_becomes_eio),
                cmocka_unit_test(a_message_may_be_made_of_the_old_one),
                cmocka_unit_test(a_long_message_is_cut_at_a_character),
                cmocka_unit_test(a_message_is_one_line_of_text),
                cmocka_unit_test(no_space_is_seen_in_the_errno),
                cmocka_unit_test(a_prefix_goes_before_and_keeps_the_rest),
                cmocka_unit_test(every_kind_has_a_name_and_a_status_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
