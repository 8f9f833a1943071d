/* The overlap: members join the layout as RMAN finishes them, wholly covered segments are sealed
 * once into slab buffers on the sealing pool, and up to `concurrency` of them are on their way to
 * the store at a time. A segment is sealed once; its digest is in the run key's file before its
 * first byte leaves; the store retries from that buffer. Memory is the slab: a sick store stops
 * sealing by itself.
 *
 * States: opening -> running -> closed -> done, or stopping -> stopped from each
 * (docs/architecture.md). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "job/service.h"
#include "stream/tar.h"

typedef struct Upload Upload;

typedef struct UploadOptions {
        Service *service;
        Settings *settings; /* segment size, concurrency, threads, recipients; lives as long as the
                               upload */
        const char *backup_id;               /* copied */
        const char *attempt;                 /* copied */
        uint64_t max_segments;               /* of the store: TooLarge beyond */
        void (*on_ready)(void *userdata);    /* the header is made, members may be added */
        void (*on_progress)(void *userdata); /* a segment was acknowledged */
        void (*on_done)(
                const Error *err, void *userdata); /* once: every segment of the closed layout is
                                                      acknowledged, or the first failure */
        void *userdata;
} UploadOptions;

int upload_start(const UploadOptions *options, Upload **ret, Error *err);
/* Stops sealing and sending; on_stopped when no worker and no request is left (later, from the
 * loop). No other callback any more. */
void upload_stop(Upload *upload, void (*on_stopped)(void *userdata), void *userdata);
Upload *upload_free(Upload *upload); /* NULL, done, failed-and-stopped, or stopped only */

/* Members in the order they are finished. The file at member->source must not change any more.
 * TooLarge, Integrity (path); after a failure that on_done is about to tell: that failure. */
int upload_add(Upload *upload, const TarMember *member, uint64_t *ret_offset, Error *err);
int upload_close(Upload *upload, Error *err); /* fixes the length; on_done follows */
const TarLayout *upload_layout(const Upload *upload);

/* Every byte of the plaintext below this offset is acknowledged by the store. */
uint64_t upload_stored_below(const Upload *upload);
uint64_t upload_stored_bytes(const Upload *upload); /* ciphertext acknowledged */
uint32_t upload_stored_segments(const Upload *upload);

/* After on_done without an error. */
typedef struct UploadResult {
        uint64_t size; /* of the whole file */
        uint64_t payload_offset;
        char header_sha256[65];
        const StoreCommitSegment *segments; /* belongs to the upload */
        size_t n_segments;
} UploadResult;
void upload_result(const Upload *upload, UploadResult *ret);
/* Exact once closed, else of what is covered so far. */
uint64_t upload_sealed_size(const Upload *upload);
