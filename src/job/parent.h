/* The parent of a level 1: the one that was named, or the newest backup of this instance that may
 * be one ("latest"); its whole chain read and checked, every segment of it there, without a child.
 * Nothing is changed. */
#pragma once

#include "job/chain.h"

typedef struct ParentFound {
        Source *parent;
        const Chain *chain; /* the parent is the last of it */
} ParentFound;

typedef struct ParentSearch ParentSearch;
typedef struct ParentOptions {
        Service *service;
        Settings *settings;          /* lives until on_done */
        const char *parent;          /* an id, or "latest"; lives until on_done, as the next two */
        const StringList *databases; /* SIDs; empty: the parent's */
        const char *own_id;
        /* NoSuchBackup, InvalidParent, ParentHasChild, ChainBroken, Incompatible, or the store's.
         * The caller may take the parent (leave it zeroed). found NULL on error. */
        void (*on_done)(const ParentFound *found, const Error *err, void *userdata);
        void *userdata;
} ParentOptions;
int parent_search_start(const ParentOptions *options, ParentSearch **ret, Error *err);
ParentSearch *parent_search_free(ParentSearch *search); /* cancels */
