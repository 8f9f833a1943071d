/* States, and the catalogue of a listing: what is there, by backup and by claim. */
#include "repository/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"

static const char *const state_names[] = {
        [STATE_NEW] = "NEW",
        [STATE_BUILDING] = "BUILDING",
        [STATE_COMPLETED] = "COMPLETED",
        [STATE_FAILED] = "FAILED",
        [STATE_DELETING] = "DELETING",
        [STATE_DELETE_FAILED] = "DELETE_FAILED",
        [STATE_UNVERIFIED] = "UNVERIFIED",
};

const char *backup_state_name(BackupState state) {
        return state_names[state];
}

int backup_state_from_name(const char *name, BackupState *ret) {
        for (size_t i = 0; i < ELEMENTSOF(state_names); i++)
                if (string_equal(state_names[i], name)) {
                        *ret = (BackupState)i;
                        return 0;
                }
        return -EINVAL;
}

BackupState backup_state(const BackupObjects *objects, bool record_trusted, bool being_deleted) {
        if (objects->deletion)
                return being_deleted ? STATE_DELETING : STATE_DELETE_FAILED;
        if (objects->record)
                return record_trusted ? STATE_COMPLETED : STATE_UNVERIFIED;
        if (objects->failed)
                return STATE_FAILED;
        /* Segments without a claim are what a lagging listing shows: somebody is, or was, at it. */
        if (objects->claim || objects->tar || objects->segments)
                return STATE_BUILDING;
        return STATE_NEW;
}

void catalogue_done(Catalogue *catalogue) {
        free(catalogue->backups);
        free(catalogue->claims);
        *catalogue = (Catalogue){0};
}

/* Arrays grow by doubling: their capacity is the next power of two of their length. */
static int grow(void **array, size_t n, size_t size) {
        size_t bytes;
        if (n > 0 && (n & (n - 1)) != 0)
                return 0;
        if (__builtin_mul_overflow(n > 0 ? 2 * n : 1, size, &bytes))
                return -ENOMEM;
        void *larger = realloc(*array, bytes);
        if (larger == NULL)
                return -ENOMEM;
        *array = larger;
        return 0;
}

static int add_claim(Catalogue *catalogue, const ObjectName *name, uint64_t modified_usec) {
        void *array = catalogue->claims;
        int r = grow(&array, catalogue->n_claims, sizeof(CatalogueClaim));
        if (r < 0)
                return r;
        catalogue->claims = array;
        CatalogueClaim *claim = &catalogue->claims[catalogue->n_claims++];
        *claim = (CatalogueClaim){.sequence = name->sequence, .modified_usec = modified_usec};
        memcpy(claim->instance, name->instance, sizeof(claim->instance));
        return 0;
}

static bool is_control(ObjectType type) {
        return type == OBJECT_RECORD || type == OBJECT_FAILED || type == OBJECT_DELETE;
}

/* One element an object; catalogue_finish() joins those of one backup. */
static int
add_object(Catalogue *catalogue, const ObjectName *name, uint64_t size, uint64_t modified_usec) {
        void *array = catalogue->backups;
        int r = grow(&array, catalogue->n_backups, sizeof(CatalogueBackup));
        if (r < 0)
                return r;
        catalogue->backups = array;
        CatalogueBackup *backup = &catalogue->backups[catalogue->n_backups++];
        *backup = (CatalogueBackup){
                .objects.tar = name->type == OBJECT_TAR,
                .objects.segments = name->type == OBJECT_SEGMENTS,
                .objects.record = name->type == OBJECT_RECORD,
                .objects.failed = name->type == OBJECT_FAILED,
                .objects.deletion = name->type == OBJECT_DELETE,
                .updated_usec = is_control(name->type) ? modified_usec : 0,
                .tar_size = name->type == OBJECT_TAR ? size : 0,
        };
        memcpy(backup->instance, name->instance, sizeof(backup->instance));
        memcpy(backup->id, name->backup_id, sizeof(backup->id));
        return 0;
}

int catalogue_add(Catalogue *catalogue, const char *name, uint64_t size, uint64_t modified_usec) {
        ObjectName parsed;
        object_name_parse(name, &parsed);
        if (parsed.type == OBJECT_UNKNOWN)
                return 0;
        if (parsed.type == OBJECT_CLAIM)
                return add_claim(catalogue, &parsed, modified_usec);
        return add_object(catalogue, &parsed, size, modified_usec);
}

static int compare_backups(const void *a, const void *b) {
        const CatalogueBackup *left = a, *right = b;
        int order = strcmp(left->id, right->id);
        return order != 0 ? order : strcmp(left->instance, right->instance);
}

static int compare_claims(const void *a, const void *b) {
        const CatalogueClaim *left = a, *right = b;
        int order = strcmp(left->instance, right->instance);
        if (order != 0)
                return order;
        return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

static void join(CatalogueBackup *backup, const CatalogueBackup *other) {
        backup->objects.tar |= other->objects.tar;
        backup->objects.segments |= other->objects.segments;
        backup->objects.record |= other->objects.record;
        backup->objects.failed |= other->objects.failed;
        backup->objects.deletion |= other->objects.deletion;
        if (other->updated_usec > backup->updated_usec)
                backup->updated_usec = other->updated_usec;
        if (other->objects.tar)
                backup->tar_size = other->tar_size;
}

void catalogue_finish(Catalogue *catalogue) {
        size_t n = 0;
        if (catalogue->n_claims > 0)
                qsort(catalogue->claims,
                      catalogue->n_claims,
                      sizeof(CatalogueClaim),
                      compare_claims);
        if (catalogue->n_backups == 0)
                return;
        qsort(catalogue->backups, catalogue->n_backups, sizeof(CatalogueBackup), compare_backups);
        for (size_t i = 1; i < catalogue->n_backups; i++) {
                CatalogueBackup *last = &catalogue->backups[n];
                if (compare_backups(last, &catalogue->backups[i]) == 0)
                        join(last, &catalogue->backups[i]);
                else
                        catalogue->backups[++n] = catalogue->backups[i];
        }
        catalogue->n_backups = n + 1;
}

static int compare_id(const void *key, const void *element) {
        const CatalogueBackup *backup = element;
        return strcmp(key, backup->id);
}

const CatalogueBackup *catalogue_find(const Catalogue *catalogue, const char *id) {
        if (catalogue->n_backups == 0)
                return NULL;
        return bsearch(
                id, catalogue->backups, catalogue->n_backups, sizeof(CatalogueBackup), compare_id);
}

uint64_t catalogue_last_sequence(const Catalogue *catalogue, const char *instance) {
        uint64_t last = 0;
        for (size_t i = 0; i < catalogue->n_claims; i++)
                if (string_equal(catalogue->claims[i].instance, instance) &&
                    catalogue->claims[i].sequence > last)
                        last = catalogue->claims[i].sequence;
        return last;
}
