/* The jobs of the service: one exclusive at a time, the others in a queue beside it; finished ones
 * stay readable for 60 s. */
#pragma once

#include "job/backup.h"
#include "job/check.h"
#include "job/delete.h"
#include "job/job.h"
#include "job/restore.h"
#include "job/service.h"

typedef struct Manager Manager;

typedef struct ManagerEvents {
        void (*on_new)(Job *job, void *userdata);
        void (*on_changed)(Job *job, void *userdata); /* at most 4 a second a job; the last values
                                                         always before on_removed */
        void (*on_removed)(Job *job, void *userdata); /* finished; still readable */
        void (*on_gone)(uint32_t id, void *userdata); /* no longer readable */
        void *userdata;
} ManagerEvents;

int manager_new(Service *service, const ManagerEvents *events, Manager **ret, Error *err);
Manager *manager_free(Manager *manager); /* no job may run */
DEFINE_CLEANUP(Manager, manager);

/* New jobs stay queued until the manager is opened: after recovery. */
void manager_open(Manager *manager);
/* Until then: jobs that wait, and those to come, end with this error, which will not pass by
 * itself. NULL: they wait again. */
void manager_refuse(Manager *manager, const Error *err);

/* Any work as a job: what the functions below are made of. `work` is taken over on success only.
 * Its id is known at once and durably never given again. */
typedef struct ManagerWork {
        JobType type;
        const char *backup_id, *name, *description, *parent; /* NULL: none */
        const JobFunctions *functions;
        void *work;
} ManagerWork;
int manager_add(Manager *manager, const ManagerWork *work, Job **ret, Error *err);

/* Each begins a job at the next turn of the loop (the reply of the method goes out first). Busy,
 * Interrupted (the service ends), .. */
int manager_create_backup(
        Manager *manager,
        BackupRequest *request,
        Job **ret,
        Error *err); /* fills request->backup_id */
int manager_restore_backup(Manager *manager, RestoreRequest *request, Job **ret, Error *err);
int manager_take_over(Manager *manager, Job **ret, Error *err);
int manager_check(Manager *manager, CheckRequest *request, Job **ret, Error *err);
int manager_delete_backup(
        Manager *manager, Service *service, const DeleteRequest *request, Job **ret, Error *err);

/* -EBUSY while a job of this backup is queued or runs, with the sentence that names it. */
int manager_check_unused(Manager *manager, const char *backup_id, Error *err);
/* The delete that takes this backup away; NULL: none. */
const Job *manager_deletes(Manager *manager, const char *backup_id);

/* -EBUSY while an exclusive job is queued or runs, with the sentence that names it. */
int manager_check_exclusive(const Manager *manager, JobType type, Error *err);

Job *manager_find(Manager *manager, uint32_t id);              /* NULL: no such job */
Job *manager_next(Manager *manager, const Job *after);         /* NULL: the first; by id */
unsigned manager_running(const Manager *manager);              /* queued or running */
int manager_cancel(Manager *manager, uint32_t id, Error *err); /* NoSuchJob, Busy */

/* The service ends: no new jobs, running ones are interrupted; on_idle when the last has finished.
 */
void manager_shut_down(Manager *manager, void (*on_idle)(void *userdata), void *userdata);
/* Losing the bus: no new jobs, running ones go on to their end. */
void manager_drain(Manager *manager, void (*on_idle)(void *userdata), void *userdata);
