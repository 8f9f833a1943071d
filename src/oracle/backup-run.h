/* The RMAN side of one database's backup: the run, its supplementary rounds and log cure, and what
 * the control file says afterwards.
 *
 * States: threads (P5) -> rman -> facts (A1..A5) -> [cure | round -> rman -> facts ..] -> files
 * (spfile as text, password file, network files) -> done. */
#pragma once

#include "oracle/consistency.h"
#include "oracle/facts.h"
#include "oracle/link.h"
#include "oracle/oracle.h"
#include "oracle/output.h"

typedef struct BackupRun BackupRun;

/* A small file besides the pieces, copied or written below <destination>/.files (0600). */
typedef enum BackupFileKind {
        BACKUP_FILE_SPFILE,
        BACKUP_FILE_PFILE,
        BACKUP_FILE_ORAPW,
        BACKUP_FILE_NETWORK
} BackupFileKind;
typedef struct BackupFile {
        BackupFileKind kind;
        char *path;   /* of origin, absolute (made ones: below the dbs directory) */
        char *source; /* where the copy is */
        uint64_t size;
        uint32_t mode;
        int64_t mtime;
} BackupFile;

typedef struct BackupRunResult {
        RunFacts facts;
        Consistency consistency;
        char *control_file_piece; /* the last of our tag */
        BackupFile *files;
        size_t n_files;
        StringList warnings;
} BackupRunResult;

typedef struct BackupRunOptions {
        const OracleDatabase *database;
        const DatabaseFacts *facts; /* of the preflight; lives until on_done */
        unsigned level;
        /* Level 1: the files of the parent, and those that need a level 0 first; live until
         * on_done. */
        const LinkFile *parent_files;
        size_t n_parent_files;
        const uint32_t *new_files;
        size_t n_new_files;
        const char *tag;
        const char *destination; /* <backup_dir>/<backup_id>, exists */
        bool compressed;
        unsigned channels;
        uint64_t max_piece_size;
        bool with_network_files; /* of this Oracle home; once a home */
        /* A finished piece of ours: may be read from now on. size is that of the file (checked
         * against V$BACKUP_PIECE later). contents: what the handle's set holds, as far as known
         * now. Never one of an autobackup. */
        void (*on_piece)(
                const char *handle, uint64_t size, uint32_t mode, int64_t mtime, void *userdata);
        void (*on_done)(
                BackupRunResult *result,
                const Error *err,
                void *userdata); /* result NULL on error; the caller may take it (leave it zeroed)
                                  */
        void *userdata;
} BackupRunOptions;
void backup_run_result_done(BackupRunResult *result);
int backup_run_start(
        const Oracle *oracle, const BackupRunOptions *options, BackupRun **ret, Error *err);
void backup_run_stop(BackupRun *run); /* on_done comes with Cancelled when RMAN is gone */
BackupRun *backup_run_free(BackupRun *run);
