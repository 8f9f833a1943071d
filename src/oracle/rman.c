/* One RMAN process. It is fed its script, its lines go through the parser, a timer watches for
 * signs of life, and when it has ended the run is judged by exit status, text and markers together.
 *
 * A stop never touches a server process: SIGINT and SIGTERM go to RMAN itself, sessions that stay
 * are ended in SQL, and only then RMAN itself is killed. Owned by backup, restore and maintenance
 * runs. */
#include "oracle/rman.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "event/timer.h"
#include "oracle/growth.h"
#include "oracle/program.h"
#include "oracle/sessions.h"

/* Silence is measured in quarters of the stall timeout, so that growth is looked for in between. */
enum { STALL_TICKS = 4 };

typedef enum RmanState {
        RMAN_RUNNING,
        RMAN_INTERRUPTED, /* SIGINT sent */
        RMAN_TERMINATED,  /* SIGTERM sent */
        RMAN_UNSEATED,    /* its sessions are being ended in SQL */
        RMAN_KILLED,      /* SIGKILL sent */
        RMAN_ENDED,
        RMAN_N_STATES,
} RmanState;

static const bool moves[RMAN_N_STATES][RMAN_N_STATES] = {
        [RMAN_RUNNING] = {[RMAN_INTERRUPTED] = true, [RMAN_ENDED] = true},
        [RMAN_INTERRUPTED] = {[RMAN_TERMINATED] = true, [RMAN_ENDED] = true},
        [RMAN_TERMINATED] = {[RMAN_UNSEATED] = true, [RMAN_ENDED] = true},
        [RMAN_UNSEATED] = {[RMAN_KILLED] = true, [RMAN_ENDED] = true},
        [RMAN_KILLED] = {[RMAN_ENDED] = true},
};

struct Rman {
        const Oracle *oracle;
        OracleDatabase database;
        RmanState state;
        RmanOptions options; /* its pointers are not used after start, but for the callbacks */
        char *command_id;
        RmanParser *parser;
        Child *child;
        Timer *stall;
        Timer *stop;
        Growth *growth;
        Sessions *sessions;
        uint32_t channels[SESSIONS_MAX];
        size_t n_channels;
        unsigned quiet; /* ticks without a sign of life */
        bool crosschecking;
        Error reason; /* why it is stopped */
};

static void rman_enter(Rman *rman, RmanState state);

void rman_command_id(const char *tag, char ret[RMAN_COMMAND_ID_BYTES]) {
        uint32_t hash = 0x811c9dc5U; /* FNV-1a: a name, no secret */
        for (const char *p = tag; *p != '\0'; p++)
                hash = (hash ^ (unsigned char)*p) * 0x01000193U;
        snprintf(ret, RMAN_COMMAND_ID_BYTES, "%08x", hash);
}

/* --- signs of life --- */

static uint64_t stall_tick(const Rman *rman) {
        return rman->oracle->stall_timeout_msec / STALL_TICKS + 1;
}

static void on_growth(void *userdata) {
        Rman *rman = userdata;
        rman->quiet = 0;
}

static void rman_stall(Rman *rman) {
        error_set(
                &rman->reason,
                ERROR_RMAN_STALLED,
                -ETIMEDOUT,
                "RMAN on %s showed no sign of life for %llu s and was stopped: a full archive "
                "destination is the usual cause (ORA-00257 in the alert log; see V$ARCHIVE_DEST "
                "and V$RECOVERY_FILE_DEST), then a disk or a media manager that hangs",
                rman->database.sid,
                (unsigned long long)(rman->oracle->stall_timeout_msec / 1000));
        rman_enter(rman, RMAN_INTERRUPTED);
}

static void on_stall_tick(void *userdata) {
        Rman *rman = userdata;
        /* The crosscheck that RMAN makes by itself after a mount looks at every record and may be
         * silent for very long. */
        if (rman->crosschecking)
                rman->quiet = 0;
        if (++rman->quiet > STALL_TICKS) {
                rman_stall(rman);
                return;
        }
        if (rman->growth != NULL)
                growth_look(rman->growth, on_growth, rman);
        timer_arm(rman->stall, stall_tick(rman));
}

static bool line_has(const char *line, size_t length, const char *what) {
        return memmem(line, length, what, strlen(what)) != NULL;
}

static void rman_watch_line(Rman *rman, const char *line, size_t length) {
        rman->quiet = 0;
        if (line_has(line, length, "Starting implicit crosscheck"))
                rman->crosschecking = true;
        else if (line_has(line, length, "Finished implicit crosscheck"))
                rman->crosschecking = false;
}

/* --- the stop --- */

static uint64_t stop_delay(const Rman *rman) {
        return rman->oracle->stop_delay_msec != 0 ? rman->oracle->stop_delay_msec
                                                  : ORACLE_STOP_DELAY_MSEC;
}

static void on_sessions_ended(const Error *err, void *userdata) {
        Rman *rman = userdata;
        /* When they could not be ended there is nothing else to try; SIGKILL comes anyway. */
        rman->sessions = sessions_free(rman->sessions);
}

static void rman_end_sessions(Rman *rman) {
        if (rman->command_id == NULL && rman->n_channels == 0)
                return;
        sessions_end(
                rman->oracle,
                &(SessionsOptions){
                        .database = &rman->database,
                        .command_id = rman->command_id,
                        .sids = rman->channels,
                        .n_sids = rman->n_channels,
                        .on_done = on_sessions_ended,
                        .userdata = rman,
                },
                &rman->sessions,
                NULL);
}

static void on_stop_timer(void *userdata) {
        Rman *rman = userdata;
        if (rman->state == RMAN_INTERRUPTED)
                rman_enter(rman, RMAN_TERMINATED);
        else if (rman->state == RMAN_TERMINATED)
                rman_enter(rman, RMAN_UNSEATED);
        else if (rman->state == RMAN_UNSEATED)
                rman_enter(rman, RMAN_KILLED);
}

static void rman_signal(Rman *rman, int number) {
        if (rman->child != NULL)
                child_signal(rman->child, number, NULL);
}

static void rman_enter(Rman *rman, RmanState state) {
        assert(moves[rman->state][state]);
        rman->state = state;
        timer_disarm(rman->stall);
        switch (state) {
        case RMAN_INTERRUPTED:
                rman_signal(rman, SIGINT);
                timer_arm(rman->stop, stop_delay(rman) / 6);
                break;
        case RMAN_TERMINATED:
                rman_signal(rman, SIGTERM);
                timer_arm(rman->stop, stop_delay(rman) - stop_delay(rman) / 6);
                break;
        case RMAN_UNSEATED:
                rman_end_sessions(rman);
                timer_arm(rman->stop, 2 * stop_delay(rman));
                break;
        case RMAN_KILLED:
                rman_signal(rman, SIGKILL);
                break;
        case RMAN_ENDED:
                timer_disarm(rman->stop);
                rman->sessions = sessions_free(rman->sessions);
                break;
        case RMAN_RUNNING:
        case RMAN_N_STATES:
                break;
        }
}

void rman_stop(Rman *rman) {
        if (rman->state != RMAN_RUNNING)
                return;
        error_set(
                &rman->reason,
                ERROR_CANCELLED,
                -ECANCELED,
                "RMAN on %s was stopped",
                rman->database.sid);
        rman_enter(rman, RMAN_INTERRUPTED);
}

/* --- output and verdict --- */

static void rman_remember_channel(Rman *rman, uint32_t session) {
        for (size_t i = 0; i < rman->n_channels; i++)
                if (rman->channels[i] == session)
                        return;
        if (rman->n_channels < SESSIONS_MAX)
                rman->channels[rman->n_channels++] = session;
}

static void on_event(const RmanEvent *event, void *userdata) {
        Rman *rman = userdata;
        if (event->type == RMAN_EVENT_SESSION)
                rman_remember_channel(rman, event->session);
        if (rman->options.on_event != NULL)
                rman->options.on_event(event, rman->options.userdata);
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        Rman *rman = userdata;
        rman_watch_line(rman, line, length);
        rman_parser_line(rman->parser, line, length, cut, on_event, rman);
}

static int judge_text(const Rman *rman, const ChildExit *exit, Error *err) {
        int r = rman_parser_verdict(rman->parser, err);
        if (r >= 0 || err->ora_code[0] != '\0')
                return r;
        /* No code in the text: how RMAN left is the best that can be said. */
        size_t length = strlen(err->message);
        snprintf(
                err->message + length,
                sizeof err->message - length,
                exit->signal != 0 ? " (ended by signal %d)" : " (exit status %d)",
                exit->signal != 0 ? exit->signal : exit->status);
        return r;
}

static int judge(const Rman *rman, const ChildExit *exit, Error *err) {
        int r = judge_text(rman, exit, err);
        if (r < 0)
                return r;
        if (exit->signal != 0)
                return error_set(
                        err, ERROR_RMAN_FAILED, -EIO, "RMAN was ended by signal %d", exit->signal);
        if (exit->status != 0)
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -EIO,
                        "RMAN left with status %d although its output shows no error",
                        exit->status);
        unsigned finished = rman_parser_finished_count(rman->parser, "backup");
        if (rman->options.phase == RMAN_PHASE_BACKUP && finished != rman->options.expect_backups)
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -EIO,
                        "RMAN finished %u of %u backup commands",
                        finished,
                        rman->options.expect_backups);
        return 0;
}

/* "RMAN: .." of the text becomes "RMAN on <SID>: ..". */
static void name_database(const Rman *rman, Error *err) {
        static const char own[] = "RMAN: ";
        size_t length = strlen(own);
        if (strncmp(err->message, own, length) == 0)
                memmove(err->message, err->message + length, strlen(err->message) - length + 1);
        error_prefix(err, "RMAN on %s", rman->database.sid);
}

static void on_exit_of_rman(const ChildExit *exit, const Error *err, void *userdata) {
        Rman *rman = userdata;
        Error error = {0};
        rman_enter(rman, RMAN_ENDED);
        rman->child = child_free(rman->child);
        if (error_is_set(&rman->reason))
                error = rman->reason;
        else if (exit == NULL)
                error = *err;
        else if (judge(rman, exit, &error) < 0)
                name_database(rman, &error);
        rman->options.on_done(error_is_set(&error) ? &error : NULL, rman->options.userdata);
}

/* --- birth and death --- */

static int rman_prepare(Rman *rman, const RmanOptions *options, Error *err) {
        if (oracle_database_copy(options->database, &rman->database) < 0)
                return error_oom(err);
        if (options->command_id != NULL && (rman->command_id = strdup(options->command_id)) == NULL)
                return error_oom(err);
        int r = rman_parser_new(options->phase, &rman->parser, err);
        if (r >= 0 &&
            rman_parser_allow_created(
                    rman->parser, options->created_in_logs, options->n_created_in_logs) < 0)
                r = error_oom(err);
        if (r >= 0)
                r = timer_new(rman->oracle->loop, on_stall_tick, rman, &rman->stall, err);
        if (r >= 0)
                r = timer_new(rman->oracle->loop, on_stop_timer, rman, &rman->stop, err);
        if (r >= 0 && options->growth_directories != NULL && options->growth_directories->n > 0)
                r = growth_new(
                        rman->oracle->files, options->growth_directories, &rman->growth, err);
        return r;
}

static int rman_spawn(Rman *rman, const char *script, Error *err) {
        return program_start(
                rman->oracle,
                &(ProgramOptions){
                        .database = &rman->database,
                        .name = "rman",
                        .input = script,
                        .on_line = on_line,
                        .on_exit = on_exit_of_rman,
                        .userdata = rman,
                },
                &rman->child,
                err);
}

int rman_start(const Oracle *oracle, const RmanOptions *options, Rman **ret, Error *err) {
        Rman *rman = calloc(1, sizeof *rman);
        if (rman == NULL)
                return error_oom(err);
        rman->oracle = oracle;
        rman->options = *options;
        int r = rman_prepare(rman, options, err);
        if (r >= 0)
                r = rman_spawn(rman, options->script, err);
        if (r < 0) {
                rman_free(rman);
                return r;
        }
        if (oracle->stall_timeout_msec > 0)
                timer_arm(rman->stall, stall_tick(rman));
        *ret = rman;
        return 0;
}

Rman *rman_free(Rman *rman) {
        if (rman == NULL)
                return NULL;
        sessions_free(rman->sessions);
        child_free(rman->child);
        growth_free(rman->growth);
        timer_free(rman->stall);
        timer_free(rman->stop);
        rman_parser_free(rman->parser);
        oracle_database_done(&rman->database);
        free(rman->command_id);
        free(rman);
        return NULL;
}
