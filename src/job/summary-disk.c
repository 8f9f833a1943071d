/* See summary-disk.h. Owned by job/summary-load. */
#include "job/summary-disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ledger/cache.h"

/* A cache that was damaged has been thrown away by the time it is told. */
static void say(const Error *err) {
        log_warning(
                &(LogFields){.error = err},
                "What the control objects said is read from the store, the cache on disk is not "
                "used for it");
}

static void on_ended(int r, const Error *err, void *userdata) {
        (void)userdata;
        if (r < 0)
                say(err);
}

/* ---- reading ---- */

struct SummaryFetch {
        StringList names;
        Summary **summaries;
        SummaryFetchDone on_done;
        void *userdata;
        CacheCall *call;
        bool in_cache, orphan;
};

static void destroy(SummaryFetch *fetch) {
        for (size_t i = 0; fetch->summaries != NULL && i < fetch->names.n; i++)
                summary_free(fetch->summaries[i]);
        free(fetch->summaries);
        string_list_done(&fetch->names);
        free(fetch);
}

static int fetch_run(LedgerDb *db, void *userdata, Error *err) {
        SummaryFetch *fetch = userdata;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < fetch->names.n; i++) {
                CLEANUP(cleanup_free) void *text = NULL;
                size_t size = 0;
                r = cache_get(db, fetch->names.items[i], &text, &size, err);
                if (r > 0)
                        fetch->summaries[i] = summary_parse(text, size);
        }
        return r < 0 ? r : 0;
}

static void fetch_done(int r, const Error *err, void *userdata) {
        SummaryFetch *fetch = userdata;

        fetch->call = NULL;
        on_ended(r, err, NULL);
        fetch->on_done(fetch->summaries, fetch->names.n, fetch->userdata);
}

static void fetch_release(void *userdata) {
        SummaryFetch *fetch = userdata;

        fetch->in_cache = false;
        if (fetch->orphan)
                destroy(fetch);
}

bool summary_fetch_start(
        Service *service,
        const StringList *names,
        SummaryFetchDone on_done,
        void *userdata,
        SummaryFetch **ret) {
        static const LedgerFunctions functions = {
                .run = fetch_run, .on_done = fetch_done, .release = fetch_release};
        SummaryFetch *fetch = service->cache == NULL ? NULL : calloc(1, sizeof(*fetch));
        Error error = {0};

        if (fetch == NULL)
                return false;
        fetch->on_done = on_done;
        fetch->userdata = userdata;
        fetch->summaries = calloc(names->n + 1, sizeof(Summary *));
        int r = fetch->summaries == NULL || string_list_copy(names, &fetch->names) < 0
                        ? error_oom(&error)
                        : cache_call(service->cache, &functions, fetch, &fetch->call, &error);
        if (r < 0) {
                say(&error);
                destroy(fetch);
                return false;
        }
        fetch->in_cache = true;
        *ret = fetch;
        return true;
}

SummaryFetch *summary_fetch_free(SummaryFetch *fetch) {
        if (fetch == NULL)
                return NULL;
        cache_cancel(fetch->call);
        fetch->orphan = true;
        if (!fetch->in_cache)
                destroy(fetch);
        return NULL;
}

/* ---- writing ---- */

static void batch_done(SummaryBatch *batch) {
        string_list_done(&batch->names);
        string_list_done(&batch->texts);
        *batch = (SummaryBatch){0};
}

void summary_batch_add(SummaryBatch *batch, const char *name, const Summary *summary) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;

        if (summary_print(summary, &text, &size) < 0 || string_list_add(&batch->names, name) < 0)
                return;
        if (string_list_add(&batch->texts, text) < 0)
                batch_done(batch);
}

static int batch_run(LedgerDb *db, void *userdata, Error *err) {
        const SummaryBatch *batch = userdata;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < batch->names.n; i++) {
                const char *text = batch->texts.items[i];
                r = cache_put(db, batch->names.items[i], text, strlen(text), err);
        }
        return r < 0 ? r : cache_trim(db, err);
}

static void batch_release(void *userdata) {
        SummaryBatch *batch = userdata;

        batch_done(batch);
        free(batch);
}

void summary_batch_send(SummaryBatch *batch, Service *service) {
        static const LedgerFunctions functions = {
                .run = batch_run, .on_done = on_ended, .release = batch_release};
        SummaryBatch *sent = batch->names.n == 0 || service->cache == NULL
                                     ? NULL
                                     : calloc(1, sizeof(SummaryBatch));
        Error error = {0};

        if (sent == NULL) {
                batch_done(batch);
                return;
        }
        *sent = *batch;
        *batch = (SummaryBatch){0};
        if (cache_call(service->cache, &functions, sent, NULL, &error) < 0) {
                say(&error);
                batch_release(sent);
        }
}

static int remove_run(LedgerDb *db, void *userdata, Error *err) {
        return cache_remove(db, userdata, err);
}

void summary_disk_remove(Service *service, const char *object_name) {
        static const LedgerFunctions functions = {
                .run = remove_run, .on_done = on_ended, .release = free};
        char *name = service->cache == NULL ? NULL : strdup(object_name);
        Error error = {0};

        if (name != NULL && cache_call(service->cache, &functions, name, NULL, &error) < 0) {
                say(&error);
                free(name);
        }
}
