/* See directory-place.h. */
#include "store/directory-place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/strings.h"

enum { MAX_TRIES = 16, COMPONENT_BYTES = 256 };
/* A temporary file this old is nobody's any more. */
static const uint64_t STALE_USEC = UINT64_C(3600) * 1000000;

void place_done(Place *place) {
        if (place->directory >= 0)
                close(place->directory);
        free(place->path);
        free(place->root);
        *place = PLACE_NONE;
}

int directory_failed(int r, const char *action, const char *path, Error *err) {
        if (r == -ENOENT)
                return error_set(err, ERROR_STORE_NOT_FOUND, r, "%s is not in the store", path);
        if (r == -ELOOP || r == -ENOTDIR)
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        r,
                        "%s is a symbolic link or no directory; the store follows no links",
                        path);
        return error_set_errno(err, ERROR_STORE_UNAVAILABLE, r, "%s %s", action, path);
}

int directory_open_root(const DirectoryTask *task, int *ret, Error *err) {
        CLEANUP(cleanup_close)
        int fd = open(task->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        /* Not -ENOENT: without the store nothing is known of what is in it. */
        if (fd < 0 && errno == ENOENT)
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -ESTALE,
                        "The store %s is not there: is its file system mounted?",
                        task->root);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(
                        err, ERROR_STORE_UNAVAILABLE, -errno, "Opening the store %s", task->root);
        /* A file system that was unmounted leaves an empty directory to write into. */
        if (task->has_identity && (st.st_dev != task->device || st.st_ino != task->inode))
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -ESTALE,
                        "%s is another directory than at the start: is its file system mounted?",
                        task->root);
        *ret = TAKE_FD(fd);
        return 0;
}

static bool component_is_fine(const char *component, size_t length) {
        return length > 0 && length < COMPONENT_BYTES && component[0] != '.';
}

static bool name_is_fine(const char *name) {
        for (;;) {
                size_t length = strcspn(name, "/");
                if (!component_is_fine(name, length))
                        return false;
                if (name[length] == '\0')
                        return true;
                name += length + 1;
        }
}

/* One step down. */
static int enter(int directory, const char *component, bool create) {
        for (int i = 0; i < MAX_TRIES; i++) {
                int fd = openat(
                        directory, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0 || errno != ENOENT || !create)
                        return fd >= 0 ? fd : -errno;
                if (mkdirat(directory, component, 0750) < 0 && errno != EEXIST)
                        return errno == ENOENT ? -EAGAIN : -errno;
        }
        return -EAGAIN;
}

/* -EAGAIN: a directory on the way was removed meanwhile. */
static int descend(int root, const char *name, bool create, int *ret) {
        CLEANUP(cleanup_close) int fd = root;
        for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
                char component[COMPONENT_BYTES];
                memcpy(component, name, (size_t)(slash - name));
                component[slash - name] = '\0';
                int next = enter(fd, component, create);
                if (next < 0)
                        return next;
                close(fd);
                fd = next;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

static int open_directory(
        const DirectoryTask *task,
        const char *name,
        bool create,
        const char *path,
        Error *err,
        int *ret) {
        int r = -EAGAIN;
        for (int i = 0; r == -EAGAIN && i < MAX_TRIES; i++) {
                int root;
                r = directory_open_root(task, &root, err);
                if (r < 0)
                        return r;
                r = descend(root, name, create, ret);
        }
        return r < 0 ? directory_failed(r, "Opening the directory of", path, err) : 0;
}

int place_open(const DirectoryTask *task, const char *name, bool create, Place *ret, Error *err) {
        CLEANUP(place_done) Place place = PLACE_NONE;
        if (!name_is_fine(name))
                return error_set(
                        err, ERROR_INVALID_ARGS, -EINVAL, "'%s' is no name for the store", name);
        place.path = path_join(task->root, name);
        place.root = strdup(task->root);
        if (place.path == NULL || place.root == NULL)
                return error_oom(err);
        place.leaf = path_name(place.path);
        int r = open_directory(task, name, create, place.path, err, &place.directory);
        if (r < 0)
                return r;
        *ret = place;
        place = PLACE_NONE; /* NOLINT(clang-analyzer-deadcode.DeadStores): the cleanup reads it */
        return 0;
}

int place_open_of_backup(
        const DirectoryTask *task, const char *file, bool create, Place *ret, Error *err) {
        CLEANUP(cleanup_free)
        char *name = string_printf("%s/%s/%s", task->asked.instance, task->asked.backup_id, file);
        if (name == NULL)
                return error_oom(err);
        return place_open(task, name, create, ret, err);
}

int place_open_file(const Place *place, int flags, int *ret, struct stat *ret_st, Error *err) {
        CLEANUP(cleanup_close)
        int fd = openat(place->directory, place->leaf, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return directory_failed(-errno, "Opening", place->path, err);
        if (!S_ISREG(st.st_mode))
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -EINVAL,
                        "%s is not a regular file",
                        place->path);
        *ret = TAKE_FD(fd);
        if (ret_st != NULL)
                *ret_st = st;
        return 0;
}

/* Goes up from the directory of the leaf to the root; `each` says whether to go on. */
static int walk_up(const Place *place, int (*each)(const char *directory, bool is_root)) {
        CLEANUP(cleanup_free) char *path = strdup(place->path);
        size_t root = strlen(place->root);
        if (path == NULL)
                return -ENOMEM;
        for (;;) {
                char *slash = strrchr(path, '/');
                if (slash == NULL)
                        return 0;
                *slash = '\0';
                bool is_root = strlen(path) <= root;
                int r = each(is_root ? place->root : path, is_root);
                if (r != 0 || is_root)
                        return r;
        }
}

static int sync_one(const char *directory, bool is_root) {
        return fsync_directory(directory);
}

int place_sync(const Place *place, Error *err) {
        int r = walk_up(place, sync_one);
        return r < 0 ? directory_failed(r == -ENOENT ? -EIO : r, "Syncing", place->path, err) : 0;
}

static bool is_stale(int directory, const char *name) {
        struct stat st;
        uint64_t now = clock_realtime_usec();
        if (name[0] != '.' || !string_ends_with(name, ".tmp") ||
            fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime < 0)
                return false;
        return (uint64_t)st.st_mtime * 1000000 + STALE_USEC < now;
}

/* What a put left that was cut off by a crash. */
static void remove_stale(const char *directory) {
        DIR *stream = opendir(directory);
        if (stream == NULL)
                return;
        for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
                if (is_stale(dirfd(stream), entry->d_name))
                        (void)unlinkat(dirfd(stream), entry->d_name, 0);
        closedir(stream);
}

static int prune_one(const char *directory, bool is_root) {
        if (is_root)
                return 1;
        if (rmdir(directory) == 0)
                return 0;
        remove_stale(directory);
        return rmdir(directory) == 0 ? 0 : 1;
}

void place_prune(const Place *place) {
        (void)walk_up(place, prune_one);
}
