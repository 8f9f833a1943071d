/* oracle/dbca-output.c; the argument is tests/data/dbca: transcripts, and beside each what they say
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/strings.h"
#include "oracle/dbca-output.h"
#include "unit/test.h"

static const char *data_directory;

static void tell(Text *text, DbcaEvent event, const DbcaParser *parser) {
        switch (event) {
        case DBCA_NOTHING:
                break;
        case DBCA_STEP:
                text_appendf(text, "step %s\n", parser->step);
                break;
        case DBCA_PERCENT:
                text_appendf(text, "percent %u\n", parser->percent);
                break;
        case DBCA_WARNING:
                text_appendf(text, "warning %s\n", parser->warning);
                break;
        case DBCA_ERROR:
                text_append(text, "error\n");
                break;
        }
}

static void feed(DbcaParser *parser, const char *lines, Text *ret) {
        while (*lines != '\0') {
                size_t n = strcspn(lines, "\n");
                tell(ret, dbca_parser_line(parser, lines, n), parser);
                lines += n + (lines[n] == '\n');
        }
}

/* What a transcript with this exit status says, as the .events files have it. */
static char *events_of(const char *lines, int status) {
        DbcaParser parser = DBCA_PARSER_INIT;
        Text text = TEXT_INIT;
        Error error = {0};
        text_appendf(&text, "status %d\n", status);
        feed(&parser, lines, &text);
        if (dbca_parser_verdict(&parser, "NEWDB", status, 0, &error) >= 0)
                text_append(&text, "verdict good\n");
        else
                text_appendf(
                        &text,
                        "verdict %s %s\nmessage %s\n",
                        error_dbus_name(error.kind),
                        error.ora_code,
                        error.message);
        text_appendf(&text, "log %s\n", parser.log_file);
        return text_take(&text);
}

static char *read_file(const char *name, const char *suffix) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s%s", data_directory, name, suffix);
        char *data = NULL;
        size_t size;
        assert_int_equal(file_read(path, 1 << 20, ERROR_INTERNAL, &data, &size, NULL), 0);
        return data;
}

static void each_transcript_says_what_is_beside_it(void **state) {
        struct dirent **names;
        int n = scandir(data_directory, &names, NULL, alphasort), compared = 0;
        assert_true(n > 0);
        for (int i = 0; i < n; i++) {
                if (string_ends_with(names[i]->d_name, ".txt")) {
                        int status;
                        names[i]->d_name[strlen(names[i]->d_name) - 4] = '\0';
                        CLEANUP(cleanup_free) char *lines = read_file(names[i]->d_name, ".txt");
                        CLEANUP(cleanup_free) char *wanted = read_file(names[i]->d_name, ".events");
                        assert_int_equal(sscanf(wanted, "status %d", &status), 1);
                        CLEANUP(cleanup_free) char *found = events_of(lines, status);
                        if (getenv("PRINT_EVENTS") != NULL)
                                fprintf(stderr, "== %s\n%s", names[i]->d_name, found);
                        assert_string_equal(found, wanted);
                        compared++;
                }
                free(names[i]);
        }
        free(names);
        assert_true(compared >= 8);
}

static ErrorKind judge(const char *lines, int status, int signal_number, Error *ret) {
        DbcaParser parser = DBCA_PARSER_INIT;
        Text text = TEXT_INIT;
        *ret = (Error){0};
        feed(&parser, lines, &text);
        text_done(&text);
        (void)dbca_parser_verdict(&parser, "NEWDB", status, signal_number, ret);
        return ret->kind;
}

static void the_exit_status_decides_and_is_named(void **state) {
        Error error;
        assert_int_equal(judge("100% complete\n", 0, 0, &error), ERROR_NONE);
        assert_int_equal(judge("100% complete\n", 6, 0, &error), ERROR_NONE);
        assert_int_equal(judge("100% complete\n", 255, 0, &error), ERROR_ORACLE);
        assert_non_null(strstr(error.message, "status 255 at 100 %: it failed"));
        assert_int_equal(judge("", 254, 0, &error), ERROR_ORACLE);
        assert_non_null(strstr(error.message, "did not accept"));
        assert_int_equal(judge("", 252, 0, &error), ERROR_ORACLE);
        assert_non_null(strstr(error.message, "was cancelled"));
        assert_int_equal(judge("12% complete\n", -1, 9, &error), ERROR_ORACLE);
        assert_non_null(strstr(error.message, "signal 9 at 12 %"));
}

static void status_0_alone_does_not_make_a_database(void **state) {
        Error error;
        assert_int_equal(judge("", 0, 0, &error), ERROR_ORACLE);
        assert_int_equal(judge("99% complete\n", 0, 0, &error), ERROR_ORACLE);
        assert_int_equal(judge("[FATAL] x\n100% complete\n", 0, 0, &error), ERROR_ORACLE);
        assert_non_null(strstr(error.message, "[FATAL] x"));
}

static void percentages_grow_and_odd_lines_are_none(void **state) {
        DbcaParser parser = DBCA_PARSER_INIT;
        assert_int_equal(dbca_parser_line(&parser, "40% complete", 12), DBCA_PERCENT);
        assert_int_equal(dbca_parser_line(&parser, "12% complete", 12), DBCA_NOTHING);
        assert_int_equal(dbca_parser_line(&parser, "101% complete", 13), DBCA_NOTHING);
        assert_int_equal(dbca_parser_line(&parser, "1234% complete", 14), DBCA_NOTHING);
        assert_int_equal(dbca_parser_line(&parser, "% complete", 10), DBCA_NOTHING);
        assert_int_equal(dbca_parser_line(&parser, "50% completely", 14), DBCA_NOTHING);
        assert_int_equal(dbca_parser_line(&parser, "", 0), DBCA_NOTHING);
        assert_int_equal(parser.percent, 40);
}

/* The bound of what is kept of a line, whatever is in it. */
static void long_and_odd_lines_are_cut_at_characters(void **state) {
        DbcaParser parser = DBCA_PARSER_INIT;
        char line[2 * DBCA_LINE_BYTES];
        memset(line, 'x', sizeof(line));
        memcpy(line, "[FATAL] \x01\xff\xc3\xa9", 12);
        line[DBCA_LINE_BYTES - 2] = '\xc3'; /* a character that does not fit any more */
        line[DBCA_LINE_BYTES - 1] = '\xa9';
        assert_int_equal(dbca_parser_line(&parser, line, sizeof(line)), DBCA_ERROR);
        assert_true(utf8_valid(parser.error));
        assert_true(strlen(parser.error) >= DBCA_LINE_BYTES - 4);
        assert_true(string_starts_with(parser.error, "[FATAL] ??\xc3\xa9"));
        /* A path of the longest length, in quotes. */
        char path[2 * DBCA_PATH_BYTES];
        int n = snprintf(path, sizeof(path), "Look at the log file \"/%0600d\"", 7);
        dbca_parser_line(&parser, path, (size_t)n);
        assert_int_equal(strlen(parser.log_file), DBCA_PATH_BYTES - 1);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_transcript_says_what_is_beside_it),
                cmocka_unit_test(the_exit_status_decides_and_is_named),
                cmocka_unit_test(status_0_alone_does_not_make_a_database),
                cmocka_unit_test(percentages_grow_and_odd_lines_are_none),
                cmocka_unit_test(long_and_odd_lines_are_cut_at_characters),
        };
        if (argc != 2)
                return 2;
        data_directory = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
