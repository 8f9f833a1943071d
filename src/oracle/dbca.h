/* One run of dbca: started without a terminal, read line by line, judged, and stopped in steps when
 * it must end early (SIGINT, SIGTERM, at last the runner's SIGKILL; each to its pid alone). */
#pragma once

#include "oracle/dbca-output.h"
#include "oracle/oracle.h"

typedef struct Dbca Dbca;

typedef struct DbcaOptions {
        const OracleDatabase *database;
        const char *const *arguments; /* dbca_arguments() */
        /* A step or a percentage is new; or a warning came. */
        void (*on_event)(DbcaEvent event, const DbcaParser *parser, void *userdata);
        /* err NULL: the database was created. Timeout: it printed nothing for so long that it was
         * stopped. Cancelled: dbca_stop(). */
        void (*on_done)(const DbcaParser *parser, const Error *err, void *userdata);
        void *userdata;
} DbcaOptions;
int dbca_start(const Oracle *oracle, const DbcaOptions *options, Dbca **ret, Error *err);
void dbca_stop(Dbca *dbca);
Dbca *dbca_free(Dbca *dbca);
