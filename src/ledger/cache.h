/* cache.db: what immutable objects of the store said, by name, so that a restart does not read them
 * all again. It may be thrown away at any time and is, when it is damaged or of another version;
 * nothing rests on it. SQLite with a thread of its own. */
#pragma once

#include "event/loop.h"
#include "ledger/ledger.h"

typedef struct Cache Cache;
typedef struct CacheCall CacheCall;

/* 0; 1: what was there could not be used and was thrown away, *err says why; negative: there can be
 * none. Blocks: at start-up only. */
int cache_new(Loop *loop, const char *directory, Cache **ret, Error *err);
Cache *cache_free(Cache *cache); /* runs what is queued */
DEFINE_CLEANUP(Cache, cache);

/* As ledger_call(), on the cache's thread. A file that turns out to be damaged is thrown away; the
 * call that found it fails with -EUCLEAN, the next one finds an empty one. */
int cache_call(
        Cache *cache,
        const LedgerFunctions *functions,
        void *userdata,
        CacheCall **ret,
        Error *err);
void cache_cancel(CacheCall *call); /* NULL: nothing */

/* Within a call. */
int cache_get(
        LedgerDb *db,
        const char *name,
        void **ret,
        size_t *ret_size,
        Error *err); /* 1; 0: not there. Caller frees */
int cache_put(LedgerDb *db, const char *name, const void *data, size_t size, Error *err);
int cache_remove(LedgerDb *db, const char *name, Error *err);
int cache_trim(LedgerDb *db, Error *err); /* to LIMIT_CACHE_ROWS; once after some puts */
