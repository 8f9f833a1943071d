/* Plain bookkeeping. Owned by job/upload. */
#include "job/segment-table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ALLOCATION = 64 };

int segment_table_reserve(SegmentTable *table, uint64_t n, Error *err) {
        size_t more = table->n_allocated == 0 ? FIRST_ALLOCATION : table->n_allocated * 2;

        if (n <= table->n_allocated)
                return 0;
        if (more < n)
                more = (size_t)n;
        StoreCommitSegment *segments =
                reallocarray(table->segments, more, sizeof(StoreCommitSegment));
        if (segments == NULL)
                return error_oom(err);
        table->segments = segments;
        bool *stored = reallocarray(table->stored, more, sizeof(bool));
        if (stored == NULL)
                return error_oom(err);
        table->stored = stored;
        memset(segments + table->n_allocated,
               0,
               (more - table->n_allocated) * sizeof(StoreCommitSegment));
        memset(stored + table->n_allocated, 0, (more - table->n_allocated) * sizeof(bool));
        table->n_allocated = more;
        return 0;
}

void segment_table_mark_stored(SegmentTable *table, uint64_t index) {
        assert(index < table->n_allocated && !table->stored[index]);
        table->stored[index] = true;
        table->n_stored++;
        table->stored_bytes += table->segments[index].size;
        while (table->stored_prefix < table->n_allocated && table->stored[table->stored_prefix])
                table->stored_prefix++;
}

void segment_table_done(SegmentTable *table) {
        free(table->segments);
        free(table->stored);
        *table = (SegmentTable){0};
}
