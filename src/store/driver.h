/* What a driver of the store implements. store.c turns each call of store.h into one operation; a
 * driver starts it and owns its request. */
#pragma once

#include "store/store.h"

typedef enum StoreOperationType {
        STORE_OPEN,
        STORE_PUT_OBJECT,
        STORE_GET_OBJECT,
        STORE_REMOVE_OBJECT,
        STORE_STAT_OBJECT,
        STORE_LIST,
        STORE_PUT_SEGMENT,
        STORE_GET_SEGMENT,
        STORE_STAT_SEGMENT,
        STORE_REMOVE_SEGMENTS,
        STORE_COMMIT,
        STORE_REMOVE_LARGE_OBJECT,
        STORE_SPACE,
        _STORE_OPERATION_MAX,
} StoreOperationType;

/* One call. Strings and arrays are the caller's and gone after start(); `bytes` and `buffer` of a
 * segment stay until on_done or the cancel. */
typedef struct StoreOperation {
        StoreOperationType type;
        const char *name;  /* objects; the prefix of a list */
        const void *bytes; /* put_object, put_segment */
        void *buffer;      /* get_segment */
        size_t size;       /* of bytes; get_object: at most */
        StoreAttempt attempt;
        StoreSegment segment;
        const StoreCommitSegment *segments;
        size_t n_segments;
        StoreDone on_done;
        void *userdata;
} StoreOperation;

struct StoreDriver {
        int (*start)(Store *store, const StoreOperation *operation, StoreRequest **ret, Error *err);
        /* on_done will not run; the caller's buffers are no longer touched when this returns. Never
         * waits for a disk or a network. */
        void (*cancel)(StoreRequest *request);
        void (*set_rate)(Store *store, uint64_t bytes_per_sec);
        Store *(*free)(Store *store);
};

/* First member of every driver's store. */
struct Store {
        const StoreDriver *driver;
        char *container, *description;
        uint64_t max_segments;
        uint64_t settle_msec;
};

/* The fault point of a put: what a test wants to stop is one kind of object ("store-put-record").
 */
const char *store_put_fault_point(const char *name);

/* First member of every driver's request. */
struct StoreRequest {
        Store *store;
};
