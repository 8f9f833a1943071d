/* The store: create-only objects and segments. One interface, two drivers (directory, swift).
 *
 * Names of objects are those of the contract, relative to the container:
 * "<instance>/<backup_id>/backup.json". Nothing is ever overwritten. Every call is asynchronous by
 * the rule of event/loop.h; a driver retries passing failures by itself for retry_time and reports
 * only what is final. A request is cancelled with store_cancel(); buffers given to it live until
 * on_done or the cancel. Link seam: tests/fakes/store.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Store Store;
typedef struct StoreRequest StoreRequest;

typedef struct StoreEntry {
        const char *name; /* relative to the container (objects) */
        uint64_t size;
        uint64_t modified_usec; /* CLOCK_REALTIME; Swift: whole seconds or better */
} StoreEntry;

/* What a request came to. Everything in it is valid within on_done only. */
typedef struct StoreReply {
        int r; /* 0, or a negative errno with err set; -ENOENT: StoreNotFound; -EEXIST: another
                  content has that name already */
        const Error *err;    /* NULL when r == 0 */
        bool already_there;  /* a PUT found its own bytes (a reply that was lost, a restart) */
        const uint8_t *data; /* get_object */
        size_t size;
        const char *etag; /* put_object, get_object, commit, stat: MD5 in lower-case hex, without
                             quotes; SLO: as Swift computes it */
        uint64_t object_size;      /* commit, stat */
        const StoreEntry *entries; /* list: sorted by name (bytes) */
        size_t n_entries;
} StoreReply;
typedef void (*StoreDone)(const StoreReply *reply, void *userdata);

/* Whom a request reports to, and where its caller finds it again. Read before the call returns. */
typedef struct StoreCall {
        StoreDone on_done;
        void *userdata;
        StoreRequest **ret; /* NULL: it will not be cancelled */
} StoreCall;

/* One attempt of one backup: where its segments go. */
typedef struct StoreAttempt {
        const char *instance;
        const char *backup_id;
        const char *attempt; /* 8 hex digits */
} StoreAttempt;

typedef struct StoreSegment {
        StoreAttempt attempt;
        uint64_t index;
        uint64_t offset; /* of its first byte in the whole file */
        size_t size;
        const char *md5; /* lower-case hex, of its bytes */
} StoreSegment;

typedef struct StoreCommitSegment {
        uint64_t size;
        char md5[33];
} StoreCommitSegment;

/* A driver: one static const of these. */
typedef struct StoreDriver StoreDriver;

Store *store_free(Store *store); /* no request may be left */
DEFINE_CLEANUP(Store, store);

/* NULL: nothing. on_done will not run, and the caller's buffers are its own again when this
 * returns, also while a worker is still at it: it waits at most for a copy of memory. What the
 * request had begun may still take effect. */
void store_cancel(StoreRequest *request);

/* Creates what must be there (containers, directories) and proves that the store answers. */
int store_open(Store *store, const StoreCall *call, Error *err);

/* Small objects (at most LIMIT_RECORD_BYTES * 2). put is create-only: the same bytes already there
 * is success with already_there. */
int store_put_object(
        Store *store,
        const char *name,
        const void *data,
        size_t size,
        const StoreCall *call,
        Error *err);
int store_get_object(
        Store *store, const char *name, size_t max_size, const StoreCall *call, Error *err);
int store_remove_object(
        Store *store, const char *name, const StoreCall *call, Error *err); /* absent: success */
/* Size and etag of any object; directory: the large object's etag follows from the object
 * `segments` beside it, NULL before that is there. */
int store_stat_object(Store *store, const char *name, const StoreCall *call, Error *err);

/* Every object whose name begins with prefix ("" for all): a listing lags and proves nothing by
 * what it lacks. */
int store_list(Store *store, const char *prefix, const StoreCall *call, Error *err);

/* Segments. put returns when the bytes are durable and acknowledged with our MD5; bytes that
 * have another are Integrity. Its data lives until on_done or the cancel. */
int store_put_segment(
        Store *store,
        const StoreSegment *segment,
        const void *data,
        const StoreCall *call,
        Error *err);
/* Reads the whole segment into buffer (segment->size bytes); a shorter or longer one is Integrity.
 * Its MD5 is the caller's to check. Before the commit the segment is looked for at its attempt,
 * afterwards too (Swift: the segment's object; directory: the committed file or the part). */
int store_get_segment(
        Store *store, const StoreSegment *segment, void *buffer, const StoreCall *call, Error *err);
/* Is it there, with this size (and, where the store knows it, this MD5)? -ENOENT or Integrity when
 * not. Directory: the file has it in its length. */
int store_stat_segment(
        Store *store, const StoreSegment *segment, const StoreCall *call, Error *err);
/* Removes every segment and sub-manifest of an attempt (attempt->attempt NULL: of every attempt of
 * the backup). Absent: success. */
int store_remove_segments(
        Store *store, const StoreAttempt *attempt, const StoreCall *call, Error *err);

/* Makes "<instance>/<backup_id>/backup.tar.age" of all segments (in Swift the large object) and
 * reads it back: reply has its etag and size. A second commit of the same segments succeeds with
 * already_there. The array may go when the call returns. */
int store_commit(
        Store *store,
        const StoreAttempt *attempt,
        const StoreCommitSegment *segments,
        size_t n_segments,
        const StoreCall *call,
        Error *err);
/* Removes the large object itself, not its segments (directory: the file, which is both). Absent:
 * success. */
int store_remove_large_object(
        Store *store,
        const char *instance,
        const char *backup_id,
        const StoreCall *call,
        Error *err);

/* Of one backup; UINT64_MAX: no limit. Valid after store_open. */
uint64_t store_max_segments(const Store *store);
/* Two create-only PUTs at once may both succeed: read back so long after; 0: they do not. */
uint64_t store_settle_msec(const Store *store);
/* Free space for segments in object_size, UINT64_MAX where it cannot be known. */
int store_space(Store *store, const StoreCall *call, Error *err);
const char *store_container(const Store *store); /* begins every location: container or path */
const char *store_describe(const Store *store);  /* for people: "directory /mnt/backup" */
void store_set_rate(Store *store, uint64_t bytes_per_sec); /* all transfers together; 0: no limit */

/* Names of segments as Swift has them, "<instance>/<backup_id>/<attempt>/<%08u>" (the `segments`
 * object lists them for both drivers). Caller frees. */
char *store_segment_name(const StoreAttempt *attempt, uint64_t index);
/* The etag of the whole as Swift computes it: MD5 of the concatenated lower-case hex MD5s; of more
 * segments than max (0: no limit), of the sub-manifests of max segments each. */
int store_large_object_etag(
        const StoreCommitSegment *segments, size_t n, size_t max, char ret[33], Error *err);
