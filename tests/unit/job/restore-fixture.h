/* What the tests of restores share: a completed backup of DB1 and DB2, and restores of it. */
#pragma once

#include "job/restore.h"
#include "unit/job/job-fixture.h"

int restore_fixture_setup(void **state);
int restore_fixture_teardown(void **state);

#define RESTORE_TEST(name)                                                                         \
        cmocka_unit_test_setup_teardown(name, restore_fixture_setup, restore_fixture_teardown)

/* With the right identity, unless the request has one. */
void begin_restore(JobFixture *f, RestoreRequest *request);
void run_restore(JobFixture *f, RestoreRequest *request);

/* Nothing of a restore is on this host. */
void assert_nothing_changed(JobFixture *f);
/* What was fetched is gone, and the ledger is empty. */
void assert_nothing_fetched_is_left(JobFixture *f);

/* A file is what the fake's backup run wrote. */
bool is_pattern(const char *path, size_t size, unsigned seed);
char *segment_name(JobFixture *f, uint64_t index); /* of the backup; caller frees */
