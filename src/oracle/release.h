/* The release of an Oracle home, before there is a database to ask: `sqlplus -V`. */
#pragma once

#include "oracle/oracle.h"

typedef struct ReleaseQuery ReleaseQuery;
/* version: as sql_version(). err: sqlplus could not be run or did not say. */
int release_query_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(unsigned version, const Error *err, void *userdata),
        void *userdata,
        ReleaseQuery **ret,
        Error *err);
ReleaseQuery *release_query_free(ReleaseQuery *query);
