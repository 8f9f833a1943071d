/* job/backup.c when it is stopped: by a person (Cancelled) or because the service ends
 * (Interrupted), in each of its states, and when it is too late */
#include <errno.h>
#include <semaphore.h>

#include "job/backup.h"
#include "unit/job/job-fixture.h"

static void stop_job(JobFixture *f, ErrorKind reason) {
        Error error = {0};
        assert_int_equal(job_cancel(f->job, reason, &error), 0);
}

static bool preflight_is_held(JobFixture *f) {
        return fake_oracle_held(FAKE_PREFLIGHT) > 0;
}

static bool cleaning_is_held(JobFixture *f) {
        return fake_oracle_held(FAKE_DELETE_TAG) > 0;
}

static bool uncataloging_is_held(JobFixture *f) {
        return fake_oracle_held(FAKE_UNCATALOG) > 0;
}

/* ---- places where a backup can be stopped ---- */

static void come_to_rman(JobFixture *f) {
        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_backup(f, ID);
        run_until(f, run_is_held);
}

static void come_to_upload(JobFixture *f) {
        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        begin_backup(f, ID);
        run_until(f, is_in_upload_phase);
}

static void come_to_commit(JobFixture *f) {
        fake_store_hold(f->service.store, STORE_COMMIT);
        begin_backup(f, ID);
        run_until(f, store_is_held);
}

static bool segments_and_tags_are_cleaned(JobFixture *f) {
        return fake_oracle_log_count("delete-tag") == 2 && ledger_owed_count(f) == 0;
}

static void come_to_retry(JobFixture *f) {
        f->service.retry_delay_msec = 3600 * 1000;
        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, FAKE_TRANSIENT_CODE);
        begin_backup(f, ID);
        run_until(f, segments_and_tags_are_cleaned);
        run_a_while(f);
        assert_false(f->finished);
}

static bool claim_is_there(JobFixture *f) {
        return has_claim(f, 1);
}

static void come_to_prepare(JobFixture *f) {
        begin_backup(f, ID);
        run_until(f, claim_is_there);
}

static void (*const PLACES[])(JobFixture *f) = {
        come_to_prepare, come_to_rman, come_to_upload, come_to_commit, come_to_retry};

/* ---- Cancelled ---- */

static void a_cancel_in_the_preflight_leaves_nothing(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_PREFLIGHT);
        begin_backup(f, ID);
        run_until(f, preflight_is_held);
        stop_job(f, ERROR_CANCELLED);
        finish_job(f);
        assert_job_failed(f, ERROR_CANCELLED);
        assert_nothing_left(f);
}

static void a_cancel_at_once_leaves_nothing(void **state) {
        JobFixture *f = *state;

        begin_backup(f, ID);
        stop_job(f, ERROR_CANCELLED);
        finish_job(f);
        assert_job_failed(f, ERROR_CANCELLED);
        assert_nothing_left(f);
}

static void a_cancel_while_the_claims_are_listed_leaves_nothing(void **state) {
        JobFixture *f = *state;

        fake_store_hold(f->service.store, STORE_LIST);
        begin_backup(f, ID);
        run_until(f, store_is_held);
        stop_job(f, ERROR_CANCELLED);
        finish_job(f);
        assert_job_failed(f, ERROR_CANCELLED);
        assert_nothing_left(f);
}

static void a_cancel_while_the_claim_is_sent_is_heeded_after_it(void **state) {
        JobFixture *f = *state;

        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin_backup(f, ID);
        run_until(f, store_is_held);
        stop_job(f, ERROR_CANCELLED);
        run_a_while(f);
        assert_false(f->finished);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_CANCELLED);
        assert_int_equal(fake_oracle_calls(FAKE_BACKUP_RUN), 0);
}

static void cancel_at(void **state, size_t place) {
        JobFixture *f = *state;

        PLACES[place](f);
        stop_job(f, ERROR_CANCELLED);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_CANCELLED);
}

static void a_cancel_right_after_the_claim_ends_the_backup(void **state) {
        cancel_at(state, 0);
}

static void a_cancel_while_rman_runs_ends_the_backup(void **state) {
        cancel_at(state, 1);
}

static void a_cancel_during_the_upload_ends_the_backup(void **state) {
        cancel_at(state, 2);
}

static void a_cancel_during_the_commit_ends_the_backup(void **state) {
        cancel_at(state, 3);
}

static void a_cancel_between_two_attempts_ends_the_backup(void **state) {
        cancel_at(state, 4);
}

static void a_cancel_after_the_record_is_in_the_ledger_is_busy(void **state) {
        JobFixture *f = *state;
        Error error = {0};

        begin_backup(f, ID);
        hold_record(f);
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, &error), -EBUSY);
        assert_int_equal(error.kind, ERROR_BUSY);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        finish_job(f);
        assert_job_done(f);
}

static void a_cancel_during_the_cleanup_is_busy(void **state) {
        JobFixture *f = *state;
        Error error = {0};

        fake_oracle_hold(FAKE_UNCATALOG);
        begin_backup(f, ID);
        run_until(f, uncataloging_is_held);
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, &error), -EBUSY);
        fake_oracle_let_go(FAKE_UNCATALOG);
        finish_job(f);
        assert_job_done(f);
}

static void a_cancel_of_a_failing_backup_does_not_change_its_cause(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, "");
        fake_oracle_hold(FAKE_DELETE_TAG);
        begin_backup(f, ID);
        run_until(f, cleaning_is_held);
        stop_job(f, ERROR_CANCELLED);
        fake_oracle_let_go(FAKE_DELETE_TAG);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_RMAN_FAILED);
}

/* ---- Interrupted ---- */

/* What needs Oracle stays owed; the rest is done before the service ends. */
static void interrupt_at(void **state, size_t place, size_t n_tags) {
        JobFixture *f = *state;
        Failed failed;
        unsigned n_cleaned;

        PLACES[place](f);
        n_cleaned = fake_oracle_log_count("delete-tag");
        stop_job(f, ERROR_INTERRUPTED);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        finish_job(f);
        assert_job_failed(f, ERROR_INTERRUPTED);
        failed = read_failed(f, ID);
        assert_int_equal(failed.error, ERROR_INTERRUPTED);
        failed_done(&failed);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 2);
        assert_int_equal(fake_store_segment_count(f->service.store, ""), 0);
        assert_int_equal(fake_oracle_log_count("delete-tag"), n_cleaned);
        assert_int_equal(ledger_owed_of(f, OWED_CLEAN_TAG), n_tags);
        assert_int_equal(ledger_owed_count(f), n_tags);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(key_file_count(f), 0);
}

static void the_end_of_the_service_while_rman_runs_owes_the_tags(void **state) {
        interrupt_at(state, 1, 2);
}

static void the_end_of_the_service_during_the_upload_owes_the_tags(void **state) {
        interrupt_at(state, 2, 2);
}

static void the_end_of_the_service_during_the_commit_owes_the_tags(void **state) {
        interrupt_at(state, 3, 2);
}

static void the_end_of_the_service_between_two_attempts_ends_the_backup(void **state) {
        interrupt_at(state, 4, 2);
}

static void the_end_of_the_service_in_the_preflight_leaves_nothing(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_PREFLIGHT);
        begin_backup(f, ID);
        run_until(f, preflight_is_held);
        stop_job(f, ERROR_INTERRUPTED);
        finish_job(f);
        assert_job_failed(f, ERROR_INTERRUPTED);
        assert_nothing_left(f);
}

static void rule_15_the_end_of_the_service_leaves_the_record_owed(void **state) {
        JobFixture *f = *state;

        begin_backup(f, ID);
        hold_record(f);
        stop_job(f, ERROR_INTERRUPTED);
        finish_job(f);
        assert_job_failed(f, ERROR_INTERRUPTED);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        assert_false(has_object(f, ID, "failed.json"));
        assert_true(has_object(f, ID, "backup.tar.age"));
}

static int wait_in_ledger(LedgerDb *db, void *userdata, Error *err) {
        (void)db;
        (void)err;
        sem_wait(userdata);
        return 0;
}

/* The record's bytes are on their way into the ledger: they get there, and are not sent now. */
static void rule_15_the_end_of_the_service_does_not_wait_for_the_store(void **state) {
        static const LedgerFunctions wait = {.run = wait_in_ledger};
        JobFixture *f = *state;
        sem_t sem;

        sem_init(&sem, 0, 0);
        come_to_commit(f);
        fake_store_hold(f->service.store, STORE_GET_OBJECT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        run_until(f, store_is_held);
        assert_int_equal(ledger_call(f->service.ledger, &wait, &sem, NULL, NULL), 0);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        run_a_while(f);
        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), -EBUSY);
        stop_job(f, ERROR_INTERRUPTED);
        sem_post(&sem);
        finish_job(f);
        assert_job_failed(f, ERROR_INTERRUPTED);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        assert_false(has_object(f, ID, "backup.json"));
        assert_false(has_object(f, ID, "failed.json"));
        sem_destroy(&sem);
}

static void the_end_of_the_service_in_the_cleanup_is_a_completed_backup(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_UNCATALOG);
        begin_backup(f, ID);
        run_until(f, uncataloging_is_held);
        stop_job(f, ERROR_INTERRUPTED);
        finish_job(f);
        assert_job_done(f);
        assert_int_equal(ledger_owed_of(f, OWED_UNCATALOG), 2);
        assert_int_equal(ledger_owed_of(f, OWED_DIRECTORY), 1);
}

static void the_end_of_the_service_while_a_failure_is_cleaned_keeps_the_cause(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, "");
        fake_oracle_hold(FAKE_DELETE_TAG);
        begin_backup(f, ID);
        run_until(f, cleaning_is_held);
        stop_job(f, ERROR_INTERRUPTED);
        finish_job(f);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        assert_int_equal(ledger_owed_of(f, OWED_CLEAN_TAG), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(a_cancel_in_the_preflight_leaves_nothing),
                JOB_TEST(a_cancel_at_once_leaves_nothing),
                JOB_TEST(a_cancel_while_the_claims_are_listed_leaves_nothing),
                JOB_TEST(a_cancel_while_the_claim_is_sent_is_heeded_after_it),
                JOB_TEST(a_cancel_right_after_the_claim_ends_the_backup),
                JOB_TEST(a_cancel_while_rman_runs_ends_the_backup),
                JOB_TEST(a_cancel_during_the_upload_ends_the_backup),
                JOB_TEST(a_cancel_during_the_commit_ends_the_backup),
                JOB_TEST(a_cancel_between_two_attempts_ends_the_backup),
                JOB_TEST(a_cancel_after_the_record_is_in_the_ledger_is_busy),
                JOB_TEST(a_cancel_during_the_cleanup_is_busy),
                JOB_TEST(a_cancel_of_a_failing_backup_does_not_change_its_cause),
                JOB_TEST(the_end_of_the_service_while_rman_runs_owes_the_tags),
                JOB_TEST(the_end_of_the_service_during_the_upload_owes_the_tags),
                JOB_TEST(the_end_of_the_service_during_the_commit_owes_the_tags),
                JOB_TEST(the_end_of_the_service_between_two_attempts_ends_the_backup),
                JOB_TEST(the_end_of_the_service_in_the_preflight_leaves_nothing),
                JOB_TEST(rule_15_the_end_of_the_service_leaves_the_record_owed),
                JOB_TEST(rule_15_the_end_of_the_service_does_not_wait_for_the_store),
                JOB_TEST(the_end_of_the_service_in_the_cleanup_is_a_completed_backup),
                JOB_TEST(the_end_of_the_service_while_a_failure_is_cleaned_keeps_the_cause),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
