/* How one backup is taken out of the store: what delete.json says of it and in which order its
 * objects go (contract: "A delete"). Pure. */
#pragma once

#include <stddef.h>

#include "repository/control.h"
#include "repository/record.h"

/* What is known of a backup, as delete.json keeps it: id, instance, sequence, attempts, tags and
 * the names of its objects. hostname and created are the caller's to set. 0 or -ENOMEM. */
int deletion_of_record(const Record *record, Deletion *ret);
int deletion_of_failed(const Failed *failed, Deletion *ret);
int deletion_of_claim(const Claim *claim, Deletion *ret);

typedef enum DeletionStepType {
        DELETION_OBJECT,       /* name: of the object */
        DELETION_LARGE_OBJECT, /* backup.tar.age itself, not its segments */
        DELETION_SEGMENTS,     /* name: an attempt; "": of every attempt, sub-manifests too */
} DeletionStepType;

typedef struct DeletionStep {
        DeletionStepType type;
        char *name; /* owned */
} DeletionStep;

typedef struct DeletionSteps {
        DeletionStep *steps;
        size_t n;
        size_t n_data; /* the first ones: all but the claim and delete.json, which are the last two
                        */
} DeletionSteps;
void deletion_steps_done(DeletionSteps *steps);
int deletion_steps(const Deletion *deletion, DeletionSteps *ret); /* 0 or -ENOMEM */
