/* What memory lacks is asked of the cache on disk, all at once; of what that lacks each of a few
 * slots takes the next name, gets the object and lets a worker read it; the next name follows.
 * Owned by a query. */
#include "job/summary-load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "event/timer.h"
#include "job/summary-disk.h"

enum { SLOTS = 8 };

typedef struct Slot Slot;

/* What the worker has in hands; released after it, also when the load is gone. */
typedef struct Reading {
        Slot *slot;
        char *name;
        void *bytes;
        size_t size;
        Summary *summary;
} Reading;

struct Slot {
        SummaryLoad *load;
        size_t index; /* of the name in work */
        StoreRequest *request;
        Work *work;
};

struct SummaryLoad {
        Service *service;
        StringList names;
        Summary **summaries;
        size_t next, n_done;
        SummaryFetch *fetch;
        size_t *fetched; /* the names' indices */
        SummaryBatch batch;
        Slot slots[SLOTS];
        Timer *done_timer;
        bool ended;
        Error error;
        SummaryLoadDone on_done;
        void *userdata;
};

static void start_next(Slot *slot);

static void tell(void *userdata) {
        SummaryLoad *load = userdata;
        if (error_is_set(&load->error))
                load->on_done(NULL, 0, &load->error, load->userdata);
        else
                load->on_done(load->summaries, load->names.n, NULL, load->userdata);
}

static void end(SummaryLoad *load) {
        if (load->ended)
                return;
        load->ended = true;
        timer_arm(load->done_timer, 0);
}

static void fail(SummaryLoad *load, const Error *error) {
        if (!error_is_set(&load->error))
                load->error = *error;
        end(load);
}

static void one_done(SummaryLoad *load) {
        if (++load->n_done == load->names.n)
                end(load);
}

static void reading_run(void *userdata) {
        Reading *reading = userdata;
        reading->summary = summary_read(reading->name, reading->bytes, reading->size);
}

static void reading_done(void *userdata) {
        Reading *reading = userdata;
        Slot *slot = reading->slot;
        SummaryLoad *load = slot->load;
        slot->work = NULL;
        if (reading->summary == NULL) {
                Error error = {0};
                error_oom(&error);
                fail(load, &error);
                return;
        }
        summary_cache_put(load->service->summaries, reading->name, reading->summary);
        summary_batch_add(&load->batch, reading->name, reading->summary);
        if (load->batch.names.n >= SUMMARY_BATCH_MAX)
                summary_batch_send(&load->batch, load->service);
        load->summaries[slot->index] = TAKE_PTR(reading->summary);
        one_done(load);
        start_next(slot);
}

static void reading_release(void *userdata) {
        Reading *reading = userdata;
        summary_free(reading->summary);
        free(reading->name);
        free(reading->bytes);
        free(reading);
}

static int start_reading(Slot *slot, const void *bytes, size_t size, Error *err) {
        static const WorkFunctions functions = {
                .run = reading_run, .on_done = reading_done, .release = reading_release};
        Reading *reading = calloc(1, sizeof(*reading));
        if (reading == NULL)
                return error_oom(err);
        reading->slot = slot;
        reading->name = strdup(slot->load->names.items[slot->index]);
        reading->bytes = malloc(size + 1);
        reading->size = size;
        int r = -ENOMEM;
        if (reading->name == NULL || reading->bytes == NULL)
                error_oom(err);
        else {
                if (size > 0)
                        memcpy(reading->bytes, bytes, size);
                r = work_start(slot->load->service->files, &functions, reading, &slot->work, err);
        }
        if (r < 0)
                reading_release(reading);
        return r;
}

static void on_object(const StoreReply *reply, void *userdata) {
        Slot *slot = userdata;
        SummaryLoad *load = slot->load;
        slot->request = NULL;
        if (reply->r == -ENOENT) {
                one_done(load);
                start_next(slot);
                return;
        }
        if (reply->r < 0 && reply->err->kind != ERROR_INTEGRITY) {
                fail(load, reply->err);
                return;
        }
        Error error = {0};
        size_t size = reply->r < 0 ? 0 : reply->size; /* too large: nothing that can be read */
        if (start_reading(slot, reply->data, size, &error) < 0)
                fail(load, &error);
}

static bool take_cached(SummaryLoad *load, size_t index) {
        if (load->summaries[index] != NULL)
                return true;
        const Summary *cached =
                summary_cache_get(load->service->summaries, load->names.items[index]);
        if (cached == NULL)
                return false;
        load->summaries[index] = summary_copy(cached);
        return load->summaries[index] != NULL;
}

static void start_next(Slot *slot) {
        SummaryLoad *load = slot->load;
        while (!load->ended && load->next < load->names.n) {
                slot->index = load->next++;
                if (take_cached(load, slot->index)) {
                        one_done(load);
                        continue;
                }
                Error error = {0};
                int r = store_get_object(
                        load->service->store,
                        load->names.items[slot->index],
                        (size_t)LIMIT_RECORD_BYTES * 2,
                        &(StoreCall){on_object, slot, &slot->request},
                        &error);
                if (r < 0)
                        fail(load, &error);
                return;
        }
}

void summary_forget(Service *service, const char *object_name) {
        summary_cache_remove(service->summaries, object_name);
        summary_disk_remove(service, object_name);
}

SummaryLoad *summary_load_free(SummaryLoad *load) {
        if (load == NULL)
                return NULL;
        for (size_t i = 0; i < SLOTS; i++) {
                store_cancel(load->slots[i].request);
                work_cancel(load->slots[i].work);
        }
        summary_batch_send(&load->batch, load->service);
        summary_fetch_free(load->fetch);
        free(load->fetched);
        timer_free(load->done_timer);
        for (size_t i = 0; load->summaries != NULL && i < load->names.n; i++)
                summary_free(load->summaries[i]);
        free(load->summaries);
        string_list_done(&load->names);
        free(load);
        return NULL;
}

DEFINE_CLEANUP(SummaryLoad, summary_load);

static void start_slots(SummaryLoad *load) {
        for (size_t i = 0; i < SLOTS; i++)
                start_next(&load->slots[i]);
}

static void on_fetched(Summary **summaries, size_t n, void *userdata) {
        SummaryLoad *load = userdata;
        for (size_t i = 0; i < n; i++) {
                if (summaries[i] == NULL)
                        continue;
                summary_cache_put(
                        load->service->summaries,
                        load->names.items[load->fetched[i]],
                        summaries[i]);
                load->summaries[load->fetched[i]] = TAKE_PTR(summaries[i]);
        }
        start_slots(load);
}

/* 0: nothing is fetched. */
static int start_fetch(SummaryLoad *load, Error *err) {
        CLEANUP(string_list_done) StringList missing = {0};
        if (load->service->cache == NULL)
                return 0;
        load->fetched = calloc(load->names.n + 1, sizeof(size_t));
        if (load->fetched == NULL)
                return error_oom(err);
        for (size_t i = 0; i < load->names.n; i++) {
                if (take_cached(load, i))
                        continue;
                load->fetched[missing.n] = i;
                if (string_list_add(&missing, load->names.items[i]) < 0)
                        return error_oom(err);
        }
        if (missing.n == 0)
                return 0;
        return summary_fetch_start(load->service, &missing, on_fetched, load, &load->fetch);
}

int summary_load_start(
        Service *service,
        const StringList *names,
        SummaryLoadDone on_done,
        void *userdata,
        SummaryLoad **ret,
        Error *err) {
        CLEANUP(cleanup_summary_load) SummaryLoad *load = calloc(1, sizeof(*load));
        if (load == NULL)
                return error_oom(err);
        load->service = service;
        load->on_done = on_done;
        load->userdata = userdata;
        load->summaries = calloc(names->n + 1, sizeof(Summary *));
        if (load->summaries == NULL || string_list_copy(names, &load->names) < 0)
                return error_oom(err);
        int r = timer_new(service->loop, tell, load, &load->done_timer, err);
        if (r < 0)
                return r;
        if (names->n == 0)
                end(load);
        for (size_t i = 0; i < SLOTS; i++)
                load->slots[i].load = load;
        r = start_fetch(load, err);
        if (r < 0)
                return r;
        if (r == 0)
                start_slots(load);
        *ret = TAKE_PTR(load);
        return 0;
}
