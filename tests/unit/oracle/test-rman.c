/* oracle/rman.c, oracle/growth.c, oracle/sessions.c, oracle/maintenance.c */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/maintenance.h"
#include "oracle/rman.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

#define GOOD                                                                                       \
        "Starting backup at 22-NOV-26\nchannel c1: SID=77 device type=DISK\n"                      \
        "Finished backup at 22-NOV-26\n\n\nRecovery Manager complete.\n"

static OracleHost host;
static unsigned n_finished;

static int setup(void **state) {
        oracle_host_init(&host);
        n_finished = 0;
        return 0;
}

static int teardown(void **state) {
        oracle_host_done(&host);
        return 0;
}

static void on_event(const RmanEvent *event, void *userdata) {
        n_finished += event->type == RMAN_EVENT_FINISHED;
}

static void on_done(const Error *err, void *userdata) {
        oracle_host_finish(&host, err);
}

static Rman *start(const Answer *answers, size_t n, const StringList *growth) {
        Rman *rman = NULL;
        oracle_host_answer(&host, answers, n);
        assert_int_equal(
                rman_start(
                        &host.oracle,
                        &(RmanOptions){
                                .database = &host.database,
                                .phase = RMAN_PHASE_BACKUP,
                                .script = "connect target /;\nbackup database;\nexit;\n",
                                .expect_backups = 1,
                                .growth_directories = growth,
                                .command_id = "0badcafe",
                                .on_event = on_event,
                                .on_done = on_done,
                        },
                        &rman,
                        NULL),
                0);
        return rman;
}

static void expect(const char *output, int status, ErrorKind kind, const char *says) {
        Rman *rman = start(&(Answer){"rman", "backup database", output, status, 0, NULL}, 1, NULL);
        oracle_host_run(&host);
        rman_free(rman);
        assert_int_equal(host.error.kind, kind);
        assert_non_null(strstr(host.error.message, says));
}

static void a_run_with_its_markers_and_status_0_is_good(void **state) {
        expect(GOOD, 0, ERROR_NONE, "");
        assert_int_equal(n_finished, 1);
        assert_true(child_fake_input_closed(child_fake_last()));
}

static void a_good_text_with_another_status_is_a_failure(void **state) {
        expect(GOOD, 1, ERROR_RMAN_FAILED, "status 1");
}

static void a_missing_marker_is_a_failure_with_status_0(void **state) {
        expect("Starting backup at 22-NOV-26\n\n\nRecovery Manager complete.\n",
               0,
               ERROR_RMAN_FAILED,
               "TESTDB15");
}

static void an_error_stack_is_a_failure_with_status_0(void **state) {
        expect("RMAN-00571: ====\nRMAN-00569: ==== ERROR MESSAGE STACK FOLLOWS ====\n"
               "RMAN-00571: ====\nRMAN-03002: failure of backup command at 11/22/2026 06:10:44\n"
               "RMAN-06149: cannot BACKUP DATABASE in NOARCHIVELOG mode\n\n\n"
               "Recovery Manager complete.\n",
               0,
               ERROR_NOT_ARCHIVELOG,
               "RMAN-06149");
}

static bool told(void *userdata) {
        return oracle_host_was_told("backup database");
}

static void a_killed_rman_is_named(void **state) {
        Rman *rman = start(
                &(Answer){"rman", "", "Starting backup at 22-NOV-26\n", -1, 0, NULL}, 1, NULL);
        oracle_host_run_until(&host, told, NULL);
        child_fake_killed(child_fake_last(), SIGKILL);
        oracle_host_run(&host);
        rman_free(rman);
        assert_int_equal(host.error.kind, ERROR_RMAN_FAILED);
        assert_non_null(strstr(host.error.message, "signal 9"));
}

/* --- stop --- */

static int wanted_signal;

static bool was_signalled(void *userdata) {
        return child_fake_count() > 0 && child_fake_signal(child_fake_at(0)) == wanted_signal;
}

static void await_signal(int number) {
        wanted_signal = number;
        oracle_host_run_until(&host, was_signalled, NULL);
}

static void a_stop_asks_first_and_kills_its_sessions_in_sql_before_rman(void **state) {
        const Answer answers[] = {
                {"rman", "", "channel c1: SID=77 device type=DISK\n", -1, 0, NULL},
                {"sqlplus", "v$session", R "S1" F "77" F "4711" F "rman@host\n" SQL_OK, 0, 0, NULL},
                {"sqlplus", "kill session", SQL_OK, 0, 0, NULL},
        };
        Rman *rman = start(answers, 3, NULL);
        oracle_host_run_until(&host, told, NULL);
        rman_stop(rman);
        rman_stop(rman);
        assert_int_equal(child_fake_signal(child_fake_at(0)), SIGINT);
        await_signal(SIGTERM);
        assert_int_equal(child_fake_count(), 1);
        await_signal(SIGKILL);
        assert_true(oracle_host_was_told("0badcafe"));
        assert_true(oracle_host_was_told("kill session '77,4711' immediate"));
        child_fake_killed(child_fake_at(0), SIGKILL);
        rman_free(rman);
        assert_int_equal(host.error.kind, ERROR_CANCELLED);
}

static void a_stop_that_rman_obeys_is_over_at_once(void **state) {
        Rman *rman = start(&(Answer){"rman", "", "", -1, 0, NULL}, 1, NULL);
        oracle_host_run_until(&host, told, NULL);
        rman_stop(rman);
        child_fake_exit(child_fake_at(0), 1);
        rman_free(rman);
        assert_int_equal(host.error.kind, ERROR_CANCELLED);
        assert_int_equal(child_fake_count(), 1);
}

/* --- silence --- */

static void silence_stops_the_run_and_names_the_archive_destination(void **state) {
        host.oracle.stall_timeout_msec = 20;
        Rman *rman = start(&(Answer){"rman", "", "", -1, 0, NULL}, 1, NULL);
        await_signal(SIGINT);
        child_fake_exit(child_fake_at(0), 1);
        rman_free(rman);
        assert_int_equal(host.error.kind, ERROR_RMAN_STALLED);
        assert_non_null(strstr(host.error.message, "full archive destination"));
}

static unsigned n_growths;

static bool has_grown_long(void *userdata) {
        char text[32];
        snprintf(text, sizeof text, "%u", n_growths++);
        oracle_host_write(&host, "staging/piece", text);
        assert_int_equal(child_fake_signal(child_fake_at(0)), 0);
        return n_growths > 100;
}

static void a_growing_piece_is_a_sign_of_life(void **state) {
        host.oracle.stall_timeout_msec = 60;
        char *directory = oracle_host_path(&host, "staging");
        StringList growth = {0};
        assert_int_equal(string_list_add(&growth, directory), 0);
        Rman *rman = start(&(Answer){"rman", "", "", -1, 0, NULL}, 1, &growth);
        n_growths = 0;
        oracle_host_run_until(&host, has_grown_long, NULL);
        await_signal(SIGINT); /* and none when it grows no more */
        child_fake_exit(child_fake_at(0), 1);
        rman_free(rman);
        string_list_done(&growth);
        free(directory);
        assert_int_equal(host.error.kind, ERROR_RMAN_STALLED);
}

static unsigned n_ticks;

static bool waited_long(void *userdata) {
        assert_int_equal(child_fake_signal(child_fake_at(0)), 0);
        return ++n_ticks > 60;
}

static void the_implicit_crosscheck_may_be_silent(void **state) {
        host.oracle.stall_timeout_msec = 20;
        n_ticks = 0;
        Rman *rman = start(
                &(Answer){
                        "rman",
                        "",
                        "Starting implicit crosscheck backup at 22-NOV-26\n",
                        -1,
                        0,
                        NULL},
                1,
                NULL);
        oracle_host_run_until(&host, told, NULL);
        oracle_host_run_until(&host, waited_long, NULL);
        child_fake_line(child_fake_at(0), "Finished implicit crosscheck backup at 22-NOV-26");
        await_signal(SIGINT);
        child_fake_exit(child_fake_at(0), 1);
        rman_free(rman);
}

static void a_freed_run_says_nothing(void **state) {
        rman_free(start(&(Answer){"rman", "", GOOD, 0, 0, NULL}, 1, NULL));
        assert_true(child_fake_is_freed(child_fake_last()));
        assert_int_equal(host.n_done, 0);
}

static void command_ids_follow_from_the_tag(void **state) {
        char a[RMAN_COMMAND_ID_BYTES], b[RMAN_COMMAND_ID_BYTES];
        rman_command_id("LEVEL0-20261122T061044Z", a);
        rman_command_id("LEVEL0-20261122T061045Z", b);
        assert_int_equal(strlen(a), 8);
        assert_string_not_equal(a, b);
}

/* --- maintenance --- */

#define DELETED "deleted backup piece\nDeleted 3 objects\n\n\nRecovery Manager complete.\n"

static void delete_tag(const char *sessions, const char *deleted, const char *left) {
        Maintenance *maintenance = NULL;
        const Answer answers[] = {
                {"sqlplus", "v$session", sessions, 0, 0, NULL},
                {"sqlplus", "kill session", SQL_OK, 0, 0, NULL},
                {"rman", "delete force", deleted, 0, 0, NULL},
                {"sqlplus", "v$backup_piece", left, 0, 0, NULL},
        };
        oracle_host_answer(&host, answers, 4);
        assert_int_equal(
                maintenance_delete_tag(
                        &host.oracle,
                        &(MaintenanceOptions){
                                .database = &host.database, .tag = "TAG1", .on_done = on_done},
                        &maintenance,
                        NULL),
                0);
        oracle_host_run(&host);
        maintenance_free(maintenance);
}

static void a_tag_is_deleted_with_force_and_with_proof(void **state) {
        delete_tag(SQL_OK, DELETED, R "L1" F "0\n" SQL_OK);
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(oracle_host_was_told("delete force noprompt backup tag='TAG1'"));
}

static void what_is_left_of_a_tag_is_a_failure(void **state) {
        delete_tag(SQL_OK, DELETED, R "L1" F "2\n" SQL_OK);
        assert_int_equal(host.error.kind, ERROR_RMAN_FAILED);
        assert_non_null(strstr(host.error.message, "TAG1"));
}

static void no_answer_is_no_proof(void **state) {
        delete_tag(SQL_OK, DELETED, SQL_OK);
        assert_int_equal(host.error.kind, ERROR_ORACLE);
}

static void sessions_of_a_run_that_was_cut_off_end_first(void **state) {
        delete_tag(
                R "S1" F "12" F "34" F "rman@host\n" R "S1" F "56" F "78" F "rman@host\n" SQL_OK,
                DELETED,
                R "L1" F "0\n" SQL_OK);
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(oracle_host_was_told("kill session '12,34' immediate"));
        assert_true(oracle_host_was_told("kill session '56,78' immediate"));
}

static void pieces_are_uncataloged(void **state) {
        Maintenance *maintenance = NULL;
        StringList handles = {0};
        assert_int_equal(string_list_add(&handles, "/staging/a.bkp"), 0);
        oracle_host_answer(
                &host,
                &(Answer){
                        "rman",
                        "uncatalog",
                        "uncataloged backup piece\nUncataloged 1 objects\n\n\n"
                        "Recovery Manager complete.\n",
                        0,
                        0,
                        NULL},
                1);
        assert_int_equal(
                maintenance_uncatalog(
                        &host.oracle,
                        &(MaintenanceOptions){
                                .database = &host.database,
                                .handles = &handles,
                                .on_done = on_done},
                        &maintenance,
                        NULL),
                0);
        oracle_host_run(&host);
        maintenance_free(maintenance);
        string_list_done(&handles);
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(oracle_host_was_told("'/staging/a.bkp'"));
}

static void errors_that_pass_by_themselves_are_known(void **state) {
        Error error = {.kind = ERROR_RMAN_FAILED, .ora_code = "RMAN-08512"};
        assert_true(oracle_error_is_transient(&error));
        strcpy(error.ora_code, "ORA-19809");
        assert_false(oracle_error_is_transient(&error));
        error.ora_code[0] = '\0';
        assert_false(oracle_error_is_transient(&error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_run_with_its_markers_and_status_0_is_good),
                TEST(a_good_text_with_another_status_is_a_failure),
                TEST(a_missing_marker_is_a_failure_with_status_0),
                TEST(an_error_stack_is_a_failure_with_status_0),
                TEST(a_killed_rman_is_named),
                TEST(a_stop_asks_first_and_kills_its_sessions_in_sql_before_rman),
                TEST(a_stop_that_rman_obeys_is_over_at_once),
                TEST(silence_stops_the_run_and_names_the_archive_destination),
                TEST(a_growing_piece_is_a_sign_of_life),
                TEST(the_implicit_crosscheck_may_be_silent),
                TEST(a_freed_run_says_nothing),
                TEST(command_ids_follow_from_the_tag),
                TEST(a_tag_is_deleted_with_force_and_with_proof),
                TEST(what_is_left_of_a_tag_is_a_failure),
                TEST(no_answer_is_no_proof),
                TEST(sessions_of_a_run_that_was_cut_off_end_first),
                TEST(pieces_are_uncataloged),
                TEST(errors_that_pass_by_themselves_are_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
