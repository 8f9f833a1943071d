/* The parts of one restore job, shared by restore.c (states, download, end), restore-check.c (the
 * plan and every check of it) and restore-databases.c (Oracle). */
#pragma once

#include "base/log.h"
#include "job/chain.h"
#include "job/download.h"
#include "job/owed.h"
#include "job/restore-plan.h"
#include "job/restore.h"
#include "job/segment-check.h"
#include "ledger/db.h"
#include "oracle/restore-run.h"

typedef enum RestorePhase {
        RESTORE_NEW,
        RESTORE_SOURCE,    /* the chain: records and lists of segments */
        RESTORE_TARGETS,   /* databases, homes, places */
        RESTORE_HEADER,    /* the identity opens each link */
        RESTORE_SEGMENTS,  /* every one is there */
        RESTORE_DOWNLOAD,  /* from here on something changes */
        RESTORE_OVERWRITE, /* what is still good is saved, the old database is shut down */
        RESTORE_PLACE,     /* parameter, password and network files */
        RESTORE_ORACLE,    /* nomount .. register */
        RESTORE_CLEANUP,   /* fetched pieces go */
        RESTORE_STOPPING,
        RESTORE_FAILING,
        RESTORE_OVER,
        _RESTORE_PHASE_MAX,
} RestorePhase;

typedef struct Restore {
        Service *service;
        Settings *settings;
        Job *job;
        RestorePhase phase;

        /* The request, owned. */
        char backup_id[37];
        StringList requested;
        AgeIdentities *identities;
        TrustedKeys *extra_trust; /* of the option `trust`; NULL: none */
        bool accept_unsigned, overwrite, dry_run;
        char *oracle_home, *backup_dir;
        bool has_until_scn;
        uint64_t until_scn, until_usec;

        Chain chain;
        RestorePlan plan;
        AgePayload *payloads; /* one a link */
        uint8_t *first_segment;
        size_t link;                            /* that is worked at */
        uint64_t bytes_fetched, bytes_expected; /* of the links before it; of all */
        uint32_t segments_fetched;
        size_t current;       /* the database that is worked at */
        char *save_directory; /* <backup_dir>/.before-<job> */
        StringList notes;     /* of the present database */
        bool has_changed;     /* something was changed on this host */
        bool row_written;     /* or about to be */

        ChainReader *reader;
        SegmentCheck *segment_check;
        OracleLocate *locate;
        StoreRequest *request;
        Download *download;
        bool download_is_stopping;
        OverwriteRun *overwrite_run;
        RestoreRun *run;
        OwedPass *pass;
        size_t n_steps; /* work items and ledger calls under way */

        Error cause;
        ErrorKind stop_reason;
} Restore;

/* restore.c */
void restore_enter(Restore *restore, RestorePhase phase);
void restore_fail(Restore *restore, const Error *err);
void restore_settle(Restore *restore);
void restore_checked(Restore *restore);  /* the whole plan holds */
void restore_finished(Restore *restore); /* every database is open */
RestorePlanInput restore_plan_input(const Restore *restore);
LogFields restore_log_fields(const Restore *restore);

/* restore-check.c */
int restore_check_start(Restore *restore, Error *err);
void restore_stop_checks(Restore *restore);
/* restore_fail(); what is wrong with the link that is looked at breaks the chain of the backup that
 * was asked for, when it is an ancestor. */
void restore_fail_at_link(Restore *restore, const Error *err);

/* restore-databases.c */
void restore_next_database(Restore *restore);

/* A step off the loop; the restore waits for it (n_steps), it is never cancelled. db NULL: on a
 * files worker. */
typedef struct RestoreStep {
        Restore *restore;
        int (*run)(Restore *restore, LedgerDb *db, Error *err);
        void (*on_done)(Restore *restore);
        int r;
        Error error;
} RestoreStep;
typedef int (*RestoreStepRun)(Restore *restore, LedgerDb *db, Error *err);
int restore_step_ledger(
        Restore *restore, RestoreStepRun run, void (*on_done)(Restore *restore), Error *err);
int restore_step_files(
        Restore *restore, RestoreStepRun run, void (*on_done)(Restore *restore), Error *err);
