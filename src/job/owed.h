/* Owed work: what must still be done for a backup that is over (deliver failed.json, take a tag out
 * of the control file, remove segments and files). The rows are in the ledger before anything is
 * begun and leave it one by one as they are done, so that a crash at any point only repeats what
 * can be repeated. */
#pragma once

#include <stdbool.h>

#include "job/service.h"
#include "ledger/db.h"
#include "oracle/oracle.h"
#include "repository/record.h"

typedef struct OwedPass OwedPass;

typedef struct OwedPassOptions {
        Service *service;
        const char *backup_id; /* NULL: of every backup */
        bool skip_store;       /* the store is known not to answer: its rows stay owed */
        bool skip_oracle;      /* the service ends: what needs Oracle stays owed */
        /* Every row was tried once. n_left are still owed; first: why the first of them is (kind
         * NONE when n_left is 0). */
        void (*on_done)(size_t n_left, const Error *first, void *userdata);
        void *userdata;
} OwedPassOptions;
int owed_pass_start(const OwedPassOptions *options, OwedPass **ret, Error *err);
OwedPass *owed_pass_free(OwedPass *pass); /* cancels */

/* Rows, for use on the ledger's thread. */
int owe_tag(LedgerDb *db, const char *backup_id, const LedgerTag *tag, Error *err);
int owe_uncatalog(
        LedgerDb *db,
        const char *backup_id,
        const char *sid,
        const char *oracle_home,
        const StringList *handles,
        Error *err);
/* Log, control file and spfile pieces of a completed backup, for each of its databases; forget: the
 * data files' too, so that RMAN knows nothing of it. */
int owe_uncatalog_of_record(LedgerDb *db, const Record *record, bool forget, Error *err);
