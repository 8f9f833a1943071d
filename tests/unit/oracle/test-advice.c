/* The rules about a database: each row is turned by its fact and by no other. */
#include <stdlib.h>
#include <string.h>

#include "oracle/advice.h"
#include "oracle/preflight-rules.h"
#include "unit/test.h"

static DatafileFacts files[] = {
        {.file = 1, .status = "SYSTEM", .enabled = "READ WRITE", .name = (char[]){"/u02/s.dbf"}},
        {.file = 4, .status = "ONLINE", .enabled = "READ WRITE", .name = (char[]){"/u02/u.dbf"}},
};

/* A database in perfect health. What a test changes it changes in its own copy. */
static const DatabaseFacts HEALTHY = {
        .status = (char[]){"OPEN"},
        .open_mode = (char[]){"READ WRITE"},
        .log_mode = (char[]){"ARCHIVELOG"},
        .role = (char[]){"PRIMARY"},
        .controlfile_type = (char[]){"CURRENT"},
        .edition = (char[]){"Enterprise"},
        .flashback = (char[]){"NO"},
        .spfile = (char[]){"/dbs/spfileT15.ora"},
        .password_mode = (char[]){"EXCLUSIVE"},
        .recovery_dest = (char[]){"/fra"},
        .force_logging = true,
        .control_file_record_keep_time = 10,
        .datafiles = files,
        .n_datafiles = 2,
        .n_threads = 1,
        .archives_to_area = true,
        .recovery_limit = 1000,
        .recovery_used = 500,
        .recovery_reclaimable = 100,
        .redo_bytes = 100,
};

static const LocalFacts LOCAL = {
        .has_rman = true,
        .has_password_file = true,
        .listener = LISTENER_READY,
        .listener_known = true,
};

static const AdviceContext CONTEXT = {
        .sid = "T15", .channels = 4, .level0_age_days = 3, .last_low_scn = 1000};

typedef struct Fixture {
        DatabaseFacts facts;
        LocalFacts local;
        AdviceContext context;
        AdviceList rows;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        f->facts = HEALTHY;
        f->local = LOCAL;
        f->context = CONTEXT;
        files[0].unrecoverable_scn = files[1].unrecoverable_scn = 0;
        strcpy(files[1].status, "ONLINE");
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        advice_list_done(&f->rows);
        free(f);
        return 0;
}

static void judge(Fixture *f) {
        advice_list_done(&f->rows);
        advice_database(&f->context, &f->facts, &f->local, &f->rows);
        assert_false(f->rows.failed);
}

static size_t count_bad(const Fixture *f) {
        size_t n = 0;

        for (size_t i = 0; i < f->rows.n; i++) {
                const Advice *row = &f->rows.items[i];
                assert_string_equal(row->database, "T15");
                assert_true(*row->detail != '\0');
                if (row->ok)
                        assert_int_equal(row->severity, ADVICE_INFO);
                else
                        n++;
        }
        return n;
}

static const Advice *find(const Fixture *f, const char *check) {
        for (size_t i = 0; i < f->rows.n; i++)
                if (strcmp(f->rows.items[i].check, check) == 0)
                        return &f->rows.items[i];
        fail_msg("no row %s", check);
        return NULL;
}

/* This row, and no other. */
static void turns(Fixture *f, const char *check, AdviceSeverity severity, const char *words) {
        judge(f);
        const Advice *row = find(f, check);
        assert_false(row->ok);
        assert_int_equal(row->severity, severity);
        if (strstr(row->detail, words) == NULL)
                fail_msg("%s says \"%s\", not \"%s\"", check, row->detail, words);
        assert_int_equal(count_bad(f), 1);
        f->facts = HEALTHY;
        f->local = LOCAL;
        f->context = CONTEXT;
}

static void in_health_every_row_is_ok_and_there_once(void **state) {
        Fixture *f = *state;

        judge(f);
        assert_int_equal(count_bad(f), 0);
        assert_true(f->rows.n > 30);
        for (size_t i = 0; i < f->rows.n; i++)
                assert_ptr_equal(find(f, f->rows.items[i].check), &f->rows.items[i]);
        assert_string_equal(advice_severity_name(ADVICE_ERROR), "error");
        assert_string_equal(advice_severity_name(ADVICE_WARNING), "warning");
        assert_string_equal(advice_severity_name(ADVICE_INFO), "info");
}

static void what_a_backup_refuses_is_an_error(void **state) {
        Fixture *f = *state;
        char *asm_name[] = {(char[]){"+DATA/redo01"}, NULL};

        f->facts.parallel = true;
        turns(f, "rac", ADVICE_ERROR, "RAC");
        f->facts.n_threads = 2;
        turns(f, "rac", ADVICE_ERROR, "thread");
        f->facts.status = (char[]){"MOUNTED"};
        turns(f, "open", ADVICE_ERROR, "open it");
        f->facts.role = (char[]){"PHYSICAL STANDBY"};
        turns(f, "role", ADVICE_ERROR, "primary");
        f->facts.controlfile_type = (char[]){"BACKUP"};
        turns(f, "control_file", ADVICE_ERROR, "RESETLOGS");
        f->facts.log_mode = (char[]){"NOARCHIVELOG"};
        turns(f, "archivelog", ADVICE_ERROR, "alter database archivelog");
        f->facts.open_mode = (char[]){"READ ONLY"};
        turns(f, "read_write", ADVICE_ERROR, "read write");
        f->facts.logfiles = (StringList){asm_name, 1};
        turns(f, "asm", ADVICE_ERROR, "file system");
        strcpy(files[1].status, "RECOVER");
        turns(f, "offline_files", ADVICE_ERROR, "/u02/u.dbf");
        f->local.has_rman = false;
        strcpy(files[1].status, "ONLINE");
        turns(f, "rman_program", ADVICE_ERROR, "oratab");
}

static void what_is_seen_from_outside(void **state) {
        Fixture *f = *state;

        f->local.has_password_file = false;
        turns(f, "password_file", ADVICE_WARNING, "orapwd");
        f->local.has_password_file = false;
        f->facts.password_mode = (char[]){"NONE"};
        judge(f);
        assert_true(find(f, "password_file")->ok);
        f->facts = HEALTHY;
        f->local = LOCAL;
        f->local.undefined_alias = (char[]){"local_listener = LISTENER_X"};
        turns(f, "local_listener", ADVICE_WARNING, "LISTENER_X");
        f->local.listener = LISTENER_DOWN;
        turns(f, "listener", ADVICE_WARNING, "lsnrctl start");
        f->local.listener = LISTENER_MISSING;
        turns(f, "listener", ADVICE_WARNING, "REGISTER");
        f->local.listener = LISTENER_UNREADY;
        turns(f, "listener", ADVICE_WARNING, "REGISTER");
        f->local.listener_known = false;
        turns(f, "listener", ADVICE_WARNING, "lsnrctl");
        f->local.archive_directory = (char[]){"/arch"};
        f->local.archive_directory_free = 201;
        turns(f, "archive_space", ADVICE_ERROR, "/arch has 201 bytes");
        f->local.archive_directory = (char[]){"/arch"};
        f->local.archive_directory_free = 202;
        judge(f);
        assert_int_equal(count_bad(f), 0);
}

static void room_for_logs_is_more_than_two(void **state) {
        Fixture *f = *state;

        f->facts.recovery_used = 901; /* of it 100 can be reclaimed: 199 are left */
        turns(f, "archive_space", ADVICE_ERROR, "80 %");
        f->facts.recovery_used = 999; /* 101 are left, and no log has 51 */
        f->facts.redo_bytes = 10;
        judge(f);
        assert_int_equal(count_bad(f), 0);
        f->facts.recovery_used = 1000;
        turns(f, "archive_space", ADVICE_WARNING, "90 % full");
        f->facts.recovery_limit = 0;
        f->facts.recovery_used = UINT64_MAX;
        judge(f);
        assert_int_equal(count_bad(f), 0);
        f->facts = HEALTHY;
        f->facts.archives_to_area = false;
        f->facts.recovery_used = 901;
        judge(f);
        assert_int_equal(count_bad(f), 0);
}

static void what_may_be_lost_is_a_warning(void **state) {
        Fixture *f = *state;
        char *one[] = {(char[]){"ONE"}, NULL};
        const StringList list = {one, 1};

        f->facts.force_logging = false;
        turns(f, "force_logging", ADVICE_WARNING, "FORCE LOGGING");
        files[1].unrecoverable_scn = 1001;
        turns(f, "unrecoverable_files", ADVICE_WARNING, "data file 4 (/u02/u.dbf)");
        f->context.last_low_scn = 0; /* there is no backup that could lack it */
        judge(f);
        assert_int_equal(count_bad(f), 0);
        f->context = CONTEXT;
        files[1].unrecoverable_scn = 1000;
        f->facts.corrupt_ranges = 3;
        turns(f, "corruption", ADVICE_WARNING, "3 ranges");
        f->facts.tde = true;
        turns(f, "tde", ADVICE_WARNING, "wallet");
        f->facts.control_file_record_keep_time = 9;
        turns(f, "record_keep_time", ADVICE_WARNING, "set it to 10 or more");
        f->facts.control_file_record_keep_time = 0; /* never overwritten */
        judge(f);
        assert_int_equal(count_bad(f), 0);
        f->facts = HEALTHY;
        f->facts.guaranteed_points = list;
        turns(f, "restore_points", ADVICE_WARNING, "ONE");
        f->facts.restricted_pdbs = list;
        turns(f, "pluggable_databases", ADVICE_WARNING, "ONE");
        f->facts.failed_destinations = list;
        turns(f, "archive_destinations", ADVICE_ERROR, "ORA-00257");
        f->facts.edition = (char[]){"Standard"};
        turns(f, "channels", ADVICE_WARNING, "one channel, not 4");
        f->facts.rman_encryption = true;
        turns(f, "rman_encryption", ADVICE_WARNING, "wallet");
}

static void what_is_taken_care_of_is_an_info(void **state) {
        Fixture *f = *state;
        char *one[] = {(char[]){"ONE"}, NULL};
        const StringList list = {one, 1};

        f->facts.spfile = (char[]){""};
        turns(f, "spfile", ADVICE_INFO, "CREATE SPFILE");
        f->facts.excluded_tablespaces = list;
        turns(f, "excluded_tablespaces", ADVICE_INFO, "NOEXCLUDE");
        f->facts.flashback = (char[]){"YES"};
        turns(f, "flashback", ADVICE_INFO, "switch it on again");
        f->facts.block_change_tracking = (char[]){"/u02/bct.f"};
        turns(f, "change_tracking", ADVICE_INFO, "/u02/bct.f");
        f->facts.remote_destinations = list;
        turns(f, "remote_destinations", ADVICE_INFO, "ONE");
}

static void rman_settings_that_leak_in_are_told(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *setting, *check;
        } settings[] = {
                {"DATAFILE BACKUP COPIES FOR DEVICE TYPE DISK TO 2", "rman_copies"},
                {"ARCHIVELOG BACKUP COPIES FOR DEVICE TYPE DISK TO 2", "rman_copies"},
                {"COMPRESSION ALGORITHM 'MEDIUM' AS OF RELEASE 'DEFAULT'", "rman_compression"},
                {"DEFAULT DEVICE TYPE TO 'SBT_TAPE'", "rman_device"},
                {"CHANNEL DEVICE TYPE 'SBT_TAPE' PARMS 'x'", "rman_device"},
                {"CONTROLFILE AUTOBACKUP ON", "rman_autobackup"},
                {"BACKUP OPTIMIZATION ON", "rman_optimization"},
        };
        static const char *const harmless[] = {
                "DATAFILE BACKUP COPIES FOR DEVICE TYPE DISK TO 1",
                "COMPRESSION ALGORITHM 'BASIC' AS OF RELEASE 'DEFAULT'",
                "DEFAULT DEVICE TYPE TO DISK",
                "CONTROLFILE AUTOBACKUP OFF",
                "BACKUP OPTIMIZATION OFF",
                "RETENTION POLICY TO REDUNDANCY 2",
        };

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                char *one[] = {strdup(settings[i].setting), NULL};
                f->facts.rman_settings = (StringList){one, 1};
                turns(f, settings[i].check, ADVICE_INFO, "CONFIGURE");
                free(one[0]);
        }
        for (size_t i = 0; i < ELEMENTSOF(harmless); i++) {
                char *one[] = {strdup(harmless[i]), NULL};
                f->facts.rman_settings = (StringList){one, 1};
                judge(f);
                assert_int_equal(count_bad(f), 0);
                free(one[0]);
        }
}

/* ---- others who use RMAN ---- */

static const char *const EFFECTS[] = {"(1)", "(2)", "(3)", "(4)", "(5)"};

static void other_users_are_told_what_that_means(void **state) {
        Fixture *f = *state;
        char *one[] = {(char[]){"2 backup pieces with tag NIGHTLY"}, NULL};

        f->facts.foreign = (StringList){one, 1};
        judge(f);
        const Advice *row = find(f, "other_rman_users");
        for (size_t i = 0; i < ELEMENTSOF(EFFECTS); i++)
                assert_non_null(strstr(row->detail, EFFECTS[i]));
        assert_non_null(strstr(row->detail, "NIGHTLY"));
        turns(f, "other_rman_users", ADVICE_WARNING, "repository = forget");

        f->facts.foreign = (StringList){one, 1};
        f->context.keeps_pieces = true; /* what is recorded is there: the first and the last go */
        judge(f);
        row = find(f, "other_rman_users");
        for (size_t i = 0; i < ELEMENTSOF(EFFECTS); i++)
                assert_int_equal(
                        strstr(row->detail, EFFECTS[i]) != NULL,
                        i > 0 && i + 1 < ELEMENTSOF(EFFECTS));
        f->context.forgets = true; /* nothing is recorded */
        judge(f);
        assert_int_equal(count_bad(f), 0);
}

static void what_we_did_ourselves_is_no_sign_of_others(void **state) {
        Fixture *f = *state;

        f->facts.deletes = (OperationFacts){.count = 3, .newest = "2026-11-22T06:10:44"};
        f->facts.crosschecks = (OperationFacts){.count = 3, .newest = "2026-11-22T06:10:44"};
        f->context.own_deletes = 4;
        f->context.own_crosschecks = 3;
        judge(f);
        assert_int_equal(count_bad(f), 0);
        f->context.own_deletes = 2;
        turns(f, "other_rman_users", ADVICE_WARNING, "DELETE was run 1 times, last 2026-11-22T06");
        f->facts.crosschecks = (OperationFacts){.count = 1, .newest = "2026-11-22T06:10:44"};
        turns(f, "other_rman_users", ADVICE_WARNING, "CROSSCHECK was run 1 times");
}

static void of_many_signs_some_are_shown(void **state) {
        Fixture *f = *state;
        char piece[] = "a piece";
        char *many[40];

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = piece;
        f->facts.foreign = (StringList){many, ELEMENTSOF(many)};
        turns(f, "other_rman_users", ADVICE_WARNING, "and 35 more");
        f->facts.guaranteed_points = (StringList){many, ELEMENTSOF(many)};
        turns(f, "restore_points", ADVICE_WARNING, "and 35 more");
}

/* ---- a backup ---- */

static void a_backup_warns_of_what_concerns_it(void **state) {
        Fixture *f = *state;
        char *one[] = {(char[]){"ONE"}, NULL};

        advice_backup(&f->context, &f->facts, &f->rows);
        assert_int_equal(f->rows.n, 0);
        f->facts.force_logging = false; /* the record has it */
        f->facts.flashback = (char[]){"YES"};
        f->facts.spfile = (char[]){""};
        advice_backup(&f->context, &f->facts, &f->rows);
        assert_int_equal(f->rows.n, 0);
        f->facts.tde = true;
        f->facts.excluded_tablespaces = (StringList){one, 1};
        advice_backup(&f->context, &f->facts, &f->rows);
        assert_int_equal(f->rows.n, 2);
        assert_non_null(strstr(find(f, "tde")->detail, "wallet"));
        assert_int_equal(count_bad(f), 2);
}

#define ADVICE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                ADVICE_TEST(in_health_every_row_is_ok_and_there_once),
                ADVICE_TEST(what_a_backup_refuses_is_an_error),
                ADVICE_TEST(what_is_seen_from_outside),
                ADVICE_TEST(room_for_logs_is_more_than_two),
                ADVICE_TEST(what_may_be_lost_is_a_warning),
                ADVICE_TEST(what_is_taken_care_of_is_an_info),
                ADVICE_TEST(rman_settings_that_leak_in_are_told),
                ADVICE_TEST(other_users_are_told_what_that_means),
                ADVICE_TEST(what_we_did_ourselves_is_no_sign_of_others),
                ADVICE_TEST(of_many_signs_some_are_shown),
                ADVICE_TEST(a_backup_warns_of_what_concerns_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
