/* See extents.h. Called by job/upload on worker threads. */
#include "job/extents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"

static int
read_file_extent(const TarExtent *extent, uint64_t skip, void *buffer, size_t size, Error *err) {
        CLEANUP(cleanup_close) int fd = open(extent->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set_errno(
                        err,
                        ERROR_INTEGRITY,
                        -errno,
                        "staged file %s cannot be read",
                        extent->source);
        if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != extent->file_size)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -ESTALE,
                        "staged file %s has %lld bytes where RMAN had finished it with %llu",
                        extent->source,
                        (long long)st.st_size,
                        (unsigned long long)extent->file_size);
        int r = pread_all(fd, buffer, size, extent->offset + skip);
        if (r < 0)
                return error_set_errno(
                        err, ERROR_INTEGRITY, r, "staged file %s cannot be read", extent->source);
        return 0;
}

static int
read_extent(const TarExtent *extent, uint64_t skip, void *buffer, size_t size, Error *err) {
        switch (extent->type) {
        case TAR_EXTENT_BYTES:
                memcpy(buffer, extent->bytes + skip, size);
                return 0;
        case TAR_EXTENT_ZERO:
                memset(buffer, 0, size);
                return 0;
        case TAR_EXTENT_FILE:
                return read_file_extent(extent, skip, buffer, size, err);
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "unknown extent in the layout");
}

int extent_read(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err) {
        const ExtentReader *reader = userdata;
        uint64_t position = reader->start;
        uint8_t *to = buffer;

        for (size_t i = 0; i < reader->n && size > 0; i++) {
                const TarExtent *extent = &reader->extents[i];
                uint64_t end = position + extent->size;

                if (offset < end) {
                        uint64_t skip = offset - position;
                        size_t part =
                                extent->size - skip < size ? (size_t)(extent->size - skip) : size;
                        int r = read_extent(extent, skip, to, part, err);
                        if (r < 0)
                                return r;
                        to += part;
                        offset += part;
                        size -= part;
                }
                position = end;
        }
        if (size > 0)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -EINVAL,
                        "the layout does not reach to where a segment ends");
        return 0;
}
