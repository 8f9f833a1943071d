/* Directories and paths (base/files.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/strings.h"

/* Each level holds a descriptor open. */
enum { REMOVE_DEPTH_MAX = 100 };

char *path_join(const char *a, const char *b) {
        if (a[0] == '\0')
                return strdup(b);
        while (*b == '/')
                b++;
        return string_printf("%s%s%s", a, string_ends_with(a, "/") ? "" : "/", b);
}

char *path_parent(const char *path) {
        const char *slash = strrchr(path, '/');

        if (slash == NULL)
                return strdup(".");
        return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

const char *path_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash != NULL ? slash + 1 : path;
}

int fsync_directory(const char *path) {
        CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

int fsync_parent(const char *path) {
        CLEANUP(cleanup_free) char *parent = path_parent(path);

        return parent != NULL ? fsync_directory(parent) : -ENOMEM;
}

static int make_one(const char *path, mode_t mode) {
        struct stat st;

        if (mkdir(path, mode) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int directory_make(const char *path, mode_t mode, Error *err) {
        CLEANUP(cleanup_free) char *copy = strdup(path);
        int r = 0;

        if (copy == NULL)
                return error_oom(err);
        for (char *p = copy; r == 0 && *p != '\0';) {
                p += strspn(p, "/");
                p += strcspn(p, "/");
                char separator = *p;

                *p = '\0';
                r = make_one(copy, mode);
                if (r < 0)
                        return error_set_errno(
                                err, ERROR_INTERNAL, r, "Cannot make the directory %s", copy);
                *p = separator;
        }
        return 0;
}

static int remove_at(int parent, const char *name, unsigned depth);

static int remove_entries(DIR *directory, unsigned depth) {
        struct dirent *entry;

        while ((errno = 0, entry = readdir(directory)) != NULL) {
                int r;

                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, ".."))
                        continue;
                r = remove_at(dirfd(directory), entry->d_name, depth + 1);
                if (r < 0)
                        return r;
        }
        return -errno;
}

static int remove_directory_at(int parent, const char *name, unsigned depth) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;
        DIR *directory;

        if (fd < 0)
                return -errno;
        directory = fdopendir(fd);
        if (directory == NULL) {
                r = -errno;
                close(fd);
                return r;
        }
        r = depth < REMOVE_DEPTH_MAX ? remove_entries(directory, depth) : -ELOOP;
        closedir(directory);
        if (r < 0)
                return r;
        return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* What is no directory is unlinked, a symbolic link itself and never its target. */
static int remove_at(int parent, const char *name, unsigned depth) {
        if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        return remove_directory_at(parent, name, depth);
}

int directory_remove_tree(const char *path, Error *err) {
        int r = remove_at(AT_FDCWD, path, 0);

        if (r < 0 && r != -ENOENT)
                return error_set_errno(err, ERROR_INTERNAL, r, "Cannot remove %s", path);
        return 0;
}

int directory_space(const char *path, uint64_t *ret_free_bytes, Error *err) {
        CLEANUP(cleanup_free) char *at = strdup(path);
        struct statvfs st;

        if (at == NULL)
                return error_oom(err);
        while (statvfs(at, &st) < 0) {
                CLEANUP(cleanup_free) char *child = at;
                int r = -errno;

                at = NULL;
                if (r != -ENOENT || string_equal(child, "/") || string_equal(child, "."))
                        return error_set_errno(
                                err, ERROR_INTERNAL, r, "Cannot ask for the space of %s", path);
                at = path_parent(child);
                if (at == NULL)
                        return error_oom(err);
        }
        if (__builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, ret_free_bytes))
                *ret_free_bytes = UINT64_MAX;
        return 0;
}
