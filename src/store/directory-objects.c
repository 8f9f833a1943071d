/* Small objects of the directory driver: a name appears with its whole content or not at all, and
 * never changes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "base/strings.h"
#include "store/directory-place.h"
#include "stream/digest.h"

enum { MD5_DIGITS = 32 };

static int set_etag(DirectoryTask *task, const void *bytes, size_t size, Error *err) {
        char hex[65];
        int r = digest_hex(DIGEST_MD5, bytes, size, hex, err);
        if (r < 0)
                return r;
        memcpy(task->etag, hex, MD5_DIGITS);
        task->etag[MD5_DIGITS] = '\0';
        task->has_etag = true;
        return 0;
}

/* The whole of a file of `size` bytes; one byte of room more, so that nothing is no NULL. */
static int read_whole(int fd, size_t size, const char *path, uint8_t **ret, Error *err) {
        CLEANUP(cleanup_free) uint8_t *data = malloc(size + 1);
        if (data == NULL)
                return error_oom(err);
        int r = pread_all(fd, data, size, 0);
        if (r < 0) {
                r = r == -ENODATA ? -EIO : r;
                (void)directory_failed(r, "Reading", path, err);
                return r;
        }
        *ret = TAKE_PTR(data);
        return 0;
}

/* The name is taken: 0 when by these very bytes. */
static int compare_existing(DirectoryTask *task, const Place *place, Error *err) {
        CLEANUP(cleanup_close) int fd = -1;
        CLEANUP(cleanup_free) uint8_t *data = NULL;
        struct stat st;
        int r = place_open_file(place, O_RDONLY, &fd, &st, err);
        if (r < 0)
                return r;
        bool same = (uint64_t)st.st_size == task->asked.size;
        if (same) {
                r = read_whole(fd, task->asked.size, place->path, &data, err);
                if (r < 0)
                        return r;
                same = task->asked.size == 0 ||
                       memcmp(data, task->asked.object, task->asked.size) == 0;
        }
        if (!same)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EEXIST,
                        "%s is there already with another content: somebody else writes here",
                        place->path);
        if (fsync(fd) < 0)
                return directory_failed(-errno, "Syncing", place->path, err);
        task->already_there = true;
        return 0;
}

static int write_temporary(const DirectoryTask *task, const Place *place, const char *name) {
        CLEANUP(cleanup_close)
        int fd = openat(
                place->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = task->asked.size > 0 ? write_all(fd, task->asked.object, task->asked.size) : 0;
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

/* -EEXIST: the name is taken. */
static int create(const DirectoryTask *task, const Place *place) {
        char suffix[9], name[320];
        random_hex8(suffix);
        snprintf(name, sizeof(name), ".%.255s.%s.tmp", place->leaf, suffix);
        int r = write_temporary(task, place, name);
        if (r == 0 && linkat(place->directory, name, place->directory, place->leaf, 0) < 0)
                r = -errno;
        (void)unlinkat(place->directory, name, 0);
        return r;
}

static bool is_there(const Place *place) {
        return faccessat(place->directory, place->leaf, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* -EAGAIN: the directory was removed under our hands, being empty. */
static int try_put(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        int r = place_open(task, task->asked.name, true, &place, err);
        if (r < 0)
                return r;
        r = is_there(&place) ? -EEXIST : create(task, &place);
        if (r == -ENOENT)
                return -EAGAIN;
        if (r == -EEXIST)
                r = compare_existing(task, &place, err);
        else if (r < 0) {
                place_prune(&place);
                return directory_failed(r, "Writing", place.path, err);
        }
        return r < 0 ? r : place_sync(&place, err);
}

int directory_put_object(DirectoryTask *task, Error *err) {
        int r = -EAGAIN;
        for (int i = 0; r == -EAGAIN && i < 8; i++)
                r = try_put(task, err);
        if (r == -EAGAIN)
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        r,
                        "The directory of %s is removed again and again",
                        task->asked.name);
        return r < 0 ? r : set_etag(task, task->asked.object, task->asked.size, err);
}

int directory_get_object(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        struct stat st;
        int r = place_open(task, task->asked.name, false, &place, err);
        if (r >= 0)
                r = place_open_file(&place, O_RDONLY, &fd, &st, err);
        if (r < 0)
                return r;
        if ((uint64_t)st.st_size > task->asked.size)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EFBIG,
                        "%s has %lld bytes, at most %zu are allowed",
                        place.path,
                        (long long)st.st_size,
                        task->asked.size);
        r = read_whole(fd, (size_t)st.st_size, place.path, &task->data, err);
        if (r < 0)
                return r;
        task->data_size = (size_t)st.st_size;
        task->object_size = (uint64_t)st.st_size;
        return set_etag(task, task->data, task->data_size, err);
}

/* The digests of the object `segments`, one a line, joined: what Swift takes the MD5 of. */
static int join_digests(const char *text, Text *ret) {
        for (const char *line = text; *line != '\0'; line++) {
                if (strspn(line, "0123456789abcdef") != MD5_DIGITS)
                        return -EBADMSG;
                text_append_bytes(ret, line, MD5_DIGITS);
                line = strchr(line, '\n');
                if (line == NULL)
                        return -EBADMSG;
        }
        return ret->failed ? -ENOMEM : 0;
}

/* The etag of a large object follows from its `segments`; before that is written there is none. */
static int set_large_etag(DirectoryTask *task, const Place *place, Error *err) {
        CLEANUP(cleanup_close)
        int fd = openat(place->directory, "segments", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(cleanup_free) uint8_t *text = NULL;
        CLEANUP(text_done) Text digests = TEXT_INIT;
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        int r = read_whole(fd, (size_t)st.st_size, place->path, &text, err);
        if (r < 0)
                return r;
        text[st.st_size] = '\0';
        if (join_digests((const char *)text, &digests) < 0)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "The segment list beside %s is damaged",
                        place->path);
        return set_etag(task, text_get(&digests), digests.length, err);
}

int directory_stat_object(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        CLEANUP(cleanup_close) int fd = -1;
        CLEANUP(cleanup_free) uint8_t *data = NULL;
        struct stat st;
        int r = place_open(task, task->asked.name, false, &place, err);
        if (r >= 0)
                r = place_open_file(&place, O_RDONLY, &fd, &st, err);
        if (r < 0)
                return r;
        task->object_size = (uint64_t)st.st_size;
        if (string_equal(place.leaf, "backup.tar.age"))
                return set_large_etag(task, &place, err);
        r = read_whole(fd, (size_t)st.st_size, place.path, &data, err);
        return r < 0 ? r : set_etag(task, data, (size_t)st.st_size, err);
}

int directory_remove_object(DirectoryTask *task, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        int r = place_open(task, task->asked.name, false, &place, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (unlinkat(place.directory, place.leaf, 0) < 0 && errno != ENOENT)
                return directory_failed(-errno, "Removing", place.path, err);
        if (fsync(place.directory) < 0)
                return directory_failed(-errno, "Syncing the directory of", place.path, err);
        place_prune(&place);
        return 0;
}
