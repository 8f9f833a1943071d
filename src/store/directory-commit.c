/* The commit of the directory driver: the part, complete, gets the name of the backup. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "base/strings.h"
#include "store/directory-place.h"

static const char TAR_NAME[] = "backup.tar.age";

static int total_size(const DirectoryTask *task, uint64_t *ret, Error *err) {
        uint64_t total = 0;
        for (size_t i = 0; i < task->asked.n_segments; i++)
                if (__builtin_add_overflow(total, task->asked.segments[i].size, &total))
                        return error_set(
                                err, ERROR_INTERNAL, -EOVERFLOW, "The segments are too large");
        *ret = total;
        return 0;
}

/* Which segment holds this byte: for a message. */
static size_t segment_at(const DirectoryTask *task, uint64_t offset) {
        uint64_t end = 0;
        for (size_t i = 0; i < task->asked.n_segments; i++) {
                end += task->asked.segments[i].size;
                if (offset < end)
                        return i;
        }
        return task->asked.n_segments;
}

/* Its length, and no hole where a segment was never written. */
static int
check_whole(const DirectoryTask *task, const char *path, int fd, uint64_t total, Error *err) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return directory_failed(-errno, "Reading", path, err);
        if ((uint64_t)st.st_size != total)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "%s has %lld bytes, its segments have %" PRIu64,
                        path,
                        (long long)st.st_size,
                        total);
        off_t hole = lseek(fd, 0, SEEK_HOLE);
        if (hole >= 0 && (uint64_t)hole < total)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "%s lacks segment %zu",
                        path,
                        segment_at(task, (uint64_t)hole));
        return 0;
}

static bool is_same_file(const Place *tar, int fd) {
        struct stat of_part, of_tar;
        return fstat(fd, &of_part) == 0 &&
               fstatat(tar->directory, tar->leaf, &of_tar, AT_SYMLINK_NOFOLLOW) == 0 &&
               of_part.st_dev == of_tar.st_dev && of_part.st_ino == of_tar.st_ino;
}

/* Two names for a moment; a crash between leaves both, and the next commit goes on. */
static int
rename_part(DirectoryTask *task, const Place *part, const Place *tar, int fd, Error *err) {
        if (fsync(fd) < 0)
                return directory_failed(-errno, "Syncing", part->path, err);
        if (linkat(part->directory, part->leaf, tar->directory, tar->leaf, 0) < 0) {
                if (errno != EEXIST)
                        return directory_failed(-errno, "Naming", tar->path, err);
                if (!is_same_file(tar, fd))
                        return error_set(
                                err,
                                ERROR_INTEGRITY,
                                -EEXIST,
                                "%s is there already: somebody else writes here",
                                tar->path);
                task->already_there = true;
        }
        int r = place_sync(tar, err);
        if (r == 0)
                r = fault_point("store-commit-linked");
        if (r < 0)
                return directory_failed(r, "Naming", tar->path, err);
        if (unlinkat(part->directory, part->leaf, 0) < 0 && errno != ENOENT)
                return directory_failed(-errno, "Removing", part->path, err);
        return fsync(part->directory) < 0
                       ? directory_failed(-errno, "Syncing the directory of", part->path, err)
                       : 0;
}

static int commit_part(DirectoryTask *task, const Place *tar, uint64_t total, Error *err) {
        CLEANUP(cleanup_free) char *file = string_printf("%s.part", task->asked.attempt);
        CLEANUP(place_done) Place part = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        if (file == NULL)
                return error_oom(err);
        int r = place_open_of_backup(task, file, false, &part, err);
        if (r == 0)
                r = place_open_file(&part, O_RDONLY, &fd, NULL, err);
        if (r == 0)
                r = check_whole(task, part.path, fd, total, err);
        return r < 0 ? r : rename_part(task, &part, tar, fd, err);
}

/* What the name now holds. */
static int read_back(DirectoryTask *task, const Place *tar, uint64_t total, Error *err) {
        CLEANUP(cleanup_close) int fd = -1;
        int r = place_open_file(tar, O_RDONLY, &fd, NULL, err);
        if (r == 0)
                r = check_whole(task, tar->path, fd, total, err);
        if (r == 0)
                r = store_large_object_etag(
                        task->asked.segments, task->asked.n_segments, 0, task->etag, err);
        if (r < 0)
                return r;
        task->has_etag = true;
        task->object_size = total;
        return 0;
}

int directory_commit(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place tar = PLACE_NONE;
        uint64_t total = 0;
        int r = total_size(task, &total, err);
        if (r >= 0)
                r = place_open_of_backup(task, TAR_NAME, false, &tar, err);
        if (r < 0)
                return r;
        r = commit_part(task, &tar, total, err);
        if (r == -ENOENT && faccessat(tar.directory, tar.leaf, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                task->already_there = true; /* a reply that was lost */
        else if (r < 0)
                return r;
        return read_back(task, &tar, total, err);
}

int directory_remove_large_object(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place tar = PLACE_NONE;
        int r = place_open_of_backup(task, TAR_NAME, false, &tar, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (unlinkat(tar.directory, tar.leaf, 0) < 0 && errno != ENOENT)
                return directory_failed(-errno, "Removing", tar.path, err);
        if (fsync(tar.directory) < 0)
                return directory_failed(-errno, "Syncing the directory of", tar.path, err);
        place_prune(&tar);
        return 0;
}
