/* The Oracle side of one database's restore: phases R1 to R8, one process each, judged before the
 * next starts. The files are in place already.
 *
 * States: pfile -> nomount -> controlfile -> mount -> catalog -> proof -> restore -> check -> open
 * -> register -> done. */
#pragma once

#include "oracle/oracle.h"

/* CROSSCHECK commands that a restore leaves in V$RMAN_STATUS. */
enum { RESTORE_CROSSCHECKS = 3 };

typedef struct RestoreRun RestoreRun;

/* Everything the options point to lives until on_done, but for work_directory, job_name and
 * created_in_logs, which are copied. */
typedef struct RestoreRunOptions {
        const OracleDatabase *database; /* located; oracle_home is where it is restored to */
        const char *db_name;
        uint64_t dbid, resetlogs_scn, until_scn, tempfiles;
        const char *resetlogs_time; /* local time of the source; NULL: not recorded */
        const char *until_time;     /* "YYYY-MM-DDTHH:MM:SS", local time of the source, instead of
                                       until_scn; "" or NULL: none */
        bool has_spfile;            /* else its init<SID>.ora is in dbs_dir */
        const char *control_file_piece; /* path of the fetched piece */
        const StringList *directories; /* one per link of the chain: where its pieces are; only what
                                        * the first level below it that holds `pieces` contains is
                                        * cataloged */
        const StringList *
                pieces; /* those of this database: each must be AVAILABLE after the catalog phase */
        const StringList *open_pdbs;
        const uint32_t *created_in_logs; /* files that recovery may create */
        size_t n_created_in_logs;
        const char *block_change_tracking; /* file name, NULL: off */
        const char *work_directory;        /* <backup_dir>/.logs-<job> is made in here */
        const char *job_name;
        unsigned channels;
        const char *oratab;
        /* "nomount", "mount", "catalog", "restore", "recover", "open", "register": the phases of
         * the contract. */
        void (*on_phase)(const char *phase, void *userdata);
        /* notes: what was deferred, reset or could not be done, for the job's Result. On error too.
         * started: the instance was started by us. */
        void (*on_done)(const StringList *notes, bool started, const Error *err, void *userdata);
        void *userdata;
} RestoreRunOptions;
int restore_run_start(
        const Oracle *oracle, const RestoreRunOptions *options, RestoreRun **ret, Error *err);
void restore_run_stop(RestoreRun *run); /* on_done comes with Cancelled */
RestoreRun *restore_run_free(RestoreRun *run);

/* Before overwrite: saves what is still good (`alter system archive log current` if open, else a
 * copy of online logs and control file to save_directory), then shuts the instance down. on_done as
 * above. */
typedef struct OverwriteRunOptions {
        const OracleDatabase *database;
        const char *save_directory; /* <backup_dir>/.before-<job> */
        void (*on_done)(const StringList *notes, const Error *err, void *userdata);
        void *userdata;
} OverwriteRunOptions;
typedef struct OverwriteRun OverwriteRun;
int overwrite_run_start(
        const Oracle *oracle, const OverwriteRunOptions *options, OverwriteRun **ret, Error *err);
OverwriteRun *overwrite_run_free(OverwriteRun *run);
