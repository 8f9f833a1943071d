/* Runs dbca through the child runner: an instance that it starts is no descendant of the daemon.
 * Owned by oracle/create-run.c. */
#include "oracle/dbca.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "event/timer.h"
#include "oracle/program.h"

enum { TERMINATE_FRACTION = 6 };

typedef enum DbcaState {
        DBCA_RUNNING,
        DBCA_INTERRUPTED, /* SIGINT was sent */
        DBCA_TERMINATED,  /* SIGTERM was sent */
        DBCA_ENDED,
} DbcaState;

struct Dbca {
        const Oracle *oracle;
        DbcaOptions options;
        char sid[31];
        DbcaState state;
        Child *child;
        Timer *stall, *stopping;
        DbcaParser parser;
        Error cause; /* why it is stopped */
};

static uint64_t stop_delay(const Dbca *dbca) {
        return dbca->oracle->stop_delay_msec != 0 ? dbca->oracle->stop_delay_msec
                                                  : ORACLE_STOP_DELAY_MSEC;
}

static void finish(Dbca *dbca, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        timer_disarm(dbca->stall);
        timer_disarm(dbca->stopping);
        dbca->state = DBCA_ENDED;
        dbca->child = child_free(dbca->child);
        dbca->options.on_done(
                &dbca->parser, error_is_set(&error) ? &error : NULL, dbca->options.userdata);
}

static void arm_stall(Dbca *dbca) {
        if (dbca->state == DBCA_RUNNING && dbca->oracle->stall_timeout_msec != 0)
                timer_arm(dbca->stall, dbca->oracle->stall_timeout_msec);
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        Dbca *dbca = userdata;
        DbcaEvent event = dbca_parser_line(&dbca->parser, line, length);
        arm_stall(dbca);
        if (event == DBCA_STEP || event == DBCA_PERCENT || event == DBCA_WARNING)
                dbca->options.on_event(event, &dbca->parser, dbca->options.userdata);
}

/* One that was told to stop has not done its work, whatever it says at the end; unless it was done
 * already. */
static void on_exit_of_dbca(const ChildExit *exit, const Error *err, void *userdata) {
        Dbca *dbca = userdata;
        Error error = {0};
        if (exit == NULL)
                error = *err;
        else if (
                dbca_parser_verdict(&dbca->parser, dbca->sid, exit->status, exit->signal, &error) <
                        0 &&
                error_is_set(&dbca->cause))
                error = dbca->cause;
        finish(dbca, error_is_set(&error) ? &error : NULL);
}

/* SIGINT, SIGTERM; then the child is let go, which makes the runner kill it. */
static void stop_next(void *userdata) {
        Dbca *dbca = userdata;
        switch (dbca->state) {
        case DBCA_RUNNING:
                dbca->state = DBCA_INTERRUPTED;
                (void)child_signal(dbca->child, SIGINT, NULL);
                timer_arm(dbca->stopping, stop_delay(dbca) / TERMINATE_FRACTION);
                break;
        case DBCA_INTERRUPTED:
                dbca->state = DBCA_TERMINATED;
                (void)child_signal(dbca->child, SIGTERM, NULL);
                timer_arm(dbca->stopping, stop_delay(dbca));
                break;
        case DBCA_TERMINATED:
                finish(dbca, &dbca->cause);
                break;
        case DBCA_ENDED:
                break;
        }
}

static void stop_because(Dbca *dbca, const Error *cause) {
        if (dbca->state != DBCA_RUNNING)
                return;
        dbca->cause = *cause;
        timer_disarm(dbca->stall);
        stop_next(dbca);
}

static void on_stall(void *userdata) {
        Dbca *dbca = userdata;
        Error error = {0};
        (void)error_set(
                &error,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "dbca for %s printed nothing for %llu s at %u %% and was stopped",
                dbca->sid,
                (unsigned long long)(dbca->oracle->stall_timeout_msec / 1000),
                dbca->parser.percent);
        stop_because(dbca, &error);
}

void dbca_stop(Dbca *dbca) {
        Error error = {0};
        (void)error_set(
                &error,
                ERROR_CANCELLED,
                -ECANCELED,
                "dbca for %s was stopped at %u %%",
                dbca->sid,
                dbca->parser.percent);
        stop_because(dbca, &error);
}

Dbca *dbca_free(Dbca *dbca) {
        if (dbca == NULL)
                return NULL;
        child_free(dbca->child);
        timer_free(dbca->stall);
        timer_free(dbca->stopping);
        free(dbca);
        return NULL;
}

static int spawn(Dbca *dbca, Error *err) {
        return program_start(
                dbca->oracle,
                &(ProgramOptions){
                        .database = dbca->options.database,
                        .name = "dbca",
                        .arguments = dbca->options.arguments,
                        .on_line = on_line,
                        .on_exit = on_exit_of_dbca,
                        .userdata = dbca,
                },
                &dbca->child,
                err);
}

int dbca_start(const Oracle *oracle, const DbcaOptions *options, Dbca **ret, Error *err) {
        Dbca *dbca = calloc(1, sizeof *dbca);
        if (dbca == NULL)
                return error_oom(err);
        dbca->oracle = oracle;
        dbca->options = *options;
        memcpy(dbca->sid, options->database->sid, sizeof(dbca->sid));
        int r = timer_new(oracle->loop, on_stall, dbca, &dbca->stall, err);
        if (r >= 0)
                r = timer_new(oracle->loop, stop_next, dbca, &dbca->stopping, err);
        if (r >= 0)
                r = spawn(dbca, err);
        if (r < 0) {
                dbca_free(dbca);
                return r;
        }
        arm_stall(dbca);
        *ret = dbca;
        return 0;
}
