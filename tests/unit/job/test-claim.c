/* job/claim.c: who may write under an instance, in a store in memory */
#include <errno.h>

#include "job/claim.h"
#include "unit/job/job-fixture.h"

typedef struct Result {
        unsigned n_done;
        Error error;
        bool sent;
} Result;

static Result result;

static void on_done(const Error *err, bool sent, void *userdata) {
        (void)userdata;
        result.n_done++;
        result.sent = sent;
        result.error = err == NULL ? (Error){0} : *err;
}

static bool is_done(JobFixture *f) {
        (void)f;
        return result.n_done > 0;
}

typedef struct Attempt {
        LedgerJob row;
        Claim claim;
        Claiming *claiming;
} Attempt;

static void begin(JobFixture *f, Attempt *attempt, const char *id, bool take_over) {
        *attempt = (Attempt){
                .row = {.id = 7, .type = "backup"},
                .claim =
                        {
                                .id = strdup(id),
                                .instance = strdup(INSTANCE),
                                .hostname = strdup("host1"),
                                .name = strdup("nightly"),
                                .description = strdup(""),
                                .take_over = take_over,
                                .created_usec = 1795400000ULL * 1000000,
                        },
        };
        strcpy(attempt->row.backup_id, id);
        strcpy(attempt->row.instance, INSTANCE);
        ClaimingOptions options = {
                .service = &f->service,
                .settings = &f->settings,
                .row = &attempt->row,
                .claim = &attempt->claim,
                .take_over = take_over,
                .on_done = on_done,
        };
        result = (Result){0};
        assert_int_equal(claiming_start(&options, &attempt->claiming, NULL), 0);
}

static void end(Attempt *attempt) {
        claiming_free(attempt->claiming);
        claim_done(&attempt->claim);
        ledger_job_done(&attempt->row);
}

/* The sequence, or 0 and result.error. */
static uint64_t claim(JobFixture *f, const char *id, bool take_over) {
        Attempt attempt;
        uint64_t sequence;

        begin(f, &attempt, id, take_over);
        run_until(f, is_done);
        sequence = error_is_set(&result.error) ? 0 : attempt.claim.sequence;
        end(&attempt);
        run_a_while(f);
        assert_int_equal(result.n_done, 1);
        return sequence;
}

static int know_claim(LedgerDb *db, void *userdata, Error *err) {
        const LedgerClaim *known = userdata;
        return ledger_claim_put(db, INSTANCE, known, err);
}

static void know(JobFixture *f, uint64_t sequence, const char *id) {
        char host[] = "host1";
        LedgerClaim known = {.sequence = sequence, .hostname = host};
        strcpy(known.id, id);
        ledger_do(f, know_claim, &known);
}

static void the_first_claim_is_number_one(void **state) {
        JobFixture *f = *state;

        assert_int_equal(claim(f, ID, false), 1);
        assert_true(has_claim(f, 1));
        assert_int_equal(ledger_stage(f), LEDGER_RUNNING);
}

static void the_next_claim_follows_the_known_one(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->service.signing_key, 4, OTHER_ID, "host1");
        know(f, 4, OTHER_ID);
        assert_int_equal(claim(f, ID, false), 5);
}

static void a_claim_that_this_host_does_not_know_is_another_writer(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        assert_int_equal(claim(f, ID, false), 0);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
        assert_false(result.sent);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 1);
}

static void a_trusted_later_claim_names_its_host_and_time(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->service.signing_key, 1, OTHER_ID, "host2");
        assert_int_equal(claim(f, ID, false), 0);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
        assert_non_null(strstr(result.error.message, "host2"));
        assert_non_null(strstr(result.error.message, "2023-11-14"));
}

static void a_claim_the_listing_does_not_show_yet_is_found_by_name(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->service.signing_key, 4, OTHER_ID, "host1");
        know(f, 4, OTHER_ID);
        put_claim(f, f->other_key, 5, "5d1c7c44-2222-4f6e-9d0c-2a2b2c2d2e2f", "host2");
        fake_store_hide(f->service.store, INSTANCE "/begin/0000000005.json");
        assert_int_equal(claim(f, ID, false), 0);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
}

static void a_known_claim_with_another_id_is_another_writer(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->service.signing_key, 4, OTHER_ID, "host1");
        know(f, 4, ID);
        assert_int_equal(claim(f, "5d1c7c44-2222-4f6e-9d0c-2a2b2c2d2e2f", false), 0);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
}

static void a_claim_is_a_success_when_its_own_bytes_are_there(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin(f, &attempt, ID, false);
        run_until(f, store_is_held);
        fake_store_put(
                f->service.store,
                INSTANCE "/begin/0000000001.json",
                attempt.row.object,
                attempt.row.object_size);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_until(f, is_done);
        assert_false(error_is_set(&result.error));
        end(&attempt);
}

static void a_lost_race_is_not_owner_and_leaves_no_row(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin(f, &attempt, ID, false);
        run_until(f, store_is_held);
        assert_true(claiming_is_sending(attempt.claiming));
        assert_int_equal(ledger_stage(f), LEDGER_CLAIMING);
        put_claim(f, f->other_key, 1, OTHER_ID, "host2");
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_until(f, is_done);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
        assert_false(result.sent);
        assert_int_equal(ledger_job_count(f), 0);
        end(&attempt);
}

static void a_lost_reply_leaves_the_row_for_the_next_look(void **state) {
        JobFixture *f = *state;

        fake_store_lose_reply(f->service.store, STORE_PUT_OBJECT);
        assert_int_equal(claim(f, ID, false), 0);
        assert_int_equal(result.error.kind, ERROR_STORE_UNAVAILABLE);
        assert_true(result.sent);
        assert_int_equal(ledger_stage(f), LEDGER_CLAIMING);
        assert_true(has_claim(f, 1));
}

static void an_own_claim_whose_reply_was_lost_is_known(void **state) {
        JobFixture *f = *state;

        fake_store_lose_reply(f->service.store, STORE_PUT_OBJECT);
        assert_int_equal(claim(f, OTHER_ID, false), 0);
        assert_int_equal(claim(f, ID, false), 2);
}

static void a_store_that_does_not_answer_is_its_own_error(void **state) {
        JobFixture *f = *state;

        fake_store_fail(f->service.store, STORE_LIST, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        assert_int_equal(claim(f, ID, false), 0);
        assert_int_equal(result.error.kind, ERROR_STORE_UNAVAILABLE);
        assert_false(result.sent);
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_take_over_goes_beyond_what_is_foreign(void **state) {
        JobFixture *f = *state;

        put_claim(f, f->other_key, 6, OTHER_ID, "host2");
        assert_int_equal(claim(f, ID, true), 7);
        assert_int_equal(claim(f, "5d1c7c44-2222-4f6e-9d0c-2a2b2c2d2e2f", false), 8);
}

/* Freed while the ledger's thread is still at it. */
static void a_claim_that_is_dropped_at_once_is_no_harm(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        begin(f, &attempt, ID, false);
        end(&attempt);
        run_a_while(f);
        assert_int_equal(result.n_done, 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
}

static bool is_held(JobFixture *f) {
        return fake_store_held_count(f->service.store) == 1;
}

/* Up to the look at what the store kept of the claim, in a store where two writers may both be told
 * that they made it. */
static void begin_and_settle(JobFixture *f, Attempt *attempt) {
        fake_store_set_settle(f->service.store, 1);
        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin(f, attempt, ID, false);
        run_until(f, is_held);
        fake_store_hold(f->service.store, STORE_GET_OBJECT);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_until(f, is_held);
        assert_true(has_claim(f, 1));
        assert_int_equal(ledger_stage(f), LEDGER_CLAIMING);
        assert_true(claiming_is_sending(attempt->claiming));
}

static void where_puts_may_both_succeed_a_claim_counts_when_it_reads_back(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        begin_and_settle(f, &attempt);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        run_until(f, is_done);
        end(&attempt);
        assert_false(error_is_set(&result.error));
        assert_int_equal(ledger_stage(f), LEDGER_RUNNING);
}

static void a_claim_that_reads_back_as_anothers_is_not_owner_and_leaves_no_row(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        begin_and_settle(f, &attempt);
        fake_store_put(f->service.store, INSTANCE "/begin/0000000001.json", "theirs", 6);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        run_until(f, is_done);
        end(&attempt);
        assert_int_equal(result.error.kind, ERROR_NOT_OWNER);
        assert_false(result.sent);
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_claim_that_cannot_be_read_back_may_be_there(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        begin_and_settle(f, &attempt);
        fake_store_fail(f->service.store, STORE_GET_OBJECT, NULL, 1, ERROR_STORE_UNAVAILABLE, -EIO);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        run_until(f, is_done);
        end(&attempt);
        assert_int_equal(result.error.kind, ERROR_STORE_UNAVAILABLE);
        assert_true(result.sent);
        assert_int_equal(ledger_stage(f), LEDGER_CLAIMING);
}

static void a_claim_is_dropped_while_it_settles(void **state) {
        JobFixture *f = *state;
        Attempt attempt;

        fake_store_set_settle(f->service.store, 60 * 1000);
        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        begin(f, &attempt, ID, false);
        run_until(f, is_held);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_a_while(f);
        assert_int_equal(result.n_done, 0);
        end(&attempt);
        run_a_while(f);
        assert_int_equal(result.n_done, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(the_first_claim_is_number_one),
                JOB_TEST(the_next_claim_follows_the_known_one),
                JOB_TEST(a_claim_that_this_host_does_not_know_is_another_writer),
                JOB_TEST(a_trusted_later_claim_names_its_host_and_time),
                JOB_TEST(a_claim_the_listing_does_not_show_yet_is_found_by_name),
                JOB_TEST(a_known_claim_with_another_id_is_another_writer),
                JOB_TEST(a_claim_is_a_success_when_its_own_bytes_are_there),
                JOB_TEST(a_lost_race_is_not_owner_and_leaves_no_row),
                JOB_TEST(a_lost_reply_leaves_the_row_for_the_next_look),
                JOB_TEST(an_own_claim_whose_reply_was_lost_is_known),
                JOB_TEST(a_store_that_does_not_answer_is_its_own_error),
                JOB_TEST(a_take_over_goes_beyond_what_is_foreign),
                JOB_TEST(a_claim_that_is_dropped_at_once_is_no_harm),
                JOB_TEST(where_puts_may_both_succeed_a_claim_counts_when_it_reads_back),
                JOB_TEST(a_claim_that_reads_back_as_anothers_is_not_owner_and_leaves_no_row),
                JOB_TEST(a_claim_that_cannot_be_read_back_may_be_there),
                JOB_TEST(a_claim_is_dropped_while_it_settles),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
