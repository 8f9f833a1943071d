/* The plaintext of a segment, read from what the layout says it consists of. Plain file functions:
 * call from worker threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/tar.h"

typedef struct ExtentReader {
        const TarExtent *extents;
        size_t n;
        uint64_t start; /* where the first extent lies in the plaintext */
} ExtentReader;

/* An AgeRead: exactly `size` bytes of the plaintext from `offset`, which lies within the extents.
 * Integrity: a staged file is gone or has another size than when it was finished. userdata is an
 * ExtentReader. */
int extent_read(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err);
