/* The job around oracle/archivelog-run.c: the database's home from oratab, its row in the ledger,
 * its rows in Result, its end. Owned by the manager.
 *
 * Ways: oratab -> row -> run -> row removed -> over. */
#include "job/enable-archivelog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/database-row.h"
#include "job/manager.h"
#include "oracle/archivelog-run.h"
#include "oracle/oratab.h"

typedef struct EnableArchivelog {
        Service *service;
        Settings *settings;
        Job *job;
        OracleDatabase database;
        Work *work;
        LedgerCall *call;
        ArchivelogRun *run;
        ErrorKind stop_reason; /* ERROR_NONE: nobody stops it */
        bool row_written;      /* or about to be */
        bool ending;
        Error cause;
} EnableArchivelog;

static LogFields log_fields(const EnableArchivelog *enable) {
        return (LogFields){
                .job = job_id(enable->job),
                .instance = enable->settings->config->instance,
                .database = enable->database.sid,
                .phase = job_phase(enable->job),
        };
}

/* ---- the end ---- */

static void over(EnableArchivelog *enable) {
        bool failed = error_is_set(&enable->cause);
        LogFields fields = log_fields(enable);
        fields.error = failed ? &enable->cause : NULL;
        if (failed)
                log_error(
                        &fields,
                        "Database %s was not put into ARCHIVELOG mode",
                        enable->database.sid);
        else
                log_notice(&fields, "Database %s is in ARCHIVELOG mode", enable->database.sid);
        job_finish(enable->job, fields.error);
}

static void on_row_removed(const Error *err, void *userdata) {
        EnableArchivelog *enable = userdata;
        enable->call = NULL;
        if (err != NULL) { /* the next start names it once more */
                LogFields fields = log_fields(enable);
                fields.error = err;
                log_warning(&fields, "The row of the job stays in the ledger");
        }
        over(enable);
}

static DatabaseRow row_of(EnableArchivelog *enable, void (*on_done)(const Error *err, void *)) {
        return (DatabaseRow){
                .service = enable->service,
                .job = enable->job,
                .sid = enable->database.sid,
                .on_done = on_done,
                .userdata = enable,
        };
}

static void end(EnableArchivelog *enable, const Error *err) {
        DatabaseRow row = row_of(enable, on_row_removed);
        Error error = {0};
        enable->ending = true;
        if (err != NULL)
                enable->cause = *err;
        if (!enable->row_written)
                over(enable);
        else if (database_row_remove(&row, &enable->call, &error) < 0)
                on_row_removed(&error, enable);
}

/* ---- the run ---- */

static void on_phase(const char *phase, void *userdata) {
        const EnableArchivelog *enable = userdata;
        job_set_phase(enable->job, phase);
}

static void add_note(EnableArchivelog *enable, const char *text) {
        LogFields fields = log_fields(enable);
        JobValue row[] = {
                {.key = "sid", .type = JOB_VALUE_STRING, .string = enable->database.sid},
                {.key = "note", .type = JOB_VALUE_STRING, .string = text},
        };
        job_add_row(enable->job, row, ELEMENTSOF(row));
        log_notice(&fields, "Database %s: %s", enable->database.sid, text);
}

static void report_success(EnableArchivelog *enable, const ArchivelogReport *report) {
        const char *destination = report->destination != NULL ? report->destination : "";
        JobValue row[] = {
                {.key = "sid", .type = JOB_VALUE_STRING, .string = enable->database.sid},
                {.key = "log_mode", .type = JOB_VALUE_STRING, .string = "ARCHIVELOG"},
                {.key = "already", .type = JOB_VALUE_BOOL, .number = report->already},
                {.key = "restarted", .type = JOB_VALUE_BOOL, .number = report->restarted},
                {.key = "destination", .type = JOB_VALUE_STRING, .string = destination},
        };
        job_add_row(enable->job, row, ELEMENTSOF(row));
        if (report->destination == NULL)
                add_note(
                        enable,
                        "its archived logs go into the dbs directory of the Oracle home: set "
                        "db_recovery_file_dest or log_archive_dest_1");
}

static void on_done(const ArchivelogReport *report, const Error *err, void *userdata) {
        EnableArchivelog *enable = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        if (err != NULL && error.kind == ERROR_CANCELLED && enable->stop_reason != ERROR_NONE)
                (void)error_set(
                        &error,
                        enable->stop_reason,
                        -ECANCELED,
                        "database %s was not put into ARCHIVELOG mode: the job was stopped before "
                        "the shutdown, nothing was changed",
                        enable->database.sid);
        for (size_t i = 0; i < report->notes->n; i++)
                add_note(enable, report->notes->items[i]);
        if (err == NULL)
                report_success(enable, report);
        enable->run = archivelog_run_free(enable->run);
        end(enable, error_is_set(&error) ? &error : NULL);
}

static int start_run(EnableArchivelog *enable, Error *err) {
        ArchivelogRunOptions options = {
                .database = &enable->database,
                .shutdown_msec = enable->service->shutdown_msec,
                .on_phase = on_phase,
                .on_done = on_done,
                .userdata = enable,
        };
        return archivelog_run_start(&enable->service->oracle, &options, &enable->run, err);
}

static int stopped(const EnableArchivelog *enable, Error *err) {
        return error_set(
                err,
                enable->stop_reason,
                -ECANCELED,
                "the job on database %s was stopped before it began",
                enable->database.sid);
}

static void on_row_put(const Error *err, void *userdata) {
        EnableArchivelog *enable = userdata;
        Error error = {0};
        enable->call = NULL;
        if (err != NULL)
                error = *err;
        else if (enable->stop_reason != ERROR_NONE)
                (void)stopped(enable, &error);
        else
                (void)start_run(enable, &error);
        if (error_is_set(&error))
                end(enable, &error);
}

/* ---- oratab ---- */

/* A block of its own for the worker. */
typedef struct Reading {
        EnableArchivelog *enable;
        char *path, *oracle_home;
        char sid[31];
        int r;
        Error error;
} Reading;

static void reading_run(void *userdata) {
        Reading *reading = userdata;
        Oratab oratab = {0};
        reading->r = oratab_read(reading->path, &oratab, &reading->error);
        if (reading->r < 0)
                return;
        const OratabEntry *entry = oratab_find(&oratab, reading->sid);
        if (entry == NULL)
                reading->r = error_set(
                        &reading->error,
                        ERROR_NO_SUCH_DATABASE,
                        -ENOENT,
                        "There is no database %s in %s",
                        reading->sid,
                        reading->path);
        else if ((reading->oracle_home = strdup(entry->oracle_home)) == NULL)
                reading->r = error_oom(&reading->error);
        oratab_done(&oratab);
}

static void reading_done(void *userdata) {
        Reading *reading = userdata;
        EnableArchivelog *enable = reading->enable;
        DatabaseRow row = row_of(enable, on_row_put);
        Error error = reading->error;
        enable->work = NULL;
        enable->database.oracle_home = TAKE_PTR(reading->oracle_home);
        if (!error_is_set(&error) && enable->stop_reason != ERROR_NONE)
                (void)stopped(enable, &error);
        if (!error_is_set(&error)) {
                enable->row_written = true;
                (void)database_row_put(&row, &enable->call, &error);
        }
        if (error_is_set(&error))
                end(enable, &error);
}

static void reading_release(void *userdata) {
        Reading *reading = userdata;
        free(reading->path);
        free(reading->oracle_home);
        free(reading);
}

static int start(void *work, Job *job, Error *err) {
        static const WorkFunctions functions = {
                .run = reading_run, .on_done = reading_done, .release = reading_release};
        EnableArchivelog *enable = work;
        Reading *reading = calloc(1, sizeof(*reading));
        if (reading == NULL)
                return error_oom(err);
        enable->job = job;
        job_set_phase(job, "shutdown");
        job_set_database(job, enable->database.sid);
        reading->enable = enable;
        memcpy(reading->sid, enable->database.sid, sizeof(reading->sid));
        reading->path = strdup(enable->settings->config->oratab);
        int r = reading->path == NULL
                        ? error_oom(err)
                        : work_start(
                                  enable->service->files, &functions, reading, &enable->work, err);
        if (r < 0)
                reading_release(reading);
        return r;
}

/* ---- cancel, new, free ---- */

static int cancel(void *work, ErrorKind reason, Error *err) {
        EnableArchivelog *enable = work;
        if (enable->ending)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "The job on database %s is at its end",
                        enable->database.sid);
        int r = enable->run == NULL ? 0 : archivelog_run_stop(enable->run, err);
        if (r >= 0 && enable->stop_reason == ERROR_NONE)
                enable->stop_reason = reason;
        return r;
}

static void *enable_free(void *work) {
        EnableArchivelog *enable = work;
        if (enable == NULL)
                return NULL;
        work_cancel(enable->work);
        if (enable->call != NULL)
                ledger_cancel(enable->call);
        archivelog_run_free(enable->run);
        oracle_database_done(&enable->database);
        settings_unref(enable->settings);
        free(enable);
        return NULL;
}

const JobFunctions enable_archivelog_functions = {
        .start = start, .cancel = cancel, .free = enable_free};

int enable_archivelog_new(Service *service, const char *sid, void **ret, Error *err) {
        EnableArchivelog *enable = calloc(1, sizeof(*enable));
        if (enable == NULL)
                return error_oom(err);
        enable->service = service;
        enable->settings = settings_ref(service->settings);
        memcpy(enable->database.sid, sid, strlen(sid) + 1);
        *ret = enable;
        return 0;
}

int enable_archivelog_submit(Service *service, const char *sid, Job **ret, Error *err) {
        ManagerWork work = {
                .type = JOB_ENABLE_ARCHIVELOG, .functions = &enable_archivelog_functions};
        int r = enable_archivelog_new(service, sid, &work.work, err);
        if (r < 0)
                return r;
        r = manager_add(service->manager, &work, ret, err);
        if (r < 0)
                enable_free(work.work);
        return r;
}
