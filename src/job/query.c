/* The List and Get methods: a listing of the store, the control objects it shows, and what this
 * host knows of its own unfinished work, as one picture.
 *
 * listing -> ledger -> records, failed.json, delete.json -> claims that none of them explains ->
 * (one backup) the whole record -> views. Records are immutable, so all but the first time most of
 * it comes from memory. Owned by the bus' call; a Query ends in on_done or query_free(). */
#include "job/query.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "event/timer.h"
#include "job/picture.h"
#include "job/summary-load.h"
#include "ledger/db.h"

enum {
        QUERY_TIMEOUT_MSEC = 19500, /* the reply itself stays within 20 s */
        LARGE_ITEMS = 1000,
};

typedef struct LedgerFacts {
        OwnWork own;
        Query *query;
} LedgerFacts;

typedef struct RecordReading {
        Query *query;
        char *bytes;
        size_t size;
        char *name;
        Record record;
        int r;
} RecordReading;

struct Query {
        Service *service;
        Settings *settings;
        ListOptions options;
        char instance[LIMIT_INSTANCE_BYTES + 1];
        char marker[37];
        bool one; /* GetBackup of `id` */
        char id[37];

        Picture picture;
        StringList names; /* of the objects that are being loaded */
        StoreRequest *request;
        LedgerCall *call;
        SummaryLoad *load;
        Work *work;
        Timer *timer, *timeout, *claims_timer;
        BackupView *views;
        size_t n_views;
        Error error;
        QueryDone on_done;
        void *userdata;
};

static void tell(void *userdata) {
        Query *query = userdata;
        if (error_is_set(&query->error))
                query->on_done(NULL, 0, &query->error, query->userdata);
        else
                query->on_done(query->views, query->n_views, NULL, query->userdata);
}

static void cancel_all(Query *query) {
        store_cancel(query->request);
        query->request = NULL;
        if (query->call != NULL)
                ledger_cancel(query->call);
        query->call = NULL;
        query->load = summary_load_free(query->load);
        work_cancel(query->work);
        query->work = NULL;
        if (query->claims_timer != NULL)
                timer_disarm(query->claims_timer);
}

/* The answer goes out from a timer: its receiver may free the query at once. */
static void finish(Query *query) {
        timer_disarm(query->timeout);
        timer_arm(query->timer, 0);
}

static void fail(Query *query, const Error *error) {
        query->error = *error;
        finish(query);
}

static void on_timeout(void *userdata) {
        Query *query = userdata;
        cancel_all(query);
        Error error = {0};
        error_set(
                &error,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "The store (%s) did not answer within 20 s; try again",
                store_describe(query->service->store));
        fail(query, &error);
}

static void record_run(void *userdata) {
        RecordReading *reading = userdata;
        Envelope envelope = {0};
        reading->r = envelope_open(
                reading->bytes, reading->size, "record", reading->name, &envelope, NULL);
        if (reading->r >= 0)
                reading->r = record_parse(
                        envelope.payload,
                        envelope.payload_size,
                        reading->name,
                        &reading->record,
                        NULL);
        envelope_done(&envelope);
}

static void record_read(void *userdata) {
        RecordReading *reading = userdata;
        Query *query = reading->query;
        query->work = NULL;
        if (reading->r >= 0) {
                query->views[0].record = reading->record;
                query->views[0].has_record = true;
                reading->record = (Record){0};
        }
        finish(query);
}

static void record_release(void *userdata) {
        RecordReading *reading = userdata;
        record_done(&reading->record);
        free(reading->bytes);
        free(reading->name);
        free(reading);
}

static int start_record_reading(Query *query, const StoreReply *reply, Error *err) {
        static const WorkFunctions functions = {
                .run = record_run, .on_done = record_read, .release = record_release};
        RecordReading *reading = calloc(1, sizeof(*reading));
        if (reading == NULL)
                return error_oom(err);
        reading->query = query;
        reading->size = reply->size;
        reading->bytes = malloc(reply->size + 1);
        reading->name = object_name(query->views[0].instance, query->views[0].id, OBJECT_RECORD);
        int r = -ENOMEM;
        if (reading->bytes == NULL || reading->name == NULL)
                error_oom(err);
        else {
                memcpy(reading->bytes, reply->data, reply->size);
                r = work_start(query->service->files, &functions, reading, &query->work, err);
        }
        if (r < 0)
                record_release(reading);
        return r;
}

static void on_record(const StoreReply *reply, void *userdata) {
        Query *query = userdata;
        query->request = NULL;
        Error error = {0};
        if (reply->r < 0)
                fail(query, reply->err);
        else if (start_record_reading(query, reply, &error) < 0)
                fail(query, &error);
}

static int get_record(Query *query, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name(query->views[0].instance, query->views[0].id, OBJECT_RECORD);
        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                query->service->store,
                name,
                (size_t)LIMIT_RECORD_BYTES * 2,
                &(StoreCall){on_record, query, &query->request},
                err);
}

/* Everything is there: views are made, for one backup its record is read whole. */
static void assemble(Query *query) {
        Error error = {0};
        bool has_record = false;
        int r = query->one ? picture_view(
                                     &query->picture, query->id, &query->views, &has_record, &error)
                           : picture_list(
                                     &query->picture,
                                     &query->options,
                                     &query->views,
                                     &query->n_views,
                                     &error);
        if (r >= 0 && query->one) {
                query->n_views = 1;
                if (has_record)
                        r = get_record(query, &error);
        }
        if (r < 0)
                fail(query, &error);
        else if (!has_record)
                finish(query);
}

static void on_claims(Summary *const *summaries, size_t n, const Error *err, void *userdata) {
        Query *query = userdata;
        Error error = {0};
        if (err != NULL)
                fail(query, err);
        else if (picture_add_claims(&query->picture, summaries, n) < 0) {
                error_oom(&error);
                fail(query, &error);
        } else
                assemble(query);
}

static int load(Query *query, SummaryLoadDone on_done, Error *err) {
        query->load = summary_load_free(query->load);
        return summary_load_start(query->service, &query->names, on_done, query, &query->load, err);
}

/* Within on_done of the first load: the second begins in a turn of its own, when the first can be
 * freed. */
static void load_claims(void *userdata) {
        Query *query = userdata;
        Error error = {0};
        string_list_done(&query->names);
        query->names = (StringList){0};
        int r = picture_claim_names(&query->picture, &query->names);
        if (r < 0)
                error_oom(&error);
        else
                r = load(query, on_claims, &error);
        if (r < 0)
                fail(query, &error);
}

static void on_objects(Summary *const *summaries, size_t n, const Error *err, void *userdata) {
        Query *query = userdata;
        Error error = {0};
        if (err != NULL)
                fail(query, err);
        else if (picture_add_objects(&query->picture, summaries, n) < 0) {
                error_oom(&error);
                fail(query, &error);
        } else
                timer_arm(query->claims_timer, 0);
}

static int load_objects(Query *query, Error *err) {
        if (query->one)
                picture_keep_instance_of(&query->picture, query->id);
        if (picture_object_names(&query->picture, &query->names) < 0)
                return error_oom(err);
        return load(query, on_objects, err);
}

static int facts_run(LedgerDb *db, void *userdata, Error *err) {
        LedgerFacts *facts = userdata;
        return own_work_read(db, &facts->own, err);
}

static void facts_done(int r, const Error *err, void *userdata) {
        LedgerFacts *facts = userdata;
        Query *query = facts->query;
        query->call = NULL;
        Error error = {0};
        if (r < 0) {
                fail(query, err);
                return;
        }
        r = picture_add_own(&query->picture, query->service, &facts->own);
        if (r < 0)
                error_oom(&error);
        else
                r = load_objects(query, &error);
        if (r < 0)
                fail(query, &error);
}

static void facts_release(void *userdata) {
        LedgerFacts *facts = userdata;
        own_work_done(&facts->own);
        free(facts);
}

static int ask_ledger(Query *query, Error *err) {
        static const LedgerFunctions functions = {
                .run = facts_run, .on_done = facts_done, .release = facts_release};
        LedgerFacts *facts = calloc(1, sizeof(*facts));
        if (facts == NULL)
                return error_oom(err);
        facts->query = query;
        int r = ledger_call(query->service->ledger, &functions, facts, &query->call, err);
        if (r < 0)
                free(facts);
        return r;
}

static void on_listing(const StoreReply *reply, void *userdata) {
        Query *query = userdata;
        query->request = NULL;
        if (reply->r < 0) {
                fail(query, reply->err);
                return;
        }
        Error error = {0};
        int r = picture_add_listing(&query->picture, reply->entries, reply->n_entries);
        if (r < 0)
                error_oom(&error);
        else
                r = ask_ledger(query, &error);
        if (r < 0)
                fail(query, &error);
}

Query *query_free(Query *query) {
        if (query == NULL)
                return NULL;
        cancel_all(query);
        timer_free(query->timer);
        timer_free(query->timeout);
        timer_free(query->claims_timer);
        for (size_t i = 0; i < query->n_views; i++)
                backup_view_done(&query->views[i]);
        free(query->views);
        string_list_done(&query->names);
        bool was_large = query->picture.n_items > LARGE_ITEMS;
        picture_done(&query->picture);
        settings_unref(query->settings);
        free(query);
        /* What a list of thousands took lies in pieces between what is kept. */
        if (was_large)
                (void)malloc_trim(0);
        return NULL;
}

static void cleanup_query(Query **query) {
        *query = query_free(*query);
}

static int query_new(Service *service, QueryDone on_done, void *userdata, Query **ret, Error *err) {
        CLEANUP(cleanup_query) Query *query = calloc(1, sizeof(*query));
        if (query == NULL)
                return error_oom(err);
        query->service = service;
        query->settings = settings_ref(service->settings);
        query->on_done = on_done;
        query->userdata = userdata;
        picture_init(&query->picture, query->settings->trusted, store_container(service->store));
        int r = timer_new(service->loop, tell, query, &query->timer, err);
        if (r < 0)
                return r;
        r = timer_new(service->loop, on_timeout, query, &query->timeout, err);
        if (r < 0)
                return r;
        r = timer_new(service->loop, load_claims, query, &query->claims_timer, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}

static int start(Query *query, Error *err) {
        CLEANUP(cleanup_free) char *prefix = NULL;
        if (query->options.instance != NULL) {
                prefix = object_prefix(query->options.instance, NULL);
                if (prefix == NULL)
                        return error_oom(err);
        }
        timer_arm(query->timeout, QUERY_TIMEOUT_MSEC);
        return store_list(
                query->service->store,
                prefix == NULL ? "" : prefix,
                &(StoreCall){on_listing, query, &query->request},
                err);
}

int query_list(
        Service *service,
        const ListOptions *options,
        QueryDone on_done,
        void *userdata,
        Query **ret,
        Error *err) {
        CLEANUP(cleanup_query) Query *query = NULL;
        int r = query_new(service, on_done, userdata, &query, err);
        if (r < 0)
                return r;
        query->options = *options;
        if (options->instance != NULL) {
                strncpy(query->instance, options->instance, sizeof(query->instance) - 1);
                query->options.instance = query->instance;
        }
        if (options->marker != NULL) {
                strncpy(query->marker, options->marker, sizeof(query->marker) - 1);
                query->options.marker = query->marker;
        }
        r = start(query, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}

int query_get(
        Service *service,
        const char *backup_id,
        QueryDone on_done,
        void *userdata,
        Query **ret,
        Error *err) {
        CLEANUP(cleanup_query) Query *query = NULL;
        int r = query_new(service, on_done, userdata, &query, err);
        if (r < 0)
                return r;
        query->one = true;
        strncpy(query->id, backup_id, sizeof(query->id) - 1);
        r = start(query, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}
