/* Files: whole reads with a bound, writes that last, directories. Every function here may wait for
 * a disk: never from the loop thread but at start-up. Paths are absolute or relative to `dirfd`
 * where there is one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads a regular file of at most max_bytes; *ret_data is NUL-terminated and freed by the caller.
 * -ENOENT when there is none; a larger file is ERROR_CONFIG -EFBIG. `otherwise` is the kind for
 * every other failure. */
int file_read(
        const char *path,
        size_t max_bytes,
        ErrorKind otherwise,
        char **ret_data,
        size_t *ret_size,
        Error *err);

/* The same from a descriptor, from offset 0, regular file or memfd only. The descriptor stays open.
 */
typedef struct FileExpected {
        const char *what; /* its name in messages */
        size_t max_bytes;
        ErrorKind otherwise;
} FileExpected;
int file_read_fd(
        int fd, const FileExpected *expected, char **ret_data, size_t *ret_size, Error *err);

/* Creates `path` (O_EXCL under a temporary name, fsync, rename over it, fsync of the directory). */
int file_write_durably(const char *path, const void *data, size_t size, mode_t mode, Error *err);

/* Copies a regular file of at most max_bytes (the size seen at open; growing meanwhile is an
 * error). O_EXCL|O_NOFOLLOW. */
int file_copy(const char *from, const char *to, mode_t mode, uint64_t max_bytes, Error *err);

int write_all(int fd, const void *data, size_t size); /* 0 or negative errno */
int pwrite_all(int fd, const void *data, size_t size, uint64_t offset);
int pread_all(
        int fd, void *data, size_t size, uint64_t offset); /* -ENODATA when the file ends before */
int fsync_directory(const char *path);
int fsync_parent(const char *path);

int directory_make(
        const char *path, mode_t mode, Error *err); /* mkdir -p; 0 also when it is there */
int directory_remove_tree(
        const char *path, Error *err); /* never follows a link; 0 also when absent */
int directory_space(
        const char *path,
        uint64_t *ret_free_bytes,
        Error *err); /* nearest existing parent counts */

char *path_join(const char *a, const char *b); /* NULL: no memory */
char *path_parent(const char *path);
const char *path_name(const char *path); /* the last component, within path */
