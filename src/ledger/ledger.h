/* ledger.db: what this host knows of its own work, durable before it is acted upon (SQLite, WAL,
 * synchronous=FULL, one thread of its own).
 *
 * All access is a function that runs on the ledger's thread with the database (ledger/db.h) and a
 * completion on the loop. Nothing else touches SQLite. */
#pragma once

#include "event/loop.h"

typedef struct Ledger Ledger;
typedef struct LedgerDb LedgerDb;
typedef struct LedgerCall LedgerCall;

/* Opens (or creates) directory/ledger.db; a higher schema version or a damaged file is ERROR_CONFIG
 * that names it. Blocks: at start-up only. */
int ledger_new(Loop *loop, const char *directory, Ledger **ret, Error *err);
Ledger *ledger_free(Ledger *ledger); /* runs what is queued */
DEFINE_CLEANUP(Ledger, ledger);

/* Runs function(db, userdata, &err) on the ledger's thread inside one transaction (rolled back when
 * it returns < 0), then on_done on the loop. A cancelled call still runs its function if it was
 * queued; release runs once, last. */
typedef struct LedgerFunctions {
        int (*run)(LedgerDb *db, void *userdata, Error *err);
        void (*on_done)(int r, const Error *err, void *userdata); /* may be NULL */
        void (*release)(void *userdata);                          /* may be NULL */
} LedgerFunctions;
int ledger_call(
        Ledger *ledger,
        const LedgerFunctions *functions,
        void *userdata,
        LedgerCall **ret,
        Error *err);
void ledger_cancel(LedgerCall *call);

/* The same, now, on this thread: start-up only, before the loop runs. */
int ledger_call_now(
        Ledger *ledger,
        int (*run)(LedgerDb *db, void *userdata, Error *err),
        void *userdata,
        Error *err);
