/* What this host's ledger knows of unfinished work: what a listing is merged with. On the ledger's
 * thread. */
#pragma once

#include "ledger/db.h"

typedef struct OwnWork {
        LedgerJob *jobs;
        size_t n_jobs;
        StringList deletions; /* ids of backups whose deletion has begun and is not over */
} OwnWork;
void own_work_done(OwnWork *own);
int own_work_read(LedgerDb *db, OwnWork *ret, Error *err);
