/* The listener: `lsnrctl status`, and whether an instance is registered with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "oracle/oracle.h"

typedef enum ListenerState {
        LISTENER_DOWN,    /* no listener answers */
        LISTENER_MISSING, /* it runs, the instance is not registered with it */
        LISTENER_READY,   /* the instance is registered and READY */
        LISTENER_UNREADY, /* registered with another status (BLOCKED, RESTRICTED, UNKNOWN) */
} ListenerState;

/* A line of `lsnrctl status` at a time. Pure. */
typedef struct ListenerParser {
        char sid[31];
        ListenerState state;
} ListenerParser;
void listener_parser_init(ListenerParser *parser, const char *sid);
void listener_parser_line(ListenerParser *parser, const char *line, size_t length);

typedef struct ListenerQuery ListenerQuery;
/* err: lsnrctl could not be run or did not answer. */
int listener_query_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(ListenerState state, const Error *err, void *userdata),
        void *userdata,
        ListenerQuery **ret,
        Error *err);
ListenerQuery *listener_query_free(ListenerQuery *query);
