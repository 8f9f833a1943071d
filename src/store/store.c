/* The store's one face: each call becomes an operation of the driver. */
#include "store/store.h"

#include <string.h>

#include "base/files.h"
#include "base/strings.h"
#include "store/driver.h"

Store *store_free(Store *store) {
        return store != NULL ? store->driver->free(store) : NULL;
}

void store_cancel(StoreRequest *request) {
        if (request != NULL)
                request->store->driver->cancel(request);
}

/* Tells the driver whom to call, and the caller what to cancel. */
static int start(Store *store, StoreOperation operation, const StoreCall *call, Error *err) {
        operation.on_done = call->on_done;
        operation.userdata = call->userdata;
        StoreRequest *request = NULL;
        int r = store->driver->start(store, &operation, &request, err);
        if (r == 0 && call->ret != NULL)
                *call->ret = request;
        return r;
}

int store_open(Store *store, const StoreCall *call, Error *err) {
        return start(store, (StoreOperation){.type = STORE_OPEN}, call, err);
}

int store_put_object(
        Store *store,
        const char *name,
        const void *data,
        size_t size,
        const StoreCall *call,
        Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_PUT_OBJECT,
                        .name = name,
                        .bytes = data,
                        .size = size,
                },
                call,
                err);
}

int store_get_object(
        Store *store, const char *name, size_t max_size, const StoreCall *call, Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_GET_OBJECT,
                        .name = name,
                        .size = max_size,
                },
                call,
                err);
}

int store_remove_object(Store *store, const char *name, const StoreCall *call, Error *err) {
        return start(store, (StoreOperation){.type = STORE_REMOVE_OBJECT, .name = name}, call, err);
}

int store_stat_object(Store *store, const char *name, const StoreCall *call, Error *err) {
        return start(store, (StoreOperation){.type = STORE_STAT_OBJECT, .name = name}, call, err);
}

int store_list(Store *store, const char *prefix, const StoreCall *call, Error *err) {
        return start(store, (StoreOperation){.type = STORE_LIST, .name = prefix}, call, err);
}

int store_put_segment(
        Store *store,
        const StoreSegment *segment,
        const void *data,
        const StoreCall *call,
        Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_PUT_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .bytes = data,
                        .size = segment->size,
                },
                call,
                err);
}

int store_get_segment(
        Store *store,
        const StoreSegment *segment,
        void *buffer,
        const StoreCall *call,
        Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_GET_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .buffer = buffer,
                        .size = segment->size,
                },
                call,
                err);
}

int store_stat_segment(
        Store *store, const StoreSegment *segment, const StoreCall *call, Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_STAT_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .size = segment->size,
                },
                call,
                err);
}

int store_remove_segments(
        Store *store, const StoreAttempt *attempt, const StoreCall *call, Error *err) {
        return start(
                store,
                (StoreOperation){.type = STORE_REMOVE_SEGMENTS, .attempt = *attempt},
                call,
                err);
}

int store_commit(
        Store *store,
        const StoreAttempt *attempt,
        const StoreCommitSegment *segments,
        size_t n_segments,
        const StoreCall *call,
        Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_COMMIT,
                        .attempt = *attempt,
                        .segments = segments,
                        .n_segments = n_segments,
                },
                call,
                err);
}

int store_remove_large_object(
        Store *store,
        const char *instance,
        const char *backup_id,
        const StoreCall *call,
        Error *err) {
        return start(
                store,
                (StoreOperation){
                        .type = STORE_REMOVE_LARGE_OBJECT,
                        .attempt = {.instance = instance, .backup_id = backup_id}},
                call,
                err);
}

int store_space(Store *store, const StoreCall *call, Error *err) {
        return start(store, (StoreOperation){.type = STORE_SPACE}, call, err);
}

uint64_t store_max_segments(const Store *store) {
        return store->max_segments;
}

uint64_t store_settle_msec(const Store *store) {
        return store->settle_msec;
}

const char *store_container(const Store *store) {
        return store->container;
}

const char *store_describe(const Store *store) {
        return store->description;
}

void store_set_rate(Store *store, uint64_t bytes_per_sec) {
        store->driver->set_rate(store, bytes_per_sec);
}

const char *store_put_fault_point(const char *name) {
        const char *leaf = path_name(name);
        if (strstr(name, "/begin/") != NULL)
                return "store-put-claim";
        if (string_equal(leaf, "backup.json"))
                return "store-put-record";
        if (string_equal(leaf, "failed.json"))
                return "store-put-failed";
        if (string_equal(leaf, "delete.json"))
                return "store-put-delete";
        if (string_equal(leaf, "segments"))
                return "store-put-segments";
        return "store-put-object";
}
