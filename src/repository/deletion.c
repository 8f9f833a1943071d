/* The order of a delete. The record goes first, so that a backup that is half gone is COMPLETED to
 * nobody; the large object before its segments, so that it is never there without them; the claim
 * and delete.json last, so that what a crash leaves is known for what it is. Used by job/deleting
 * and job/delete. */
#include "repository/deletion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "repository/names.h"

/* ---- steps ---- */

void deletion_steps_done(DeletionSteps *steps) {
        for (size_t i = 0; i < steps->n; i++)
                free(steps->steps[i].name);
        free(steps->steps);
        *steps = (DeletionSteps){0};
}

/* Takes the name; NULL: no memory. */
static int add_step(DeletionSteps *steps, DeletionStepType type, char *name) {
        DeletionStep *larger = reallocarray(steps->steps, steps->n + 1, sizeof(*larger));

        if (larger != NULL)
                steps->steps = larger;
        if (larger == NULL || name == NULL) {
                free(name);
                return -ENOMEM;
        }
        larger[steps->n++] = (DeletionStep){type, name};
        return 0;
}

static int add_object(DeletionSteps *steps, const Deletion *deletion, ObjectType type) {
        return add_step(
                steps, DELETION_OBJECT, object_name(deletion->instance, deletion->id, type));
}

static int add_segments(DeletionSteps *steps, const Deletion *deletion) {
        for (size_t i = 0; i < deletion->attempts.n; i++)
                if (add_step(steps, DELETION_SEGMENTS, strdup(deletion->attempts.items[i])) < 0)
                        return -ENOMEM;
        return add_step(steps, DELETION_SEGMENTS, strdup(""));
}

static int add_data(DeletionSteps *steps, const Deletion *deletion) {
        if (add_object(steps, deletion, OBJECT_RECORD) < 0 ||
            add_step(
                    steps,
                    DELETION_LARGE_OBJECT,
                    object_name(deletion->instance, deletion->id, OBJECT_TAR)) < 0 ||
            add_segments(steps, deletion) < 0 || add_object(steps, deletion, OBJECT_SEGMENTS) < 0 ||
            add_object(steps, deletion, OBJECT_FAILED) < 0)
                return -ENOMEM;
        steps->n_data = steps->n;
        return 0;
}

int deletion_steps(const Deletion *deletion, DeletionSteps *ret) {
        DeletionSteps steps = {0};

        if (add_data(&steps, deletion) < 0 ||
            add_step(
                    &steps,
                    DELETION_OBJECT,
                    object_name_claim(deletion->instance, deletion->sequence)) < 0 ||
            add_object(&steps, deletion, OBJECT_DELETE) < 0) {
                deletion_steps_done(&steps);
                return -ENOMEM;
        }
        *ret = steps;
        return 0;
}

/* ---- what is known of a backup ---- */

static int name_objects(Deletion *deletion) {
        DeletionSteps steps = {0};
        int r = deletion_steps(deletion, &steps);

        for (size_t i = 0; r >= 0 && i < steps.n; i++)
                if (steps.steps[i].type != DELETION_SEGMENTS)
                        r = string_list_add(&deletion->names, steps.steps[i].name);
        deletion_steps_done(&steps);
        return r;
}

static int begin(Deletion *deletion, const char *id, const char *instance, uint64_t sequence) {
        *deletion =
                (Deletion){.id = strdup(id), .instance = strdup(instance), .sequence = sequence};
        return deletion->id == NULL || deletion->instance == NULL ? -ENOMEM
                                                                  : name_objects(deletion);
}

static int reserve_tags(Deletion *deletion, size_t n) {
        deletion->tags = calloc(n + 1, sizeof(ControlTag));
        return deletion->tags == NULL ? -ENOMEM : 0;
}

static int add_tag(Deletion *deletion, const char *sid, uint64_t dbid, const char *tag) {
        ControlTag *added = &deletion->tags[deletion->n_tags++];

        *added = (ControlTag){strdup(sid), dbid, strdup(tag)};
        return added->sid == NULL || added->tag == NULL ? -ENOMEM : 0;
}

static int end(Deletion *deletion, int r, Deletion *ret) {
        if (r < 0)
                deletion_done(deletion);
        else
                *ret = *deletion;
        return r;
}

int deletion_of_record(const Record *record, Deletion *ret) {
        Deletion deletion;
        int r = begin(&deletion, record->id, record->instance, record->sequence);

        if (r >= 0)
                r = string_list_add(&deletion.attempts, record->volume.attempt);
        if (r >= 0)
                r = reserve_tags(&deletion, record->n_databases);
        for (size_t i = 0; r >= 0 && i < record->n_databases; i++) {
                const RecordDatabase *database = &record->databases[i];
                r = add_tag(&deletion, database->sid, database->dbid, database->tag);
        }
        return end(&deletion, r, ret);
}

int deletion_of_failed(const Failed *failed, Deletion *ret) {
        Deletion deletion;
        int r = begin(&deletion, failed->id, failed->instance, failed->sequence);

        if (r >= 0)
                r = string_list_copy(&failed->attempts, &deletion.attempts);
        if (r >= 0)
                r = reserve_tags(&deletion, failed->n_tags);
        for (size_t i = 0; r >= 0 && i < failed->n_tags; i++)
                r = add_tag(
                        &deletion, failed->tags[i].sid, failed->tags[i].dbid, failed->tags[i].tag);
        return end(&deletion, r, ret);
}

int deletion_of_claim(const Claim *claim, Deletion *ret) {
        Deletion deletion;
        int r = begin(&deletion, claim->id, claim->instance, claim->sequence);

        return end(&deletion, r, ret);
}
