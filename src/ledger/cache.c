/* The cache's thread and its one table. daemon/ owns it, job/summary-load calls it. */
#include "ledger/cache.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "event/work.h"
#include "ledger/database.h"

enum { MAX_QUEUED = 4096 };

static const DatabaseKind cache_kind = {
        .name = "cache",
        .schema = "CREATE TABLE object (n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
                  " data BLOB NOT NULL);"
                  "PRAGMA user_version = 1;",
        /* What a crash of the host loses is read again. */
        .settings = "PRAGMA locking_mode = EXCLUSIVE;"
                    "PRAGMA journal_mode = WAL;"
                    "PRAGMA synchronous = NORMAL;"
                    "PRAGMA cache_size = -256;"
                    "PRAGMA trusted_schema = OFF;",
        .version = 1,
        .if_damaged = "it is thrown away, and what it knew is read from the store again",
        .if_newer = "it is thrown away",
};

struct Cache {
        WorkPool *pool;
        LedgerDb db; /* the pool's one thread's; sqlite NULL: it could not be made anew */
        char *path;
        pthread_mutex_t lock;
        pthread_cond_t all_ran;
        size_t waiting; /* calls whose function has not run yet; under lock */
};

struct CacheCall {
        Cache *cache;
        LedgerFunctions functions;
        void *userdata;
        bool cancelled; /* loop thread only */
        int r;
        Error error;
};

static void remove_files(const char *path) {
        static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                CLEANUP(cleanup_free) char *file = string_printf("%s%s", path, suffixes[i]);
                if (file != NULL)
                        (void)unlink(file);
        }
}

/* ---- calls ---- */

static int run_call(CacheCall *call) {
        Cache *cache = call->cache;

        if (cache->db.sqlite == NULL)
                return error_set(
                        &call->error,
                        ERROR_INTERNAL,
                        -ENODEV,
                        "The cache %s could not be made anew",
                        cache->path);
        int r = fault_point("cache-damaged");
        if (r < 0)
                return error_set(
                        &call->error,
                        ERROR_CONFIG,
                        -EUCLEAN,
                        "The cache %s is damaged: %s",
                        cache->path,
                        cache_kind.if_damaged);
        return database_transact(&cache->db, call->functions.run, call->userdata, &call->error);
}

static void note_waiting(Cache *cache, int change) {
        pthread_mutex_lock(&cache->lock);
        cache->waiting += (size_t)change;
        if (cache->waiting == 0)
                pthread_cond_signal(&cache->all_ran);
        pthread_mutex_unlock(&cache->lock);
}

static void call_run(void *userdata) {
        CacheCall *call = userdata;
        Cache *cache = call->cache;

        call->r = run_call(call);
        if (call->r == -EUCLEAN) {
                database_close(&cache->db);
                remove_files(cache->path);
                (void)database_open(cache->path, &cache_kind, &cache->db, NULL);
        }
        note_waiting(cache, -1);
}

static void call_on_done(void *userdata) {
        CacheCall *call = userdata;

        if (!call->cancelled && call->functions.on_done != NULL)
                call->functions.on_done(call->r, call->r < 0 ? &call->error : NULL, call->userdata);
}

static void call_release(void *userdata) {
        CacheCall *call = userdata;

        if (call->functions.release != NULL)
                call->functions.release(call->userdata);
        free(call);
}

int cache_call(
        Cache *cache,
        const LedgerFunctions *functions,
        void *userdata,
        CacheCall **ret,
        Error *err) {
        static const WorkFunctions work_functions = {call_run, call_on_done, call_release};
        CacheCall *call = calloc(1, sizeof(*call));

        if (call == NULL)
                return error_oom(err);
        *call = (CacheCall){.cache = cache, .functions = *functions, .userdata = userdata};
        note_waiting(cache, 1);
        int r = work_start(cache->pool, &work_functions, call, NULL, err);
        if (r < 0) {
                note_waiting(cache, -1);
                free(call);
                return r;
        }
        if (ret != NULL)
                *ret = call;
        return 0;
}

void cache_cancel(CacheCall *call) {
        if (call != NULL)
                call->cancelled = true;
}

/* ---- the table ---- */

int cache_get(LedgerDb *db, const char *name, void **ret, size_t *ret_size, Error *err) {
        Statement statement = statement_begin(db, "SELECT data FROM object WHERE name = ?");

        statement_bind_text(&statement, name);
        int r = statement_step(&statement, err);
        if (r > 0 && statement_bytes(&statement, 0, ret, ret_size) < 0)
                r = error_oom(err);
        statement_end(&statement);
        return r;
}

int cache_put(LedgerDb *db, const char *name, const void *data, size_t size, Error *err) {
        Statement statement =
                statement_begin(db, "INSERT OR REPLACE INTO object (name, data) VALUES (?, ?)");

        statement_bind_text(&statement, name);
        statement_bind_bytes(&statement, data, size);
        return statement_run(&statement, err);
}

int cache_remove(LedgerDb *db, const char *name, Error *err) {
        Statement statement = statement_begin(db, "DELETE FROM object WHERE name = ?");

        statement_bind_text(&statement, name);
        return statement_run(&statement, err);
}

int cache_trim(LedgerDb *db, Error *err) {
        Statement statement = statement_begin(
                db, "DELETE FROM object WHERE n <= (SELECT max(n) FROM object) - ?");

        statement_bind_uint(&statement, LIMIT_CACHE_ROWS);
        return statement_run(&statement, err);
}

/* ---- birth and death ---- */

/* 1: thrown away, the reason in *err. */
static int open_or_replace(Cache *cache, Error *err) {
        Error reason = {0};
        int r = database_open(cache->path, &cache_kind, &cache->db, &reason);

        if (r == -EUCLEAN || r == -ENOTSUP) {
                remove_files(cache->path);
                r = database_open(cache->path, &cache_kind, &cache->db, err);
                if (r >= 0 && err != NULL)
                        *err = reason;
                return r < 0 ? r : 1;
        }
        if (r < 0 && err != NULL)
                *err = reason;
        return r;
}

int cache_new(Loop *loop, const char *directory, Cache **ret, Error *err) {
        CLEANUP(cleanup_cache) Cache *cache = calloc(1, sizeof(*cache));

        if (cache == NULL)
                return error_oom(err);
        pthread_mutex_init(&cache->lock, NULL);
        pthread_cond_init(&cache->all_ran, NULL);
        cache->path = path_join(directory, "cache.db");
        if (cache->path == NULL)
                return error_oom(err);
        int r = open_or_replace(cache, err);
        if (r < 0)
                return r;
        int made = work_pool_new(loop, "cache", 1, MAX_QUEUED, &cache->pool, err);
        if (made < 0)
                return made;
        *ret = TAKE_PTR(cache);
        return r;
}

Cache *cache_free(Cache *cache) {
        if (cache == NULL)
                return NULL;
        pthread_mutex_lock(&cache->lock);
        while (cache->waiting > 0)
                pthread_cond_wait(&cache->all_ran, &cache->lock);
        pthread_mutex_unlock(&cache->lock);
        work_pool_free(cache->pool);
        pthread_cond_destroy(&cache->all_ran);
        pthread_mutex_destroy(&cache->lock);
        database_close(&cache->db);
        free(cache->path);
        free(cache);
        return NULL;
}
