/* Before a backup: may this database be backed up, and what is it? */
#pragma once

#include "oracle/advice.h"
#include "oracle/facts.h"
#include "oracle/oracle.h"

typedef struct Preflight Preflight;

typedef struct PreflightOptions {
        OracleDatabase *database; /* located (dbs_dir, network_dir filled in) by the preflight */
        bool with_bases;          /* also what RMAN would base a level 1 on */
        /* For a check: no verdict and no warnings, but the facts of a database that is mounted, and
         * what only a check asks. */
        bool without_verdict;
        AdviceContext context; /* sid is filled in */
        /* Refusals: NotArchivelog, Oracle (down, not open), OracleAuth, Unsupported (RAC, ASM,
         * standby..), each naming the SID and what to do. `warnings`: lines for the journal and the
         * record's notes. facts NULL on error. The caller may take the facts (leave them zeroed).
         */
        void (*on_done)(
                DatabaseFacts *facts, const StringList *warnings, const Error *err, void *userdata);
        void *userdata;
} PreflightOptions;
int preflight_start(
        const Oracle *oracle, const PreflightOptions *options, Preflight **ret, Error *err);
Preflight *preflight_free(Preflight *preflight);

/* ListDatabases: state and identity of one database; never an error but for memory: what cannot be
 * asked is "UNKNOWN" or "DOWN". */
typedef struct DatabaseStatus {
        const char *state; /* OPEN MOUNTED STARTED DOWN UNKNOWN */
        const char *db_name, *db_unique_name, *log_mode, *version, *role; /* "" when not known */
        uint64_t dbid;
} DatabaseStatus;
typedef struct StatusQuery StatusQuery;
int database_status_start(
        const Oracle *oracle,
        const OracleDatabase *database,
        void (*on_done)(const DatabaseStatus *status, void *userdata),
        void *userdata,
        StatusQuery **ret,
        Error *err);
StatusQuery *database_status_free(StatusQuery *query);
