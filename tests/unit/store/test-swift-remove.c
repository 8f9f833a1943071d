/* Removing segments from Swift (store/swift-remove.c, swift-delete.c): what the listing shows, what
 * it does not show, and what a cancelled PUT may still leave. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "unit/store/swift-fixture.h"

#define LIST ACCOUNT "/backups_segments?format=json&limit=2000&prefix="
#define OF_BACKUP LIST INSTANCE "%2F" ID "%2F"
#define OF_ATTEMPT OF_BACKUP ATTEMPT_NAME "%2F"
#define BASE INSTANCE "/" ID "/"
#define ROW(name) "{\"name\":\"" BASE name "\",\"bytes\":1}"
#define BULK ACCOUNT "?bulk-delete"

enum { ROUND = 24 };

static void start_remove(Swift *f, const char *attempt) {
        const StoreAttempt of = {INSTANCE, ID, attempt};
        assert_int_equal(store_remove_segments(f->store, &of, &f->call, NULL), 0);
}

static bool is_delete_of(const HttpRequest *request, const char *name) {
        return string_equal(http_fake_method(request), "DELETE") &&
               string_ends_with(http_fake_url(request), name);
}

/* Answers every DELETE that runs, and those after it, with 404 but for one name; how many there
 * were. */
static unsigned delete_all_but(const char *there) {
        unsigned n = 0;
        for (timer_fake_settle(); http_fake_count() > 0; timer_fake_settle(), n++) {
                HttpRequest *request = http_fake_at(0);
                if (!string_equal(http_fake_method(request), "DELETE"))
                        return n;
                bool found = there != NULL && is_delete_of(request, there);
                ANSWER(request, .status = found ? 204 : 404);
        }
        return n;
}

static void the_listing_is_swept_and_a_round_asked_for_by_name(void **state) {
        Swift *f = *state;
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT),
               .status = 200,
               .body = "[" ROW(ATTEMPT_NAME "/00000000") "," ROW(ATTEMPT_NAME "/00000001") "]");
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 2);
        ANSWER(http_fake_at(0), .status = 204);
        ANSWER(http_fake_at(0), .status = 404);
        ANSWER(swift_asked("GET", OF_ATTEMPT "&marker=db1%2F" ID "%2F" ATTEMPT_NAME "%2F00000001"),
               .status = 200,
               .body = "[]");
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 8);
        assert_true(is_delete_of(http_fake_at(0), ATTEMPT_NAME "/00000002"));
        assert_int_equal(delete_all_but(NULL), ROUND);
        swift_ended(f, 0, ERROR_NONE);
}

static void what_the_listing_does_not_show_is_found_by_name(void **state) {
        Swift *f = *state;
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT), .status = 404);
        /* One is found in the first round, so there is a second; with 24 there may be
         * sub-manifests: 24 / 3 + 1, and 8 beyond. */
        assert_int_equal(delete_all_but("/00000020"), ROUND + ROUND + 9 + 8);
        swift_ended(f, 0, ERROR_NONE);
}

static void holes_in_a_listing_are_asked_for_by_name(void **state) {
        Swift *f = *state;
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT),
               .status = 200,
               .body = "[" ROW(ATTEMPT_NAME "/00000002") "]");
        assert_int_equal(delete_all_but("/00000002"), 1);
        ANSWER(http_fake_at(0), .status = 200, .body = "[]");
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 3);
        assert_true(is_delete_of(http_fake_at(0), "/00000000"));
        assert_int_equal(delete_all_but("/00000001"), 3 + ROUND);
        swift_ended(f, 0, ERROR_NONE);
}

static void all_attempts_of_a_backup_go(void **state) {
        Swift *f = *state;
        start_remove(f, NULL);
        ANSWER(swift_asked("GET", OF_BACKUP),
               .status = 200,
               .body = "[" ROW("aaaaaaaa/00000000") "," ROW("bbbbbbbb/00000000") "," ROW(
                       "bbbbbbbb/m00000000") "," ROW("odd") "," ROW("cccccccc/x") "]");
        assert_int_equal(delete_all_but(NULL), 5);
        ANSWER(http_fake_at(0), .status = 200, .body = "[]");
        /* a: a round; b: a round, and sub-manifests 0 to 8. */
        assert_int_equal(delete_all_but(NULL), ROUND + ROUND + 9);
        swift_ended(f, 0, ERROR_NONE);
}

static void a_backup_without_attempts_has_nothing_to_remove(void **state) {
        Swift *f = *state;
        start_remove(f, NULL);
        ANSWER(swift_asked("GET", OF_BACKUP), .status = 200, .body = "[]");
        swift_ended(f, 0, ERROR_NONE);
}

static void a_delete_that_fails_is_tried_again_and_then_the_error(void **state) {
        Swift *f = *state;
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT),
               .status = 200,
               .body = "[" ROW(ATTEMPT_NAME "/00000000") "," ROW(ATTEMPT_NAME "/00000001") "]");
        timer_fake_settle();
        ANSWER(http_fake_at(0), .status = 503);
        timer_fake_settle();
        if (http_fake_count() == 1)
                (void)timer_fake_fire_next();
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 2);
        ANSWER(http_fake_at(1), .status = 403);
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
        assert_int_equal(http_fake_count(), 0);
}

/* --- in bulk --- */

static void open_with_bulk(Swift *f) {
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_answer_info("{\"slo\":{\"max_manifest_segments\":3},"
                          "\"bulk_delete\":{\"max_deletes_per_request\":20}}");
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 204);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
}

static HttpRequest *begin_bulk(Swift *f) {
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT), .status = 200, .body = "[]");
        return swift_asked("POST", BULK);
}

static unsigned lines_of(HttpRequest *request) {
        size_t size = 0;
        unsigned n = 0;
        const char *body = http_fake_body(request, &size);
        for (size_t i = 0; i < size; i++)
                n += body[i] == '\n' ? 1 : 0;
        return n;
}

static void many_go_with_one_request(void **state) {
        Swift *f = *state;
        size_t size = 0;
        open_with_bulk(f);
        HttpRequest *request = begin_bulk(f);
        const char *body = http_fake_body(request, &size);
        assert_true(string_starts_with(
                body, "backups_segments/" BASE ATTEMPT_NAME "/00000000\nbackups_segments/"));
        assert_string_equal(http_fake_header(request, "Content-Type"), "text/plain");
        assert_string_equal(http_fake_header(request, "Accept"), "application/json");
        assert_int_equal(lines_of(request), 20);
        ANSWER(request,
               .status = 200,
               .body = "  {\"Response Status\":\"200 OK\",\"Number Deleted\":0,\"Number Not "
                       "Found\":20,\"Errors\":[]}");
        request = swift_asked("POST", BULK);
        assert_int_equal(lines_of(request), ROUND - 20);
        ANSWER(request,
               .status = 200,
               .body = "{\"Response Status\":\"200 OK\",\"Number Deleted\":0,\"Errors\":[]}");
        swift_ended(f, 0, ERROR_NONE);
}

static HttpRequest *bulk_again(void) {
        timer_fake_settle();
        if (http_fake_count() == 0)
                (void)timer_fake_fire_next();
        return swift_asked("POST", BULK);
}

static void a_report_of_a_bulk_delete_is_judged(void **state) {
        Swift *f = *state;
        open_with_bulk(f);
        ANSWER(begin_bulk(f), .status = 200, .body = "{\"Response Sta");
        ANSWER(bulk_again(),
               .status = 200,
               .body = "{\"Response Status\":\"400 Bad Request\",\"Errors\":[[\"/c/o\",\"503 "
                       "Service Unavailable\"]]}");
        ANSWER(bulk_again(),
               .status = 200,
               .body = "{\"Response Status\":\"502 Bad Gateway\",\"Errors\":[]}");
        ANSWER(bulk_again(),
               .status = 200,
               .body = "{\"Response Status\":\"401 Unauthorized\",\"Errors\":[]}");
        swift_give_token("tk2");
        ANSWER(bulk_again(),
               .status = 200,
               .body = "{\"Response Status\":\"400 Bad Request\",\"Errors\":[[\"/c/o\",\"403 "
                       "Forbidden\"]]}");
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
        swift_says(f, "1 objects could not be removed, first /c/o: 403 Forbidden");
}

/* --- what was cancelled --- */

static void cancel_put(Swift *f, uint64_t index, bool sent) {
        StoreRequest *request = NULL;
        StoreSegment segment = swift_segment(index, 1, MD5_A);
        assert_int_equal(
                store_put_segment(
                        f->store, &segment, "a", &(StoreCall){swift_on_done, f, &request}, NULL),
                0);
        timer_fake_settle();
        if (sent)
                http_fake_set_sent(http_fake_at(0));
        store_cancel(request);
        assert_int_equal(http_fake_count(), 0);
}

static void a_cancelled_put_that_was_all_sent_is_removed_once_more(void **state) {
        Swift *f = *state;
        cancel_put(f, 5, true);
        clock_fake_advance_msec(500);
        cancel_put(f, 6, false);
        start_remove(f, ATTEMPT_NAME);
        ANSWER(swift_asked("GET", OF_ATTEMPT), .status = 200, .body = "[]");
        assert_int_equal(delete_all_but(NULL), ROUND);
        assert_int_equal(f->n_done, 0);
        assert_int_equal(timer_fake_next_msec(), 1500);
        (void)timer_fake_fire_next();
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 1);
        assert_true(is_delete_of(http_fake_at(0), "/00000005"));
        assert_int_equal(delete_all_but(NULL), 1);
        swift_ended(f, 0, ERROR_NONE);
        /* And only once. */
        start_remove(f, NULL);
        ANSWER(swift_asked("GET", OF_BACKUP), .status = 200, .body = "[]");
        swift_ended(f, 0, ERROR_NONE);
}

static void only_the_last_of_many_doubts_are_kept(void **state) {
        Swift *f = *state;
        for (uint64_t i = 0; i < 80; i++)
                cancel_put(f, i, true);
        clock_fake_advance_msec(60 * 1000);
        start_remove(f, NULL);
        ANSWER(swift_asked("GET", OF_BACKUP), .status = 200, .body = "[]");
        assert_int_equal(delete_all_but(NULL), 64);
        swift_ended(f, 0, ERROR_NONE);
        cancel_put(f, 1, true); /* left to the end of the store */
}

static void a_removal_is_cancelled_wherever_it_is(void **state) {
        Swift *f = *state;
        StoreRequest *request = NULL;
        for (int i = 0; i < 3; i++) {
                assert_int_equal(
                        store_remove_segments(
                                f->store,
                                &swift_attempt,
                                &(StoreCall){swift_on_done, f, &request},
                                NULL),
                        0);
                timer_fake_settle();
                if (i > 0)
                        ANSWER(http_fake_at(0), .status = 200, .body = "[]");
                if (i > 1) {
                        timer_fake_settle();
                        ANSWER(http_fake_at(0), .status = 204);
                }
                store_cancel(request);
                assert_int_equal(http_fake_count(), 0);
        }
        assert_int_equal(f->n_done, 0);
        StoreAttempt odd = {INSTANCE, ID, "x"};
        assert_int_equal(store_remove_segments(f->store, &odd, &f->call, NULL), -EINVAL);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, swift_set_up_open, swift_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                OPEN(the_listing_is_swept_and_a_round_asked_for_by_name),
                OPEN(what_the_listing_does_not_show_is_found_by_name),
                OPEN(holes_in_a_listing_are_asked_for_by_name),
                OPEN(all_attempts_of_a_backup_go),
                OPEN(a_backup_without_attempts_has_nothing_to_remove),
                OPEN(a_delete_that_fails_is_tried_again_and_then_the_error),
                OPEN(many_go_with_one_request),
                OPEN(a_report_of_a_bulk_delete_is_judged),
                OPEN(a_cancelled_put_that_was_all_sent_is_removed_once_more),
                OPEN(only_the_last_of_many_doubts_are_kept),
                OPEN(a_removal_is_cancelled_wherever_it_is),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
