/* A service in a temporary directory for the tests of src/job: loop, workers, ledger and keys are
 * real, the store is in memory (fakes/store.h) and Oracle is scripted (fakes/oracle.h). */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "event/timer.h"
#include "fakes/oracle.h"
#include "fakes/store.h"
#include "job/job-internal.h"
#include "job/service.h"
#include "ledger/db.h"
#include "repository/control.h"
#include "repository/record.h"
#include "unit/test.h"

enum { SEGMENT = 128 * 1024 };

#define ID "0b8f2a52-8e0e-4a8b-9c59-3d6b5a1f4c11"
#define OTHER_ID "5d1c7c44-1111-4f6e-9d0c-2a2b2c2d2e2f"
#define INSTANCE "db"

typedef struct JobFixture {
        char directory[64];
        Service service;
        Settings settings;
        Config config;
        AgeIdentities *identities;
        char *identity_text;
        SigningKey *other_key; /* of another host: not trusted */
        Timer *timer;

        Job *job;
        JobState state; /* once it has finished */
        Error error;
        bool finished;
} JobFixture;

int job_fixture_setup(void **state);
int job_fixture_teardown(void **state);

/* Runs the loop until the condition holds; the test fails when it does not within 20 s. */
typedef bool (*Condition)(JobFixture *f);
void run_until(JobFixture *f, Condition condition);
/* Lets happen what can happen without anybody's help: for what must not come. */
void run_a_while(JobFixture *f);

/* A job of this work, begun. run_job() waits for its end; end_job() forgets it. */
void begin_job(
        JobFixture *f, JobType type, const char *id, const JobFunctions *functions, void *work);
void finish_job(JobFixture *f);
bool job_is_finished(JobFixture *f);
void forget_job(JobFixture *f);

/* Backups of DB1 and DB2, with a failure of the test when the state is another one at the end. */
void begin_backup(JobFixture *f, const char *id);
void run_backup(JobFixture *f, const char *id);

/* The ledger, asked at once. */
size_t ledger_job_count(JobFixture *f);
LedgerStage ledger_stage(JobFixture *f); /* of the only row; 0: none */
size_t ledger_owed_count(JobFixture *f);
size_t ledger_owed_of(JobFixture *f, OwedType type);
typedef int (*LedgerStep)(LedgerDb *db, void *userdata, Error *err);
void ledger_do(JobFixture *f, LedgerStep step, void *userdata);

/* Objects signed by a key. */
void put_claim(
        JobFixture *f, const SigningKey *key, uint64_t sequence, const char *id, const char *host);
void put_failed(JobFixture *f, const SigningKey *key, const char *id);
void put_record(JobFixture *f, const SigningKey *key, const Record *record); /* in place of one */
bool has_object(JobFixture *f, const char *id, const char *name); /* <instance>/<id>/<name> */
bool has_claim(JobFixture *f, uint64_t sequence);
Failed read_failed(JobFixture *f, const char *id); /* the caller frees with failed_done() */
void read_record(JobFixture *f, const char *id, Record *ret);

size_t file_count(const char *directory); /* 0: also when it is not there */
size_t key_file_count(JobFixture *f);
char *path_of(JobFixture *f, const char *name); /* in the temporary directory; caller frees */

#define JOB_TEST(name)                                                                             \
        cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

void assert_job_done(JobFixture *f);
void assert_job_failed(JobFixture *f, ErrorKind kind);
/* A failed backup: its claim and failed.json stay in the store, nothing anywhere else. */
void assert_failed_cleanly(JobFixture *f, const char *id, ErrorKind kind);
/* A refused backup: nothing anywhere. */
void assert_nothing_left(JobFixture *f);
/* Conditions. */
bool is_in_upload_phase(JobFixture *f);
bool is_in_cleanup_phase(JobFixture *f);
bool store_is_held(JobFixture *f);
bool run_is_held(JobFixture *f);
/* Lets a backup come to where its record is being sent, which does not come back. */
void hold_record(JobFixture *f);
