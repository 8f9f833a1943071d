/* Which objects exist is the state. Pure: a listing in, states out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "repository/names.h"

typedef enum BackupState {
        STATE_NEW,      /* a job here whose claim is not acknowledged */
        STATE_BUILDING, /* a claim, neither record nor failed.json */
        STATE_COMPLETED,
        STATE_FAILED,
        STATE_DELETING,      /* delete.json, and a job is at it */
        STATE_DELETE_FAILED, /* delete.json, nobody at it */
        STATE_UNVERIFIED,    /* a record whose signature is not trusted */
} BackupState;
const char *backup_state_name(BackupState state);               /* "COMPLETED" .. */
int backup_state_from_name(const char *name, BackupState *ret); /* 0 or -EINVAL */

/* The objects of one backup that a listing (or a look by name) showed. */
typedef struct BackupObjects {
        bool claim, tar, segments, record, failed, deletion;
} BackupObjects;

/* record_trusted: the record verifies and its key is trusted for the instance; being_deleted: a
 * delete job of ours runs. */
BackupState backup_state(const BackupObjects *objects, bool record_trusted, bool being_deleted);

/* A catalogue of a listing: backups by id, claims by sequence, of one or several instances. */
typedef struct CatalogueBackup {
        char instance[65];
        char id[37];
        BackupObjects objects;
        uint64_t updated_usec; /* of the newest control object */
        uint64_t tar_size;
} CatalogueBackup;
typedef struct CatalogueClaim {
        char instance[65];
        uint64_t sequence;
        uint64_t modified_usec;
} CatalogueClaim;
typedef struct Catalogue {
        CatalogueBackup *backups;
        size_t n_backups;
        CatalogueClaim *claims; /* sorted by instance, sequence */
        size_t n_claims;
} Catalogue;
void catalogue_done(Catalogue *catalogue);
/* One call per listed object, any order; catalogue_finish sorts. 0 or -ENOMEM. Names of another
 * scheme are left out. */
int catalogue_add(Catalogue *catalogue, const char *name, uint64_t size, uint64_t modified_usec);
void catalogue_finish(Catalogue *catalogue);
const CatalogueBackup *catalogue_find(const Catalogue *catalogue, const char *id);
uint64_t catalogue_last_sequence(const Catalogue *catalogue, const char *instance); /* 0: none */
