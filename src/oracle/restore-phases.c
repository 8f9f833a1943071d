/* The phases of a restore up to the recovered, unopened database: R2 to R6. Called by
 * restore-run.c alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/queries.h"
#include "oracle/restore-run-private.h"
#include "oracle/sql.h"

/* Takes the script over. */
static int start_script(RestoreRun *run, RmanPhase phase, Text *script, Error *err) {
        return step_rman(
                &run->step,
                &(StepRman){
                        .phase = phase,
                        .growth_directories =
                                phase == RMAN_PHASE_RESTORE ? &run->directories : NULL,
                        .created_in_logs = run->options.created_in_logs,
                        .n_created_in_logs = run->options.n_created_in_logs,
                },
                script,
                err);
}

/* --- R2: nomount --- */

int restore_begin_nomount(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        int r = sql_startup_nomount(NULL, &statements, err);
        sql_ask(SQL_INSTANCE, 0, &statements);
        sql_ask(SQL_PARAMETERS, 0, &statements);
        return restore_run_ask(run, STEP_SQL_IDLE, &statements, r, err);
}

static const char *parameter(const Rows *rows, const char *name) {
        const char *value = queries_parameter(rows, name);
        return value != NULL ? value : "";
}

static int check_instance(RestoreRun *run, const Rows *rows, Error *err) {
        const char *version, *status;
        const Row *row = rows_get(rows, "P1", 0);
        if (row == NULL)
                return restore_run_refuse(
                        run, ERROR_ORACLE, "the instance did not say what it is", err);
        int r = row_string(row, 2, &version, err);
        if (r >= 0)
                r = row_string(row, 3, &status, err);
        if (r < 0)
                return r;
        run->version = sql_version(version);
        if (strcmp(status, "STARTED") != 0)
                return restore_run_refuse(
                        run, ERROR_ORACLE, "the instance is not in state STARTED", err);
        return 0;
}

int restore_judge_nomount(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        int r = check_instance(run, rows, err);
        if (r < 0)
                return r;
        run->started = true;
        if (strcasecmp(parameter(rows, "db_name"), run->options.db_name) != 0)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "%s: the started instance has db_name \"%s\", the backup is of \"%s\"; "
                        "another parameter file was found first",
                        run->options.database->sid,
                        parameter(rows, "db_name"),
                        run->options.db_name);
        if (run->options.has_spfile && parameter(rows, "spfile")[0] == '\0')
                return restore_run_refuse(
                        run, ERROR_ORACLE, "the instance did not start from its spfile", err);
        run->broker_on = strcasecmp(parameter(rows, "dg_broker_start"), "TRUE") == 0;
        const char *jobs = parameter(rows, "job_queue_processes");
        run->jobs_on = jobs[0] != '\0' && strcmp(jobs, "0") != 0;
        return 0;
}

/* --- R3: control file --- */

int restore_begin_controlfile(RestoreRun *run, Error *err) {
        Text script = TEXT_INIT;
        int r = rman_script_restore_controlfile(
                run->options.dbid, run->options.control_file_piece, &script, err);
        if (r < 0) {
                text_wipe(&script);
                return r;
        }
        return start_script(run, RMAN_PHASE_CONTROLFILE, &script, err);
}

/* --- R4: mount --- */

int restore_begin_mount(RestoreRun *run, Error *err) {
        static const SqlQuestion questions[] = {
                SQL_DATABASE,
                SQL_STRUCTURE,
                SQL_CHANGE_TRACKING,
                SQL_DESTINATIONS,
                SQL_INCARNATIONS,
        };
        Text statements = TEXT_INIT;
        sql_statement(SQL_MOUNT, &statements);
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                sql_ask(questions[i], run->version, &statements);
        return restore_run_ask(run, STEP_SQL_WORK, &statements, 0, err);
}

static int check_identity(RestoreRun *run, const Row *row, Error *err) {
        const char *name, *controlfile, *flashback, *cdb;
        uint64_t dbid;
        int r = row_uint(row, 0, &dbid, err);
        if (r >= 0)
                r = row_string(row, 1, &name, err);
        if (r >= 0)
                r = row_string(row, 6, &controlfile, err);
        if (r >= 0)
                r = row_string(row, 8, &flashback, err);
        if (r >= 0)
                r = row_string(row, 12, &cdb, err);
        if (r < 0)
                return r;
        if (dbid != run->options.dbid || strcasecmp(name, run->options.db_name) != 0)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "%s: the restored control file is of %s with DBID %" PRIu64
                        ", the record says %s with DBID %" PRIu64,
                        run->options.database->sid,
                        name,
                        dbid,
                        run->options.db_name,
                        run->options.dbid);
        if (strcmp(controlfile, "BACKUP") != 0)
                return restore_run_refuse(
                        run, ERROR_ORACLE, "the mounted control file is not the restored one", err);
        run->flashback_on = strcmp(flashback, "NO") != 0;
        run->cdb = strcmp(cdb, "YES") == 0;
        return 0;
}

static int take_directories(RestoreRun *run, const Rows *rows, Error *err) {
        for (size_t i = 0; i < rows_count(rows, "A4N"); i++) {
                const char *name;
                int r = row_string(rows_get(rows, "A4N", i), 0, &name, err);
                if (r < 0)
                        return r;
                if (!path_is_clean(name))
                        return error_set(
                                err,
                                ERROR_UNSUPPORTED,
                                -EINVAL,
                                "%s: file \"%s\" does not lie on a file system",
                                run->options.database->sid,
                                name);
                CLEANUP(cleanup_free) char *parent = path_parent(name);
                if (parent == NULL)
                        return error_oom(err);
                if (!string_list_has(&run->directories, parent) &&
                    string_list_add(&run->directories, parent) < 0)
                        return error_oom(err);
        }
        return 0;
}

static int take_destinations(RestoreRun *run, const Rows *rows, Error *err) {
        StringList remote = {0};
        int r = queries_remote_destinations(rows, &remote, err);
        for (size_t i = 0; r >= 0 && i < remote.n; i++)
                if (!string_list_has(&run->remote, remote.items[i]) &&
                    string_list_add(&run->remote, remote.items[i]) < 0)
                        r = error_oom(err);
        string_list_done(&remote);
        return r;
}

/* 0: the current incarnation is the recorded one. A restored control file knows the incarnation of
 * its time; files of the recovery area may have added a later one. */
static int take_incarnation(RestoreRun *run, const Rows *rows, uint64_t *ret_reset, Error *err) {
        int r = queries_incarnation(
                rows, run->options.resetlogs_scn, run->options.resetlogs_time, ret_reset, err);
        return r < 0 ? error_prefix(err, "%s", run->options.database->sid) : 0;
}

int restore_judge_mount(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        const Row *database = rows_get(rows, "P2", 0);
        const Row *tracking = rows_get(rows, "P6B", 0);
        const char *status = "DISABLED";
        int r = database != NULL ? check_identity(run, database, err)
                                 : restore_run_refuse(
                                           run,
                                           ERROR_ORACLE,
                                           "the mounted database did not say what it is",
                                           err);
        if (r >= 0 && tracking != NULL)
                r = row_string(tracking, 0, &status, err);
        if (r >= 0)
                r = take_directories(run, rows, err);
        if (r >= 0)
                r = take_destinations(run, rows, err);
        if (r >= 0)
                r = take_incarnation(run, rows, &run->incarnation, err);
        run->tracking_on = strcmp(status, "DISABLED") != 0;
        return r;
}

static int make_directories_run(void *data, Error *err) {
        const StringList *paths = data;
        int r = 0;
        for (size_t i = 0; r >= 0 && i < paths->n; i++)
                r = directory_make(paths->items[i], 0750, err);
        return r;
}

static void *free_list(void *data) {
        string_list_done(data);
        free(data);
        return NULL;
}

int restore_begin_directories(RestoreRun *run, Error *err) {
        static const StepWork make_directories = {make_directories_run, free_list};
        StringList *paths = calloc(1, sizeof *paths);
        if (paths == NULL)
                return error_oom(err);
        if (string_list_copy(&run->directories, paths) < 0) {
                free(paths);
                return error_oom(err);
        }
        return step_work(&run->step, &make_directories, paths, err);
}

/* --- what must be off before the database opens --- */

static int append_deferrals(RestoreRun *run, bool in_spfile, Text *statements, Error *err) {
        for (size_t i = 0; i < run->remote.n; i++) {
                int r = sql_defer_destination(run->remote.items[i], in_spfile, statements, err);
                if (r < 0)
                        return r;
                restore_run_note(
                        run,
                        "%s would ship redo to another database and was deferred; enable it when "
                        "this database is the one that should",
                        run->remote.items[i]);
        }
        return 0;
}

/* A restored database that opens must neither answer for nor act on the original. */
static int append_quiet(RestoreRun *run, Text *statements, Error *err) {
        bool in_spfile = run->options.has_spfile;
        int r = append_deferrals(run, in_spfile, statements, err);
        if (r >= 0 && run->broker_on) {
                r = sql_set_parameter("dg_broker_start", "FALSE", in_spfile, statements, err);
                restore_run_note(run, "dg_broker_start was TRUE and is FALSE now");
        }
        if (r >= 0 && run->jobs_on) {
                r = sql_set_parameter("job_queue_processes", "0", false, statements, err);
                restore_run_note(
                        run,
                        "job_queue_processes is 0 until the next start of the instance, so that "
                        "no job acts on others' systems; set it when the jobs shall run");
        }
        return r;
}

int restore_begin_settings(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        if (run->tracking_on)
                sql_statement(SQL_DISABLE_CHANGE_TRACKING, &statements);
        if (run->flashback_on) {
                sql_statement(SQL_FLASHBACK_OFF, &statements);
                restore_run_note(run, "flashback was on and is off now");
        }
        int r = append_quiet(run, &statements, err);
        if (r >= 0 && statements.length == 0) {
                text_done(&statements);
                return 1;
        }
        return restore_run_ask(run, STEP_SQL_WORK, &statements, r, err);
}

/* --- R5: catalog and proof --- */

/* The directory of a link holds the pieces of all databases of that backup, each below a directory
 * of its own, and RMAN would stumble over the others' (RMAN-07518): only those that this database's
 * pieces lie below are cataloged. */
static int
add_catalog_directory(const char *directory, const char *piece, StringList *ret, Error *err) {
        size_t length = strlen(directory);
        if (strncmp(piece, directory, length) != 0 || piece[length] != '/')
                return 0;
        const char *below = piece + length + 1, *end = strchr(below, '/');
        CLEANUP(cleanup_free)
        char *path = end != NULL ? strndup(piece, (size_t)(end - piece)) : strdup(directory);
        if (path == NULL || (!string_list_has(ret, path) && string_list_add(ret, path) < 0))
                return error_oom(err);
        return 0;
}

static int catalog_directories(const RestoreRun *run, StringList *ret, Error *err) {
        const StringList *directories = run->options.directories, *pieces = run->options.pieces;
        int r = 0;
        for (size_t i = 0; r >= 0 && i < directories->n; i++)
                for (size_t j = 0; r >= 0 && j < pieces->n; j++)
                        r = add_catalog_directory(
                                directories->items[i], pieces->items[j], ret, err);
        return r;
}

int restore_begin_catalog(RestoreRun *run, Error *err) {
        Text script = TEXT_INIT;
        StringList directories = {0};
        int r = catalog_directories(run, &directories, err);
        if (r >= 0)
                r = rman_script_catalog(run->incarnation, &directories, &script, err);
        string_list_done(&directories);
        if (r < 0) {
                text_wipe(&script);
                return r;
        }
        run->incarnation_reset = run->incarnation != 0;
        return start_script(run, RMAN_PHASE_CATALOG, &script, err);
}

int restore_begin_proof(RestoreRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_ask(SQL_AVAILABLE_PIECES, run->version, &statements);
        sql_ask(SQL_INCARNATIONS, run->version, &statements);
        return restore_run_ask(run, STEP_SQL_ASK, &statements, 0, err);
}

static int check_pieces(const RestoreRun *run, const Rows *rows, Error *err) {
        StringList missing = {0};
        int r = queries_missing_pieces(rows, run->options.pieces, &missing, err);
        if (r >= 0 && missing.n > 0)
                r = error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -ENODATA,
                        "%s: piece \"%s\" is not AVAILABLE after it was cataloged (%zu of %zu)",
                        run->options.database->sid,
                        missing.items[0],
                        missing.n,
                        run->options.pieces->n);
        string_list_done(&missing);
        return r;
}

int restore_judge_proof(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        uint64_t reset = 0;
        int r = check_pieces(run, rows, err);
        if (r >= 0)
                r = take_incarnation(run, rows, &reset, err);
        if (r < 0 || reset == 0)
                return r;
        if (run->incarnation_reset)
                return restore_run_refuse(
                        run,
                        ERROR_NOT_CONSISTENT,
                        "a later incarnation stays current although it was reset; remove what "
                        "belongs to it from the recovery area",
                        err);
        run->incarnation = reset;
        return 0;
}

/* --- R6: restore and recover --- */

int restore_begin_database(RestoreRun *run, Error *err) {
        Text script = TEXT_INIT;
        const RmanUntil until = {run->options.until_scn, run->options.until_time};
        int r = rman_script_restore(&until, run->workplace, run->options.channels, &script, err);
        if (r < 0) {
                text_wipe(&script);
                return r;
        }
        return start_script(run, RMAN_PHASE_RESTORE, &script, err);
}
