/* The plaintext of a segment, taken apart: what belongs to a file is written to it at its offset,
 * what the record implies (headers, padding) is compared. Plain file functions: call from worker
 * threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/tar.h"

typedef struct SliceWriter {
        const TarExtent *extents; /* of the segment; a source of "" is a file that is not wanted */
        size_t n;
        uint64_t start;        /* where the first extent lies in the plaintext */
        const char *open_path; /* the file that is open */
        int fd;                /* -1 at the beginning */
} SliceWriter;
void slice_writer_done(SliceWriter *writer);

/* An AgeWrite. Bytes beyond the last extent are passed over: they belong to what the record does
 * not list. Integrity: a header is not what the record implies. */
int slice_write(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err);
