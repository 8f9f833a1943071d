/* Names of the store as places below its root: every component is opened by itself and no symbolic
 * link is followed. Internal to the directory driver; all of it may wait for a disk. */
#pragma once

#include "store/directory-task.h"

typedef struct Place {
        int directory; /* that holds the name */
        char *path;    /* the whole, for messages */
        char *root;
        const char *leaf; /* within path */
} Place;

static const Place PLACE_NONE = {.directory = -1};

void place_done(Place *place);
/* name: "<instance>/<id or begin>/<file>". With create the directories are made, else -ENOENT. */
int place_open(const DirectoryTask *task, const char *name, bool create, Place *ret, Error *err);
/* The same of a file of the task's backup. */
int place_open_of_backup(
        const DirectoryTask *task, const char *file, bool create, Place *ret, Error *err);
/* Opens the leaf, a regular file: -ENOENT, or another failure. *ret is a descriptor. */
int place_open_file(const Place *place, int flags, int *ret, struct stat *ret_st, Error *err);
/* The names down to the place last: fsync of each directory. */
int place_sync(const Place *place, Error *err);
/* Removes the directories above the leaf as far as they are empty, up to the root. */
void place_prune(const Place *place);

int directory_open_root(const DirectoryTask *task, int *ret, Error *err);
/* A system call failed on `path`: ENOENT is StoreNotFound, no space NoSpace, else StoreUnavailable.
 */
int directory_failed(int r, const char *action, const char *path, Error *err);
