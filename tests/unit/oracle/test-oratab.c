#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "oracle/oratab.h"
#include "unit/test.h"

static int parse(const char *text, Oratab *oratab, Error *err) {
        *err = (Error){0};
        return oratab_parse(text, strlen(text), "oratab", oratab, err);
}

static void databases_are_read_others_left_out(void **state) {
        Oratab oratab;
        Error err;

        assert_int_equal(
                parse("# c\n\n*:/u01:N\n+ASM:/grid:N\n-MGMTDB:/grid:N\n"
                      "  TESTDB15:/u01/db:Y   # added\r\nT16:/u01/db:n:x\n",
                      &oratab,
                      &err),
                0);
        assert_int_equal(oratab.n, 2);
        assert_string_equal(oratab_find(&oratab, "TESTDB15")->oracle_home, "/u01/db");
        assert_int_equal(oratab_find(&oratab, "T16")->flag, 'N');
        assert_null(oratab_find(&oratab, "testdb15"));
        oratab_done(&oratab);
}

static void mistakes_are_named_with_file_and_line(void **state) {
        static const char *const bad[] = {
                "# c\nTESTDB15",
                "\nA:/u01",
                "\nA:/u01:X",
                "\nA:/u01:",
                "\nA:/u01:YY",
                "\nA b:/u01:Y",
                "\nA23456789012345678901234567890:/u01:Y",
                "\nA:u01:Y",
                "\nA:/u01/../x:Y",
                "A:/u01:Y\nA:/u02:Y",
        };
        Oratab oratab;
        Error err;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char line[128];

                if (i == 6) { /* 31 characters */
                        snprintf(line, sizeof(line), "\n%031d:/u01:Y", 1);
                        assert_true(parse(line, &oratab, &err) < 0);
                } else
                        assert_true(parse(bad[i], &oratab, &err) < 0);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_non_null(strstr(err.message, "oratab line 2"));
        }
        assert_true(oratab_parse("A:/u\0:Y", 7, "oratab", &oratab, &err) < 0);
}

static void more_databases_than_the_limit_are_refused(void **state) {
        char *text = calloc(300, 32);
        size_t length = 0;
        Oratab oratab;
        Error err;

        assert_non_null(text);
        for (int i = 0; i < 257; i++)
                length += (size_t)sprintf(text + length, "D%d:/u01:N\n", i);
        assert_true(parse(text, &oratab, &err) < 0);
        assert_non_null(strstr(err.message, "256"));
        free(text);
}

typedef struct Directory {
        char path[64], file[96], copy[128];
} Directory;

static void make_directory(Directory *d) {
        snprintf(d->path, sizeof(d->path), "/tmp/test-oratab-XXXXXX");
        assert_non_null(mkdtemp(d->path));
        snprintf(d->file, sizeof(d->file), "%s/oratab", d->path);
        snprintf(d->copy, sizeof(d->copy), "%s.orabackup", d->file);
}

static void content_is(const char *path, const char *expected) {
        char *data;
        size_t size;

        assert_int_equal(file_read(path, 100000, ERROR_CONFIG, &data, &size, NULL), 0);
        assert_string_equal(data, expected);
        free(data);
}

static void a_line_is_set_in_place_and_a_copy_kept(void **state) {
        static const char old[] = "# c\nA:/a:Y\n B:/b:N\nodd line\nA:/a2:N\nC:/c:N";
        struct stat before, after;
        Directory d;

        make_directory(&d);
        assert_int_equal(file_write_durably(d.file, old, strlen(old), 0664, NULL), 0);
        assert_int_equal(stat(d.file, &before), 0);
        assert_int_equal(oratab_set(d.file, "A", "/n", NULL), 0);
        content_is(d.file, "# c\nA:/n:N\n B:/b:N\nodd line\nC:/c:N");
        content_is(d.copy, old);
        assert_int_equal(oratab_set(d.file, "D", "/d", NULL), 0);
        content_is(d.file, "# c\nA:/n:N\n B:/b:N\nodd line\nC:/c:N\nD:/d:N\n");
        assert_int_equal(oratab_set(d.file, "D", "/d", NULL), 0); /* nothing to do: copy stays */
        content_is(d.copy, "# c\nA:/n:N\n B:/b:N\nodd line\nC:/c:N");
        assert_int_equal(stat(d.file, &after), 0);
        assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
        directory_remove_tree(d.path, NULL);
}

static void an_absent_file_is_empty_and_is_made(void **state) {
        Directory d;
        Oratab oratab;
        Error err = {0};

        make_directory(&d);
        assert_int_equal(oratab_read(d.file, &oratab, &err), 0);
        assert_int_equal(oratab.n, 0);
        assert_int_equal(err.kind, ERROR_NONE);
        assert_int_equal(oratab_set(d.file, "A", "/n", NULL), 0);
        assert_int_equal(oratab_read(d.file, &oratab, NULL), 0);
        assert_int_equal(oratab.n, 1);
        oratab_done(&oratab);
        assert_true(oratab_set(d.file, "a b", "/n", &err) < 0);
        assert_true(oratab_set(d.file, "A", "/n:x", &err) < 0);
        assert_true(oratab_set(d.path, "A", "/n", &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        directory_remove_tree(d.path, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(databases_are_read_others_left_out),
                cmocka_unit_test(mistakes_are_named_with_file_and_line),
                cmocka_unit_test(more_databases_than_the_limit_are_refused),
                cmocka_unit_test(a_line_is_set_in_place_and_a_copy_kept),
                cmocka_unit_test(an_absent_file_is_empty_and_is_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
