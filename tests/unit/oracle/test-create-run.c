/* oracle/create-run.c, create-look.c, dbca.c, release.c */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "oracle/create-run.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

#define SECRET "Canary_1"
#define P1 R "P1" F "UNITDB7" F "h" F "19.0.0.0.0" F "OPEN" F F "NO" F "1" F F "\n"
#define FACTS                                                                                      \
        R "P2" F "4711" F "UNITDB7" F "UNITDB7" F "ARCHIVELOG" F "READ WRITE" F "PRIMARY" F        \
          "CURRENT" F "NO" F "NO" F "1" F "1200" F "+00:00" F "NO\n" R "P3" F "spfile" F           \
          "/dbs/spfile\n" R "P3C" F "/u02/control01.ctl\n" R "P4" F "1" F "7" F "1100" F           \
          "SYSTEM" F "READ WRITE" F "100" F "0" F "0" F F "/u02/system01.dbf\n" R "P5" F "1" F     \
          "OPEN" F "PUBLIC" F "3" F "1000\n"
#define AREA                                                                                       \
        R "P3A" F "db_recovery_file_dest" F "/tmp\n" R "P3S" F "db_recovery_file_dest" F "1" F     \
          "/tmp\n"
#define DBCA_GOOD                                                                                  \
        "Copying database files\n40% complete\n[WARNING] [DBT-1] weak\n100% complete\n"            \
        "Look at the log file \"/u01/x.log\" for further details.\n"

enum Place { RELEASE, DBCA, DATABASE, INSTANCE, REGISTER, LISTENER, N_PLACES };

static const Answer good[N_PLACES] = {
        [RELEASE] = {"sqlplus", "-V", "\nSQL*Plus: Release 19.0.0.0.0 - Production\n", 0, 0, NULL},
        [DBCA] = {"dbca", "", DBCA_GOOD, 0, 0, NULL},
        [DATABASE] = {"sqlplus", "'P4'", FACTS AREA SQL_OK, 0, 0, NULL},
        [INSTANCE] = {"sqlplus", "'P1'", P1 SQL_OK, 0, 0, NULL},
        [REGISTER] = {"sqlplus", "alter system register", SQL_OK, 0, 0, NULL},
        [LISTENER] =
                {"lsnrctl",
                 "",
                 "Instance \"UNITDB7\", status READY, has 1 handler(s)\n",
                 0,
                 0,
                 NULL},
};

static OracleHost host;
static Answer answers[N_PLACES];
static CreateRun *run;
static DbcaChoices choices;
static char *oratab, *response, *area;
static StringList phases, notes, left, progress;
static bool created;
static char listener[160], log_file[160], response_text[4096];
static mode_t response_mode;

static void on_phase(const char *phase, void *userdata) {
        assert_int_equal(string_list_add(&phases, phase), 0);
}

static void on_progress(const char *step, unsigned percent, void *userdata) {
        CLEANUP(cleanup_free) char *line = string_printf("%u %s", percent, step);
        assert_int_equal(string_list_add(&progress, line), 0);
}

static void on_done(const CreateReport *report, const Error *err, void *userdata) {
        created = report->created;
        snprintf(listener, sizeof listener, "%s", report->listener);
        snprintf(log_file, sizeof log_file, "%s", report->log_file);
        assert_int_equal(string_list_copy(report->notes, &notes), 0);
        assert_int_equal(string_list_copy(report->left, &left), 0);
        oracle_host_finish(&host, err);
}

/* What dbca would read. */
static void look_at_response(void *userdata) {
        struct stat st;
        char *text = NULL;
        size_t size;
        assert_int_equal(stat(response, &st), 0);
        response_mode = st.st_mode & 07777;
        assert_int_equal(file_read(response, 4000, ERROR_INTERNAL, &text, &size, NULL), 0);
        snprintf(response_text, sizeof response_text, "%s", text);
        free(text);
}

static void write_program(const char *name) {
        CLEANUP(cleanup_free) char *path = string_printf("home/bin/%s", name);
        oracle_host_write(&host, path, "");
        CLEANUP(cleanup_free) char *full = oracle_host_path(&host, path);
        assert_int_equal(chmod(full, 0755), 0);
}

static int setup(void **state) {
        oracle_host_init(&host);
        strcpy(host.database.sid, "UNITDB7"); /* no instance of this name runs anywhere */
        memcpy(answers, good, sizeof answers);
        answers[DBCA].before = look_at_response;
        write_program("dbca");
        oratab = oracle_host_path(&host, "oratab");
        response = oracle_host_path(&host, "dbca-7.rsp");
        area = oracle_host_path(&host, "fra");
        choices = (DbcaChoices){.recovery_area = area};
        response_text[0] = '\0';
        response_mode = 0;
        return 0;
}

static int teardown(void **state) {
        StringList *lists[] = {&phases, &notes, &left, &progress};
        run = create_run_free(run);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                string_list_done(lists[i]);
                *lists[i] = (StringList){0};
        }
        free(oratab);
        free(response);
        free(area);
        oracle_host_done(&host);
        return 0;
}

static void begin(void) {
        char password[] = SECRET;
        oracle_host_answer(&host, answers, N_PLACES);
        const CreateRunOptions options = {
                .database = &host.database,
                .choices = &choices,
                .sys_password = password,
                .response_file = response,
                .oratab = oratab,
                .shutdown_msec = 1000,
                .on_phase = on_phase,
                .on_progress = on_progress,
                .on_done = on_done,
        };
        assert_int_equal(create_run_start(&host.oracle, &options, &run, NULL), 0);
}

/* Whatever happened, the password is in no file, argument or variable any more, or never was. */
static void assert_no_password(void) {
        assert_int_equal(access(response, F_OK), -1);
        assert_null(strstr(host.error.message, SECRET));
        for (size_t i = 0; i < child_fake_count(); i++) {
                const ChildFake *child = child_fake_at(i);
                for (size_t j = 0; child_fake_argument(child, j) != NULL; j++)
                        assert_null(strstr(child_fake_argument(child, j), SECRET));
                assert_null(strstr(child_fake_input(child), SECRET));
        }
}

static void run_it(void) {
        begin();
        oracle_host_run(&host);
        assert_int_equal(host.n_done, 1);
        assert_no_password();
}

static void assert_failed(ErrorKind kind, const char *word) {
        assert_int_equal(host.error.kind, kind);
        if (strstr(host.error.message, word) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", host.error.message, word);
}

static bool dbca_was_run(void) {
        for (size_t i = 0; i < child_fake_count(); i++)
                if (string_ends_with(child_fake_argument(child_fake_at(i), 0), "/dbca"))
                        return true;
        return false;
}

static void the_good_way(void **state) {
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(created);
        assert_string_equal(listener, "ready");
        assert_string_equal(log_file, "/u01/x.log");
        assert_int_equal(phases.n, 3);
        assert_string_equal(phases.items[0], "dbca");
        assert_string_equal(phases.items[1], "archivelog");
        assert_string_equal(phases.items[2], "register");
        assert_int_equal(progress.n, 3);
        assert_string_equal(progress.items[1], "40 Copying database files");
        assert_string_equal(progress.items[2], "100 Copying database files");
        assert_string_equal(notes.items[0], "[WARNING] [DBT-1] weak");
        assert_int_equal(response_mode, 0600);
        assert_non_null(strstr(response_text, "sysPassword=" SECRET "\n"));
        assert_non_null(strstr(response_text, "schema_v19.0.0\n"));
        struct stat st;
        assert_int_equal(stat(area, &st), 0);
}

static void the_line_of_oratab_is_added_where_dbca_wrote_none(void **state) {
        run_it();
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        assert_int_equal(file_read(oratab, 4000, ERROR_INTERNAL, &text, &size, NULL), 0);
        CLEANUP(cleanup_free)
        char *line = string_printf("UNITDB7:%s:N\n", host.database.oracle_home);
        assert_string_equal(text, line);
        assert_int_equal(notes.n, 2);
        assert_non_null(strstr(notes.items[1], oratab));
}

static void the_release_decides_what_dbca_is_told(void **state) {
        answers[RELEASE].output = "SQL*Plus: Release 11.2.0.4.0 Production\n";
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_non_null(strstr(response_text, "RESPONSEFILE_VERSION = \"11.2.0\""));
}

static void an_unknown_release_stops_it(void **state) {
        answers[RELEASE].output = "Error 6 initializing SQL*Plus\n";
        answers[RELEASE].status = 1;
        run_it();
        assert_failed(ERROR_ORACLE, "did not say its release");
        assert_false(dbca_was_run());
}

static void no_pluggable_database_before_12_1(void **state) {
        answers[RELEASE].output = "SQL*Plus: Release 11.2.0.4.0 Production\n";
        choices.pdb = "SALES";
        run_it();
        assert_failed(ERROR_UNSUPPORTED, "pdb");
        assert_false(dbca_was_run());
        assert_int_equal(left.n, 0);
}

static void what_is_there_is_in_the_way(void **state) {
        CLEANUP(cleanup_free) char *line = string_printf("UNITDB7:/u01/home:N\n");
        oracle_host_write(&host, "oratab", line);
        run_it();
        assert_failed(ERROR_DATABASE_EXISTS, oratab);
        assert_false(dbca_was_run());
}

static void a_parameter_file_is_in_the_way(void **state) {
        oracle_host_write(&host, "home/dbs/initUNITDB7.ora", "");
        run_it();
        assert_failed(ERROR_DATABASE_EXISTS, "initUNITDB7.ora");
        assert_false(dbca_was_run());
}

static void a_home_without_dbca_is_named(void **state) {
        CLEANUP(cleanup_free) char *path = oracle_host_path(&host, "home/bin/dbca");
        assert_int_equal(unlink(path), 0);
        run_it();
        assert_failed(ERROR_ORACLE, path);
}

static void a_home_whose_base_is_not_known_wants_a_recovery_area(void **state) {
        choices.recovery_area = NULL;
        run_it();
        assert_failed(ERROR_ORACLE, "recovery_area");
        assert_false(dbca_was_run());
}

static void the_recovery_area_is_below_the_oracle_base(void **state) {
        choices.recovery_area = NULL;
        free(host.database.oracle_home);
        host.database.oracle_home = oracle_host_path(&host, "base/product/19/db");
        oracle_host_write(&host, "base/product/19/db/bin/dbca", "");
        CLEANUP(cleanup_free) char *dbca = oracle_host_path(&host, "base/product/19/db/bin/dbca");
        assert_int_equal(chmod(dbca, 0755), 0);
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        CLEANUP(cleanup_free) char *wanted = oracle_host_path(&host, "base/fast_recovery_area\n");
        assert_non_null(strstr(response_text, wanted));
}

static void leave_files(void *userdata) {
        oracle_host_write(&host, "home/dbs/spfileUNITDB7.ora", "");
        oracle_host_write(&host, "home/dbs/orapwUNITDB7", "");
        oracle_host_write(&host, "fra/UNITDB7/x", "");
        oracle_host_write(&host, "data/UNITDB7/system01.dbf", "");
        oracle_host_write(&host, "oratab", "UNITDB7:/u01/home:N\n");
}

static void what_a_failed_dbca_left_is_listed(void **state) {
        CLEANUP(cleanup_free) char *data = oracle_host_path(&host, "data");
        choices.data_directory = data;
        answers[DBCA] = (Answer){"dbca", "", "ORA-19809: limit exceeded\n", 255, 0, leave_files};
        run_it();
        assert_failed(ERROR_NO_SPACE, "ORA-19809");
        assert_false(created);
        assert_int_equal(left.n, 5);
        assert_non_null(strstr(left.items[0], "the line of UNITDB7"));
        assert_true(string_ends_with(left.items[1], "/dbs/spfileUNITDB7.ora"));
        assert_true(string_ends_with(left.items[2], "/dbs/orapwUNITDB7"));
        assert_true(string_ends_with(left.items[3], "/data/UNITDB7"));
        assert_true(string_ends_with(left.items[4], "/fra/UNITDB7"));
        for (size_t i = 1; i < left.n; i++)
                assert_int_equal(access(left.items[i], F_OK), 0);
}

static void a_dbca_that_cannot_be_started_leaves_no_response_file(void **state) {
        answers[DBCA].output = "";
        answers[DBCA].status = 254;
        run_it();
        assert_failed(ERROR_ORACLE, "did not accept");
}

static void a_dbca_that_prints_nothing_is_stopped(void **state) {
        host.oracle.stall_timeout_msec = 20;
        answers[DBCA].output = NULL;
        run_it();
        assert_failed(ERROR_TIMEOUT, "printed nothing");
}

static bool dbca_runs(void *userdata) {
        return dbca_was_run() && response_text[0] != '\0';
}

static ChildFake *dbca_child(void) {
        ChildFake *child = child_fake_last();
        assert_true(string_ends_with(child_fake_argument(child, 0), "/dbca"));
        return child;
}

static bool was_terminated(void *userdata) {
        return child_fake_signal(dbca_child()) == SIGTERM;
}

static void a_stop_interrupts_terminates_and_lets_go(void **state) {
        answers[DBCA].output = NULL;
        begin();
        oracle_host_run_until(&host, dbca_runs, NULL);
        assert_int_equal(create_run_stop(run, NULL), 0);
        assert_int_equal(child_fake_signal(dbca_child()), SIGINT);
        assert_int_equal(create_run_stop(run, NULL), 0);
        oracle_host_run_until(&host, was_terminated, NULL);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "dbca for UNITDB7 was stopped");
        assert_no_password();
}

static void a_dbca_that_was_interrupted_ends_as_stopped(void **state) {
        answers[DBCA].output = NULL;
        begin();
        oracle_host_run_until(&host, dbca_runs, NULL);
        assert_int_equal(create_run_stop(run, NULL), 0);
        child_fake_exit(dbca_child(), 252);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "UNITDB7");
        assert_no_password();
}

static void a_database_that_was_ready_before_the_stop_stays(void **state) {
        answers[DBCA].output = NULL;
        begin();
        oracle_host_run_until(&host, dbca_runs, NULL);
        child_fake_lines(dbca_child(), DBCA_GOOD);
        assert_int_equal(create_run_stop(run, NULL), 0);
        child_fake_exit(dbca_child(), 0);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "was created and stays");
        assert_true(created);
        assert_no_password();
}

static void a_stop_before_anything_ran(void **state) {
        begin();
        assert_int_equal(create_run_stop(run, NULL), 0);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "UNITDB7");
        assert_false(dbca_was_run());
}

static void logs_that_would_go_into_dbs_fail_it(void **state) {
        answers[DATABASE].output = FACTS SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "was created and stays, but: its archived logs");
        assert_true(created);
}

static void warnings_beyond_the_limit_stay_in_dbcas_log(void **state) {
        Text lines = TEXT_INIT;
        for (unsigned i = 0; i < LIMIT_DBCA_WARNINGS + 2; i++)
                text_appendf(&lines, "[WARNING] number %u\n", i);
        text_append(&lines, "100% complete\n");
        answers[DBCA].output = text_get(&lines);
        run_it();
        text_done(&lines);
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_int_equal(notes.n, LIMIT_DBCA_WARNINGS + 1); /* and the line of oratab */
        assert_string_equal(notes.items[LIMIT_DBCA_WARNINGS - 1], "[WARNING] number 63");
}

static void a_listener_never_fails_it(void **state) {
        answers[LISTENER] = (Answer){"lsnrctl", "", "TNS-12541: TNS:no listener\n", 1, 0, NULL};
        answers[REGISTER].output = "ORA-01031: insufficient privileges\n";
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_non_null(strstr(listener, "lsnrctl start"));
        assert_non_null(strstr(notes.items[notes.n - 1], "ORA-01031"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_good_way),
                TEST(the_line_of_oratab_is_added_where_dbca_wrote_none),
                TEST(the_release_decides_what_dbca_is_told),
                TEST(an_unknown_release_stops_it),
                TEST(no_pluggable_database_before_12_1),
                TEST(what_is_there_is_in_the_way),
                TEST(a_parameter_file_is_in_the_way),
                TEST(a_home_without_dbca_is_named),
                TEST(a_home_whose_base_is_not_known_wants_a_recovery_area),
                TEST(the_recovery_area_is_below_the_oracle_base),
                TEST(what_a_failed_dbca_left_is_listed),
                TEST(a_dbca_that_cannot_be_started_leaves_no_response_file),
                TEST(a_dbca_that_prints_nothing_is_stopped),
                TEST(a_stop_interrupts_terminates_and_lets_go),
                TEST(a_dbca_that_was_interrupted_ends_as_stopped),
                TEST(a_database_that_was_ready_before_the_stop_stays),
                TEST(a_stop_before_anything_ran),
                TEST(logs_that_would_go_into_dbs_fail_it),
                TEST(warnings_beyond_the_limit_stay_in_dbcas_log),
                TEST(a_listener_never_fails_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
