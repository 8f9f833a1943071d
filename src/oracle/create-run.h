/* Creates a database: dbca in silent mode, ARCHIVELOG mode where dbca cannot (before 12.2), oratab,
 * listener. What a failed dbca leaves is named and never removed. */
#pragma once

#include <stdbool.h>

#include "oracle/dbca-response.h"
#include "oracle/oracle.h"

typedef struct CreateRun CreateRun;

typedef struct CreateReport {
        bool created;            /* dbca ended well */
        bool restarted;          /* for ARCHIVELOG mode */
        const char *destination; /* of archived logs; NULL: not known */
        const char *log_file;    /* dbca's; "" when it named none */
        const char *listener;    /* "ready", or why not */
        const StringList *left;  /* after a failure: files, processes, lines of this SID */
        const StringList *notes;
} CreateReport;

/* Everything the options point to lives until on_done, but for the password, which is not needed
 * after create_run_start(). */
typedef struct CreateRunOptions {
        const OracleDatabase *database; /* sid and home; copied */
        const DbcaChoices *choices;
        const char *sys_password;  /* checked by dbca_check_password() */
        const char *response_file; /* dbca_response_path() */
        const char *oratab;
        uint64_t shutdown_msec;
        /* "dbca", "archivelog", "register": the phases of the contract. */
        void (*on_phase)(const char *phase, void *userdata);
        void (*on_progress)(const char *step, unsigned percent, void *userdata);
        /* The report lives within the call; on error too. */
        void (*on_done)(const CreateReport *report, const Error *err, void *userdata);
        void *userdata;
} CreateRunOptions;

int create_run_start(
        const Oracle *oracle, const CreateRunOptions *options, CreateRun **ret, Error *err);
/* on_done comes with Cancelled. Busy while the database is restarted for ARCHIVELOG mode. */
int create_run_stop(CreateRun *run, Error *err);
CreateRun *create_run_free(CreateRun *run);
