#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "oracle/rows.h"
#include "unit/test.h"

#define SEP "\x1f"

static void add(Rows *rows, const char *line) {
        assert_int_equal(rows_add_line(rows, line, strlen(line), NULL), 0);
}

static void rows_are_split_and_found_by_label(void **state) {
        Rows rows = {0};
        const char *text;
        uint64_t n;
        Error err = {0};

        add(&rows, "~R~" SEP "P4" SEP "1" SEP SEP "/u02/a b.dbf\r");
        add(&rows, "~R~" SEP "P5" SEP "18446744073709551615");
        add(&rows, "~R~" SEP "P4" SEP "x");
        add(&rows, "~OK~");
        assert_true(rows.ok);
        assert_int_equal(rows_count(&rows, "P4"), 2);
        assert_int_equal(row_uint(rows_get(&rows, "P4", 0), 0, &n, &err), 0);
        assert_int_equal(n, 1);
        assert_int_equal(row_string(rows_get(&rows, "P4", 0), 2, &text, &err), 0);
        assert_string_equal(text, "/u02/a b.dbf");
        assert_int_equal(row_uint_or(rows_get(&rows, "P4", 0), 1, 7, &n, &err), 0);
        assert_int_equal(n, 7);
        assert_int_equal(row_uint_or(rows_get(&rows, "P5", 0), 0, 7, &n, &err), 0);
        assert_true(n == UINT64_MAX);
        assert_int_equal(row_uint(rows_get(&rows, "P4", 0), 1, &n, &err), -EBADMSG);
        assert_int_equal(row_uint(rows_get(&rows, "P4", 1), 0, &n, &err), -EBADMSG);
        assert_int_equal(err.kind, ERROR_ORACLE);
        assert_non_null(strstr(err.message, "row P4 of SQL*Plus, column 1: \"x\""));
        assert_int_equal(row_string(rows_get(&rows, "P4", 1), 1, &text, &err), -EBADMSG);
        assert_null(rows_get(&rows, "P4", 2));
        assert_int_equal(row_uint(NULL, 0, &n, &err), -EBADMSG);
        rows_done(&rows);
}

static void the_first_error_line_that_says_something_is_kept(void **state) {
        Rows rows = {0};

        add(&rows, "ERROR:");
        add(&rows, "ORA-01017: invalid username/password; logon denied");
        add(&rows, "SP2-0640: Not connected");
        assert_string_equal(rows.error_line, "ORA-01017: invalid username/password; logon denied");
        assert_int_equal(rows.lines.n, 3);
        assert_false(rows.ok);
        rows_done(&rows);
        add(&rows, "SP2-0640: Not connected");
        add(&rows, "ORA-01034: ORACLE not available");
        assert_string_equal(rows.error_line, "SP2-0640: Not connected");
        rows_done(&rows);
}

static void ok_must_be_the_last_line(void **state) {
        Rows rows = {0};

        add(&rows, "~OK~");
        add(&rows, "");
        assert_true(rows.ok);
        add(&rows, "bell\x07");
        assert_false(rows.ok);
        assert_string_equal(rows.lines.items[0], "bell?");
        rows_done(&rows);
}

static void too_many_rows_columns_or_lines_are_bounded(void **state) {
        Rows rows = {0};
        Error err = {0};
        char line[256];
        size_t length;

        memset(line, '\x1f', sizeof(line));
        memcpy(line, "~R~", 3);
        assert_int_equal(rows_add_line(&rows, line, sizeof(line), &err), -EBADMSG);
        assert_int_equal(rows_add_line(&rows, "~R~\x1fP1\x1f\0", 8, &err), -EBADMSG);
        for (int i = 0; i < 1000; i++)
                add(&rows, "anything");
        assert_true(rows.lines.n <= 200);
        length = strlen("~R~\x1fP1");
        for (int i = 0; i < LIMIT_SQL_ROWS; i++)
                assert_int_equal(rows_add_line(&rows, "~R~\x1fP1", length, NULL), 0);
        assert_int_equal(rows_add_line(&rows, "~R~\x1fP1", length, &err), -EMSGSIZE);
        assert_int_equal(err.kind, ERROR_ORACLE);
        rows_done(&rows);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_are_split_and_found_by_label),
                cmocka_unit_test(the_first_error_line_that_says_something_is_kept),
                cmocka_unit_test(ok_must_be_the_last_line),
                cmocka_unit_test(too_many_rows_columns_or_lines_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
