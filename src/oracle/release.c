/* Reads "SQL*Plus: Release 19.0.0.0.0 - Production", the line that every release prints. Called by
 * oracle/create-run.c. */
#include "oracle/release.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "event/timer.h"
#include "oracle/program.h"
#include "oracle/sql.h"

struct ReleaseQuery {
        Child *child;
        Timer *deadline;
        char *oracle_home;
        unsigned version;
        void (*on_done)(unsigned version, const Error *err, void *userdata);
        void *userdata;
};

static void query_finish(ReleaseQuery *query, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        timer_disarm(query->deadline);
        query->child = child_free(query->child);
        query->on_done(query->version, err != NULL ? &error : NULL, query->userdata);
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        static const char word[] = "SQL*Plus: Release ";
        ReleaseQuery *query = userdata;
        char text[32];
        if (query->version != 0 || length <= strlen(word) || memcmp(line, word, strlen(word)) != 0)
                return;
        size_t n = length - strlen(word);
        if (n >= sizeof(text))
                n = sizeof(text) - 1;
        memcpy(text, line + strlen(word), n);
        text[n] = '\0';
        text[strcspn(text, " ")] = '\0';
        query->version = sql_version(text);
}

static void on_exit_of_sqlplus(const ChildExit *exit, const Error *err, void *userdata) {
        ReleaseQuery *query = userdata;
        Error error = {0};
        if (exit == NULL)
                error = *err;
        else if (query->version == 0)
                (void)error_set(
                        &error,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "%s/bin/sqlplus -V did not say its release (status %d); run it as this "
                        "user to see why",
                        query->oracle_home,
                        exit->status);
        query_finish(query, error_is_set(&error) ? &error : NULL);
}

static void on_deadline(void *userdata) {
        ReleaseQuery *query = userdata;
        Error error = {0};
        (void)error_set(
                &error,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "%s/bin/sqlplus -V did not answer in time",
                query->oracle_home);
        query_finish(query, &error);
}

static int
query_spawn(ReleaseQuery *query, const Oracle *oracle, const OracleDatabase *database, Error *err) {
        static const char *const arguments[] = {"-V", NULL};
        return program_start(
                oracle,
                &(ProgramOptions){
                        .database = database,
                        .name = "sqlplus",
                        .arguments = arguments,
                        .on_line = on_line,
                        .on_exit = on_exit_of_sqlplus,
                        .userdata = query,
                },
                &query->child,
                err);
}

int release_query_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(unsigned version, const Error *err, void *userdata),
        void *userdata,
        ReleaseQuery **ret,
        Error *err) {
        ReleaseQuery *query = calloc(1, sizeof *query);
        if (query == NULL)
                return error_oom(err);
        query->on_done = on_done;
        query->userdata = userdata;
        query->oracle_home = strdup(database->oracle_home);
        int r = query->oracle_home != NULL ? 0 : error_oom(err);
        if (r >= 0)
                r = timer_new(oracle->loop, on_deadline, query, &query->deadline, err);
        if (r >= 0)
                r = query_spawn(query, oracle, database, err);
        if (r < 0) {
                release_query_free(query);
                return r;
        }
        timer_arm(
                query->deadline,
                oracle->sql_timeout_msec != 0 ? oracle->sql_timeout_msec : ORACLE_SQL_TIMEOUT_MSEC);
        *ret = query;
        return 0;
}

ReleaseQuery *release_query_free(ReleaseQuery *query) {
        if (query == NULL)
                return NULL;
        child_free(query->child);
        timer_free(query->deadline);
        free(query->oracle_home);
        free(query);
        return NULL;
}
