/* The directory driver: a store in a file system, local or mounted. It needs nothing but a path.
 *
 * Whatever may wait happens in `files`: give the store a pool of its own, so that a disk that hangs
 * holds up nothing else. A request that was cancelled goes on in its worker until the disk lets it
 * go, without the caller's buffers (they are copied piece by piece); free the pool after the store.
 * What fails because the file system does not answer as it should (StoreUnavailable) is tried again
 * for the retry time; without one it is reported at once. */
#pragma once

#include "event/work.h"
#include "store/store.h"

/* path: absolute; made by store_open(). */
int directory_store_new(Loop *loop, WorkPool *files, const char *path, Store **ret, Error *err);
void directory_store_set_retry_time(
        Store *store, uint64_t retry_time_msec); /* 0: no retries, as at first */
