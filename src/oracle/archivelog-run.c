/* A table of states over one Step, as the other runs. What went wrong after the shutdown began
 * leads through STATE (what is it now?) and, where it is safe, REOPEN and REOPEN_PDBS. Owned by
 * job/. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "oracle/archivelog-run-private.h"
#include "oracle/queries.h"

static const bool moves[ARCH_N_STATES][ARCH_N_STATES] = {
        [ARCH_LOCATE] = {[ARCH_INSTANCE] = true},
        [ARCH_INSTANCE] = {[ARCH_DATABASE] = true},
        [ARCH_DATABASE] = {[ARCH_LOOK] = true},
        [ARCH_LOOK] = {[ARCH_SHUTDOWN] = true},
        [ARCH_SHUTDOWN] = {[ARCH_GONE] = true, [ARCH_STATE] = true},
        [ARCH_GONE] = {[ARCH_MOUNT] = true, [ARCH_STATE] = true},
        [ARCH_MOUNT] = {[ARCH_MODE] = true, [ARCH_STATE] = true},
        [ARCH_MODE] = {[ARCH_OPEN] = true, [ARCH_STATE] = true},
        [ARCH_OPEN] = {[ARCH_PDBS] = true, [ARCH_VERIFY] = true, [ARCH_STATE] = true},
        [ARCH_PDBS] = {[ARCH_VERIFY] = true, [ARCH_STATE] = true},
        [ARCH_VERIFY] = {[ARCH_STATE] = true},
        [ARCH_STATE] = {[ARCH_REOPEN] = true},
        [ARCH_REOPEN] = {[ARCH_REOPEN_PDBS] = true},
};

const char *arch_sid(const ArchivelogRun *run) {
        return run->database.sid;
}

void arch_note(ArchivelogRun *run, const char *format, ...) {
        Text text = TEXT_INIT;
        va_list ap;
        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        if (!text.failed)
                (void)string_list_add(&run->notes, text_get(&text));
        text_done(&text);
}

/* ---- the end ---- */

static void arch_end(ArchivelogRun *run, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        ArchiveDestination destination = run->destination;
        StringList notes = run->notes;
        const ArchivelogReport report = {
                .already = run->already,
                .restarted = run->state >= ARCH_SHUTDOWN,
                .destination = destination.name,
                .notes = &notes,
        };
        run->destination = (ArchiveDestination){0};
        run->notes = (StringList){0};
        run->state = ARCH_ENDED;
        run->options.on_done(&report, err != NULL ? &error : NULL, run->options.userdata);
        archive_destination_done(&destination);
        string_list_done(&notes);
}

static const char *advice(const ArchivelogRun *run) {
        if (run->failed_in == ARCH_SHUTDOWN && !string_equal(run->now, "DOWN"))
                return "it is left as it is: sessions or transactions hold it (V$SESSION, "
                       "V$TRANSACTION); let them end or end them, then shut down and start it by "
                       "hand; it is never aborted by this service";
        if (string_equal(run->now, "OPEN"))
                return "it is in use again; mend the cause and ask again";
        if (string_equal(run->now, "DOWN"))
                return "start it by hand";
        return "look at its alert log, then open it by hand";
}

/* The cause, and what the database is now. */
static void arch_end_failed(ArchivelogRun *run) {
        Error error = {0};
        (void)error_set(
                &error,
                run->cause.kind,
                run->cause.r,
                "%.400s; database %s is %s now%s%s: %s",
                run->cause.message,
                arch_sid(run),
                run->now[0] != '\0' ? run->now : "in a state that could not be asked",
                run->mode_is_known ? ", mode " : "",
                run->mode_is_known ? run->facts.log_mode : "",
                advice(run));
        memcpy(error.ora_code, run->cause.ora_code, sizeof(error.ora_code));
        arch_end(run, &error);
}

static const char *phase_of(ArchState state) {
        if (state == ARCH_SHUTDOWN)
                return "shutdown";
        if (state == ARCH_MODE)
                return "archivelog";
        return state == ARCH_OPEN ? "open" : NULL;
}

static int enter(ArchivelogRun *run, ArchState state, Error *err) {
        assert(moves[run->state][state]);
        run->state = state;
        if (phase_of(state) != NULL)
                run->options.on_phase(phase_of(state), run->options.userdata);
        return arch_begin_step(run, err);
}

/* ---- after a failure ---- */

static void keep_now(ArchivelogRun *run, const Rows *rows, const Error *err) {
        static const struct {
                const char *code, *state;
        } codes[] = {
                {"ORA-01034", "DOWN"},
                {"ORA-27101", "DOWN"},
                {"ORA-01089", "SHUTTING DOWN"},
                {"ORA-01090", "SHUTTING DOWN"},
        };
        const Row *row = rows != NULL ? rows_get(rows, "P1", 0) : NULL;
        const char *status = "";
        if (row != NULL)
                (void)row_string(row, 3, &status, NULL);
        for (size_t i = 0; row == NULL && err != NULL && i < ELEMENTSOF(codes); i++)
                if (string_equal(err->ora_code, codes[i].code))
                        status = codes[i].state;
        (void)snprintf(run->now, sizeof(run->now), "%s", status);
        run->mode_is_known = err == NULL && queries_identity(rows, &run->facts, NULL) >= 0;
}

/* After a shutdown that did not end nothing is tried: whoever holds the database decides. A start
 * that never began and a database that is mounted can be opened without any risk. */
static bool may_reopen(const ArchivelogRun *run) {
        bool down = string_equal(run->now, "DOWN");
        return down || (string_equal(run->now, "MOUNTED") && run->failed_in != ARCH_SHUTDOWN);
}

static void on_state(ArchivelogRun *run, const Rows *rows, const Error *err) {
        keep_now(run, rows, err);
        if (!may_reopen(run) || enter(run, ARCH_REOPEN, NULL) < 0)
                arch_end_failed(run);
}

static void on_reopened(ArchivelogRun *run, const Rows *rows, const Error *err) {
        if (err == NULL && queries_identity(rows, &run->facts, NULL) >= 0) {
                (void)snprintf(run->now, sizeof(run->now), "OPEN");
                run->mode_is_known = true;
                arch_note(
                        run,
                        "database %s was opened again after the failure, in %s mode",
                        arch_sid(run),
                        run->facts.log_mode);
                if (arch_find_closed_pdbs(run, rows, NULL) >= 0 && run->closed_pdbs.n > 0 &&
                    enter(run, ARCH_REOPEN_PDBS, NULL) >= 0)
                        return;
        } else if (arch_has_line(rows, "ORACLE instance started")) {
                (void)snprintf(run->now, sizeof(run->now), "STARTED");
        }
        arch_end_failed(run);
}

static void on_pdbs_reopened(ArchivelogRun *run, const Rows *rows, const Error *err) {
        if (err == NULL)
                (void)arch_find_closed_pdbs(run, rows, NULL);
        for (size_t i = 0; i < run->closed_pdbs.n; i++)
                arch_note(
                        run,
                        "pluggable database %s was open before and may not be now: open it by "
                        "hand%s%s",
                        run->closed_pdbs.items[i],
                        err != NULL ? "; " : "",
                        err != NULL ? err->message : "");
        arch_end_failed(run);
}

/* Before the shutdown nothing was changed; from then on the state is named. */
static void arch_fail(ArchivelogRun *run, const Error *err) {
        if (run->state < ARCH_SHUTDOWN) {
                arch_end(run, err);
                return;
        }
        run->cause = *err;
        run->failed_in = run->state;
        if (enter(run, ARCH_STATE, NULL) < 0)
                arch_end_failed(run);
}

/* ---- the story ---- */

static int deadline_error(const ArchivelogRun *run, Error *err) {
        return error_set(
                err,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "SHUTDOWN IMMEDIATE of %s did not end within %llu s",
                arch_sid(run),
                (unsigned long long)(run->options.shutdown_msec / 1000));
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        ArchivelogRun *run = userdata;
        ArchState next = ARCH_ENDED;
        Error error = {0};
        if (run->state == ARCH_STATE) {
                on_state(run, rows, err);
                return;
        }
        if (run->state == ARCH_REOPEN) {
                on_reopened(run, rows, err);
                return;
        }
        if (run->state == ARCH_REOPEN_PDBS) {
                on_pdbs_reopened(run, rows, err);
                return;
        }
        /* A pluggable database whose state was saved may have opened meanwhile. */
        bool opened =
                err != NULL && run->state == ARCH_PDBS && string_equal(err->ora_code, "ORA-65019");
        if (err != NULL && run->state == ARCH_SHUTDOWN && err->kind == ERROR_TIMEOUT)
                (void)deadline_error(run, &error);
        else if (err != NULL && !opened)
                error = *err;
        else
                (void)arch_judge(run, rows, &next, &error);
        if (!error_is_set(&error) && next != ARCH_ENDED)
                (void)enter(run, next, &error);
        if (error_is_set(&error))
                arch_fail(run, &error);
        else if (next == ARCH_ENDED)
                arch_end(run, NULL);
}

static void on_located(int r, const Error *err, void *userdata) {
        ArchivelogRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        run->locate = oracle_locate_free(run->locate);
        if (!error_is_set(&error) && run->stopping)
                (void)error_set(&error, ERROR_CANCELLED, -ECANCELED, "%s: stopped", arch_sid(run));
        if (error_is_set(&error) || enter(run, ARCH_INSTANCE, &error) < 0)
                arch_end(run, &error);
}

int archivelog_run_stop(ArchivelogRun *run, Error *err) {
        if (run->state >= ARCH_SHUTDOWN)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "Database %s is being restarted; that goes on to its end",
                        arch_sid(run));
        run->stopping = true;
        step_stop(&run->step);
        return 0;
}

ArchivelogRun *archivelog_run_free(ArchivelogRun *run) {
        if (run == NULL)
                return NULL;
        oracle_locate_free(run->locate);
        step_done(&run->step);
        database_facts_done(&run->facts);
        archive_destination_done(&run->destination);
        string_list_done(&run->logfiles);
        string_list_done(&run->read_only_pdbs);
        string_list_done(&run->closed_pdbs);
        string_list_done(&run->notes);
        oracle_database_done(&run->database);
        free(run->pfile);
        free(run);
        return NULL;
}

int archivelog_run_start(
        const Oracle *oracle,
        const ArchivelogRunOptions *options,
        ArchivelogRun **ret,
        Error *err) {
        ArchivelogRun *run = calloc(1, sizeof *run);
        if (run == NULL)
                return error_oom(err);
        run->oracle = oracle;
        run->options = *options;
        if (fault_point("shutdown-deadline") < 0)
                run->options.shutdown_msec = 500; /* a test does not wait for minutes */
        int r = oracle_database_copy(options->database, &run->database) < 0
                        ? error_oom(err)
                        : step_init(&run->step, oracle, &run->database, err);
        run->step.on_done = on_step;
        run->step.userdata = run;
        if (r >= 0)
                r = oracle_locate(oracle, &run->database, on_located, run, &run->locate, err);
        if (r < 0) {
                archivelog_run_free(run);
                return r;
        }
        *ret = run;
        return 0;
}
