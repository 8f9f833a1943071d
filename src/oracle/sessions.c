/* Asks for the sessions of a run, then kills them one by one. A session that went away by itself in
 * between (ORA-00030) is as good as killed; so is one that is marked for it (ORA-00031). As an
 * error ends a SQL*Plus process, each session has its own. */
#include "oracle/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "oracle/queries.h"
#include "oracle/rows.h"
#include "oracle/sql.h"
#include "oracle/sqlplus.h"

/* A command id that no run has: only the SIDs count then. */
static const char NO_COMMAND[] = "00000000";

struct Sessions {
        const Oracle *oracle;
        OracleDatabase database;
        SqlPlus *sqlplus;
        SessionFacts *found;
        size_t n_found, next;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
};

static void sessions_finish(Sessions *sessions, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        sessions->sqlplus = sqlplus_free(sessions->sqlplus);
        sessions->on_done(err != NULL ? &error : NULL, sessions->userdata);
}

static int sessions_ask(
        Sessions *sessions,
        const char *statements,
        void (*on_done)(const Rows *rows, const Error *err, void *userdata),
        Error *err) {
        return sqlplus_start(
                sessions->oracle,
                &(SqlPlusOptions){
                        .database = &sessions->database,
                        .statements = statements,
                        .on_done = on_done,
                        .userdata = sessions,
                },
                &sessions->sqlplus,
                err);
}

static void on_killed(const Rows *rows, const Error *err, void *userdata);

static void sessions_kill_next(Sessions *sessions) {
        Text statement = TEXT_INIT;
        Error error = {0};
        sessions->sqlplus = sqlplus_free(sessions->sqlplus);
        if (sessions->next == sessions->n_found) {
                sessions_finish(sessions, NULL);
                return;
        }
        size_t i = sessions->next++;
        sql_kill_session(sessions->found[i].sid, sessions->found[i].serial, &statement);
        int r = statement.failed ? error_oom(&error)
                                 : sessions_ask(sessions, text_get(&statement), on_killed, &error);
        text_done(&statement);
        if (r < 0)
                sessions_finish(sessions, &error);
}

static void on_killed(const Rows *rows, const Error *err, void *userdata) {
        if (err != NULL && !string_equal(err->ora_code, "ORA-00030") &&
            !string_equal(err->ora_code, "ORA-00031"))
                sessions_finish(userdata, err);
        else
                sessions_kill_next(userdata);
}

static void on_listed(const Rows *rows, const Error *err, void *userdata) {
        Sessions *sessions = userdata;
        Error error = {0};
        if (err != NULL)
                sessions_finish(sessions, err);
        else if (queries_sessions(rows, &sessions->found, &sessions->n_found, &error) < 0)
                sessions_finish(sessions, &error);
        else
                sessions_kill_next(sessions);
}

int sessions_end(const Oracle *oracle, const SessionsOptions *options, Sessions **ret, Error *err) {
        Text statements = TEXT_INIT;
        Sessions *sessions = calloc(1, sizeof *sessions);
        if (sessions == NULL)
                return error_oom(err);
        sessions->oracle = oracle;
        sessions->on_done = options->on_done;
        sessions->userdata = options->userdata;
        int r = oracle_database_copy(options->database, &sessions->database);
        if (r < 0)
                error_oom(err);
        else
                r = sql_ask_sessions(
                        options->command_id != NULL ? options->command_id : NO_COMMAND,
                        options->sids,
                        options->n_sids,
                        &statements,
                        err);
        if (r >= 0)
                r = sessions_ask(sessions, text_get(&statements), on_listed, err);
        text_done(&statements);
        if (r < 0) {
                sessions_free(sessions);
                return r;
        }
        *ret = sessions;
        return 0;
}

Sessions *sessions_free(Sessions *sessions) {
        if (sessions == NULL)
                return NULL;
        sqlplus_free(sessions->sqlplus);
        oracle_database_done(&sessions->database);
        free(sessions->found);
        free(sessions);
        return NULL;
}
