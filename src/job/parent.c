/* [list -> candidates, the newest first] -> chain -> large objects of its links -> segments ->
 * children. Owned by job/backup. */
#include "job/parent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "event/timer.h"
#include "job/children.h"
#include "job/query.h"
#include "job/segment-check.h"
#include "ledger/db.h"
#include "repository/chain.h"

/* What crosses to the ledger's thread. */
typedef struct PreviousFacts {
        ParentSearch *search;
        char instance[65];
        LedgerPrevious previous;
} PreviousFacts;

struct ParentSearch {
        ParentOptions options;
        bool latest;
        char previous[37]; /* the last COMPLETED one as this host knows it; "": none */
        StringList candidates;
        size_t current;
        Error reason; /* why the first candidate was none */
        Chain chain;
        StringList databases; /* of the parent */

        LedgerCall *call;
        Query *query;
        ChainReader *reader;
        size_t link; /* whose large object is asked for */
        StoreRequest *request;
        SegmentCheck *segments;
        Children *children;
        Timer *next;
};

static const char *candidate(const ParentSearch *search) {
        return search->candidates.items[search->current];
}

static void finish(ParentSearch *search, const Error *err) {
        ParentFound found = {NULL, &search->chain};

        if (err == NULL)
                found.parent = chain_last(&search->chain);
        search->options.on_done(err == NULL ? &found : NULL, err, search->options.userdata);
}

static void finish_without(ParentSearch *search) {
        const char *instance = search->options.settings->config->instance;
        Error error = {0};

        if (error_is_set(&search->reason))
                (void)error_set(
                        &error,
                        ERROR_INVALID_PARENT,
                        -ENOENT,
                        "no backup of instance %s can be the parent; the newest: %s",
                        instance,
                        search->reason.message);
        else
                (void)error_set(
                        &error,
                        ERROR_INVALID_PARENT,
                        -ENOENT,
                        "no backup of instance %s can be the parent: there is none that is "
                        "COMPLETED and trusted; make a level 0",
                        instance);
        finish(search, &error);
}

/* What rules one candidate out, so that an older one may do. */
static bool is_of_one_candidate(const Error *err) {
        return err->kind == ERROR_NO_SUCH_BACKUP || err->kind == ERROR_INVALID_PARENT ||
               err->kind == ERROR_PARENT_HAS_CHILD;
}

static void refuse(ParentSearch *search, const Error *err) {
        if (!search->latest || !is_of_one_candidate(err)) {
                finish(search, err);
                return;
        }
        if (!error_is_set(&search->reason))
                search->reason = *err;
        search->current++;
        timer_arm(search->next, 0);
}

/* ---- one candidate ---- */

static void on_children(const Error *err, void *userdata) {
        ParentSearch *search = userdata;

        if (err != NULL)
                refuse(search, err);
        else
                finish(search, NULL);
}

static int check_children(ParentSearch *search, Error *err) {
        const Record *record = &chain_last(&search->chain)->record;
        ChildrenOptions options = {
                .service = search->options.service,
                .settings = search->options.settings,
                .parent_id = record->id,
                .own_id = search->options.own_id,
                .databases = &search->databases,
                .parent_sequence = record->sequence,
                .on_done = on_children,
                .userdata = search,
        };
        for (size_t i = 0; i < record->n_databases; i++)
                if (string_list_add(&search->databases, record->databases[i].sid) < 0)
                        return error_oom(err);
        return children_start(&options, &search->children, err);
}

static void on_segments(const Error *err, void *userdata) {
        ParentSearch *search = userdata;
        Error error = {0};

        if (err != NULL) {
                error = *err;
                if (error.kind == ERROR_INTEGRITY)
                        error.kind = ERROR_CHAIN_BROKEN;
                (void)error_prefix(&error, "the parent");
        } else {
                (void)check_children(search, &error);
        }
        if (error_is_set(&error))
                refuse(search, &error);
}

/* What is gone of a link takes every later one with it. The large object of each is asked for, of
 * the parent every segment too: those of its ancestors were when their children were made. */
static int ask_next_link(ParentSearch *search, Error *err);

static int judge_link(const ParentSearch *search, const StoreReply *reply, Error *err) {
        const Record *record = &search->chain.links[search->link].record;

        if (reply->r == -ENOENT)
                return error_set(
                        err,
                        ERROR_CHAIN_BROKEN,
                        -ENOENT,
                        "%s, which backup %s is or is based on, is not in the store",
                        record->volume.name,
                        candidate(search));
        if (reply->r < 0) {
                *err = *reply->err;
                return reply->r;
        }
        if (reply->object_size == record->volume.size)
                return 0;
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -EBADMSG,
                "%s, which backup %s is or is based on, has %llu bytes where its record says %llu",
                record->volume.name,
                candidate(search),
                (unsigned long long)reply->object_size,
                (unsigned long long)record->volume.size);
}

static void on_link(const StoreReply *reply, void *userdata) {
        ParentSearch *search = userdata;
        Error error = {0};

        search->request = NULL;
        int r = judge_link(search, reply, &error);
        if (r >= 0) {
                search->link++;
                r = ask_next_link(search, &error);
        }
        if (r < 0)
                refuse(search, &error);
}

static int ask_next_link(ParentSearch *search, Error *err) {
        const Chain *chain = &search->chain;

        if (search->link < chain->n)
                return store_stat_object(
                        search->options.service->store,
                        chain->links[search->link].record.volume.name,
                        &(StoreCall){on_link, search, &search->request},
                        err);
        return segment_check_start(
                search->options.service,
                chain_last(chain),
                on_segments,
                search,
                &search->segments,
                err);
}

/* The parent itself is damaged, not finished or not trusted. */
static void judge_source(const ParentSearch *search, Error *err) {
        if (err->kind == ERROR_INTEGRITY)
                err->kind = ERROR_CHAIN_BROKEN;
        else if (
                err->kind == ERROR_NOT_COMPLETED || err->kind == ERROR_SIGNATURE ||
                err->kind == ERROR_UNTRUSTED)
                err->kind = ERROR_INVALID_PARENT;
        else
                return;
        (void)error_prefix(err, "backup %s cannot be the parent", candidate(search));
}

static void on_chain(Chain *chain, const Error *err, void *userdata) {
        ParentSearch *search = userdata;
        Error error = {0};

        if (err != NULL) {
                error = *err;
                judge_source(search, &error);
                refuse(search, &error);
                return;
        }
        search->chain = *chain;
        *chain = (Chain){0};
        int r = chain_check_parent(
                &chain_last(&search->chain)->record,
                search->options.settings->config->instance,
                search->options.databases,
                &error);
        if (r >= 0)
                r = ask_next_link(search, &error);
        if (r < 0)
                refuse(search, &error);
}

static void drop_candidate(ParentSearch *search) {
        store_cancel(search->request);
        search->request = NULL;
        search->link = 0;
        search->reader = chain_reader_free(search->reader);
        search->segments = segment_check_free(search->segments);
        search->children = children_free(search->children);
        chain_done(&search->chain);
        string_list_done(&search->databases);
        search->databases = (StringList){0};
}

static void on_next(void *userdata) {
        ParentSearch *search = userdata;
        Error error = {0};

        drop_candidate(search);
        if (search->current == search->candidates.n) {
                finish_without(search);
                return;
        }
        ChainOptions options = {
                .service = search->options.service,
                .trusted = search->options.settings->trusted,
                .backup_id = candidate(search),
                .on_done = on_chain,
                .userdata = search,
        };
        if (chain_reader_start(&options, &search->reader, &error) < 0)
                finish(search, &error);
}

/* ---- "latest" ---- */

static bool is_listed(const BackupView *views, size_t n, const char *id) {
        for (size_t i = 0; i < n; i++)
                if (string_equal(views[i].id, id))
                        return true;
        return false;
}

static bool has_child(const BackupView *views, size_t n, const char *id) {
        for (size_t i = 0; i < n; i++)
                if (string_equal(views[i].parent_id, id))
                        return true;
        return false;
}

/* Newest first, those without a child. A listing lags: what this host completed last is looked at
 * first, by name. */
static int take_candidates(ParentSearch *search, const BackupView *views, size_t n) {
        int r = 0;

        if (search->previous[0] != '\0' && !is_listed(views, n, search->previous))
                r = string_list_add(&search->candidates, search->previous);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (views[i].signature == TRUST_TRUSTED && !has_child(views, n, views[i].id))
                        r = string_list_add(&search->candidates, views[i].id);
        return r;
}

static void on_listed(const BackupView *views, size_t n, const Error *err, void *userdata) {
        ParentSearch *search = userdata;
        Error error = {0};

        if (err != NULL) {
                finish(search, err);
        } else if (take_candidates(search, views, n) < 0) {
                (void)error_oom(&error);
                finish(search, &error);
        } else {
                timer_arm(search->next, 0);
        }
}

static int previous_run(LedgerDb *db, void *userdata, Error *err) {
        PreviousFacts *facts = userdata;
        return ledger_previous_get(db, facts->instance, &facts->previous, err);
}

static void previous_done(int r, const Error *err, void *userdata) {
        PreviousFacts *facts = userdata;
        ParentSearch *search = facts->search;
        ListOptions options = {
                .instance = search->options.settings->config->instance,
                .limit = LIMIT_LIST_PAGE,
                .has_state = true,
                .state = STATE_COMPLETED,
        };
        Error error = {0};

        search->call = NULL;
        if (r < 0) {
                finish(search, err);
                return;
        }
        memcpy(search->previous, facts->previous.id, sizeof(search->previous));
        r = query_list(
                search->options.service, &options, on_listed, search, &search->query, &error);
        if (r < 0)
                finish(search, &error);
}

static int ask_previous(ParentSearch *search, Error *err) {
        static const LedgerFunctions functions = {
                .run = previous_run, .on_done = previous_done, .release = free};
        PreviousFacts *facts = calloc(1, sizeof(PreviousFacts));

        if (facts == NULL)
                return error_oom(err);
        facts->search = search;
        (void)snprintf(
                facts->instance,
                sizeof(facts->instance),
                "%s",
                search->options.settings->config->instance);
        int r = ledger_call(search->options.service->ledger, &functions, facts, &search->call, err);
        if (r < 0)
                free(facts);
        return r;
}

/* ---- birth and death ---- */

int parent_search_start(const ParentOptions *options, ParentSearch **ret, Error *err) {
        ParentSearch *search = calloc(1, sizeof(ParentSearch));

        if (search == NULL)
                return error_oom(err);
        search->options = *options;
        search->latest = string_equal(options->parent, "latest");
        int r = timer_new(options->service->loop, on_next, search, &search->next, err);
        if (r >= 0 && search->latest)
                r = ask_previous(search, err);
        else if (r >= 0 && string_list_add(&search->candidates, options->parent) < 0)
                r = error_oom(err);
        if (r < 0) {
                parent_search_free(search);
                return r;
        }
        if (!search->latest)
                timer_arm(search->next, 0);
        *ret = search;
        return 0;
}

ParentSearch *parent_search_free(ParentSearch *search) {
        if (search == NULL)
                return NULL;
        ledger_cancel(search->call);
        query_free(search->query);
        drop_candidate(search);
        timer_free(search->next);
        string_list_done(&search->candidates);
        free(search);
        return NULL;
}
