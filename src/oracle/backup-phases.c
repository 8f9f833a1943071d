/* What the states of a backup run do: their questions and scripts, and what the answers mean.
 * Called by backup-run.c alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/backup-run-private.h"
#include "oracle/preflight-rules.h"
#include "oracle/queries.h"
#include "oracle/sql.h"

enum { WARNINGS_MAX = 64 };

static RmanConnect run_connect(const BackupRun *run) {
        const Oracle *oracle = run->oracle;
        return (RmanConnect){
                .user = oracle->user, .password = oracle->password, .service = oracle->service};
}

static bool has_basic_compression(const BackupRun *run) {
        return sql_version(run->options.facts->version) >= 1102;
}

/* A warning more or less does not decide a backup. */
__attribute__((format(printf, 2, 3))) static void warn(BackupRun *run, const char *format, ...) {
        StringList *warnings = &run->result.warnings;
        Text text = TEXT_INIT;
        va_list ap;
        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        if (!text.failed && warnings->n < WARNINGS_MAX &&
            !string_list_has(warnings, text_get(&text)))
                (void)string_list_add(warnings, text_get(&text));
        text_done(&text);
}

/* Takes the statements over. */
static int ask(BackupRun *run, StepSqlMode mode, Text *statements, int r, Error *err) {
        if (r >= 0 && statements->failed)
                r = error_oom(err);
        if (r >= 0)
                r = step_sql(&run->step, mode, text_get(statements), err);
        text_done(statements);
        return r;
}

/* --- RMAN's output --- */

static void on_unchanged(BackupRun *run, uint32_t file) {
        uint32_t *files =
                reallocarray(run->unchanged, run->n_unchanged + 1, sizeof *run->unchanged);
        Error error = {0};
        if (files == NULL) {
                error_oom(&error);
                backup_run_note_failure(run, &error);
                return;
        }
        run->unchanged = files;
        run->unchanged[run->n_unchanged++] = file;
}

static void refuse(BackupRun *run, ErrorKind kind, const char *what, const char *detail) {
        Error error = {0};
        error_set(&error, kind, -EBADMSG, "RMAN on %s %s: %s", run->database.sid, what, detail);
        backup_run_note_failure(run, &error);
        step_stop(&run->step);
}

static void on_piece_line(BackupRun *run, const RmanEvent *event) {
        Error error = {0};
        if (event->autobackup) /* the site's own, with its own tag, wherever it lies */
                return;
        if (backup_pieces_announce(run->pieces, event->handle, event->tag, &error) >= 0)
                return;
        backup_run_note_failure(run, &error);
        step_stop(&run->step);
}

static bool is_new_file(const BackupRun *run, uint32_t file) {
        for (size_t i = 0; i < run->options.n_parent_files; i++)
                if (run->options.parent_files[i].file == file)
                        return false;
        return true;
}

/* A file without a base although the preflight saw one: RMAN's base is not what the chain says. One
 * that came after the preflight gets its level 0 in a supplementary round. */
static void on_no_parent(BackupRun *run, uint32_t file) {
        char detail[64];
        if (run->options.level == 0 || is_new_file(run, file))
                return;
        snprintf(detail, sizeof detail, "datafile %" PRIu32, file);
        refuse(run, ERROR_CHAIN_BROKEN, "found no parent backup of a file", detail);
}

void backup_run_on_event(const RmanEvent *event, void *userdata) {
        BackupRun *run = userdata;
        switch (event->type) {
        case RMAN_EVENT_PIECE:
                on_piece_line(run, event);
                break;
        case RMAN_EVENT_UNCHANGED:
                on_unchanged(run, event->file);
                break;
        case RMAN_EVENT_NO_PARENT:
                on_no_parent(run, event->file);
                break;
        case RMAN_EVENT_SKIPPED:
                if (strcmp(event->what, "datafile") == 0)
                        refuse(run, ERROR_RMAN_FAILED, "left a data file out", event->detail);
                break;
        case RMAN_EVENT_WARNING:
                warn(run, "%s: %s", event->code, event->message);
                break;
        case RMAN_EVENT_NONE:
        case RMAN_EVENT_CONTROL_FILE:
        case RMAN_EVENT_SET_COMPLETE:
        case RMAN_EVENT_ERROR:
        case RMAN_EVENT_FINISHED:
        case RMAN_EVENT_SESSION:
        case RMAN_EVENT_CREATING:
        case RMAN_EVENT_FAILOVER:
                break;
        }
}

/* --- prepare, threads --- */

int backup_run_begin_prepare(BackupRun *run, Error *err) {
        BackupFilesJob *job = NULL;
        int r = backup_files_job_new(&run->options, run->has_spfile, &job, err);
        return r < 0 ? r : step_work(&run->step, &backup_files_prepare, job, err);
}

int backup_run_begin_threads(BackupRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_ask(SQL_THREADS, sql_version(run->options.facts->version), &statements);
        return ask(run, STEP_SQL_ASK, &statements, 0, err);
}

int backup_run_judge_threads(BackupRun *run, const Rows *rows, Error *err) {
        int r = queries_threads(rows, &run->threads, &run->n_threads, err);
        if (r >= 0 && run->n_threads == 0)
                r = error_set(
                        err,
                        ERROR_ORACLE,
                        -ENODATA,
                        "%s has no enabled redo thread with a current log",
                        run->database.sid);
        return r;
}

/* --- RMAN --- */

/* Standard Edition would run one channel only and warn; say it once, in our words. */
static unsigned run_channels(BackupRun *run) {
        const char *edition = run->options.facts->edition;
        unsigned channels = run->options.channels > 0 ? run->options.channels : 1;
        if (channels == 1 || edition == NULL || strcasestr(edition, "standard") == NULL)
                return channels;
        warn(run,
             "%s is a Standard Edition: one channel instead of %u",
             run->database.sid,
             channels);
        return 1;
}

static void script_logs(const BackupRun *run, RmanLogStart *logs) {
        for (size_t i = 0; i < run->n_threads; i++)
                logs[i] = (RmanLogStart){run->threads[i].thread, run->threads[i].sequence};
        const Consistency *consistency = &run->result.consistency;
        for (size_t i = 0; run->rounds > 0 && i < run->n_threads; i++)
                for (size_t j = 0; j < consistency->n_logs; j++)
                        if (consistency->logs[j].thread == logs[i].thread)
                                logs[i].sequence = consistency->logs[j].last_sequence + 1;
}

static int start_backup_script(BackupRun *run, const RmanBackupScript *script, Error *err) {
        Text text = TEXT_INIT;
        char *directories[] = {run->destination, NULL};
        int r = rman_script_backup(script, &text, err);
        if (r < 0) {
                text_wipe(&text);
                return r;
        }
        return step_rman(
                &run->step,
                &(StepRman){
                        .phase = RMAN_PHASE_BACKUP,
                        .expect_backups = rman_script_backup_count(script),
                        .growth_directories = &(StringList){directories, 1},
                        .command_id = run->command_id,
                },
                &text,
                err);
}

int backup_run_begin_rman(BackupRun *run, Error *err) {
        const Consistency *consistency = &run->result.consistency;
        RmanLogStart *logs = calloc(run->n_threads, sizeof *logs);
        if (logs == NULL)
                return error_oom(err);
        script_logs(run, logs);
        const RmanBackupScript script = {
                .connect = run_connect(run),
                .level = run->options.level,
                .supplementary = run->rounds > 0,
                .tag = run->tag,
                .command_id = run->command_id,
                .destination = run->destination,
                .compressed = run->options.compressed,
                .set_compression = has_basic_compression(run),
                .channels = run_channels(run),
                .max_piece_size = run->options.max_piece_size,
                .datafiles = run->rounds > 0 ? consistency->missing_files : run->options.new_files,
                .n_datafiles =
                        run->rounds > 0 ? consistency->n_missing_files : run->options.n_new_files,
                .logs = logs,
                .n_logs = run->n_threads,
                .has_spfile = run->has_spfile,
        };
        int r = start_backup_script(run, &script, err);
        free(logs);
        return r;
}

/* --- facts --- */

int backup_run_begin_facts(BackupRun *run, Error *err) {
        static const SqlQuestion questions[] = {
                SQL_DATABASE, SQL_DATAFILES, SQL_STRUCTURE, SQL_CORRUPTION};
        unsigned version = sql_version(run->options.facts->version);
        Text statements = TEXT_INIT;
        int r = sql_ask_tag(SQL_RUN_PIECES, run->tag, &statements, err);
        if (r >= 0)
                r = sql_ask_tag(SQL_RUN_DATAFILES, run->tag, &statements, err);
        if (r >= 0)
                r = sql_ask_tag(SQL_RUN_LOGS, run->tag, &statements, err);
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                sql_ask(questions[i], version, &statements);
        return ask(run, STEP_SQL_ASK, &statements, r, err);
}

static bool piece_is_later(const PieceFacts *a, const PieceFacts *b) {
        return a->set_stamp != b->set_stamp ? a->set_stamp > b->set_stamp
                                            : a->set_count > b->set_count;
}

/* With autobackup off, every set with file 1 is followed by a control file of its own, written
 * before the logs: only the last one knows the whole run. */
static int take_control_file_piece(BackupRun *run, Error *err) {
        const RunFacts *facts = &run->result.facts;
        const PieceFacts *last = NULL;
        for (size_t i = 0; i < facts->n_pieces; i++) {
                const PieceFacts *piece = &facts->pieces[i];
                if (piece->controlfile_included && piece->piece == 1 &&
                    (last == NULL || piece_is_later(piece, last)))
                        last = piece;
        }
        if (last == NULL)
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -ENODATA,
                        "the run %s of %s holds no control file",
                        run->tag,
                        run->database.sid);
        free(run->result.control_file_piece);
        run->result.control_file_piece = strdup(last->handle);
        return run->result.control_file_piece != NULL ? 0 : error_oom(err);
}

static int take_facts(BackupRun *run, const Rows *rows, Error *err) {
        run_facts_done(&run->result.facts);
        consistency_done(&run->result.consistency);
        int r = queries_run(rows, &run->result.facts, err);
        if (r >= 0)
                r = backup_pieces_check(run->pieces, &run->result.facts, err);
        return r >= 0 ? take_control_file_piece(run, err) : r;
}

static int check_consistency(BackupRun *run, Error *err) {
        const DatabaseFacts *facts = run->options.facts;
        return consistency_check(
                &(ConsistencyInput){
                        .run = &run->result.facts,
                        .threads = run->threads,
                        .n_threads = run->n_threads,
                        .is_level1 = run->options.level == 1,
                        .parent_files = run->parent_files,
                        .n_parent_files = run->options.n_parent_files,
                        .unchanged = run->unchanged,
                        .n_unchanged = run->n_unchanged,
                        .known_dropped = run->known_dropped,
                        .n_known_dropped = run->n_known_dropped,
                        .dbid = facts->dbid,
                        .resetlogs_scn = facts->resetlogs_scn,
                },
                &run->result.consistency,
                &run->hole,
                err);
}

static int check_link(BackupRun *run, Error *err) {
        return link_check_run(
                &(LinkRun){
                        .sid = run->database.sid,
                        .parent = run->options.parent_files,
                        .n_parent = run->options.n_parent_files,
                        .facts = &run->result.facts,
                        .unchanged = run->unchanged,
                        .n_unchanged = run->n_unchanged,
                },
                &run->result.warnings,
                err);
}

static int next_round(BackupRun *run, BackupRunState *ret_next, Error *err) {
        Consistency *consistency = &run->result.consistency;
        free(run->known_dropped);
        run->known_dropped = TAKE_PTR(consistency->dropped);
        run->n_known_dropped = consistency->n_dropped;
        consistency->n_dropped = 0;
        if (++run->rounds > BACKUP_RUN_ROUNDS_MAX)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EAGAIN,
                        "files of %s were added or dropped during the run and during %d "
                        "supplementary rounds; back up again when its structure is at rest",
                        run->database.sid,
                        BACKUP_RUN_ROUNDS_MAX);
        *ret_next = BACKUP_RUN_RMAN;
        return 0;
}

int backup_run_judge_facts(BackupRun *run, const Rows *rows, BackupRunState *ret_next, Error *err) {
        int r = take_facts(run, rows, err);
        if (r < 0)
                return r;
        r = check_consistency(run, err);
        if (r == -ENODATA && !run->cured) {
                run->cured = true;
                run->hole_error = *err;
                *err = (Error){0};
                *ret_next = BACKUP_RUN_HOLE;
                return 0;
        }
        if (r < 0)
                return error_prefix(err, "%s", run->database.sid);
        if (run->result.consistency.needs_round)
                return next_round(run, ret_next, err);
        *ret_next = BACKUP_RUN_TIMES;
        r = run->options.level == 1 ? check_link(run, err) : 0;
        return r < 0 ? r
                     : preflight_run_warnings(
                               run->database.sid,
                               &run->result.facts,
                               run->result.consistency.low_scn,
                               &run->result.warnings,
                               err);
}

/* --- a hole in the logs --- */

int backup_run_begin_hole(BackupRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_ask_hole(
                run->hole.thread, run->hole.first_sequence, run->hole.last_sequence, &statements);
        return ask(run, STEP_SQL_ASK, &statements, 0, err);
}

/* Who took the logs is not told by any view, that they were deleted through RMAN is. */
int backup_run_judge_hole(BackupRun *run, const Rows *rows, Error *err) {
        const char *how = "the control file does not know them any more";
        if (rows_count(rows, "A7") > 0)
                how = "they are gone from disk although nobody told RMAN";
        for (size_t i = 0; i < rows_count(rows, "A7"); i++) {
                const Row *row = rows_get(rows, "A7", i);
                const char *deleted;
                int r = row_string(row, 1, &deleted, err);
                if (r < 0)
                        return r;
                if (strcmp(deleted, "YES") == 0)
                        how = "another RMAN job deleted them (DELETE INPUT) during the run";
        }
        Error *error = &run->hole_error;
        size_t length = strlen(error->message);
        snprintf(
                error->message + length,
                sizeof error->message - length,
                ": archived logs %" PRIu64 " to %" PRIu64 " of thread %" PRIu32
                " are missing, %s; keep that job away from this one",
                run->hole.first_sequence,
                run->hole.last_sequence,
                run->hole.thread,
                how);
        error_prefix(error, "%s", run->database.sid);
        return 0;
}

static char *cure_directory(const BackupRun *run) {
        return string_printf("%s/.files/logs-%s", run->destination, run->database.sid);
}

static int make_directory_run(void *data, Error *err) {
        return directory_make(data, 0750, err);
}

static void *free_data(void *data) {
        free(data);
        return NULL;
}

int backup_run_begin_cure_directory(BackupRun *run, Error *err) {
        static const StepWork make_directory = {make_directory_run, free_data};
        char *path = cure_directory(run);
        return path != NULL ? step_work(&run->step, &make_directory, path, err) : error_oom(err);
}

static int start_cure(BackupRun *run, const RmanLogCure *cure, Error *err) {
        Text text = TEXT_INIT;
        char *directories[] = {run->destination, NULL};
        int r = rman_script_log_cure(cure, &text, err);
        if (r < 0) {
                text_wipe(&text);
                return r;
        }
        return step_rman(
                &run->step,
                &(StepRman){
                        .phase = RMAN_PHASE_BACKUP,
                        .expect_backups = RMAN_LOG_CURE_BACKUPS,
                        .growth_directories = &(StringList){directories, 1},
                        .command_id = run->command_id,
                },
                &text,
                err);
}

int backup_run_begin_cure(BackupRun *run, Error *err) {
        CLEANUP(cleanup_free) char *directory = cure_directory(run);
        if (directory == NULL)
                return error_oom(err);
        warn(run,
             "archived logs %" PRIu64 " to %" PRIu64 " of thread %" PRIu32
             " were missing and were taken from the site's own backup",
             run->hole.first_sequence,
             run->hole.last_sequence,
             run->hole.thread);
        return start_cure(
                run,
                &(RmanLogCure){
                        .connect = run_connect(run),
                        .tag = run->tag,
                        .command_id = run->command_id,
                        .destination = run->destination,
                        .log_directory = directory,
                        .compressed = run->options.compressed,
                        .set_compression = has_basic_compression(run),
                        .thread = run->hole.thread,
                        .first_sequence = run->hole.first_sequence,
                        .last_sequence = run->hole.last_sequence,
                },
                err);
}

/* --- times, files --- */

int backup_run_begin_times(BackupRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_ask_times(
                run->result.consistency.fuzzy_scn,
                run->result.consistency.until_scn - 1,
                &statements);
        return ask(run, STEP_SQL_ASK, &statements, 0, err);
}

/* A local time means one moment only while the clock keeps its offset. */
static bool has_one_offset(BackupRun *run) {
        const char *before = run->options.facts->utc_offset, *after = run->result.facts.utc_offset;
        if (string_equal(before, after))
                return true;
        warn(run,
             "the clock of %s changed its offset from %s to %s during the backup, so that its "
             "local "
             "times are ambiguous and no until_time is possible",
             run->database.sid,
             before,
             after);
        return false;
}

int backup_run_judge_times(BackupRun *run, const Rows *rows, Error *err) {
        if (!has_one_offset(run))
                return 0;
        return rows != NULL && rows->error_line == NULL
                       ? queries_times(rows, &run->result.facts, err)
                       : 0;
}

int backup_run_begin_pfile(BackupRun *run, Error *err) {
        Text statements = TEXT_INIT;
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/.files/init%s.ora", run->destination, run->database.sid);
        int r = path != NULL ? sql_create_pfile(path, NULL, &statements, err) : error_oom(err);
        return ask(run, STEP_SQL_ASK, &statements, r, err);
}

int backup_run_begin_files(BackupRun *run, Error *err) {
        BackupFilesJob *job = NULL;
        int r = backup_files_job_new(&run->options, run->has_spfile, &job, err);
        return r < 0 ? r : step_work(&run->step, &backup_files_collect, job, err);
}

int backup_run_take_files(BackupRun *run, void *data, Error *err) {
        BackupFilesJob *job = data;
        for (size_t i = 0; i < job->warnings.n; i++)
                warn(run, "%s", job->warnings.items[i]);
        run->result.files = TAKE_PTR(job->files);
        run->result.n_files = job->n_files;
        job->n_files = 0;
        return 0;
}
