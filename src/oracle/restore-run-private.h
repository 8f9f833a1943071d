/* The inside of RestoreRun, shared by its machine (restore-run.c) and what its phases do
 * (restore-prepare.c, restore-phases.c, restore-open.c). */
#pragma once

#include "oracle/listener.h"
#include "oracle/restore-run.h"
#include "oracle/step.h"

typedef enum RestoreState {
        RESTORE_WORKPLACE,   /* the directory for texts and logs of this run */
        RESTORE_PFILE,       /* R1: the spfile as text */
        RESTORE_PREPARE,     /* read it: directories, aliases, what would reach the original */
        RESTORE_SPFILE,      /* made again, when an alias had to go */
        RESTORE_NOMOUNT,     /* R2 */
        RESTORE_CONTROLFILE, /* R3 */
        RESTORE_MOUNT,       /* R4 */
        RESTORE_DIRECTORIES,
        RESTORE_SETTINGS,
        RESTORE_CATALOG,  /* R5 */
        RESTORE_PROOF,    /* every piece is AVAILABLE where it is now */
        RESTORE_DATABASE, /* R6: restore and recover */
        RESTORE_CHECK,    /* R7 */
        RESTORE_OPEN,
        RESTORE_PDBS,
        RESTORE_TRACKING,
        RESTORE_REGISTER,
        RESTORE_LISTENER,
        RESTORE_ORATAB, /* R8 */
        RESTORE_CLEANUP,
        RESTORE_ENDED,
        RESTORE_N_STATES,
} RestoreState;

struct RestoreRun {
        const Oracle *oracle;
        RestoreRunOptions options;
        RestoreState state;
        Step step;
        ListenerQuery *listener;
        const char *phase; /* told last */
        char *workplace;   /* <work_directory>/.logs-<job>: pfile texts, restored logs */
        char *pfile;       /* parameter file as text */
        char *edited;      /* the same without what this host cannot resolve */
        uint32_t *created; /* a copy of created_in_logs */
        StringList notes;
        StringList remote;      /* LOG_ARCHIVE_DEST_n that ship redo elsewhere */
        StringList directories; /* parents of data, log, temp and control files */
        StringList closed_pdbs; /* recorded as open, not open yet */
        unsigned version;
        bool was_edited, cdb, started, broker_on, jobs_on, tracking_on, flashback_on;
        uint64_t incarnation; /* to reset to; 0: the current one is right */
        bool incarnation_reset;
        bool cancelled;
        Error failure;
};

/* A phase: what it starts, what it makes of the answer. begin returns 1 when there is nothing to
 * do. judge may be NULL. */
typedef struct RestorePhase {
        const char *contract; /* the phase of the contract */
        int (*begin)(RestoreRun *run, Error *err);
        int (*judge)(RestoreRun *run, const Rows *rows, void *data, Error *err);
        bool may_fail; /* an error becomes a note */
} RestorePhase;
extern const RestorePhase restore_phases[RESTORE_N_STATES];
bool restore_run_may_move(RestoreState from, RestoreState to);
/* The state after `from` when its step went well. */
RestoreState restore_run_next(const RestoreRun *run);

__attribute__((format(printf, 2, 3))) void
restore_run_note(RestoreRun *run, const char *format, ...);
/* Takes the statements over; r is that of their making. */
int restore_run_ask(RestoreRun *run, StepSqlMode mode, Text *statements, int r, Error *err);
int restore_run_refuse(const RestoreRun *run, ErrorKind kind, const char *what, Error *err);

int restore_begin_workplace(RestoreRun *run, Error *err);
int restore_begin_pfile(RestoreRun *run, Error *err);
int restore_begin_prepare(RestoreRun *run, Error *err);
int restore_judge_prepare(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_spfile(RestoreRun *run, Error *err);

int restore_begin_nomount(RestoreRun *run, Error *err);
int restore_judge_nomount(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_controlfile(RestoreRun *run, Error *err);
int restore_begin_mount(RestoreRun *run, Error *err);
int restore_judge_mount(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_directories(RestoreRun *run, Error *err);
int restore_begin_settings(RestoreRun *run, Error *err);
int restore_begin_catalog(RestoreRun *run, Error *err);
int restore_begin_proof(RestoreRun *run, Error *err);
int restore_judge_proof(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_database(RestoreRun *run, Error *err);

int restore_begin_check(RestoreRun *run, Error *err);
int restore_judge_check(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_open(RestoreRun *run, Error *err);
int restore_judge_open(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_pdbs(RestoreRun *run, Error *err);
int restore_judge_pdbs(RestoreRun *run, const Rows *rows, void *data, Error *err);
int restore_begin_tracking(RestoreRun *run, Error *err);
int restore_begin_register(RestoreRun *run, Error *err);
int restore_begin_oratab(RestoreRun *run, Error *err);
int restore_begin_cleanup(RestoreRun *run, Error *err);
