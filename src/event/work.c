/* Worker pools. An item is queued, running or done; it belongs to the pool all the time, and only
 * the loop thread calls out and frees. */
#include "event/work.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "event/loop-internal.h"

typedef struct WorkList {
        Work *first, **last;
} WorkList;

struct Work {
        Work *next;
        WorkPool *pool;
        WorkFunctions functions;
        void *userdata;
        bool queued, cancelled; /* under the pool's lock */
};

struct WorkPool {
        Waker *waker;
        char *name;
        size_t max_queued, n_queued; /* n_queued and below: under the lock */
        pthread_mutex_t lock;
        pthread_cond_t changed;
        WorkList queue, done;
        bool stopping;
        bool *freed; /* set for whoever is calling out when the pool is freed meanwhile */
        unsigned n_threads;
        pthread_t threads[];
};

static void list_init(WorkList *list) {
        list->first = NULL;
        list->last = &list->first;
}

static void list_append(WorkList *list, Work *work) {
        work->next = NULL;
        *list->last = work;
        list->last = &work->next;
}

static Work *list_take_first(WorkList *list) {
        Work *work = list->first;

        if (work == NULL)
                return NULL;
        list->first = work->next;
        if (list->first == NULL)
                list->last = &list->first;
        return work;
}

static void list_remove(WorkList *list, const Work *work) {
        Work **at = &list->first;

        while (*at != work)
                at = &(*at)->next;
        *at = work->next;
        if (*at == NULL)
                list->last = at;
}

/* NULL when the thread shall end. */
static Work *wait_for_work(WorkPool *pool) {
        Work *work = NULL;

        pthread_mutex_lock(&pool->lock);
        while (!pool->stopping && pool->queue.first == NULL)
                pthread_cond_wait(&pool->changed, &pool->lock);
        if (!pool->stopping)
                work = list_take_first(&pool->queue);
        if (work != NULL) {
                work->queued = false;
                pool->n_queued--;
        }
        pthread_mutex_unlock(&pool->lock);
        return work;
}

static void *worker(void *userdata) {
        WorkPool *pool = userdata;
        Work *work;

        while ((work = wait_for_work(pool)) != NULL) {
                work->functions.run(work->userdata);
                pthread_mutex_lock(&pool->lock);
                list_append(&pool->done, work);
                pthread_mutex_unlock(&pool->lock);
                waker_wake(pool->waker);
        }
        return NULL;
}

static void finish(Work *work, bool call_done) {
        Work ended = *work;

        free(work);
        if (call_done)
                ended.functions.on_done(ended.userdata);
        if (ended.functions.release != NULL)
                ended.functions.release(ended.userdata);
}

static void on_wake(void *userdata) {
        WorkPool *pool = userdata;
        bool freed = false;
        Work *work;

        pool->freed = &freed;
        for (;;) {
                bool cancelled;

                pthread_mutex_lock(&pool->lock);
                work = list_take_first(&pool->done);
                cancelled = work != NULL && work->cancelled;
                pthread_mutex_unlock(&pool->lock);
                if (work == NULL)
                        break;
                finish(work, !cancelled);
                if (freed)
                        return;
        }
        pool->freed = NULL;
}

int work_start(
        WorkPool *pool, const WorkFunctions *functions, void *userdata, Work **ret, Error *err) {
        Work *work = calloc(1, sizeof(*work));
        bool full;

        if (work == NULL)
                return error_oom(err);
        *work = (Work){.pool = pool, .functions = *functions, .userdata = userdata, .queued = true};
        pthread_mutex_lock(&pool->lock);
        full = pool->n_queued >= pool->max_queued;
        if (!full) {
                list_append(&pool->queue, work);
                pool->n_queued++;
                pthread_cond_signal(&pool->changed);
        }
        pthread_mutex_unlock(&pool->lock);
        if (full) {
                free(work);
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EAGAIN,
                        "The queue '%s' is full: %zu are waiting",
                        pool->name,
                        pool->max_queued);
        }
        if (ret != NULL)
                *ret = work;
        return 0;
}

void work_cancel(Work *work) {
        WorkPool *pool;

        if (work == NULL)
                return;
        pool = work->pool;
        pthread_mutex_lock(&pool->lock);
        work->cancelled = true;
        if (work->queued) {
                list_remove(&pool->queue, work);
                pool->n_queued--;
                work->queued = false;
                list_append(&pool->done, work); /* released from the loop, not from in here */
        }
        pthread_mutex_unlock(&pool->lock);
        waker_wake(pool->waker);
}

size_t work_pool_queued(const WorkPool *pool) {
        WorkPool *mutable;
        size_t n;

        memcpy(&mutable, &pool, sizeof(mutable)); /* a lock is not part of what const promises */
        pthread_mutex_lock(&mutable->lock);
        n = pool->n_queued;
        pthread_mutex_unlock(&mutable->lock);
        return n;
}

static int start_threads(WorkPool *pool, unsigned n_threads, Error *err) {
        for (; pool->n_threads < n_threads; pool->n_threads++) {
                int r = thread_start(pool->name, worker, pool, &pool->threads[pool->n_threads]);

                if (r < 0)
                        return error_set_errno(
                                err,
                                ERROR_INTERNAL,
                                r,
                                "Cannot start a thread of '%s'",
                                pool->name);
        }
        return 0;
}

int work_pool_new(
        Loop *loop,
        const char *name,
        unsigned n_threads,
        size_t max_queued,
        WorkPool **ret,
        Error *err) {
        CLEANUP(cleanup_work_pool) WorkPool *pool = NULL;
        int r;

        assert(n_threads > 0 && max_queued > 0);
        pool = calloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
        if (pool == NULL)
                return error_oom(err);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->changed, NULL);
        list_init(&pool->queue);
        list_init(&pool->done);
        pool->max_queued = max_queued;
        pool->name = strdup(name);
        if (pool->name == NULL)
                return error_oom(err);
        r = waker_new(loop, on_wake, pool, &pool->waker, err);
        if (r < 0)
                return r;
        r = start_threads(pool, n_threads, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(pool);
        return 0;
}

static void release_all(WorkList *list) {
        Work *work;

        while ((work = list_take_first(list)) != NULL)
                finish(work, false);
}

WorkPool *work_pool_free(WorkPool *pool) {
        if (pool == NULL)
                return NULL;
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_cond_broadcast(&pool->changed);
        pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->n_threads; i++)
                pthread_join(pool->threads[i], NULL);
        if (pool->freed != NULL)
                *pool->freed = true;
        waker_free(pool->waker);
        release_all(&pool->done);
        release_all(&pool->queue);
        pthread_cond_destroy(&pool->changed);
        pthread_mutex_destroy(&pool->lock);
        free(pool->name);
        free(pool);
        return NULL;
}
