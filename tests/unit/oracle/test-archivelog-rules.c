/* oracle/archivelog-rules.c */
#include <errno.h>
#include <string.h>

#include "oracle/archivelog-rules.h"
#include "unit/test.h"

#define HOME "/u01/home"
#define R "~R~\x1f"
#define F "\x1f"
#define IN_FORCE(name, value) R "P3A" F name F value "\n"
#define OF_SPFILE(name, value) R "P3S" F name F "1" F value "\n"

static ArchiveDestination found;
static Error error;

/* What these rows make of it: 0, or the error. */
static int ask(const char *lines, ParameterSource source) {
        Rows rows = {0};
        for (const char *p = lines; *p != '\0'; p += strcspn(p, "\n") + 1)
                assert_int_equal(rows_add_line(&rows, p, strcspn(p, "\n"), NULL), 0);
        archive_destination_done(&found);
        error = (Error){0};
        int r = archivelog_destination("DB1", HOME, &rows, source, &found, &error);
        rows_done(&rows);
        return r;
}

static void assert_place(const char *lines, const char *name, const char *directory) {
        assert_int_equal(ask(lines, PARAMETERS_IN_FORCE), 0);
        assert_string_equal(found.name, name);
        assert_true(string_list_has(&found.directories, directory));
        archive_destination_done(&found);
}

static void assert_none(const char *lines, const char *word) {
        assert_int_equal(ask(lines, PARAMETERS_IN_FORCE), -ENOENT);
        assert_int_equal(error.kind, ERROR_ORACLE);
        assert_non_null(strstr(error.message, "db_recovery_file_dest"));
        assert_non_null(strstr(error.message, word));
        assert_null(found.name);
}

static void each_kind_of_destination_is_found(void **state) {
        assert_place(
                IN_FORCE("db_recovery_file_dest", "/u03/fra"),
                "db_recovery_file_dest = /u03/fra",
                "/u03/fra");
        assert_place(
                IN_FORCE("log_archive_dest_1", "LOCATION=/u04/arch MANDATORY")
                        IN_FORCE("db_recovery_file_dest", "/u03/fra"),
                "log_archive_dest_1 = /u04/arch",
                "/u04/arch");
        assert_place(
                IN_FORCE("log_archive_dest_31", "location = \"/u04/a b\" optional"),
                "log_archive_dest_31 = /u04/a b",
                "/u04/a b");
        assert_place(
                IN_FORCE("log_archive_dest_2", "LOCATION=USE_DB_RECOVERY_FILE_DEST")
                        IN_FORCE("db_recovery_file_dest", "/u03/fra"),
                "log_archive_dest_2 = /u03/fra",
                "/u03/fra");
        assert_place(
                IN_FORCE("log_archive_dest", "/u04/old"),
                "log_archive_dest = /u04/old",
                "/u04/old");
        /* In ASM: a place, no directory of this host. */
        assert_int_equal(ask(IN_FORCE("db_recovery_file_dest", "+FRA"), PARAMETERS_IN_FORCE), 0);
        assert_int_equal(found.directories.n, 0);
        archive_destination_done(&found);
}

static void what_goes_into_dbs_or_nowhere_is_none(void **state) {
        assert_none("", "dbs");
        assert_none(IN_FORCE("log_archive_dest_1", "LOCATION=?/dbs/arch"), "?/dbs/arch");
        assert_none(IN_FORCE("log_archive_dest_1", "LOCATION=?/dbs"), "?/dbs");
        assert_none(IN_FORCE("log_archive_dest_1", "LOCATION=" HOME "/dbs/arch"), "/dbs/arch");
        assert_none(IN_FORCE("log_archive_dest", "?/dbs/arch"), "DB1");
        assert_none(IN_FORCE("log_archive_dest_1", "SERVICE=stby ASYNC"), "DB1");
        assert_none(IN_FORCE("log_archive_dest_1", "LOCATION=USE_DB_RECOVERY_FILE_DEST"), "DB1");
        assert_none(IN_FORCE("log_archive_dest_32", "LOCATION=/u04"), "DB1");
        assert_none(
                IN_FORCE("log_archive_dest_1", "LOCATION=/u04")
                        IN_FORCE("log_archive_dest_state_1", "DEFER"),
                "DB1");
        /* One good one beside a bad one: the bad one fills the software's file system. */
        assert_none(
                IN_FORCE("log_archive_dest_1", "LOCATION=/u04")
                        IN_FORCE("log_archive_dest_2", "LOCATION=?/dbs/x"),
                "?/dbs/x");
        /* A name that only begins so is another directory. */
        assert_place(
                IN_FORCE("log_archive_dest_1", "LOCATION=" HOME "/dbs2"),
                "log_archive_dest_1 = " HOME "/dbs2",
                HOME "/dbs2");
}

static void the_spfile_is_asked_for_itself(void **state) {
        const char *rows = IN_FORCE("db_recovery_file_dest", "/u03/fra")
                OF_SPFILE("log_archive_format", "%t_%s_%r.dbf");
        assert_int_equal(ask(rows, PARAMETERS_IN_FORCE), 0);
        assert_int_equal(ask(rows, PARAMETERS_OF_SPFILE), -ENOENT);
        assert_non_null(strstr(error.message, "outlives a restart"));
        assert_int_equal(
                ask(OF_SPFILE("db_recovery_file_dest", "/u03/fra"), PARAMETERS_OF_SPFILE), 0);
        assert_string_equal(found.name, "db_recovery_file_dest = /u03/fra");
        archive_destination_done(&found);
}

static char open_status[] = "OPEN", read_write[] = "READ WRITE", primary[] = "PRIMARY",
            current[] = "CURRENT", empty[] = "";

static DatabaseFacts good(void) {
        return (DatabaseFacts){
                .status = open_status,
                .open_mode = read_write,
                .role = primary,
                .controlfile_type = current,
                .spfile = empty,
                .n_threads = 1,
        };
}

static void assert_refused(const DatabaseFacts *facts, ErrorKind kind, const char *word) {
        const StringList none = {0};
        error = (Error){0};
        assert_true(archivelog_judge("DB1", facts, &none, &error) < 0);
        assert_int_equal(error.kind, kind);
        assert_non_null(strstr(error.message, word));
        assert_non_null(strstr(error.message, "nothing was changed"));
}

static void what_is_no_open_single_primary_on_file_systems_is_refused(void **state) {
        char standby[] = "PHYSICAL STANDBY", backup[] = "BACKUP", mounted[] = "MOUNTED",
             read_only[] = "READ ONLY", asm_file[] = "+DATA/x.dbf", *items[] = {asm_file, NULL};
        DatafileFacts file = {.name = asm_file};
        const StringList none = {0}, in_asm = {.items = items, .n = 1};
        DatabaseFacts facts = good();
        assert_int_equal(archivelog_judge("DB1", &facts, &none, NULL), 0);
        error = (Error){0};
        assert_true(archivelog_judge("DB1", &facts, &in_asm, &error) < 0);
        assert_non_null(strstr(error.message, "ASM"));
        facts.datafiles = &file;
        facts.n_datafiles = 1;
        assert_refused(&facts, ERROR_UNSUPPORTED, "ASM");
        facts = good();
        facts.control_files = in_asm;
        assert_refused(&facts, ERROR_UNSUPPORTED, "ASM");
        facts = good();
        facts.spfile = asm_file;
        assert_refused(&facts, ERROR_UNSUPPORTED, "ASM");
        facts = good();
        facts.n_threads = 2;
        assert_refused(&facts, ERROR_UNSUPPORTED, "RAC");
        facts = good();
        facts.parallel = true;
        assert_refused(&facts, ERROR_UNSUPPORTED, "RAC");
        facts = good();
        facts.role = standby;
        assert_refused(&facts, ERROR_UNSUPPORTED, "standby");
        facts = good();
        facts.controlfile_type = backup;
        assert_refused(&facts, ERROR_UNSUPPORTED, "control file");
        facts = good();
        facts.status = mounted;
        assert_refused(&facts, ERROR_ORACLE, "not open");
        facts = good();
        facts.open_mode = read_only;
        assert_refused(&facts, ERROR_ORACLE, "not open");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_kind_of_destination_is_found),
                cmocka_unit_test(what_goes_into_dbs_or_nowhere_is_none),
                cmocka_unit_test(the_spfile_is_asked_for_itself),
                cmocka_unit_test(what_is_no_open_single_primary_on_file_systems_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
