/* What every run of an Oracle program needs, and where a database lives. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"
#include "event/child.h"
#include "event/loop.h"
#include "event/work.h"

/* Shared by all runs; belongs to the daemon. connect, service, password as in the configuration. */
typedef struct Oracle {
        Loop *loop;
        ChildRunner *runner;
        WorkPool *files;      /* for what may wait on a disk */
        const char *user;     /* "/" or a name */
        const char *service;  /* "" : none */
        const char *password; /* NULL: none; a secret */
        uint64_t stall_timeout_msec;
        uint64_t sql_timeout_msec; /* of one SQL*Plus run that answers questions */
        /* From SIGINT to the end of RMAN's sessions in SQL, when a run is stopped; SIGTERM comes
         * after a sixth of it, SIGKILL after twice as long again. 0: ORACLE_STOP_DELAY_MSEC. */
        uint64_t stop_delay_msec;
        /* Of a statement that works instead of answering (startup, mount, open, shutdown).
         * 0: ORACLE_WORK_TIMEOUT_MSEC. */
        uint64_t work_timeout_msec;
} Oracle;

enum {
        ORACLE_STOP_DELAY_MSEC = 30 * 1000,
        ORACLE_SQL_TIMEOUT_MSEC = 120 * 1000, /* where sql_timeout_msec is 0 */
        ORACLE_WORK_TIMEOUT_MSEC = 60 * 60 * 1000,
};

typedef struct OracleDatabase {
        char sid[31];
        char *oracle_home;
        char *oracle_base; /* NULL: not known */
        char *dbs_dir;     /* $(orabaseconfig)/dbs; NULL until oracle_locate() */
        char *network_dir; /* $(orabasehome)/network/admin */
} OracleDatabase;
void oracle_database_done(OracleDatabase *database);
int oracle_database_copy(const OracleDatabase *database, OracleDatabase *ret);

/* Asks orabaseconfig and orabasehome of the home where they exist, else falls back to the home
 * itself. */
typedef struct OracleLocate OracleLocate;
int oracle_locate(
        const Oracle *oracle,
        OracleDatabase *database,
        void (*on_done)(int r, const Error *err, void *userdata),
        void *userdata,
        OracleLocate **ret,
        Error *err);
OracleLocate *oracle_locate_free(OracleLocate *locate); /* cancels */

/* The whole environment of a child (contract: NLS_LANG, ORACLE_HOME, .. and nothing else). */
int oracle_environment(const OracleDatabase *database, StringList *ret);

/* A process of the instance runs here (ora_pmon_<SID>): looks in /proc; blocks, call from a worker.
 */
bool oracle_instance_runs(const char *sid);

/* Does a new attempt make sense after this error: two runs at once, a server process that died? */
bool oracle_error_is_transient(const Error *err);
