/* ledger -> claims after the parent's, by number -> which objects those that name the parent have.
 * Owned by job/parent (before the backup begins) and job/commit (before its record is stored). */
#include "job/children.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/timer.h"
#include "job/recovery.h"
#include "job/summary-load.h"
#include "ledger/db.h"
#include "repository/names.h"

/* What of a claim's backup is asked for by name, in this order; the same for the parent. */
static const ObjectType ASKED[] = {OBJECT_RECORD, OBJECT_DELETE, OBJECT_FAILED};
enum { ASK_RECORD, ASK_DELETE, ASK_FAILED, N_ASKED = ELEMENTSOF(ASKED) };

/* What crosses to the ledger's thread: it outlives a cancelled check. */
typedef struct LedgerFacts {
        Children *children;
        char instance[65];
        StringList databases;
        bool check_tags;
        uint64_t last_claim;
        StringList failing; /* backups whose failed.json is owed */
        char owed_sid[31], owed_tag[31];
} LedgerFacts;

struct Children {
        ChildrenOptions options;
        char parent_id[37], own_id[37], instance[65];
        StringList failing;
        StringList candidates; /* ids of backups that name the parent; the parent itself first */
        size_t current;
        unsigned asked;
        bool there[N_ASKED];
        StringList names;
        SummaryLoad *load;
        LedgerCall *call;
        StoreRequest *request;
        Timer *timer;
        Error error;
};

static void on_end(void *userdata) {
        Children *children = userdata;
        children->options.on_done(
                error_is_set(&children->error) ? &children->error : NULL,
                children->options.userdata);
}

/* The answer goes out in a turn of its own: its receiver may free the check. */
static void end(Children *children, const Error *err) {
        if (err != NULL)
                children->error = *err;
        timer_arm(children->timer, 0);
}

/* ---- the objects of one backup ---- */

static int judge_parent(const Children *children, Error *err) {
        if (children->there[ASK_DELETE])
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EBUSY,
                        "backup %s cannot be the parent: it is being deleted",
                        children->parent_id);
        if (!children->there[ASK_RECORD])
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -ENOENT,
                        "backup %s cannot be the parent: it is not in the store any more",
                        children->parent_id);
        return 0;
}

/* Without a record a backup is a child as long as it may still get one. */
static int judge_child(const Children *children, const char *id, Error *err) {
        bool is_over = children->there[ASK_FAILED] || children->there[ASK_DELETE] ||
                       string_list_has(&children->failing, id);

        if (!children->there[ASK_RECORD] && is_over)
                return 0;
        return error_set(
                err,
                ERROR_PARENT_HAS_CHILD,
                -EEXIST,
                "backup %s has a child already: %s%s; a chain does not fork, use the newest "
                "backup (\"latest\") or make a level 0",
                children->parent_id,
                id,
                children->there[ASK_RECORD] ? "" : ", which is not finished");
}

static int ask_object(Children *children, Error *err);

static int judge(Children *children, Error *err) {
        const char *id = children->candidates.items[children->current];

        int r = children->current == 0 ? judge_parent(children, err)
                                       : judge_child(children, id, err);
        if (r < 0)
                return r;
        children->asked = 0;
        if (++children->current < children->candidates.n)
                return ask_object(children, err);
        end(children, NULL);
        return 0;
}

static void on_object(const StoreReply *reply, void *userdata) {
        Children *children = userdata;
        Error error = {0};
        int r = 0;

        children->request = NULL;
        if (reply->r < 0 && reply->r != -ENOENT) {
                end(children, reply->err);
                return;
        }
        children->there[children->asked++] = reply->r >= 0;
        r = children->asked < N_ASKED ? ask_object(children, &error) : judge(children, &error);
        if (r < 0)
                end(children, &error);
}

static int ask_object(Children *children, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name(
                children->instance,
                children->candidates.items[children->current],
                ASKED[children->asked]);
        if (name == NULL)
                return error_oom(err);
        return store_stat_object(
                children->options.service->store,
                name,
                &(StoreCall){on_object, children, &children->request},
                err);
}

/* ---- claims ---- */

static int add_candidate(Children *children, const Summary *summary) {
        if (summary == NULL || summary->take_over ||
            !string_equal(summary->parent_id, children->parent_id) ||
            string_equal(summary->id, children->own_id))
                return 0;
        return string_list_add(&children->candidates, summary->id);
}

static void on_claims(Summary *const *summaries, size_t n, const Error *err, void *userdata) {
        Children *children = userdata;
        Error error = {0};

        if (err != NULL) {
                end(children, err);
                return;
        }
        int r = string_list_add(&children->candidates, children->parent_id);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_candidate(children, summaries[i]);
        r = r < 0 ? error_oom(&error) : ask_object(children, &error);
        if (r < 0)
                end(children, &error);
}

/* One more than is known: another writer's next claim. */
static int load_claims(Children *children, uint64_t last, Error *err) {
        uint64_t first = children->options.parent_sequence + 1;

        for (uint64_t i = first; i <= last + 1; i++) {
                CLEANUP(cleanup_free) char *name = object_name_claim(children->instance, i);
                if (name == NULL || string_list_add(&children->names, name) < 0)
                        return error_oom(err);
        }
        if (children->names.n == 0) {
                on_claims(NULL, 0, NULL, children);
                return 0;
        }
        return summary_load_start(
                children->options.service,
                &children->names,
                on_claims,
                children,
                &children->load,
                err);
}

/* ---- ledger ---- */

static int note_owed(LedgerFacts *facts, const Owed *owed) {
        const char *tag = NULL;

        if (owed->type == OWED_PUT && string_ends_with(owed->name, "/failed.json"))
                return string_list_add(&facts->failing, owed->backup_id);
        if (owed->type != OWED_CLEAN_TAG || !facts->check_tags ||
            !string_list_has(&facts->databases, owed->name))
                return 0;
        (void)snprintf(facts->owed_sid, sizeof(facts->owed_sid), "%s", owed->name);
        tag = memrchr(owed->data, '\n', owed->size);
        if (tag != NULL)
                (void)snprintf(
                        facts->owed_tag,
                        sizeof(facts->owed_tag),
                        "%.*s",
                        (int)(owed->size - (size_t)(tag + 1 - (const char *)owed->data)),
                        tag + 1);
        return 0;
}

static int facts_run(LedgerDb *db, void *userdata, Error *err) {
        LedgerFacts *facts = userdata;
        LedgerClaim claim = {0};
        Owed *owed = NULL;
        size_t n = 0;

        int r = ledger_claim_get(db, facts->instance, &claim, err);
        facts->last_claim = claim.sequence;
        ledger_claim_done(&claim);
        if (r >= 0)
                r = ledger_owed(db, &owed, &n, err);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0 && note_owed(facts, &owed[i]) < 0)
                        r = error_oom(err);
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

static int refuse_owed(const Children *children, const LedgerFacts *facts, Error *err) {
        recovery_nudge(children->options.service->recovery);
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -EAGAIN,
                "database %s: the control file may still hold the backup with tag %s, which failed "
                "or was deleted and which RMAN would take as the base; it is removed as soon as "
                "the database answers: try again then, or make a level 0",
                facts->owed_sid,
                facts->owed_tag);
}

static void facts_done(int r, const Error *err, void *userdata) {
        LedgerFacts *facts = userdata;
        Children *children = facts->children;
        Error error = {0};

        children->call = NULL;
        if (r < 0) {
                end(children, err);
                return;
        }
        children->failing = facts->failing;
        facts->failing = (StringList){0};
        r = facts->owed_sid[0] != '\0' ? refuse_owed(children, facts, &error)
                                       : load_claims(children, facts->last_claim, &error);
        if (r < 0)
                end(children, &error);
}

static void facts_release(void *userdata) {
        LedgerFacts *facts = userdata;

        string_list_done(&facts->databases);
        string_list_done(&facts->failing);
        free(facts);
}

static int ask_ledger(Children *children, Error *err) {
        static const LedgerFunctions functions = {
                .run = facts_run, .on_done = facts_done, .release = facts_release};
        LedgerFacts *facts = calloc(1, sizeof(LedgerFacts));
        int r = facts == NULL ? error_oom(err) : 0;

        if (r < 0)
                return r;
        facts->children = children;
        (void)snprintf(facts->instance, sizeof(facts->instance), "%s", children->instance);
        facts->check_tags = children->options.databases != NULL;
        if (facts->check_tags &&
            string_list_copy(children->options.databases, &facts->databases) < 0)
                r = error_oom(err);
        if (r >= 0)
                r = ledger_call(
                        children->options.service->ledger, &functions, facts, &children->call, err);
        if (r < 0)
                facts_release(facts);
        return r;
}

/* ---- birth and death ---- */

int children_start(const ChildrenOptions *options, Children **ret, Error *err) {
        Children *children = calloc(1, sizeof(Children));

        if (children == NULL)
                return error_oom(err);
        children->options = *options;
        (void)snprintf(children->parent_id, sizeof(children->parent_id), "%s", options->parent_id);
        (void)snprintf(children->own_id, sizeof(children->own_id), "%s", options->own_id);
        (void)snprintf(
                children->instance,
                sizeof(children->instance),
                "%s",
                options->settings->config->instance);
        int r = timer_new(options->service->loop, on_end, children, &children->timer, err);
        if (r >= 0)
                r = ask_ledger(children, err);
        children->options.databases = NULL;
        if (r < 0) {
                children_free(children);
                return r;
        }
        *ret = children;
        return 0;
}

Children *children_free(Children *children) {
        if (children == NULL)
                return NULL;
        ledger_cancel(children->call);
        store_cancel(children->request);
        summary_load_free(children->load);
        timer_free(children->timer);
        string_list_done(&children->failing);
        string_list_done(&children->candidates);
        string_list_done(&children->names);
        free(children);
        return NULL;
}
