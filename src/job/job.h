/* A job: what the bus shows of work in the background. The work itself is behind JobFunctions
 * (backup.c, restore.c, ..). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strings.h"

typedef enum JobType {
        JOB_BACKUP,
        JOB_RESTORE,
        JOB_DELETE,
        JOB_VERIFY,
        JOB_CHECK,
        JOB_PRUNE,
        JOB_CREATE_DATABASE,
        JOB_ENABLE_ARCHIVELOG,
        JOB_TAKE_OVER,
} JobType;
const char *job_type_name(JobType type); /* "backup" .. "take-over" */
bool job_type_is_exclusive(JobType type);

typedef enum JobState { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED } JobState;
const char *job_state_name(JobState state);

typedef struct Job Job;

/* The work of a job. `work` belongs to the job. */
typedef struct JobFunctions {
        /* Begins. An error fails the job. Otherwise job_finish() is called once, later, from the
         * loop. */
        int (*start)(void *work, Job *job, Error *err);
        /* Stop: ERROR_CANCELLED (a person) or ERROR_INTERRUPTED (the service ends). Returns an
         * error (Busy) when it is too late; else job_finish() follows. */
        int (*cancel)(void *work, ErrorKind reason, Error *err);
        void *(*free)(void *work); /* NULL-safe, returns NULL */
} JobFunctions;

/* A row of Result: keys in order, values are strings, unsigned integers or booleans. */
typedef enum JobValueType { JOB_VALUE_STRING, JOB_VALUE_UINT, JOB_VALUE_BOOL } JobValueType;
typedef struct JobValue {
        const char *key;
        JobValueType type;
        const char *string;
        uint64_t number;
} JobValue;

typedef struct JobProgress {
        uint64_t bytes_expected, bytes_staged, bytes_stored;
        uint32_t pieces_staged, segments_stored;
        uint32_t percent; /* of a job that knows no bytes: as dbca says */
} JobProgress;

/* For the work. Each tells the manager, which tells the bus (at most 4 times a second). */
void job_set_phase(Job *job, const char *phase);      /* a static string of the contract */
void job_set_database(Job *job, const char *sid);     /* "" for none; copied */
void job_set_parent(Job *job, const char *backup_id); /* of the backup that is made; copied */
void job_set_progress(Job *job, const JobProgress *progress);
void job_add_row(
        Job *job,
        const JobValue *values,
        size_t n_values); /* beyond LIMIT_RESULT_ROWS: the last is {truncated true} */
/* A backup that this job needs or, of a delete, takes away; until the job has ended. 0 or -ENOMEM.
 */
int job_use(Job *job, const char *backup_id);
/* Last call of the work: err NULL is done; Cancelled is cancelled; else failed. The work is freed
 * afterwards, from the loop, not within this call. */
void job_finish(Job *job, const Error *err);

/* For everybody. */
uint32_t job_id(const Job *job);
JobType job_type(const Job *job);
JobState job_state(const Job *job);
const char *job_backup_id(const Job *job);                /* "" for none */
bool job_is_using(const Job *job, const char *backup_id); /* named by job_use() */
const StringList *job_used(const Job *job);
const char *job_phase(const Job *job);
const char *job_database(const Job *job);
const JobProgress *job_progress(const Job *job);
uint64_t job_started_usec(const Job *job); /* CLOCK_REALTIME; 0: not yet */
uint64_t job_finished_usec(const Job *job);
const Error *job_error(const Job *job); /* kind ERROR_NONE: none */
size_t job_row_count(const Job *job);
const JobValue *job_row(const Job *job, size_t index, size_t *ret_n_values);
