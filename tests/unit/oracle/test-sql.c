#include <stdio.h>
#include <string.h>

#include "oracle/sql.h"
#include "unit/test.h"

static int count(const char *text, const char *word) {
        int n = 0;

        for (; (text = strstr(text, word)) != NULL; text++)
                n++;
        return n;
}

static void versions_are_read(void **state) {
        assert_int_equal(sql_version("11.2.0.4.0"), 1102);
        assert_int_equal(sql_version("12.1.0.2.0"), 1201);
        assert_int_equal(sql_version("19.0.0.0.0"), 1900);
        assert_int_equal(sql_version("19.10"), 1910);
        assert_int_equal(sql_version("x"), 0);
        assert_int_equal(sql_version("19"), 0);
        assert_int_equal(sql_version("19.x"), 0);
        assert_int_equal(sql_version("19.1x"), 0);
        assert_int_equal(sql_version(NULL), 0);
}

static void every_question_prints_labelled_rows_without_naked_numbers(void **state) {
        for (int q = 0; q < _SQL_QUESTION_MAX; q++) {
                Text text = TEXT_INIT;

                sql_ask((SqlQuestion)q, 1900, &text);
                assert_non_null(strstr(text_get(&text), "select '~R~'||chr(31)||'"));
                assert_string_equal(text.data + text.length - 2, ";\n");
                assert_null(strstr(text.data, "\n\n"));
                assert_int_equal(
                        count(text.data, "count(*)"), count(text.data, "to_char(count(*))"));
                for (const char *line = text.data; *line != '\0'; line += strcspn(line, "\n") + 1)
                        assert_true(strcspn(line, "\n") < 2000); /* SQL*Plus cuts at 2499 */
                text_done(&text);
        }
}

static void what_a_release_lacks_is_not_asked(void **state) {
        Text text = TEXT_INIT;

        sql_ask(SQL_PDBS, 1102, &text);
        sql_ask(SQL_PASSWORD_FILE, 1201, &text);
        sql_ask(SQL_VERSION_FULL, 1202, &text);
        assert_string_equal(text_get(&text), "");
        sql_ask(SQL_DATABASE, 1102, &text);
        assert_null(strstr(text.data, "cdb"));
        text_clear(&text);
        sql_ask(SQL_DATABASE, 1201, &text);
        assert_non_null(strstr(text.data, "nvl(cdb,'')"));
        text_done(&text);
}

static void questions_about_a_run_carry_its_tag(void **state) {
        Text text = TEXT_INIT;
        Error err = {0};

        for (int q = 0; q < _SQL_TAG_QUESTION_MAX; q++) {
                text_clear(&text);
                assert_int_equal(sql_ask_tag((SqlTagQuestion)q, "LEVEL0-1", &text, NULL), 0);
                assert_int_equal(count(text.data, "tag = 'LEVEL0-1'"), 1);
                assert_null(strchr(text.data, '{'));
        }
        assert_true(sql_ask_tag(SQL_RUN_LEFT, "a\nb", &text, &err) < 0);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        text_done(&text);
}

static void the_preamble_is_the_golden_one(void **state) {
        RmanConnect connect = {"sys", "a&b", "svc"};
        Text text = TEXT_INIT;

        assert_int_equal(sql_preamble(NULL, false, &text, NULL), 0);
        sql_ending(&text);
        assert_string_equal(
                text.data,
                "whenever oserror exit 9 rollback\nwhenever sqlerror exit 2 rollback\n"
                "connect / as sysdba\n"
                "set echo off feedback off heading off pagesize 0 verify off define off tab off "
                "trimspool on trimout on linesize 32767 numwidth 40 long 1000000 longchunksize "
                "32767 "
                "sqlblanklines on\n"
                "alter session set nls_numeric_characters='.,' "
                "nls_date_format='YYYY-MM-DD\"T\"HH24:MI:SS';\n"
                "select '~OK~' from dual;\nexit success\n");
        text_clear(&text);
        assert_int_equal(sql_preamble(&connect, true, &text, NULL), 0);
        assert_null(strstr(text.data, "alter session"));
        assert_true(
                strstr(text.data, "set define off\nconnect sys/\"a&b\"@svc as sysdba\n") != NULL);
        connect.password = "";
        assert_true(sql_preamble(&connect, true, &text, NULL) < 0);
        text_done(&text);
}

static void literals_are_quoted_or_refused(void **state) {
        static const char *const bad[] = {
                "a\nb", "a\x1f", "\xff", "a&b", " a", "a ", "a-", "a;", "@a", "a\tb"};
        Text text = TEXT_INIT;
        Error err = {0};
        char many[1100];

        assert_int_equal(sql_quote("path", "/it's/a-b;c@d/\xc3\xa9", &text, &err), 0);
        assert_string_equal(text.data, "'/it''s/a-b;c@d/\xc3\xa9'");
        text_clear(&text);
        assert_int_equal(sql_quote("path", "", &text, &err), 0);
        assert_string_equal(text.data, "''");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                err = (Error){0};
                assert_true(sql_quote("the thing", bad[i], &text, &err) < 0);
                assert_int_equal(err.kind, ERROR_UNSUPPORTED);
                assert_non_null(strstr(err.message, "the thing"));
        }
        memset(many, 'x', sizeof(many) - 1);
        many[sizeof(many) - 1] = '\0';
        assert_true(sql_quote("path", many, &text, &err) < 0);
        assert_true(sql_quote_name("pdb", "a\"b", &text, &err) < 0);
        assert_true(sql_quote_name("pdb", "", &text, &err) < 0);
        many[200] = '\0';
        assert_true(sql_quote_name("pdb", many, &text, &err) < 0);
        text_done(&text);
}

static void statements_of_the_restore_are_written(void **state) {
        static const uint32_t sids[] = {12, 13};
        Text text = TEXT_INIT;
        Error err = {0};

        assert_int_equal(sql_create_pfile("/t/i.ora", "/d/s.ora", &text, &err), 0);
        assert_int_equal(sql_create_pfile("/t/i.ora", NULL, &text, &err), 0);
        assert_int_equal(sql_create_spfile("/d/s.ora", "/t/i.ora", &text, &err), 0);
        assert_int_equal(sql_startup_nomount(NULL, &text, &err), 0);
        assert_int_equal(sql_startup_nomount("/t/i.ora", &text, &err), 0);
        sql_statement(SQL_MOUNT, &text);
        sql_statement(SQL_SHUTDOWN, &text);
        assert_int_equal(sql_defer_destination("LOG_ARCHIVE_DEST_2", true, &text, &err), 0);
        assert_int_equal(sql_set_parameter("dg_broker_start", "false", false, &text, &err), 0);
        assert_int_equal(sql_open_pdb("P1", &text, &err), 0);
        assert_int_equal(sql_enable_change_tracking("/u/bct", &text, &err), 0);
        assert_int_equal(sql_backup_controlfile("/b/cf", &text, &err), 0);
        sql_kill_session(12, 345, &text);
        assert_string_equal(
                text.data,
                "create pfile='/t/i.ora' from spfile='/d/s.ora';\n"
                "create pfile='/t/i.ora' from spfile;\n"
                "create spfile='/d/s.ora' from pfile='/t/i.ora';\n"
                "startup nomount\n"
                "startup nomount pfile='/t/i.ora'\n"
                "alter database mount;\n"
                "shutdown immediate\n"
                "alter system set log_archive_dest_state_2=defer scope=both;\n"
                "alter system set dg_broker_start=false scope=memory;\n"
                "alter pluggable database \"P1\" open;\n"
                "alter database enable block change tracking using file '/u/bct' reuse;\n"
                "alter database backup controlfile to '/b/cf' reuse;\n"
                "alter system kill session '12,345' immediate;\n");
        text_clear(&text);
        assert_int_equal(sql_ask_sessions("0123abcd", sids, 2, &text, &err), 0);
        assert_non_null(strstr(text.data, "client_info like '%id=%0123abcd%'"));
        assert_non_null(strstr(text.data, "sid in (12,13)));\n"));
        text_clear(&text);
        assert_int_equal(sql_ask_sessions("0123abcd", NULL, 0, &text, &err), 0);
        assert_non_null(strstr(text.data, "abcd%');\n"));
        sql_ask_hole(1, 8, 9, &text);
        assert_non_null(strstr(text.data, "sequence# between 8 and 9"));
        sql_ask_times(5, 6, &text);
        assert_int_equal(count(text.data, "scn_to_timestamp("), 2);
        text_done(&text);
}

static void odd_names_in_statements_are_refused(void **state) {
        Text text = TEXT_INIT;
        Error err = {0};

        assert_true(sql_ask_sessions("a'b", NULL, 0, &text, &err) < 0);
        assert_true(sql_set_parameter("a b", "c", true, &text, &err) < 0);
        assert_true(sql_set_parameter("a", "c;", true, &text, &err) < 0);
        assert_true(sql_defer_destination("LOG_ARCHIVE_DEST_32", true, &text, &err) < 0);
        assert_true(sql_defer_destination("STANDBY_ARCHIVE_DEST", true, &text, &err) < 0);
        assert_true(sql_open_pdb("a\"b", &text, &err) < 0);
        assert_true(sql_create_pfile("/a\n", NULL, &text, &err) < 0);
        assert_true(sql_create_pfile("/a", "/b\n", &text, &err) < 0);
        assert_true(sql_create_spfile("/a\n", "/b", &text, &err) < 0);
        text_done(&text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_are_read),
                cmocka_unit_test(every_question_prints_labelled_rows_without_naked_numbers),
                cmocka_unit_test(what_a_release_lacks_is_not_asked),
                cmocka_unit_test(questions_about_a_run_carry_its_tag),
                cmocka_unit_test(the_preamble_is_the_golden_one),
                cmocka_unit_test(literals_are_quoted_or_refused),
                cmocka_unit_test(statements_of_the_restore_are_written),
                cmocka_unit_test(odd_names_in_statements_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
