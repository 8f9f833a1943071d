/* job/backup*.c from the request to COMPLETED: what is stored, in what order, and what is left.
 *
 * The moves of a backup and the tests that make them (here, test-backup-fail.c,
 * test-backup-stop.c): new -> preflight -> claim -> prepare -> rman -> files -> upload -> commit ->
 * cleanup -> over a_backup_of_two_databases_completes preflight -> stopping -> over
 * a_refused_database_leaves_nothing_anywhere claim -> stopping -> over
 * a_cancel_while_the_claims_are_listed_leaves_nothing prepare -> stopping -> failing
 * a_key_file_that_cannot_be_made_fails_the_backup rman -> stopping -> failing
 * a_failed_run_leaves_its_claim_and_the_cause files -> stopping
 * a_summary_that_cannot_be_written_fails_the_backup upload -> stopping
 * a_segment_refused_after_rman_fails_the_backup commit -> stopping test-commit.c
 *   commit -> over                    rule_15_a_record_that_does_not_arrive_is_owed
 *   failing -> over                   all of these
 *   stopping -> retry -> prepare      a_passing_failure_of_rman_gets_another_attempt
 *   retry -> stopping                 a_tag_that_cannot_be_cleaned_ends_the_attempts,
 *                                     a_cancel_between_two_attempts_ends_the_backup */
#include <errno.h>

#include "job/backup.h"
#include "unit/job/job-fixture.h"

static void a_backup_of_two_databases_completes(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        run_backup(f, ID);
        assert_job_done(f);
        read_record(f, ID, &record);
        assert_int_equal(record.n_databases, 2);
        assert_int_equal(record.sequence, 1);
        assert_string_equal(record.name, "nightly");
        /* 2 x (3 pieces, spfile, pfile, orapw) and the network file of their home once */
        assert_int_equal(record.n_members, 13);
        assert_true(has_claim(f, 1));
        assert_true(has_object(f, ID, "backup.tar.age"));
        assert_true(has_object(f, ID, "segments"));
        assert_false(has_object(f, ID, "failed.json"));
        assert_int_equal(
                fake_store_segment_count(f->service.store, ""), record.volume.segment_count);
        record_done(&record);
}

static void a_completed_backup_leaves_nothing_on_the_host(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        assert_job_done(f);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_int_equal(key_file_count(f), 0);
        assert_int_equal(fake_oracle_calls(FAKE_DELETE_TAG), 0);
        /* log and control file pieces of both */
        assert_int_equal(fake_oracle_log_count("uncatalog DB1"), 2);
        assert_int_equal(fake_oracle_log_count("uncatalog DB2"), 2);
}

static bool something_is_stored(JobFixture *f) {
        return job_progress(f->job)->segments_stored > 0;
}

static void segments_are_stored_before_the_last_run_is_done(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_backup(f, ID);
        run_until(f, something_is_stored);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 1);
        assert_string_equal(job_phase(f->job), "rman");
        assert_string_equal(job_database(f->job), "DB1");
        fake_oracle_let_go(FAKE_BACKUP_RUN);
        finish_job(f);
        assert_job_done(f);
        assert_int_equal(job_progress(f->job)->bytes_stored, job_progress(f->job)->bytes_expected);
}

static bool both_runs_are_held(JobFixture *f) {
        return fake_oracle_held(FAKE_BACKUP_RUN) == 2;
}

static void parallel_databases_run_side_by_side(void **state) {
        JobFixture *f = *state;

        f->config.parallel_databases = 2;
        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_backup(f, ID);
        run_until(f, both_runs_are_held);
        fake_oracle_let_go(FAKE_BACKUP_RUN);
        finish_job(f);
        assert_job_done(f);
}

static void the_next_backup_names_the_one_before(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        run_backup(f, ID);
        assert_job_done(f);
        run_backup(f, OTHER_ID);
        assert_job_done(f);
        read_record(f, OTHER_ID, &record);
        assert_int_equal(record.sequence, 2);
        assert_string_equal(record.previous_id, ID);
        assert_int_equal(record.previous_sequence, 1);
        record_done(&record);
}

static void a_refused_database_leaves_nothing_anywhere(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_PREFLIGHT, "DB2", 1, ERROR_NOT_ARCHIVELOG, "");
        run_backup(f, ID);
        assert_job_failed(f, ERROR_NOT_ARCHIVELOG);
        assert_nothing_left(f);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 0);
}

static void a_database_that_oratab_lacks_is_refused(void **state) {
        JobFixture *f = *state;

        assert_int_equal(string_list_add(&f->config.databases, "DB9"), 0);
        run_backup(f, ID);
        assert_job_failed(f, ERROR_NO_SUCH_DATABASE);
        assert_non_null(strstr(f->error.message, "DB9"));
        assert_nothing_left(f);
}

static void an_estimate_that_does_not_fit_is_refused(void **state) {
        JobFixture *f = *state;

        fake_oracle.used_bytes = UINT64_MAX / 4;
        run_backup(f, ID);
        assert_job_failed(f, ERROR_NO_SPACE);
        assert_non_null(strstr(f->error.message, f->config.backup_dir));
        assert_nothing_left(f);
}

static void an_estimate_beyond_the_stores_segments_is_refused(void **state) {
        JobFixture *f = *state;

        /* Two databases of 1000 bytes and a tenth of that. */
        f->config.segment_size = 100;
        fake_store_set_max_segments(f->service.store, 21);
        run_backup(f, ID);
        assert_job_failed(f, ERROR_TOO_LARGE);
        assert_non_null(strstr(f->error.message, "2200 bytes"));
        assert_non_null(strstr(f->error.message, "2100 of one backup"));
        assert_nothing_left(f);
}

static void a_backup_without_recipients_does_not_begin(void **state) {
        JobFixture *f = *state;
        AgeRecipients *recipients = TAKE_PTR(f->settings.recipients);

        (void)error_set(&f->settings.recipients_error, ERROR_CONFIG, -ENOENT, "no recipients");
        run_backup(f, ID);
        f->settings.recipients = recipients;
        assert_job_failed(f, ERROR_CONFIG);
        assert_nothing_left(f);
}

static void an_unavailable_database_is_skipped_when_that_is_allowed(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        f->config.skip_unavailable = true;
        fake_oracle_fail(FAKE_PREFLIGHT, "DB1", 1, ERROR_ORACLE, "ORA-01034");
        run_backup(f, ID);
        assert_job_done(f);
        read_record(f, ID, &record);
        assert_int_equal(record.n_databases, 1);
        assert_string_equal(record.databases[0].sid, "DB2");
        assert_int_equal(record.n_skipped, 1);
        assert_string_equal(record.skipped[0].sid, "DB1");
        assert_string_equal(record.skipped[0].reason, "Oracle says no");
        record_done(&record);
}

static void a_backup_of_nothing_is_refused_even_when_skipping_is_allowed(void **state) {
        JobFixture *f = *state;

        f->config.skip_unavailable = true;
        fake_oracle_fail(FAKE_PREFLIGHT, NULL, 2, ERROR_ORACLE, "ORA-01034");
        run_backup(f, ID);
        assert_job_failed(f, ERROR_ORACLE);
        assert_non_null(strstr(f->error.message, "DB1"));
        assert_nothing_left(f);
}

static bool first_pieces_are_gone(JobFixture *f) {
        CLEANUP(cleanup_free)
        char *directory = string_printf("%s/%s/DB1", f->config.backup_dir, ID);
        return file_count(directory) < 2;
}

static bool all_but_the_last_are_stored(JobFixture *f) {
        return run_is_held(f) && job_progress(f->job)->segments_stored >= 3;
}

/* The run's own check comes first, then the acknowledgement: both are needed. */
static void stored_pieces_are_released_early_when_that_is_asked_for(void **state) {
        JobFixture *f = *state;

        f->config.release = RELEASE_STORED;
        assert_int_equal(string_list_add(&f->config.databases, "DB1"), 0);
        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_backup(f, ID);
        run_until(f, all_but_the_last_are_stored);
        assert_false(first_pieces_are_gone(f)); /* not confirmed yet */
        fake_store_hold(f->service.store, STORE_COMMIT);
        fake_oracle_let_go(FAKE_BACKUP_RUN);
        run_until(f, first_pieces_are_gone);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        finish_job(f);
        assert_job_done(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(a_backup_of_two_databases_completes),
                JOB_TEST(a_completed_backup_leaves_nothing_on_the_host),
                JOB_TEST(segments_are_stored_before_the_last_run_is_done),
                JOB_TEST(parallel_databases_run_side_by_side),
                JOB_TEST(the_next_backup_names_the_one_before),
                JOB_TEST(a_refused_database_leaves_nothing_anywhere),
                JOB_TEST(a_database_that_oratab_lacks_is_refused),
                JOB_TEST(an_estimate_that_does_not_fit_is_refused),
                JOB_TEST(an_estimate_beyond_the_stores_segments_is_refused),
                JOB_TEST(a_backup_without_recipients_does_not_begin),
                JOB_TEST(an_unavailable_database_is_skipped_when_that_is_allowed),
                JOB_TEST(a_backup_of_nothing_is_refused_even_when_skipping_is_allowed),
                JOB_TEST(stored_pieces_are_released_early_when_that_is_asked_for),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
