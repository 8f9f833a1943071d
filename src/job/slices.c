/* See slices.h. Called by job/download on worker threads. */
#include "job/slices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"

static int write_to_file(
        SliceWriter *writer,
        const TarExtent *extent,
        uint64_t skip,
        const void *bytes,
        size_t size,
        Error *err) {
        if (extent->source[0] == '\0')
                return 0; /* a member that is not wanted */
        if (writer->open_path != extent->source) {
                if (writer->fd >= 0)
                        close(writer->fd);
                writer->fd = open(extent->source, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
                writer->open_path = extent->source;
        }
        int r = writer->fd < 0 ? -errno
                               : pwrite_all(writer->fd, bytes, size, extent->offset + skip);
        return r < 0 ? error_set_errno(
                               err, ERROR_INTERNAL, r, "file %s cannot be written", extent->source)
                     : 0;
}

static bool is_all_zero(const uint8_t *bytes, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (bytes[i] != 0)
                        return false;
        return true;
}

static int take_extent(
        SliceWriter *writer,
        const TarExtent *extent,
        uint64_t skip,
        const void *bytes,
        size_t size,
        Error *err) {
        bool same = true;

        switch (extent->type) {
        case TAR_EXTENT_FILE:
                return write_to_file(writer, extent, skip, bytes, size, err);
        case TAR_EXTENT_BYTES:
                same = memcmp(extent->bytes + skip, bytes, size) == 0;
                break;
        case TAR_EXTENT_ZERO:
                same = is_all_zero(bytes, size);
                break;
        }
        return same ? 0
                    : error_set(
                              err,
                              ERROR_INTEGRITY,
                              -EBADMSG,
                              "a header in the tar is not what the record implies");
}

int slice_write(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        SliceWriter *writer = userdata;
        uint64_t position = writer->start;
        const uint8_t *from = bytes;

        for (size_t i = 0; i < writer->n && size > 0; i++) {
                const TarExtent *extent = &writer->extents[i];
                uint64_t end = position + extent->size;

                if (offset < end) {
                        uint64_t skip = offset - position;
                        size_t part =
                                extent->size - skip < size ? (size_t)(extent->size - skip) : size;
                        int r = take_extent(writer, extent, skip, from, part, err);
                        if (r < 0)
                                return r;
                        from += part;
                        offset += part;
                        size -= part;
                }
                position = end;
        }
        return 0; /* what is left belongs to orabackup.json and the end of the tar */
}

void slice_writer_done(SliceWriter *writer) {
        if (writer->fd >= 0)
                close(writer->fd);
        writer->fd = -1;
}
