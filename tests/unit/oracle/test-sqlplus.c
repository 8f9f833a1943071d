/* oracle/sqlplus.c, oracle/locate.c, oracle/listener.c */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "oracle/listener.h"
#include "oracle/sqlplus.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

static OracleHost host;
static size_t n_rows;
static ListenerState listener_state;

static int setup(void **state) {
        oracle_host_init(&host);
        n_rows = 0;
        return 0;
}

static int teardown(void **state) {
        oracle_host_done(&host);
        return 0;
}

static void on_done(const Rows *rows, const Error *err, void *userdata) {
        n_rows = rows->n;
        oracle_host_finish(&host, err);
}

static SqlPlus *ask(const Answer *answers, size_t n) {
        SqlPlus *sqlplus = NULL;
        oracle_host_answer(&host, answers, n);
        assert_int_equal(
                sqlplus_start(
                        &host.oracle,
                        &(SqlPlusOptions){
                                .database = &host.database,
                                .statements = "select 1 from dual;\n",
                                .on_done = on_done,
                        },
                        &sqlplus,
                        NULL),
                0);
        return sqlplus;
}

static void expect_answer(const char *output, int status, ErrorKind kind, const char *says) {
        SqlPlus *sqlplus = ask(&(Answer){"sqlplus", "select 1", output, status, 0, NULL}, 1);
        oracle_host_run(&host);
        sqlplus_free(sqlplus);
        assert_int_equal(host.error.kind, kind);
        assert_non_null(strstr(host.error.message, says));
}

static void rows_and_the_sentinel_are_success(void **state) {
        expect_answer(R "P1" F "x\n" SQL_OK, 0, ERROR_NONE, "");
        assert_int_equal(n_rows, 1);
}

static void a_missing_sentinel_is_a_failure_whatever_the_status(void **state) {
        expect_answer(R "P1" F "x\n", 0, ERROR_ORACLE, "TESTDB15");
}

static void a_bad_status_is_a_failure_whatever_the_output(void **state) {
        expect_answer(SQL_OK, 9, ERROR_ORACLE, "status 9");
}

static void an_error_line_names_instance_code_and_remedy(void **state) {
        expect_answer(
                "ERROR at line 1:\nORA-01034: ORACLE not available\n", 2, ERROR_ORACLE, "start it");
        assert_string_equal(host.error.ora_code, "ORA-01034");
        assert_non_null(strstr(host.error.message, "TESTDB15"));
}

static void a_refused_logon_is_oracle_auth(void **state) {
        expect_answer(
                "ERROR:\nORA-01017: invalid username/password; logon denied\n\n\n"
                "SP2-0640: Not connected\n",
                0,
                ERROR_ORACLE_AUTH,
                "oracle-password");
}

static void an_sp2_line_before_the_sentinel_is_a_failure(void **state) {
        expect_answer("SP2-0734: unknown command\n" SQL_OK, 0, ERROR_ORACLE, "SP2-0734");
}

static void silence_ends_at_the_deadline(void **state) {
        host.oracle.sql_timeout_msec = 20;
        expect_answer(NULL, 0, ERROR_TIMEOUT, "TESTDB15");
        assert_true(child_fake_is_freed(child_fake_last()));
}

static void a_password_is_on_standard_input_and_nowhere_else(void **state) {
        host.oracle.user = "system";
        host.oracle.password = "Canary42";
        host.oracle.service = "svc";
        expect_answer(SQL_OK, 0, ERROR_NONE, "");
        const ChildFake *child = child_fake_last();
        assert_non_null(strstr(child_fake_input(child), "Canary42"));
        for (size_t i = 0; child_fake_argument(child, i) != NULL; i++)
                assert_null(strstr(child_fake_argument(child, i), "Canary42"));
        assert_null(child_fake_variable(child, "ORACLE_PASSWORD"));
        assert_true(child_fake_input_closed(child));
}

static void the_environment_is_that_of_the_contract(void **state) {
        setenv("TWO_TASK", "elsewhere", 1);
        expect_answer(SQL_OK, 0, ERROR_NONE, "");
        const ChildFake *child = child_fake_last();
        assert_string_equal(child_fake_variable(child, "ORACLE_SID"), "TESTDB15");
        assert_string_equal(child_fake_variable(child, "ORACLE_HOME"), host.database.oracle_home);
        assert_string_equal(child_fake_variable(child, "NLS_LANG"), "AMERICAN_AMERICA.AL32UTF8");
        assert_string_equal(child_fake_variable(child, "LC_ALL"), "C");
        assert_null(child_fake_variable(child, "TWO_TASK"));
        assert_null(child_fake_variable(child, "ORACLE_BASE"));
        assert_string_equal(child_fake_argument(child, 1), "-S");
        assert_string_equal(child_fake_argument(child, 2), "-L");
        assert_string_equal(child_fake_argument(child, 3), "/nolog");
}

static void a_freed_question_is_never_answered(void **state) {
        sqlplus_free(ask(&(Answer){"sqlplus", "select 1", SQL_OK, 0, 0, NULL}, 1));
        assert_true(child_fake_is_freed(child_fake_last()));
}

/* --- where a home has its files --- */

static void on_located(int r, const Error *err, void *userdata) {
        oracle_host_finish(&host, err);
}

static void locate(void) {
        OracleLocate *query = NULL;
        assert_int_equal(
                oracle_locate(&host.oracle, &host.database, on_located, NULL, &query, NULL), 0);
        oracle_host_run(&host);
        oracle_locate_free(query);
}

static void make_program(const char *below) {
        oracle_host_write(&host, below, "#!/bin/sh\n");
        char *path = oracle_host_path(&host, below);
        assert_int_equal(chmod(path, 0755), 0);
        free(path);
}

static void a_home_without_the_programs_holds_its_files_itself(void **state) {
        locate();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_int_equal(child_fake_count(), 0);
        char *dbs = oracle_host_path(&host, "home/dbs");
        assert_string_equal(host.database.dbs_dir, dbs);
        free(dbs);
}

static void a_read_only_home_says_where_they_are(void **state) {
        make_program("home/bin/orabaseconfig");
        make_program("home/bin/orabasehome");
        const Answer answers[] = {
                {"orabaseconfig", "", "/u01/base\n", 0, 0, NULL},
                {"orabasehome", "", "/u01/base/homes/h1\n", 0, 0, NULL},
        };
        oracle_host_answer(&host, answers, 2);
        locate();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_string_equal(host.database.dbs_dir, "/u01/base/dbs");
        assert_string_equal(host.database.network_dir, "/u01/base/homes/h1/network/admin");
}

static void an_answer_that_is_no_directory_is_refused(void **state) {
        make_program("home/bin/orabaseconfig");
        oracle_host_answer(
                &host, &(Answer){"orabaseconfig", "", "cannot open orabasetab\n", 1, 0, NULL}, 1);
        locate();
        assert_int_equal(host.error.kind, ERROR_ORACLE);
        assert_non_null(strstr(host.error.message, "orabaseconfig"));
}

/* --- the listener --- */

static void on_listener(ListenerState state, const Error *err, void *userdata) {
        listener_state = state;
        oracle_host_finish(&host, err);
}

static void expect_listener(const char *output, ListenerState expected) {
        ListenerQuery *query = NULL;
        oracle_host_answer(&host, &(Answer){"lsnrctl", "", output, 1, 0, NULL}, 1);
        assert_int_equal(
                listener_query_start(&host.oracle, &host.database, on_listener, NULL, &query, NULL),
                0);
        oracle_host_run(&host);
        listener_query_free(query);
        assert_int_equal(listener_state, expected);
}

static void the_listener_says_whether_an_instance_is_ready(void **state) {
        expect_listener(
                "STATUS of the LISTENER\nServices Summary...\n"
                "Service \"TESTDB15\" has 2 instance(s).\n"
                "  Instance \"TESTDB15\", status UNKNOWN, has 1 handler(s) for this service...\n"
                "  Instance \"TESTDB15\", status READY, has 1 handler(s) for this service...\n",
                LISTENER_READY);
        expect_listener(
                "STATUS of the LISTENER\nServices Summary...\n"
                "  Instance \"TESTDB151\", status READY, has 1 handler(s) for this service...\n",
                LISTENER_MISSING);
        expect_listener(
                "Services Summary...\n"
                "  Instance \"TESTDB15\", status BLOCKED, has 1 handler(s) for this service...\n",
                LISTENER_UNREADY);
        expect_listener("The listener supports no services\n", LISTENER_MISSING);
        expect_listener("TNS-12541: TNS:no listener\n", LISTENER_DOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(rows_and_the_sentinel_are_success),
                TEST(a_missing_sentinel_is_a_failure_whatever_the_status),
                TEST(a_bad_status_is_a_failure_whatever_the_output),
                TEST(an_error_line_names_instance_code_and_remedy),
                TEST(a_refused_logon_is_oracle_auth),
                TEST(an_sp2_line_before_the_sentinel_is_a_failure),
                TEST(silence_ends_at_the_deadline),
                TEST(a_password_is_on_standard_input_and_nowhere_else),
                TEST(the_environment_is_that_of_the_contract),
                TEST(a_freed_question_is_never_answered),
                TEST(a_home_without_the_programs_holds_its_files_itself),
                TEST(a_read_only_home_says_where_they_are),
                TEST(an_answer_that_is_no_directory_is_refused),
                TEST(the_listener_says_whether_an_instance_is_ready),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
