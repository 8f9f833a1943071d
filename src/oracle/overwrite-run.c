/* Before a restore over a database that is there: what is still good is saved, then the instance is
 * shut down. An open database archives its current log, so that nothing of its redo is lost; of a
 * mounted one the online logs and the control file are copied; one that is down is mounted for
 * that. Never SHUTDOWN ABORT: one that hangs is reported. Owned by job/restore. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/restore-run.h"
#include "oracle/sql.h"
#include "oracle/step.h"

typedef enum OverwriteState {
        OVERWRITE_PREPARE, /* the directory */
        OVERWRITE_ASK,     /* what runs there */
        OVERWRITE_MODE,    /* open: archived, writable? */
        OVERWRITE_ARCHIVE,
        OVERWRITE_MOUNT,
        OVERWRITE_NAMES,
        OVERWRITE_COPY,
        OVERWRITE_SHUTDOWN,
        OVERWRITE_GONE, /* no process of the instance is left */
        OVERWRITE_ENDED,
        OVERWRITE_N_STATES,
} OverwriteState;

static const bool moves[OVERWRITE_N_STATES][OVERWRITE_N_STATES] = {
        [OVERWRITE_PREPARE] = {[OVERWRITE_ASK] = true},
        [OVERWRITE_ASK] =
                {
                        [OVERWRITE_MODE] = true,
                        [OVERWRITE_MOUNT] = true,
                        [OVERWRITE_NAMES] = true,
                        [OVERWRITE_SHUTDOWN] = true,
                },
        [OVERWRITE_MODE] = {[OVERWRITE_ARCHIVE] = true, [OVERWRITE_SHUTDOWN] = true},
        [OVERWRITE_ARCHIVE] = {[OVERWRITE_SHUTDOWN] = true},
        [OVERWRITE_MOUNT] = {[OVERWRITE_NAMES] = true, [OVERWRITE_SHUTDOWN] = true},
        [OVERWRITE_NAMES] = {[OVERWRITE_COPY] = true},
        [OVERWRITE_COPY] = {[OVERWRITE_SHUTDOWN] = true},
        [OVERWRITE_SHUTDOWN] = {[OVERWRITE_GONE] = true},
};

/* Copied on a worker. */
typedef struct SaveJob {
        char *directory;
        StringList files;
} SaveJob;

struct OverwriteRun {
        const Oracle *oracle;
        OverwriteRunOptions options;
        OracleDatabase database;
        char *directory;
        OverwriteState state;
        Step step;
        StringList notes, files;
};

__attribute__((format(printf, 2, 3))) static void note(OverwriteRun *run, const char *format, ...) {
        Text text = TEXT_INIT;
        va_list ap;
        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        if (!text.failed)
                (void)string_list_add(&run->notes, text_get(&text));
        text_done(&text);
}

static void overwrite_end(OverwriteRun *run, const Error *err) {
        StringList notes = run->notes;
        Error error = {0};
        if (err != NULL)
                error = *err;
        run->notes = (StringList){0};
        run->state = OVERWRITE_ENDED;
        run->options.on_done(&notes, err != NULL ? &error : NULL, run->options.userdata);
        string_list_done(&notes);
}

/* --- work --- */

static void *save_free(void *data) {
        SaveJob *job = data;
        free(job->directory);
        string_list_done(&job->files);
        free(job);
        return NULL;
}

static int prepare_run(void *data, Error *err) {
        const SaveJob *job = data;
        return directory_make(job->directory, 0700, err);
}

/* Names may repeat in different directories: the copies are numbered. What the control file names
 * but is not there (a restore that was cut off made no redo logs yet) cannot be saved. */
static int copy_run(void *data, Error *err) {
        const SaveJob *job = data;
        int r = 0;
        for (size_t i = 0; r >= 0 && i < job->files.n; i++) {
                const char *file = job->files.items[i];
                if (access(file, F_OK) < 0 && errno == ENOENT)
                        continue;
                CLEANUP(cleanup_free)
                char *copy = string_printf("%s/%zu-%s", job->directory, i + 1, path_name(file));
                if (copy == NULL)
                        return error_oom(err);
                r = file_copy(file, copy, 0600, UINT64_MAX, err);
                if (r < 0)
                        error_prefix(err, "saving \"%s\" before it is overwritten", file);
        }
        return r;
}

static int begin_work(OverwriteRun *run, const StepWork *functions, Error *err) {
        SaveJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        job->directory = strdup(run->directory);
        if (job->directory == NULL || string_list_copy(&run->files, &job->files) < 0) {
                save_free(job);
                return error_oom(err);
        }
        return step_work(&run->step, functions, job, err);
}

/* --- what each state starts --- */

static int begin_statements(OverwriteRun *run, Text *statements, Error *err) {
        int r = 0;
        switch (run->state) {
        case OVERWRITE_ASK:
                sql_ask(SQL_INSTANCE, 0, statements);
                break;
        case OVERWRITE_MODE:
                sql_ask(SQL_DATABASE, 0, statements);
                break;
        case OVERWRITE_ARCHIVE:
                sql_statement(SQL_ARCHIVE_LOG_CURRENT, statements);
                break;
        case OVERWRITE_MOUNT:
                r = sql_startup_nomount(NULL, statements, err);
                sql_statement(SQL_MOUNT, statements);
                break;
        case OVERWRITE_NAMES:
                sql_ask(SQL_LOGFILES, 0, statements);
                sql_ask(SQL_CONTROL_FILES, 0, statements);
                break;
        case OVERWRITE_SHUTDOWN:
                sql_statement(SQL_SHUTDOWN, statements);
                break;
        case OVERWRITE_PREPARE:
        case OVERWRITE_COPY:
        case OVERWRITE_GONE:
        case OVERWRITE_ENDED:
        case OVERWRITE_N_STATES:
                break;
        }
        return r >= 0 && statements->failed ? error_oom(err) : r;
}

static StepSqlMode sql_mode(OverwriteState state) {
        if (state == OVERWRITE_MOUNT || state == OVERWRITE_SHUTDOWN)
                return STEP_SQL_IDLE;
        return state == OVERWRITE_ARCHIVE ? STEP_SQL_WORK : STEP_SQL_ASK;
}

static int begin(OverwriteRun *run, Error *err) {
        static const StepWork prepare = {prepare_run, save_free};
        static const StepWork copy = {copy_run, save_free};
        Text statements = TEXT_INIT;
        if (run->state == OVERWRITE_PREPARE)
                return begin_work(run, &prepare, err);
        if (run->state == OVERWRITE_COPY)
                return begin_work(run, &copy, err);
        if (run->state == OVERWRITE_GONE)
                return step_gone(&run->step, err);
        int r = begin_statements(run, &statements, err);
        if (r >= 0)
                r = step_sql(&run->step, sql_mode(run->state), text_get(&statements), err);
        text_done(&statements);
        return r;
}

/* --- what each state brought --- */

static int judge_status(const Rows *rows, OverwriteState *ret_next, Error *err) {
        const Row *row = rows_get(rows, "P1", 0);
        const char *status = "";
        int r = row != NULL ? row_string(row, 3, &status, err) : 0;
        if (r < 0)
                return r;
        if (strcmp(status, "OPEN") == 0)
                *ret_next = OVERWRITE_MODE;
        else if (strcmp(status, "MOUNTED") == 0)
                *ret_next = OVERWRITE_NAMES;
        else
                *ret_next = OVERWRITE_SHUTDOWN;
        return 0;
}

static int judge_mode(OverwriteRun *run, const Rows *rows, OverwriteState *ret_next, Error *err) {
        const Row *row = rows_get(rows, "P2", 0);
        const char *log_mode = "", *open_mode = "";
        int r = row != NULL ? row_string(row, 3, &log_mode, err) : 0;
        if (r >= 0 && row != NULL)
                r = row_string(row, 4, &open_mode, err);
        if (r < 0)
                return r;
        *ret_next = OVERWRITE_ARCHIVE;
        if (strcmp(log_mode, "ARCHIVELOG") == 0 && strcmp(open_mode, "READ WRITE") == 0)
                return 0;
        note(run,
             "%s ran in mode %s, %s: nothing newer than the backup could be saved",
             run->database.sid,
             log_mode,
             open_mode);
        *ret_next = OVERWRITE_SHUTDOWN;
        return 0;
}

static int take_names(OverwriteRun *run, const Rows *rows, Error *err) {
        const struct {
                const char *label;
                size_t column, max;
        } sources[] = {{"A4L", 1, SIZE_MAX}, {"P3C", 0, 1}};
        for (size_t s = 0; s < ELEMENTSOF(sources); s++)
                for (size_t i = 0; i < rows_count(rows, sources[s].label) && i < sources[s].max;
                     i++) {
                        const char *name;
                        const Row *row = rows_get(rows, sources[s].label, i);
                        int r = row_string(row, sources[s].column, &name, err);
                        if (r >= 0 && string_list_add(&run->files, name) < 0)
                                r = error_oom(err);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int judge(OverwriteRun *run, const Rows *rows, OverwriteState *ret_next, Error *err) {
        switch (run->state) {
        case OVERWRITE_PREPARE:
                *ret_next = OVERWRITE_ASK;
                return 0;
        case OVERWRITE_ASK:
                return judge_status(rows, ret_next, err);
        case OVERWRITE_MODE:
                return judge_mode(run, rows, ret_next, err);
        case OVERWRITE_ARCHIVE:
                note(run,
                     "%s was open: its current redo log was archived before it was shut down",
                     run->database.sid);
                *ret_next = OVERWRITE_SHUTDOWN;
                return 0;
        case OVERWRITE_MOUNT:
                *ret_next = OVERWRITE_NAMES;
                return 0;
        case OVERWRITE_NAMES:
                *ret_next = OVERWRITE_COPY;
                return take_names(run, rows, err);
        case OVERWRITE_COPY:
                note(run,
                     "online logs and control file of %s were copied to %s",
                     run->database.sid,
                     run->directory);
                *ret_next = OVERWRITE_SHUTDOWN;
                return 0;
        case OVERWRITE_SHUTDOWN:
                *ret_next = OVERWRITE_GONE;
                return 0;
        case OVERWRITE_GONE:
        case OVERWRITE_ENDED:
        case OVERWRITE_N_STATES:
                break;
        }
        *ret_next = OVERWRITE_ENDED;
        return 0;
}

static bool has_line(const Rows *rows, const char *start) {
        for (size_t i = 0; rows != NULL && i < rows->lines.n; i++)
                if (string_starts_with(rows->lines.items[i], start))
                        return true;
        return false;
}

/* Errors that are part of the way. SHUTDOWN of an instance that is not open says so with ORA-01109
 * or ORA-01507 and goes on. */
static bool
recovered(OverwriteRun *run, const Rows *rows, const Error *err, OverwriteState *ret_next) {
        if (run->state == OVERWRITE_ASK && (string_equal(err->ora_code, "ORA-01034") ||
                                            string_equal(err->ora_code, "ORA-27101"))) {
                *ret_next = OVERWRITE_MOUNT;
                return true;
        }
        if (run->state == OVERWRITE_MOUNT && err->kind != ERROR_CANCELLED &&
            err->kind != ERROR_TIMEOUT) {
                note(run,
                     "%s was down and could not be mounted, its online logs were not saved: %s",
                     run->database.sid,
                     err->message);
                *ret_next = has_line(rows, "ORACLE instance started") ? OVERWRITE_SHUTDOWN
                                                                      : OVERWRITE_ENDED;
                return true;
        }
        if (run->state == OVERWRITE_SHUTDOWN && has_line(rows, "ORACLE instance shut down") &&
            (string_equal(err->ora_code, "ORA-01109") ||
             string_equal(err->ora_code, "ORA-01507"))) {
                *ret_next = OVERWRITE_GONE;
                return true;
        }
        return false;
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        OverwriteRun *run = userdata;
        OverwriteState next = OVERWRITE_ENDED;
        Error error = {0};
        if (err != NULL && !recovered(run, rows, err, &next))
                error = *err;
        else if (err == NULL)
                (void)judge(run, rows, &next, &error);
        if (!error_is_set(&error) && next != OVERWRITE_ENDED) {
                assert(moves[run->state][next]);
                run->state = next;
                (void)begin(run, &error);
        }
        if (error_is_set(&error) || next == OVERWRITE_ENDED)
                overwrite_end(run, error_is_set(&error) ? &error : NULL);
}

/* --- birth and death --- */

int overwrite_run_start(
        const Oracle *oracle, const OverwriteRunOptions *options, OverwriteRun **ret, Error *err) {
        OverwriteRun *run = calloc(1, sizeof *run);
        if (run == NULL)
                return error_oom(err);
        run->oracle = oracle;
        run->options = *options;
        run->state = OVERWRITE_PREPARE;
        run->directory = strdup(options->save_directory);
        int r = run->directory == NULL ||
                                oracle_database_copy(options->database, &run->database) < 0
                        ? error_oom(err)
                        : step_init(&run->step, oracle, &run->database, err);
        run->step.on_done = on_step;
        run->step.userdata = run;
        if (r >= 0)
                r = begin(run, err);
        if (r < 0) {
                overwrite_run_free(run);
                return r;
        }
        *ret = run;
        return 0;
}

OverwriteRun *overwrite_run_free(OverwriteRun *run) {
        if (run == NULL)
                return NULL;
        step_done(&run->step);
        string_list_done(&run->notes);
        string_list_done(&run->files);
        oracle_database_done(&run->database);
        free(run->directory);
        free(run);
        return NULL;
}
