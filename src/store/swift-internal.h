/* What the parts of the Swift driver share: the store and the call. */
#pragma once

#include "event/http.h"
#include "event/timer.h"
#include "event/work.h"
#include "store/asked.h"
#include "store/driver.h"
#include "store/entries.h"
#include "store/swift-delete.h"
#include "store/swift-page.h"
#include "store/swift-put.h"
#include "store/swift-request.h"
#include "store/swift-token.h"
#include "store/swift-window.h"
#include "store/swift.h"

/* What the cluster says of itself in /info; where it says nothing, what every cluster can. */
typedef struct SwiftInfo {
        uint64_t max_manifest_segments; /* as we use it */
        bool has_heartbeat;
        uint64_t listing_names; /* of one page of a listing, as we ask for them */
        uint64_t max_deletes;   /* of one bulk delete; 0: it has none */
} SwiftInfo;

void swift_info_init(SwiftInfo *info);
int swift_info_read(const char *body, size_t size, SwiftInfo *ret, Error *err);

/* A segment whose PUT was cancelled when all of it was under way: it may still appear. */
enum { SWIFT_DOUBTS_MAX = 64 };
typedef struct SwiftDoubt SwiftDoubt;
struct SwiftDoubt {
        SwiftDoubt *next;
        char *name;
        uint64_t since_usec;
};

struct SwiftStore {
        Store base;
        Loop *loop;
        WorkPool *workers;
        HttpClient *client;
        SwiftTokens *tokens;
        SwiftWindow window;
        SwiftInfo info;
        SwiftDoubt *doubts;
        char *segment_container;
        uint64_t retry_time_msec;
        unsigned buffers;
        size_t n_calls;
};

/* One call of store.h. */
typedef struct SwiftCall SwiftCall;
struct SwiftCall {
        StoreRequest base;
        SwiftStore *store;
        StoreAsked asked;
        StoreDone on_done;
        void *userdata;
        /* What is under way for it. */
        SwiftRequest *request;
        SwiftPut *put;
        SwiftPage *page;
        void *part; /* of a call with many steps; freed by part_free */
        void (*part_free)(void *part);
        struct SwiftPause *pause; /* swift-fault.c */
        uint64_t fault_usec;      /* when a fault point first failed; 0: none did */
        unsigned n_mismatches;    /* answers whose bytes were damaged */
        /* What it came to. */
        bool already_there;
        char etag[33]; /* "" : none */
        uint64_t object_size;
        uint8_t *data;
        size_t data_size;
        StoreEntries entries;
};

/* Ends the call: err NULL is success. Nothing of the call may be touched afterwards. */
void swift_call_end(SwiftCall *call, const Error *err);
/* Everything that is under way and everything it came to so far. True: see swift_request_cancel().
 */
bool swift_call_stop(SwiftCall *call);

/* Begin what the call is for; an error means that nothing was begun. */
int swift_open(SwiftCall *call, Error *err);
int swift_put_object(SwiftCall *call, Error *err);
int swift_get_object(SwiftCall *call, Error *err);
int swift_remove_object(SwiftCall *call, Error *err);
int swift_stat_object(SwiftCall *call, Error *err);
int swift_list(SwiftCall *call, Error *err);
int swift_put_segment(SwiftCall *call, Error *err);
int swift_get_segment(SwiftCall *call, Error *err);
int swift_stat_segment(SwiftCall *call, Error *err);
int swift_remove_segments(SwiftCall *call, Error *err);
int swift_commit(SwiftCall *call, Error *err);
int swift_remove_large_object(SwiftCall *call, Error *err);

/* Fault points, in builds that have them; elsewhere nothing. A worker waits there, and `passed` is
 * told from the loop. 1: nothing to wait for; 0: `passed` comes; or an error. */
int swift_fault_pass(
        SwiftCall *call,
        const char *suffix,
        void (*passed)(SwiftCall *call, const Error *err),
        Error *err);
/* Before the point is passed again after it failed. */
int swift_fault_wait(SwiftCall *call, void (*waited)(SwiftCall *call), Error *err);
void swift_fault_cancel(SwiftCall *call);
