/* Is every segment of a backup in the store, with the size (and, where the store knows it, the
 * digest) that its list says? Some requests at a time. */
#pragma once

#include "job/source.h"

typedef struct SegmentCheck SegmentCheck;
/* source lives until on_done. A segment that is absent or another one is Integrity. */
int segment_check_start(
        Service *service,
        const Source *source,
        void (*on_done)(const Error *err, void *userdata),
        void *userdata,
        SegmentCheck **ret,
        Error *err);
SegmentCheck *segment_check_free(SegmentCheck *check); /* cancels */
