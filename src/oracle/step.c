/* The three kinds of things that a run waits for, behind one callback. Belongs to a run, which
 * starts the next step from within on_done. */
#include "oracle/step.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a worker has in hand; outlives the step when that ends early. */
struct StepJob {
        Step *step;
        const StepWork *functions;
        void *data;
        int r;
        Error error;
};

bool step_is_active(const Step *step) {
        return step->sqlplus != NULL || step->rman != NULL || step->work != NULL ||
               (step->cancelled != NULL && timer_is_armed(step->cancelled));
}

static void on_cancelled(void *userdata) {
        Step *step = userdata;
        Error error = {0};
        step->stopping = false;
        error_set(&error, ERROR_CANCELLED, -ECANCELED, "%s: stopped", step->database->sid);
        step->on_done(NULL, NULL, &error, step->userdata);
}

int step_init(Step *step, const Oracle *oracle, const OracleDatabase *database, Error *err) {
        *step = (Step){.oracle = oracle, .database = database};
        return timer_new(oracle->loop, on_cancelled, step, &step->cancelled, err);
}

static void step_drop(Step *step) {
        step->sqlplus = sqlplus_free(step->sqlplus);
        step->rman = rman_free(step->rman);
        if (step->work != NULL)
                work_cancel(step->work);
        step->work = NULL;
}

void step_done(Step *step) {
        step_drop(step);
        step->cancelled = timer_free(step->cancelled);
}

void step_stop(Step *step) {
        if (step->rman != NULL) {
                rman_stop(step->rman);
                return;
        }
        if (!step_is_active(step) || step->stopping)
                return;
        step_drop(step);
        step->stopping = true;
        timer_arm(step->cancelled, 0);
}

/* --- SQL*Plus --- */

static void on_sql_done(const Rows *rows, const Error *err, void *userdata) {
        Step *step = userdata;
        /* rows belong to the SqlPlus, which must live until the owner has read them; a new one may
         * be started meanwhile. */
        SqlPlus *sqlplus = step->sqlplus;
        step->sqlplus = NULL;
        step->on_done(rows, NULL, err, step->userdata);
        sqlplus_free(sqlplus);
}

static uint64_t sql_timeout(const Step *step, StepSqlMode mode) {
        const Oracle *oracle = step->oracle;
        if (step->timeout_msec != 0)
                return step->timeout_msec;
        if (mode == STEP_SQL_ASK)
                return 0; /* the default of sqlplus.h */
        return oracle->work_timeout_msec != 0 ? oracle->work_timeout_msec
                                              : ORACLE_WORK_TIMEOUT_MSEC;
}

int step_sql(Step *step, StepSqlMode mode, const char *statements, Error *err) {
        assert(!step_is_active(step));
        return sqlplus_start(
                step->oracle,
                &(SqlPlusOptions){
                        .database = step->database,
                        .statements = statements,
                        .idle = mode == STEP_SQL_IDLE,
                        .timeout_msec = sql_timeout(step, mode),
                        .on_done = on_sql_done,
                        .userdata = step,
                },
                &step->sqlplus,
                err);
}

/* --- RMAN --- */

static void on_rman_event(const RmanEvent *event, void *userdata) {
        const Step *step = userdata;
        if (step->on_event != NULL)
                step->on_event(event, step->userdata);
}

static void on_rman_done(const Error *err, void *userdata) {
        Step *step = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        step->rman = rman_free(step->rman);
        step->on_done(NULL, NULL, error_is_set(&error) ? &error : NULL, step->userdata);
}

int step_rman(Step *step, const StepRman *options, Text *script, Error *err) {
        assert(!step_is_active(step));
        int r = rman_start(
                step->oracle,
                &(RmanOptions){
                        .database = step->database,
                        .phase = options->phase,
                        .script = text_get(script),
                        .expect_backups = options->expect_backups,
                        .growth_directories = options->growth_directories,
                        .command_id = options->command_id,
                        .created_in_logs = options->created_in_logs,
                        .n_created_in_logs = options->n_created_in_logs,
                        .on_event = on_rman_event,
                        .on_done = on_rman_done,
                        .userdata = step,
                },
                &step->rman,
                err);
        text_wipe(script);
        return r;
}

/* --- work --- */

static void job_run(void *userdata) {
        StepJob *job = userdata;
        job->r = job->functions->run(job->data, &job->error);
}

static void job_done(void *userdata) {
        StepJob *job = userdata;
        Step *step = job->step;
        step->work = NULL;
        if (job->r < 0)
                step->on_done(NULL, NULL, &job->error, step->userdata);
        else
                step->on_done(NULL, job->data, NULL, step->userdata);
}

static void job_release(void *userdata) {
        StepJob *job = userdata;
        job->functions->free(job->data);
        free(job);
}

int step_work(Step *step, const StepWork *functions, void *data, Error *err) {
        static const WorkFunctions work = {job_run, job_done, job_release};
        assert(!step_is_active(step));
        StepJob *job = calloc(1, sizeof *job);
        if (job == NULL) {
                functions->free(data);
                return error_oom(err);
        }
        *job = (StepJob){.step = step, .functions = functions, .data = data};
        int r = work_start(step->oracle->files, &work, job, &step->work, err);
        if (r < 0) {
                job_release(job);
                return r;
        }
        return 0;
}

static int gone_run(void *data, Error *err) {
        const char *sid = data;
        if (!oracle_instance_runs(sid))
                return 0;
        return error_set(
                err,
                ERROR_ORACLE,
                -EBUSY,
                "ora_pmon_%s still runs after the instance was shut down; end it by hand",
                sid);
}

static void *gone_free(void *data) {
        free(data);
        return NULL;
}

int step_gone(Step *step, Error *err) {
        static const StepWork gone = {gone_run, gone_free};
        char *sid = strdup(step->database->sid);
        return sid != NULL ? step_work(step, &gone, sid, err) : error_oom(err);
}
