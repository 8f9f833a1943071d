/* The machine of one database's backup run. Each state waits for one Step; `enter` starts it,
 * on_step judges it. Pieces are looked at beside it (backup-pieces.c); what the facts mean is said
 * by consistency.c. Owned by job/. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/backup-run-private.h"

static const bool moves[BACKUP_RUN_N_STATES][BACKUP_RUN_N_STATES] = {
        [BACKUP_RUN_PREPARE] = {[BACKUP_RUN_THREADS] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_THREADS] = {[BACKUP_RUN_RMAN] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_RMAN] = {[BACKUP_RUN_PIECES] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_PIECES] = {[BACKUP_RUN_FACTS] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_FACTS] =
                {
                        [BACKUP_RUN_RMAN] = true, /* a supplementary round */
                        [BACKUP_RUN_HOLE] = true,
                        [BACKUP_RUN_TIMES] = true,
                        [BACKUP_RUN_ENDED] = true,
                },
        [BACKUP_RUN_HOLE] = {[BACKUP_RUN_CURE_DIRECTORY] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_CURE_DIRECTORY] = {[BACKUP_RUN_CURE] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_CURE] = {[BACKUP_RUN_PIECES] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_TIMES] =
                {
                        [BACKUP_RUN_PFILE] = true,
                        [BACKUP_RUN_FILES] = true,
                        [BACKUP_RUN_ENDED] = true,
                },
        [BACKUP_RUN_PFILE] = {[BACKUP_RUN_FILES] = true, [BACKUP_RUN_ENDED] = true},
        [BACKUP_RUN_FILES] = {[BACKUP_RUN_ENDED] = true},
};

bool backup_run_may_move(BackupRunState from, BackupRunState to) {
        /* A row that is not named is all false. */
        return moves[from][to]; // NOLINT(clang-analyzer-core.uninitialized.UndefReturn)
}

/* --- the end --- */

void backup_run_result_done(BackupRunResult *result) {
        run_facts_done(&result->facts);
        consistency_done(&result->consistency);
        free(result->control_file_piece);
        for (size_t i = 0; i < result->n_files; i++)
                backup_file_done(&result->files[i]);
        free(result->files);
        string_list_done(&result->warnings);
        *result = (BackupRunResult){0};
}

/* What is handed out lives here and not in the run, which the caller may free at once. */
static void backup_run_end(BackupRun *run, const Error *err) {
        BackupRunResult result = {0};
        Error error = {0};
        if (error_is_set(&run->first))
                error = run->first;
        else if (err != NULL)
                error = *err;
        backup_run_move(run, BACKUP_RUN_ENDED);
        if (error_is_set(&error)) {
                run->options.on_done(NULL, &error, run->options.userdata);
                return;
        }
        result = run->result;
        run->result = (BackupRunResult){0};
        run->options.on_done(&result, NULL, run->options.userdata);
        backup_run_result_done(&result);
}

void backup_run_note_failure(BackupRun *run, const Error *err) {
        if (!error_is_set(&run->first))
                run->first = *err;
}

void backup_run_move(BackupRun *run, BackupRunState state) {
        assert(backup_run_may_move(run->state, state));
        run->state = state;
}

/* --- one thing at a time --- */

static int begin(BackupRun *run, Error *err) {
        switch (run->state) {
        case BACKUP_RUN_PREPARE:
                return backup_run_begin_prepare(run, err);
        case BACKUP_RUN_THREADS:
                return backup_run_begin_threads(run, err);
        case BACKUP_RUN_RMAN:
                return backup_run_begin_rman(run, err);
        case BACKUP_RUN_FACTS:
                return backup_run_begin_facts(run, err);
        case BACKUP_RUN_HOLE:
                return backup_run_begin_hole(run, err);
        case BACKUP_RUN_CURE_DIRECTORY:
                return backup_run_begin_cure_directory(run, err);
        case BACKUP_RUN_CURE:
                return backup_run_begin_cure(run, err);
        case BACKUP_RUN_TIMES:
                return backup_run_begin_times(run, err);
        case BACKUP_RUN_PFILE:
                return backup_run_begin_pfile(run, err);
        case BACKUP_RUN_FILES:
                return backup_run_begin_files(run, err);
        case BACKUP_RUN_PIECES: /* waits for the queue of pieces */
        case BACKUP_RUN_ENDED:
        case BACKUP_RUN_N_STATES:
                break;
        }
        return 0;
}

static int enter(BackupRun *run, BackupRunState state, Error *err) {
        backup_run_move(run, state);
        if (state == BACKUP_RUN_PIECES && backup_pieces_are_idle(run->pieces))
                backup_run_move(run, BACKUP_RUN_FACTS);
        return begin(run, err);
}

/* What the step of this state brought: the next state, or an error. */
static int
judge(BackupRun *run, const Rows *rows, void *data, BackupRunState *ret_next, Error *err) {
        switch (run->state) {
        case BACKUP_RUN_PREPARE:
                *ret_next = BACKUP_RUN_THREADS;
                return 0;
        case BACKUP_RUN_THREADS:
                *ret_next = BACKUP_RUN_RMAN;
                return backup_run_judge_threads(run, rows, err);
        case BACKUP_RUN_RMAN:
        case BACKUP_RUN_CURE:
                *ret_next = BACKUP_RUN_PIECES;
                return 0;
        case BACKUP_RUN_FACTS:
                return backup_run_judge_facts(run, rows, ret_next, err);
        case BACKUP_RUN_HOLE:
                *ret_next = BACKUP_RUN_CURE_DIRECTORY;
                return backup_run_judge_hole(run, rows, err);
        case BACKUP_RUN_CURE_DIRECTORY:
                *ret_next = BACKUP_RUN_CURE;
                return 0;
        case BACKUP_RUN_TIMES:
                *ret_next = run->has_spfile ? BACKUP_RUN_PFILE : BACKUP_RUN_FILES;
                return backup_run_judge_times(run, rows, err);
        case BACKUP_RUN_PFILE:
                *ret_next = BACKUP_RUN_FILES;
                return 0;
        case BACKUP_RUN_FILES:
                *ret_next = BACKUP_RUN_ENDED;
                return backup_run_take_files(run, data, err);
        case BACKUP_RUN_PIECES:
        case BACKUP_RUN_ENDED:
        case BACKUP_RUN_N_STATES:
                break;
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "a step ended that nobody began");
}

/* An SCN may be too old or too new to be mapped to a time: the record does without. A cure that
 * failed leaves the hole as the cause. */
static const Error *excuse(const BackupRun *run, const Error *err) {
        if (err == NULL || err->kind == ERROR_CANCELLED)
                return err;
        if (run->state == BACKUP_RUN_TIMES)
                return NULL;
        if (run->state == BACKUP_RUN_CURE)
                return &run->hole_error;
        return err;
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        BackupRun *run = userdata;
        BackupRunState next = BACKUP_RUN_ENDED;
        Error error = {0};
        const Error *cause = excuse(run, err);
        if (cause != NULL || error_is_set(&run->first)) {
                backup_run_end(run, cause);
                return;
        }
        int r = judge(run, rows, data, &next, &error);
        if (r >= 0 && next != BACKUP_RUN_ENDED)
                r = enter(run, next, &error);
        if (r < 0 || next == BACKUP_RUN_ENDED)
                backup_run_end(run, r < 0 ? &error : NULL);
}

/* --- pieces --- */

static void on_piece(
        const char *handle,
        uint64_t size,
        uint32_t mode,
        int64_t mtime,
        bool idle,
        void *userdata) {
        BackupRun *run = userdata;
        Error error = {0};
        if (run->state != BACKUP_RUN_PIECES || !idle) {
                run->options.on_piece(handle, size, mode, mtime, run->options.userdata);
                return;
        }
        /* The last one, and RMAN has ended: go on first, what is called out to may free us. */
        if (enter(run, BACKUP_RUN_FACTS, &error) < 0)
                backup_run_end(run, &error);
        else
                run->options.on_piece(handle, size, mode, mtime, run->options.userdata);
}

static void on_piece_error(const Error *err, void *userdata) {
        BackupRun *run = userdata;
        backup_run_note_failure(run, err);
        if (run->state == BACKUP_RUN_PIECES)
                backup_run_end(run, err);
        else
                step_stop(&run->step);
}

/* --- birth and death --- */

void backup_run_stop(BackupRun *run) {
        Error error = {0};
        error_set(
                &error,
                ERROR_CANCELLED,
                -ECANCELED,
                "the backup of %s was stopped",
                run->database.sid);
        backup_run_note_failure(run, &error);
        if (run->state == BACKUP_RUN_PIECES)
                timer_arm(run->stopped, 0);
        else
                step_stop(&run->step);
}

static void on_stopped(void *userdata) {
        BackupRun *run = userdata;
        if (run->state == BACKUP_RUN_PIECES)
                backup_run_end(run, NULL);
}

static int copy_parent_files(BackupRun *run, Error *err) {
        const BackupRunOptions *options = &run->options;
        run->parent_files = calloc(options->n_parent_files + 1, sizeof *run->parent_files);
        if (run->parent_files == NULL)
                return error_oom(err);
        for (size_t i = 0; i < options->n_parent_files; i++)
                run->parent_files[i] = (FileKey){
                        options->parent_files[i].file, options->parent_files[i].creation_scn};
        return 0;
}

static int backup_run_prepare(BackupRun *run, const BackupRunOptions *options, Error *err) {
        if (oracle_database_copy(options->database, &run->database) < 0)
                return error_oom(err);
        run->tag = strdup(options->tag);
        run->destination = strdup(options->destination);
        if (run->tag == NULL || run->destination == NULL)
                return error_oom(err);
        run->options.database = &run->database;
        run->options.tag = run->tag;
        run->options.destination = run->destination;
        run->has_spfile = options->facts->spfile != NULL && options->facts->spfile[0] != '\0';
        rman_command_id(run->tag, run->command_id);
        int r = copy_parent_files(run, err);
        if (r >= 0)
                r = timer_new(run->oracle->loop, on_stopped, run, &run->stopped, err);
        if (r >= 0)
                r = step_init(&run->step, run->oracle, &run->database, err);
        return r;
}

static int backup_run_new_pieces(BackupRun *run, Error *err) {
        return backup_pieces_new(
                run->oracle->files,
                &(BackupPiecesOptions){
                        .sid = run->database.sid,
                        .destination = run->destination,
                        .tag = run->tag,
                        .on_piece = on_piece,
                        .on_error = on_piece_error,
                        .userdata = run,
                },
                &run->pieces,
                err);
}

int backup_run_start(
        const Oracle *oracle, const BackupRunOptions *options, BackupRun **ret, Error *err) {
        BackupRun *run = calloc(1, sizeof *run);
        if (run == NULL)
                return error_oom(err);
        run->oracle = oracle;
        run->options = *options;
        run->state = BACKUP_RUN_PREPARE;
        int r = backup_run_prepare(run, options, err);
        if (r >= 0)
                r = backup_run_new_pieces(run, err);
        run->step.on_done = on_step;
        run->step.on_event = backup_run_on_event;
        run->step.userdata = run;
        if (r >= 0)
                r = begin(run, err);
        if (r < 0) {
                backup_run_free(run);
                return r;
        }
        *ret = run;
        return 0;
}

BackupRun *backup_run_free(BackupRun *run) {
        if (run == NULL)
                return NULL;
        step_done(&run->step);
        backup_pieces_free(run->pieces);
        timer_free(run->stopped);
        backup_run_result_done(&run->result);
        oracle_database_done(&run->database);
        free(run->tag);
        free(run->destination);
        free(run->threads);
        free(run->unchanged);
        free(run->known_dropped);
        free(run->parent_files);
        free(run);
        return NULL;
}
