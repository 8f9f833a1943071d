/* oracle/archivelog-run.c, archivelog-steps.c */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "oracle/archivelog-run.h"
#include "unit/oracle/oracle-host.h"
#include "unit/test.h"

#define P1(status) R "P1" F "UNITDB7" F "h" F "19.0.0.0.0" F status F F "NO" F "1" F F "\n"
#define P2(mode, open, cdb)                                                                        \
        R "P2" F "4711" F "UNITDB7" F "UNITDB7" F mode F open F "PRIMARY" F "CURRENT" F "NO" F     \
          "NO" F "1" F "1200" F "+00:00" F cdb "\n"
#define REST                                                                                       \
        R "P3C" F "/u02/control01.ctl\n" R "P4" F "1" F "7" F "1100" F "SYSTEM" F "READ WRITE" F   \
          "100" F "0" F "0" F F "/u02/system01.dbf\n" R "A4L" F "1" F "/u02/redo01.log\n" R "P5" F \
          "1" F "OPEN" F "PUBLIC" F "3" F "1000\n"
#define SPFILE R "P3" F "spfile" F "/dbs/spfileUNITDB7.ora\n"
#define AREA                                                                                       \
        R "P3A" F "db_recovery_file_dest" F "/tmp\n" R "P3S" F "db_recovery_file_dest" F "1" F     \
          "/tmp\n"
#define PDBS(mode)                                                                                 \
        R "P6P" F "2" F "PDB$SEED" F "READ ONLY" F "NO\n" R "P6P" F "3" F "SALES" F mode F "NO\n"
#define DOWN "ERROR:\nORA-01034: ORACLE not available\n"

enum Place {
        DATABASE,
        SHUTDOWN,
        MOUNT,
        REOPEN,
        MODE,
        OPEN,
        PDB,
        INSTANCE,
        STATE,
        VERIFY,
        N_PLACES
};

static const Answer good[N_PLACES] = {
        [DATABASE] =
                {"sqlplus",
                 "'P4'",
                 P2("NOARCHIVELOG", "READ WRITE", "NO") SPFILE AREA REST SQL_OK,
                 0,
                 0,
                 NULL},
        [SHUTDOWN] =
                {"sqlplus",
                 "shutdown immediate",
                 "Database closed.\nDatabase dismounted.\nORACLE instance shut down.\n" SQL_OK,
                 0,
                 0,
                 NULL},
        [MOUNT] =
                {"sqlplus",
                 "startup mount",
                 "ORACLE instance started.\nDatabase mounted.\n" AREA SQL_OK,
                 0,
                 1,
                 NULL},
        [REOPEN] =
                {"sqlplus",
                 "startup mount",
                 "ORACLE instance started.\n" P2("NOARCHIVELOG", "READ WRITE", "NO") SQL_OK,
                 0,
                 0,
                 NULL},
        [MODE] = {"sqlplus", "alter database archivelog", SQL_OK, 0, 0, NULL},
        [OPEN] =
                {"sqlplus",
                 "alter database open",
                 P2("ARCHIVELOG", "READ WRITE", "NO") SQL_OK,
                 0,
                 0,
                 NULL},
        [PDB] = {"sqlplus", "alter pluggable database", SQL_OK, 0, 0, NULL},
        [INSTANCE] = {"sqlplus", "'P1'", P1("OPEN") SQL_OK, 0, 1, NULL},
        [STATE] =
                {"sqlplus",
                 "'P1'",
                 P1("OPEN") P2("NOARCHIVELOG", "READ WRITE", "NO") SQL_OK,
                 0,
                 0,
                 NULL},
        [VERIFY] = {"sqlplus", "'P2'", P2("ARCHIVELOG", "READ WRITE", "NO") SQL_OK, 0, 0, NULL},
};

static OracleHost host;
static Answer answers[N_PLACES];
static ArchivelogRun *run;
static StringList phases, notes;
static char destination[128];
static bool already, restarted;

static void on_phase(const char *phase, void *userdata) {
        assert_int_equal(string_list_add(&phases, phase), 0);
}

static void on_done(const ArchivelogReport *report, const Error *err, void *userdata) {
        already = report->already;
        restarted = report->restarted;
        snprintf(
                destination,
                sizeof destination,
                "%s",
                report->destination != NULL ? report->destination : "");
        assert_int_equal(string_list_copy(report->notes, &notes), 0);
        oracle_host_finish(&host, err);
}

static int setup(void **state) {
        oracle_host_init(&host);
        strcpy(host.database.sid, "UNITDB7"); /* no instance of this name runs anywhere */
        memcpy(answers, good, sizeof answers);
        oracle_host_write(&host, "home/dbs/spfileUNITDB7.ora", "");
        return 0;
}

static int teardown(void **state) {
        run = archivelog_run_free(run);
        string_list_done(&phases);
        string_list_done(&notes);
        phases = (StringList){0};
        notes = (StringList){0};
        oracle_host_done(&host);
        return 0;
}

static void begin(void) {
        oracle_host_answer(&host, answers, N_PLACES);
        const ArchivelogRunOptions options = {
                .database = &host.database,
                .shutdown_msec = 50,
                .on_phase = on_phase,
                .on_done = on_done,
        };
        assert_int_equal(archivelog_run_start(&host.oracle, &options, &run, NULL), 0);
}

static void run_it(void) {
        begin();
        oracle_host_run(&host);
        assert_int_equal(host.n_done, 1);
}

static void assert_failed(ErrorKind kind, const char *word) {
        assert_int_equal(host.error.kind, kind);
        if (strstr(host.error.message, word) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", host.error.message, word);
}

static void assert_nothing_was_changed(void) {
        assert_false(oracle_host_was_told("shutdown"));
        assert_false(oracle_host_was_told("startup mount"));
        assert_false(restarted);
        assert_int_equal(phases.n, 0);
}

static void the_good_way_is_shutdown_archivelog_open(void **state) {
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(restarted && !already);
        assert_string_equal(destination, "db_recovery_file_dest = /tmp");
        assert_int_equal(phases.n, 3);
        assert_string_equal(phases.items[0], "shutdown");
        assert_string_equal(phases.items[1], "archivelog");
        assert_string_equal(phases.items[2], "open");
        assert_true(oracle_host_was_told("startup mount\n"));
        assert_false(oracle_host_was_told("abort"));
        assert_int_equal(notes.n, 0);
}

static void one_that_is_in_archivelog_mode_is_left_alone(void **state) {
        answers[DATABASE].output = P2("ARCHIVELOG", "READ WRITE", "NO") SPFILE AREA REST SQL_OK;
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(already);
        assert_nothing_was_changed();
        assert_string_equal(destination, "db_recovery_file_dest = /tmp");
}

static void one_in_archivelog_mode_without_a_destination_says_so(void **state) {
        answers[DATABASE].output = P2("ARCHIVELOG", "READ WRITE", "NO") SPFILE REST SQL_OK;
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(already);
        assert_string_equal(destination, "");
}

static void without_a_destination_nothing_is_changed(void **state) {
        answers[DATABASE].output = P2("NOARCHIVELOG", "READ WRITE", "NO") SPFILE REST SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "no place for archived logs");
        assert_nothing_was_changed();
}

static void a_destination_in_memory_only_does_not_count(void **state) {
        answers[DATABASE].output = P2("NOARCHIVELOG", "READ WRITE", "NO") SPFILE R
                "P3A" F "db_recovery_file_dest" F "/tmp\n" REST SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "outlives a restart");
        assert_nothing_was_changed();
}

static void a_directory_that_is_not_there_is_named(void **state) {
        answers[DATABASE].output = P2("NOARCHIVELOG", "READ WRITE", "NO") R
                "P3A" F "log_archive_dest_1" F "LOCATION=/nowhere/arch\n" REST SQL_OK;
        oracle_host_write(&host, "home/dbs/initUNITDB7.ora", "");
        run_it();
        assert_failed(ERROR_ORACLE, "/nowhere/arch");
        assert_nothing_was_changed();
}

static void one_that_would_not_find_its_parameter_file_is_left_alone(void **state) {
        CLEANUP(cleanup_free) char *spfile = oracle_host_path(&host, "home/dbs/spfileUNITDB7.ora");
        assert_int_equal(unlink(spfile), 0);
        run_it();
        assert_failed(ERROR_ORACLE, "would not start again");
        assert_nothing_was_changed();
}

/* With a pfile beside an spfile, only the name brings back what it ran with. */
static void one_on_a_pfile_is_started_with_its_name(void **state) {
        answers[DATABASE].output = P2("NOARCHIVELOG", "READ WRITE", "NO") AREA REST SQL_OK;
        oracle_host_write(&host, "home/dbs/initUNITDB7.ora", "");
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        CLEANUP(cleanup_free)
        char *told =
                string_printf("startup mount pfile='%s/initUNITDB7.ora'", host.database.dbs_dir);
        assert_true(oracle_host_was_told(told));
}

static void a_shutdown_beyond_its_deadline_is_reported_and_left(void **state) {
        answers[SHUTDOWN].output = NULL; /* runs on */
        run_it();
        assert_failed(ERROR_TIMEOUT, "is OPEN now, mode NOARCHIVELOG: it is left as it is");
        assert_true(restarted);
        assert_false(oracle_host_was_told("startup mount"));
        assert_false(oracle_host_was_told("abort"));
        assert_true(child_fake_is_freed(oracle_host_told("shutdown immediate")));
}

static void a_shutdown_that_goes_on_is_named(void **state) {
        answers[SHUTDOWN].output = NULL;
        answers[STATE].output = "ERROR:\nORA-01090: shutdown in progress\n";
        run_it();
        assert_failed(ERROR_TIMEOUT, "is SHUTTING DOWN now: it is left as it is");
        assert_false(oracle_host_was_told("startup mount"));
}

static void a_shutdown_that_says_nothing_is_a_failure(void **state) {
        answers[SHUTDOWN].output = SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "did not say that the instance was shut down");
}

static void a_start_that_fails_is_tried_again_as_it_was(void **state) {
        answers[MOUNT].output = "ORA-27104: system-defined limits\n" SQL_OK;
        answers[STATE].output = DOWN;
        run_it();
        assert_failed(ERROR_ORACLE, "ORA-27104");
        assert_failed(ERROR_ORACLE, "is OPEN now, mode NOARCHIVELOG");
        assert_int_equal(notes.n, 1);
        assert_non_null(strstr(notes.items[0], "opened again"));
        assert_false(oracle_host_was_told("alter database archivelog"));
}

static void one_that_does_not_start_at_all_is_down(void **state) {
        answers[MOUNT].output = "ORA-27104: system-defined limits\n" SQL_OK;
        answers[STATE].output = DOWN;
        answers[REOPEN].output = "ORA-27104: system-defined limits\n" SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "is DOWN now: start it by hand");
        assert_int_equal(notes.n, 0);
}

static void one_that_mounted_without_its_destination_is_opened_as_it_was(void **state) {
        answers[MOUNT].output = "ORACLE instance started.\nDatabase mounted.\n" SQL_OK;
        answers[STATE].output = P1("MOUNTED") P2("NOARCHIVELOG", "MOUNTED", "NO") SQL_OK;
        answers[OPEN].output = P2("NOARCHIVELOG", "READ WRITE", "NO") SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "no place for archived logs");
        assert_failed(ERROR_ORACLE, "is OPEN now, mode NOARCHIVELOG");
        assert_false(oracle_host_was_told("alter database archivelog"));
}

static void one_that_only_started_is_left_to_a_person(void **state) {
        answers[MOUNT].output =
                "ORACLE instance started.\nORA-00205: error in identifying control file\n" SQL_OK;
        answers[STATE].output =
                P1("STARTED") "select ..\n*\nERROR at line 1:\nORA-01507: database not mounted\n";
        answers[STATE].status = 2;
        run_it();
        assert_failed(ERROR_ORACLE, "is STARTED now: look at its alert log");
        assert_false(oracle_host_was_told("alter database open"));
}

static void a_change_that_is_refused_opens_it_again(void **state) {
        answers[MODE].output = "ORA-00265: instance recovery required\n";
        answers[STATE].output = P1("MOUNTED") P2("NOARCHIVELOG", "MOUNTED", "NO") SQL_OK;
        answers[OPEN].output = P2("NOARCHIVELOG", "READ WRITE", "NO") SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "ORA-00265");
        assert_failed(ERROR_ORACLE, "is OPEN now, mode NOARCHIVELOG");
        assert_string_equal(host.error.ora_code, "ORA-00265");
}

static void what_the_views_do_not_confirm_is_a_failure(void **state) {
        answers[VERIFY].output = P2("NOARCHIVELOG", "READ WRITE", "NO") SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "V$DATABASE says NOARCHIVELOG");
}

#define CDB(mode) P2(mode, "READ WRITE", "YES")

static void pluggable_databases_come_back_as_they_were(void **state) {
        answers[DATABASE].output = CDB("NOARCHIVELOG") SPFILE AREA REST PDBS("READ WRITE") R
                "P6P" F "4" F "OLD" F "READ ONLY" F "NO\n" R "P6P" F "5" F "SHUT" F "MOUNTED" F
                "NO\n" SQL_OK;
        answers[OPEN].output =
                CDB("ARCHIVELOG") PDBS("MOUNTED") R "P6P" F "4" F "OLD" F "MOUNTED" F "NO\n" SQL_OK;
        answers[VERIFY].output = CDB("ARCHIVELOG") PDBS("READ WRITE") R "P6P" F "4" F "OLD" F
                                                                        "READ ONLY" F "NO\n" SQL_OK;
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_true(oracle_host_was_told("alter pluggable database \"SALES\" open;\n"));
        assert_true(oracle_host_was_told("alter pluggable database \"OLD\" open read only;\n"));
        assert_false(oracle_host_was_told("\"SHUT\""));
        assert_false(oracle_host_was_told("\"PDB$SEED\""));
        assert_int_equal(notes.n, 0);
}

static void one_that_opened_by_itself_or_not_at_all_is_judged_at_the_end(void **state) {
        answers[DATABASE].output = CDB("NOARCHIVELOG") SPFILE AREA REST PDBS("READ WRITE") SQL_OK;
        answers[OPEN].output = CDB("ARCHIVELOG") PDBS("MOUNTED") SQL_OK;
        answers[PDB].output = "ORA-65019: pluggable database SALES already open\n";
        answers[VERIFY].output = CDB("ARCHIVELOG") PDBS("MOUNTED") SQL_OK;
        run_it();
        assert_int_equal(host.error.kind, ERROR_NONE);
        assert_int_equal(notes.n, 1);
        assert_non_null(strstr(notes.items[0], "SALES"));
}

static void fail_to_start_with_pdbs(const char *pdb_answer) {
        answers[DATABASE].output = CDB("NOARCHIVELOG") SPFILE AREA REST PDBS("READ WRITE") SQL_OK;
        answers[MOUNT].output = "ORA-27104: system-defined limits\n" SQL_OK;
        answers[STATE].output = DOWN;
        answers[REOPEN].output =
                "ORACLE instance started.\n" CDB("NOARCHIVELOG") PDBS("MOUNTED") SQL_OK;
        answers[PDB].output = pdb_answer;
        run_it();
        assert_failed(ERROR_ORACLE, "ORA-27104");
        assert_failed(ERROR_ORACLE, "is OPEN now, mode NOARCHIVELOG");
        assert_true(oracle_host_was_told("alter pluggable database \"SALES\" open;\n"));
        assert_non_null(strstr(notes.items[0], "opened again"));
}

static void pluggable_databases_are_opened_again_after_a_failure_too(void **state) {
        fail_to_start_with_pdbs(CDB("NOARCHIVELOG") PDBS("READ WRITE") SQL_OK);
        assert_int_equal(notes.n, 1);
}

static void those_that_do_not_open_again_are_told(void **state) {
        fail_to_start_with_pdbs("ORA-65086: cannot open/close the pluggable database\n");
        assert_int_equal(notes.n, 2);
        assert_non_null(strstr(notes.items[1], "pluggable database SALES"));
        assert_non_null(strstr(notes.items[1], "open it by hand; "));
        assert_non_null(strstr(notes.items[1], "ORA-65086"));
}

static void a_database_that_is_down_or_only_started_is_told(void **state) {
        answers[INSTANCE].output = DOWN;
        run_it();
        assert_failed(ERROR_ORACLE, "ORA-01034");
        assert_nothing_was_changed();
}

static void one_without_a_control_file_is_told(void **state) {
        answers[INSTANCE].output = P1("STARTED") SQL_OK;
        run_it();
        assert_failed(ERROR_ORACLE, "neither mounted nor open");
        assert_nothing_was_changed();
}

static void a_standby_is_refused(void **state) {
        answers[DATABASE].output =
                R "P2" F "4711" F "T" F "T" F "NOARCHIVELOG" F "MOUNTED" F "PHYSICAL STANDBY" F
                  "STANDBY" F "NO" F "NO" F "1" F "1" F "+00:00" F "NO\n" SPFILE AREA REST SQL_OK;
        run_it();
        assert_failed(ERROR_UNSUPPORTED, "standby");
        assert_nothing_was_changed();
}

static bool is_asked(void *userdata) {
        return oracle_host_was_told(userdata);
}

static void a_stop_before_the_shutdown_changes_nothing(void **state) {
        answers[DATABASE].output = NULL;
        begin();
        oracle_host_run_until(&host, is_asked, (void *)(uintptr_t) "'P4'");
        assert_int_equal(archivelog_run_stop(run, NULL), 0);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "UNITDB7");
        assert_nothing_was_changed();
}

static void a_stop_before_the_first_question_changes_nothing(void **state) {
        begin();
        assert_int_equal(archivelog_run_stop(run, NULL), 0);
        oracle_host_run(&host);
        assert_failed(ERROR_CANCELLED, "UNITDB7");
        assert_int_equal(child_fake_count(), 0);
}

static void a_stop_after_the_shutdown_began_is_busy(void **state) {
        Error error = {0};
        answers[MODE].output = NULL;
        begin();
        oracle_host_run_until(&host, is_asked, (void *)(uintptr_t) "alter database archivelog");
        assert_true(archivelog_run_stop(run, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, "UNITDB7"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_good_way_is_shutdown_archivelog_open),
                TEST(one_that_is_in_archivelog_mode_is_left_alone),
                TEST(one_in_archivelog_mode_without_a_destination_says_so),
                TEST(without_a_destination_nothing_is_changed),
                TEST(a_destination_in_memory_only_does_not_count),
                TEST(a_directory_that_is_not_there_is_named),
                TEST(one_that_would_not_find_its_parameter_file_is_left_alone),
                TEST(one_on_a_pfile_is_started_with_its_name),
                TEST(a_shutdown_beyond_its_deadline_is_reported_and_left),
                TEST(a_shutdown_that_goes_on_is_named),
                TEST(a_shutdown_that_says_nothing_is_a_failure),
                TEST(a_start_that_fails_is_tried_again_as_it_was),
                TEST(one_that_does_not_start_at_all_is_down),
                TEST(one_that_mounted_without_its_destination_is_opened_as_it_was),
                TEST(one_that_only_started_is_left_to_a_person),
                TEST(a_change_that_is_refused_opens_it_again),
                TEST(what_the_views_do_not_confirm_is_a_failure),
                TEST(pluggable_databases_come_back_as_they_were),
                TEST(one_that_opened_by_itself_or_not_at_all_is_judged_at_the_end),
                TEST(pluggable_databases_are_opened_again_after_a_failure_too),
                TEST(those_that_do_not_open_again_are_told),
                TEST(a_database_that_is_down_or_only_started_is_told),
                TEST(one_without_a_control_file_is_told),
                TEST(a_standby_is_refused),
                TEST(a_stop_before_the_shutdown_changes_nothing),
                TEST(a_stop_before_the_first_question_changes_nothing),
                TEST(a_stop_after_the_shutdown_began_is_busy),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
