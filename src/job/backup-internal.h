/* The parts of one backup job, shared by backup.c (states), backup-stage.c (RMAN and files into the
 * tar) and backup-end.c (failure, retry, cleaning). */
#pragma once

#include "base/log.h"
#include "event/timer.h"
#include "job/backup.h"
#include "job/claim.h"
#include "job/commit.h"
#include "job/members.h"
#include "job/owed.h"
#include "job/parent.h"
#include "job/plan.h"
#include "job/runs.h"
#include "job/upload.h"
#include "repository/control.h"

typedef enum BackupPhase {
        BACKUP_NEW,
        BACKUP_PREFLIGHT, /* databases are asked; nothing exists yet */
        BACKUP_CLAIM,
        BACKUP_PREPARE, /* directories, tags and attempt in the ledger, the header */
        BACKUP_RMAN,    /* RMAN runs, the upload beside it */
        BACKUP_FILES,   /* the small files and orabackup.json; the layout is closed */
        BACKUP_UPLOAD,  /* only segments are left */
        BACKUP_COMMIT,
        BACKUP_CLEANUP,  /* COMPLETED; staged files, pieces to uncatalog */
        BACKUP_STOPPING, /* something failed: RMAN, upload, .. are coming to rest */
        BACKUP_RETRY,    /* what the attempt left is removed; then PREPARE again */
        BACKUP_FAILING,  /* failed.json and all that must go is in the ledger and being done */
        BACKUP_OVER,
        _BACKUP_PHASE_MAX,
} BackupPhase;

typedef struct Backup {
        Service *service;
        Settings *settings;
        Job *job;
        BackupPhase phase;
        Claim claim; /* id, name, .. of the request; sequence once claimed */
        StringList requested;
        bool claimed; /* the claim is in the store: a failure leaves failed.json */
        uint32_t attempts;
        char attempt[9];
        char *directory; /* <backup_dir>/<backup_id> */
        LedgerJob row;
        LedgerPrevious previous;

        char *wanted_parent;  /* of the request: an id or "latest"; NULL: level 0 */
        Source parent;        /* of a level 1, once it was found */
        uint64_t level0_usec; /* when the level 0 of its chain was made */
        BackupPlan plan;
        Members members;
        Record record;
        uint64_t staged_bytes;
        uint32_t pieces_staged;

        ParentSearch *search;
        Planner *planner;
        Claiming *claiming;
        Upload *upload;
        Runs *runs;
        Commit *commit;
        OwedPass *pass;
        Timer *retry_timer;
        size_t n_steps; /* work items and ledger calls of ours that are under way */

        Error cause; /* the first failure */
        char cause_sid[31];
        bool has_failed_in_rman; /* the cause came from a run: another attempt may help */
        UploadResult upload_result;
        size_t summary_size;   /* of orabackup.json */
        ErrorKind stop_reason; /* asked to stop while that is not possible yet */
} Backup;

/* backup.c */
void backup_enter(Backup *backup, BackupPhase phase);
void backup_fail(
        Backup *backup, const Error *err, const char *sid); /* NULL sid: none in particular */
void backup_settle(Backup *backup); /* STOPPING: goes on when everything rests */
void backup_show_progress(Backup *backup);
void backup_prepare(Backup *backup);
void backup_over(Backup *backup, const Error *err);
LogFields backup_log_fields(const Backup *backup);

/* backup-begin.c: parent and plan; ends with backup_planned() */
int backup_begin(Backup *backup, Error *err);
void backup_planned(Backup *backup, BackupPlan *plan); /* backup.c */
void backup_say_chain_ends(const Backup *backup);      /* when the cause is that */

/* backup-stage.c */
int backup_stage_start(Backup *backup, Error *err); /* RMAN */
int backup_stage_files(Backup *backup, Error *err); /* after RMAN: ends with backup_staged() */
void backup_release_pieces(Backup *backup);
void backup_staged(Backup *backup); /* backup.c: the layout is closed */

/* backup-end.c */
void backup_end_attempt(Backup *backup); /* RETRY */
void backup_end_failed(Backup *backup);  /* FAILING */
void backup_clean_up(Backup *backup);    /* CLEANUP */

/* A step off the loop: a block of its own that a backup waits for (n_steps), never cancelled. */
typedef struct BackupStep {
        Backup *backup;
        int (*run)(
                struct BackupStep *step, LedgerDb *db, Error *err); /* db NULL: on a files worker */
        void (*on_done)(Backup *backup);
        int r;
        Error error;
} BackupStep;
int backup_step_ledger(
        Backup *backup,
        int (*run)(BackupStep *step, LedgerDb *db, Error *err),
        void (*on_done)(Backup *backup),
        Error *err);
int backup_step_files(
        Backup *backup,
        int (*run)(BackupStep *step, LedgerDb *db, Error *err),
        void (*on_done)(Backup *backup),
        Error *err);
