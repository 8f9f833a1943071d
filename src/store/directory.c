/* The directory driver's loop side: a request is one task for a worker, transfers wait their turn
 * when there is a rate, and a cancelled request outlives its caller until the worker is done. */
#include "store/directory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/strings.h"
#include "event/timer.h"
#include "store/directory-task.h"
#include "store/driver.h"
#include "store/rate.h"

enum { DURABLE_BYTES = 160, FIRST_PAUSE_MSEC = 250, LONGEST_PAUSE_MSEC = 30 * 1000 };

typedef struct Request Request;

typedef struct DirectoryStore {
        Store base;
        WorkPool *files;
        Timer *timer;
        Rate rate;
        Request *delayed; /* by begin_usec */
        size_t n_requests;
        dev_t device;
        ino_t inode;
        bool is_open;
        uint64_t retry_time_msec;
        char durable[DURABLE_BYTES]; /* the attempt whose file and directories are on the disk */
} DirectoryStore;

struct Request {
        StoreRequest base; /* store NULL: cancelled */
        DirectoryTask task;
        StoreDone on_done;
        void *userdata;
        Work *work; /* NULL while delayed */
        uint64_t begin_usec;
        uint64_t failed_usec; /* the first failure; 0: none */
        uint64_t pause_msec;  /* before the next try */
        bool tries_again;
        Request *next;
        int r;
        Error error;
};

static DirectoryStore *store_of(const Request *request) {
        return (DirectoryStore *)request->base.store;
}

static Request *request_free(Request *request) {
        directory_task_done(&request->task);
        free(request);
        return NULL;
}

static void attempt_key(const DirectoryTask *task, char ret[DURABLE_BYTES]) {
        snprintf(
                ret,
                DURABLE_BYTES,
                "%s/%s/%s",
                task->asked.instance,
                task->asked.backup_id,
                task->asked.attempt);
}

/* What a finished task teaches the store. */
static void learn(DirectoryStore *store, const Request *request) {
        if (request->r < 0)
                return;
        if (request->task.asked.type == STORE_OPEN) {
                store->device = request->task.device;
                store->inode = request->task.inode;
                store->is_open = true;
        } else if (request->task.asked.type == STORE_PUT_SEGMENT) {
                attempt_key(&request->task, store->durable);
        } else if (
                request->task.asked.type == STORE_REMOVE_SEGMENTS ||
                request->task.asked.type == STORE_REMOVE_OBJECT) {
                store->durable[0] = '\0';
        }
}

static void reply(Request *request) {
        const DirectoryTask *task = &request->task;
        StoreReply answer = {.r = request->r < 0 ? request->r : 0};
        if (request->r < 0) {
                answer.err = &request->error;
        } else {
                answer.already_there = task->already_there;
                answer.data = task->data;
                answer.size = task->data_size;
                answer.etag = task->has_etag ? task->etag : NULL;
                answer.object_size = task->object_size;
                answer.entries = task->entries.items;
                answer.n_entries = task->entries.n;
        }
        request->on_done(&answer, request->userdata);
}

static void request_run(void *userdata) {
        Request *request = userdata;
        request->r = directory_task_run(&request->task, &request->error);
}

static void arm(DirectoryStore *store);
static void delay(DirectoryStore *store, Request *request);

/* A mounted file system comes back: what failed for its sake is tried again, after pauses that grow
 * and differ. Opening is the daemon's to repeat. */
static bool may_try_again(const DirectoryStore *store, const Request *request) {
        uint64_t until = request->failed_usec + store->retry_time_msec * 1000;

        return request->r < 0 && request->error.kind == ERROR_STORE_UNAVAILABLE &&
               request->task.asked.type != STORE_OPEN && request->task.asked.type != STORE_SPACE &&
               clock_monotonic_usec() + request->pause_msec * 1000 < until;
}

static void request_on_done(void *userdata) {
        Request *request = userdata;
        DirectoryStore *store = store_of(request);

        if (request->failed_usec == 0)
                request->failed_usec = clock_monotonic_usec();
        request->tries_again = may_try_again(store, request);
        if (request->tries_again)
                return;
        store->n_requests--;
        learn(store, request);
        reply(request);
}

static void request_release(void *userdata) {
        Request *request = userdata;

        if (!request->tries_again) {
                request_free(request);
                return;
        }
        uint64_t pause_msec = request->pause_msec + random_below(request->pause_msec + 1);
        request->work = NULL;
        request->tries_again = false;
        request->error = (Error){0};
        directory_task_reset(&request->task);
        request->begin_usec = clock_monotonic_usec() + pause_msec * 1000;
        if (request->pause_msec < LONGEST_PAUSE_MSEC)
                request->pause_msec *= 2;
        delay(store_of(request), request);
        arm(store_of(request));
}

static const WorkFunctions request_functions = {request_run, request_on_done, request_release};

static int begin(DirectoryStore *store, Request *request, Error *err) {
        char key[DURABLE_BYTES];
        attempt_key(&request->task, key);
        request->task.durable = string_equal(key, store->durable);
        return work_start(store->files, &request_functions, request, &request->work, err);
}

static void arm(DirectoryStore *store) {
        if (store->delayed == NULL) {
                timer_disarm(store->timer);
                return;
        }
        uint64_t now = clock_monotonic_usec(), due = store->delayed->begin_usec;
        timer_arm(store->timer, due > now ? (due - now + 999) / 1000 : 0);
}

static void delay(DirectoryStore *store, Request *request) {
        Request **at = &store->delayed;

        while (*at != NULL && (*at)->begin_usec <= request->begin_usec)
                at = &(*at)->next;
        request->next = *at;
        *at = request;
}

static void undelay(DirectoryStore *store, Request *request) {
        Request **at = &store->delayed;

        while (*at != request)
                at = &(*at)->next;
        *at = request->next;
}

/* One a turn: the callback of a failed one may do anything to the store. */
static void on_turn(void *userdata) {
        DirectoryStore *store = userdata;
        Request *request = store->delayed;
        if (request == NULL || request->begin_usec > clock_monotonic_usec()) {
                arm(store);
                return;
        }
        undelay(store, request);
        arm(store);
        Error err;
        int r = begin(store, request, &err);
        if (r < 0) {
                request->r = r;
                request->error = err;
                store->n_requests--;
                reply(request);
                request_free(request);
        }
}

static bool is_transfer(const StoreOperation *operation) {
        return operation->type == STORE_PUT_SEGMENT || operation->type == STORE_GET_SEGMENT;
}

static int
directory_start(Store *base, const StoreOperation *operation, StoreRequest **ret, Error *err) {
        DirectoryStore *store = (DirectoryStore *)base;
        Request *request = calloc(1, sizeof(*request));
        if (request == NULL)
                return error_oom(err);
        int r = directory_task_init(&request->task, base->container, operation, err);
        if (r < 0) {
                free(request);
                return r;
        }
        request->base.store = base;
        request->pause_msec = FIRST_PAUSE_MSEC;
        request->on_done = operation->on_done;
        request->userdata = operation->userdata;
        request->task.device = store->device;
        request->task.inode = store->inode;
        request->task.has_identity = store->is_open;

        uint64_t now = clock_monotonic_usec();
        request->begin_usec =
                is_transfer(operation) ? rate_book(&store->rate, now, operation->size) : now;
        if (request->begin_usec > now) {
                delay(store, request);
                arm(store);
        } else {
                r = begin(store, request, err);
        }
        if (r < 0) {
                request_free(request);
                return r;
        }
        store->n_requests++;
        *ret = &request->base;
        return 0;
}

static void directory_cancel(StoreRequest *base) {
        Request *request = (Request *)base;
        DirectoryStore *store = store_of(request);
        store->n_requests--;
        if (request->work == NULL) {
                undelay(store, request);
                arm(store);
                request_free(request);
                return;
        }
        pthread_mutex_lock(&request->task.lock);
        request->task.cancelled = true;
        pthread_mutex_unlock(&request->task.lock);
        request->base.store = NULL;
        work_cancel(request->work); /* may release the request */
}

static void directory_set_rate(Store *base, uint64_t bytes_per_sec) {
        DirectoryStore *store = (DirectoryStore *)base;
        uint64_t now = clock_monotonic_usec();
        rate_set(&store->rate, now, bytes_per_sec);
        Request *waiting = store->delayed;
        store->delayed = NULL;
        while (waiting != NULL) {
                Request *request = waiting;
                waiting = request->next;
                if (request->failed_usec == 0)
                        request->begin_usec =
                                rate_book(&store->rate, now, request->task.asked.size);
                delay(store, request);
        }
        arm(store);
}

static Store *directory_free(Store *base) {
        DirectoryStore *store = (DirectoryStore *)base;
        assert(store->n_requests == 0);
        timer_free(store->timer);
        free(base->container);
        free(base->description);
        free(store);
        return NULL;
}

void directory_store_set_retry_time(Store *store, uint64_t retry_time_msec) {
        ((DirectoryStore *)store)->retry_time_msec = retry_time_msec;
}

static const StoreDriver directory_driver = {
        .start = directory_start,
        .cancel = directory_cancel,
        .set_rate = directory_set_rate,
        .free = directory_free,
};

int directory_store_new(Loop *loop, WorkPool *files, const char *path, Store **ret, Error *err) {
        if (!path_is_clean(path))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "The store's path '%s' is not a clean absolute path",
                        path);
        DirectoryStore *store = calloc(1, sizeof(*store));
        if (store == NULL)
                return error_oom(err);
        store->base.driver = &directory_driver;
        store->base.max_segments = UINT64_MAX;
        store->base.container = strdup(path);
        store->base.description = string_printf("directory %s", path);
        store->files = files;
        int r = store->base.container == NULL || store->base.description == NULL
                        ? error_oom(err)
                        : timer_new(loop, on_turn, store, &store->timer, err);
        if (r < 0) {
                directory_free(&store->base);
                return r;
        }
        *ret = &store->base;
        return 0;
}
