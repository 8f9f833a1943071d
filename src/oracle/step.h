/* One thing at a time of a longer run: a SQL*Plus question, an RMAN script, or work on a disk.
 *
 * The runs of this folder (preflight, backup, restore, overwrite, maintenance) are tables of states
 * over one Step each. The rules are those of event/: on_done once, later, from the loop, never
 * after step_done(). */
#pragma once

#include "event/timer.h"
#include "oracle/oracle.h"
#include "oracle/rman.h"
#include "oracle/sqlplus.h"

/* On a worker: `run` touches nothing but `data`, which belongs to the step. */
typedef struct StepWork {
        int (*run)(void *data, Error *err);
        void *(*free)(void *data);
} StepWork;

typedef struct StepJob StepJob;

typedef struct Step {
        const Oracle *oracle;
        const OracleDatabase *database;
        SqlPlus *sqlplus;
        Rman *rman;
        Work *work;
        Timer *cancelled;
        bool stopping;
        uint64_t timeout_msec; /* of SQL*Plus steps; 0: as their mode says */
        void (*on_event)(const RmanEvent *event, void *userdata);
        /* rows: of a SQL*Plus step, on error too (what it said), else NULL. data: of a work step,
         * on success; freed after the call. */
        void (*on_done)(const Rows *rows, void *data, const Error *err, void *userdata);
        void *userdata;
} Step;

int step_init(
        Step *step,
        const Oracle *oracle,
        const OracleDatabase *database,
        Error *err); /* callbacks are set by the owner afterwards */
void step_done(Step *step);
bool step_is_active(const Step *step);

typedef enum StepSqlMode {
        STEP_SQL_ASK,  /* answers at once: sql_timeout */
        STEP_SQL_WORK, /* mount, open, shutdown: work_timeout */
        STEP_SQL_IDLE, /* as WORK, and the instance may be idle */
} StepSqlMode;
int step_sql(Step *step, StepSqlMode mode, const char *statements, Error *err);

typedef struct StepRman {
        RmanPhase phase;
        unsigned expect_backups;
        const StringList *growth_directories;
        const char *command_id;
        const uint32_t *created_in_logs;
        size_t n_created_in_logs;
} StepRman;
/* Takes the script over, also on error, and wipes it. */
int step_rman(Step *step, const StepRman *options, Text *script, Error *err);

/* Takes data over, also on error. */
int step_work(Step *step, const StepWork *functions, void *data, Error *err);
/* After a shutdown: an error of the step (Oracle) when a process of the instance is left. */
int step_gone(Step *step, Error *err);

/* Ends what is under way; on_done comes with Cancelled (RMAN: when it is gone). Nothing under way:
 * nothing. */
void step_stop(Step *step);
