/* The RMAN side of a backup: one run (oracle/backup-run.h) per planned database, parallel_databases
 * of them at a time, in the plan's order. The first failure stops the others. */
#pragma once

#include "job/plan.h"
#include "job/service.h"
#include "oracle/backup-run.h"

typedef struct Runs Runs;

typedef struct RunsPiece {
        const char *handle;
        uint64_t size;
        uint32_t mode;
        int64_t mtime;
} RunsPiece;

typedef struct RunsOptions {
        Service *service;
        Settings *settings;     /* lives as long as the runs */
        const BackupPlan *plan; /* lives as long as the runs */
        unsigned level;
        const char *destination; /* <backup_dir>/<backup_id>, exists; copied */
        void (*on_database)(size_t database, void *userdata); /* its run begins */
        void (*on_piece)(
                size_t database,
                const RunsPiece *piece,
                void *userdata); /* may be read from now on */
        void (*on_database_done)(
                size_t database,
                const BackupRunResult *result,
                void *userdata); /* every piece of it is confirmed */
        /* Last. err NULL: every database; else the first cause, when every RMAN is gone. sid: of
         * the failure. */
        void (*on_done)(const Error *err, const char *sid, void *userdata);
        void *userdata;
} RunsOptions;
int runs_start(const RunsOptions *options, Runs **ret, Error *err);
void runs_stop(Runs *runs); /* on_done follows, with Cancelled unless something failed before */
Runs *runs_free(Runs *runs);
const BackupRunResult *
runs_result(const Runs *runs, size_t database); /* after its on_database_done */
