/* May a backup still be based on this one? It is there, is not being deleted, and no other backup
 * is based on it, also none whose record is still on its way; and no tag of ours that should have
 * left a control file is in RMAN's way. Claims are read by number, so that no listing that lags
 * hides a child. */
#pragma once

#include "job/service.h"

typedef struct Children Children;
typedef struct ChildrenOptions {
        Service *service;
        Settings *settings;          /* lives until on_done */
        const char *parent_id;       /* this one and the next two: copied */
        const char *own_id;          /* of the backup that asks; it is no other child */
        const StringList *databases; /* SIDs whose control files must be clean; NULL: not asked */
        uint64_t parent_sequence;    /* children have later claims */
        /* ParentHasChild, InvalidParent (gone or being deleted), ChainBroken (an owed tag), or the
         * store's. */
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} ChildrenOptions;
int children_start(const ChildrenOptions *options, Children **ret, Error *err);
Children *children_free(Children *children); /* cancels */
