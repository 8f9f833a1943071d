/* One operation of the directory driver: what it owns, and what it runs. */
#include "store/directory-task.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/strings.h"
#include "store/directory-place.h"

static int open_store(DirectoryTask *task, Error *err) {
        CLEANUP(cleanup_close) int fd = -1;
        struct stat st;
        int r = directory_make(task->root, 0750, err);
        if (r < 0)
                return error_prefix(err, "The store %s cannot be made", task->root);
        r = directory_open_root(task, &fd, err);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return directory_failed(-errno, "Opening", task->root, err);
        task->device = st.st_dev;
        task->inode = st.st_ino;
        return 0;
}

static int space(DirectoryTask *task, Error *err) {
        CLEANUP(cleanup_close) int fd = -1;
        int r = directory_open_root(task, &fd, err);
        return r < 0 ? r : directory_space(task->root, &task->object_size, err);
}

static const struct {
        int (*run)(DirectoryTask *task, Error *err);
        const char *fault; /* NULL: the object's own */
} operations[_STORE_OPERATION_MAX] = {
        [STORE_OPEN] = {open_store, "store-open"},
        [STORE_PUT_OBJECT] = {directory_put_object, NULL},
        [STORE_GET_OBJECT] = {directory_get_object, "store-get-object"},
        [STORE_REMOVE_OBJECT] = {directory_remove_object, "store-remove-object"},
        [STORE_STAT_OBJECT] = {directory_stat_object, "store-stat-object"},
        [STORE_LIST] = {directory_list, "store-list"},
        [STORE_PUT_SEGMENT] = {directory_put_segment, "store-put-segment"},
        [STORE_GET_SEGMENT] = {directory_get_segment, "store-get-segment"},
        [STORE_STAT_SEGMENT] = {directory_stat_segment, "store-stat-segment"},
        [STORE_REMOVE_SEGMENTS] = {directory_remove_segments, "store-remove-segments"},
        [STORE_COMMIT] = {directory_commit, "store-commit"},
        [STORE_REMOVE_LARGE_OBJECT] = {directory_remove_large_object, "store-remove-large-object"},
        [STORE_SPACE] = {space, "store-space"},
};

static int pass_fault(const DirectoryTask *task, const char *suffix, Error *err) {
        const char *name = operations[task->asked.type].fault;
        char point[64];
        snprintf(
                point,
                sizeof(point),
                "%s%s",
                name != NULL ? name : store_put_fault_point(task->asked.name),
                suffix);
        int r = fault_point(point);
        return r < 0 ? error_set_errno(err, ERROR_STORE_UNAVAILABLE, r, "%s", task->root) : 0;
}

int directory_task_run(DirectoryTask *task, Error *err) {
        int r = pass_fault(task, "", err);
        if (r == 0)
                r = operations[task->asked.type].run(task, err);
        return r < 0 ? r : pass_fault(task, "-done", err);
}

int directory_task_init(
        DirectoryTask *task, const char *root, const StoreOperation *operation, Error *err) {
        *task = (DirectoryTask){.root = strdup(root)};
        pthread_mutex_init(&task->lock, NULL);
        if (store_asked_copy(operation, &task->asked) < 0 || task->root == NULL) {
                directory_task_done(task);
                return error_oom(err);
        }
        return 0;
}

void directory_task_reset(DirectoryTask *task) {
        store_entries_done(&task->entries);
        free(task->data);
        task->data = NULL;
        task->data_size = 0;
        task->object_size = 0;
        task->already_there = task->has_etag = false;
}

void directory_task_done(DirectoryTask *task) {
        pthread_mutex_destroy(&task->lock);
        directory_task_reset(task);
        free(task->root);
        store_asked_done(&task->asked);
}
