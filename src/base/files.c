/* Whole files: read with a bound, written so that they last, copied. Directories are in
 * directories.c. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "base/strings.h"

enum { COPY_BLOCK_BYTES = 64 * 1024, READ_BYTES_MIN = 4096 };

int write_all(int fd, const void *data, size_t size) {
        const uint8_t *from = data;

        while (size > 0) {
                ssize_t n = write(fd, from, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                from += n;
                size -= (size_t)n;
        }
        return 0;
}

int pwrite_all(int fd, const void *data, size_t size, uint64_t offset) {
        const uint8_t *from = data;

        while (size > 0) {
                ssize_t n = pwrite(fd, from, size, (off_t)offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                from += n;
                size -= (size_t)n;
                offset += (uint64_t)n;
        }
        return 0;
}

/* Reads until size bytes or the end of the file. */
static int pread_most(int fd, void *data, size_t size, uint64_t offset, size_t *ret_size) {
        uint8_t *to = data;
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, to + done, size - done, (off_t)(offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t)n;
        }
        *ret_size = done;
        return 0;
}

int pread_all(int fd, void *data, size_t size, uint64_t offset) {
        size_t done;
        int r = pread_most(fd, data, size, offset, &done);

        if (r < 0)
                return r;
        return done < size ? -ENODATA : 0;
}

static int check_regular(int fd, struct stat *ret, const char *what, ErrorKind kind, Error *err) {
        if (fstat(fd, ret) < 0)
                return error_set_errno(err, kind, -errno, "Cannot read %s", what);
        if (S_ISDIR(ret->st_mode))
                return error_set(
                        err, kind, -EISDIR, "%s is a directory; a file is wanted here", what);
        if (!S_ISREG(ret->st_mode))
                return error_set(
                        err, kind, -EINVAL, "%s is no regular file; one is wanted here", what);
        return 0;
}

static int too_large(const char *what, size_t max_bytes, Error *err) {
        return error_set(err, ERROR_CONFIG, -EFBIG, "%s is larger than %zu bytes", what, max_bytes);
}

int file_read_fd(
        int fd, const FileExpected *expected, char **ret_data, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_free) char *data = NULL;
        const char *what = expected->what;
        const size_t max_bytes = expected->max_bytes;
        size_t capacity = READ_BYTES_MIN, size = 0;
        struct stat st;
        int r;

        r = check_regular(fd, &st, what, expected->otherwise, err);
        if (r < 0)
                return r;
        if ((uint64_t)st.st_size > max_bytes)
                return too_large(what, max_bytes, err);
        /* Files of /proc say 0 and have more: one byte beyond the limit is asked for. */
        if ((uint64_t)st.st_size < READ_BYTES_MIN)
                capacity = max_bytes < READ_BYTES_MIN ? max_bytes : READ_BYTES_MIN;
        else
                capacity = (size_t)st.st_size;
        data = malloc(capacity + 1);
        if (data == NULL)
                return error_oom(err);
        r = pread_most(fd, data, capacity + 1, 0, &size);
        if (r < 0)
                return error_set_errno(err, expected->otherwise, r, "Cannot read %s", what);
        if (size > max_bytes)
                return too_large(what, max_bytes, err);
        if (size > capacity)
                return error_set(
                        err, expected->otherwise, -EAGAIN, "%s grew while it was read", what);
        data[size] = '\0';
        *ret_data = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int file_read(
        const char *path,
        size_t max_bytes,
        ErrorKind otherwise,
        char **ret_data,
        size_t *ret_size,
        Error *err) {
        /* O_NONBLOCK: a pipe under this name must not stop us before we see that it is one. */
        CLEANUP(cleanup_close)
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return error_set_errno(err, otherwise, -errno, "Cannot read %s", path);
        return file_read_fd(
                fd, &(FileExpected){path, max_bytes, otherwise}, ret_data, ret_size, err);
}

static int write_and_sync(int fd, const void *data, size_t size, mode_t mode) {
        int r = write_all(fd, data, size);

        if (r < 0)
                return r;
        return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static char *temporary_name(const char *path) {
        CLEANUP(cleanup_free) char *parent = path_parent(path);
        char hex[9];

        if (parent == NULL)
                return NULL;
        random_hex8(hex);
        return string_printf("%s/.%.200s.%s.tmp", parent, path_name(path), hex);
}

int file_write_durably(const char *path, const void *data, size_t size, mode_t mode, Error *err) {
        CLEANUP(cleanup_free) char *temporary = temporary_name(path);
        CLEANUP(cleanup_close) int fd = -1;
        int r;

        if (temporary == NULL)
                return error_oom(err);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Cannot write %s", path);
        r = write_and_sync(fd, data, size, mode);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                unlink(temporary);
                return error_set_errno(err, ERROR_INTERNAL, r, "Cannot write %s", path);
        }
        r = fsync_parent(path);
        if (r < 0)
                return error_set_errno(
                        err, ERROR_INTERNAL, r, "Cannot synchronise the directory of %s", path);
        return 0;
}

/* Exactly size bytes; one more or one less in the source is an error. */
static int copy_bytes(int from, int to, uint64_t size) {
        CLEANUP(cleanup_free) uint8_t *block = malloc(COPY_BLOCK_BYTES);
        uint64_t offset = 0;
        size_t n = 0;
        int r;

        if (block == NULL)
                return -ENOMEM;
        do {
                r = pread_most(from, block, COPY_BLOCK_BYTES, offset, &n);
                if (r < 0)
                        return r;
                if (n > size - offset)
                        return -EBUSY;
                r = write_all(to, block, n);
                if (r < 0)
                        return r;
                offset += n;
        } while (n > 0);
        return offset == size ? 0 : -EBUSY;
}

int file_copy(const char *from, const char *to, mode_t mode, uint64_t max_bytes, Error *err) {
        CLEANUP(cleanup_close)
        int in = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        CLEANUP(cleanup_close) int out = -1;
        struct stat st;
        int r;

        if (in < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Cannot read %s", from);
        r = check_regular(in, &st, from, ERROR_INTERNAL, err);
        if (r < 0)
                return r;
        if ((uint64_t)st.st_size > max_bytes)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -EFBIG,
                        "%s is larger than %ju bytes",
                        from,
                        (uintmax_t)max_bytes);
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (out < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Cannot create %s", to);
        r = copy_bytes(in, out, (uint64_t)st.st_size);
        if (r == 0 && (fchmod(out, mode) < 0 || fsync(out) < 0))
                r = -errno;
        if (r == 0)
                return 0;
        unlink(to);
        if (r == -EBUSY)
                return error_set(err, ERROR_INTERNAL, r, "%s changed while it was copied", from);
        return error_set_errno(err, ERROR_INTERNAL, r, "Cannot copy %s to %s", from, to);
}
