/* Work of jobs that a test holds in its hands: link tests/fakes/job-work.c (job_work_fake_sources)
 * and it stands for job/backup.c, job/check.c, job/delete.c, job/restore.c and job/take-over.c.
 * Each work notes what happens to it; the test finishes its job. */
#pragma once

#include "job/backup.h"
#include "job/check.h"
#include "job/delete.h"
#include "job/restore.h"
#include "job/take-over.h"

typedef struct FakeWork {
        Job *job; /* NULL: not begun */
        bool cancelled, freed;
        ErrorKind reason;
        BackupRequest request;
} FakeWork;

enum { FAKE_WORKS_MAX = 512 };

/* What the works do and did; set to zeros before each test. */
typedef struct FakeWorks {
        FakeWork works[FAKE_WORKS_MAX];
        size_t n;
        bool start_fails;     /* start() returns Oracle */
        bool cancel_is_late;  /* cancel() returns Busy */
        bool cancel_finishes; /* cancel() finishes the job with its reason */
} FakeWorks;
extern FakeWorks fake_works;

extern const JobFunctions fake_functions; /* for manager_add() */
void *fake_work_new(void);
