/* State and identity of one database for a list: never an error, what cannot be asked is UNKNOWN or
 * DOWN. Owned by job/query. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/preflight.h"
#include "oracle/queries.h"
#include "oracle/sql.h"
#include "oracle/step.h"

typedef enum StatusState { STATUS_PROCESS, STATUS_INSTANCE, STATUS_DATABASE } StatusState;

typedef struct ProcessJob {
        char sid[31];
        bool runs;
} ProcessJob;

struct StatusQuery {
        const Oracle *oracle;
        OracleDatabase database;
        StatusState state;
        Step step;
        DatabaseFacts facts;
        void (*on_done)(const DatabaseStatus *status, void *userdata);
        void *userdata;
};

static const char *or_empty(const char *text) {
        return text != NULL ? text : "";
}

/* What is handed out lives here and not in the query, which the caller may free at once. */
static void status_end(StatusQuery *query, const char *state) {
        DatabaseFacts facts = query->facts;
        query->facts = (DatabaseFacts){0};
        const DatabaseStatus status = {
                .state = state,
                .db_name = or_empty(facts.db_name),
                .db_unique_name = or_empty(facts.db_unique_name),
                .log_mode = or_empty(facts.log_mode),
                .version = or_empty(facts.version),
                .role = or_empty(facts.role),
                .dbid = facts.dbid,
        };
        query->on_done(&status, query->userdata);
        database_facts_done(&facts);
}

static const char *known_state(const StatusQuery *query) {
        static const char *const states[] = {"OPEN", "MOUNTED", "STARTED"};
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (string_equal(query->facts.status, states[i]))
                        return states[i];
        return "UNKNOWN";
}

static int ask(StatusQuery *query, StatusState state, SqlQuestion question) {
        Text statements = TEXT_INIT;
        query->state = state;
        sql_ask(question, sql_version(query->facts.version), &statements);
        if (question == SQL_DATABASE)
                sql_ask(SQL_VERSION_FULL, sql_version(query->facts.version), &statements);
        int r = statements.failed
                        ? -ENOMEM
                        : step_sql(&query->step, STEP_SQL_ASK, text_get(&statements), NULL);
        text_done(&statements);
        return r;
}

static void on_process(StatusQuery *query, const ProcessJob *job) {
        if (!job->runs)
                status_end(query, "DOWN");
        else if (ask(query, STATUS_INSTANCE, SQL_INSTANCE) < 0)
                status_end(query, "UNKNOWN");
}

static void on_instance(StatusQuery *query, const Rows *rows, const Error *err) {
        if (err != NULL && string_equal(err->ora_code, "ORA-01034"))
                status_end(query, "DOWN");
        else if (err != NULL || queries_instance(rows, &query->facts, NULL) < 0)
                status_end(query, "UNKNOWN");
        else if (string_equal(query->facts.status, "STARTED"))
                status_end(query, "STARTED");
        else if (ask(query, STATUS_DATABASE, SQL_DATABASE) < 0)
                status_end(query, known_state(query));
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        StatusQuery *query = userdata;
        switch (query->state) {
        case STATUS_PROCESS:
                if (err != NULL)
                        status_end(query, "UNKNOWN");
                else
                        on_process(query, data);
                break;
        case STATUS_INSTANCE:
                on_instance(query, rows, err);
                break;
        case STATUS_DATABASE:
                if (err == NULL)
                        (void)queries_identity(rows, &query->facts, NULL);
                status_end(query, known_state(query));
                break;
        }
}

static int process_run(void *data, Error *err) {
        ProcessJob *job = data;
        job->runs = oracle_instance_runs(job->sid);
        return 0;
}

static void *process_free(void *data) {
        free(data);
        return NULL;
}

static int begin_process(StatusQuery *query, Error *err) {
        static const StepWork process = {process_run, process_free};
        ProcessJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        memcpy(job->sid, query->database.sid, sizeof job->sid);
        query->state = STATUS_PROCESS;
        return step_work(&query->step, &process, job, err);
}

int database_status_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(const DatabaseStatus *status, void *userdata),
        void *userdata,
        StatusQuery **ret,
        Error *err) {
        StatusQuery *query = calloc(1, sizeof *query);
        if (query == NULL)
                return error_oom(err);
        query->oracle = oracle;
        query->on_done = on_done;
        query->userdata = userdata;
        int r = oracle_database_copy(database, &query->database) < 0
                        ? error_oom(err)
                        : step_init(&query->step, oracle, &query->database, err);
        query->step.on_done = on_step;
        query->step.userdata = query;
        if (r >= 0)
                r = begin_process(query, err);
        if (r < 0) {
                database_status_free(query);
                return r;
        }
        *ret = query;
        return 0;
}

StatusQuery *database_status_free(StatusQuery *query) {
        if (query == NULL)
                return NULL;
        step_done(&query->step);
        database_facts_done(&query->facts);
        oracle_database_done(&query->database);
        free(query);
        return NULL;
}
