/* The segments of an upload by index: size and digest once sealed, and which of them the store has
 * acknowledged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

typedef struct SegmentTable {
        StoreCommitSegment *segments;
        bool *stored;
        size_t n_allocated;
        uint64_t n_stored;
        uint64_t stored_prefix; /* all below are stored */
        uint64_t stored_bytes;
} SegmentTable;
void segment_table_done(SegmentTable *table);

int segment_table_reserve(SegmentTable *table, uint64_t n, Error *err); /* room for n segments */
void segment_table_mark_stored(SegmentTable *table, uint64_t index);
