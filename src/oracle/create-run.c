/* A table of states; each starts one thing and is judged before the next begins. A stop is looked
 * at between the states, only dbca itself is told at once. Owned by job/create-database. */
#include "oracle/create-run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "oracle/archivelog-run.h"
#include "oracle/create-run-private.h"
#include "oracle/dbca.h"
#include "oracle/listener.h"
#include "oracle/release.h"
#include "oracle/sql.h"
#include "oracle/step.h"

typedef enum CreateState {
        CREATE_LOCATE,
        CREATE_LOOK,
        CREATE_RELEASE,
        CREATE_RESPONSE, /* the response file is written */
        CREATE_DBCA,
        CREATE_CLEAN, /* the response file is removed */
        CREATE_LEFT,  /* it failed: what is there now? */
        CREATE_ARCHIVELOG,
        CREATE_ORATAB,
        CREATE_REGISTER,
        CREATE_LISTENER,
        CREATE_ENDED,
        CREATE_N_STATES,
} CreateState;

static const bool moves[CREATE_N_STATES][CREATE_N_STATES] = {
        [CREATE_LOCATE] = {[CREATE_LOOK] = true},
        [CREATE_LOOK] = {[CREATE_RELEASE] = true},
        [CREATE_RELEASE] = {[CREATE_RESPONSE] = true},
        [CREATE_RESPONSE] = {[CREATE_DBCA] = true, [CREATE_CLEAN] = true},
        [CREATE_DBCA] = {[CREATE_CLEAN] = true},
        [CREATE_CLEAN] = {[CREATE_LEFT] = true, [CREATE_ARCHIVELOG] = true},
        [CREATE_ARCHIVELOG] = {[CREATE_ORATAB] = true},
        [CREATE_ORATAB] = {[CREATE_REGISTER] = true},
        [CREATE_REGISTER] = {[CREATE_LISTENER] = true},
};

struct CreateRun {
        const Oracle *oracle;
        CreateRunOptions options;
        OracleDatabase database;
        DbcaChoices choices;
        char *recovery_area;
        char *password; /* a secret; until the response file is written */
        unsigned version;
        CreateState state;
        Step step;
        OracleLocate *locate;
        ReleaseQuery *release;
        Dbca *dbca;
        ArchivelogRun *archivelog;
        ListenerQuery *listener;
        const char *listener_state;
        char *log_file, *destination;
        bool created, restarted, stopping;
        StringList notes, left;
        Error cause;
};

static const char *sid_of(const CreateRun *run) {
        return run->database.sid;
}

static void forget_password(CreateRun *run) {
        if (run->password != NULL)
                wipe(run->password, strlen(run->password));
        free(run->password);
        run->password = NULL;
}

static void create_end(CreateRun *run, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        StringList notes = run->notes, left = run->left;
        CLEANUP(cleanup_free) char *log_file = TAKE_PTR(run->log_file);
        CLEANUP(cleanup_free) char *destination = TAKE_PTR(run->destination);
        const CreateReport report = {
                .created = run->created,
                .restarted = run->restarted,
                .destination = destination,
                .log_file = log_file != NULL ? log_file : "",
                .listener = run->listener_state != NULL ? run->listener_state : "not asked",
                .left = &left,
                .notes = &notes,
        };
        run->notes = (StringList){0};
        run->left = (StringList){0};
        run->state = CREATE_ENDED;
        forget_password(run);
        run->options.on_done(&report, err != NULL ? &error : NULL, run->options.userdata);
        string_list_done(&notes);
        string_list_done(&left);
}

static void enter(CreateRun *run, CreateState state);

/* From the response file on, what there is must be looked at; a database that was created stays. */
static void create_fail(CreateRun *run, const Error *err) {
        Error error = *err;
        if (run->created)
                (void)error_prefix(&error, "database %s was created and stays, but", sid_of(run));
        if (run->state == CREATE_RESPONSE || run->state == CREATE_DBCA) {
                run->cause = error;
                enter(run, CREATE_CLEAN);
        } else {
                create_end(run, error_is_set(&run->cause) ? &run->cause : &error);
        }
}

static void create_next(CreateRun *run, CreateState state) {
        Error error = {0};
        if (run->stopping) {
                (void)error_set(
                        &error,
                        ERROR_CANCELLED,
                        -ECANCELED,
                        "the creation of database %s was stopped",
                        sid_of(run));
                create_fail(run, &error);
                return;
        }
        enter(run, state);
}

/* ---- work ---- */

typedef struct ResponseJob {
        char *path;
        Text text; /* holds the password */
} ResponseJob;

static void *response_free(void *data) {
        ResponseJob *job = data;
        free(job->path);
        text_wipe(&job->text);
        free(job);
        return NULL;
}

static int write_run(void *data, Error *err) {
        const ResponseJob *job = data;
        return dbca_response_write(job->path, text_get(&job->text), err);
}

static int remove_run(void *data, Error *err) {
        const ResponseJob *job = data;
        return dbca_response_remove(job->path, err);
}

static ResponseJob *response_new(const CreateRun *run, Error *err) {
        ResponseJob *job = calloc(1, sizeof *job);
        if (job != NULL) {
                job->text = TEXT_INIT;
                job->path = strdup(run->options.response_file);
        }
        if (job != NULL && job->path == NULL)
                job = response_free(job);
        if (job == NULL)
                (void)error_oom(err);
        return job;
}

static int begin_response(CreateRun *run, Error *err) {
        static const StepWork functions = {write_run, response_free};
        ResponseJob *job = response_new(run, err);
        if (job == NULL)
                return -ENOMEM;
        int r = dbca_response_text(
                sid_of(run), run->version, &run->choices, run->password, &job->text, err);
        forget_password(run);
        if (r < 0) {
                response_free(job);
                return r;
        }
        return step_work(&run->step, &functions, job, err);
}

static int begin_clean(CreateRun *run, Error *err) {
        static const StepWork functions = {remove_run, response_free};
        ResponseJob *job = response_new(run, err);
        return job == NULL ? -ENOMEM : step_work(&run->step, &functions, job, err);
}

static int begin_look(CreateRun *run, const StepWork *functions, Error *err) {
        CreateLook *look = create_look_new(
                &run->database,
                run->options.oratab,
                run->choices.data_directory,
                run->choices.recovery_area);
        return look == NULL ? error_oom(err) : step_work(&run->step, functions, look, err);
}

/* ---- locate, release ---- */

static void on_located(int r, const Error *err, void *userdata) {
        CreateRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        run->locate = oracle_locate_free(run->locate);
        if (error_is_set(&error))
                create_fail(run, &error);
        else
                create_next(run, CREATE_LOOK);
}

static void on_release(unsigned version, const Error *err, void *userdata) {
        CreateRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        run->version = version;
        run->release = release_query_free(run->release);
        if (error_is_set(&error))
                create_fail(run, &error);
        else
                create_next(run, CREATE_RESPONSE);
}

/* ---- dbca ---- */

static void on_dbca_event(DbcaEvent event, const DbcaParser *parser, void *userdata) {
        CreateRun *run = userdata;
        if (event == DBCA_WARNING && parser->n_warnings <= LIMIT_DBCA_WARNINGS)
                (void)string_list_add(&run->notes, parser->warning);
        if (event != DBCA_WARNING)
                run->options.on_progress(parser->step, parser->percent, run->options.userdata);
}

static void on_dbca_done(const DbcaParser *parser, const Error *err, void *userdata) {
        CreateRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        free(run->log_file);
        run->log_file = strdup(parser->log_file);
        run->created = err == NULL;
        run->dbca = dbca_free(run->dbca);
        if (error_is_set(&error))
                create_fail(run, &error);
        else
                enter(run, CREATE_CLEAN);
}

static int begin_dbca(CreateRun *run, Error *err) {
        const char *arguments[DBCA_ARGUMENTS];
        dbca_arguments(run->version, run->options.response_file, arguments);
        return dbca_start(
                run->oracle,
                &(DbcaOptions){
                        .database = &run->database,
                        .arguments = arguments,
                        .on_event = on_dbca_event,
                        .on_done = on_dbca_done,
                        .userdata = run,
                },
                &run->dbca,
                err);
}

/* ---- ARCHIVELOG mode ---- */

static void on_archivelog_phase(const char *phase, void *userdata) {
        (void)phase; /* all of it is the phase archivelog of this job */
        (void)userdata;
}

static int take_notes(CreateRun *run, const StringList *notes) {
        for (size_t i = 0; i < notes->n; i++)
                if (string_list_add(&run->notes, notes->items[i]) < 0)
                        return -ENOMEM;
        return 0;
}

static void on_archivelog(const ArchivelogReport *report, const Error *err, void *userdata) {
        CreateRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        else if (report->destination == NULL)
                (void)error_set(
                        &error,
                        ERROR_ORACLE,
                        -ENOENT,
                        "its archived logs would go into the dbs directory of the Oracle home: set "
                        "db_recovery_file_dest, and take a template that does so");
        run->restarted = report->restarted;
        free(run->destination);
        run->destination = report->destination != NULL ? strdup(report->destination) : NULL;
        if (take_notes(run, report->notes) < 0 && !error_is_set(&error))
                (void)error_oom(&error);
        run->archivelog = archivelog_run_free(run->archivelog);
        if (error_is_set(&error))
                create_fail(run, &error);
        else
                create_next(run, CREATE_ORATAB);
}

static int begin_archivelog(CreateRun *run, Error *err) {
        return archivelog_run_start(
                run->oracle,
                &(ArchivelogRunOptions){
                        .database = &run->database,
                        .shutdown_msec = run->options.shutdown_msec,
                        .on_phase = on_archivelog_phase,
                        .on_done = on_archivelog,
                        .userdata = run,
                },
                &run->archivelog,
                err);
}

/* ---- listener ---- */

/* It never fails a database that is there. */
static void on_listener(ListenerState state, const Error *err, void *userdata) {
        static const char *const states[] = {
                [LISTENER_DOWN] = "no listener answers: start it (lsnrctl start), the database "
                                  "registers by itself within a minute",
                [LISTENER_MISSING] = "the listener runs, the database is not registered with it "
                                     "yet: see local_listener",
                [LISTENER_READY] = "ready",
                [LISTENER_UNREADY] = "registered, but not ready: see lsnrctl status",
        };
        CreateRun *run = userdata;
        if (err != NULL)
                (void)string_list_add(&run->notes, err->message);
        run->listener_state = err != NULL ? "not known" : states[state];
        run->listener = listener_query_free(run->listener);
        create_end(run, NULL);
}

/* ---- the story ---- */

static int begin_register(CreateRun *run, Error *err) {
        Text statements = TEXT_INIT;
        sql_statement(SQL_REGISTER, &statements);
        int r = statements.failed ? error_oom(err)
                                  : step_sql(&run->step, STEP_SQL_ASK, text_get(&statements), err);
        text_done(&statements);
        return r;
}

static int begin(CreateRun *run, Error *err) {
        const Oracle *oracle = run->oracle;
        switch (run->state) {
        case CREATE_LOCATE:
                return oracle_locate(oracle, &run->database, on_located, run, &run->locate, err);
        case CREATE_LOOK:
                return begin_look(run, &create_look, err);
        case CREATE_RELEASE:
                return release_query_start(
                        oracle, &run->database, on_release, run, &run->release, err);
        case CREATE_RESPONSE:
                return begin_response(run, err);
        case CREATE_DBCA:
                return begin_dbca(run, err);
        case CREATE_CLEAN:
                return begin_clean(run, err);
        case CREATE_LEFT:
                return begin_look(run, &create_left, err);
        case CREATE_ARCHIVELOG:
                return begin_archivelog(run, err);
        case CREATE_ORATAB:
                return begin_look(run, &create_oratab, err);
        case CREATE_REGISTER:
                return begin_register(run, err);
        case CREATE_LISTENER:
                return listener_query_start(
                        oracle, &run->database, on_listener, run, &run->listener, err);
        case CREATE_ENDED:
        case CREATE_N_STATES:
                break;
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "a database was created twice");
}

static void enter(CreateRun *run, CreateState state) {
        Error error = {0};
        assert(moves[run->state][state]);
        run->state = state;
        if (state == CREATE_ARCHIVELOG)
                run->options.on_phase("archivelog", run->options.userdata);
        else if (state == CREATE_ORATAB)
                run->options.on_phase("register", run->options.userdata);
        if (begin(run, &error) < 0)
                create_fail(run, &error);
}

static int take_look(CreateRun *run, CreateLook *look, Error *err) {
        free(run->recovery_area);
        run->recovery_area = TAKE_PTR(look->recovery_area);
        run->choices.recovery_area = run->recovery_area;
        return run->recovery_area != NULL ? 0 : error_oom(err);
}

/* The removal of the response file: one with a password in it must not go unnoticed. */
static void on_cleaned(CreateRun *run, const Error *err) {
        if (error_is_set(err))
                (void)string_list_add(&run->notes, err->message);
        if (error_is_set(&run->cause))
                enter(run, CREATE_LEFT);
        else
                create_next(run, CREATE_ARCHIVELOG);
}

static void on_left(CreateRun *run, CreateLook *look) {
        if (look != NULL) {
                run->left = look->left;
                look->left = (StringList){0};
        }
        create_end(run, &run->cause);
}

/* What a step brought, and what comes after it. */
static CreateState judge(CreateRun *run, CreateLook *look, Error *err) {
        bool good = !error_is_set(err);
        switch (run->state) {
        case CREATE_LOOK:
                if (good)
                        (void)take_look(run, look, err);
                return CREATE_RELEASE;
        case CREATE_RESPONSE:
                return CREATE_DBCA;
        case CREATE_ORATAB:
                if (good && take_notes(run, &look->left) < 0)
                        (void)error_oom(err);
                return CREATE_REGISTER;
        case CREATE_REGISTER: /* the database is there and registers by itself */
                if (!good)
                        (void)string_list_add(&run->notes, err->message);
                *err = (Error){0};
                return CREATE_LISTENER;
        case CREATE_LOCATE:
        case CREATE_RELEASE:
        case CREATE_DBCA:
        case CREATE_CLEAN:
        case CREATE_LEFT:
        case CREATE_ARCHIVELOG:
        case CREATE_LISTENER:
        case CREATE_ENDED:
        case CREATE_N_STATES:
                break;
        }
        (void)error_set(err, ERROR_INTERNAL, -EINVAL, "a step ended that was not begun");
        return CREATE_ENDED;
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        CreateRun *run = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        if (run->state == CREATE_CLEAN) {
                on_cleaned(run, &error);
                return;
        }
        if (run->state == CREATE_LEFT) {
                on_left(run, data);
                return;
        }
        CreateState next = judge(run, data, &error);
        if (error_is_set(&error) || next == CREATE_ENDED)
                create_fail(run, &error);
        else
                create_next(run, next);
}

int create_run_stop(CreateRun *run, Error *err) {
        if (run->archivelog != NULL) {
                int r = archivelog_run_stop(run->archivelog, err);
                if (r < 0)
                        return r;
        }
        run->stopping = true;
        if (run->dbca != NULL)
                dbca_stop(run->dbca);
        return 0;
}

CreateRun *create_run_free(CreateRun *run) {
        if (run == NULL)
                return NULL;
        oracle_locate_free(run->locate);
        release_query_free(run->release);
        dbca_free(run->dbca);
        archivelog_run_free(run->archivelog);
        listener_query_free(run->listener);
        step_done(&run->step);
        forget_password(run);
        oracle_database_done(&run->database);
        free(run->recovery_area);
        free(run->log_file);
        free(run->destination);
        string_list_done(&run->notes);
        string_list_done(&run->left);
        free(run);
        return NULL;
}

static int fill(CreateRun *run, Error *err) {
        run->choices = *run->options.choices;
        run->password = strdup(run->options.sys_password);
        if (run->password == NULL ||
            oracle_database_copy(run->options.database, &run->database) < 0)
                return error_oom(err);
        int r = step_init(&run->step, run->oracle, &run->database, err);
        run->step.on_done = on_step;
        run->step.userdata = run;
        return r;
}

int create_run_start(
        const Oracle *oracle, const CreateRunOptions *options, CreateRun **ret, Error *err) {
        CreateRun *run = calloc(1, sizeof *run);
        if (run == NULL)
                return error_oom(err);
        run->oracle = oracle;
        run->options = *options;
        run->state = CREATE_LOCATE;
        int r = fill(run, err);
        if (r >= 0)
                r = begin(run, err);
        if (r < 0) {
                create_run_free(run);
                return r;
        }
        run->options.sys_password = NULL;
        run->options.on_phase("dbca", run->options.userdata);
        *ret = run;
        return 0;
}
