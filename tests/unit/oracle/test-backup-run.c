/* oracle/backup-run.c, oracle/backup-phases.c, oracle/backup-pieces.c, oracle/backup-files.c,
 * oracle/preflight.c, oracle/database-status.c */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/limits.h"
#include "oracle/backup-run-private.h"
#include "oracle/preflight.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

#define TAG "LEVEL0-20261122T061044Z"
#define END "\n\nRecovery Manager complete.\n"
#define FINISHED "Finished backup at 22-NOV-26\n"
#define P5 R "P5" F "1" F "OPEN" F "PUBLIC" F "7" F "990\n"
#define P2                                                                                         \
        R "P2" F "4711" F "TESTDB15" F "TESTDB15" F "ARCHIVELOG" F "READ WRITE" F "PRIMARY" F      \
          "CURRENT" F "NO" F "NO" F "1" F "1200" F "+00:00" F "NO\n"
#define P4(file, created)                                                                          \
        R "P4" F file F created F "1100" F "ONLINE" F "READ WRITE" F "81920" F "0" F "0" F F       \
          "/data/" file ".dbf\n"
#define A2(file, created, checkpoint)                                                              \
        R "A2" F file F created F "1" F "0" F "0" F checkpoint F "0" F "0" F "0" F "0" F "10" F    \
          "10" F "8192" F "100" F file "\n"
#define A3(sequence, first, next) R "A3" F "1" F sequence F "1" F first F next "\n"
#define REST R "A4N" F "/data/1.dbf\n" R "A5" F "0\n" SQL_OK

static OracleHost host;
static DatabaseFacts facts;
static char destination[128];
static Text rman_output, a1;
static const char *times;
static BackupRunResult result;
static StringList handed_on;

static void announce(const char *name, const char *tag) {
        text_appendf(
                &rman_output, "piece handle=%s/%s tag=%s comment=NONE\n", destination, name, tag);
}

static void piece(const char *name, const char *size, const char *set, const char *controlfile) {
        char below[64];
        snprintf(below, sizeof below, "staging/%s", name);
        oracle_host_write(&host, below, "0123456789");
        text_appendf(
                &a1,
                R "A1" F "%s/%s" F "%s" F "4" F "1" F "1" F "1" F "A" F "DISK" F "NO" F "I" F "0" F
                  "%s" F "100" F "%s\n",
                destination,
                name,
                size,
                controlfile,
                set);
}

static int setup(void **state) {
        oracle_host_init(&host);
        facts = (DatabaseFacts){0};
        facts.version = strdup("19.0.0.0.0");
        facts.edition = strdup("Oracle Database 19c Enterprise Edition");
        facts.dbid = 4711;
        facts.resetlogs_scn = 1;
        facts.utc_offset = strdup("+00:00");
        facts.spfile = oracle_host_path(&host, "home/dbs/spfileTESTDB15.ora");
        oracle_host_write(&host, "home/dbs/spfileTESTDB15.ora", "spfile");
        oracle_host_write(&host, "home/dbs/orapwTESTDB15", "orapw");
        snprintf(destination, sizeof destination, "%s/staging", host.directory);
        rman_output = a1 = TEXT_INIT;
        result = (BackupRunResult){0};
        handed_on = (StringList){0};
        times = "ORA-08180: no snapshot found\n";
        piece("a.bkp", "10", "1", "NO");
        piece("c.bkp", "6", "2", "YES");
        announce("a.bkp", TAG);
        text_append(&rman_output, FINISHED FINISHED FINISHED);
        announce("c.bkp", TAG);
        text_append(&rman_output, FINISHED);
        return 0;
}

static int teardown(void **state) {
        backup_run_result_done(&result);
        database_facts_done(&facts);
        string_list_done(&handed_on);
        text_done(&rman_output);
        text_done(&a1);
        oracle_host_done(&host);
        return 0;
}

static void
on_piece(const char *handle, uint64_t size, uint32_t mode, int64_t mtime, void *userdata) {
        assert_int_equal(size, 10);
        assert_int_equal(string_list_add(&handed_on, handle), 0);
}

static void on_done(BackupRunResult *got, const Error *err, void *userdata) {
        assert_true((got == NULL) == (err != NULL));
        if (got != NULL) {
                result = *got;
                *got = (BackupRunResult){0};
        }
        oracle_host_finish(&host, err);
}

static void write_pfile(void *userdata) {
        oracle_host_write(&host, "staging/.files/initTESTDB15.ora", "*.db_name='TESTDB15'\n");
}

static BackupRun *start(unsigned level) {
        BackupRun *run = NULL;
        const BackupRunOptions options = {
                .database = &host.database,
                .facts = &facts,
                .level = level,
                .tag = TAG,
                .destination = destination,
                .compressed = true,
                .channels = 1,
                .on_piece = on_piece,
                .on_done = on_done,
        };
        assert_int_equal(backup_run_start(&host.oracle, &options, &run, NULL), 0);
        return run;
}

static void run_with(const char *first_facts, const char *later_facts) {
        Text first = TEXT_INIT, later = TEXT_INIT, output = TEXT_INIT;
        text_appendf(&first, "%s%s", text_get(&a1), first_facts);
        text_appendf(&later, "%s%s", text_get(&a1), later_facts);
        text_appendf(&output, "%s" END, text_get(&rman_output));
        const Answer answers[] = {
                {"sqlplus", "v$thread", P5 SQL_OK, 0, 0, NULL},
                {"rman", "level=0 database noexclude", text_get(&output), 0, 0, NULL},
                {"rman", "level=0 datafile", FINISHED FINISHED FINISHED END, 0, 0, NULL},
                {"rman", "restore archivelog", FINISHED FINISHED END, 0, 0, NULL},
                {"sqlplus", "'A1'", text_get(&first), 0, 1, NULL},
                {"sqlplus", "'A1'", text_get(&later), 0, 0, NULL},
                {"sqlplus", "'A7'", R "A7" F "8" F "YES" F "D" F "\n" SQL_OK, 0, 0, NULL},
                {"sqlplus", "scn_to_timestamp", times, 2, 0, NULL},
                {"sqlplus", "create pfile", SQL_OK, 0, 0, write_pfile},
        };
        oracle_host_answer(&host, answers, ELEMENTSOF(answers));
        BackupRun *run = start(0);
        oracle_host_run(&host);
        backup_run_free(run);
        text_done(&first);
        text_done(&later);
        text_done(&output);
}

#define WHOLE P2 P4("1", "10") A2("1", "10", "1000") A3("7", "990", "1100") REST

static void expect_failure(const char *facts_rows, ErrorKind kind, const char *says) {
        run_with(facts_rows, facts_rows);
        if (host.error.kind != kind)
                print_message("%s\n", host.error.message);
        assert_int_equal(host.error.kind, kind);
        assert_non_null(strstr(host.error.message, says));
}

static void a_run_that_stands_alone_is_delivered(void **state) {
        run_with(WHOLE, WHOLE);
        assert_string_equal(host.error.message, "");
        assert_int_equal(handed_on.n, 2);
        assert_string_equal(path_name(result.control_file_piece), "c.bkp");
        assert_int_equal(result.consistency.until_scn, 1100);
        assert_int_equal(result.n_files, 3);
        assert_int_equal(result.files[0].kind, BACKUP_FILE_SPFILE);
        assert_int_equal(result.files[1].kind, BACKUP_FILE_PFILE);
        assert_int_equal(result.files[2].kind, BACKUP_FILE_ORAPW);
        assert_null(result.facts.fuzzy_time);
        struct stat st;
        assert_int_equal(stat(result.files[0].source, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_true(oracle_host_was_told("archivelog from sequence 7 thread 1"));
}

#define A6 R "A6" F "2026-11-22T06:10:30" F "2026-11-22T06:10:44\n" SQL_OK

static void times_are_kept_with_the_offset_of_their_clock(void **state) {
        times = A6;
        run_with(WHOLE, WHOLE);
        assert_string_equal(host.error.message, "");
        assert_string_equal(result.facts.fuzzy_time, "2026-11-22T06:10:30");
        assert_string_equal(result.facts.until_time, "2026-11-22T06:10:44");
        assert_int_equal(result.warnings.n, 0);
}

static void times_of_a_clock_that_changed_its_offset_are_not_kept(void **state) {
        times = A6;
        free(facts.utc_offset);
        facts.utc_offset = strdup("+01:00");
        run_with(WHOLE, WHOLE);
        assert_string_equal(host.error.message, "");
        assert_null(result.facts.fuzzy_time);
        assert_null(result.facts.until_time);
        assert_int_equal(result.warnings.n, 1);
        assert_non_null(strstr(result.warnings.items[0], "from +01:00 to +00:00"));
}

static void no_password_file_is_a_warning(void **state) {
        char *path = oracle_host_path(&host, "home/dbs/orapwTESTDB15");
        unlink(path);
        free(path);
        run_with(WHOLE, WHOLE);
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_int_equal(result.n_files, 2);
        assert_int_equal(result.warnings.n, 1);
        assert_non_null(strstr(result.warnings.items[0], "orapwTESTDB15"));
}

static void a_password_file_beyond_the_limit_is_a_failure(void **state) {
        char *path = oracle_host_path(&host, "home/dbs/orapwTESTDB15");
        assert_int_equal(truncate(path, LIMIT_SMALL_FILE_BYTES + 1L), 0);
        free(path);
        expect_failure(WHOLE, ERROR_INTERNAL, "orapwTESTDB15 is larger than");
}

static void a_database_on_a_pfile_gives_its_pfile(void **state) {
        facts.spfile[0] = '\0';
        oracle_host_write(&host, "home/dbs/initTESTDB15.ora", "db_name=TESTDB15\n");
        rman_output.length = 0;
        announce("a.bkp", TAG);
        announce("c.bkp", TAG);
        text_append(&rman_output, FINISHED FINISHED FINISHED);
        run_with(WHOLE, WHOLE);
        assert_string_equal(host.error.message, "");
        assert_int_equal(result.files[0].kind, BACKUP_FILE_PFILE);
        assert_false(oracle_host_was_told("create pfile"));
        assert_false(oracle_host_was_told("spfile tag"));
}

static void a_piece_of_an_autobackup_is_not_ours(void **state) {
        text_append(
                &rman_output,
                "Starting Control File and SPFILE Autobackup at 22-NOV-26\n"
                "piece handle=/fra/o1_mf_s_1.bkp comment=NONE\n"
                "Finished Control File and SPFILE Autobackup at 22-NOV-26\n");
        run_with(WHOLE, WHOLE);
        assert_string_equal(host.error.message, "");
        assert_int_equal(handed_on.n, 2);
}

static void a_piece_elsewhere_is_a_failure(void **state) {
        text_append(&rman_output, "piece handle=/fra/x.bkp tag=" TAG " comment=NONE\n");
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "/fra/x.bkp");
}

static void a_piece_with_another_tag_is_a_failure(void **state) {
        announce("b.bkp", "NIGHTLY");
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "tag");
}

static void a_piece_that_is_not_there_is_a_failure(void **state) {
        announce("b.bkp", TAG);
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "b.bkp");
}

static void a_piece_the_control_file_does_not_know_is_a_failure(void **state) {
        oracle_host_write(&host, "staging/b.bkp", "0123456789");
        announce("b.bkp", TAG);
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "b.bkp");
}

static void a_piece_nobody_announced_is_a_failure(void **state) {
        piece("b.bkp", "10", "3", "NO");
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "b.bkp");
}

static void a_size_that_does_not_fit_is_a_failure(void **state) {
        piece("b.bkp", "7", "3", "NO");
        announce("b.bkp", TAG);
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "b.bkp");
}

static void a_data_file_left_out_is_a_failure(void **state) {
        text_append(&rman_output, "skipping datafile 5; already backed up 2 time(s)\n");
        expect_failure(WHOLE, ERROR_RMAN_FAILED, "datafile 5");
}

static void a_file_added_meanwhile_gets_a_round_of_its_own(void **state) {
#define ADDED P2 P4("1", "10") P4("5", "1050") A2("1", "10", "1000")
        run_with(
                ADDED A3("7", "990", "1100") REST,
                ADDED A2("5", "1050", "1150") A3("7", "990", "1100") A3("8", "1100", "1200") REST);
        assert_string_equal(host.error.message, "");
        const ChildFake *round = oracle_host_told("level=0 datafile 5");
        assert_non_null(round);
        assert_non_null(strstr(child_fake_input(round), "from sequence 8 thread 1"));
        assert_int_equal(result.consistency.until_scn, 1200);
}

static void a_structure_that_never_rests_is_given_up(void **state) {
        expect_failure(
                ADDED A3("7", "990", "1100") REST, ERROR_NOT_CONSISTENT, "supplementary rounds");
}

#define HOLE                                                                                       \
        P2 P4("1", "10") A2("1", "10", "1000") A3("7", "990", "1010") A3("9", "1050", "1100") REST

static void a_hole_in_the_logs_is_cured_once(void **state) {
        run_with(
                HOLE,
                P2 P4("1", "10") A2("1", "10", "1000") A3("7", "990", "1010")
                        A3("8", "1010", "1050") A3("9", "1050", "1100") REST);
        assert_string_equal(host.error.message, "");
        assert_true(oracle_host_was_told("restore archivelog from sequence 8 until sequence 8"));
}

static void a_hole_that_stays_is_not_consistent(void **state) {
        expect_failure(HOLE, ERROR_NOT_CONSISTENT, "TESTDB15");
}

static bool rman_runs(void *userdata) {
        return oracle_host_was_told("database noexclude");
}

static void a_cancelled_run_ends_when_rman_is_gone(void **state) {
        const Answer answers[] = {
                {"sqlplus", "v$thread", P5 SQL_OK, 0, 0, NULL},
                {"rman", "", "", -1, 0, NULL},
        };
        oracle_host_answer(&host, answers, ELEMENTSOF(answers));
        BackupRun *run = start(0);
        oracle_host_run_until(&host, rman_runs, NULL);
        backup_run_stop(run);
        assert_int_equal(host.n_done, 0);
        assert_int_equal(child_fake_signal(child_fake_last()), SIGINT);
        child_fake_exit(child_fake_last(), 1);
        assert_int_equal(host.n_done, 1);
        backup_run_free(run);
        assert_int_equal(host.error.kind, ERROR_CANCELLED);
}

static void a_run_cancelled_at_once_starts_nothing(void **state) {
        BackupRun *run = start(0);
        backup_run_stop(run);
        oracle_host_run(&host);
        backup_run_free(run);
        assert_int_equal(host.error.kind, ERROR_CANCELLED);
        assert_int_equal(child_fake_count(), 0);
}

static void the_error_of_rman_is_that_of_the_run(void **state) {
        const Answer answers[] = {
                {"sqlplus", "v$thread", P5 SQL_OK, 0, 0, NULL},
                {"rman",
                 "",
                 "RMAN-00569: =============== ERROR MESSAGE STACK FOLLOWS ===============\n"
                 "RMAN-03009: failure of backup command on c1 channel at 11/22/2026 06:10:44\n"
                 "ORA-19809: limit exceeded for recovery files\n" END,
                 1,
                 0,
                 NULL},
        };
        oracle_host_answer(&host, answers, ELEMENTSOF(answers));
        BackupRun *run = start(0);
        oracle_host_run(&host);
        backup_run_free(run);
        assert_int_equal(host.error.kind, ERROR_NO_SPACE);
        assert_string_equal(host.error.ora_code, "ORA-19809");
}

static void every_state_ends_or_goes_on(void **state) {
        for (BackupRunState from = 0; from < BACKUP_RUN_ENDED; from++) {
                unsigned n = 0;
                assert_true(backup_run_may_move(from, BACKUP_RUN_ENDED));
                for (BackupRunState to = 0; to < BACKUP_RUN_ENDED; to++)
                        n += backup_run_may_move(from, to);
                assert_true(from == BACKUP_RUN_FILES ? n == 0 : n > 0);
                assert_false(backup_run_may_move(BACKUP_RUN_ENDED, from));
        }
        assert_true(backup_run_may_move(BACKUP_RUN_FACTS, BACKUP_RUN_RMAN));
        assert_false(backup_run_may_move(BACKUP_RUN_RMAN, BACKUP_RUN_FILES));
}

/* --- preflight and status --- */

static void
on_preflight(DatabaseFacts *got, const StringList *warnings, const Error *err, void *userdata) {
        assert_true((got == NULL) == (err != NULL));
        oracle_host_finish(&host, err);
}

#define P1(status)                                                                                 \
        R "P1" F "TESTDB15" F "host1" F "19.0.0.0.0" F status F "STARTED" F "NO" F "1" F           \
          "ALLOWED" F "2026-11-22T06:00:00\n" R "P1V" F                                            \
          "Oracle Database 19c Enterprise Edition\n" SQL_OK

static void preflight(const char *instance, int status, const char *database) {
        Preflight *query = NULL;
        const Answer answers[] = {
                {"sqlplus", "'P2'", database, 0, 0, NULL},
                {"sqlplus", "'P1'", instance, status, 0, NULL},
        };
        oracle_host_answer(&host, answers, 2);
        assert_int_equal(
                preflight_start(
                        &host.oracle,
                        &(PreflightOptions){.database = &host.database, .on_done = on_preflight},
                        &query,
                        NULL),
                0);
        oracle_host_run(&host);
        preflight_free(query);
}

static void an_open_database_in_archivelog_mode_may_be_backed_up(void **state) {
        preflight(P1("OPEN"), 0, P2 P4("1", "10") P5 SQL_OK);
        assert_string_equal(host.error.message, "");
}

static void a_database_without_archivelog_is_refused(void **state) {
        preflight(
                P1("OPEN"),
                0,
                R "P2" F "4711" F "TESTDB15" F "TESTDB15" F "NOARCHIVELOG" F "READ WRITE" F
                  "PRIMARY" F "CURRENT" F "NO" F "NO" F "1" F "1200" F "+00:00" F
                  "NO\n" P4("1", "10") P5 SQL_OK);
        assert_int_equal(host.error.kind, ERROR_NOT_ARCHIVELOG);
        assert_non_null(strstr(host.error.message, "TESTDB15"));
}

static void a_started_instance_is_not_asked_further(void **state) {
        preflight(P1("STARTED"), 0, "");
        assert_int_equal(host.error.kind, ERROR_ORACLE);
        assert_int_equal(child_fake_count(), 1);
}

static void a_database_that_is_down_is_refused(void **state) {
        preflight("ERROR:\nORA-01034: ORACLE not available\n", 2, "");
        assert_int_equal(host.error.kind, ERROR_ORACLE);
        assert_string_equal(host.error.ora_code, "ORA-01034");
}

static char status_seen[16];

static void on_status(const DatabaseStatus *status, void *userdata) {
        snprintf(status_seen, sizeof status_seen, "%s", status->state);
        oracle_host_finish(&host, NULL);
}

static void a_database_without_a_process_is_down(void **state) {
        StatusQuery *query = NULL;
        snprintf(host.database.sid, sizeof host.database.sid, "NOPROC%d", getpid());
        assert_int_equal(
                database_status_start(&host.oracle, &host.database, on_status, NULL, &query, NULL),
                0);
        oracle_host_run(&host);
        database_status_free(query);
        assert_string_equal(status_seen, "DOWN");
        assert_int_equal(child_fake_count(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_run_that_stands_alone_is_delivered),
                TEST(times_are_kept_with_the_offset_of_their_clock),
                TEST(times_of_a_clock_that_changed_its_offset_are_not_kept),
                TEST(no_password_file_is_a_warning),
                TEST(a_password_file_beyond_the_limit_is_a_failure),
                TEST(a_database_on_a_pfile_gives_its_pfile),
                TEST(a_piece_of_an_autobackup_is_not_ours),
                TEST(a_piece_elsewhere_is_a_failure),
                TEST(a_piece_with_another_tag_is_a_failure),
                TEST(a_piece_that_is_not_there_is_a_failure),
                TEST(a_piece_the_control_file_does_not_know_is_a_failure),
                TEST(a_piece_nobody_announced_is_a_failure),
                TEST(a_size_that_does_not_fit_is_a_failure),
                TEST(a_data_file_left_out_is_a_failure),
                TEST(a_file_added_meanwhile_gets_a_round_of_its_own),
                TEST(a_structure_that_never_rests_is_given_up),
                TEST(a_hole_in_the_logs_is_cured_once),
                TEST(a_hole_that_stays_is_not_consistent),
                TEST(a_cancelled_run_ends_when_rman_is_gone),
                TEST(a_run_cancelled_at_once_starts_nothing),
                TEST(the_error_of_rman_is_that_of_the_run),
                TEST(every_state_ends_or_goes_on),
                TEST(an_open_database_in_archivelog_mode_may_be_backed_up),
                TEST(a_database_without_archivelog_is_refused),
                TEST(a_started_instance_is_not_asked_further),
                TEST(a_database_that_is_down_is_refused),
                TEST(a_database_without_a_process_is_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
