/* What a failed backup leaves to be done, as owed rows in one transaction: its tags leave the
 * control files, failed.json is delivered, segments and staged files go, and the job's row is gone.
 * On the ledger's thread; used by the job itself and, after a crash, by job/recovery. */
#pragma once

#include "base/error.h"
#include "ledger/db.h"
#include "stream/sign.h"

typedef struct BackupFailure {
        const char *hostname;
        const SigningKey *signing_key;
        const Error *cause;
} BackupFailure;
int backup_owe_failure(
        LedgerDb *db, const LedgerJob *row, const BackupFailure *failure, Error *err);
