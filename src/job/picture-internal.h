/* Shared by picture.c (collects), picture-view.c (shows) and family.c (a backup and its children).
 */
#pragma once

#include "job/picture.h"

/* One backup as it was found. The summaries are owned. */
struct PictureItem {
        char id[37], instance[65];
        BackupObjects objects;
        uint64_t updated_usec, tar_size;
        Summary *record, *failed, *deletion, *claim;
};

/* A backup that a job here is at, or that the ledger still holds. */
struct PictureOwn {
        char id[37], instance[65];
        char *name, *description;
        unsigned level;
        char parent_id[37];
        bool acknowledged; /* the claim is in the store */
        uint64_t started_usec, bytes_stored;
};

struct PictureSlot {
        size_t index; /* of the item, or of the catalogue's claim */
        ObjectType type;
};

const PictureOwn *picture_find_own(const Picture *picture, const char *id);
/* What speaks for a backup: the most that is readable of it; NULL: nothing. */
const Summary *picture_main_summary(const PictureItem *item);
/* False: there is no such backup (any more). Of a deleted one whose claim had to stay, that and
 * delete.json are left until there is a later claim. */
bool picture_state(const Picture *picture, const PictureItem *item, BackupState *ret);
bool picture_is_trusted(const Picture *picture, const Summary *summary); /* NULL: no */
