/* A picture of the backups in the store: a listing, what the control objects say, and the
 * unfinished work of this host, merged into views. Plain data, no waiting; the query fills it step
 * by step in the order of the functions below. */
#pragma once

#include "job/own-work.h"
#include "job/query.h"
#include "job/summary.h"

typedef struct PictureItem PictureItem;
typedef struct PictureOwn PictureOwn;
typedef struct PictureSlot PictureSlot;

typedef struct Picture {
        const TrustedKeys *trusted;
        const char *container;
        Catalogue catalogue;
        PictureItem *items; /* the first ones stand for catalogue.backups, in its order */
        size_t n_items;
        PictureOwn *own; /* backups that this host is at */
        size_t n_own;
        StringList deletions;     /* begun by this host, whatever a listing shows of them yet */
        StringList being_deleted; /* a job of ours is at it */
        PictureSlot *slots;       /* what the names that were given out stand for */
        size_t n_slots;
        bool one_instance; /* only `instance` is looked at */
        char instance[65];
} Picture;

void picture_init(Picture *picture, const TrustedKeys *trusted, const char *container);
void picture_done(Picture *picture);

/* Each: 0 or -ENOMEM. */
/* Before the listing: the objects of this backup are asked for by name, listed or not. */
int picture_expect_backup(Picture *picture, const char *instance, const char *id);
int picture_add_listing(Picture *picture, const StoreEntry *entries, size_t n);
/* The jobs in memory and, beside them, what the ledger holds of an earlier process. */
int picture_add_own(Picture *picture, const Service *service, const OwnWork *own);
/* Only the instance of that backup from now on, when the listing shows which it is. */
void picture_keep_instance_of(Picture *picture, const char *id);
int picture_object_names(Picture *picture, StringList *ret);
int picture_add_objects(Picture *picture, Summary *const *summaries, size_t n);
/* These claims, too, are asked for by name where the listing lacks them. */
int picture_expect_claims(Picture *picture, const char *instance, uint64_t first, uint64_t last);
/* Claims that no readable record stands for. */
int picture_claim_names(Picture *picture, StringList *ret);
int picture_add_claims(Picture *picture, Summary *const *summaries, size_t n);

/* One page, newest first. A marker that is gone is InvalidArgs. Caller frees views and array. */
int picture_list(
        const Picture *picture,
        const ListOptions *options,
        BackupView **ret,
        size_t *ret_n,
        Error *err);
/* One backup with its children, an array of one; has_record: backup.json is there and readable.
 * NoSuchBackup. */
int picture_view(
        const Picture *picture, const char *id, BackupView **ret, bool *ret_has_record, Error *err);
