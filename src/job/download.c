/* See download.h. Owned by job/restore. What runs on workers (create_run, open_run, rename_run)
 * sees only the work item and what never changes after the start. */
#include "job/download.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "job/slab.h"
#include "job/slices.h"
#include "stream/digest.h"
#include "stream/tar.h"

typedef enum DownloadState {
        DOWNLOAD_CREATING,
        DOWNLOAD_FETCHING,
        DOWNLOAD_RENAMING,
        DOWNLOAD_DONE,
        DOWNLOAD_FAILED,
        DOWNLOAD_STOPPING,
        DOWNLOAD_STOPPED,
        _DOWNLOAD_STATE_MAX,
} DownloadState;

#define TO(state) (1u << (state))
static const uint32_t MOVES[_DOWNLOAD_STATE_MAX] = {
        [DOWNLOAD_CREATING] = TO(DOWNLOAD_FETCHING) | TO(DOWNLOAD_FAILED) | TO(DOWNLOAD_STOPPING),
        [DOWNLOAD_FETCHING] = TO(DOWNLOAD_RENAMING) | TO(DOWNLOAD_FAILED) | TO(DOWNLOAD_STOPPING),
        [DOWNLOAD_RENAMING] = TO(DOWNLOAD_DONE) | TO(DOWNLOAD_FAILED) | TO(DOWNLOAD_STOPPING),
        [DOWNLOAD_DONE] = TO(DOWNLOAD_STOPPING),
        [DOWNLOAD_FAILED] = TO(DOWNLOAD_STOPPING),
        [DOWNLOAD_STOPPING] = TO(DOWNLOAD_STOPPED),
};

/* A segment between its request and its bytes on disk. */
typedef struct Fetch {
        Download *download;
        size_t index;
        uint8_t *buffer;
        StoreRequest *request;
        TarExtent *extents;
        size_t n_extents;
        int r;
        Error error;
        struct Fetch *next;
} Fetch;

struct Download {
        DownloadOptions options;
        DownloadState state;
        AgePayload payload;
        TarLayout *layout;
        char **parts;          /* temporary name of each file */
        char **part_of_member; /* by member; NULL: skipped */
        Slab *slab;
        Fetch *fetches; /* waiting for the store */
        size_t next, n_done;
        unsigned n_working;
        uint64_t bytes;
        int files_r; /* of create_run, rename_run */
        Error files_error;
        Error failure;
        void (*on_stopped)(void *userdata);
        void *stopped_userdata;
};

static void enter(Download *download, DownloadState state) {
        assert(MOVES[download->state] & TO(state));
        download->state = state;
}

static bool is_live(const Download *download) {
        return download->state < DOWNLOAD_DONE;
}

static const RecordVolume *volume_of(const Download *download) {
        return &download->options.source->record.volume;
}

static void end_working(Download *download) {
        download->n_working--;
        if (download->state != DOWNLOAD_STOPPING || download->n_working > 0)
                return;
        enter(download, DOWNLOAD_STOPPED);
        download->on_stopped(download->stopped_userdata);
}

static void report_failure(void *userdata) {
        Download *download = userdata;

        if (download->state == DOWNLOAD_FAILED)
                download->options.on_done(&download->failure, download->options.userdata);
        end_working(download);
}

static void fail(Download *download, const Error *err) {
        if (!is_live(download))
                return;
        enter(download, DOWNLOAD_FAILED);
        download->failure = *err;
        download->n_working++;
        if (loop_post(download->options.service->loop, report_failure, download) < 0)
                report_failure(download);
}

static void end_working_posted(void *userdata) {
        end_working(userdata);
}

/* ---- renaming (worker) ---- */

static int finish_file(const Download *download, size_t i, Error *err) {
        const DownloadFile *file = &download->options.files[i];
        const RecordMember *member = &download->options.source->record.members[file->member];
        CLEANUP(cleanup_close) int fd = open(download->parts[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct timespec times[2] = {{.tv_sec = member->mtime}, {.tv_sec = member->mtime}};

        if (fd < 0 || fchmod(fd, member->mode) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0 ||
            rename(download->parts[i], file->target) < 0)
                return error_set_errno(
                        err,
                        ERROR_INTERNAL,
                        -errno,
                        "file %s cannot be put in place",
                        file->target);
        int r = fsync_parent(file->target);
        return r < 0 ? error_set_errno(err, ERROR_INTERNAL, r, "directory of %s", file->target) : 0;
}

static void rename_run(void *userdata) {
        Download *download = userdata;

        download->files_r = 0;
        for (size_t i = 0; download->files_r >= 0 && i < download->options.n_files; i++)
                download->files_r = finish_file(download, i, &download->files_error);
}

static void rename_done(void *userdata) {
        Download *download = userdata;

        if (!is_live(download))
                return; /* stopped meanwhile */
        if (download->files_r < 0) {
                fail(download, &download->files_error);
                return;
        }
        enter(download, DOWNLOAD_DONE);
        download->options.on_done(NULL, download->options.userdata);
}

static int
start_files_work(Download *download, void (*run)(void *), void (*on_done)(void *), Error *err) {
        WorkFunctions functions = {.run = run, .on_done = on_done, .release = end_working_posted};
        int r = work_start(download->options.service->files, &functions, download, NULL, err);

        if (r >= 0)
                download->n_working++;
        return r;
}

/* ---- opening a segment (worker) ---- */

static int check_digest(const Fetch *fetch, Error *err) {
        const SegmentLine *line = &fetch->download->options.source->segments[fetch->index];
        char md5[65];

        int r = digest_hex(DIGEST_MD5, fetch->buffer, (size_t)line->size, md5, err);
        if (r >= 0 && !string_equal(md5, line->md5))
                r = error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "its digest is %s where the list says %s",
                        md5,
                        line->md5);
        return r;
}

static void open_run(void *userdata) {
        Fetch *fetch = userdata;
        const Download *download = fetch->download;
        const Source *source = download->options.source;
        SliceWriter writer = {
                .extents = fetch->extents,
                .n = fetch->n_extents,
                .start = fetch->index * source->record.volume.segment_size,
                .fd = -1,
        };

        fetch->r = check_digest(fetch, &fetch->error);
        if (fetch->r >= 0)
                fetch->r = age_segment_open(
                        &(AgeFile){
                                &download->payload,
                                source->record.volume.segment_size,
                                NULL,
                                (size_t)source->record.payload_offset},
                        &(AgeSealedSegment){
                                fetch->index,
                                fetch->index + 1 == source->n_segments,
                                fetch->buffer,
                                (size_t)source->segments[fetch->index].size},
                        slice_write,
                        &writer,
                        &fetch->error);
        slice_writer_done(&writer);
        if (fetch->r < 0)
                (void)error_prefix(
                        &fetch->error, "segment %zu of backup %s", fetch->index, source->record.id);
}

/* ---- fetching ---- */

static void fetch_more(Download *download);

static void open_release(void *userdata) {
        Fetch *fetch = userdata;
        Download *download = fetch->download;

        slab_give_back(download->slab, fetch->buffer);
        free(fetch->extents);
        free(fetch);
        if (is_live(download))
                fetch_more(download);
        end_working(download);
}

static void open_done(void *userdata) {
        Fetch *fetch = userdata;
        Download *download = fetch->download;
        Error error = {0};

        if (!is_live(download))
                return;
        if (fetch->r < 0) {
                fail(download, &fetch->error);
                return;
        }
        download->n_done++;
        download->bytes += download->options.source->segments[fetch->index].size;
        download->options.on_progress(
                download->bytes, (uint32_t)download->n_done, download->options.userdata);
        if (!is_live(download) || download->n_done < download->options.source->n_segments)
                return;
        enter(download, DOWNLOAD_RENAMING);
        if (start_files_work(download, rename_run, rename_done, &error) < 0)
                fail(download, &error);
}

static void unlink_fetch(Fetch *fetch) {
        Fetch **link = &fetch->download->fetches;
        while (*link != fetch)
                link = &(*link)->next;
        *link = fetch->next;
}

static void drop_fetch(Fetch *fetch) {
        slab_give_back(fetch->download->slab, fetch->buffer);
        free(fetch->extents);
        free(fetch);
}

static void on_fetched(const StoreReply *reply, void *userdata) {
        static const WorkFunctions functions = {
                .run = open_run, .on_done = open_done, .release = open_release};
        Fetch *fetch = userdata;
        Download *download = fetch->download;
        Error error = {0};
        int r = reply->r;

        unlink_fetch(fetch);
        fetch->request = NULL;
        if (r == -ENOENT)
                (void)error_set(&error, ERROR_INTEGRITY, r, "it is not in the store");
        else if (r < 0)
                error = *reply->err;
        else if (is_live(download))
                r = work_start(download->options.service->sealing, &functions, fetch, NULL, &error);
        if (r >= 0 && is_live(download)) {
                download->n_working++;
                return;
        }
        if (r < 0) {
                (void)error_prefix(
                        &error,
                        "segment %zu of backup %s",
                        fetch->index,
                        download->options.source->record.id);
                fail(download, &error);
        }
        drop_fetch(fetch);
}

static int fetch_extents(Download *download, Fetch *fetch, Error *err) {
        uint64_t segment_size = volume_of(download)->segment_size;
        uint64_t start = fetch->index * segment_size, covered = tar_layout_size(download->layout);

        if (start >= covered)
                return 0;
        uint64_t size = covered - start < segment_size ? covered - start : segment_size;
        return tar_layout_extents(
                download->layout, start, size, &fetch->extents, &fetch->n_extents, err);
}

static int request_segment(Download *download, Fetch *fetch, Error *err) {
        const Source *source = download->options.source;
        const RecordVolume *volume = volume_of(download);
        StoreSegment segment = {
                .attempt = {source->record.instance, source->record.id, volume->attempt},
                .index = fetch->index,
                .offset = age_segment_offset(
                        source->record.payload_offset, volume->segment_size, fetch->index),
                .size = (size_t)source->segments[fetch->index].size,
                .md5 = source->segments[fetch->index].md5,
        };
        if (segment.size > slab_buffer_size(download->slab))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "segment %zu is larger than segment_size allows",
                        fetch->index);
        int r = fetch_extents(download, fetch, err);
        if (r >= 0)
                r = store_get_segment(
                        download->options.service->store,
                        &segment,
                        fetch->buffer,
                        &(StoreCall){on_fetched, fetch, &fetch->request},
                        err);
        return r;
}

static int fetch_one(Download *download, Error *err) {
        Fetch *fetch = calloc(1, sizeof(Fetch));

        if (fetch == NULL)
                return error_oom(err);
        fetch->download = download;
        fetch->index = download->next++;
        fetch->buffer = slab_take(download->slab);
        int r = request_segment(download, fetch, err);
        if (r < 0) {
                drop_fetch(fetch);
                return r;
        }
        fetch->next = download->fetches;
        download->fetches = fetch;
        return 0;
}

static size_t in_flight(const Download *download) {
        size_t n = 0;
        for (const Fetch *fetch = download->fetches; fetch != NULL; fetch = fetch->next)
                n++;
        return n;
}

static void fetch_more(Download *download) {
        Error error = {0};

        while (download->state == DOWNLOAD_FETCHING &&
               download->next < download->options.source->n_segments &&
               slab_available(download->slab) > 0 &&
               in_flight(download) < download->options.settings->config->concurrency)
                if (fetch_one(download, &error) < 0)
                        fail(download, &error);
}

/* ---- creating (worker) ---- */

static int create_file(const Download *download, size_t i, Error *err) {
        const DownloadFile *file = &download->options.files[i];
        uint64_t size = download->options.source->record.members[file->member].size;
        CLEANUP(cleanup_free) char *parent = path_parent(file->target);

        int r = parent == NULL ? error_oom(err) : directory_make(parent, 0750, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_close)
        int fd = open(
                download->parts[i], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(
                        err, ERROR_INTERNAL, -errno, "file %s cannot be made", download->parts[i]);
        /* Room for the whole file now rather than a full disk later; a file system that cannot
         * promise is no error. */
        if (size > 0 && fallocate(fd, 0, 0, (off_t)size) < 0 && errno != EOPNOTSUPP)
                return error_set_errno(
                        err,
                        ERROR_INTERNAL,
                        -errno,
                        "no room for the %llu bytes of %s",
                        (unsigned long long)size,
                        file->target);
        return 0;
}

static void create_run(void *userdata) {
        Download *download = userdata;

        download->files_r = 0;
        for (size_t i = 0; download->files_r >= 0 && i < download->options.n_files; i++)
                download->files_r = create_file(download, i, &download->files_error);
}

static void create_done(void *userdata) {
        Download *download = userdata;

        if (!is_live(download))
                return; /* stopped meanwhile */
        if (download->files_r < 0) {
                fail(download, &download->files_error);
                return;
        }
        enter(download, DOWNLOAD_FETCHING);
        fetch_more(download);
}

/* ---- start, stop ---- */

static int name_parts(Download *download, Error *err) {
        const DownloadOptions *options = &download->options;

        download->parts = calloc(options->n_files + 1, sizeof(char *));
        download->part_of_member = calloc(options->source->record.n_members + 1, sizeof(char *));
        if (download->parts == NULL || download->part_of_member == NULL)
                return error_oom(err);
        for (size_t i = 0; i < options->n_files; i++) {
                download->parts[i] = string_printf("%s.part", options->files[i].target);
                if (download->parts[i] == NULL)
                        return error_oom(err);
                download->part_of_member[options->files[i].member] = download->parts[i];
        }
        return 0;
}

/* The layout that the record implies: the same bytes as when it was made, or the record is not of
 * this tar. */
static int rebuild_layout(Download *download, Error *err) {
        const Record *record = &download->options.source->record;

        int r = tar_layout_new(&download->layout, err);
        for (size_t i = 0; r >= 0 && i < record->n_members; i++) {
                const RecordMember *member = &record->members[i];
                const char *part = download->part_of_member[i];
                TarMember tar = {
                        member->path,
                        part == NULL ? "" : part,
                        member->size,
                        member->mode,
                        member->mtime};
                uint64_t offset = 0;

                r = tar_layout_add(download->layout, &tar, &offset, err);
                if (r >= 0 && offset != member->offset)
                        r = error_set(
                                err,
                                ERROR_INTEGRITY,
                                -EBADMSG,
                                "backup %s: %s is not at the offset the record says",
                                record->id,
                                member->path);
        }
        return r;
}

static int make_slab(Download *download, Error *err) {
        const Source *source = download->options.source;
        const Config *config = download->options.settings->config;
        uint64_t largest =
                source->record.volume.segment_size / AGE_CHUNK_BYTES * AGE_SEALED_CHUNK_BYTES +
                source->record.payload_offset;

        return slab_new(
                config->concurrency + config->threads, (size_t)largest, &download->slab, err);
}

int download_start(const DownloadOptions *options, Download **ret, Error *err) {
        Download *download = calloc(1, sizeof(Download));

        if (download == NULL)
                return error_oom(err);
        download->options = *options;
        download->payload = *options->payload;
        int r = name_parts(download, err);
        if (r >= 0)
                r = rebuild_layout(download, err);
        if (r >= 0)
                r = make_slab(download, err);
        if (r >= 0)
                r = start_files_work(download, create_run, create_done, err);
        if (r < 0) {
                download_free(download);
                return r;
        }
        *ret = download;
        return 0;
}

void download_stop(Download *download, void (*on_stopped)(void *userdata), void *userdata) {
        download->on_stopped = on_stopped;
        download->stopped_userdata = userdata;
        enter(download, DOWNLOAD_STOPPING);
        while (download->fetches != NULL) {
                Fetch *fetch = download->fetches;
                unlink_fetch(fetch);
                store_cancel(fetch->request);
                drop_fetch(fetch);
        }
        download->n_working++;
        if (loop_post(download->options.service->loop, end_working_posted, download) < 0)
                end_working_posted(download);
}

Download *download_free(Download *download) {
        if (download == NULL)
                return NULL;
        assert(download->n_working == 0 && download->fetches == NULL);
        for (size_t i = 0; download->parts != NULL && i < download->options.n_files; i++)
                free(download->parts[i]);
        free(download->parts);
        free(download->part_of_member);
        slab_free(download->slab);
        tar_layout_free(download->layout);
        wipe(&download->payload, sizeof(download->payload));
        free(download);
        return NULL;
}
