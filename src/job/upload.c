/* The pipeline from finished pieces to acknowledged segments. Owned by job/backup; everything here
 * runs on the loop but seal_run() and header_run(), which see only the work item they were given.
 */
#include "job/upload.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "job/extents.h"
#include "job/segment-table.h"
#include "job/slab.h"
#include "ledger/run-key.h"
#include "stream/age.h"

enum { BATCH_MAX = 4 };

typedef enum UploadState {
        UPLOAD_OPENING, /* the header is being made */
        UPLOAD_RUNNING, /* the layout grows */
        UPLOAD_CLOSED,  /* its length is fixed */
        UPLOAD_DONE,
        UPLOAD_FAILED,   /* nothing new is begun; on_done has said why */
        UPLOAD_STOPPING, /* asked to stop: waits for workers */
        UPLOAD_STOPPED,
        _UPLOAD_STATE_MAX,
} UploadState;

static const uint8_t MOVES[_UPLOAD_STATE_MAX] = {
        [UPLOAD_OPENING] = 1 << UPLOAD_RUNNING | 1 << UPLOAD_FAILED | 1 << UPLOAD_STOPPING,
        [UPLOAD_RUNNING] = 1 << UPLOAD_CLOSED | 1 << UPLOAD_FAILED | 1 << UPLOAD_STOPPING,
        [UPLOAD_CLOSED] = 1 << UPLOAD_DONE | 1 << UPLOAD_FAILED | 1 << UPLOAD_STOPPING,
        [UPLOAD_DONE] = 1 << UPLOAD_STOPPING,
        [UPLOAD_FAILED] = 1 << UPLOAD_STOPPING,
        [UPLOAD_STOPPING] = 1 << UPLOAD_STOPPED,
};

/* A segment between its sealing and its acknowledgement. */
typedef struct Transfer {
        Upload *upload;
        uint64_t index;
        uint8_t *buffer;
        size_t size;
        char md5[33];
        StoreRequest *request; /* NULL: waits for its turn */
        struct Transfer *next;
} Transfer;

/* What one worker seals at a time. The extents belong to it; what they point to belongs to the
 * layout, which outlives every worker. */
typedef struct SealBatch {
        Upload *upload;
        size_t n;
        AgeSegment segments[BATCH_MAX];
        TarExtent *extents[BATCH_MAX];
        size_t n_extents[BATCH_MAX];
        int r;
        Error error;
} SealBatch;

struct Upload {
        UploadOptions options;
        char backup_id[37], attempt[9];
        UploadState state;

        TarLayout *layout;
        Slab *slab;
        RunKey *run_key;
        AgePayload payload;
        uint8_t *header;
        size_t header_size;
        char header_sha256[65];

        SegmentTable table;
        uint64_t next_to_seal;

        Transfer *transfers; /* in order of sealing: waiting and in flight */
        unsigned n_in_flight, n_working;

        Error failure;
        int header_r;
        Error header_error;
        void (*on_stopped)(void *userdata);
        void *stopped_userdata;
};

static void enter(Upload *upload, UploadState state) {
        assert(MOVES[upload->state] & 1 << state);
        upload->state = state;
}

static const Config *config_of(const Upload *upload) {
        return upload->options.settings->config;
}

static bool is_live(const Upload *upload) {
        return upload->state == UPLOAD_OPENING || upload->state == UPLOAD_RUNNING ||
               upload->state == UPLOAD_CLOSED;
}

/* Last touch of the upload by what counted as working. */
static void end_working(Upload *upload) {
        upload->n_working--;
        if (upload->state != UPLOAD_STOPPING || upload->n_working > 0)
                return;
        enter(upload, UPLOAD_STOPPED);
        upload->on_stopped(upload->stopped_userdata);
}

static void end_working_posted(void *userdata) {
        end_working(userdata);
}

static void report_failure(void *userdata) {
        Upload *upload = userdata;

        if (upload->state == UPLOAD_FAILED)
                upload->options.on_done(&upload->failure, upload->options.userdata);
        end_working(upload);
}

/* The owner hears of it from the loop, never from inside its own call. */
static void fail(Upload *upload, const Error *err) {
        if (!is_live(upload))
                return;
        enter(upload, UPLOAD_FAILED);
        upload->failure = *err;
        upload->n_working++;
        if (loop_post(upload->options.service->loop, report_failure, upload) < 0)
                report_failure(upload);
}

/* ---- sealing ---- */

static void seal_run(void *userdata) {
        SealBatch *batch = userdata;
        Upload *upload = batch->upload;
        ExtentReader readers[BATCH_MAX];
        uint64_t segment_size = config_of(upload)->segment_size;

        for (size_t i = 0; i < batch->n; i++) {
                readers[i] = (ExtentReader){
                        batch->extents[i],
                        batch->n_extents[i],
                        batch->segments[i].index * segment_size};
                batch->segments[i].read = extent_read;
                batch->segments[i].userdata = &readers[i];
        }
        batch->r = fault_point("upload-seal");
        if (batch->r < 0) {
                batch->r = error_set_errno(
                        &batch->error,
                        ERROR_INTERNAL,
                        batch->r,
                        "segment %llu cannot be sealed",
                        (unsigned long long)batch->segments[0].index);
                return;
        }
        batch->r = age_segments_seal(
                &(AgeFile){&upload->payload, segment_size, upload->header, upload->header_size},
                batch->segments,
                batch->n,
                &batch->error);
        for (size_t i = 0; batch->r >= 0 && i < batch->n; i++)
                batch->r = run_key_append(
                        upload->run_key,
                        batch->segments[i].index,
                        batch->segments[i].ret_size,
                        batch->segments[i].ret_md5,
                        &batch->error);
}

static void seal_release(void *userdata) {
        SealBatch *batch = userdata;
        Upload *upload = batch->upload;

        for (size_t i = 0; i < batch->n; i++) {
                if (batch->segments[i].buffer != NULL)
                        slab_give_back(upload->slab, batch->segments[i].buffer);
                free(batch->extents[i]);
        }
        free(batch);
        end_working(upload);
}

static void send_next(Upload *upload);
static void seal_next(Upload *upload);

static int queue_transfer(Upload *upload, AgeSegment *segment, Error *err) {
        Transfer *transfer = calloc(1, sizeof(Transfer));
        if (transfer == NULL)
                return error_oom(err);

        transfer->upload = upload;
        transfer->index = segment->index;
        transfer->buffer = segment->buffer;
        transfer->size = segment->ret_size;
        memcpy(transfer->md5, segment->ret_md5, sizeof(transfer->md5));
        segment->buffer = NULL;
        memcpy(upload->table.segments[segment->index].md5, segment->ret_md5, sizeof(transfer->md5));
        upload->table.segments[segment->index].size = segment->ret_size;

        Transfer **end = &upload->transfers;
        while (*end != NULL)
                end = &(*end)->next;
        *end = transfer;
        return 0;
}

static void seal_done(void *userdata) {
        SealBatch *batch = userdata;
        Upload *upload = batch->upload;
        int r = batch->r;

        if (!is_live(upload))
                return;
        for (size_t i = 0; r >= 0 && i < batch->n; i++)
                r = queue_transfer(upload, &batch->segments[i], &batch->error);
        if (r < 0) {
                fail(upload, &batch->error);
                return;
        }
        send_next(upload);
}

/* How many segments may be sealed now, from next_to_seal on: wholly covered ones, and the last one
 * once the layout is closed. */
static uint64_t sealable_end(const Upload *upload) {
        uint64_t size = tar_layout_size(upload->layout),
                 segment_size = config_of(upload)->segment_size;

        if (upload->state == UPLOAD_CLOSED)
                return age_segment_count(size, segment_size);
        return upload->state == UPLOAD_RUNNING ? size / segment_size : 0;
}

static int fill_batch(Upload *upload, SealBatch *batch, size_t n, Error *err) {
        uint64_t total = tar_layout_size(upload->layout),
                 segment_size = config_of(upload)->segment_size;

        for (; batch->n < n; batch->n++) {
                AgeSegment *segment = &batch->segments[batch->n];
                uint64_t start = (upload->next_to_seal + batch->n) * segment_size;

                segment->index = upload->next_to_seal + batch->n;
                segment->plaintext_size =
                        total - start < segment_size ? total - start : segment_size;
                segment->last = upload->state == UPLOAD_CLOSED &&
                                segment->index + 1 == age_segment_count(total, segment_size);
                int r = tar_layout_extents(
                        upload->layout,
                        start,
                        segment->plaintext_size,
                        &batch->extents[batch->n],
                        &batch->n_extents[batch->n],
                        err);
                if (r < 0)
                        return r;
                segment->buffer = slab_take(upload->slab);
                segment->buffer_size = slab_buffer_size(upload->slab);
        }
        return 0;
}

static int seal_batch(Upload *upload, size_t n, Error *err) {
        static const WorkFunctions functions = {
                .run = seal_run, .on_done = seal_done, .release = seal_release};
        SealBatch *batch = calloc(1, sizeof(SealBatch));

        if (batch == NULL)
                return error_oom(err);
        batch->upload = upload;
        upload->n_working++;
        int r = segment_table_reserve(&upload->table, upload->next_to_seal + n, err);
        if (r >= 0)
                r = fill_batch(upload, batch, n, err);
        if (r >= 0)
                r = work_start(upload->options.service->sealing, &functions, batch, NULL, err);
        if (r < 0) {
                seal_release(batch); /* cannot be the last worker of a stop: we are live */
                return r;
        }
        upload->next_to_seal += n;
        return 0;
}

/* Fills the free buffers. The share of one worker stays small enough for all of them to have work.
 */
static void seal_next(Upload *upload) {
        Error error = {0};

        while (is_live(upload)) {
                uint64_t ready = sealable_end(upload);
                size_t available = slab_available(upload->slab);
                size_t n =
                        ready > upload->next_to_seal ? (size_t)(ready - upload->next_to_seal) : 0;
                size_t share =
                        (available + config_of(upload)->threads - 1) / config_of(upload)->threads;

                if (n > share)
                        n = share;
                if (n > BATCH_MAX)
                        n = BATCH_MAX;
                if (n == 0)
                        return;
                if (seal_batch(upload, n, &error) < 0)
                        fail(upload, &error);
        }
}

/* ---- sending ---- */

static void unlink_transfer(Transfer *transfer) {
        Transfer **link = &transfer->upload->transfers;
        while (*link != transfer)
                link = &(*link)->next;
        *link = transfer->next;
}

static void finish_if_complete(Upload *upload) {
        if (upload->state != UPLOAD_CLOSED ||
            upload->table.n_stored <
                    age_segment_count(
                            tar_layout_size(upload->layout), config_of(upload)->segment_size))
                return;
        enter(upload, UPLOAD_DONE);
        upload->options.on_done(NULL, upload->options.userdata);
}

static void on_segment_stored(const StoreReply *reply, void *userdata) {
        Transfer *transfer = userdata;
        Upload *upload = transfer->upload;
        uint64_t index = transfer->index;
        Error error = {0};

        unlink_transfer(transfer);
        slab_give_back(upload->slab, transfer->buffer);
        free(transfer);
        upload->n_in_flight--;
        if (reply->r < 0) {
                error = *reply->err;
                (void)error_prefix(
                        &error,
                        "segment %llu of backup %s",
                        (unsigned long long)index,
                        upload->backup_id);
                fail(upload, &error);
                return;
        }
        segment_table_mark_stored(&upload->table, index);
        if (!is_live(upload))
                return;
        send_next(upload);
        seal_next(upload);
        if (is_live(upload))
                upload->options.on_progress(upload->options.userdata);
        finish_if_complete(upload);
}

static int send_transfer(Upload *upload, Transfer *transfer, Error *err) {
        StoreSegment segment = {
                .attempt = {config_of(upload)->instance, upload->backup_id, upload->attempt},
                .index = transfer->index,
                .offset = age_segment_offset(
                        upload->header_size, config_of(upload)->segment_size, transfer->index),
                .size = transfer->size,
                .md5 = transfer->md5,
        };
        int r = store_put_segment(
                upload->options.service->store,
                &segment,
                transfer->buffer,
                &(StoreCall){on_segment_stored, transfer, &transfer->request},
                err);
        if (r >= 0)
                upload->n_in_flight++;
        return r;
}

static void send_next(Upload *upload) {
        Error error = {0};

        for (Transfer *transfer = upload->transfers; transfer != NULL; transfer = transfer->next) {
                if (!is_live(upload) || upload->n_in_flight >= config_of(upload)->concurrency)
                        return;
                if (transfer->request == NULL && send_transfer(upload, transfer, &error) < 0) {
                        fail(upload, &error);
                        return;
                }
        }
}

/* ---- the header ---- */

static void header_run(void *userdata) {
        Upload *upload = userdata;
        uint8_t digest[32];

        upload->header_r = age_header_make(
                upload->options.settings->recipients,
                &upload->payload,
                &upload->header,
                &upload->header_size,
                &upload->header_error);
        if (upload->header_r < 0)
                return;
        if (age_header_digest(upload->header, upload->header_size, digest) < 0) {
                upload->header_r = error_set(
                        &upload->header_error,
                        ERROR_CONFIG,
                        -EIO,
                        "OpenSSL offers no SHA-256 for the header's digest");
                return;
        }
        format_hex(digest, sizeof(digest), upload->header_sha256);
        upload->header_r = run_key_create(
                upload->options.service->runtime_directory,
                upload->backup_id,
                upload->attempt,
                &(RunKeyStart){upload->payload.key, upload->header, upload->header_size},
                &upload->run_key,
                &upload->header_error);
}

static void header_done(void *userdata) {
        Upload *upload = userdata;

        if (upload->state != UPLOAD_OPENING)
                return; /* stopped meanwhile */
        if (upload->header_r < 0) {
                fail(upload, &upload->header_error);
                return;
        }
        enter(upload, UPLOAD_RUNNING);
        upload->options.on_ready(upload->options.userdata);
}

/* ---- for job/backup ---- */

/* The owner is on its way to hear of a failure: what it does meanwhile fails for the same cause. */
static int has_failed(const Upload *upload, Error *err) {
        if (upload->state != UPLOAD_FAILED)
                return 0;
        if (err != NULL)
                *err = upload->failure;
        return upload->failure.r < 0 ? upload->failure.r : -EIO;
}

int upload_add(Upload *upload, const TarMember *member, uint64_t *ret_offset, Error *err) {
        int r = has_failed(upload, err);
        if (r < 0)
                return r;
        assert(upload->state == UPLOAD_RUNNING);
        r = tar_layout_add(upload->layout, member, ret_offset, err);
        if (r < 0)
                return r;

        uint64_t n =
                age_segment_count(tar_layout_size(upload->layout), config_of(upload)->segment_size);
        if (n > upload->options.max_segments)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "the backup needs more than the %llu segments of %llu bytes that the store "
                        "takes: use a larger segment_size",
                        (unsigned long long)upload->options.max_segments,
                        (unsigned long long)config_of(upload)->segment_size);
        seal_next(upload);
        return 0;
}

int upload_close(Upload *upload, Error *err) {
        int r = has_failed(upload, err);
        if (r < 0)
                return r;
        assert(upload->state == UPLOAD_RUNNING);
        r = tar_layout_close(upload->layout);
        if (r < 0)
                return error_set_errno(
                        err,
                        ERROR_INTERNAL,
                        r,
                        "the tar of backup %s cannot be ended",
                        upload->backup_id);
        enter(upload, UPLOAD_CLOSED);
        seal_next(upload);
        return 0;
}

const TarLayout *upload_layout(const Upload *upload) {
        return upload->layout;
}

uint64_t upload_stored_below(const Upload *upload) {
        uint64_t below = upload->table.stored_prefix * config_of(upload)->segment_size;
        uint64_t size = tar_layout_size(upload->layout);
        return below < size ? below : size;
}

uint64_t upload_stored_bytes(const Upload *upload) {
        return upload->table.stored_bytes;
}

uint32_t upload_stored_segments(const Upload *upload) {
        return (uint32_t)upload->table.n_stored;
}

uint64_t upload_sealed_size(const Upload *upload) {
        return age_sealed_size(upload->header_size, tar_layout_size(upload->layout));
}

void upload_result(const Upload *upload, UploadResult *ret) {
        assert(upload->state == UPLOAD_DONE);
        *ret = (UploadResult){
                .size = upload_sealed_size(upload),
                .payload_offset = upload->header_size,
                .segments = upload->table.segments,
                .n_segments = (size_t)upload->table.n_stored,
        };
        memcpy(ret->header_sha256, upload->header_sha256, sizeof(ret->header_sha256));
}

void upload_stop(Upload *upload, void (*on_stopped)(void *userdata), void *userdata) {
        upload->on_stopped = on_stopped;
        upload->stopped_userdata = userdata;
        enter(upload, UPLOAD_STOPPING);
        while (upload->transfers != NULL) {
                Transfer *transfer = upload->transfers;
                unlink_transfer(transfer);
                store_cancel(transfer->request);
                slab_give_back(upload->slab, transfer->buffer);
                free(transfer);
        }
        upload->n_in_flight = 0;
        upload->n_working++;
        if (loop_post(upload->options.service->loop, end_working_posted, upload) < 0)
                end_working_posted(upload);
}

static size_t largest_segment(const Config *config, const AgeRecipients *recipients) {
        size_t n = age_recipients_count(recipients);
        /* Header and nonce of segment 0; a scrypt stanza is no longer than two of X25519. */
        size_t header = 256 + 100 * (n > 2 ? n : 2);
        return (size_t)(config->segment_size / AGE_CHUNK_BYTES) * AGE_SEALED_CHUNK_BYTES + header;
}

int upload_start(const UploadOptions *options, Upload **ret, Error *err) {
        static const WorkFunctions functions = {
                .run = header_run, .on_done = header_done, .release = end_working_posted};
        const Config *config = options->settings->config;
        Upload *upload = calloc(1, sizeof(Upload));

        if (upload == NULL)
                return error_oom(err);
        upload->options = *options;
        (void)snprintf(upload->backup_id, sizeof(upload->backup_id), "%s", options->backup_id);
        (void)snprintf(upload->attempt, sizeof(upload->attempt), "%s", options->attempt);
        int r = tar_layout_new(&upload->layout, err);
        if (r >= 0)
                r = slab_new(
                        config->concurrency + config->threads,
                        largest_segment(config, options->settings->recipients),
                        &upload->slab,
                        err);
        if (r >= 0)
                r = work_start(options->service->sealing, &functions, upload, NULL, err);
        if (r < 0) {
                upload->state = UPLOAD_STOPPED;
                upload_free(upload);
                return r;
        }
        upload->n_working = 1;
        *ret = upload;
        return 0;
}

Upload *upload_free(Upload *upload) {
        if (upload == NULL)
                return NULL;
        assert(upload->n_working == 0 && upload->transfers == NULL);
        slab_free(upload->slab);
        tar_layout_free(upload->layout);
        run_key_free(upload->run_key);
        wipe(&upload->payload, sizeof(upload->payload));
        free(upload->header);
        segment_table_done(&upload->table);
        free(upload);
        return NULL;
}
