#include "fakes/job-work.h"

#include <assert.h>
#include <errno.h>

FakeWorks fake_works;

static int fake_start(void *work, Job *job, Error *err) {
        FakeWork *fake = work;
        fake->job = job;
        if (fake_works.start_fails)
                return error_set(err, ERROR_ORACLE, -EIO, "The database is down");
        return 0;
}

static int fake_cancel(void *work, ErrorKind reason, Error *err) {
        FakeWork *fake = work;
        if (fake_works.cancel_is_late)
                return error_set(err, ERROR_BUSY, -EBUSY, "The record is on its way");
        fake->cancelled = true;
        fake->reason = reason;
        if (fake_works.cancel_finishes) {
                Error error = {0};
                error_set(&error, reason, -ECANCELED, "Stopped");
                job_finish(fake->job, &error);
        }
        return 0;
}

static void *fake_free(void *work) {
        FakeWork *fake = work;
        if (fake != NULL) {
                assert(!fake->freed);
                fake->freed = true;
        }
        return NULL;
}

const JobFunctions fake_functions = {fake_start, fake_cancel, fake_free};
const JobFunctions backup_functions = {fake_start, fake_cancel, fake_free};
const JobFunctions check_functions = {fake_start, fake_cancel, fake_free};
const JobFunctions restore_functions = {fake_start, fake_cancel, fake_free};
const JobFunctions take_over_functions = {fake_start, fake_cancel, fake_free};
const JobFunctions delete_functions = {fake_start, fake_cancel, fake_free};

void *fake_work_new(void) {
        assert(fake_works.n < FAKE_WORKS_MAX);
        return &fake_works.works[fake_works.n++];
}

int backup_new(Service *service, const BackupRequest *request, void **ret, Error *err) {
        FakeWork *fake = fake_work_new();
        fake->request = *request;
        *ret = fake;
        return 0;
}

int check_new(Service *service, CheckRequest *request, void **ret, Error *err) {
        *ret = fake_work_new();
        return 0;
}

int restore_new(Service *service, const RestoreRequest *request, void **ret, Error *err) {
        *ret = fake_work_new();
        return 0;
}

int delete_new(Service *service, const DeleteRequest *request, void **ret, Error *err) {
        *ret = fake_work_new();
        return 0;
}

int take_over_new(Service *service, void **ret, Error *err) {
        *ret = fake_work_new();
        return 0;
}
