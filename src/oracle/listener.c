/* Reads `lsnrctl status`: a listener that runs prints its summary and a line for each instance of
 * each service, `Instance "TESTDB15", status READY, has 1 handler(s) for this service...`. Used
 * after a restore; it never judges the restore itself. */
#include "oracle/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "event/timer.h"
#include "oracle/program.h"

void listener_parser_init(ListenerParser *parser, const char *sid) {
        *parser = (ListenerParser){.state = LISTENER_DOWN};
        snprintf(parser->sid, sizeof parser->sid, "%s", sid);
}

static bool has_word(const char *line, size_t length, const char *word) {
        return memmem(line, length, word, strlen(word)) != NULL;
}

/* UNKNOWN is a static entry of listener.ora and says nothing about the instance. */
static void parser_instance(ListenerParser *parser, const char *name, size_t length) {
        const char *end = memchr(name, '"', length);
        size_t n = end != NULL ? (size_t)(end - name) : 0;
        if (end == NULL || n != strlen(parser->sid) || strncasecmp(name, parser->sid, n) != 0 ||
            parser->state == LISTENER_READY)
                return;
        parser->state =
                has_word(end, length - n, "status READY") ? LISTENER_READY : LISTENER_UNREADY;
}

void listener_parser_line(ListenerParser *parser, const char *line, size_t length) {
        static const char instance[] = "Instance \"";
        const char *at = memmem(line, length, instance, strlen(instance));
        if (parser->state == LISTENER_DOWN &&
            (has_word(line, length, "STATUS of the LISTENER") ||
             has_word(line, length, "Services Summary") ||
             has_word(line, length, "The listener supports no services")))
                parser->state = LISTENER_MISSING;
        if (at == NULL)
                return;
        at += strlen(instance);
        parser_instance(parser, at, length - (size_t)(at - line));
}

struct ListenerQuery {
        Child *child;
        Timer *deadline;
        ListenerParser parser;
        void (*on_done)(ListenerState state, const Error *err, void *userdata);
        void *userdata;
};

static void query_finish(ListenerQuery *query, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        timer_disarm(query->deadline);
        query->child = child_free(query->child);
        query->on_done(query->parser.state, err != NULL ? &error : NULL, query->userdata);
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        ListenerQuery *query = userdata;
        listener_parser_line(&query->parser, line, length);
}

/* A listener that is down makes lsnrctl leave with 1: an answer, not an error. */
static void on_exit_of_lsnrctl(const ChildExit *exit, const Error *err, void *userdata) {
        query_finish(userdata, exit == NULL ? err : NULL);
}

static void on_deadline(void *userdata) {
        Error error = {0};
        error_set(&error, ERROR_TIMEOUT, -ETIMEDOUT, "lsnrctl status did not answer in time");
        query_finish(userdata, &error);
}

static int query_spawn(
        ListenerQuery *query, const Oracle *oracle, const OracleDatabase *database, Error *err) {
        static const char *const arguments[] = {"status", NULL};
        return program_start(
                oracle,
                &(ProgramOptions){
                        .database = database,
                        .name = "lsnrctl",
                        .arguments = arguments,
                        .on_line = on_line,
                        .on_exit = on_exit_of_lsnrctl,
                        .userdata = query,
                },
                &query->child,
                err);
}

int listener_query_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(ListenerState state, const Error *err, void *userdata),
        void *userdata,
        ListenerQuery **ret,
        Error *err) {
        ListenerQuery *query = calloc(1, sizeof *query);
        if (query == NULL)
                return error_oom(err);
        listener_parser_init(&query->parser, database->sid);
        query->on_done = on_done;
        query->userdata = userdata;
        int r = timer_new(oracle->loop, on_deadline, query, &query->deadline, err);
        if (r >= 0)
                r = query_spawn(query, oracle, database, err);
        if (r < 0) {
                listener_query_free(query);
                return r;
        }
        timer_arm(
                query->deadline,
                oracle->sql_timeout_msec != 0 ? oracle->sql_timeout_msec : ORACLE_SQL_TIMEOUT_MSEC);
        *ret = query;
        return 0;
}

ListenerQuery *listener_query_free(ListenerQuery *query) {
        if (query == NULL)
                return NULL;
        child_free(query->child);
        timer_free(query->deadline);
        free(query);
        return NULL;
}
