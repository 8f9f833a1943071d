/* ListDatabases: what oratab names, and what each of these databases says of itself. */
#pragma once

#include "job/service.h"
#include "oracle/oracle.h"
#include "oracle/preflight.h"

typedef struct DatabaseView {
        OracleDatabase database; /* sid and home */
        bool selected;           /* by the configuration */
        char state[8];           /* OPEN MOUNTED STARTED DOWN UNKNOWN */
        char *db_name, *db_unique_name, *log_mode, *version, *role; /* "" when not known */
        uint64_t dbid;
} DatabaseView;

typedef struct DatabaseList DatabaseList;
/* Answers within 20 s: what has not answered by then is UNKNOWN. An unreadable oratab is the error.
 */
int database_list_start(
        Service *service,
        void (*on_done)(
                const DatabaseView *views, size_t n_views, const Error *err, void *userdata),
        void *userdata,
        DatabaseList **ret,
        Error *err);
DatabaseList *database_list_free(DatabaseList *list); /* cancels */
