/* The blocking half of the directory driver: one operation with everything it needs, run by a
 * worker. Internal to the driver. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "store/asked.h"
#include "store/entries.h"

enum { DIRECTORY_SLICE_BYTES = 256 * 1024 };

typedef struct DirectoryTask {
        /* Its bytes and buffer are touched only under lock and only while not cancelled. */
        StoreAsked asked;
        pthread_mutex_t lock;
        bool cancelled;

        char *root; /* the store's path */
        dev_t device;
        ino_t inode;
        bool has_identity; /* device and inode must still be the root's */
        bool durable;      /* the attempt's directories and file are known to last */

        bool already_there, has_etag;
        char etag[33];
        uint8_t *data;
        size_t data_size;
        uint64_t object_size;
        StoreEntries entries;
} DirectoryTask;

int directory_task_init(
        DirectoryTask *task, const char *root, const StoreOperation *operation, Error *err);
void directory_task_reset(
        DirectoryTask *task); /* what a run that failed left, before another one */
void directory_task_done(DirectoryTask *task);
int directory_task_run(DirectoryTask *task, Error *err);

/* directory-objects.c */
int directory_put_object(DirectoryTask *task, Error *err);
int directory_get_object(DirectoryTask *task, Error *err);
int directory_stat_object(DirectoryTask *task, Error *err);
int directory_remove_object(DirectoryTask *task, Error *err);
/* directory-list.c */
int directory_list(DirectoryTask *task, Error *err);
/* directory-segments.c */
int directory_put_segment(DirectoryTask *task, Error *err);
int directory_get_segment(DirectoryTask *task, Error *err);
int directory_stat_segment(DirectoryTask *task, Error *err);
int directory_remove_segments(DirectoryTask *task, Error *err);
/* directory-commit.c */
int directory_commit(DirectoryTask *task, Error *err);
int directory_remove_large_object(DirectoryTask *task, Error *err);
