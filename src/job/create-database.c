/* The job around oracle/create-run.c: its row in the ledger, its rows in Result, its end. Owned by
 * the manager.
 *
 * Ways: row -> run -> row removed -> over; a stop before the run ends it there. */
#include "job/create-database.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "job/database-row.h"
#include "job/manager.h"
#include "oracle/create-run.h"

typedef struct CreateDatabase {
        Service *service;
        Settings *settings;
        Job *job;
        OracleDatabase database;
        DbcaChoices choices; /* the strings are owned */
        char *sys_password;  /* a secret; until the run has it */
        char *response_file;
        CreateRun *run;
        LedgerCall *call;
        ErrorKind stop_reason; /* ERROR_NONE: nobody stops it */
        bool ending;
        Error cause;
} CreateDatabase;

static LogFields log_fields(const CreateDatabase *create) {
        return (LogFields){
                .job = job_id(create->job),
                .instance = create->settings->config->instance,
                .database = create->database.sid,
                .phase = job_phase(create->job),
        };
}

/* ---- the end ---- */

static void over(CreateDatabase *create) {
        bool failed = error_is_set(&create->cause);
        LogFields fields = log_fields(create);
        fields.error = failed ? &create->cause : NULL;
        if (failed)
                log_error(&fields, "Database %s was not created", create->database.sid);
        else
                log_notice(&fields, "Database %s was created", create->database.sid);
        job_finish(create->job, fields.error);
}

static void on_row_removed(const Error *err, void *userdata) {
        CreateDatabase *create = userdata;
        create->call = NULL;
        if (err != NULL) { /* the next start names it once more */
                LogFields fields = log_fields(create);
                fields.error = err;
                log_warning(&fields, "The row of the job stays in the ledger");
        }
        over(create);
}

static DatabaseRow row_of(CreateDatabase *create, void (*on_done)(const Error *err, void *)) {
        return (DatabaseRow){
                .service = create->service,
                .job = create->job,
                .sid = create->database.sid,
                .on_done = on_done,
                .userdata = create,
        };
}

static void end(CreateDatabase *create, const Error *err) {
        DatabaseRow row = row_of(create, on_row_removed);
        Error error = {0};
        create->ending = true;
        if (err != NULL)
                create->cause = *err;
        if (database_row_remove(&row, &create->call, &error) < 0)
                on_row_removed(&error, create);
}

/* ---- result ---- */

static void add_row(CreateDatabase *create, const char *key, const char *text) {
        JobValue row[] = {
                {.key = "sid", .type = JOB_VALUE_STRING, .string = create->database.sid},
                {.key = key, .type = JOB_VALUE_STRING, .string = text},
        };
        job_add_row(create->job, row, ELEMENTSOF(row));
}

static void add_note(CreateDatabase *create, const char *text) {
        LogFields fields = log_fields(create);
        add_row(create, "note", text);
        log_notice(&fields, "Database %s: %s", create->database.sid, text);
}

static bool is_selected(const CreateDatabase *create) {
        const StringList *databases = &create->settings->config->databases;
        return databases->n == 0 || string_list_has(databases, create->database.sid);
}

static void report_success(CreateDatabase *create, const CreateReport *report) {
        bool selected = is_selected(create);
        JobValue row[] = {
                {.key = "sid", .type = JOB_VALUE_STRING, .string = create->database.sid},
                {.key = "oracle_home",
                 .type = JOB_VALUE_STRING,
                 .string = create->database.oracle_home},
                {.key = "created", .type = JOB_VALUE_BOOL, .number = 1},
                {.key = "log_mode", .type = JOB_VALUE_STRING, .string = "ARCHIVELOG"},
                {.key = "restarted", .type = JOB_VALUE_BOOL, .number = report->restarted},
                {.key = "destination", .type = JOB_VALUE_STRING, .string = report->destination},
                {.key = "listener", .type = JOB_VALUE_STRING, .string = report->listener},
                {.key = "log", .type = JOB_VALUE_STRING, .string = report->log_file},
                {.key = "selected", .type = JOB_VALUE_BOOL, .number = selected},
        };
        job_add_row(create->job, row, ELEMENTSOF(row));
        if (!selected)
                add_note(
                        create,
                        "backups leave it out: [oracle] databases names SIDs and not this one; add "
                        "it there and reload");
}

/* "; left on this host: .." where there is anything, and a row for each. */
static void report_left(CreateDatabase *create, const StringList *left, Error *err) {
        Text text = TEXT_INIT;
        for (size_t i = 0; i < left->n; i++) {
                add_row(create, "left", left->items[i]);
                text_appendf(&text, "%s%s", i == 0 ? "" : ", ", left->items[i]);
        }
        if (left->n > 0 && !text.failed) {
                const Error cause = *err;
                (void)error_set(
                        err,
                        cause.kind,
                        cause.r,
                        "%.450s; left on this host, for you to remove (dbca -deleteDatabase): %s",
                        cause.message,
                        text_get(&text));
                memcpy(err->ora_code, cause.ora_code, sizeof(err->ora_code));
        }
        text_done(&text);
}

/* ---- the run ---- */

static void on_phase(const char *phase, void *userdata) {
        const CreateDatabase *create = userdata;
        job_set_phase(create->job, phase);
}

static void on_progress(const char *step, unsigned percent, void *userdata) {
        CreateDatabase *create = userdata;
        JobProgress progress = *job_progress(create->job);
        LogFields fields = log_fields(create);
        progress.percent = percent;
        job_set_progress(create->job, &progress);
        log_info(
                &fields, "Database %s: dbca is at %u %% (%s)", create->database.sid, percent, step);
}

/* A stop is the reason that counts; where it came to is what the run says. */
static void take_stop(const CreateDatabase *create, Error *err) {
        if (create->stop_reason == ERROR_NONE || err->kind != ERROR_CANCELLED)
                return;
        err->kind = create->stop_reason;
        (void)error_prefix(
                err,
                create->stop_reason == ERROR_CANCELLED ? "cancelled"
                                                       : "cut off: the service ended");
}

static void on_done(const CreateReport *report, const Error *err, void *userdata) {
        CreateDatabase *create = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        for (size_t i = 0; i < report->notes->n; i++)
                add_note(create, report->notes->items[i]);
        if (err == NULL) {
                report_success(create, report);
        } else {
                take_stop(create, &error);
                report_left(create, report->left, &error);
        }
        create->run = create_run_free(create->run);
        end(create, err != NULL ? &error : NULL);
}

static void forget_password(CreateDatabase *create) {
        if (create->sys_password != NULL)
                wipe(create->sys_password, strlen(create->sys_password));
        free(create->sys_password);
        create->sys_password = NULL;
}

static int start_run(CreateDatabase *create, Error *err) {
        create->response_file =
                dbca_response_path(create->service->runtime_directory, job_id(create->job));
        if (create->response_file == NULL)
                return error_oom(err);
        CreateRunOptions options = {
                .database = &create->database,
                .choices = &create->choices,
                .sys_password = create->sys_password,
                .response_file = create->response_file,
                .oratab = create->settings->config->oratab,
                .shutdown_msec = create->service->shutdown_msec,
                .on_phase = on_phase,
                .on_progress = on_progress,
                .on_done = on_done,
                .userdata = create,
        };
        int r = create_run_start(&create->service->oracle, &options, &create->run, err);
        forget_password(create);
        return r;
}

static int stopped(const CreateDatabase *create, Error *err) {
        return error_set(
                err,
                create->stop_reason,
                -ECANCELED,
                "the creation of database %s was stopped before it began",
                create->database.sid);
}

static void on_row_put(const Error *err, void *userdata) {
        CreateDatabase *create = userdata;
        Error error = {0};
        create->call = NULL;
        if (err != NULL)
                error = *err;
        else if (create->stop_reason != ERROR_NONE)
                (void)stopped(create, &error);
        else
                (void)start_run(create, &error);
        if (error_is_set(&error))
                end(create, &error);
}

/* ---- start, cancel, new, free ---- */

static int start(void *work, Job *job, Error *err) {
        CreateDatabase *create = work;
        create->job = job;
        DatabaseRow row = row_of(create, on_row_put);
        LogFields fields = log_fields(create);
        job_set_phase(job, "dbca");
        job_set_database(job, create->database.sid);
        log_notice(
                &fields,
                "Database %s is being created in Oracle home %s",
                create->database.sid,
                create->database.oracle_home);
        return database_row_put(&row, &create->call, err);
}

static int cancel(void *work, ErrorKind reason, Error *err) {
        CreateDatabase *create = work;
        if (create->ending)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "The job on database %s is at its end",
                        create->database.sid);
        int r = create->run == NULL ? 0 : create_run_stop(create->run, err);
        if (r >= 0 && create->stop_reason == ERROR_NONE)
                create->stop_reason = reason;
        return r;
}

static void *create_free(void *work) {
        CreateDatabase *create = work;
        if (create == NULL)
                return NULL;
        if (create->call != NULL)
                ledger_cancel(create->call);
        create_run_free(create->run);
        forget_password(create);
        oracle_database_done(&create->database);
        const char *strings[] = {
                create->choices.template_name,
                create->choices.charset,
                create->choices.pdb,
                create->choices.data_directory,
                create->choices.recovery_area};
        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                free((char *)(uintptr_t)strings[i]);
        free(create->response_file);
        settings_unref(create->settings);
        free(create);
        return NULL;
}

static int copy(const char *from, const char **to) {
        *to = from != NULL ? strdup(from) : NULL;
        return from != NULL && *to == NULL ? -ENOMEM : 0;
}

static int copy_request(CreateDatabase *create, const CreateDatabaseRequest *request, Error *err) {
        const DbcaChoices *choices = &request->choices;
        create->choices.memory_percentage = choices->memory_percentage;
        memcpy(create->database.sid, request->sid, strlen(request->sid) + 1);
        create->database.oracle_home = strdup(request->oracle_home);
        create->sys_password = strdup(request->sys_password);
        if (create->database.oracle_home == NULL || create->sys_password == NULL ||
            copy(choices->template_name, &create->choices.template_name) < 0 ||
            copy(choices->charset, &create->choices.charset) < 0 ||
            copy(choices->pdb, &create->choices.pdb) < 0 ||
            copy(choices->data_directory, &create->choices.data_directory) < 0 ||
            copy(choices->recovery_area, &create->choices.recovery_area) < 0)
                return error_oom(err);
        return 0;
}

const JobFunctions create_database_functions = {
        .start = start, .cancel = cancel, .free = create_free};

int create_database_new(
        Service *service, const CreateDatabaseRequest *request, void **ret, Error *err) {
        CreateDatabase *create = calloc(1, sizeof(*create));
        if (create == NULL)
                return error_oom(err);
        create->service = service;
        create->settings = settings_ref(service->settings);
        int r = copy_request(create, request, err);
        if (r < 0) {
                create_free(create);
                return r;
        }
        *ret = create;
        return 0;
}

int create_database_submit(
        Service *service, const CreateDatabaseRequest *request, Job **ret, Error *err) {
        ManagerWork work = {.type = JOB_CREATE_DATABASE, .functions = &create_database_functions};
        int r = create_database_new(service, request, &work.work, err);
        if (r < 0)
                return r;
        r = manager_add(service->manager, &work, ret, err);
        if (r < 0)
                create_free(work.work);
        return r;
}
