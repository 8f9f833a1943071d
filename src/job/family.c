/* listing of the instance -> ledger -> control objects -> claims -> members; a backup that is not
 * there is looked for in the other instances. Owned by job/delete. */
#include "job/family.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/timer.h"
#include "job/picture-internal.h"
#include "job/summary-load.h"
#include "repository/descendants.h"
#include "repository/names.h"

struct Family {
        FamilyOptions options;
        char backup_id[37], instance[65], elsewhere[65];
        uint64_t last_listed; /* claim */
        Picture picture;
        StringList names;
        FamilyMember *members;
        size_t n_members;
        FamilyMember *descendants;
        size_t n_descendants;
        const FamilyMember *self;
        Error error;

        StoreRequest *request;
        LedgerCall *call;
        SummaryLoad *load;
        Timer *claims_timer, *done_timer;
};

typedef struct LedgerFacts {
        Family *family;
        OwnWork own;
} LedgerFacts;

static void tell(void *userdata) {
        Family *family = userdata;
        FamilyFound found = {
                .self = family->self,
                .descendants = family->descendants,
                .n_descendants = family->n_descendants,
                .elsewhere = family->elsewhere[0] == '\0' ? NULL : family->elsewhere,
        };
        bool failed = error_is_set(&family->error);

        family->options.on_done(
                failed ? NULL : &found, failed ? &family->error : NULL, family->options.userdata);
}

/* The answer goes out in a turn of its own: its receiver may free the family. */
static void end(Family *family, const Error *err) {
        if (err != NULL)
                family->error = *err;
        timer_arm(family->done_timer, 0);
}

/* ---- members ---- */

static void fill_member(const Family *family, const PictureItem *item, FamilyMember *ret) {
        const Picture *picture = &family->picture;
        const Summary *summary = picture_main_summary(item);
        FamilyMember *member = ret;

        memcpy(member->id, item->id, sizeof(member->id));
        if (summary != NULL) {
                memcpy(member->parent_id, summary->parent_id, sizeof(member->parent_id));
                member->sequence = summary->sequence;
        }
        member->is_at_work = picture_find_own(picture, item->id) != NULL;
        member->has_record = picture_is_trusted(picture, item->record);
        member->has_failed = picture_is_trusted(picture, item->failed);
        member->has_deletion = picture_is_trusted(picture, item->deletion);
        member->signature = TRUST_MISSING;
        if (item->record != NULL) {
                member->signature = summary_trust(item->record, picture->trusted);
                memcpy(member->signer, item->record->signer, sizeof(member->signer));
        }
}

/* A backup that only this host knows of yet: its claim is on its way. */
static void fill_own(const PictureOwn *own, FamilyMember *ret) {
        memcpy(ret->id, own->id, sizeof(ret->id));
        ret->state = own->acknowledged ? STATE_BUILDING : STATE_NEW;
        ret->is_at_work = true;
        ret->signature = TRUST_MISSING;
}

static bool has_member(const Family *family, const char *id) {
        for (size_t i = 0; i < family->n_members; i++)
                if (string_equal(family->members[i].id, id))
                        return true;
        return false;
}

static int collect_members(Family *family) {
        const Picture *picture = &family->picture;

        family->members = calloc(picture->n_items + picture->n_own + 1, sizeof(FamilyMember));
        if (family->members == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < picture->n_items; i++) {
                const PictureItem *item = &picture->items[i];
                FamilyMember *member = &family->members[family->n_members];
                bool is_self = string_equal(item->id, family->backup_id);

                if (!string_equal(item->instance, family->instance))
                        continue;
                /* Of the one that was asked for, also what a delete that has ended had to leave. */
                if (!picture_state(picture, item, &member->state)) {
                        if (!is_self || !picture_is_trusted(picture, item->deletion))
                                continue;
                        member->state = STATE_DELETE_FAILED;
                }
                fill_member(family, item, member);
                family->n_members++;
        }
        for (size_t i = 0; i < picture->n_own; i++)
                if (string_equal(picture->own[i].instance, family->instance) &&
                    !has_member(family, picture->own[i].id))
                        fill_own(&picture->own[i], &family->members[family->n_members++]);
        return 0;
}

static int find_descendants(Family *family) {
        CLEANUP(cleanup_free) Kin *kin = calloc(family->n_members + 1, sizeof(Kin));
        CLEANUP(cleanup_free) size_t *places = calloc(family->n_members + 1, sizeof(size_t));
        size_t n = 0;

        if (kin == NULL || places == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < family->n_members; i++) {
                const FamilyMember *member = &family->members[i];
                if (string_equal(member->id, family->backup_id))
                        family->self = member;
                if (member->state == STATE_FAILED)
                        continue;
                places[n] = i;
                kin[n++] = (Kin){member->id, member->parent_id, member->sequence};
        }
        CLEANUP(cleanup_free) size_t *indices = NULL;
        if (descendants_find(kin, n, family->backup_id, &indices, &family->n_descendants) < 0)
                return -ENOMEM;
        family->descendants = calloc(family->n_descendants + 1, sizeof(FamilyMember));
        if (family->descendants == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < family->n_descendants; i++)
                family->descendants[i] = family->members[places[indices[i]]];
        return 0;
}

/* ---- elsewhere ---- */

static void on_everything_listed(const StoreReply *reply, void *userdata) {
        Family *family = userdata;

        family->request = NULL;
        for (size_t i = 0; reply->r >= 0 && i < reply->n_entries; i++) {
                ObjectName name;
                object_name_parse(reply->entries[i].name, &name);
                if (string_equal(name.backup_id, family->backup_id) &&
                    !string_equal(name.instance, family->instance))
                        memcpy(family->elsewhere, name.instance, sizeof(family->elsewhere));
        }
        end(family, reply->r < 0 ? reply->err : NULL);
}

static int look_elsewhere(Family *family, Error *err) {
        return store_list(
                family->options.service->store,
                "",
                &(StoreCall){on_everything_listed, family, &family->request},
                err);
}

/* ---- objects and claims ---- */

static int settle(Family *family, Error *err) {
        if (collect_members(family) < 0 || find_descendants(family) < 0)
                return error_oom(err);
        if (family->self == NULL)
                return look_elsewhere(family, err);
        end(family, NULL);
        return 0;
}

static void on_claims(Summary *const *summaries, size_t n, const Error *err, void *userdata) {
        Family *family = userdata;
        Error error = {0};

        if (err != NULL)
                error = *err;
        else if (picture_add_claims(&family->picture, summaries, n) < 0)
                (void)error_oom(&error);
        else
                (void)settle(family, &error);
        if (error_is_set(&error))
                end(family, &error);
}

/* Children have later claims than the backup. One whose number nothing names has no children but
 * such as are too young for the listing. */
static uint64_t first_claim(const Family *family) {
        const Picture *picture = &family->picture;

        for (size_t i = 0; i < picture->n_items; i++) {
                const PictureItem *item = &picture->items[i];
                const Summary *summary = picture_main_summary(item);
                if (string_equal(item->id, family->backup_id) &&
                    string_equal(item->instance, family->instance) && summary != NULL &&
                    summary->readable)
                        return summary->sequence + 1;
        }
        return family->last_listed + 1;
}

static int load(Family *family, SummaryLoadDone on_done, Error *err) {
        family->load = summary_load_free(family->load);
        return summary_load_start(
                family->options.service, &family->names, on_done, family, &family->load, err);
}

static void load_claims(void *userdata) {
        Family *family = userdata;
        Picture *picture = &family->picture;
        uint64_t last = family->options.last_claim + 1; /* one that is being made may have it */
        Error error = {0};

        string_list_done(&family->names);
        family->names = (StringList){0};
        if (picture_expect_claims(picture, family->instance, first_claim(family), last) < 0 ||
            picture_claim_names(picture, &family->names) < 0)
                (void)error_oom(&error);
        else
                (void)load(family, on_claims, &error);
        if (error_is_set(&error))
                end(family, &error);
}

/* The second load begins in a turn of its own, when the first can be freed. */
static void on_objects(Summary *const *summaries, size_t n, const Error *err, void *userdata) {
        Family *family = userdata;
        Error error = {0};

        if (err != NULL)
                error = *err;
        else if (picture_add_objects(&family->picture, summaries, n) < 0)
                (void)error_oom(&error);
        if (error_is_set(&error))
                end(family, &error);
        else
                timer_arm(family->claims_timer, 0);
}

/* ---- ledger ---- */

static int facts_run(LedgerDb *db, void *userdata, Error *err) {
        LedgerFacts *facts = userdata;
        return own_work_read(db, &facts->own, err);
}

static void facts_done(int r, const Error *err, void *userdata) {
        LedgerFacts *facts = userdata;
        Family *family = facts->family;
        Error error = {0};

        family->call = NULL;
        if (r < 0)
                error = *err;
        else if (
                picture_add_own(&family->picture, family->options.service, &facts->own) < 0 ||
                picture_object_names(&family->picture, &family->names) < 0)
                (void)error_oom(&error);
        else
                (void)load(family, on_objects, &error);
        if (error_is_set(&error))
                end(family, &error);
}

static void facts_release(void *userdata) {
        LedgerFacts *facts = userdata;

        own_work_done(&facts->own);
        free(facts);
}

static int ask_ledger(Family *family, Error *err) {
        static const LedgerFunctions functions = {
                .run = facts_run, .on_done = facts_done, .release = facts_release};
        LedgerFacts *facts = calloc(1, sizeof(LedgerFacts));

        if (facts == NULL)
                return error_oom(err);
        facts->family = family;
        int r = ledger_call(family->options.service->ledger, &functions, facts, &family->call, err);
        if (r < 0)
                facts_release(facts);
        return r;
}

/* ---- listing ---- */

static void note_last_claim(Family *family, const StoreReply *reply) {
        for (size_t i = 0; i < reply->n_entries; i++) {
                ObjectName name;
                object_name_parse(reply->entries[i].name, &name);
                if (name.type == OBJECT_CLAIM && name.sequence > family->last_listed)
                        family->last_listed = name.sequence;
        }
}

static void on_listed(const StoreReply *reply, void *userdata) {
        Family *family = userdata;
        Picture *picture = &family->picture;
        Error error = {0};

        family->request = NULL;
        if (reply->r < 0) {
                end(family, reply->err);
                return;
        }
        note_last_claim(family, reply);
        if (picture_expect_backup(picture, family->instance, family->backup_id) < 0 ||
            picture_add_listing(picture, reply->entries, reply->n_entries) < 0)
                (void)error_oom(&error);
        else
                (void)ask_ledger(family, &error);
        if (error_is_set(&error))
                end(family, &error);
}

/* ---- birth and death ---- */

static int begin(Family *family, Error *err) {
        Service *service = family->options.service;
        CLEANUP(cleanup_free) char *prefix = object_prefix(family->instance, NULL);

        if (prefix == NULL)
                return error_oom(err);
        int r = timer_new(service->loop, load_claims, family, &family->claims_timer, err);
        if (r >= 0)
                r = timer_new(service->loop, tell, family, &family->done_timer, err);
        if (r >= 0)
                r = store_list(
                        service->store,
                        prefix,
                        &(StoreCall){on_listed, family, &family->request},
                        err);
        return r;
}

int family_start(const FamilyOptions *options, Family **ret, Error *err) {
        Family *family = calloc(1, sizeof(Family));

        if (family == NULL)
                return error_oom(err);
        family->options = *options;
        (void)snprintf(family->backup_id, sizeof(family->backup_id), "%s", options->backup_id);
        (void)snprintf(
                family->instance,
                sizeof(family->instance),
                "%s",
                options->settings->config->instance);
        picture_init(
                &family->picture,
                options->settings->trusted,
                store_container(options->service->store));
        int r = begin(family, err);
        if (r < 0) {
                family_free(family);
                return r;
        }
        *ret = family;
        return 0;
}

Family *family_free(Family *family) {
        if (family == NULL)
                return NULL;
        ledger_cancel(family->call);
        store_cancel(family->request);
        summary_load_free(family->load);
        timer_free(family->claims_timer);
        timer_free(family->done_timer);
        string_list_done(&family->names);
        picture_done(&family->picture);
        free(family->members);
        free(family->descendants);
        free(family);
        return NULL;
}
