/* The inside of BackupRun, shared by its machine (backup-run.c) and what its states do
 * (backup-phases.c). */
#pragma once

#include "oracle/backup-files.h"
#include "oracle/backup-pieces.h"
#include "oracle/backup-run.h"
#include "oracle/script.h"
#include "oracle/step.h"

typedef enum BackupRunState {
        BACKUP_RUN_PREPARE, /* the directory of the small files */
        BACKUP_RUN_THREADS, /* P5, right before RMAN */
        BACKUP_RUN_RMAN,    /* the run, or a supplementary round */
        BACKUP_RUN_PIECES,  /* RMAN has ended, its last pieces are looked at */
        BACKUP_RUN_FACTS,   /* A1 .. A5 */
        BACKUP_RUN_HOLE,    /* what happened to the missing logs */
        BACKUP_RUN_CURE_DIRECTORY,
        BACKUP_RUN_CURE,  /* they come back from the site's own backup */
        BACKUP_RUN_TIMES, /* local times of the SCNs */
        BACKUP_RUN_PFILE, /* the spfile as text */
        BACKUP_RUN_FILES,
        BACKUP_RUN_ENDED,
        BACKUP_RUN_N_STATES,
} BackupRunState;

enum { BACKUP_RUN_ROUNDS_MAX = 2 };

struct BackupRun {
        const Oracle *oracle;
        BackupRunOptions options; /* its strings point to the copies below */
        OracleDatabase database;
        char *tag, *destination;
        char command_id[RMAN_COMMAND_ID_BYTES];
        BackupRunState state;
        bool has_spfile;
        Step step;
        Timer *stopped;
        BackupPieces *pieces;
        ThreadFacts *threads; /* where the logs of the run begin */
        size_t n_threads;
        uint32_t *unchanged; /* files RMAN skipped because they have not changed */
        size_t n_unchanged;
        FileKey *parent_files;  /* of a level 1 */
        FileKey *known_dropped; /* by earlier rounds */
        size_t n_known_dropped;
        unsigned rounds;
        bool cured;
        LogHole hole;
        Error hole_error;
        Error first; /* the first cause, seen while RMAN was still running */
        BackupRunResult result;
};

bool backup_run_may_move(BackupRunState from, BackupRunState to); /* the table, for its test */
void backup_run_move(BackupRun *run, BackupRunState state);
void backup_run_note_failure(BackupRun *run, const Error *err);

void backup_run_on_event(const RmanEvent *event, void *userdata);

int backup_run_begin_prepare(BackupRun *run, Error *err);
int backup_run_begin_threads(BackupRun *run, Error *err);
int backup_run_begin_rman(BackupRun *run, Error *err);
int backup_run_begin_facts(BackupRun *run, Error *err);
int backup_run_begin_hole(BackupRun *run, Error *err);
int backup_run_begin_cure_directory(BackupRun *run, Error *err);
int backup_run_begin_cure(BackupRun *run, Error *err);
int backup_run_begin_times(BackupRun *run, Error *err);
int backup_run_begin_pfile(BackupRun *run, Error *err);
int backup_run_begin_files(BackupRun *run, Error *err);

int backup_run_judge_threads(BackupRun *run, const Rows *rows, Error *err);
int backup_run_judge_facts(BackupRun *run, const Rows *rows, BackupRunState *ret_next, Error *err);
int backup_run_judge_hole(BackupRun *run, const Rows *rows, Error *err);
int backup_run_judge_times(BackupRun *run, const Rows *rows, Error *err);
int backup_run_take_files(BackupRun *run, void *data, Error *err);
