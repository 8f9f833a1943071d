/* Collects a picture: see picture.h. */
#include "job/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job/job-internal.h"
#include "job/manager.h"
#include "job/picture-internal.h"

void picture_init(Picture *picture, const TrustedKeys *trusted, const char *container) {
        *picture = (Picture){.trusted = trusted, .container = container};
}

void picture_done(Picture *picture) {
        for (size_t i = 0; i < picture->n_items; i++) {
                summary_free(picture->items[i].record);
                summary_free(picture->items[i].failed);
                summary_free(picture->items[i].deletion);
                summary_free(picture->items[i].claim);
        }
        for (size_t i = 0; i < picture->n_own; i++) {
                free(picture->own[i].name);
                free(picture->own[i].description);
        }
        free(picture->items);
        free(picture->own);
        free(picture->slots);
        string_list_done(&picture->deletions);
        string_list_done(&picture->being_deleted);
        catalogue_done(&picture->catalogue);
        *picture = (Picture){0};
}

bool picture_is_trusted(const Picture *picture, const Summary *summary) {
        return summary != NULL && summary_trust(summary, picture->trusted) == TRUST_TRUSTED;
}

const PictureOwn *picture_find_own(const Picture *picture, const char *id) {
        for (size_t i = 0; i < picture->n_own; i++)
                if (strcmp(picture->own[i].id, id) == 0)
                        return &picture->own[i];
        return NULL;
}

int picture_expect_backup(Picture *picture, const char *instance, const char *id) {
        static const ObjectType asked[] = {OBJECT_RECORD, OBJECT_FAILED, OBJECT_DELETE};

        for (size_t i = 0; i < ELEMENTSOF(asked); i++) {
                CLEANUP(cleanup_free) char *name = object_name(instance, id, asked[i]);
                if (name == NULL || catalogue_add(&picture->catalogue, name, 0, 0) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int picture_add_listing(Picture *picture, const StoreEntry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (catalogue_add(
                            &picture->catalogue,
                            entries[i].name,
                            entries[i].size,
                            entries[i].modified_usec) < 0)
                        return -ENOMEM;
        catalogue_finish(&picture->catalogue);
        const Catalogue *catalogue = &picture->catalogue;
        picture->items =
                calloc(catalogue->n_backups + catalogue->n_claims + 1, sizeof(PictureItem));
        if (picture->items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < catalogue->n_backups; i++) {
                const CatalogueBackup *backup = &catalogue->backups[i];
                PictureItem *item = &picture->items[picture->n_items++];
                memcpy(item->id, backup->id, sizeof(item->id));
                memcpy(item->instance, backup->instance, sizeof(item->instance));
                item->objects = backup->objects;
                item->updated_usec = backup->updated_usec;
                item->tar_size = backup->tar_size;
        }
        return 0;
}

static int add_own(Picture *picture, const PictureOwn *own, const char *name, const char *text) {
        if (picture_find_own(picture, own->id) != NULL)
                return 0;
        PictureOwn *all = reallocarray(picture->own, picture->n_own + 1, sizeof(*all));
        if (all == NULL)
                return -ENOMEM;
        picture->own = all;
        PictureOwn *added = &all[picture->n_own++];
        *added = *own;
        added->name = strdup(name);
        added->description = strdup(text);
        return added->name == NULL || added->description == NULL ? -ENOMEM : 0;
}

static bool is_acknowledged(const char *id, const LedgerJob *jobs, size_t n_jobs) {
        for (size_t i = 0; i < n_jobs; i++)
                if (strcmp(jobs[i].backup_id, id) == 0)
                        return jobs[i].stage == LEDGER_RUNNING ||
                               jobs[i].stage == LEDGER_COMMITTING ||
                               jobs[i].stage == LEDGER_FAILING;
        return false;
}

static int
add_live(Picture *picture, const Service *service, const LedgerJob *jobs, size_t n_jobs) {
        Job *job = NULL;
        while (service->manager != NULL && (job = manager_next(service->manager, job)) != NULL) {
                if (job_type(job) != JOB_BACKUP || !job_is_live(job))
                        continue;
                PictureOwn own = {
                        .started_usec = job_created_usec(job),
                        .bytes_stored = job_progress(job)->bytes_stored,
                        .level = job_backup_level(job),
                        .acknowledged = is_acknowledged(job_backup_id(job), jobs, n_jobs)};
                memcpy(own.id, job_backup_id(job), strlen(job_backup_id(job)) + 1);
                memcpy(own.parent_id, job_parent_id(job), strlen(job_parent_id(job)) + 1);
                strncpy(own.instance,
                        service->settings->config->instance,
                        sizeof(own.instance) - 1);
                if (add_own(picture, &own, job_name(job), job_description(job)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* What a delete that runs has announced is on its way out, once its delete.json is there. */
static int add_deletions(Picture *picture, const Service *service, const StringList *deletions) {
        Job *job = NULL;
        if (string_list_copy(deletions, &picture->deletions) < 0)
                return -ENOMEM;
        while (service->manager != NULL && (job = manager_next(service->manager, job)) != NULL) {
                const StringList *used = job_used(job);
                if (job_type(job) != JOB_DELETE || !job_is_live(job))
                        continue;
                for (size_t i = 0; i < used->n; i++)
                        if (string_list_add(&picture->being_deleted, used->items[i]) < 0)
                                return -ENOMEM;
        }
        return 0;
}

int picture_add_own(Picture *picture, const Service *service, const OwnWork *own_work) {
        const LedgerJob *jobs = own_work->jobs;
        size_t n_jobs = own_work->n_jobs;
        if (add_live(picture, service, jobs, n_jobs) < 0 ||
            add_deletions(picture, service, &own_work->deletions) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n_jobs; i++) {
                if (jobs[i].stage == LEDGER_OTHER || jobs[i].backup_id[0] == '\0')
                        continue;
                PictureOwn own = {
                        .started_usec = jobs[i].started_usec,
                        .acknowledged = is_acknowledged(jobs[i].backup_id, jobs, n_jobs)};
                memcpy(own.id, jobs[i].backup_id, sizeof(own.id));
                memcpy(own.instance, jobs[i].instance, sizeof(own.instance));
                if (add_own(picture, &own, "", "") < 0)
                        return -ENOMEM;
        }
        return 0;
}

void picture_keep_instance_of(Picture *picture, const char *id) {
        const CatalogueBackup *backup = catalogue_find(&picture->catalogue, id);
        const PictureOwn *own = picture_find_own(picture, id);
        if (backup == NULL && own == NULL)
                return;
        picture->one_instance = true;
        memcpy(picture->instance,
               backup != NULL ? backup->instance : own->instance,
               sizeof(picture->instance));
}

static bool is_looked_at(const Picture *picture, const char *instance) {
        return !picture->one_instance || strcmp(picture->instance, instance) == 0;
}

static int add_slot(Picture *picture, size_t index, ObjectType type, StringList *names) {
        CLEANUP(cleanup_free) char *name = NULL;
        if (type == OBJECT_CLAIM) {
                const CatalogueClaim *claim = &picture->catalogue.claims[index];
                name = object_name_claim(claim->instance, claim->sequence);
        } else
                name = object_name(picture->items[index].instance, picture->items[index].id, type);
        if (name == NULL || string_list_add(names, name) < 0)
                return -ENOMEM;
        PictureSlot *slots =
                reallocarray(picture->slots, picture->n_slots + 1, sizeof(*picture->slots));
        if (slots == NULL)
                return -ENOMEM;
        picture->slots = slots;
        slots[picture->n_slots++] = (PictureSlot){.index = index, .type = type};
        return 0;
}

int picture_object_names(Picture *picture, StringList *ret) {
        picture->n_slots = 0;
        for (size_t i = 0; i < picture->n_items; i++) {
                const BackupObjects *objects = &picture->items[i].objects;
                if (!is_looked_at(picture, picture->items[i].instance))
                        continue;
                if (objects->record && add_slot(picture, i, OBJECT_RECORD, ret) < 0)
                        return -ENOMEM;
                if (objects->failed && !objects->record &&
                    add_slot(picture, i, OBJECT_FAILED, ret) < 0)
                        return -ENOMEM;
                if (objects->deletion && add_slot(picture, i, OBJECT_DELETE, ret) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static void clear_object(BackupObjects *objects, ObjectType type) {
        if (type == OBJECT_RECORD)
                objects->record = false;
        else if (type == OBJECT_FAILED)
                objects->failed = false;
        else
                objects->deletion = false;
}

int picture_add_objects(Picture *picture, Summary *const *summaries, size_t n) {
        for (size_t i = 0; i < n && i < picture->n_slots; i++) {
                PictureItem *item = &picture->items[picture->slots[i].index];
                ObjectType type = picture->slots[i].type;
                Summary **place = type == OBJECT_RECORD   ? &item->record
                                  : type == OBJECT_FAILED ? &item->failed
                                                          : &item->deletion;
                if (summaries[i] == NULL) { /* the listing lags: it is gone */
                        clear_object(&item->objects, type);
                        continue;
                }
                *place = summary_copy(summaries[i]);
                if (*place == NULL)
                        return -ENOMEM;
        }
        return 0;
}

static int compare_claims(const void *a, const void *b) {
        const CatalogueClaim *one = a, *other = b;
        int r = strcmp(one->instance, other->instance);
        if (r != 0)
                return r;
        return (one->sequence > other->sequence) - (one->sequence < other->sequence);
}

static bool is_listed(const Catalogue *catalogue, size_t n, const CatalogueClaim *claim) {
        return n > 0 &&
               bsearch(claim, catalogue->claims, n, sizeof(CatalogueClaim), compare_claims) != NULL;
}

int picture_expect_claims(Picture *picture, const char *instance, uint64_t first, uint64_t last) {
        Catalogue *catalogue = &picture->catalogue;
        size_t n_listed = catalogue->n_claims;
        for (uint64_t sequence = first; sequence <= last; sequence++) {
                CLEANUP(cleanup_free) char *name = object_name_claim(instance, sequence);
                CatalogueClaim key = {.sequence = sequence};
                snprintf(key.instance, sizeof(key.instance), "%s", instance);
                if (is_listed(catalogue, n_listed, &key))
                        continue;
                if (name == NULL || catalogue_add(catalogue, name, 0, 0) < 0)
                        return -ENOMEM;
        }
        if (catalogue->n_claims > 0)
                qsort(catalogue->claims,
                      catalogue->n_claims,
                      sizeof(CatalogueClaim),
                      compare_claims);
        PictureItem *items = reallocarray(
                picture->items, picture->n_items + catalogue->n_claims + 1, sizeof(PictureItem));
        if (items == NULL)
                return -ENOMEM;
        memset(items + picture->n_items, 0, (catalogue->n_claims + 1) * sizeof(PictureItem));
        picture->items = items;
        return 0;
}

/* Claims are sorted; each readable record marks the one that it came from. */
static bool *mark_explained(const Picture *picture) {
        const Catalogue *catalogue = &picture->catalogue;
        bool *explained = calloc(catalogue->n_claims + 1, sizeof(bool));
        for (size_t i = 0; explained != NULL && i < picture->n_items; i++) {
                const Summary *record = picture->items[i].record;
                if (record == NULL || !record->readable || catalogue->n_claims == 0)
                        continue;
                CatalogueClaim key = {.sequence = record->sequence};
                memcpy(key.instance, record->instance, sizeof(key.instance));
                const CatalogueClaim *claim = bsearch(
                        &key, catalogue->claims, catalogue->n_claims, sizeof(key), compare_claims);
                if (claim != NULL)
                        explained[claim - catalogue->claims] = true;
        }
        return explained;
}

int picture_claim_names(Picture *picture, StringList *ret) {
        CLEANUP(cleanup_free) bool *explained = mark_explained(picture);
        if (explained == NULL)
                return -ENOMEM;
        picture->n_slots = 0;
        for (size_t i = 0; i < picture->catalogue.n_claims; i++) {
                const CatalogueClaim *claim = &picture->catalogue.claims[i];
                if (explained[i] || !is_looked_at(picture, claim->instance))
                        continue;
                if (add_slot(picture, i, OBJECT_CLAIM, ret) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static PictureItem *item_of_claim(Picture *picture, const Summary *claim) {
        const CatalogueBackup *backup = catalogue_find(&picture->catalogue, claim->id);
        if (backup != NULL) {
                PictureItem *item = &picture->items[backup - picture->catalogue.backups];
                return strcmp(item->instance, claim->instance) == 0 ? item : NULL;
        }
        PictureItem *item = &picture->items[picture->n_items++];
        memcpy(item->id, claim->id, sizeof(item->id));
        memcpy(item->instance, claim->instance, sizeof(item->instance));
        return item;
}

int picture_add_claims(Picture *picture, Summary *const *summaries, size_t n) {
        for (size_t i = 0; i < n && i < picture->n_slots; i++) {
                const Summary *claim = summaries[i];
                if (!picture_is_trusted(picture, claim) || claim->take_over)
                        continue;
                PictureItem *item = item_of_claim(picture, claim);
                if (item == NULL || item->claim != NULL)
                        continue;
                const CatalogueClaim *listed = &picture->catalogue.claims[picture->slots[i].index];
                item->objects.claim = true;
                if (item->updated_usec < listed->modified_usec)
                        item->updated_usec = listed->modified_usec;
                item->claim = summary_copy(claim);
                if (item->claim == NULL)
                        return -ENOMEM;
        }
        return 0;
}
