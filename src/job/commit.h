/* From acknowledged segments to COMPLETED: large object -> list of segments -> both read back ->
 * claim still ours -> (level 1) parent still there and without a child -> signed record in the
 * ledger -> the record's PUT. From the ledger on the same bytes are sent until they are there;
 * nothing makes the backup FAILED any more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "job/service.h"
#include "job/source.h"
#include "job/upload.h"
#include "ledger/db.h"
#include "repository/record.h"

typedef struct Commit Commit;

typedef struct CommitOptions {
        Service *service;
        Settings *settings;
        uint32_t job;
        Record *record; /* complete but for volume, encryption and finished, which the commit fills
                           in */
        const UploadResult *upload; /* lives until on_done */
        const char *attempt;
        const void *claim; /* the claim's bytes as they were stored */
        size_t claim_size;
        const Source *parent;  /* of a level 1, NULL: none; lives until on_done */
        const char *directory; /* of the staged files: owed for removal */
        /* err NULL: COMPLETED and settled in the ledger. final: the record's bytes are in the
         * ledger, so it is owed and the backup stays BUILDING. */
        void (*on_done)(const Error *err, bool final, void *userdata);
        void *userdata;
} CommitOptions;
int commit_start(const CommitOptions *options, Commit **ret, Error *err);
bool commit_is_final(const Commit *commit); /* too late to cancel */
/* The service ends and the commit is final. True: nothing of it is in other hands, so it may be
 * freed (the record stays owed). False: on_done comes without waiting for the store any more. */
bool commit_leave(Commit *commit);
Commit *commit_free(Commit *commit); /* cancels; not while a final commit may not be left */

/* The transaction after the record is in the store: the job leaves the ledger, what is left to do
 * is owed, `previous` is this backup. On the ledger's thread. */
typedef struct CommitSettled {
        uint32_t job;
        const Record *record;
        const char *record_sha256;
        const char *directory; /* NULL: none */
        bool forget;           /* RMAN's records of the data file pieces go, too */
        bool keep;             /* staged pieces stay (job/staging.h) */
} CommitSettled;
int commit_settle(LedgerDb *db, const CommitSettled *settled, Error *err);
