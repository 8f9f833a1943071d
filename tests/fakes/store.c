/* See store.h. Objects and segments are two lists of named bytes; a call is queued and answered by
 * a posted function. */
#include "fakes/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "stream/digest.h"

typedef struct Item Item;
struct Item {
        Item *next;
        char *name;
        uint8_t *data;
        size_t size;
        char etag[33];
        uint64_t modified_usec;
        bool hidden;
};

typedef struct Script {
        unsigned fail_times;
        char *fail_name;
        ErrorKind fail_kind;
        int fail_r;
        bool lose_reply, held;
        size_t calls;
} Script;

typedef struct Call Call;

typedef struct FakeStore {
        Store base;
        Loop *loop;
        Item *objects, *segments;
        Script scripts[_STORE_OPERATION_MAX];
        Call *calls;
        uint64_t rate;
        bool shortens; /* commits report a byte less than was sent */
} FakeStore;

struct Call {
        StoreRequest base;
        Call *next;
        FakeStore *store; /* NULL: cancelled */
        StoreOperation operation;
        char *name; /* of the object, segment or attempt */
        void *copy; /* what the caller may take back at once */
        bool posted;
};

static FakeStore *fake(Store *store) {
        return (FakeStore *)store;
}

static Item *find(Item *list, const char *name) {
        while (list != NULL && !string_equal(list->name, name))
                list = list->next;
        return list;
}

static void item_free(Item *item) {
        free(item->name);
        free(item->data);
        free(item);
}

static void remove_items(Item **list, const char *prefix, bool whole) {
        for (Item **at = list; *at != NULL;) {
                Item *item = *at;
                bool hit = whole ? string_equal(item->name, prefix)
                                 : string_starts_with(item->name, prefix);
                if (!hit) {
                        at = &item->next;
                        continue;
                }
                *at = item->next;
                item_free(item);
        }
}

/* Sorted by name, as a listing is. */
static Item *insert(Item **list, const char *name, const void *data, size_t size) {
        Item *item = calloc(1, sizeof(*item));
        char hex[65];
        assert(item != NULL);
        while (*list != NULL && strcmp((*list)->name, name) < 0)
                list = &(*list)->next;
        item->name = strdup(name);
        item->data = malloc(size + 1);
        assert(item->name != NULL && item->data != NULL);
        if (size > 0)
                memcpy(item->data, data, size);
        item->size = size;
        item->modified_usec = clock_realtime_usec();
        int r = digest_hex(DIGEST_MD5, data, size, hex, NULL);
        assert(r == 0);
        memcpy(item->etag, hex, 32);
        item->next = *list;
        *list = item;
        return item;
}

static size_t count(const Item *list, const char *prefix) {
        size_t n = 0;
        for (; list != NULL; list = list->next)
                n += string_starts_with(list->name, prefix) ? 1 : 0;
        return n;
}

static int missing(const char *name, Error *err) {
        return error_set(err, ERROR_STORE_NOT_FOUND, -ENOENT, "%s is not in the store", name);
}

static int put(Item **list, const Call *call, StoreReply *answer, Error *err) {
        const StoreOperation *operation = &call->operation;
        Item *item = find(*list, call->name);
        if (item == NULL) {
                item = insert(list, call->name, operation->bytes, operation->size);
        } else {
                if (item->size != operation->size ||
                    (item->size > 0 && memcmp(item->data, operation->bytes, item->size) != 0))
                        return error_set(
                                err,
                                ERROR_INTEGRITY,
                                -EEXIST,
                                "%s is there already with another content",
                                call->name);
                answer->already_there = true;
        }
        answer->etag = item->etag;
        return 0;
}

static int put_segment(Call *call, StoreReply *answer, Error *err) {
        char hex[65];
        const StoreOperation *operation = &call->operation;
        int r = digest_hex(DIGEST_MD5, operation->bytes, operation->size, hex, err);
        if (r < 0)
                return r;
        if (!string_equal(hex, operation->segment.md5))
                return error_set(err, ERROR_INTEGRITY, -EBADMSG, "%s has another MD5", call->name);
        return put(&call->store->segments, call, answer, err);
}

static int get_object(Call *call, StoreReply *answer, Error *err) {
        const Item *item = find(call->store->objects, call->name);
        if (item == NULL)
                return missing(call->name, err);
        if (call->operation.type == STORE_GET_OBJECT && item->size > call->operation.size)
                return error_set(err, ERROR_INTEGRITY, -EFBIG, "%s is too large", call->name);
        answer->data = item->data;
        answer->size = item->size;
        answer->object_size = item->size;
        answer->etag = item->etag;
        return 0;
}

static int get_segment(Call *call, StoreReply *answer, Error *err) {
        const Item *item = find(call->store->segments, call->name);
        if (item == NULL)
                return missing(call->name, err);
        if (item->size != call->operation.size)
                return error_set(err, ERROR_INTEGRITY, -ENODATA, "%s has another size", call->name);
        if (call->operation.type == STORE_GET_SEGMENT)
                memcpy(call->operation.buffer, item->data, item->size);
        answer->object_size = item->size;
        answer->etag = item->etag;
        return 0;
}

static int list(Call *call, StoreReply *answer, StoreEntry **ret) {
        size_t n = 0;
        *ret = calloc(count(call->store->objects, "") + 1, sizeof(StoreEntry));
        assert(*ret != NULL);
        for (const Item *item = call->store->objects; item != NULL; item = item->next)
                if (!item->hidden && string_starts_with(item->name, call->name))
                        (*ret)[n++] = (StoreEntry){item->name, item->size, item->modified_usec};
        answer->entries = *ret;
        answer->n_entries = n;
        return 0;
}

/* The whole is kept as its bytes joined: a restore by hand would see the same. */
static int commit(Call *call, StoreReply *answer, Error *err) {
        FakeStore *store = call->store;
        const StoreOperation *operation = &call->operation;
        CLEANUP(text_done) Text whole = TEXT_INIT;
        char etag[33];
        for (size_t i = 0; i < operation->n_segments; i++) {
                CLEANUP(cleanup_free) char *name = store_segment_name(&operation->attempt, i);
                const Item *item = find(store->segments, name);
                if (item == NULL)
                        return missing(name, err);
                if (item->size != operation->segments[i].size ||
                    !string_equal(item->etag, operation->segments[i].md5))
                        return error_set(err, ERROR_INTEGRITY, -EBADMSG, "%s is another", name);
                text_append_bytes(&whole, item->data, item->size);
        }
        int r = store_large_object_etag(operation->segments, operation->n_segments, 0, etag, err);
        if (r < 0)
                return r;
        Item *item = find(store->objects, call->name);
        answer->already_there = item != NULL;
        if (item != NULL && !string_equal(item->etag, etag))
                return error_set(err, ERROR_INTEGRITY, -EEXIST, "%s is there already", call->name);
        if (item == NULL)
                item = insert(&store->objects, call->name, text_get(&whole), whole.length);
        memcpy(item->etag, etag, sizeof(item->etag));
        answer->etag = item->etag;
        answer->object_size = item->size - store->shortens;
        return 0;
}

static int perform(Call *call, StoreReply *answer, StoreEntry **entries, Error *err) {
        switch (call->operation.type) {
        case STORE_PUT_OBJECT:
                return put(&call->store->objects, call, answer, err);
        case STORE_GET_OBJECT:
                return get_object(call, answer, err);
        case STORE_STAT_OBJECT: {
                int r = get_object(call, answer, err);
                answer->data = NULL;
                answer->size = 0;
                return r;
        }
        case STORE_REMOVE_OBJECT:
        case STORE_REMOVE_LARGE_OBJECT:
                remove_items(&call->store->objects, call->name, true);
                return 0;
        case STORE_LIST:
                return list(call, answer, entries);
        case STORE_PUT_SEGMENT:
                return put_segment(call, answer, err);
        case STORE_GET_SEGMENT:
        case STORE_STAT_SEGMENT:
                return get_segment(call, answer, err);
        case STORE_REMOVE_SEGMENTS:
                remove_items(&call->store->segments, call->name, false);
                return 0;
        case STORE_COMMIT:
                return commit(call, answer, err);
        case STORE_SPACE:
                answer->object_size = UINT64_MAX;
                return 0;
        case STORE_OPEN:
        case _STORE_OPERATION_MAX:
                return 0;
        }
        return 0;
}

static bool takes_failure(Script *script, const Call *call) {
        if (script->fail_times == 0 ||
            (script->fail_name != NULL && strstr(call->name, script->fail_name) == NULL))
                return false;
        script->fail_times--;
        return true;
}

static void call_free(Call *call) {
        free(call->name);
        free(call->copy);
        free(call);
}

static void unlink_call(Call *call) {
        Call **at = &call->store->calls;
        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
}

static void answer_call(void *userdata) {
        Call *call = userdata;
        CLEANUP(cleanup_free) StoreEntry *entries = NULL;
        StoreReply answer = {0};
        Error error = {0};
        call->posted = false;
        if (call->store == NULL) {
                call_free(call);
                return;
        }
        Script *script = &call->store->scripts[call->operation.type];
        if (script->held)
                return;
        if (takes_failure(script, call))
                answer.r = error_set(
                        &error,
                        script->fail_kind,
                        script->fail_r,
                        "The store failed at %s",
                        call->name);
        else
                answer.r = perform(call, &answer, &entries, &error);
        if (answer.r == 0 && script->lose_reply) {
                script->lose_reply = false;
                answer = (StoreReply){0};
                answer.r = error_set(
                        &error, ERROR_STORE_UNAVAILABLE, -ETIMEDOUT, "The reply was lost");
        }
        answer.err = answer.r < 0 ? &error : NULL;
        unlink_call(call);
        call->operation.on_done(&answer, call->operation.userdata);
        call_free(call);
}

static char *call_name(const StoreOperation *operation) {
        const StoreAttempt *attempt = &operation->attempt;
        switch (operation->type) {
        case STORE_PUT_SEGMENT:
        case STORE_GET_SEGMENT:
        case STORE_STAT_SEGMENT:
                return store_segment_name(attempt, operation->segment.index);
        case STORE_REMOVE_SEGMENTS:
                return string_printf(
                        "%s/%s/%s%s",
                        attempt->instance,
                        attempt->backup_id,
                        attempt->attempt != NULL ? attempt->attempt : "",
                        attempt->attempt != NULL ? "/" : "");
        case STORE_COMMIT:
        case STORE_REMOVE_LARGE_OBJECT:
                return string_printf("%s/%s/backup.tar.age", attempt->instance, attempt->backup_id);
        case STORE_PUT_OBJECT:
        case STORE_GET_OBJECT:
        case STORE_REMOVE_OBJECT:
        case STORE_STAT_OBJECT:
        case STORE_LIST:
                return strdup(operation->name);
        case STORE_OPEN:
        case STORE_SPACE:
        case _STORE_OPERATION_MAX:
                return strdup("");
        }
        return NULL;
}

static void *duplicate(const void *bytes, size_t size) {
        void *copy = malloc(size + 1);
        assert(copy != NULL);
        if (size > 0)
                memcpy(copy, bytes, size);
        return copy;
}

/* Strings and small objects are the caller's again when the call returns. */
static void keep_own_copies(Call *call) {
        StoreOperation *operation = &call->operation;
        call->name = call_name(operation);
        assert(call->name != NULL);
        if (operation->type == STORE_PUT_OBJECT)
                operation->bytes = call->copy = duplicate(operation->bytes, operation->size);
        if (operation->type == STORE_COMMIT)
                operation->segments = call->copy = duplicate(
                        operation->segments, operation->n_segments * sizeof(StoreCommitSegment));
}

static void append_call(FakeStore *store, Call *call) {
        Call **at = &store->calls;
        while (*at != NULL)
                at = &(*at)->next;
        *at = call;
}

static int
fake_start(Store *base, const StoreOperation *operation, StoreRequest **ret, Error *err) {
        FakeStore *store = fake(base);
        Call *call = calloc(1, sizeof(*call));
        assert(call != NULL);
        *call = (Call){.base = {base}, .store = store, .operation = *operation, .posted = true};
        keep_own_copies(call);
        int r = loop_post(store->loop, answer_call, call);
        if (r < 0) {
                call_free(call);
                return error_oom(err);
        }
        store->scripts[operation->type].calls++;
        append_call(store, call);
        *ret = &call->base;
        return 0;
}

static void fake_cancel(StoreRequest *request) {
        Call *call = (Call *)request;
        unlink_call(call);
        call->store = NULL;
        if (!call->posted)
                call_free(call);
}

static void fake_set_rate(Store *store, uint64_t bytes_per_sec) {
        fake(store)->rate = bytes_per_sec;
}

static Store *fake_free(Store *base) {
        FakeStore *store = fake(base);
        assert(store->calls == NULL);
        remove_items(&store->objects, "", false);
        remove_items(&store->segments, "", false);
        for (size_t i = 0; i < _STORE_OPERATION_MAX; i++)
                free(store->scripts[i].fail_name);
        free(base->container);
        free(base->description);
        free(store);
        return NULL;
}

static const StoreDriver fake_driver = {fake_start, fake_cancel, fake_set_rate, fake_free};

int fake_store_new(Loop *loop, Store **ret, Error *err) {
        FakeStore *store = calloc(1, sizeof(*store));
        if (store == NULL)
                return error_oom(err);
        store->loop = loop;
        store->base.driver = &fake_driver;
        store->base.max_segments = UINT64_MAX;
        store->base.container = strdup("memory");
        store->base.description = strdup("a store in memory");
        *ret = &store->base;
        return 0;
}

void fake_store_fail(
        Store *store,
        StoreOperationType type,
        const char *name,
        unsigned times,
        ErrorKind kind,
        int r) {
        Script *script = &fake(store)->scripts[type];
        free(script->fail_name);
        script->fail_name = name != NULL ? strdup(name) : NULL;
        script->fail_times = times;
        script->fail_kind = kind;
        script->fail_r = r;
}

void fake_store_lose_reply(Store *store, StoreOperationType type) {
        fake(store)->scripts[type].lose_reply = true;
}

void fake_store_hold(Store *store, StoreOperationType type) {
        fake(store)->scripts[type].held = true;
}

void fake_store_let_go(Store *store, StoreOperationType type) {
        fake(store)->scripts[type].held = false;
        for (Call *call = fake(store)->calls; call != NULL; call = call->next)
                if (call->operation.type == type && !call->posted) {
                        int r = loop_post(fake(store)->loop, answer_call, call);
                        assert(r == 0);
                        call->posted = true;
                }
}

void fake_store_put(Store *store, const char *name, const void *data, size_t size) {
        remove_items(&fake(store)->objects, name, true);
        insert(&fake(store)->objects, name, data, size);
}

void fake_store_hide(Store *store, const char *name) {
        Item *item = find(fake(store)->objects, name);
        assert(item != NULL);
        item->hidden = true;
}

void fake_store_set_settle(Store *store, uint64_t settle_msec) {
        store->settle_msec = settle_msec;
}

void fake_store_shorten(Store *store) {
        fake(store)->shortens = true;
}

void fake_store_set_max_segments(Store *store, uint64_t max_segments) {
        store->max_segments = max_segments;
}

void fake_store_spoil_segment(Store *store, const char *name, size_t offset) {
        Item *item = find(fake(store)->segments, name);
        assert(item != NULL && offset < item->size);
        item->data[offset] ^= 1;
}

void fake_store_drop_segment(Store *store, const char *name) {
        remove_items(&fake(store)->segments, name, true);
}

void fake_store_drop_object(Store *store, const char *name) {
        remove_items(&fake(store)->objects, name, true);
}

bool fake_store_has(Store *store, const char *name) {
        return find(fake(store)->objects, name) != NULL;
}

const void *fake_store_data(Store *store, const char *name, size_t *ret_size) {
        const Item *item = find(fake(store)->objects, name);
        if (item == NULL)
                return NULL;
        *ret_size = item->size;
        return item->data;
}

size_t fake_store_object_count(Store *store, const char *prefix) {
        return count(fake(store)->objects, prefix);
}

size_t fake_store_segment_count(Store *store, const char *prefix) {
        return count(fake(store)->segments, prefix);
}

size_t fake_store_held_count(Store *store) {
        size_t n = 0;
        for (const Call *call = fake(store)->calls; call != NULL; call = call->next)
                n += fake(store)->scripts[call->operation.type].held ? 1 : 0;
        return n;
}

size_t fake_store_call_count(Store *store, StoreOperationType type) {
        return fake(store)->scripts[type].calls;
}

uint64_t fake_store_rate(Store *store) {
        return fake(store)->rate;
}
