/* Summaries in cache.db: read some at once, written in batches. Nothing here is an error to
 * anybody: what cannot be had is read from the store. */
#pragma once

#include "base/strings.h"
#include "job/service.h"
#include "job/summary.h"

/* summaries: one a name, in their order, NULL where there is none; the receiver may take them
 * (leave NULL). */
typedef struct SummaryFetch SummaryFetch;
typedef void (*SummaryFetchDone)(Summary **summaries, size_t n, void *userdata);
/* False: there is nothing to be had, and on_done will not run. */
bool summary_fetch_start(
        Service *service,
        const StringList *names,
        SummaryFetchDone on_done,
        void *userdata,
        SummaryFetch **ret);
SummaryFetch *summary_fetch_free(SummaryFetch *fetch); /* cancels; after on_done, too */

/* What is to be written: grows until it is sent off. */
typedef struct SummaryBatch {
        StringList names, texts;
} SummaryBatch;
enum { SUMMARY_BATCH_MAX = 256 };
void summary_batch_add(SummaryBatch *batch, const char *name, const Summary *summary);
void summary_batch_send(SummaryBatch *batch, Service *service); /* empties it */

void summary_disk_remove(Service *service, const char *object_name);
