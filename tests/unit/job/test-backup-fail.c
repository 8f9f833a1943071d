/* job/backup*.c when something fails: the first cause is kept, and only the claim and failed.json
 * stay (rule 1) */
#include <errno.h>
#include <sys/stat.h>

#include "job/backup.h"
#include "unit/job/job-fixture.h"

static void a_failed_run_leaves_its_claim_and_the_cause(void **state) {
        JobFixture *f = *state;
        Failed failed;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB2", 1, ERROR_RMAN_FAILED, "RMAN-03009");
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_RMAN_FAILED);
        assert_int_equal(fake_oracle_log_count("delete-tag DB1 LEVEL0-"), 1);
        assert_int_equal(fake_oracle_log_count("delete-tag DB2 LEVEL0-"), 1);
        failed = read_failed(f, ID);
        assert_int_equal(failed.attempts.n, 1);
        assert_int_equal(failed.n_tags, 2);
        assert_int_equal(failed.sequence, 1);
        failed_done(&failed);
}

static void a_failed_run_stops_the_others(void **state) {
        JobFixture *f = *state;

        f->config.parallel_databases = 2;
        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_STALLED, "");
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_RMAN_STALLED);
}

static void rule_1_an_announced_piece_that_oracle_does_not_know_fails_the_backup(void **state) {
        JobFixture *f = *state;

        fake_oracle.unknown_piece = true;
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_RMAN_FAILED);
        assert_non_null(strstr(f->error.message, "V$BACKUP_PIECE"));
}

static void rule_1_a_record_that_a_restore_would_refuse_is_never_completed(void **state) {
        JobFixture *f = *state;

        fake_oracle.without_control = true;
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "control_file_piece"));
}

static void a_key_file_that_cannot_be_made_fails_the_backup(void **state) {
        JobFixture *f = *state;

        assert_int_equal(rmdir(f->service.runtime_directory), 0);
        run_backup(f, ID);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 0);
        assert_int_equal(f->state, JOB_FAILED);
        assert_failed_cleanly(f, ID, f->error.kind);
}

static void a_summary_that_cannot_be_written_fails_the_backup(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/%s/.files/orabackup.json/x", f->config.backup_dir, ID);

        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_backup(f, ID);
        run_until(f, run_is_held);
        assert_int_equal(directory_make(path, 0700, NULL), 0);
        fake_oracle_let_go(FAKE_BACKUP_RUN);
        finish_job(f);
        assert_int_equal(f->state, JOB_FAILED);
        assert_failed_cleanly(f, ID, f->error.kind);
}

static void more_segments_than_the_store_takes_fail_the_backup(void **state) {
        JobFixture *f = *state;

        fake_store_set_max_segments(f->service.store, 4);
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_TOO_LARGE);
}

static void a_segment_refused_while_rman_runs_stops_rman(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_BACKUP_RUN);
        fake_store_fail(
                f->service.store, STORE_PUT_SEGMENT, "00000001", 1, ERROR_STORE_QUOTA, -EDQUOT);
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_STORE_QUOTA);
        assert_non_null(strstr(f->error.message, "segment 1 of backup " ID));
}

static void a_segment_refused_after_rman_fails_the_backup(void **state) {
        JobFixture *f = *state;

        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        begin_backup(f, ID);
        run_until(f, is_in_upload_phase);
        fake_store_fail(f->service.store, STORE_PUT_SEGMENT, NULL, 1, ERROR_STORE_QUOTA, -EDQUOT);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_STORE_QUOTA);
}

/* Two callbacks of one turn: the upload has failed and its owner does not know yet. */
static void a_piece_that_comes_right_after_the_upload_failed_is_no_harm(void **state) {
        JobFixture *f = *state;

        fake_oracle.n_pieces = 40;
        fake_oracle.piece_size = 30000;
        fake_store_fail(f->service.store, STORE_PUT_SEGMENT, NULL, 1, ERROR_STORE_QUOTA, -EDQUOT);
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_STORE_QUOTA);
}

static void a_store_that_is_away_is_owed_what_it_cannot_be_told(void **state) {
        JobFixture *f = *state;

        fake_store_fail(
                f->service.store,
                STORE_PUT_SEGMENT,
                NULL,
                100,
                ERROR_STORE_UNAVAILABLE,
                -EHOSTDOWN);
        run_backup(f, ID);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_false(has_object(f, ID, "failed.json"));
        assert_int_equal(ledger_owed_of(f, OWED_PUT), 1);
        assert_int_equal(ledger_owed_of(f, OWED_SEGMENTS), 1);
        assert_int_equal(ledger_owed_count(f), 2); /* tags and files are gone */
        assert_int_equal(fake_oracle_log_count("delete-tag"), 2);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_int_equal(key_file_count(f), 0);
}

static void a_tag_that_cannot_be_cleaned_is_owed(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, "");
        fake_oracle_fail(FAKE_DELETE_TAG, "DB1", 1, ERROR_ORACLE, "ORA-01034");
        run_backup(f, ID);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        assert_true(has_object(f, ID, "failed.json"));
        assert_int_equal(ledger_owed_of(f, OWED_CLEAN_TAG), 1);
        assert_int_equal(ledger_owed_count(f), 1);
}

/* ---- other attempts ---- */

static void a_passing_failure_of_rman_gets_another_attempt(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB2", 1, ERROR_RMAN_FAILED, FAKE_TRANSIENT_CODE);
        run_backup(f, ID);
        assert_job_done(f);
        read_record(f, ID, &record);
        assert_true(string_ends_with(record.databases[0].tag, "Z-2"));
        assert_true(string_ends_with(record.databases[1].tag, "Z-2"));
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 4);
        assert_int_equal(fake_oracle_log_count("delete-tag"), 2);
        /* of the first attempt nothing is left */
        assert_int_equal(
                fake_store_segment_count(f->service.store, ""), record.volume.segment_count);
        CLEANUP(cleanup_free)
        char *prefix = string_printf("%s/%s/%s/", INSTANCE, ID, record.volume.attempt);
        assert_int_equal(
                fake_store_segment_count(f->service.store, prefix), record.volume.segment_count);
        assert_int_equal(key_file_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
        record_done(&record);
}

static void attempts_end_when_the_configuration_says_so(void **state) {
        JobFixture *f = *state;
        Failed failed;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 9, ERROR_RMAN_FAILED, FAKE_TRANSIENT_CODE);
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_RMAN_FAILED);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 2);
        failed = read_failed(f, ID);
        assert_int_equal(failed.attempts.n, 2);
        assert_int_equal(failed.n_tags, 4);
        failed_done(&failed);
}

static void other_failures_of_rman_get_no_second_attempt(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_NO_SPACE, "ORA-19809");
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_NO_SPACE);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 1);
}

static void a_tag_that_cannot_be_cleaned_ends_the_attempts(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, FAKE_TRANSIENT_CODE);
        fake_oracle_fail(FAKE_DELETE_TAG, "DB1", 1, ERROR_ORACLE, "ORA-01034");
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_RMAN_FAILED); /* the next try cleaned it */
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(a_failed_run_leaves_its_claim_and_the_cause),
                JOB_TEST(a_failed_run_stops_the_others),
                JOB_TEST(rule_1_an_announced_piece_that_oracle_does_not_know_fails_the_backup),
                JOB_TEST(rule_1_a_record_that_a_restore_would_refuse_is_never_completed),
                JOB_TEST(a_key_file_that_cannot_be_made_fails_the_backup),
                JOB_TEST(a_summary_that_cannot_be_written_fails_the_backup),
                JOB_TEST(more_segments_than_the_store_takes_fail_the_backup),
                JOB_TEST(a_segment_refused_while_rman_runs_stops_rman),
                JOB_TEST(a_segment_refused_after_rman_fails_the_backup),
                JOB_TEST(a_piece_that_comes_right_after_the_upload_failed_is_no_harm),
                JOB_TEST(a_store_that_is_away_is_owed_what_it_cannot_be_told),
                JOB_TEST(a_tag_that_cannot_be_cleaned_is_owed),
                JOB_TEST(a_passing_failure_of_rman_gets_another_attempt),
                JOB_TEST(attempts_end_when_the_configuration_says_so),
                JOB_TEST(other_failures_of_rman_get_no_second_attempt),
                JOB_TEST(a_tag_that_cannot_be_cleaned_ends_the_attempts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
