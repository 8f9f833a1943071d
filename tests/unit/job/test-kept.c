/* job/kept.c: release = chain keeps staged pieces until the next level 0 of their databases */
#include "job/kept.h"
#include "job/owed.h"
#include "unit/job/job-fixture.h"

static void kept_backup(JobFixture *f, const char *id) {
        f->config.release = RELEASE_CHAIN;
        run_backup(f, id);
        assert_job_done(f);
        forget_job(f);
}

static char *staged(JobFixture *f, const char *id) {
        return path_join(f->config.backup_dir, id);
}

static size_t staged_count(JobFixture *f, const char *id) {
        char *path = staged(f, id);
        size_t n = file_count(path);
        free(path);
        return n;
}

static size_t n_left, n_passes;

static void on_passed(size_t left, const Error *first, void *userdata) {
        n_left = left;
        n_passes++;
}

static bool pass_ended(JobFixture *f) {
        return n_passes > 0;
}

static void pieces_stay_and_are_nothing_that_is_left_to_do(void **state) {
        JobFixture *f = *state;
        OwedPassOptions options = {.service = &f->service, .on_done = on_passed};
        OwedPass *pass = NULL;

        kept_backup(f, ID);
        assert_true(staged_count(f, ID) > 0);
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 1);
        assert_int_equal(ledger_owed_count(f), 1);
        char *directory = staged(f, ID), *files = path_join(directory, ".files");
        assert_int_equal(file_count(files), 0);
        n_passes = 0;
        assert_int_equal(owed_pass_start(&options, &pass, NULL), 0);
        run_until(f, pass_ended);
        owed_pass_free(pass);
        assert_int_equal(n_left, 0);
        assert_true(staged_count(f, ID) > 0);
        free(files);
        free(directory);
}

static void the_next_level_0_releases_them(void **state) {
        JobFixture *f = *state;

        kept_backup(f, ID);
        kept_backup(f, OTHER_ID);
        assert_int_equal(staged_count(f, ID), 0);
        assert_true(staged_count(f, OTHER_ID) > 0);
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 1);
        assert_int_equal(ledger_owed_count(f), 1);
}

/* A level 0 of one database, as far as kept_release() looks at it. */
static int release_of(LedgerDb *db, void *userdata, Error *err) {
        RecordDatabase database = {.sid = userdata};
        Record level0 = {.id = (char[]){OTHER_ID}, .databases = &database, .n_databases = 1};

        return kept_release(db, &level0, err);
}

static void each_of_their_databases_has_to_have_one(void **state) {
        JobFixture *f = *state;

        kept_backup(f, ID);
        ledger_do(f, release_of, (char[]){"DB1"});
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 1);
        ledger_do(f, release_of, (char[]){"DB1"});
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 1);
        ledger_do(f, release_of, (char[]){"DB2"});
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 0);
        assert_int_equal(ledger_owed_of(f, OWED_DIRECTORY), 1);
}

static int release_backup(LedgerDb *db, void *userdata, Error *err) {
        return kept_release_backup(db, userdata, err);
}

static void a_backup_that_goes_takes_its_own_along(void **state) {
        JobFixture *f = *state;

        kept_backup(f, ID);
        ledger_do(f, release_backup, (char[]){OTHER_ID});
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 1);
        ledger_do(f, release_backup, (char[]){ID});
        assert_int_equal(ledger_owed_of(f, OWED_KEPT), 0);
        assert_int_equal(ledger_owed_of(f, OWED_DIRECTORY), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(pieces_stay_and_are_nothing_that_is_left_to_do),
                JOB_TEST(the_next_level_0_releases_them),
                JOB_TEST(each_of_their_databases_has_to_have_one),
                JOB_TEST(a_backup_that_goes_takes_its_own_along),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
