/* The store's one face: each call becomes an operation of the driver. */
#include "store/store.h"

#include "store/driver.h"

Store *store_free(Store *store) {
        return store != NULL ? store->driver->free(store) : NULL;
}

void store_cancel(StoreRequest *request) {
        if (request != NULL)
                request->store->driver->cancel(request);
}

static int start(Store *store, const StoreOperation *operation, StoreRequest **ret, Error *err) {
        StoreRequest *request = NULL;
        int r = store->driver->start(store, operation, &request, err);
        if (r == 0 && ret != NULL)
                *ret = request;
        return r;
}

int store_open(Store *store, StoreDone on_done, void *userdata, StoreRequest **ret, Error *err) {
        return start(
                store,
                &(StoreOperation){.type = STORE_OPEN, .on_done = on_done, .userdata = userdata},
                ret,
                err);
}

int store_put_object(
        Store *store,
        const char *name,
        const void *data,
        size_t size,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_PUT_OBJECT,
                        .name = name,
                        .bytes = data,
                        .size = size,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_get_object(
        Store *store,
        const char *name,
        size_t max_size,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_GET_OBJECT,
                        .name = name,
                        .size = max_size,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_remove_object(
        Store *store,
        const char *name,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_REMOVE_OBJECT,
                        .name = name,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_stat_object(
        Store *store,
        const char *name,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_STAT_OBJECT,
                        .name = name,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_list(
        Store *store,
        const char *prefix,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_LIST,
                        .name = prefix,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_put_segment(
        Store *store,
        const StoreSegment *segment,
        const void *data,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_PUT_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .bytes = data,
                        .size = segment->size,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_get_segment(
        Store *store,
        const StoreSegment *segment,
        void *buffer,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_GET_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .buffer = buffer,
                        .size = segment->size,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_stat_segment(
        Store *store,
        const StoreSegment *segment,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_STAT_SEGMENT,
                        .segment = *segment,
                        .attempt = segment->attempt,
                        .size = segment->size,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_remove_segments(
        Store *store,
        const StoreAttempt *attempt,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_REMOVE_SEGMENTS,
                        .attempt = *attempt,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_commit(
        Store *store,
        const StoreAttempt *attempt,
        const StoreCommitSegment *segments,
        size_t n_segments,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_COMMIT,
                        .attempt = *attempt,
                        .segments = segments,
                        .n_segments = n_segments,
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_remove_large_object(
        Store *store,
        const char *instance,
        const char *backup_id,
        StoreDone on_done,
        void *userdata,
        StoreRequest **ret,
        Error *err) {
        return start(
                store,
                &(StoreOperation){
                        .type = STORE_REMOVE_LARGE_OBJECT,
                        .attempt = {.instance = instance, .backup_id = backup_id},
                        .on_done = on_done,
                        .userdata = userdata,
                },
                ret,
                err);
}

int store_space(Store *store, StoreDone on_done, void *userdata, StoreRequest **ret, Error *err) {
        return start(
                store,
                &(StoreOperation){.type = STORE_SPACE, .on_done = on_done, .userdata = userdata},
                ret,
                err);
}

uint64_t store_max_segments(const Store *store) {
        return store->max_segments;
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
