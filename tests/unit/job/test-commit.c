/* job/commit.c: each step can fail, and from the ledger on there is no way back (rule 15) */
#include <errno.h>

#include "repository/names.h"
#include "unit/job/job-fixture.h"

/* The store fails at this step of the commit of a backup that is otherwise good. */
static void fail_at(JobFixture *f, StoreOperationType type, const char *name) {
        fake_store_hold(f->service.store, STORE_COMMIT);
        begin_backup(f, ID);
        run_until(f, store_is_held);
        fake_store_fail(f->service.store, type, name, 1, ERROR_STORE_QUOTA, -EDQUOT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        finish_job(f);
}

static void a_manifest_that_is_refused_fails_the_backup(void **state) {
        fail_at(*state, STORE_COMMIT, NULL);
        assert_failed_cleanly(*state, ID, ERROR_STORE_QUOTA);
}

static void a_list_that_is_refused_fails_the_backup(void **state) {
        fail_at(*state, STORE_PUT_OBJECT, "/segments");
        assert_failed_cleanly(*state, ID, ERROR_STORE_QUOTA);
}

static void a_list_that_cannot_be_read_back_fails_the_backup(void **state) {
        fail_at(*state, STORE_GET_OBJECT, "/segments");
        assert_failed_cleanly(*state, ID, ERROR_STORE_QUOTA);
}

static void a_claim_that_cannot_be_read_back_fails_the_backup(void **state) {
        fail_at(*state, STORE_GET_OBJECT, "/begin/");
        assert_failed_cleanly(*state, ID, ERROR_STORE_QUOTA);
}

static void come_to_the_list(JobFixture *f) {
        fake_store_hold(f->service.store, STORE_COMMIT);
        begin_backup(f, ID);
        run_until(f, store_is_held);
        fake_store_hold(f->service.store, STORE_GET_OBJECT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        run_until(f, store_is_held);
}

static void rule_1_a_list_that_reads_back_differently_fails_the_backup(void **state) {
        JobFixture *f = *state;

        come_to_the_list(f);
        fake_store_put(f->service.store, INSTANCE "/" ID "/segments", "x", 1);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_INTEGRITY);
}

static void rule_1_a_large_object_of_another_size_fails_the_backup(void **state) {
        JobFixture *f = *state;

        fake_store_shorten(f->service.store);
        run_backup(f, ID);
        assert_failed_cleanly(f, ID, ERROR_INTEGRITY);
        assert_false(has_object(f, ID, "backup.json"));
}

static void a_claim_of_the_same_size_that_is_not_ours_fails_the_backup(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *name = object_name_claim(INSTANCE, 1), *data = NULL;
        size_t size;

        come_to_the_list(f);
        const char *stored = fake_store_data(f->service.store, name, &size);
        data = malloc(size);
        assert_non_null(data);
        memcpy(data, stored, size);
        data[size / 2] = (char)(data[size / 2] == 'A' ? 'B' : 'A');
        fake_store_put(f->service.store, name, data, size);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_NOT_OWNER);
        assert_false(has_object(f, ID, "backup.json"));
}

static void a_claim_that_is_another_hosts_now_fails_the_backup(void **state) {
        JobFixture *f = *state;

        come_to_the_list(f);
        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        finish_job(f);
        assert_failed_cleanly(f, ID, ERROR_NOT_OWNER);
        assert_false(has_object(f, ID, "backup.json"));
}

static void rule_15_a_record_that_does_not_arrive_is_owed(void **state) {
        JobFixture *f = *state;

        begin_backup(f, ID);
        hold_record(f);
        fake_store_fail(
                f->service.store, STORE_PUT_OBJECT, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        finish_job(f);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        assert_false(has_object(f, ID, "failed.json"));
        assert_true(has_object(f, ID, "backup.tar.age"));
        assert_true(fake_store_segment_count(f->service.store, "") > 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

typedef struct Bytes {
        void *data;
        size_t size;
} Bytes;

static int take_bytes(LedgerDb *db, void *userdata, Error *err) {
        Bytes *bytes = userdata;
        LedgerJob *jobs = NULL;
        size_t n;
        int r = ledger_jobs(db, &jobs, &n, err);

        assert_int_equal(n, 1);
        bytes->data = TAKE_PTR(jobs[0].object);
        bytes->size = jobs[0].object_size;
        ledger_job_done(&jobs[0]);
        free(jobs);
        return r;
}

static void the_bytes_in_the_ledger_are_the_bytes_that_are_sent(void **state) {
        JobFixture *f = *state;
        Bytes bytes = {0};
        size_t size;

        begin_backup(f, ID);
        hold_record(f);
        ledger_do(f, take_bytes, &bytes);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        finish_job(f);
        assert_job_done(f);
        const void *stored =
                fake_store_data(f->service.store, INSTANCE "/" ID "/backup.json", &size);
        assert_int_equal(size, bytes.size);
        assert_memory_equal(stored, bytes.data, size);
        free(bytes.data);
}

static bool uncataloging_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_UNCATALOG) > 0;
}

static int check_settled(LedgerDb *db, void *userdata, Error *err) {
        LedgerPrevious previous;

        (void)userdata;
        assert_int_equal(ledger_previous_get(db, INSTANCE, &previous, err), 0);
        assert_string_equal(previous.id, ID);
        assert_int_equal(previous.sequence, 1);
        assert_int_equal(strlen(previous.record_sha256), 64);
        return 0;
}

static void what_is_left_to_do_is_owed_in_the_same_step(void **state) {
        JobFixture *f = *state;

        fake_oracle_hold(FAKE_UNCATALOG);
        begin_backup(f, ID);
        run_until(f, uncataloging_is_held);
        assert_true(has_object(f, ID, "backup.json"));
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_of(f, OWED_UNCATALOG), 2);
        assert_int_equal(ledger_owed_of(f, OWED_DIRECTORY), 1);
        ledger_do(f, check_settled, NULL);
        fake_oracle_let_go(FAKE_UNCATALOG);
        finish_job(f);
        assert_job_done(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(a_manifest_that_is_refused_fails_the_backup),
                JOB_TEST(a_list_that_is_refused_fails_the_backup),
                JOB_TEST(a_list_that_cannot_be_read_back_fails_the_backup),
                JOB_TEST(a_claim_that_cannot_be_read_back_fails_the_backup),
                JOB_TEST(rule_1_a_list_that_reads_back_differently_fails_the_backup),
                JOB_TEST(rule_1_a_large_object_of_another_size_fails_the_backup),
                JOB_TEST(a_claim_of_the_same_size_that_is_not_ours_fails_the_backup),
                JOB_TEST(a_claim_that_is_another_hosts_now_fails_the_backup),
                JOB_TEST(rule_15_a_record_that_does_not_arrive_is_owed),
                JOB_TEST(the_bytes_in_the_ledger_are_the_bytes_that_are_sent),
                JOB_TEST(what_is_left_to_do_is_owed_in_the_same_step),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
