/* DeleteBackup as a job, and what else must know of one that runs. Part of job/manager. */
#include <errno.h>

#include "job/delete.h"
#include "job/job-internal.h"
#include "job/manager.h"

int manager_check_unused(Manager *manager, const char *backup_id, Error *err) {
        for (Job *job = NULL; (job = manager_next(manager, job)) != NULL;) {
                if (!job_is_live(job) || !string_equal(job_backup_id(job), backup_id))
                        continue;
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "Job %u (%s of %s) is %s; wait until it has ended, or cancel it",
                        job_id(job),
                        job_type_name(job_type(job)),
                        backup_id,
                        job_state_name(job_state(job)));
        }
        return 0;
}

const Job *manager_deletes(Manager *manager, const char *backup_id) {
        for (Job *job = NULL; (job = manager_next(manager, job)) != NULL;)
                if (job_type(job) == JOB_DELETE && job_is_live(job) && job_is_using(job, backup_id))
                        return job;
        return NULL;
}

int manager_delete_backup(
        Manager *manager, Service *service, const DeleteRequest *request, Job **ret, Error *err) {
        int r = manager_check_unused(manager, request->backup_id, err);
        if (r < 0)
                return r;
        void *work = NULL;
        r = delete_new(service, request, &work, err);
        if (r < 0)
                return r;
        ManagerWork add = {
                .type = JOB_DELETE,
                .backup_id = request->backup_id,
                .functions = &delete_functions,
                .work = work};
        r = manager_add(manager, &add, ret, err);
        if (r < 0)
                delete_functions.free(work);
        return r;
}
