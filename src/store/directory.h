/* The directory driver: a store in a file system, local or mounted. It needs nothing but a path.
 *
 * Whatever may wait happens in `files`: give the store a pool of its own, so that a disk that hangs
 * holds up nothing else. A request that was cancelled goes on in its worker until the disk lets it
 * go, without the caller's buffers (they are copied piece by piece); free the pool after the store.
 * There are no passing failures here: each is reported at once. */
#pragma once

#include "event/work.h"
#include "store/store.h"

/* path: absolute; made by store_open(). */
int directory_store_new(Loop *loop, WorkPool *files, const char *path, Store **ret, Error *err);
