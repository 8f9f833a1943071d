/* The small files that a backup holds besides the pieces: copied to <destination>/.files, from
 * where they are read later. For step_work(). */
#pragma once

#include "oracle/backup-run.h"
#include "oracle/step.h"

typedef struct BackupFilesJob {
        OracleDatabase database;
        char *directory;   /* <destination>/.files */
        char *spfile;      /* NULL: the instance runs on a pfile */
        char *made_pfile;  /* written by CREATE PFILE below directory; NULL: none */
        bool with_network; /* tnsnames.ora, listener.ora, sqlnet.ora of the home */
        /* what comes out */
        BackupFile *files;
        size_t n_files;
        StringList warnings;
} BackupFilesJob;

enum { BACKUP_FILES_MAX = 8 };

int backup_files_job_new(
        const BackupRunOptions *options, bool with_made_pfile, BackupFilesJob **ret, Error *err);

extern const StepWork backup_files_prepare; /* makes the directory, removes an old pfile there */
extern const StepWork backup_files_collect;

void backup_file_done(BackupFile *file);
