/* The ledger's thread: every call is one transaction there, in the order of the calls, and its
 * completion comes back to the loop. daemon/ owns it, job/ calls it. */
#include "ledger/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/files.h"
#include "event/work.h"
#include "ledger/database.h"

enum { MAX_QUEUED = 65536 };

static const char schema[] =
        "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE job (id INTEGER PRIMARY KEY, type TEXT NOT NULL, stage INTEGER NOT NULL,"
        " backup_id TEXT NOT NULL, instance TEXT NOT NULL, sequence INTEGER NOT NULL,"
        " started_usec INTEGER NOT NULL, directory TEXT, object BLOB);"
        "CREATE TABLE attempt (n INTEGER PRIMARY KEY,"
        " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, attempt TEXT NOT NULL,"
        " UNIQUE (job, attempt));"
        "CREATE TABLE tag (n INTEGER PRIMARY KEY,"
        " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, sid TEXT NOT NULL,"
        " oracle_home TEXT NOT NULL, dbid INTEGER NOT NULL, tag TEXT NOT NULL,"
        " UNIQUE (job, sid, tag));"
        "CREATE TABLE member (n INTEGER PRIMARY KEY,"
        " job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, path TEXT NOT NULL,"
        " source TEXT NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL,"
        " header BLOB NOT NULL, UNIQUE (job, path));"
        "CREATE TABLE owed (id INTEGER PRIMARY KEY AUTOINCREMENT, type INTEGER NOT NULL,"
        " backup_id TEXT NOT NULL, name TEXT NOT NULL, data BLOB, since_usec INTEGER NOT NULL);"
        "CREATE TABLE claim (instance TEXT PRIMARY KEY, sequence INTEGER NOT NULL,"
        " id TEXT NOT NULL, hostname TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE previous (instance TEXT PRIMARY KEY, id TEXT NOT NULL,"
        " sequence INTEGER NOT NULL, record_sha256 TEXT NOT NULL) WITHOUT ROWID;"
        "PRAGMA user_version = 1;";

/* EXCLUSIVE keeps a second daemon out and needs no shared memory file. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;";

static const DatabaseKind ledger_kind = {
        .name = "ledger",
        .schema = schema,
        .settings = settings,
        .version = 1,
        .if_damaged = "stop the service, move it and its -wal file away and start again; what it "
                      "knew of unfinished work is lost, and TakeOver may be needed",
        .if_newer = "install that version again, or move the file away and use TakeOver",
};

struct Ledger {
        WorkPool *pool;
        LedgerDb db;
        pthread_mutex_t lock;
        pthread_cond_t all_ran;
        size_t waiting; /* calls whose function has not run yet; under lock */
};

struct LedgerCall {
        Ledger *ledger;
        LedgerFunctions functions;
        void *userdata;
        bool cancelled; /* loop thread only */
        int r;
        Error error;
};

static void call_run(void *userdata) {
        LedgerCall *call = userdata;
        Ledger *ledger = call->ledger;
        call->r = database_transact(&ledger->db, call->functions.run, call->userdata, &call->error);
        pthread_mutex_lock(&ledger->lock);
        if (--ledger->waiting == 0)
                pthread_cond_signal(&ledger->all_ran);
        pthread_mutex_unlock(&ledger->lock);
}

static void call_on_done(void *userdata) {
        LedgerCall *call = userdata;
        if (!call->cancelled && call->functions.on_done != NULL)
                call->functions.on_done(call->r, call->r < 0 ? &call->error : NULL, call->userdata);
}

static void call_release(void *userdata) {
        LedgerCall *call = userdata;
        if (call->functions.release != NULL)
                call->functions.release(call->userdata);
        free(call);
}

static const WorkFunctions call_functions = {call_run, call_on_done, call_release};

int ledger_call(
        Ledger *ledger,
        const LedgerFunctions *functions,
        void *userdata,
        LedgerCall **ret,
        Error *err) {
        LedgerCall *call = calloc(1, sizeof(*call));
        if (call == NULL)
                return error_oom(err);
        *call = (LedgerCall){.ledger = ledger, .functions = *functions, .userdata = userdata};
        pthread_mutex_lock(&ledger->lock);
        ledger->waiting++;
        pthread_mutex_unlock(&ledger->lock);
        int r = work_start(ledger->pool, &call_functions, call, NULL, err);
        if (r < 0) {
                pthread_mutex_lock(&ledger->lock);
                ledger->waiting--;
                pthread_mutex_unlock(&ledger->lock);
                free(call);
                return error_prefix(err, "The ledger");
        }
        if (ret != NULL)
                *ret = call;
        return 0;
}

/* Not work_cancel(): that may drop what has not begun, and the ledger's work is never dropped. */
void ledger_cancel(LedgerCall *call) {
        if (call != NULL)
                call->cancelled = true;
}

static void wait_until_all_ran(Ledger *ledger) {
        pthread_mutex_lock(&ledger->lock);
        while (ledger->waiting > 0)
                pthread_cond_wait(&ledger->all_ran, &ledger->lock);
        pthread_mutex_unlock(&ledger->lock);
}

int ledger_call_now(
        Ledger *ledger,
        int (*run)(LedgerDb *db, void *userdata, Error *err),
        void *userdata,
        Error *err) {
        wait_until_all_ran(ledger);
        return database_transact(&ledger->db, run, userdata, err);
}

int ledger_new(Loop *loop, const char *directory, Ledger **ret, Error *err) {
        CLEANUP(cleanup_free) char *path = path_join(directory, "ledger.db");
        CLEANUP(cleanup_ledger) Ledger *ledger = calloc(1, sizeof(*ledger));
        if (path == NULL || ledger == NULL)
                return error_oom(err);
        pthread_mutex_init(&ledger->lock, NULL);
        pthread_cond_init(&ledger->all_ran, NULL);
        int r = database_open(path, &ledger_kind, &ledger->db, err);
        if (r < 0)
                return r;
        r = work_pool_new(loop, "ledger", 1, MAX_QUEUED, &ledger->pool, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ledger);
        return 0;
}

Ledger *ledger_free(Ledger *ledger) {
        if (ledger == NULL)
                return NULL;
        wait_until_all_ran(ledger);
        work_pool_free(ledger->pool);
        database_close(&ledger->db);
        pthread_cond_destroy(&ledger->all_ran);
        pthread_mutex_destroy(&ledger->lock);
        free(ledger);
        return NULL;
}
