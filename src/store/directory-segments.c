/* Segments of the directory driver: one file an attempt, <attempt>.part, each segment at its offset
 * and on the disk before it is acknowledged.
 *
 * The caller's buffer is only touched while a slice is copied, under the task's lock: a cancel
 * waits for a copy of memory, never for the disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/files.h"
#include "base/strings.h"
#include "store/directory-place.h"
#include "stream/digest.h"

static const char TAR_NAME[] = "backup.tar.age";

static bool is_cancelled(DirectoryTask *task) {
        pthread_mutex_lock(&task->lock);
        bool cancelled = task->cancelled;
        pthread_mutex_unlock(&task->lock);
        return cancelled;
}

/* Moves a slice between the caller's memory and ours; -ECANCELED when it is the caller's again. */
static int copy_slice(DirectoryTask *task, size_t at, uint8_t *slice, size_t size) {
        pthread_mutex_lock(&task->lock);
        int r = task->cancelled ? -ECANCELED : 0;
        if (r == 0 && task->asked.bytes != NULL)
                memcpy(slice, task->asked.bytes + at, size);
        else if (r == 0)
                memcpy(task->asked.buffer + at, slice, size);
        pthread_mutex_unlock(&task->lock);
        return r;
}

static size_t slice_size(const DirectoryTask *task, size_t at) {
        size_t left = task->asked.size - at;
        return left < DIRECTORY_SLICE_BYTES ? left : DIRECTORY_SLICE_BYTES;
}

static int check_md5(DirectoryTask *task, Digest *digest, const char *path, Error *err) {
        char hex[65];
        int r = digest_final_hex(digest, hex);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, r, "MD5 cannot be computed");
        if (!string_equal(hex, task->asked.md5))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "Segment %" PRIu64 " of %s has MD5 %s, not %s",
                        task->asked.index,
                        path,
                        hex,
                        task->asked.md5);
        memcpy(task->etag, task->asked.md5, sizeof(task->etag));
        task->has_etag = true;
        return 0;
}

static int write_slices(DirectoryTask *task, int fd, Digest *digest, uint8_t *slice) {
        for (size_t at = 0; at < task->asked.size;) {
                size_t size = slice_size(task, at);
                int r = copy_slice(task, at, slice, size);
                if (r == 0)
                        r = digest_update(digest, slice, size);
                if (r == 0)
                        r = pwrite_all(fd, slice, size, task->asked.offset + at);
                if (r < 0)
                        return r;
                at += size;
        }
        return fdatasync(fd) < 0 ? -errno : 0;
}

static int write_segment(DirectoryTask *task, const Place *place, int fd, Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        CLEANUP(cleanup_free) uint8_t *slice = malloc(DIRECTORY_SLICE_BYTES);
        if (slice == NULL)
                return error_oom(err);
        int r = digest_new(DIGEST_MD5, &digest, err);
        if (r < 0)
                return r;
        r = write_slices(task, fd, digest, slice);
        if (r < 0)
                return error_set_errno(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        r,
                        "Writing segment %" PRIu64 " to %s",
                        task->asked.index,
                        place->path);
        r = check_md5(task, digest, place->path, err);
        return r < 0 || task->durable ? r : place_sync(place, err);
}

/* Reads the segment slice by slice; into the caller's memory when it wants it. */
static int read_slices(DirectoryTask *task, int fd, Digest *digest, uint8_t *slice) {
        for (size_t at = 0; at < task->asked.size;) {
                size_t size = slice_size(task, at);
                int r = pread_all(fd, slice, size, task->asked.offset + at);
                if (r == 0 && digest != NULL)
                        r = digest_update(digest, slice, size);
                if (r == 0 && task->asked.buffer != NULL)
                        r = copy_slice(task, at, slice, size);
                if (r < 0)
                        return r;
                at += size;
        }
        return 0;
}

static int
read_segment(DirectoryTask *task, const Place *place, int fd, Digest *digest, Error *err) {
        CLEANUP(cleanup_free) uint8_t *slice = malloc(DIRECTORY_SLICE_BYTES);
        if (slice == NULL)
                return error_oom(err);
        int r = read_slices(task, fd, digest, slice);
        if (r == -ENODATA)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        r,
                        "%s ends before the end of segment %" PRIu64,
                        place->path,
                        task->asked.index);
        if (r < 0)
                return error_set_errno(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        r,
                        "Reading segment %" PRIu64 " of %s",
                        task->asked.index,
                        place->path);
        return 0;
}

/* Already committed: the same bytes may be sent again, others not. */
static int put_committed(DirectoryTask *task, const Place *place, int fd, Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        int r = digest_new(DIGEST_MD5, &digest, err);
        if (r == 0)
                r = read_segment(task, place, fd, digest, err);
        if (r == 0)
                r = check_md5(task, digest, place->path, err);
        if (r == -EBADMSG || r == -ENODATA)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EEXIST,
                        "%s is complete and has another segment %" PRIu64,
                        place->path,
                        task->asked.index);
        task->already_there = r == 0;
        return r;
}

static int open_part(const DirectoryTask *task, bool create, Place *ret, Error *err) {
        CLEANUP(cleanup_free) char *file = string_printf("%s.part", task->asked.attempt);
        if (file == NULL)
                return error_oom(err);
        return place_open_of_backup(task, file, create, ret, err);
}

static int open_tar(const DirectoryTask *task, Place *ret, int *ret_fd, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        int r = place_open_of_backup(task, TAR_NAME, false, &place, err);
        if (r == 0)
                r = place_open_file(&place, O_RDONLY, ret_fd, NULL, err);
        if (r < 0)
                return r;
        *ret = place;
        place = PLACE_NONE;
        return 0;
}

/* A cancelled put may come late, when its attempt was removed already: it leaves nothing. */
static int create_part(DirectoryTask *task, const Place *place, int *ret, Error *err) {
        CLEANUP(cleanup_close)
        int fd =
                openat(place->directory,
                       place->leaf,
                       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0640);
        if (fd < 0 && errno == EEXIST)
                return place_open_file(place, O_RDWR, ret, NULL, err);
        if (fd < 0)
                return directory_failed(
                        errno == ENOENT ? -EAGAIN : -errno, "Creating", place->path, err);
        if (is_cancelled(task)) {
                (void)unlinkat(place->directory, place->leaf, 0);
                place_prune(place);
                return error_set(err, ERROR_CANCELLED, -ECANCELED, "Cancelled");
        }
        *ret = TAKE_FD(fd);
        return 0;
}

int directory_put_segment(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        CLEANUP(place_done) Place tar = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        if (is_cancelled(task))
                return error_set(err, ERROR_CANCELLED, -ECANCELED, "Cancelled");
        int r = open_part(task, true, &place, err);
        if (r < 0)
                return r;
        r = place_open_file(&place, O_RDWR, &fd, NULL, err);
        if (r == -ENOENT) {
                r = open_tar(task, &tar, &fd, err);
                if (r == 0)
                        return put_committed(task, &tar, fd, err);
                if (r == -ENOENT)
                        r = create_part(task, &place, &fd, err);
        }
        return r < 0 ? r : write_segment(task, &place, fd, err);
}

/* The part before the commit, the whole afterwards. */
static int open_either(const DirectoryTask *task, Place *ret, int *ret_fd, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        int r = open_part(task, false, &place, err);
        if (r == 0)
                r = place_open_file(&place, O_RDONLY, ret_fd, NULL, err);
        if (r == -ENOENT)
                return open_tar(task, ret, ret_fd, err);
        if (r < 0)
                return r;
        *ret = place;
        place = PLACE_NONE;
        return 0;
}

int directory_get_segment(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        int r = open_either(task, &place, &fd, err);
        return r < 0 ? r : read_segment(task, &place, fd, NULL, err);
}

/* A later segment makes the file long enough for earlier ones: those are holes, as far as the file
 * system knows holes. */
static bool has_hole(int fd, uint64_t offset, uint64_t size) {
        off_t hole = lseek(fd, (off_t)offset, SEEK_HOLE);
        return hole >= 0 && (uint64_t)hole < offset + size;
}

int directory_stat_segment(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        struct stat st;
        uint64_t end;
        int r = open_either(task, &place, &fd, err);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return directory_failed(-errno, "Reading", place.path, err);
        if (__builtin_add_overflow(task->asked.offset, task->asked.size, &end) ||
            end > (uint64_t)st.st_size || has_hole(fd, task->asked.offset, task->asked.size))
                return error_set(
                        err,
                        ERROR_STORE_NOT_FOUND,
                        -ENOENT,
                        "Segment %" PRIu64 " is not in %s",
                        task->asked.index,
                        place.path);
        task->object_size = task->asked.size;
        return 0;
}

static bool is_part_of(const DirectoryTask *task, const char *name) {
        if (task->asked.attempt != NULL)
                return string_starts_with(name, task->asked.attempt) &&
                       string_equal(name + strlen(task->asked.attempt), ".part");
        return string_ends_with(name, ".part");
}

static int remove_parts(const DirectoryTask *task, const Place *place, Error *err) {
        int fd = fcntl(place->directory, F_DUPFD_CLOEXEC, 0);
        DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;
        int r = 0;
        if (stream == NULL) {
                r = directory_failed(-errno, "Reading the directory of", place->path, err);
                if (fd >= 0)
                        close(fd);
                return r;
        }
        while (r == 0 && (entry = readdir(stream)) != NULL)
                if (is_part_of(task, entry->d_name) &&
                    unlinkat(place->directory, entry->d_name, 0) < 0 && errno != ENOENT)
                        r = directory_failed(-errno, "Removing", place->path, err);
        closedir(stream);
        return r;
}

int directory_remove_segments(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        int r = place_open_of_backup(task, TAR_NAME, false, &place, err);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = remove_parts(task, &place, err);
        if (r < 0)
                return r;
        if (fsync(place.directory) < 0)
                return directory_failed(-errno, "Syncing the directory of", place.path, err);
        place_prune(&place);
        return 0;
}
