/* A backup of this instance and everything that is based on it, for a decision: what a listing
 * lacks is asked for by name, the backup's own objects and the claims after its own. Nothing is
 * changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/service.h"
#include "repository/state.h"

typedef struct FamilyMember {
        char id[37], parent_id[37]; /* parent_id "": a level 0 */
        uint64_t sequence;          /* of its claim; 0: nothing readable names it */
        BackupState state;
        Trust signature; /* of its record; TRUST_MISSING without one */
        char signer[64];
        bool is_at_work; /* a job of ours, or of an earlier process of ours, still has to end it */
        bool has_record, has_failed, has_deletion; /* readable and trusted */
} FamilyMember;

typedef struct FamilyFound {
        const FamilyMember *self;        /* NULL: this instance has no such backup */
        const FamilyMember *descendants; /* the youngest first; without those that FAILED */
        size_t n_descendants;
        const char *elsewhere; /* self NULL: the other instance that has it; NULL: none */
} FamilyFound;

typedef struct Family Family;
typedef struct FamilyOptions {
        Service *service;
        Settings *settings; /* lives until on_done */
        const char *backup_id;
        uint64_t last_claim; /* the highest of the instance */
        /* found NULL on error. What it shows lives until family_free(). */
        void (*on_done)(const FamilyFound *found, const Error *err, void *userdata);
        void *userdata;
} FamilyOptions;
int family_start(const FamilyOptions *options, Family **ret, Error *err);
Family *family_free(Family *family); /* cancels */
