/* oracle/restore-run.c, restore-prepare.c, restore-phases.c, restore-open.c, overwrite-run.c */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "oracle/restore-run-private.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

#define END "\n\nRecovery Manager complete.\n"
#define P1 R "P1" F "TESTDB15" F "h" F "19.0.0.0.0" F "STARTED" F F "NO" F "1" F F "\n"
#define NOMOUNT "ORACLE instance started.\n" P1 R "P3" F "db_name" F "TESTDB15\n"
#define P2(dbid, mode, cdb)                                                                        \
        R "P2" F dbid F "TESTDB15" F "TESTDB15" F "ARCHIVELOG" F mode F "PRIMARY" F "BACKUP" F     \
          "NO" F "NO" F "1" F "1200" F "+00:00" F cdb "\n"
#define I1 R "I1" F "2" F "1" F "CURRENT" F "2026-11-20T03:00:00\n"
#define LATER                                                                                      \
        R "I1" F "2" F "1" F "PARENT" F "2026-11-20T03:00:00\n" R "I1" F "3" F "900" F "CURRENT" F \
          "2026-11-20T04:00:00\n"
#define R7(error, fuzzy) R "R7" F "1" F "ONLINE" F error F "NO" F fuzzy F "1100" F "1\n" SQL_OK

enum Place {
        PFILE,
        NOMOUNTED,
        CONTROLFILE,
        MOUNT,
        SETTINGS,
        CATALOG,
        PROOF,
        PROOF_AGAIN,
        DATABASE,
        HEADERS,
        OPEN,
        PDBS,
        REGISTER,
        LISTENER,
        SPFILE,
        N_PLACES
};

static OracleHost host;
static RestoreRunOptions options;
static StringList directories, pieces, pdbs, notes, phases;
static bool started;
static Answer answers[N_PLACES];
static char *strings[8];
static size_t n_strings;
static const char *pfile_text;

static char *keep(char *string) {
        assert_non_null(string);
        strings[n_strings++] = string;
        return string;
}

static void write_pfile(void *userdata) {
        CLEANUP(cleanup_free)
        char *text = string_printf(
                "*.db_name='TESTDB15'\n*.audit_file_dest='%s/adump'\n%s",
                host.directory,
                pfile_text);
        oracle_host_write(&host, "work/.logs-7/initTESTDB15.ora", text);
}

static void on_phase(const char *phase, void *userdata) {
        assert_int_equal(string_list_add(&phases, phase), 0);
}

static void on_done(const StringList *got, bool is_started, const Error *err, void *userdata) {
        started = is_started;
        assert_int_equal(string_list_copy(got, &notes), 0);
        oracle_host_finish(&host, err);
}

static const Answer good[N_PLACES] = {
        [PFILE] = {"sqlplus", "create pfile", SQL_OK, 0, 0, write_pfile},
        [NOMOUNTED] =
                {"sqlplus",
                 "startup nomount",
                 NOMOUNT R "P3" F "spfile" F "/dbs/spfile\n" SQL_OK,
                 0,
                 0,
                 NULL},
        [CONTROLFILE] =
                {"rman",
                 "restore controlfile",
                 "Starting restore at 22-NOV-26\n"
                 "output file name=/u02/control01.ctl\n"
                 "Finished restore at 22-NOV-26\n" END,
                 0,
                 0,
                 NULL},
        [MOUNT] =
                {"sqlplus", "alter database mount", NULL /* names files of the host */, 0, 0, NULL},
        [SETTINGS] = {"sqlplus", "alter system set", SQL_OK, 0, 0, NULL},
        [CATALOG] = {"rman", "catalog start with", "Crosschecked 3 objects\n" END, 0, 0, NULL},
        [PROOF] =
                {"sqlplus",
                 "'R5'",
                 R "R5" F "/staging/a.bkp" F "T" F "DISK\n" I1 SQL_OK,
                 0,
                 1,
                 NULL},
        [PROOF_AGAIN] =
                {"sqlplus",
                 "'R5'",
                 R "R5" F "/staging/a.bkp" F "T" F "DISK\n" I1 SQL_OK,
                 0,
                 0,
                 NULL},
        [DATABASE] =
                {"rman",
                 "restore database force",
                 "Starting restore at 22-NOV-26\nFinished restore at 22-NOV-26\n"
                 "Starting recover at 22-NOV-26\nstarting media recovery\n"
                 "media recovery complete, elapsed time: 00:00:01\n"
                 "Finished recover at 22-NOV-26\n" END,
                 0,
                 0,
                 NULL},
        [HEADERS] = {"sqlplus", "v$datafile_header", R7("", "NO"), 0, 0, NULL},
        [OPEN] =
                {"sqlplus",
                 "open resetlogs",
                 P2("4711", "READ WRITE", "NO") R "P6T" F "1\n" SQL_OK,
                 0,
                 0,
                 NULL},
        [PDBS] = {"sqlplus", "'P6P'", SQL_OK, 0, 0, NULL},
        [REGISTER] = {"sqlplus", "alter system register", SQL_OK, 0, 0, NULL},
        [LISTENER] =
                {"lsnrctl",
                 "",
                 "Instance \"TESTDB15\", status READY, has 1 handler(s)\n",
                 0,
                 0,
                 NULL},
        [SPFILE] = {"sqlplus", "create spfile", SQL_OK, 0, 0, NULL},
};
static int setup(void **state) {
        oracle_host_init(&host);
        n_strings = 0;
        pfile_text = "";
        memcpy(answers, good, sizeof answers);
        answers[MOUNT].output = keep(string_printf(
                P2("4711", "MOUNTED", "NO") I1 R "A4N" F "%s/oradata/1.dbf\n" SQL_OK,
                host.directory));
        oracle_host_write(&host, "oratab", "# none\n");
        assert_int_equal(string_list_add(&directories, "/staging"), 0);
        assert_int_equal(string_list_add(&pieces, "/staging/a.bkp"), 0);
        options = (RestoreRunOptions){
                .database = &host.database,
                .db_name = "TESTDB15",
                .dbid = 4711,
                .resetlogs_scn = 1,
                .until_scn = 1100,
                .tempfiles = 1,
                .has_spfile = true,
                .control_file_piece = "/staging/c.bkp",
                .directories = &directories,
                .pieces = &pieces,
                .open_pdbs = &pdbs,
                .work_directory = keep(oracle_host_path(&host, "work")),
                .job_name = "7",
                .channels = 1,
                .oratab = keep(oracle_host_path(&host, "oratab")),
                .on_phase = on_phase,
                .on_done = on_done,
        };
        return 0;
}

static int teardown(void **state) {
        string_list_done(&directories);
        string_list_done(&pieces);
        string_list_done(&pdbs);
        string_list_done(&notes);
        string_list_done(&phases);
        for (size_t i = 0; i < n_strings; i++)
                free(strings[i]);
        oracle_host_done(&host);
        return 0;
}

static RestoreRun *start(void) {
        RestoreRun *run = NULL;
        oracle_host_answer(&host, answers, N_PLACES);
        assert_int_equal(restore_run_start(&host.oracle, &options, &run, NULL), 0);
        return run;
}

static void restore(void) {
        RestoreRun *run = start();
        oracle_host_run(&host);
        restore_run_free(run);
}

static void expect_failure(enum Place place, const char *output, ErrorKind kind, const char *says) {
        answers[place].output = output;
        restore();
        if (host.error.kind != kind)
                print_message("%s\n", host.error.message);
        assert_int_equal(host.error.kind, kind);
        assert_non_null(strstr(host.error.message, says));
        assert_false(oracle_host_was_told("alter system register"));
}

static bool has_note(const char *says) {
        for (size_t i = 0; i < notes.n; i++)
                if (strstr(notes.items[i], says) != NULL)
                        return true;
        return false;
}

static bool is_there(const char *below) {
        CLEANUP(cleanup_free) char *path = oracle_host_path(&host, below);
        struct stat st;
        return stat(path, &st) == 0;
}

static void a_bare_host_gets_its_database_back(void **state) {
        static const char *const expected[] = {
                "nomount", "mount", "catalog", "restore", "recover", "open", "register"};
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(started);
        assert_int_equal(phases.n, ELEMENTSOF(expected));
        for (size_t i = 0; i < phases.n; i++)
                assert_string_equal(phases.items[i], expected[i]);
        assert_true(is_there("adump"));
        assert_true(is_there("oradata"));
        assert_false(is_there("work/.logs-7"));
        assert_true(oracle_host_was_told("set until scn 1100"));
        assert_false(oracle_host_was_told("reset database"));
        assert_true(has_note("level 0"));
        CLEANUP(cleanup_free) char *oratab = NULL;
        size_t size;
        assert_int_equal(file_read(options.oratab, 4096, ERROR_ORACLE, &oratab, &size, NULL), 0);
        assert_non_null(strstr(oratab, "TESTDB15:"));
}

static void an_instance_with_another_name_is_not_mounted(void **state) {
        expect_failure(
                NOMOUNTED,
                "ORACLE instance started.\n" P1 R "P3" F "db_name" F "DUMMY\n" SQL_OK,
                ERROR_ORACLE,
                "DUMMY");
        assert_true(started);
        assert_non_null(strstr(host.error.message, "is left as it is"));
        assert_false(oracle_host_was_told("alter database mount"));
}

static void an_instance_that_does_not_start_is_a_failure(void **state) {
        expect_failure(
                NOMOUNTED,
                "ORA-01078: failure in processing system parameters\n",
                ERROR_ORACLE,
                "ORA-01078");
        assert_false(started);
}

static void an_instance_without_its_spfile_is_refused(void **state) {
        expect_failure(NOMOUNTED, NOMOUNT SQL_OK, ERROR_ORACLE, "spfile");
}

static void a_control_file_of_another_database_is_refused(void **state) {
        expect_failure(MOUNT, P2("99", "MOUNTED", "NO") I1 SQL_OK, ERROR_INTEGRITY, "4711");
}

static void a_control_file_of_another_incarnation_is_refused(void **state) {
        expect_failure(
                MOUNT,
                P2("4711", "MOUNTED", "NO") R "I1" F "1" F "77" F "CURRENT" F
                                              "2026-11-20T03:00:00\n" SQL_OK,
                ERROR_NOT_CONSISTENT,
                "TESTDB15");
}

static void a_piece_that_is_not_available_stops_the_restore(void **state) {
        expect_failure(PROOF, I1 SQL_OK, ERROR_RMAN_FAILED, "/staging/a.bkp");
        assert_false(oracle_host_was_told("restore database"));
}

static void only_the_pieces_of_this_database_are_cataloged(void **state) {
        string_list_done(&pieces);
        assert_int_equal(string_list_add(&pieces, "/staging/TESTDB15/backupset/a.bkp"), 0);
        assert_int_equal(string_list_add(&pieces, "/staging/TESTDB15/autobackup/b.bkp"), 0);
        answers[PROOF].output =
                R "R5" F "/staging/TESTDB15/backupset/a.bkp" F "T" F "DISK\n" R "R5" F
                  "/staging/TESTDB15/autobackup/b.bkp" F "T" F "DISK\n" I1 SQL_OK;
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(oracle_host_was_told("catalog start with '/staging/TESTDB15/' noprompt"));
        assert_false(oracle_host_was_told("catalog start with '/staging/' noprompt"));
}

static void a_later_incarnation_is_reset_once(void **state) {
        answers[PROOF].output = R "R5" F "/staging/a.bkp" F "T" F "DISK\n" LATER SQL_OK;
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(oracle_host_was_told("reset database to incarnation 2"));
}

static void a_later_incarnation_that_stays_is_refused(void **state) {
        answers[PROOF].output = R "R5" F "/staging/a.bkp" F "T" F "DISK\n" LATER SQL_OK;
        expect_failure(
                PROOF_AGAIN,
                R "R5" F "/staging/a.bkp" F "T" F "DISK\n" LATER SQL_OK,
                ERROR_NOT_CONSISTENT,
                "incarnation");
}

static void what_reaches_others_is_off_before_the_open(void **state) {
        answers[NOMOUNTED].output =
                NOMOUNT R "P3" F "spfile" F "/s\n" R "P3" F "dg_broker_start" F "TRUE\n" R "P3" F
                          "job_queue_processes" F "40\n" SQL_OK;
        pfile_text = "*.log_archive_dest_2='SERVICE=stby ASYNC'\n";
        restore();
        assert_string_equal(host.error.message, "");
        const ChildFake *child = oracle_host_told("log_archive_dest_state_2=defer scope=both");
        assert_non_null(child);
        assert_non_null(strstr(child_fake_input(child), "dg_broker_start=FALSE"));
        assert_non_null(strstr(child_fake_input(child), "job_queue_processes=0"));
        assert_true(has_note("LOG_ARCHIVE_DEST_2"));
        assert_true(has_note("dg_broker_start"));
}

static void an_alias_nobody_defines_is_reset(void **state) {
        pfile_text = "*.local_listener='LISTENER_TESTDB15'\n";
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(oracle_host_was_told("create spfile="));
        assert_true(has_note("LISTENER_TESTDB15"));
}

static void an_alias_of_tnsnames_stays(void **state) {
        pfile_text = "*.local_listener='LISTENER_TESTDB15'\n";
        oracle_host_write(
                &host,
                "home/network/admin/tnsnames.ora",
                "LISTENER_TESTDB15 =\n  (ADDRESS = (PROTOCOL = TCP)(HOST = h)(PORT = 1521))\n");
        restore();
        assert_string_equal(host.error.message, "");
        assert_false(oracle_host_was_told("create spfile="));
}

static void parameters_in_asm_are_refused(void **state) {
        pfile_text = "*.control_files='+DATA/c1'\n";
        restore();
        assert_int_equal(host.error.kind, ERROR_UNSUPPORTED);
        assert_int_equal(child_fake_count(), 1);
}

static void a_failed_recovery_never_opens(void **state) {
        expect_failure(
                DATABASE,
                "Finished restore at 22-NOV-26\n"
                "RMAN-00569: =============== ERROR MESSAGE STACK FOLLOWS ===============\n"
                "RMAN-03002: failure of recover command at 11/22/2026 06:10:44\n"
                "RMAN-06053: unable to perform media recovery because of missing log\n" END,
                ERROR_NOT_CONSISTENT,
                "RMAN-06053");
        assert_false(oracle_host_was_told("open resetlogs"));
}

static void a_fuzzy_file_never_opens(void **state) {
        expect_failure(HEADERS, R7("", "YES"), ERROR_NOT_CONSISTENT, "TESTDB15");
        assert_false(oracle_host_was_told("open resetlogs"));
}

static void a_missing_file_after_the_open_is_a_failure(void **state) {
        expect_failure(
                OPEN,
                P2("4711", "READ WRITE", "NO") R "P6T" F "1\n" R "R7M" F
                                                 "/dbs/MISSING00007\n" SQL_OK,
                ERROR_NOT_CONSISTENT,
                "MISSING00007");
}

static void lost_temporary_files_are_noted(void **state) {
        answers[OPEN].output = P2("4711", "READ WRITE", "NO") R "P6T" F "0\n" SQL_OK;
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(has_note("temporary files"));
}

#define CLOSED R "P6P" F "3" F "PDB1" F "MOUNTED" F "\n" SQL_OK
#define PDB(mode, restricted) R "P6P" F "3" F "PDB1" F mode F restricted "\n"

static void restore_container(const char *after) {
        assert_int_equal(string_list_add(&pdbs, "PDB1"), 0);
        answers[MOUNT].output = P2("4711", "MOUNTED", "YES") I1 SQL_OK;
        answers[OPEN].output = P2("4711", "READ WRITE", "YES") R "P6T" F "1\n" CLOSED;
        answers[PDBS].output = after;
        restore();
}

static void recorded_pdbs_are_opened(void **state) {
        restore_container(PDB("READ WRITE", "NO") SQL_OK);
        assert_string_equal(host.error.message, "");
        assert_true(oracle_host_was_told("alter pluggable database \"PDB1\" open"));
}

static void a_restricted_pdb_is_noted_with_its_violations(void **state) {
        restore_container(PDB("READ WRITE", "YES") R "R7V" F "PDB1" F "Option" F
                                                     "not installed\n" SQL_OK);
        assert_string_equal(host.error.message, "");
        assert_true(has_note("restricted"));
        assert_true(has_note("not installed"));
}

static void a_pdb_that_does_not_open_is_a_failure(void **state) {
        restore_container(PDB("MOUNTED", "NO") SQL_OK);
        assert_int_equal(host.error.kind, ERROR_ORACLE);
        assert_non_null(strstr(host.error.message, "PDB1"));
}

static void a_listener_that_is_down_is_only_noted(void **state) {
        answers[LISTENER].output = "TNS-12541: TNS:no listener\n";
        answers[LISTENER].status = 1;
        answers[REGISTER].output = "ORA-00119: invalid specification\n";
        restore();
        assert_string_equal(host.error.message, "");
        assert_true(has_note("no listener"));
        assert_true(has_note("ORA-00119"));
}

static bool rman_restores(void *userdata) {
        return oracle_host_was_told("restore database force");
}

static void a_stopped_restore_ends_when_rman_is_gone(void **state) {
        answers[DATABASE].output = "";
        answers[DATABASE].status = -1;
        RestoreRun *run = start();
        oracle_host_run_until(&host, rman_restores, NULL);
        restore_run_stop(run);
        assert_int_equal(child_fake_signal(child_fake_last()), SIGINT);
        child_fake_exit(child_fake_last(), 1);
        oracle_host_run(&host);
        restore_run_free(run);
        assert_int_equal(host.error.kind, ERROR_CANCELLED);
        assert_true(started);
}

static void every_state_has_a_phase_and_a_way_to_the_end(void **state) {
        for (RestoreState from = 0; from < RESTORE_CLEANUP; from++) {
                assert_non_null(restore_phases[from].contract);
                assert_true(restore_phases[from].begin != NULL || from == RESTORE_LISTENER);
                assert_true(restore_run_may_move(from, RESTORE_CLEANUP));
                assert_true(restore_run_may_move(from, from + 1));
                for (RestoreState to = 0; to <= from; to++)
                        assert_true(
                                restore_run_may_move(from, to) ==
                                (from == RESTORE_PROOF && to == RESTORE_CATALOG));
        }
        assert_true(restore_run_may_move(RESTORE_CLEANUP, RESTORE_ENDED));
        assert_false(restore_run_may_move(RESTORE_CLEANUP, RESTORE_CLEANUP));
        assert_false(restore_run_may_move(RESTORE_MOUNT, RESTORE_OPEN));
}

/* --- overwrite --- */

#define DOWN "ORA-01034: ORACLE not available\n"
#define GONE "ORACLE instance shut down.\n" SQL_OK
#define STATE(state) R "P1" F "X" F "h" F "19.0.0.0.0" F state F F "NO" F "1" F F "\n" SQL_OK

static void on_overwritten(const StringList *got, const Error *err, void *userdata) {
        assert_int_equal(string_list_copy(got, &notes), 0);
        oracle_host_finish(&host, err);
}

static void overwrite(const Answer *rows, size_t n) {
        OverwriteRun *run = NULL;
        CLEANUP(cleanup_free) char *directory = oracle_host_path(&host, "before");
        snprintf(host.database.sid, sizeof host.database.sid, "NOPROC%d", getpid());
        oracle_host_answer(&host, rows, n);
        assert_int_equal(
                overwrite_run_start(
                        &host.oracle,
                        &(OverwriteRunOptions){
                                .database = &host.database,
                                .save_directory = directory,
                                .on_done = on_overwritten,
                        },
                        &run,
                        NULL),
                0);
        oracle_host_run(&host);
        overwrite_run_free(run);
}

static void an_open_database_archives_before_it_goes_down(void **state) {
        const Answer rows[] = {
                {"sqlplus", "v$instance", STATE("OPEN"), 0, 0, NULL},
                {"sqlplus", "v$database", P2("4711", "READ WRITE", "NO") SQL_OK, 0, 0, NULL},
                {"sqlplus", "archive log current", SQL_OK, 0, 0, NULL},
                {"sqlplus", "shutdown immediate", GONE, 0, 0, NULL},
        };
        overwrite(rows, ELEMENTSOF(rows));
        assert_string_equal(host.error.message, "");
        assert_true(has_note("archived"));
        assert_false(oracle_host_was_told("abort"));
}

static void a_log_that_cannot_be_archived_stops_the_overwrite(void **state) {
        const Answer rows[] = {
                {"sqlplus", "v$instance", STATE("OPEN"), 0, 0, NULL},
                {"sqlplus", "v$database", P2("4711", "READ WRITE", "NO") SQL_OK, 0, 0, NULL},
                {"sqlplus", "archive log current", "ORA-00257: archiver error\n", 2, 0, NULL},
        };
        overwrite(rows, ELEMENTSOF(rows));
        assert_int_not_equal(host.error.kind, ERROR_NONE);
        assert_false(oracle_host_was_told("shutdown"));
}

static void the_logs_of_a_database_that_is_down_are_copied(void **state) {
        oracle_host_write(&host, "redo01.log", "redo");
        oracle_host_write(&host, "control01.ctl", "control");
        char *names = keep(string_printf(
                R "A4L" F "1" F "%s/redo01.log\n" R "P3C" F "%s/control01.ctl\n" SQL_OK,
                host.directory,
                host.directory));
        const Answer rows[] = {
                {"sqlplus", "v$instance", DOWN, 2, 0, NULL},
                {"sqlplus",
                 "alter database mount",
                 "ORACLE instance started.\n" SQL_OK,
                 0,
                 0,
                 NULL},
                {"sqlplus", "v$logfile", names, 0, 0, NULL},
                {"sqlplus",
                 "shutdown immediate",
                 "ORA-01109: database not open\n\n\nDatabase dismounted.\n" GONE,
                 0,
                 0,
                 NULL},
        };
        overwrite(rows, ELEMENTSOF(rows));
        assert_string_equal(host.error.message, "");
        assert_true(is_there("before/1-redo01.log"));
        assert_true(is_there("before/2-control01.ctl"));
}

static void a_database_that_cannot_be_mounted_is_said_so(void **state) {
        const Answer rows[] = {
                {"sqlplus", "v$instance", DOWN, 2, 0, NULL},
                {"sqlplus", "startup nomount", "ORA-01078: failure\n", 0, 0, NULL},
        };
        overwrite(rows, ELEMENTSOF(rows));
        assert_string_equal(host.error.message, "");
        assert_true(has_note("were not saved"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_bare_host_gets_its_database_back),
                TEST(an_instance_with_another_name_is_not_mounted),
                TEST(an_instance_that_does_not_start_is_a_failure),
                TEST(an_instance_without_its_spfile_is_refused),
                TEST(a_control_file_of_another_database_is_refused),
                TEST(a_control_file_of_another_incarnation_is_refused),
                TEST(a_piece_that_is_not_available_stops_the_restore),
                TEST(only_the_pieces_of_this_database_are_cataloged),
                TEST(a_later_incarnation_is_reset_once),
                TEST(a_later_incarnation_that_stays_is_refused),
                TEST(what_reaches_others_is_off_before_the_open),
                TEST(an_alias_nobody_defines_is_reset),
                TEST(an_alias_of_tnsnames_stays),
                TEST(parameters_in_asm_are_refused),
                TEST(a_failed_recovery_never_opens),
                TEST(a_fuzzy_file_never_opens),
                TEST(a_missing_file_after_the_open_is_a_failure),
                TEST(lost_temporary_files_are_noted),
                TEST(recorded_pdbs_are_opened),
                TEST(a_restricted_pdb_is_noted_with_its_violations),
                TEST(a_pdb_that_does_not_open_is_a_failure),
                TEST(a_listener_that_is_down_is_only_noted),
                TEST(a_stopped_restore_ends_when_rman_is_gone),
                TEST(every_state_has_a_phase_and_a_way_to_the_end),
                TEST(an_open_database_archives_before_it_goes_down),
                TEST(a_log_that_cannot_be_archived_stops_the_overwrite),
                TEST(the_logs_of_a_database_that_is_down_are_copied),
                TEST(a_database_that_cannot_be_mounted_is_said_so),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
