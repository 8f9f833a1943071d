/* The phases of a restore from the recovered database to one that clients can use: R7 and R8.
 * Called by restore-run.c alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/oratab.h"
#include "oracle/queries.h"
#include "oracle/restore-run-private.h"
#include "oracle/sql.h"

/* --- headers --- */

int restore_begin_check(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_ask(SQL_HEADERS, run->version, &statements);
        return restore_run_ask(run, STEP_SQL_ASK, &statements, 0, err);
}

int restore_judge_check(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        StringList warnings = {0};
        bool has_time = run->options.until_time != NULL && run->options.until_time[0] != '\0';
        int r = queries_headers(rows, has_time ? 0 : run->options.until_scn, &warnings, err);
        for (size_t i = 0; r >= 0 && i < warnings.n; i++)
                restore_run_note(run, "%s", warnings.items[i]);
        string_list_done(&warnings);
        return r < 0 ? error_prefix(err, "%s", run->options.database->sid) : 0;
}

/* --- open --- */

int restore_begin_open(RestoreRun *run, Error *err) {
        static const SqlQuestion questions[] = {
                SQL_DATABASE, SQL_MISSING_FILES, SQL_TEMPFILES, SQL_PDBS};
        Text statements = TEXT_INIT;
        sql_statement(SQL_OPEN_RESETLOGS, &statements);
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                if (questions[i] != SQL_PDBS || run->cdb)
                        sql_ask(questions[i], run->version, &statements);
        return restore_run_ask(run, STEP_SQL_WORK, &statements, 0, err);
}

static int check_open_mode(RestoreRun *run, const Rows *rows, Error *err) {
        const Row *row = rows_get(rows, "P2", 0);
        const char *mode = "", *name = "";
        int r = row != NULL ? row_string(row, 4, &mode, err) : 0;
        if (r < 0)
                return r;
        if (strcmp(mode, "READ WRITE") != 0)
                return restore_run_refuse(
                        run, ERROR_ORACLE, "the database is not open for reading and writing", err);
        row = rows_get(rows, "R7M", 0);
        r = row != NULL ? row_string(row, 0, &name, err) : 0;
        if (r < 0 || row == NULL)
                return r;
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -ENODATA,
                "%s opened, but lacks a data file the dictionary knows: %s",
                run->options.database->sid,
                name);
}

static int check_tempfiles(RestoreRun *run, const Rows *rows, Error *err) {
        uint64_t n = 0;
        int r = queries_count(rows, "P6T", &n, err);
        if (r >= 0 && n != run->options.tempfiles)
                restore_run_note(
                        run,
                        "%s has %" PRIu64 " temporary files, it had %" PRIu64
                        " when it was backed up; add what is missing",
                        run->options.database->sid,
                        n,
                        run->options.tempfiles);
        return r;
}

static const Row *find_pdb(const Rows *rows, const char *name) {
        for (size_t i = 0; i < rows_count(rows, "P6P"); i++) {
                const char *found;
                const Row *row = rows_get(rows, "P6P", i);
                if (row_string(row, 1, &found, NULL) >= 0 && strcmp(found, name) == 0)
                        return row;
        }
        return NULL;
}

static int take_pdbs(RestoreRun *run, const Rows *rows, Error *err) {
        const StringList *wanted = run->options.open_pdbs;
        for (size_t i = 0; run->cdb && wanted != NULL && i < wanted->n; i++) {
                const Row *row = find_pdb(rows, wanted->items[i]);
                const char *mode = "";
                if (row == NULL)
                        return error_set(
                                err,
                                ERROR_NOT_CONSISTENT,
                                -ENODATA,
                                "%s: pluggable database %s is not there after the restore",
                                run->options.database->sid,
                                wanted->items[i]);
                int r = row_string(row, 2, &mode, err);
                if (r < 0)
                        return r;
                if (!string_starts_with(mode, "READ") &&
                    string_list_add(&run->closed_pdbs, wanted->items[i]) < 0)
                        return error_oom(err);
        }
        return 0;
}

int restore_judge_open(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        int r = check_open_mode(run, rows, err);
        if (r >= 0)
                r = check_tempfiles(run, rows, err);
        return r >= 0 ? take_pdbs(run, rows, err) : r;
}

/* --- pluggable databases --- */

int restore_begin_pdbs(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        int r = 0;
        if (!run->cdb || run->options.open_pdbs == NULL || run->options.open_pdbs->n == 0)
                return 1;
        for (size_t i = 0; r >= 0 && i < run->closed_pdbs.n; i++)
                r = sql_open_pdb(run->closed_pdbs.items[i], &statements, err);
        sql_ask(SQL_PDBS, run->version, &statements);
        sql_ask(SQL_PDB_VIOLATIONS, run->version, &statements);
        return restore_run_ask(run, STEP_SQL_WORK, &statements, r, err);
}

static void note_violations(RestoreRun *run, const Rows *rows, const char *pdb) {
        for (size_t i = 0; i < rows_count(rows, "R7V"); i++) {
                const char *name, *cause, *message;
                const Row *row = rows_get(rows, "R7V", i);
                if (row_string(row, 0, &name, NULL) >= 0 && strcmp(name, pdb) == 0 &&
                    row_string(row, 1, &cause, NULL) >= 0 &&
                    row_string(row, 2, &message, NULL) >= 0)
                        restore_run_note(run, "%s: %s: %s", pdb, cause, message);
        }
}

int restore_judge_pdbs(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        for (size_t i = 0; i < run->options.open_pdbs->n; i++) {
                const char *name = run->options.open_pdbs->items[i];
                const Row *row = find_pdb(rows, name);
                const char *mode = "", *restricted = "";
                int r = row != NULL ? row_string(row, 2, &mode, err) : 0;
                if (r >= 0 && row != NULL)
                        r = row_string(row, 3, &restricted, err);
                if (r < 0)
                        return r;
                if (!string_starts_with(mode, "READ"))
                        return error_set(
                                err,
                                ERROR_ORACLE,
                                -EIO,
                                "%s: pluggable database %s did not open",
                                run->options.database->sid,
                                name);
                if (strcmp(restricted, "YES") != 0)
                        continue;
                restore_run_note(run, "pluggable database %s is open in restricted mode", name);
                note_violations(run, rows, name);
        }
        return 0;
}

/* --- what makes it usable --- */

int restore_begin_tracking(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        if (run->options.block_change_tracking == NULL)
                return 1;
        int r = sql_enable_change_tracking(run->options.block_change_tracking, &statements, err);
        return restore_run_ask(run, STEP_SQL_WORK, &statements, r, err);
}

int restore_begin_register(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_statement(SQL_REGISTER, &statements);
        return restore_run_ask(run, STEP_SQL_ASK, &statements, 0, err);
}

typedef struct OratabJob {
        char *path, *sid, *oracle_home;
} OratabJob;

static int oratab_run(void *data, Error *err) {
        const OratabJob *job = data;
        return oratab_set(job->path, job->sid, job->oracle_home, err);
}

static void *oratab_free(void *data) {
        OratabJob *job = data;
        free(job->path);
        free(job->sid);
        free(job->oracle_home);
        free(job);
        return NULL;
}

int restore_begin_oratab(RestoreRun *run, Error *err) {
        static const StepWork set = {oratab_run, oratab_free};
        OratabJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        job->path = strdup(run->options.oratab);
        job->sid = strdup(run->options.database->sid);
        job->oracle_home = strdup(run->options.database->oracle_home);
        if (job->path == NULL || job->sid == NULL || job->oracle_home == NULL) {
                oratab_free(job);
                return error_oom(err);
        }
        restore_run_note(
                run,
                "%s has a new incarnation: its next backup must be of level 0",
                run->options.database->sid);
        return step_work(&run->step, &set, job, err);
}

static int cleanup_run(void *data, Error *err) {
        return directory_remove_tree(data, err);
}

static void *free_data(void *data) {
        free(data);
        return NULL;
}

int restore_begin_cleanup(RestoreRun *run, Error *err) {
        static const StepWork cleanup = {cleanup_run, free_data};
        char *path = strdup(run->workplace);
        return path != NULL ? step_work(&run->step, &cleanup, path, err) : error_oom(err);
}
