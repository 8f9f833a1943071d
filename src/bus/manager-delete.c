/* DeleteBackup of org.orabackup1.Manager: arguments in, a job out. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bus/options.h"
#include "bus/server-internal.h"

typedef struct DeleteArguments {
        const char *backup_id;
        bool recursive;
} DeleteArguments;

static int read_delete(sd_bus_message *message, void *arguments, Error *err) {
        static const Option options[] = {
                {"recursive", OPTION_BOOL, offsetof(DeleteArguments, recursive)},
        };
        DeleteArguments *delete = arguments;
        int r = manager_read_backup_id(message, &delete->backup_id, err);
        return r < 0 ? r : options_read(message, options, ELEMENTSOF(options), delete, err);
}

static int run_delete(Call *call, void *arguments, Error *err) {
        const DeleteArguments *delete = arguments;
        DeleteRequest request = {.recursive = delete->recursive};
        Job *job = NULL;
        char path[JOB_PATH_BYTES];
        memcpy(request.backup_id, delete->backup_id, sizeof(request.backup_id));
        int r = manager_delete_backup(call->service->manager, call->service, &request, &job, err);
        if (r < 0)
                return r;
        job_path(job_id(job), path);
        return call_reply_with(call, err, "o", path);
}

static const Method methods[] = {
        {"DeleteBackup", sizeof(DeleteArguments), read_delete, NULL, run_delete, NULL},
};

const Method *manager_delete_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}
