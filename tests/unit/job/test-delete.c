/* job/delete.c, delete-plan.c, deleting.c and family.c: deletes in a store in memory */
#include <errno.h>

#include "job/backup.h"
#include "job/delete.h"
#include "job/owed.h"
#include "job/take-over.h"
#include "repository/names.h"
#include "unit/job/job-fixture.h"

#define THIRD_ID "5d1c7c44-3333-4f6e-9d0c-2a2b2c2d2e2f"

static void begin_delete(JobFixture *f, const char *id, bool recursive) {
        DeleteRequest request = {.recursive = recursive};
        void *work;

        snprintf(request.backup_id, sizeof(request.backup_id), "%s", id);
        assert_int_equal(delete_new(&f->service, &request, &work, NULL), 0);
        begin_job(f, JOB_DELETE, id, &delete_functions, work);
}

static void run_delete(JobFixture *f, const char *id, bool recursive) {
        begin_delete(f, id, recursive);
        finish_job(f);
}

static void make_backups(JobFixture *f) {
        run_backup(f, ID);
        assert_job_done(f);
        run_backup(f, OTHER_ID);
        assert_job_done(f);
}

static size_t objects_of(JobFixture *f, const char *id) {
        CLEANUP(cleanup_free) char *prefix = string_printf(INSTANCE "/%s/", id);
        return fake_store_object_count(f->service.store, prefix) +
               fake_store_segment_count(f->service.store, prefix);
}

static void assert_gone(JobFixture *f, const char *id) {
        assert_int_equal(objects_of(f, id), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

/* ---- what goes ---- */

static void an_older_backup_leaves_nothing(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        unsigned tags = fake_oracle_calls(FAKE_DELETE_TAG);
        size_t others = objects_of(f, OTHER_ID);
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
        assert_false(has_claim(f, 1));
        assert_true(has_claim(f, 2));
        assert_int_equal(objects_of(f, OTHER_ID), others);
        assert_int_equal(fake_oracle_calls(FAKE_DELETE_TAG), tags + 2); /* DB1 and DB2 */
        assert_int_equal(job_row_count(f->job), 1);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_NO_SUCH_BACKUP);
}

static void the_highest_claim_stays_with_its_delete_json(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_int_equal(objects_of(f, ID), 1);
        assert_true(has_object(f, ID, "delete.json"));
        assert_true(has_claim(f, 1));
        assert_int_equal(ledger_owed_of(f, OWED_CLAIM), 1);
        assert_int_equal(ledger_owed_count(f), 1);
        run_delete(f, ID, false); /* asked again: it is as deleted as it can be */
        assert_job_done(f);
        assert_int_equal(ledger_owed_count(f), 1);
}

typedef struct Passed {
        bool done;
        size_t n_left;
} Passed;
static Passed passed;

static void on_passed(size_t n_left, const Error *first, void *userdata) {
        passed = (Passed){true, n_left};
}

static bool has_passed(JobFixture *f) {
        return passed.done;
}

static size_t pass(JobFixture *f) {
        OwedPassOptions options = {.service = &f->service, .on_done = on_passed};
        OwedPass *one = NULL;

        passed = (Passed){0};
        assert_int_equal(owed_pass_start(&options, &one, NULL), 0);
        run_until(f, has_passed);
        owed_pass_free(one);
        run_a_while(f);
        return passed.n_left;
}

static void it_goes_as_soon_as_there_is_a_later_one(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        run_delete(f, ID, false);
        assert_int_equal(pass(f), 0); /* not yet, and that is no failure */
        assert_true(has_claim(f, 1));
        run_backup(f, OTHER_ID);
        assert_job_done(f);
        assert_true(has_claim(f, 2)); /* the number goes on */
        assert_int_equal(pass(f), 0);
        assert_false(has_claim(f, 1));
        assert_gone(f, ID);
}

static void a_failed_backup_goes_too(void **state) {
        JobFixture *f = *state;

        fake_oracle_fail(FAKE_BACKUP_RUN, NULL, 1, ERROR_RMAN_FAILED, "ORA-00600");
        run_backup(f, ID);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        run_backup(f, OTHER_ID);
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
        assert_false(has_claim(f, 1));
}

static void a_listing_that_shows_nothing_does_not_hide_it(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        fake_store_hide(f->service.store, INSTANCE "/" ID "/backup.json");
        fake_store_hide(f->service.store, INSTANCE "/" ID "/backup.tar.age");
        fake_store_hide(f->service.store, INSTANCE "/" ID "/segments");
        fake_store_hide(f->service.store, INSTANCE "/begin/0000000001.json");
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
}

/* ---- what is in the way ---- */

static void put_child(JobFixture *f, uint64_t sequence, const char *id, const char *parent) {
        Claim claim = {
                .id = strdup(id),
                .instance = strdup(INSTANCE),
                .hostname = strdup("host1"),
                .name = strdup("child"),
                .description = strdup(""),
                .parent_id = strdup(parent),
                .level = 1,
                .sequence = sequence,
                .created_usec = 1700000000ULL * 1000000,
        };
        CLEANUP(cleanup_free) char *payload = NULL, *envelope = NULL;
        CLEANUP(cleanup_free) char *name = object_name_claim(INSTANCE, sequence);
        size_t size;

        assert_int_equal(string_list_add(&claim.databases, "DB1"), 0);
        assert_int_equal(claim_print(&claim, &payload, &size, NULL), 0);
        assert_int_equal(
                envelope_seal(
                        f->service.signing_key,
                        &(EnvelopeContent){"begin", payload, size},
                        &envelope,
                        &size,
                        NULL),
                0);
        fake_store_put(f->service.store, name, envelope, size);
        claim_done(&claim);
}

static int adopt(LedgerDb *db, void *userdata, Error *err) {
        char host[] = "host1";
        LedgerClaim claim = {.sequence = 2, .id = OTHER_ID, .hostname = host};
        return ledger_claim_put(db, INSTANCE, &claim, err);
}

/* The child's claim, which the listing does not show yet. */
static void a_child_that_only_its_claim_names_is_one(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        put_child(f, 2, OTHER_ID, ID);
        ledger_do(f, adopt, NULL);
        fake_store_hide(f->service.store, INSTANCE "/begin/0000000002.json");
        size_t before = fake_store_object_count(f->service.store, "");
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_HAS_CHILDREN);
        assert_non_null(strstr(f->error.message, OTHER_ID));
        assert_int_equal(fake_store_object_count(f->service.store, ""), before);
        assert_int_equal(ledger_owed_count(f), 0);
        run_delete(f, ID, true);
        assert_job_done(f);
        assert_int_equal(job_row_count(f->job), 2);
        assert_int_equal(objects_of(f, ID), 0);
        assert_true(has_object(f, OTHER_ID, "delete.json"));
        assert_true(has_claim(f, 2));
}

static void a_failed_child_is_none(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        put_child(f, 2, OTHER_ID, ID);
        put_failed(f, f->service.signing_key, OTHER_ID);
        ledger_do(f, adopt, NULL);
        run_delete(f, ID, true);
        assert_job_done(f);
        assert_int_equal(job_row_count(f->job), 1);
        assert_true(has_object(f, OTHER_ID, "failed.json"));
}

static void a_claim_of_another_host_is_not_owner(void **state) {
        JobFixture *f = *state;

        run_backup(f, ID);
        put_claim(f, f->other_key, 2, OTHER_ID, "host2");
        size_t before = fake_store_object_count(f->service.store, "");
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_NOT_OWNER);
        assert_int_equal(fake_store_object_count(f->service.store, ""), before);
        assert_int_equal(ledger_owed_count(f), 0);
}

static void a_record_of_another_key_is_untrusted(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *payload = NULL, *envelope = NULL;
        Record record = {0};
        size_t size;

        run_backup(f, ID);
        read_record(f, ID, &record);
        assert_int_equal(record_print(&record, &payload, &size, NULL), 0);
        assert_int_equal(
                envelope_seal(
                        f->other_key,
                        &(EnvelopeContent){"record", payload, size},
                        &envelope,
                        &size,
                        NULL),
                0);
        fake_store_put(f->service.store, INSTANCE "/" ID "/backup.json", envelope, size);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_UNTRUSTED);
        assert_non_null(strstr(f->error.message, signing_key_public(f->other_key)));
        fake_store_put(f->service.store, INSTANCE "/" ID "/backup.json", "nonsense", 8);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_SIGNATURE);
        assert_true(has_object(f, ID, "backup.tar.age"));
        record_done(&record);
}

static void what_another_instance_has_is_not_ours(void **state) {
        JobFixture *f = *state;

        fake_store_put(f->service.store, "elsewhere/" ID "/backup.json", "x", 1);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_NOT_OWNER);
        assert_non_null(strstr(f->error.message, "elsewhere"));
        run_delete(f, OTHER_ID, false);
        assert_job_failed(f, ERROR_NO_SUCH_BACKUP);
}

static void a_backup_whose_record_is_owed_is_busy(void **state) {
        JobFixture *f = *state;

        begin_backup(f, ID);
        hold_record(f);
        assert_int_equal(job_cancel(f->job, ERROR_INTERRUPTED, NULL), 0);
        finish_job(f);
        forget_job(f);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_BUSY);
        assert_true(has_object(f, ID, "backup.tar.age"));
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
}

/* ---- failures ---- */

static void a_delete_that_did_not_begin_leaves_no_trace(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        fake_store_fail(
                f->service.store,
                STORE_PUT_OBJECT,
                "delete.json",
                1,
                ERROR_STORE_UNAVAILABLE,
                -EHOSTDOWN);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_true(has_object(f, ID, "backup.json"));
        assert_int_equal(ledger_owed_count(f), 0);
}

static void fail_at(JobFixture *f, StoreOperationType type, const char *name) {
        make_backups(f);
        fake_store_fail(f->service.store, type, name, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_true(has_object(f, ID, "delete.json"));
        assert_true(ledger_owed_of(f, OWED_DELETE) == 1);
}

static void a_delete_that_failed_is_finished_by_a_second_one(void **state) {
        JobFixture *f = *state;

        fail_at(f, STORE_REMOVE_SEGMENTS, NULL);
        assert_false(has_object(f, ID, "backup.json"));
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
}

static void a_delete_that_failed_goes_on_by_itself(void **state) {
        JobFixture *f = *state;

        fail_at(f, STORE_REMOVE_OBJECT, "delete.json");
        assert_false(has_claim(f, 1));
        assert_int_equal(pass(f), 0);
        assert_gone(f, ID);
}

static void a_lost_answer_to_delete_json_is_found_to_be_ours(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        fake_store_lose_reply(f->service.store, STORE_PUT_OBJECT);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_STORE_UNAVAILABLE);
        assert_true(has_object(f, ID, "delete.json"));
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
}

static void a_delete_json_of_a_stranger_is_in_the_way(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        fake_store_put(f->service.store, INSTANCE "/" ID "/delete.json", "nonsense", 8);
        run_delete(f, ID, false);
        assert_job_failed(f, ERROR_INTEGRITY);
        assert_true(has_object(f, ID, "backup.json"));
        assert_int_equal(ledger_owed_count(f), 0);
}

static bool is_removing(JobFixture *f) {
        return store_is_held(f);
}

static void stop_at(JobFixture *f, StoreOperationType type, ErrorKind reason) {
        make_backups(f);
        fake_store_hold(f->service.store, type);
        begin_delete(f, ID, false);
        run_until(f, is_removing);
        assert_int_equal(job_cancel(f->job, reason, NULL), 0);
        finish_job(f);
        assert_job_failed(f, reason);
        forget_job(f);
        fake_store_let_go(f->service.store, type);
        run_a_while(f);
}

static void what_a_person_cancelled_does_not_go_on(void **state) {
        JobFixture *f = *state;

        stop_at(f, STORE_REMOVE_SEGMENTS, ERROR_CANCELLED);
        assert_int_equal(ledger_owed_of(f, OWED_DELETE), 0);
        assert_true(has_object(f, ID, "delete.json"));
        (void)pass(f);
        assert_true(has_object(f, ID, "delete.json"));
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
}

static void what_the_end_of_the_service_stopped_goes_on(void **state) {
        JobFixture *f = *state;

        stop_at(f, STORE_REMOVE_SEGMENTS, ERROR_INTERRUPTED);
        assert_int_equal(ledger_owed_of(f, OWED_DELETE), 1);
        assert_int_equal(pass(f), 0);
        assert_gone(f, ID);
}

static void a_cancel_at_any_request_leaves_what_can_be_deleted(void **state) {
        static const StoreOperationType types[] = {
                STORE_LIST,
                STORE_GET_OBJECT,
                STORE_PUT_OBJECT,
                STORE_REMOVE_OBJECT,
                STORE_REMOVE_LARGE_OBJECT,
        };
        JobFixture *f = *state;

        make_backups(f);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                fake_store_hold(f->service.store, types[i]);
                begin_delete(f, ID, false);
                run_until(f, is_removing);
                assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), 0);
                finish_job(f);
                assert_job_failed(f, ERROR_CANCELLED);
                forget_job(f);
                fake_store_let_go(f->service.store, types[i]);
                run_a_while(f);
                assert_int_equal(ledger_owed_of(f, OWED_DELETE), 0);
        }
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_gone(f, ID);
}

static void a_tag_that_stays_is_owed_and_the_delete_is_done(void **state) {
        JobFixture *f = *state;

        make_backups(f);
        fake_oracle_fail(FAKE_DELETE_TAG, "DB2", 1, ERROR_ORACLE, "");
        run_delete(f, ID, false);
        assert_job_done(f);
        assert_int_equal(objects_of(f, ID), 0);
        assert_int_equal(ledger_owed_of(f, OWED_CLEAN_TAG), 1);
        assert_int_equal(pass(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

static void a_take_over_ends_what_a_lost_ledger_forgot(void **state) {
        JobFixture *f = *state;
        void *work;

        run_backup(f, ID);
        run_delete(f, ID, false);
        forget_job(f);
        ledger_free(f->service.ledger);
        CLEANUP(cleanup_free) char *path = path_of(f, "ledger.db");
        assert_int_equal(remove(path), 0);
        assert_int_equal(ledger_new(f->service.loop, f->directory, &f->service.ledger, NULL), 0);
        assert_int_equal(take_over_new(&f->service, &work, NULL), 0);
        begin_job(f, JOB_TAKE_OVER, NULL, &take_over_functions, work);
        finish_job(f);
        assert_job_done(f);
        assert_gone(f, ID);
        assert_false(has_claim(f, 1));
        assert_true(has_claim(f, 2));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(an_older_backup_leaves_nothing),
                JOB_TEST(the_highest_claim_stays_with_its_delete_json),
                JOB_TEST(it_goes_as_soon_as_there_is_a_later_one),
                JOB_TEST(a_failed_backup_goes_too),
                JOB_TEST(a_listing_that_shows_nothing_does_not_hide_it),
                JOB_TEST(a_child_that_only_its_claim_names_is_one),
                JOB_TEST(a_failed_child_is_none),
                JOB_TEST(a_claim_of_another_host_is_not_owner),
                JOB_TEST(a_record_of_another_key_is_untrusted),
                JOB_TEST(what_another_instance_has_is_not_ours),
                JOB_TEST(a_backup_whose_record_is_owed_is_busy),
                JOB_TEST(a_delete_that_did_not_begin_leaves_no_trace),
                JOB_TEST(a_delete_that_failed_is_finished_by_a_second_one),
                JOB_TEST(a_delete_that_failed_goes_on_by_itself),
                JOB_TEST(a_lost_answer_to_delete_json_is_found_to_be_ours),
                JOB_TEST(a_delete_json_of_a_stranger_is_in_the_way),
                JOB_TEST(what_a_person_cancelled_does_not_go_on),
                JOB_TEST(what_the_end_of_the_service_stopped_goes_on),
                JOB_TEST(a_cancel_at_any_request_leaves_what_can_be_deleted),
                JOB_TEST(a_tag_that_stays_is_owed_and_the_delete_is_done),
                JOB_TEST(a_take_over_ends_what_a_lost_ledger_forgot),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
