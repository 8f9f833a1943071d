/* put -> put again, refused -> get -> list -> remove (and leftovers). Owned by job/check. */
#include "job/check-store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "event/timer.h"
#include "repository/names.h"

enum {
        STEP_MSEC = 30 * 1000,  /* a store that is away is an answer, too */
        REMOVE_MSEC = 5 * 1000, /* when nobody waits any more */
        CONTENT_BYTES = 64,     /* of the probe */
        ID_BYTES = 37,
        USEC_PER_SEC = 1000000,
        LEFTOVER_SECONDS = 3600, /* a probe of this age is nobody's any more */
};

/* Clocks of a healthy site differ by less. */
static const uint64_t CLOCK_TOLERANCE_USEC = UINT64_C(300) * 1000000;

typedef enum ProbeStep { PROBE_PUT, PROBE_CONFLICT, PROBE_GET, PROBE_LIST, PROBE_REMOVE } ProbeStep;

static const char *const STEP_NAMES[] = {
        [PROBE_PUT] = "storing an object",
        [PROBE_CONFLICT] = "refusing other bytes under a name that is taken",
        [PROBE_GET] = "reading it back",
        [PROBE_LIST] = "listing it",
        [PROBE_REMOVE] = "removing it",
};

struct StoreProbe {
        StoreProbeOptions options;
        ProbeStep step;
        char *prefix, *name; /* "<instance>/probe/", the probe's own */
        char content[CONTENT_BYTES + 1];
        StringList to_remove;
        size_t n_removed;
        StoreProbeResult result;
        char *newest;
        StoreRequest *request;
        Timer *deadline;
        bool stopping;
};

static void start_step(StoreProbe *probe, ProbeStep step);

static void keep_error(StoreProbe *probe, const Error *err) {
        if (error_is_set(&probe->result.error))
                return;
        probe->result.error = *err;
        (void)error_prefix(&probe->result.error, "%s failed", STEP_NAMES[probe->step]);
}

static void finish(StoreProbe *probe) {
        timer_disarm(probe->deadline);
        probe->result.newest = probe->newest;
        probe->options.on_done(&probe->result, probe->options.userdata);
}

/* The probe is removed whatever went wrong: also a PUT that failed may have had its effect. */
static void step_failed(StoreProbe *probe, const Error *err) {
        keep_error(probe, err);
        if (probe->step == PROBE_REMOVE)
                finish(probe);
        else
                start_step(probe, PROBE_REMOVE);
}

static void refuse_set(StoreProbe *probe, int r, const char *sentence) {
        Error error = {0};

        (void)error_set(&error, ERROR_INTEGRITY, r, "%s", sentence);
        step_failed(probe, &error);
}

/* ---- what each step came to ---- */

static int keep_entry(StoreProbe *probe, const StoreEntry *entry) {
        uint64_t now = clock_realtime_usec();
        uint64_t age_limit = (uint64_t)LEFTOVER_SECONDS * USEC_PER_SEC;

        if (string_equal(entry->name, probe->name)) {
                probe->result.lags = false;
                probe->result.probe_usec = entry->modified_usec;
                return 0;
        }
        if (string_starts_with(entry->name, probe->prefix))
                return entry->modified_usec + age_limit < now
                               ? string_list_add(&probe->to_remove, entry->name)
                               : 0;
        if (entry->modified_usec <= probe->result.newest_usec)
                return 0;
        char *newest = strdup(entry->name);
        if (newest == NULL)
                return -ENOMEM;
        free(probe->newest);
        probe->newest = newest;
        probe->result.newest_usec = entry->modified_usec;
        return 0;
}

static void on_listed(StoreProbe *probe, const StoreReply *reply) {
        Error error = {0};
        int r = 0;

        probe->result.lags = true;
        for (size_t i = 0; r == 0 && i < reply->n_entries; i++)
                r = keep_entry(probe, &reply->entries[i]);
        if (r < 0) {
                (void)error_oom(&error);
                step_failed(probe, &error);
                return;
        }
        start_step(probe, PROBE_REMOVE);
}

static void on_conflict(StoreProbe *probe, const StoreReply *reply) {
        if (reply->r >= 0)
                refuse_set(
                        probe,
                        -EBADMSG,
                        "the store took other bytes under a name that was taken; it must honour "
                        "create-only requests (If-None-Match)");
        else if (reply->r != -EEXIST)
                step_failed(probe, reply->err);
        else
                start_step(probe, PROBE_GET);
}

static void on_got(StoreProbe *probe, const StoreReply *reply) {
        if (reply->size != CONTENT_BYTES || memcmp(reply->data, probe->content, CONTENT_BYTES) != 0)
                refuse_set(probe, -EBADMSG, "it came back with other bytes than were stored");
        else
                start_step(probe, PROBE_LIST);
}

static void on_step(const StoreReply *reply, void *userdata) {
        StoreProbe *probe = userdata;

        probe->request = NULL;
        if (reply->r < 0 && probe->step != PROBE_CONFLICT) {
                step_failed(probe, reply->err);
                return;
        }
        switch (probe->step) {
        case PROBE_PUT:
                start_step(probe, PROBE_CONFLICT);
                break;
        case PROBE_CONFLICT:
                on_conflict(probe, reply);
                break;
        case PROBE_GET:
                on_got(probe, reply);
                break;
        case PROBE_LIST:
                on_listed(probe, reply);
                break;
        case PROBE_REMOVE:
                if (++probe->n_removed < probe->to_remove.n)
                        start_step(probe, PROBE_REMOVE);
                else
                        finish(probe);
                break;
        }
}

/* ---- the steps ---- */

static int send_step(StoreProbe *probe, Error *err) {
        Store *store = probe->options.service->store;
        static const char other[] = "another content";
        const StoreCall call = {on_step, probe, &probe->request};
        CLEANUP(cleanup_free) char *instance = NULL;

        switch (probe->step) {
        case PROBE_PUT:
                return store_put_object(
                        store, probe->name, probe->content, CONTENT_BYTES, &call, err);
        case PROBE_CONFLICT:
                return store_put_object(store, probe->name, other, sizeof(other) - 1, &call, err);
        case PROBE_GET:
                return store_get_object(store, probe->name, 2 * CONTENT_BYTES, &call, err);
        case PROBE_LIST:
                instance = string_printf("%s/", probe->options.instance);
                return instance == NULL ? error_oom(err) : store_list(store, instance, &call, err);
        case PROBE_REMOVE:
                return store_remove_object(
                        store, probe->to_remove.items[probe->n_removed], &call, err);
        }
        return -EINVAL;
}

static void start_step(StoreProbe *probe, ProbeStep step) {
        Error error = {0};

        probe->step = step;
        timer_arm(probe->deadline, probe->stopping ? REMOVE_MSEC : STEP_MSEC);
        if (send_step(probe, &error) < 0)
                step_failed(probe, &error);
}

static void on_deadline(void *userdata) {
        StoreProbe *probe = userdata;
        Error error = {0};

        store_cancel(probe->request);
        probe->request = NULL;
        (void)error_set(
                &error,
                ERROR_STORE_UNAVAILABLE,
                -ETIMEDOUT,
                "the store did not answer within %d s",
                (probe->stopping ? REMOVE_MSEC : STEP_MSEC) / 1000);
        step_failed(probe, &error);
}

void store_probe_stop(StoreProbe *probe) {
        probe->stopping = true;
        store_cancel(probe->request);
        probe->request = NULL;
        start_step(probe, PROBE_REMOVE);
}

static int make_names(StoreProbe *probe) {
        const char *instance = probe->options.instance;
        char id[ID_BYTES];
        char random[9];

        random_uuid(id);
        for (size_t i = 0; i < CONTENT_BYTES; i += 8) {
                random_hex8(random);
                memcpy(probe->content + i, random, 8);
        }
        probe->prefix = string_printf("%s/probe/", instance);
        probe->name = string_printf("%s/probe/%s", instance, id);
        if (probe->prefix == NULL || probe->name == NULL)
                return -ENOMEM;
        return string_list_add(&probe->to_remove, probe->name);
}

int store_probe_start(const StoreProbeOptions *options, StoreProbe **ret, Error *err) {
        StoreProbe *probe = calloc(1, sizeof(StoreProbe));

        if (probe == NULL)
                return error_oom(err);
        probe->options = *options;
        int r = make_names(probe) < 0 ? error_oom(err) : 0;
        if (r >= 0)
                r = timer_new(options->service->loop, on_deadline, probe, &probe->deadline, err);
        if (r >= 0)
                r = send_step(probe, err);
        if (r < 0) {
                store_probe_free(probe);
                return r;
        }
        timer_arm(probe->deadline, STEP_MSEC);
        *ret = probe;
        return 0;
}

StoreProbe *store_probe_free(StoreProbe *probe) {
        if (probe == NULL)
                return NULL;
        store_cancel(probe->request);
        timer_free(probe->deadline);
        string_list_done(&probe->to_remove);
        free(probe->prefix);
        free(probe->name);
        free(probe->newest);
        free(probe);
        return NULL;
}

/* ---- rows ---- */

static void judge_clock(const StoreProbeResult *result, AdviceList *rows) {
        uint64_t now = clock_realtime_usec();
        uint64_t apart =
                result->probe_usec > now ? result->probe_usec - now : now - result->probe_usec;

        if (result->newest_usec > now + CLOCK_TOLERANCE_USEC)
                advice_bad(
                        rows,
                        "clock",
                        NULL,
                        ADVICE_ERROR,
                        "object %s of the store is from the future of this host, by %" PRIu64
                        " s: set this host's clock (chrony, ntpd), backups are ordered by it",
                        result->newest,
                        (result->newest_usec - now) / USEC_PER_SEC);
        else if (result->probe_usec != 0 && apart > CLOCK_TOLERANCE_USEC)
                advice_bad(
                        rows,
                        "clock",
                        NULL,
                        ADVICE_WARNING,
                        "the clocks of this host and of the store are %" PRIu64
                        " s apart: set the one that is wrong (chrony, ntpd)",
                        apart / USEC_PER_SEC);
        else
                advice_good(rows, "clock", NULL, "the clock agrees with what is in the store");
}

void store_probe_judge(const StoreProbeResult *result, const char *store, AdviceList *rows) {
        if (error_is_set(&result->error)) {
                advice_bad(
                        rows,
                        "store",
                        NULL,
                        ADVICE_ERROR,
                        "%s: %s; until that is settled, space, claims and clock cannot be looked "
                        "at, and no backup can be made",
                        store,
                        result->error.message);
                return;
        }
        advice_good(
                rows,
                "store",
                NULL,
                "%s took an object, refused another one under its name, gave it back and removed "
                "it%s",
                store,
                result->lags ? "; its listing lags, which is allowed for" : "");
        judge_clock(result, rows);
}
