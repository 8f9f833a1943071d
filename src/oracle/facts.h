/* What SQL*Plus told about a database and about a run: plain data, filled by oracle/queries.c from
 * rows, read by consistency.c and by job/. Every string is owned. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct DatafileFacts {
        uint32_t file;
        uint64_t creation_scn, checkpoint_scn, bytes, unrecoverable_scn;
        uint32_t tablespace;
        char status[16];  /* SYSTEM ONLINE OFFLINE RECOVER SYSOFF */
        char enabled[16]; /* READ WRITE, READ ONLY, DISABLED */
        /* Cleanly stopped: read only, offline normal, of a closed PDB: recovery needs no redo for
         * it. V$DATAFILE.LAST_CHANGE# is set and equals the checkpoint. */
        bool settled;
        char *name;
} DatafileFacts;

typedef struct ThreadFacts {
        uint32_t thread;
        uint64_t sequence; /* CURRENT when asked, right before RMAN */
        uint64_t first_scn;
} ThreadFacts;

/* P8, P8C: what RMAN could take as the base of a level 1. */
typedef struct BaseFacts {
        uint32_t file;
        uint64_t creation_scn, resetlogs_scn, level,
                checkpoint_scn; /* resetlogs_scn 0: of a copy */
        char tag[64];
        char completed[24]; /* local time of the source, "" where it is not known */
        bool copy;          /* an image copy, of somebody else */
        bool available;     /* every piece has STATUS 'A' */
} BaseFacts;

/* V$RMAN_STATUS of the last 31 days: operations of one kind that ended well. */
typedef struct OperationFacts {
        uint64_t count;
        char newest[24]; /* local time of the source */
} OperationFacts;

typedef struct DatabaseFacts {
        /* P1, P2 */
        char *instance_name, *host_name, *version, *edition, *status; /* STARTED MOUNTED OPEN */
        bool parallel;
        uint64_t dbid;
        char *db_name, *db_unique_name, *log_mode, *open_mode, *role, *controlfile_type, *flashback,
                *utc_offset;
        bool force_logging, cdb;
        char *resetlogs_time; /* NULL: not told. With the SCN it tells incarnations apart */
        uint64_t resetlogs_scn, current_scn;
        /* P3 */
        char *spfile; /* "" : runs on a pfile */
        StringList control_files;
        char *recovery_dest;
        uint64_t control_file_record_keep_time;
        char *local_listener, *remote_listener, *dispatchers, *password_mode; /* "" : not set */
        StringList logfiles;                                                  /* A4L */
        /* P4 .. P7 */
        DatafileFacts *datafiles;
        size_t n_datafiles;
        ThreadFacts *threads;
        size_t n_threads;
        char *block_change_tracking; /* NULL: off */
        StringList restore_points, open_pdbs, excluded_tablespaces;
        StringList guaranteed_points, restricted_pdbs;
        StringList rman_settings; /* "NAME VALUE" of each CONFIGURE that is no default */
        bool rman_encryption;
        bool tde;
        uint64_t tempfiles;
        uint64_t recovery_limit, recovery_used, recovery_reclaimable;
        StringList failed_destinations; /* "LOG_ARCHIVE_DEST_1: ORA-.." */
        StringList remote_destinations; /* that ship redo elsewhere */
        StringList archive_directories; /* of local destinations outside the recovery area */
        bool archives_to_area;          /* a local destination is the recovery area */
        StringList foreign;             /* a line for each backup that is not ours (P7, P7C) */
        OperationFacts crosschecks, deletes;
        uint64_t redo_bytes;     /* of the largest redo log; asked by a check only */
        uint64_t corrupt_ranges; /* the same */
        uint64_t used_bytes;     /* estimate of a level 0: history, else datafile sizes */
        /* P8, asked for a level 1 only */
        BaseFacts *bases;
        size_t n_bases;
} DatabaseFacts;
void datafile_facts_done(DatafileFacts *files, size_t n);
void database_facts_done(DatabaseFacts *facts);

/* A1 .. A5: what the run left in the control file. */
typedef struct PieceFacts {
        char *handle;
        uint64_t bytes, block_size, piece, copy, pieces;
        char status[4], device[20];
        bool in_recovery_area;
        char backup_type[4]; /* D, I, L */
        bool controlfile_included;
        uint64_t set_stamp, set_count;
} PieceFacts;
typedef struct BackupDatafileFacts {
        uint32_t file; /* 0: control file */
        uint64_t creation_scn, resetlogs_scn;
        bool has_level;
        uint64_t level, incremental_scn, checkpoint_scn, fuzzy_scn; /* fuzzy 0: none */
        uint64_t corrupt, datafile_blocks, blocks, block_size, set_stamp, set_count;
} BackupDatafileFacts;
typedef struct BackupLogFacts {
        uint32_t thread;
        uint64_t sequence, resetlogs_scn, first_scn, next_scn;
} BackupLogFacts;
typedef struct RunFacts {
        PieceFacts *pieces;
        size_t n_pieces;
        BackupDatafileFacts *datafiles;
        size_t n_datafiles;
        BackupLogFacts *logs;
        size_t n_logs;
        DatafileFacts *structure; /* V$DATAFILE again, after RMAN */
        size_t n_structure;
        uint64_t dbid, resetlogs_scn;
        StringList structure_files; /* data, log, temp and control file names: for the directories
                                       of the record */
        uint64_t corrupt_blocks;
        char *utc_offset;              /* again, after RMAN */
        char *fuzzy_time, *until_time; /* scn_to_timestamp where it can be had, local time of the
                                          source, else NULL */
} RunFacts;
void run_facts_done(RunFacts *facts);
