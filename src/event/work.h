/* Worker pools: own threads for what can wait (disks, MD5, scrypt, SQLite). FIFO within a pool. */
#pragma once

#include <stddef.h>

#include "event/loop.h"

typedef struct WorkPool WorkPool;
typedef struct Work Work;

typedef struct WorkFunctions {
        void (*run)(void *userdata); /* on a worker thread */
        void (*on_done)(
                void *userdata); /* on the loop thread, after run; not after work_cancel() */
        void (*release)(
                void *userdata); /* on the loop thread, exactly once, last of all: also after
                                  * work_cancel(), when run() no longer touches userdata. May be
                                  * NULL. Not called when work_start() failed. */
} WorkFunctions;

int work_pool_new(
        Loop *loop,
        const char *name,
        unsigned n_threads,
        size_t max_queued,
        WorkPool **ret,
        Error *err);
WorkPool *work_pool_free(
        WorkPool *pool); /* drops what has not begun (release is called), waits for what runs */
DEFINE_CLEANUP(WorkPool, work_pool);

/* -EAGAIN with ERROR_BUSY when max_queued items wait. *ret (may be NULL) is valid until on_done
 * begins. */
int work_start(
        WorkPool *pool, const WorkFunctions *functions, void *userdata, Work **ret, Error *err);
void work_cancel(
        Work *work); /* NULL: nothing. on_done will not run; a running run() goes on to its end */
size_t work_pool_queued(const WorkPool *pool);
