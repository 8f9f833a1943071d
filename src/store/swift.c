/* The Swift driver: the store, and each call of it from its beginning to its end. What a call does
 * is in the file of its noun; retries are in swift-request.c.
 *
 *     (fault point) -> run -> .. -> end -> (fault point) -> reply
 *           ^---------- a point that failed: all of it again, for the retry time */
#include "store/swift.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "store/swift-internal.h"

enum {
        MAX_IDLE_SEC = 50, /* Swift closes what is idle for 60 s */
        NAME_BYTES_MAX = 1024,
        /* As many segments as a configuration may ask for; objects, listings, looks at segments. */
        CONNECTIONS = 64 + 32,
        CLAIM_SETTLE_MSEC = 5000,
};

/* --- the end of a call --- */

bool swift_call_stop(SwiftCall *call) {
        bool sent = swift_put_cancel(call->put);
        swift_request_cancel(call->request);
        swift_page_cancel(call->page);
        if (call->part != NULL)
                call->part_free(call->part);
        call->put = NULL;
        call->request = NULL;
        call->page = NULL;
        call->part = NULL;
        store_entries_done(&call->entries);
        free(call->data);
        call->data = NULL;
        call->data_size = 0;
        call->already_there = false;
        return sent;
}

static void call_free(SwiftCall *call) {
        swift_call_stop(call);
        store_asked_done(&call->asked);
        free(call);
}

/* What is under way is stopped first: the receiver may free the store. */
static void reply(SwiftCall *call, const Error *err) {
        if (call->part != NULL)
                call->part_free(call->part);
        call->part = NULL;
        StoreReply answer = {.r = err != NULL ? err->r : 0, .err = err};
        if (err == NULL) {
                answer.already_there = call->already_there;
                answer.data = call->data;
                answer.size = call->data_size;
                answer.etag = call->etag[0] != '\0' ? call->etag : NULL;
                answer.object_size = call->object_size;
                answer.entries = call->entries.items;
                answer.n_entries = call->entries.n;
        }
        call->store->n_calls--;
        call->on_done(&answer, call->userdata);
        call_free(call);
}

static void fail(SwiftCall *call, const Error *err) {
        Error error = *err; /* it may lie in what is freed */
        if (error.r >= 0)
                error.r = -EIO;
        /* To callers these two are facts about the object they asked for, and decide things: a
         * credential or a catalog entry that is missing must not look like one. */
        if ((error.r == -ENOENT && error.kind != ERROR_STORE_NOT_FOUND) ||
            (error.r == -EEXIST && error.kind != ERROR_INTEGRITY))
                error.r = -EINVAL;
        reply(call, &error);
}

/* --- its beginning, and what is between --- */

typedef int (*CallRun)(SwiftCall *call, Error *err);

static int space(SwiftCall *call, Error *err);

static const CallRun runs[_STORE_OPERATION_MAX] = {
        [STORE_OPEN] = swift_open,
        [STORE_PUT_OBJECT] = swift_put_object,
        [STORE_GET_OBJECT] = swift_get_object,
        [STORE_REMOVE_OBJECT] = swift_remove_object,
        [STORE_STAT_OBJECT] = swift_stat_object,
        [STORE_LIST] = swift_list,
        [STORE_PUT_SEGMENT] = swift_put_segment,
        [STORE_GET_SEGMENT] = swift_get_segment,
        [STORE_STAT_SEGMENT] = swift_stat_segment,
        [STORE_REMOVE_SEGMENTS] = swift_remove_segments,
        [STORE_COMMIT] = swift_commit,
        [STORE_REMOVE_LARGE_OBJECT] = swift_remove_large_object,
        [STORE_SPACE] = space,
};

static void run(SwiftCall *call) {
        Error error = {0};
        if (runs[call->asked.type](call, &error) < 0)
                fail(call, &error);
}

static void begin_again(SwiftCall *call);

/* A point said no: as if the store had. */
static void on_fault(SwiftCall *call, const Error *err) {
        Error error = {0};
        uint64_t now = clock_monotonic_usec();
        bool retries = call->asked.type != STORE_OPEN && call->asked.type != STORE_SPACE;
        if (call->fault_usec == 0)
                call->fault_usec = now;
        swift_call_stop(call);
        if (!retries || now >= call->fault_usec + call->store->retry_time_msec * 1000)
                fail(call, err);
        else if (swift_fault_wait(call, begin_again, &error) < 0)
                fail(call, &error);
}

static void on_begin_passed(SwiftCall *call, const Error *err) {
        if (err != NULL)
                on_fault(call, err);
        else
                run(call);
}

static void on_end_passed(SwiftCall *call, const Error *err) {
        if (err != NULL)
                on_fault(call, err);
        else
                reply(call, NULL);
}

static int begin(SwiftCall *call, Error *err) {
        int r = swift_fault_pass(call, "", on_begin_passed, err);
        return r == 1 ? runs[call->asked.type](call, err) : r;
}

static void begin_again(SwiftCall *call) {
        Error error = {0};
        if (begin(call, &error) < 0)
                fail(call, &error);
}

void swift_call_end(SwiftCall *call, const Error *err) {
        Error error = {0};
        if (err != NULL) {
                fail(call, err);
                return;
        }
        int r = swift_fault_pass(call, "-done", on_end_passed, &error);
        if (r == 1)
                reply(call, NULL);
        else if (r < 0)
                fail(call, &error);
}

/* --- the one call that asks nobody --- */

typedef struct Soon {
        SwiftCall *call;
        Timer *timer;
} Soon;

static void soon_free(void *part) {
        Soon *soon = part;
        timer_free(soon->timer);
        free(soon);
}

static void on_soon(void *userdata) {
        const Soon *soon = userdata;
        swift_call_end(soon->call, NULL);
}

static int space(SwiftCall *call, Error *err) {
        Soon *soon = calloc(1, sizeof(*soon));
        if (soon == NULL)
                return error_oom(err);
        soon->call = call;
        int r = timer_new(call->store->loop, on_soon, soon, &soon->timer, err);
        if (r < 0) {
                free(soon);
                return r;
        }
        timer_arm(soon->timer, 0);
        call->object_size = UINT64_MAX;
        call->part = soon;
        call->part_free = soon_free;
        return 0;
}

/* --- making one --- */

static int check_name(const StoreOperation *operation, Error *err) {
        const char *name = operation->name;
        if (name == NULL || operation->type == STORE_LIST)
                return 0;
        if (name[0] == '\0' || strlen(name) > NAME_BYTES_MAX || !text_is_printable(name))
                return error_set(
                        err, ERROR_INVALID_ARGS, -EINVAL, "'%.80s' is no name for the store", name);
        return 0;
}

static int
call_new(SwiftStore *store, const StoreOperation *operation, SwiftCall **ret, Error *err) {
        int r = check_name(operation, err);
        if (r < 0)
                return r;
        SwiftCall *call = calloc(1, sizeof(*call));
        if (call == NULL)
                return error_oom(err);
        call->base.store = &store->base;
        call->store = store;
        call->on_done = operation->on_done;
        call->userdata = operation->userdata;
        if (store_asked_copy(operation, &call->asked) < 0) {
                call_free(call);
                return error_oom(err);
        }
        *ret = call;
        return 0;
}

static int
swift_start(Store *base, const StoreOperation *operation, StoreRequest **ret, Error *err) {
        SwiftStore *store = (SwiftStore *)base;
        SwiftCall *call = NULL;
        int r = call_new(store, operation, &call, err);
        if (r < 0)
                return r;
        r = begin(call, err);
        if (r < 0) {
                call_free(call);
                return r;
        }
        store->n_calls++;
        *ret = &call->base;
        return 0;
}

/* --- the end before its time --- */

static void doubt_free(SwiftDoubt *doubt) {
        free(doubt->name);
        free(doubt);
}

/* Of the oldest, all has been said by the time there are so many. */
static void drop_oldest_doubt(SwiftStore *store) {
        SwiftDoubt **at = &store->doubts;
        size_t n = 0;
        for (; *at != NULL && n < SWIFT_DOUBTS_MAX - 1; n++)
                at = &(*at)->next;
        while (*at != NULL) {
                SwiftDoubt *doubt = *at;
                *at = doubt->next;
                doubt_free(doubt);
        }
}

static void note_doubt(SwiftCall *call) {
        SwiftStore *store = call->store;
        SwiftDoubt *doubt = calloc(1, sizeof(*doubt));
        if (doubt == NULL)
                return;
        doubt->name = store_asked_segment(&call->asked);
        if (doubt->name == NULL) {
                free(doubt);
                return;
        }
        drop_oldest_doubt(store);
        doubt->since_usec = clock_monotonic_usec();
        doubt->next = store->doubts;
        store->doubts = doubt;
}

static void swift_cancel(StoreRequest *base) {
        SwiftCall *call = (SwiftCall *)base;
        swift_fault_cancel(call);
        if (swift_call_stop(call) && call->asked.type == STORE_PUT_SEGMENT)
                note_doubt(call);
        call->store->n_calls--;
        call_free(call);
}

/* --- the store --- */

static void swift_set_rate(Store *base, uint64_t bytes_per_sec) {
        http_client_set_rate(((SwiftStore *)base)->client, bytes_per_sec);
}

static Store *swift_free(Store *base) {
        SwiftStore *store = (SwiftStore *)base;
        assert(store->n_calls == 0);
        swift_tokens_free(store->tokens);
        http_client_free(store->client);
        while (store->doubts != NULL) {
                SwiftDoubt *doubt = store->doubts;
                store->doubts = doubt->next;
                doubt_free(doubt);
        }
        free(store->segment_container);
        free(base->container);
        free(base->description);
        free(store);
        return NULL;
}

static const StoreDriver swift_driver = {
        .start = swift_start,
        .cancel = swift_cancel,
        .set_rate = swift_set_rate,
        .free = swift_free,
};

static HttpClientOptions client_options(const SwiftOptions *options) {
        bool has_ca = options->ca_file != NULL && options->ca_file[0] != '\0';
        return (HttpClientOptions){
                .ca_file = has_ca ? options->ca_file : NULL,
                .connect_timeout_msec = options->connect_timeout_msec,
                .stall_timeout_msec = options->stall_timeout_msec,
                .max_idle_sec = MAX_IDLE_SEC,
                .max_connections = CONNECTIONS,
        };
}

int swift_store_configure(Store *base, const SwiftOptions *options, Error *err) {
        SwiftStore *store = (SwiftStore *)base;
        HttpClientOptions client = client_options(options);
        SwiftAuth auth;
        int r = swift_auth_init(&auth, options, err);
        if (r < 0)
                return r;
        char *description =
                string_printf("Swift container %s at %s", base->container, options->auth_url);
        r = description == NULL ? error_oom(err)
                                : http_client_set_options(store->client, &client, err);
        if (r < 0) {
                free(description);
                swift_auth_done(&auth);
                return r;
        }
        free(base->description);
        base->description = description;
        swift_tokens_set_auth(store->tokens, &auth);
        store->retry_time_msec = options->retry_time_msec;
        store->buffers = options->buffers;
        swift_window_set_most(&store->window, options->concurrency);
        return 0;
}

/* Tests do not wait five seconds for each claim. */
static uint64_t settle_msec(void) {
        uint64_t msec = CLAIM_SETTLE_MSEC;
#ifdef ORABACKUP_TEST_HOOKS
        const char *value = getenv("ORABACKUP_SETTLE_MSEC");
        if (value != NULL && parse_uint64(value, &msec) < 0)
                msec = CLAIM_SETTLE_MSEC;
#endif
        return msec;
}

static int make_parts(SwiftStore *store, const SwiftOptions *options, Error *err) {
        HttpClientOptions client = client_options(options);
        SwiftAuth auth;
        store->base.container = strdup(options->container);
        store->base.description =
                string_printf("Swift container %s at %s", options->container, options->auth_url);
        store->segment_container = strdup(options->segment_container);
        if (store->base.container == NULL || store->base.description == NULL ||
            store->segment_container == NULL)
                return error_oom(err);
        int r = http_client_new(store->loop, &client, &store->client, err);
        if (r < 0)
                return r;
        r = swift_auth_init(&auth, options, err);
        if (r < 0)
                return r;
        r = swift_tokens_new(store->client, &auth, &store->tokens, err);
        swift_auth_done(&auth);
        return r;
}

int swift_store_new(
        Loop *loop, WorkPool *workers, const SwiftOptions *options, Store **ret, Error *err) {
        SwiftStore *store = calloc(1, sizeof(*store));
        if (store == NULL)
                return error_oom(err);
        store->base.driver = &swift_driver;
        store->base.settle_msec = settle_msec();
        store->loop = loop;
        store->workers = workers;
        store->retry_time_msec = options->retry_time_msec;
        store->buffers = options->buffers;
        swift_window_init(&store->window, options->concurrency);
        swift_info_init(&store->info);
        store->base.max_segments =
                store->info.max_manifest_segments * store->info.max_manifest_segments;
        int r = make_parts(store, options, err);
        if (r < 0) {
                swift_free(&store->base);
                return r;
        }
        *ret = &store->base;
        return 0;
}
