/* Gets the summaries of control objects: from memory where they are, else from the store, some at a
 * time. */
#pragma once

#include "base/strings.h"
#include "job/service.h"
#include "job/summary.h"

typedef struct SummaryLoad SummaryLoad;

/* summaries: one a name, in their order, NULL where the object is not there (any more); NULL with
 * err on failure. They are valid within the call only. */
typedef void (*SummaryLoadDone)(
        Summary *const *summaries, size_t n, const Error *err, void *userdata);
int summary_load_start(
        Service *service,
        const StringList *names,
        SummaryLoadDone on_done,
        void *userdata,
        SummaryLoad **ret,
        Error *err);
/* The object was removed: a listing that still shows it is not believed. */
void summary_forget(Service *service, const char *object_name);
SummaryLoad *summary_load_free(SummaryLoad *load); /* cancels; not within on_done */
