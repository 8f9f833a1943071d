/* The machine of one database's restore: phases in a fixed order, each one process or one piece of
 * work, judged before the next. The only way back is from the proof to the catalog, once, when the
 * files of the recovery area brought in a later incarnation. Owned by job/restore. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/restore-run-private.h"

enum { NOTES_MAX = 200 };

const RestorePhase restore_phases[RESTORE_N_STATES] = {
        [RESTORE_WORKPLACE] = {"nomount", restore_begin_workplace, NULL, false},
        [RESTORE_PFILE] = {"nomount", restore_begin_pfile, NULL, false},
        [RESTORE_PREPARE] = {"nomount", restore_begin_prepare, restore_judge_prepare, false},
        [RESTORE_SPFILE] = {"nomount", restore_begin_spfile, NULL, false},
        [RESTORE_NOMOUNT] = {"nomount", restore_begin_nomount, restore_judge_nomount, false},
        [RESTORE_CONTROLFILE] = {"mount", restore_begin_controlfile, NULL, false},
        [RESTORE_MOUNT] = {"mount", restore_begin_mount, restore_judge_mount, false},
        [RESTORE_DIRECTORIES] = {"mount", restore_begin_directories, NULL, false},
        [RESTORE_SETTINGS] = {"mount", restore_begin_settings, NULL, false},
        [RESTORE_CATALOG] = {"catalog", restore_begin_catalog, NULL, false},
        [RESTORE_PROOF] = {"catalog", restore_begin_proof, restore_judge_proof, false},
        [RESTORE_DATABASE] = {"restore", restore_begin_database, NULL, false},
        [RESTORE_CHECK] = {"recover", restore_begin_check, restore_judge_check, false},
        [RESTORE_OPEN] = {"open", restore_begin_open, restore_judge_open, false},
        [RESTORE_PDBS] = {"open", restore_begin_pdbs, restore_judge_pdbs, false},
        [RESTORE_TRACKING] = {"open", restore_begin_tracking, NULL, true},
        [RESTORE_REGISTER] = {"register", restore_begin_register, NULL, true},
        [RESTORE_LISTENER] = {"register", NULL, NULL, true},
        [RESTORE_ORATAB] = {"register", restore_begin_oratab, NULL, false},
        [RESTORE_CLEANUP] = {NULL, restore_begin_cleanup, NULL, true},
};

bool restore_run_may_move(RestoreState from, RestoreState to) {
        if (from == RESTORE_PROOF && to == RESTORE_CATALOG)
                return true;
        if (from >= RESTORE_ENDED)
                return false;
        return to == from + 1 || (to == RESTORE_CLEANUP && from != RESTORE_CLEANUP);
}

RestoreState restore_run_next(const RestoreRun *run) {
        if (run->state == RESTORE_PROOF && run->incarnation != 0 && !run->incarnation_reset)
                return RESTORE_CATALOG;
        return run->state + 1;
}

void restore_run_note(RestoreRun *run, const char *format, ...) {
        Text text = TEXT_INIT;
        va_list ap;
        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        if (!text.failed && run->notes.n < NOTES_MAX)
                (void)string_list_add(&run->notes, text_get(&text));
        text_done(&text);
}

int restore_run_ask(RestoreRun *run, StepSqlMode mode, Text *statements, int r, Error *err) {
        if (r >= 0 && statements->failed)
                r = error_oom(err);
        if (r >= 0)
                r = step_sql(&run->step, mode, text_get(statements), err);
        text_done(statements);
        return r;
}

int restore_run_refuse(const RestoreRun *run, ErrorKind kind, const char *what, Error *err) {
        return error_set(err, kind, -EBADMSG, "%s: %s", run->options.database->sid, what);
}

/* --- the end --- */

static void name_what_stays(const RestoreRun *run, Error *error) {
        size_t length = strlen(error->message);
        if (run->started)
                snprintf(
                        error->message + length,
                        sizeof error->message - length,
                        "; the instance %s was started and is left as it is",
                        run->options.database->sid);
}

/* What is handed out lives here and not in the run, which the caller may free at once. */
static void restore_run_end(RestoreRun *run) {
        StringList notes = run->notes;
        Error error = run->failure;
        bool failed = error_is_set(&error);
        run->notes = (StringList){0};
        if (failed)
                name_what_stays(run, &error);
        run->options.on_done(&notes, run->started, failed ? &error : NULL, run->options.userdata);
        string_list_done(&notes);
}

/* --- one phase after the other --- */

static void restore_run_go_on(RestoreRun *run, RestoreState state);

static void on_listener(ListenerState state, const Error *err, void *userdata) {
        RestoreRun *run = userdata;
        const char *sid = run->options.database->sid;
        run->listener = listener_query_free(run->listener);
        if (err != NULL)
                restore_run_note(run, "the listener could not be asked: %s", err->message);
        else if (state == LISTENER_DOWN)
                restore_run_note(
                        run, "no listener answers on this host; start it to let clients connect");
        else if (state == LISTENER_MISSING)
                restore_run_note(
                        run,
                        "the listener runs, %s is not registered with it yet; see local_listener",
                        sid);
        else if (state == LISTENER_UNREADY)
                restore_run_note(run, "the listener knows %s, but not as READY", sid);
        restore_run_go_on(run, restore_run_next(run));
}

static int begin_listener(RestoreRun *run, Error *err) {
        return listener_query_start(
                run->oracle, run->options.database, on_listener, run, &run->listener, err);
}

static void tell_phase(RestoreRun *run, const char *phase) {
        if (phase == NULL || string_equal(run->phase, phase))
                return;
        run->phase = phase;
        if (run->options.on_phase != NULL)
                run->options.on_phase(phase, run->options.userdata);
}

/* 1: nothing to do here. */
static int begin(RestoreRun *run, Error *err) {
        const RestorePhase *phase = &restore_phases[run->state];
        tell_phase(run, phase->contract);
        return run->state == RESTORE_LISTENER ? begin_listener(run, err) : phase->begin(run, err);
}

static void restore_run_fail(RestoreRun *run, const Error *err) {
        if (run->state == RESTORE_CLEANUP) {
                restore_run_note(run, "%s", err->message);
                restore_run_go_on(run, RESTORE_ENDED);
                return;
        }
        run->failure = *err;
        restore_run_go_on(run, RESTORE_CLEANUP);
}

/* The failure of a phase that does not decide: said, and on with the next. */
static bool excused(RestoreRun *run, const Error *err) {
        if (!restore_phases[run->state].may_fail || run->cancelled || run->state == RESTORE_CLEANUP)
                return false;
        restore_run_note(run, "%s", err->message);
        return true;
}

static void restore_run_go_on(RestoreRun *run, RestoreState state) {
        for (;;) {
                Error error = {0};
                assert(restore_run_may_move(run->state, state));
                run->state = state;
                if (state == RESTORE_ENDED) {
                        restore_run_end(run);
                        return;
                }
                int r = begin(run, &error);
                if (r == 0)
                        return;
                if (r < 0 && !excused(run, &error)) {
                        restore_run_fail(run, &error);
                        return;
                }
                state = restore_run_next(run);
        }
}

/* SQL*Plus prints this before it fails to do more. */
static void see_whether_started(RestoreRun *run, const Rows *rows) {
        for (size_t i = 0; run->state == RESTORE_NOMOUNT && rows != NULL && i < rows->lines.n; i++)
                if (string_starts_with(rows->lines.items[i], "ORACLE instance started"))
                        run->started = true;
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        RestoreRun *run = userdata;
        const RestorePhase *phase = &restore_phases[run->state];
        Error error = {0};
        see_whether_started(run, rows);
        if (err != NULL)
                error = *err;
        else if (run->cancelled && run->state != RESTORE_CLEANUP)
                error_set(&error, ERROR_CANCELLED, -ECANCELED, "the restore was stopped");
        else if (phase->judge != NULL)
                (void)phase->judge(run, rows, data, &error);
        if (error_is_set(&error) && !excused(run, &error))
                restore_run_fail(run, &error);
        else
                restore_run_go_on(run, restore_run_next(run));
}

static void on_event(const RmanEvent *event, void *userdata) {
        RestoreRun *run = userdata;
        if (run->state == RESTORE_DATABASE && event->type == RMAN_EVENT_FINISHED &&
            strcmp(event->what, "restore") == 0)
                tell_phase(run, "recover");
        if (event->type == RMAN_EVENT_WARNING)
                restore_run_note(run, "%s: %s", event->code, event->message);
}

/* --- birth and death --- */

/* While the listener is asked the database is open already: it has been restored, and what is left
 * takes a moment. */
void restore_run_stop(RestoreRun *run) {
        if (run->cancelled || run->state >= RESTORE_LISTENER)
                return;
        run->cancelled = true;
        step_stop(&run->step);
}

/* These may be gone when restore_run_start() has returned. */
static int copy_short_lived(RestoreRun *run, Error *err) {
        RestoreRunOptions *options = &run->options;
        size_t n = options->n_created_in_logs;
        run->workplace = string_printf("%s/.logs-%s", options->work_directory, options->job_name);
        run->created = calloc(n + 1, sizeof *run->created);
        if (run->workplace == NULL || run->created == NULL)
                return error_oom(err);
        if (n > 0)
                memcpy(run->created, options->created_in_logs, n * sizeof *run->created);
        options->created_in_logs = run->created;
        options->work_directory = options->job_name = NULL;
        return 0;
}

int restore_run_start(
        const Oracle *oracle, const RestoreRunOptions *options, RestoreRun **ret, Error *err) {
        RestoreRun *run = calloc(1, sizeof *run);
        if (run == NULL)
                return error_oom(err);
        run->oracle = oracle;
        run->options = *options;
        run->state = RESTORE_WORKPLACE;
        int r = step_init(&run->step, oracle, options->database, err);
        if (r >= 0)
                r = copy_short_lived(run, err);
        run->step.on_done = on_step;
        run->step.on_event = on_event;
        run->step.userdata = run;
        if (r >= 0)
                r = restore_begin_workplace(run, err);
        if (r < 0) {
                restore_run_free(run);
                return r;
        }
        *ret = run;
        return 0;
}

RestoreRun *restore_run_free(RestoreRun *run) {
        if (run == NULL)
                return NULL;
        step_done(&run->step);
        listener_query_free(run->listener);
        string_list_done(&run->notes);
        string_list_done(&run->remote);
        string_list_done(&run->directories);
        string_list_done(&run->closed_pdbs);
        free(run->workplace);
        free(run->pfile);
        free(run->edited);
        free(run->created);
        free(run);
        return NULL;
}
