/* What only the manager does with a job: it makes, begins, cancels, announces and frees it. */
#pragma once

#include "event/loop.h"
#include "job/job.h"

/* What a job tells its manager. Both come from the loop; the last call is on_finished. */
typedef struct JobListener {
        void (*on_changed)(Job *job, void *userdata); /* at most 4 a second, once more at the end */
        void (*on_finished)(
                Job *job, void *userdata); /* state and error are set, the work is gone */
        void *userdata;
} JobListener;

typedef struct JobSpec {
        JobType type;
        uint32_t id;
        const char *backup_id;   /* NULL: none */
        const char *name;        /* of the backup that is made; NULL: none */
        const char *description; /* NULL: none */
        const char *parent;      /* of the backup that is made: id or "latest"; NULL: a level 0 */
        const JobFunctions *functions;
        void *work; /* taken over when job_new() succeeds */
        JobListener listener;
} JobSpec;

int job_new(Loop *loop, const JobSpec *spec, Job **ret, Error *err);
Job *job_free(Job *job);

/* Calls start() of the work; its error finishes the job. */
void job_begin(Job *job);
/* A queued job is finished with that reason; a running one is asked. -ESRCH: it has ended already.
 */
int job_cancel(Job *job, ErrorKind reason, Error *err);

bool job_is_live(const Job *job);   /* queued or running */
bool job_can_begin(const Job *job); /* queued, and nobody has cancelled it */
uint64_t job_created_usec(const Job *job);
const char *job_name(const Job *job);
const char *job_description(const Job *job);
unsigned job_backup_level(const Job *job);
const char *job_parent_id(const Job *job); /* "": none, or not found yet */
