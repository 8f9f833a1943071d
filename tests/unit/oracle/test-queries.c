/* argv[1]: a directory with what SQL*Plus printed: "preflight" and "run". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "oracle/preflight-rules.h"
#include "oracle/queries.h"
#include "unit/test.h"

static const char *directory;

static void read_rows(const char *name, Rows *rows) {
        char path[1024], *data, *line, *save = NULL;
        size_t size;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        assert_int_equal(file_read(path, 100000, ERROR_CONFIG, &data, &size, NULL), 0);
        for (line = strtok_r(data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
                assert_int_equal(rows_add_line(rows, line, strlen(line), NULL), 0);
        assert_true(rows->ok);
        free(data);
}

static void add(Rows *rows, const char *line) {
        assert_int_equal(rows_add_line(rows, line, strlen(line), NULL), 0);
}

static void read_database(DatabaseFacts *facts) {
        Rows rows = {0};
        Error err = {0};

        memset(facts, 0, sizeof(*facts));
        read_rows("preflight", &rows);
        assert_int_equal(queries_instance(&rows, facts, &err), 0);
        assert_int_equal(queries_database(&rows, facts, &err), 0);
        assert_int_equal(queries_threads(&rows, &facts->threads, &facts->n_threads, &err), 0);
        rows_done(&rows);
}

static bool says(const StringList *list, const char *words) {
        for (size_t i = 0; i < list->n; i++)
                if (strstr(list->items[i], words) != NULL)
                        return true;
        return false;
}

static void the_preflight_is_read(void **state) {
        DatabaseFacts facts;

        read_database(&facts);
        assert_string_equal(facts.version, "19.10.0.0.0");
        assert_string_equal(facts.edition, "Enterprise");
        assert_true(facts.cdb && !facts.parallel && !facts.force_logging);
        assert_true(facts.dbid == 3970467183 && facts.resetlogs_scn == 900);
        assert_string_equal(facts.spfile, "/u01/dbs/spfileT15.ora");
        assert_int_equal(facts.control_file_record_keep_time, 7);
        assert_int_equal(facts.n_datafiles, 2);
        assert_true(facts.datafiles[1].settled && !facts.datafiles[0].settled);
        assert_string_equal(facts.datafiles[1].enabled, "READ ONLY");
        assert_int_equal(facts.n_threads, 1);
        assert_int_equal(facts.threads[0].sequence, 7);
        assert_string_equal(facts.block_change_tracking, "/u02/bct.f");
        assert_int_equal(facts.open_pdbs.n, 1);
        assert_string_equal(facts.open_pdbs.items[0], "P1");
        assert_true(facts.rman_encryption && facts.tde);
        assert_int_equal(facts.tempfiles, 3);
        assert_int_equal(facts.used_bytes, 3145728);
        assert_true(says(&facts.failed_destinations, "LOG_ARCHIVE_DEST_2: ORA-12541"));
        assert_int_equal(facts.foreign.n, 1);
        assert_true(says(&facts.foreign, "NIGHTLY"));
        assert_int_equal(facts.crosschecks.count, 3);
        assert_string_equal(facts.crosschecks.newest, "2026-11-21T06:00:00");
        assert_true(says(&facts.rman_settings, "ENCRYPTION FOR DATABASE ON"));
        assert_true(says(&facts.guaranteed_points, "RP1") && facts.restricted_pdbs.n == 0);
        assert_true(says(&facts.remote_destinations, "LOG_ARCHIVE_DEST_2"));
        assert_true(says(&facts.archive_directories, "/arch") && !facts.archives_to_area);
        assert_true(says(&facts.excluded_tablespaces, "RO"));
        database_facts_done(&facts);
}

static void a_run_is_read(void **state) {
        Rows rows = {0};
        RunFacts run = {0};

        read_rows("run", &rows);
        assert_int_equal(queries_run(&rows, &run, NULL), 0);
        assert_int_equal(queries_times(&rows, &run, NULL), 0);
        assert_string_equal(run.pieces[0].handle, "/b/p1");
        assert_int_equal(run.n_datafiles, 2);
        assert_true(run.datafiles[0].has_level && !run.datafiles[1].has_level);
        assert_int_equal(run.datafiles[0].corrupt, 3);
        assert_int_equal(run.datafiles[1].fuzzy_scn, 0);
        assert_int_equal(run.logs[0].next_scn, 2200);
        assert_int_equal(run.corrupt_blocks, 3);
        assert_string_equal(run.until_time, "2026-11-22T06:01:00");
        run_facts_done(&run);
        rows_done(&rows);
}

static void a_wrong_row_is_named(void **state) {
        Rows rows = {0};
        RunFacts run = {0};
        DatabaseFacts facts = {0};
        Error err = {0};

        read_rows("run", &rows);
        add(&rows,
            "~R~\x1f"
            "A3\x1f"
            "1\x1fseven\x1f"
            "900\x1f"
            "1\x1f"
            "2");
        assert_int_equal(queries_run(&rows, &run, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "row A3 of SQL*Plus, column 2: \"seven\""));
        assert_int_equal(queries_instance(&rows, &facts, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "0 rows P1"));
        rows_done(&rows);
        add(&rows,
            "~R~\x1fP5\x1f"
            "99999999999\x1f\x1f\x1f"
            "1\x1f"
            "1");
        assert_int_equal(queries_threads(&rows, &facts.threads, &facts.n_threads, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "out of range"));
        rows_done(&rows);
}

static void bases_tell_backups_from_copies(void **state) {
        Rows rows = {0};
        BaseFacts *bases;
        size_t n;

        read_rows("preflight", &rows);
        assert_int_equal(queries_bases(&rows, &bases, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_true(bases[0].available && !bases[0].copy && bases[0].checkpoint_scn == 2000);
        assert_true(bases[1].copy && bases[1].file == 2);
        assert_string_equal(bases[1].tag, "COPYTAG");
        free(bases);
        rows_done(&rows);
}

/* The same backup restored twice: two incarnations that begin at the same SCN. */
static void rule_12_incarnations_are_told_apart_by_scn_and_time(void **state) {
        static const char *const incarnations[] = {
                "1\x1f"
                "100\x1fPARENT\x1f"
                "2026-11-01T00:00:00",
                "2\x1f"
                "900\x1fORPHAN\x1f"
                "2026-11-02T00:00:00",
                "3\x1f"
                "900\x1f"
                "CURRENT\x1f"
                "2026-11-03T00:00:00",
                "4\x1f"
                "900\x1fORPHAN\x1f"
                "2026-11-04T00:00:00",
        };
        static const struct {
                uint64_t scn;
                const char *time;
                uint64_t number;
        } cases[] = {
                {100, "2026-11-01T00:00:00", 1},
                {100, NULL, 1},
                {900, "2026-11-02T00:00:00", 2},
                {900, "2026-11-03T00:00:00", 0},
                {900, "2026-11-04T00:00:00", 4},
                {900, NULL, 0},
                {100, "2026-11-09T00:00:00", 1}, /* the only one of its SCN */
        };
        Rows rows = {0};
        uint64_t number = 9;
        Error err = {0};
        for (size_t i = 0; i < ELEMENTSOF(incarnations); i++) {
                CLEANUP(cleanup_free)
                char *line = string_printf("~R~\x1fI1\x1f%s", incarnations[i]);
                add(&rows, line);
        }
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(
                        queries_incarnation(&rows, cases[i].scn, cases[i].time, &number, &err), 0);
                assert_int_equal(number, cases[i].number);
        }
        assert_true(queries_incarnation(&rows, 5, NULL, &number, &err) < 0);
        assert_int_equal(err.kind, ERROR_NOT_CONSISTENT);
        assert_true(queries_incarnation(&rows, 900, "2026-11-05T00:00:00", &number, &err) < 0);
        assert_non_null(strstr(err.message, "more than one incarnation"));
        assert_non_null(strstr(err.message, "900, none of 2026-11-05T00:00:00"));
        rows_done(&rows);
}

static void restored_control_files_are_judged(void **state) {
        StringList list = {0}, missing = {0}, warnings = {0};
        Rows rows = {0};
        Error err = {0};

        add(&rows,
            "~R~\x1fR5\x1f/b/1\x1fT\x1f"
            "DISK");
        add(&rows,
            "~R~\x1fR7\x1f"
            "1\x1fONLINE\x1f\x1f\x1fNO\x1f"
            "2200\x1f"
            "900");
        add(&rows,
            "~R~\x1fR7\x1f"
            "2\x1fONLINE\x1f\x1f\x1fNO\x1f"
            "1000\x1f"
            "900");
        string_list_add(&list, "/b/1");
        string_list_add(&list, "/b/2");
        assert_int_equal(queries_missing_pieces(&rows, &list, &missing, &err), 0);
        assert_int_equal(missing.n, 1);
        assert_string_equal(missing.items[0], "/b/2");
        assert_int_equal(queries_headers(&rows, 2200, &warnings, &err), 0);
        assert_int_equal(warnings.n, 1);
        add(&rows,
            "~R~\x1fR7\x1f"
            "3\x1fONLINE\x1f\x1f\x1fYES\x1f"
            "2200\x1f"
            "900");
        assert_true(queries_headers(&rows, 2200, &warnings, &err) < 0);
        assert_non_null(strstr(err.message, "data file 3"));
        rows_done(&rows);
        assert_true(queries_headers(&rows, 2200, &warnings, &err) < 0);
        string_list_done(&list);
        string_list_done(&missing);
        string_list_done(&warnings);
}

static void sessions_and_remote_destinations_are_found(void **state) {
        StringList remote = {0};
        SessionFacts *sessions;
        Rows rows = {0};
        size_t n;

        read_rows("preflight", &rows);
        assert_int_equal(queries_remote_destinations(&rows, &remote, NULL), 0);
        assert_int_equal(remote.n, 1);
        assert_string_equal(remote.items[0], "LOG_ARCHIVE_DEST_2");
        add(&rows,
            "~R~\x1fS1\x1f"
            "12\x1f"
            "345\x1frman@h");
        assert_int_equal(queries_sessions(&rows, &sessions, &n, NULL), 0);
        assert_true(n == 1 && sessions[0].sid == 12 && sessions[0].serial == 345);
        free(sessions);
        string_list_done(&remote);
        rows_done(&rows);
}

static ErrorKind judge(DatabaseFacts *facts, Error *err) {
        AdviceContext context = {.sid = "T15", .channels = 1};

        *err = (Error){0};
        if (preflight_judge(&context, facts, err) < 0)
                assert_non_null(strstr(err->message, "T15"));
        return err->kind;
}

static void refuses_after(size_t offset, const char *value, ErrorKind kind, const char *words) {
        DatabaseFacts facts;
        char **field;
        Error err;

        read_database(&facts);
        field = (char **)(void *)((char *)&facts + offset);
        free(*field);
        *field = strdup(value);
        assert_int_equal(judge(&facts, &err), kind);
        assert_non_null(strstr(err.message, words));
        database_facts_done(&facts);
}

static void what_cannot_be_backed_up_is_refused_with_what_to_do(void **state) {
        AdviceContext context = {.sid = "T15"};
        DatabaseFacts facts;
        Error err;

        read_database(&facts);
        assert_int_equal(judge(&facts, &err), ERROR_NONE);
        strcpy(facts.datafiles[0].status, "RECOVER");
        assert_int_equal(judge(&facts, &err), ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "/u02/system01.dbf"));
        strcpy(facts.datafiles[0].status, "ONLINE");
        strcpy(facts.datafiles[1].status, "OFFLINE"); /* normal: it is settled */
        assert_int_equal(judge(&facts, &err), ERROR_NONE);
        string_list_add(&facts.logfiles, "+DATA/redo1");
        assert_true(preflight_judge(&context, &facts, &err) < 0);
        assert_non_null(strstr(err.message, "ASM"));
        facts.parallel = true;
        assert_int_equal(judge(&facts, &err), ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "RAC"));
        database_facts_done(&facts);
        refuses_after(
                offsetof(DatabaseFacts, log_mode),
                "NOARCHIVELOG",
                ERROR_NOT_ARCHIVELOG,
                "archivelog");
        refuses_after(offsetof(DatabaseFacts, status), "MOUNTED", ERROR_ORACLE, "not open");
        refuses_after(offsetof(DatabaseFacts, open_mode), "READ ONLY", ERROR_ORACLE, "read write");
        refuses_after(
                offsetof(DatabaseFacts, role), "PHYSICAL STANDBY", ERROR_UNSUPPORTED, "standby");
        refuses_after(
                offsetof(DatabaseFacts, controlfile_type),
                "BACKUP",
                ERROR_UNSUPPORTED,
                "RESETLOGS");
        refuses_after(offsetof(DatabaseFacts, spfile), "+DATA/spfile", ERROR_UNSUPPORTED, "ASM");
}

static void what_a_dba_should_know_is_warned_of(void **state) {
        AdviceContext context = {.sid = "T15", .channels = 4, .level0_age_days = 3};
        StringList warnings = {0};
        DatabaseFacts facts;

        read_database(&facts);
        free(facts.edition);
        facts.edition = strdup("Standard");
        assert_int_equal(preflight_warnings(&context, &facts, &warnings, NULL), 0);
        assert_true(says(&warnings, "(5)") && says(&warnings, "NIGHTLY"));
        assert_true(says(&warnings, "set it to 10"));
        assert_true(says(&warnings, "94 % full"));
        assert_true(says(&warnings, "LOG_ARCHIVE_DEST_2"));
        assert_true(says(&warnings, "tablespace RO"));
        assert_true(says(&warnings, "RMAN encryption") && says(&warnings, "wallet"));
        assert_true(says(&warnings, "one channel, not 4"));
        string_list_done(&warnings);
        database_facts_done(&facts);
}

static void a_quiet_database_gives_no_warning(void **state) {
        AdviceContext context = {.sid = "T15", .channels = 1};
        DatabaseFacts facts = {.control_file_record_keep_time = 7};
        StringList warnings = {0};

        assert_int_equal(preflight_warnings(&context, &facts, &warnings, NULL), 0);
        assert_int_equal(warnings.n, 0);
}

static void a_run_warns_of_changes_without_redo_and_corruption(void **state) {
        Rows rows = {0};
        RunFacts run = {0};
        StringList warnings = {0};

        read_rows("run", &rows);
        assert_int_equal(queries_run(&rows, &run, NULL), 0);
        assert_int_equal(preflight_run_warnings("T15", &run, 1400, &warnings, NULL), 0);
        assert_int_equal(warnings.n, 2);
        assert_true(says(&warnings, "data file 2 (/u02/ro01.dbf) was changed without redo"));
        assert_true(says(&warnings, "3 corrupt blocks of data file 1"));
        string_list_done(&warnings);
        run.datafiles[0].corrupt = 0;
        assert_int_equal(preflight_run_warnings("T15", &run, 1500, &warnings, NULL), 0);
        assert_int_equal(warnings.n, 1);
        assert_true(says(&warnings, "V$DATABASE_BLOCK_CORRUPTION"));
        string_list_done(&warnings);
        run_facts_done(&run);
        rows_done(&rows);
}

static void a_failed_sql_run_names_sid_and_cause(void **state) {
        Rows rows = {0};
        Error err = {0};

        preflight_sql_error("T15", &rows, &err);
        assert_int_equal(err.kind, ERROR_ORACLE);
        add(&rows, "ERROR:");
        add(&rows, "ORA-01031: insufficient privileges");
        preflight_sql_error("T15", &rows, &err);
        assert_int_equal(err.kind, ERROR_ORACLE_AUTH);
        assert_string_equal(err.ora_code, "ORA-01031");
        assert_string_equal(err.message, "database T15: ORA-01031: insufficient privileges");
        rows_done(&rows);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_preflight_is_read),
                cmocka_unit_test(a_run_is_read),
                cmocka_unit_test(a_wrong_row_is_named),
                cmocka_unit_test(bases_tell_backups_from_copies),
                cmocka_unit_test(rule_12_incarnations_are_told_apart_by_scn_and_time),
                cmocka_unit_test(restored_control_files_are_judged),
                cmocka_unit_test(sessions_and_remote_destinations_are_found),
                cmocka_unit_test(what_cannot_be_backed_up_is_refused_with_what_to_do),
                cmocka_unit_test(what_a_dba_should_know_is_warned_of),
                cmocka_unit_test(a_quiet_database_gives_no_warning),
                cmocka_unit_test(a_run_warns_of_changes_without_redo_and_corruption),
                cmocka_unit_test(a_failed_sql_run_names_sid_and_cause),
        };

        directory = argc > 1 ? argv[1] : ".";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
