/* job/take-over.c: a claim of its own, then what another host left unfinished is ended */
#include <errno.h>

#include "job/take-over.h"
#include "unit/job/job-fixture.h"

#define THIRD_ID "5d1c7c44-3333-4f6e-9d0c-2a2b2c2d2e2f"

static void begin_take_over(JobFixture *f) {
        void *work;
        assert_int_equal(take_over_new(&f->service, &work, NULL), 0);
        begin_job(f, JOB_TAKE_OVER, NULL, &take_over_functions, work);
}

static void take_over(JobFixture *f) {
        begin_take_over(f);
        finish_job(f);
}

static void an_unfinished_foreign_backup_is_ended(void **state) {
        JobFixture *f = *state;
        Failed failed;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_put(f->service.store, INSTANCE "/" OTHER_ID "/segments", "x", 1);
        take_over(f);
        assert_job_done(f);
        failed = read_failed(f, OTHER_ID);
        assert_int_equal(failed.error, ERROR_INTERRUPTED);
        assert_non_null(strstr(failed.error_message, "host2"));
        assert_non_null(strstr(failed.error_message, "host1"));
        failed_done(&failed);
        assert_false(has_object(f, OTHER_ID, "segments"));
        assert_true(has_claim(f, 2));
        assert_int_equal(job_row_count(f->job), 1);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

static void afterwards_this_host_makes_backups(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        run_backup(f, ID);
        assert_job_failed(f, ERROR_NOT_OWNER);
        assert_int_equal(ledger_job_count(f), 0);
        take_over(f);
        assert_job_done(f);
        run_backup(f, ID);
        assert_job_done(f);
        assert_true(has_claim(f, 3));
}

static void finished_backups_are_left_alone(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        put_failed(f, f->other_key, OTHER_ID);
        put_claim(f, f->other_key, 2, THIRD_ID, "host2");
        fake_store_put(f->service.store, INSTANCE "/" THIRD_ID "/backup.json", "a record", 8);
        size_t before = fake_store_object_count(f->service.store, "");
        take_over(f);
        assert_job_done(f);
        assert_int_equal(fake_store_object_count(f->service.store, ""), before + 1);
        assert_int_equal(job_row_count(f->job), 0);
}

static void rule_15_an_own_record_that_is_owed_is_not_ended(void **state) {
        JobFixture *f = *state;

        begin_backup(f, ID);
        hold_record(f);
        assert_int_equal(job_cancel(f->job, ERROR_INTERRUPTED, NULL), 0);
        finish_job(f);
        forget_job(f);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        take_over(f);
        assert_job_done(f);
        assert_false(has_object(f, ID, "failed.json"));
        assert_true(has_object(f, ID, "backup.tar.age"));
        assert_true(fake_store_segment_count(f->service.store, "") > 0);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
}

static void what_cannot_be_ended_now_is_owed(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_fail(
                f->service.store,
                STORE_REMOVE_SEGMENTS,
                NULL,
                1,
                ERROR_STORE_UNAVAILABLE,
                -EHOSTDOWN);
        take_over(f);
        assert_job_done(f);
        assert_true(has_object(f, OTHER_ID, "failed.json"));
        assert_int_equal(ledger_owed_of(f, OWED_SEGMENTS), 1);
}

static void a_store_that_is_away_fails_the_take_over(void **state) {
        JobFixture *f = *state;

        fake_store_fail(f->service.store, STORE_LIST, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        take_over(f);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_cancel_before_the_claim_changes_nothing(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_hold(f->service.store, STORE_LIST);
        begin_take_over(f);
        run_until(f, store_is_held);
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), 0);
        finish_job(f);
        assert_job_failed(f, ERROR_CANCELLED);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 1);
}

static void a_cancel_while_the_claim_is_sent_is_heeded_after_it(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin_take_over(f);
        run_until(f, store_is_held);
        assert_int_equal(job_cancel(f->job, ERROR_INTERRUPTED, NULL), 0);
        run_a_while(f);
        assert_false(f->finished);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        finish_job(f);
        assert_job_failed(f, ERROR_INTERRUPTED);
        assert_true(has_claim(f, 2));
        assert_false(has_object(f, OTHER_ID, "failed.json"));
        take_over(f); /* can be asked for again */
        assert_job_done(f);
        assert_true(has_object(f, OTHER_ID, "failed.json"));
}

static void a_claim_that_cannot_be_read_names_nothing_to_end(void **state) {
        JobFixture *f = *state;

        fake_store_put(f->service.store, INSTANCE "/begin/0000000001.json", "garbage", 7);
        take_over(f);
        assert_job_done(f);
        assert_true(has_claim(f, 2));
        assert_int_equal(fake_store_object_count(f->service.store, ""), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(an_unfinished_foreign_backup_is_ended),
                JOB_TEST(afterwards_this_host_makes_backups),
                JOB_TEST(finished_backups_are_left_alone),
                JOB_TEST(rule_15_an_own_record_that_is_owed_is_not_ended),
                JOB_TEST(what_cannot_be_ended_now_is_owed),
                JOB_TEST(a_store_that_is_away_fails_the_take_over),
                JOB_TEST(a_cancel_before_the_claim_changes_nothing),
                JOB_TEST(a_cancel_while_the_claim_is_sent_is_heeded_after_it),
                JOB_TEST(a_claim_that_cannot_be_read_names_nothing_to_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
