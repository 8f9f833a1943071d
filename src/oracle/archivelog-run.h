/* Puts a database into ARCHIVELOG mode: SHUTDOWN IMMEDIATE with a deadline (never ABORT), STARTUP
 * MOUNT, the change, OPEN, the pluggable databases that were open, and the proof in V$DATABASE.
 * Nothing is touched before everything that can be known is known: the destination of the archived
 * logs, its directories, the parameter file that the next start will find. */
#pragma once

#include <stdbool.h>

#include "oracle/oracle.h"

typedef struct ArchivelogRun ArchivelogRun;

typedef struct ArchivelogReport {
        bool already;            /* it was in ARCHIVELOG mode: nothing was restarted */
        bool restarted;          /* SHUTDOWN was sent */
        const char *destination; /* parameter and value; NULL: none, or not known */
        const StringList *notes;
} ArchivelogReport;

typedef struct ArchivelogRunOptions {
        const OracleDatabase *database; /* copied; located by the run */
        uint64_t shutdown_msec;         /* the deadline of SHUTDOWN IMMEDIATE */
        /* "shutdown", "archivelog", "open": the phases of the contract. */
        void (*on_phase)(const char *phase, void *userdata);
        /* The report lives within the call. An error says in what state the database is, what to
         * do, and is preceded by an attempt to open it again where that is safe. */
        void (*on_done)(const ArchivelogReport *report, const Error *err, void *userdata);
        void *userdata;
} ArchivelogRunOptions;

int archivelog_run_start(
        const Oracle *oracle, const ArchivelogRunOptions *options, ArchivelogRun **ret, Error *err);
/* Busy once the shutdown has begun: then it goes on to its end. Else on_done with Cancelled. */
int archivelog_run_stop(ArchivelogRun *run, Error *err);
ArchivelogRun *archivelog_run_free(ArchivelogRun *run);
