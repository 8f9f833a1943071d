/* The request of the Swift driver (store/swift-request.c): tokens, retries, the window, containers.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "unit/store/swift-fixture.h"

#define OBJECT ACCOUNT "/backups/db1/x"
#define AUTH "http://swift:8080/auth/v1.0"

static void start_get(Swift *f, StoreRequest **ret) {
        assert_int_equal(
                store_get_object(f->store, "db1/x", 100, &(StoreCall){swift_on_done, f, ret}, NULL),
                0);
}

static void answer_get(const char *token) {
        HttpRequest *request = swift_asked("GET", OBJECT);
        assert_string_equal(http_fake_header(request, "X-Auth-Token"), token);
        assert_string_equal(http_fake_header(request, "X-Newest"), "true");
        ANSWER(request, .status = 200, .body = "abc", .headers = {"Etag: " MD5_ABC});
}

/* --- tokens --- */

static void a_token_is_asked_for_once_for_all_that_wait(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        start_get(f, NULL);
        HttpRequest *request = swift_asked("GET", AUTH);
        assert_string_equal(http_fake_header(request, "X-Auth-User"), "test:tester");
        assert_string_equal(http_fake_header(request, "X-Auth-Key"), "testing");
        swift_give_token("tk1");
        assert_int_equal(http_fake_count(), 2);
        ANSWER(swift_asked_also("GET", OBJECT), .status = 200, .body = "abc");
        swift_ended(f, 0, ERROR_NONE);
        ANSWER(swift_asked("GET", OBJECT), .status = 200, .body = "abc");
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(http_fake_started(), 3);
}

static void a_lost_token_is_renewed_once(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        start_get(f, NULL);
        ANSWER(swift_asked_also("GET", OBJECT), .status = 401);
        ANSWER(swift_asked_also("GET", OBJECT), .status = 401);
        swift_asked("GET", AUTH);
        swift_give_token("tk2");
        timer_fake_settle();
        for (int i = 0; i < 2; i++) {
                HttpRequest *request = swift_asked_also("GET", OBJECT);
                assert_string_equal(http_fake_header(request, "X-Auth-Token"), "tk2");
                ANSWER(request, .status = 200, .body = "abc");
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void a_401_that_comes_late_uses_the_newer_token(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        start_get(f, NULL);
        timer_fake_settle();
        HttpRequest *first = http_fake_at(0), *second = http_fake_at(1);
        ANSWER(first, .status = 401);
        swift_give_token("tk2");
        ANSWER(second, .status = 401);
        assert_int_equal(http_fake_count(), 2);
        for (int i = 0; i < 2; i++) {
                HttpRequest *request = swift_asked_also("GET", OBJECT);
                assert_string_equal(http_fake_header(request, "X-Auth-Token"), "tk2");
                ANSWER(request, .status = 200, .body = "abc");
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void a_401_after_the_renewal_is_store_auth(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        ANSWER(swift_asked("GET", OBJECT), .status = 401);
        swift_give_token("tk2");
        ANSWER(swift_asked("GET", OBJECT), .status = 401, .headers = {"X-Trans-Id: tx7"});
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
        swift_says(f, "backups/db1/x");
        swift_says(f, "transaction tx7");
}

static void each_expiry_has_its_renewal(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        ANSWER(swift_asked("GET", OBJECT), .status = 401);
        swift_give_token("tk2");
        ANSWER(swift_asked("GET", OBJECT), .status = 503);
        (void)timer_fake_fire_next();
        ANSWER(swift_asked("GET", OBJECT), .status = 401);
        swift_give_token("tk3");
        answer_get("tk3");
        swift_ended(f, 0, ERROR_NONE);
}

static void a_wrong_password_is_said_at_once_to_all(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        start_get(f, NULL);
        ANSWER(swift_asked("GET", AUTH), .status = 401);
        assert_int_equal(f->n_done, 2);
        assert_int_equal(f->error.kind, ERROR_STORE_AUTH);
        swift_says(f, "test:tester");
        assert_null(strstr(f->error.message, "testing"));
        assert_int_equal(http_fake_count(), 0);
}

static void authentication_that_is_away_is_tried_again(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        ANSWER(swift_asked("GET", AUTH), .status = 503);
        (void)timer_fake_fire_next();
        ANSWER(swift_asked("GET", AUTH), .failure = HTTP_FAILURE_CONNECT);
        (void)timer_fake_fire_next();
        swift_give_token("tk1");
        answer_get("tk1");
        swift_ended(f, 0, ERROR_NONE);
}

static void without_a_secret_calls_fail_with_config(void **state) {
        Swift *f = *state;
        Error missing = {0};
        SwiftOptions options = swift_options();
        error_set(&missing, ERROR_CONFIG, -ENOENT, "credential 'swift-password' is missing");
        options.secret = NULL;
        options.secret_error = &missing;
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        start_get(f, NULL);
        swift_ended(f, -EINVAL, ERROR_CONFIG); /* never -ENOENT: that would be the object */
        swift_says(f, "swift-password");
        options.secret = "testing\n";
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        start_get(f, NULL);
        assert_string_equal(http_fake_header(swift_asked("GET", AUTH), "X-Auth-Key"), "testing");
        swift_give_token("tk1");
        answer_get("tk1");
        swift_ended(f, 0, ERROR_NONE);
}

static void new_credentials_hold_for_those_that_wait(void **state) {
        Swift *f = *state;
        SwiftOptions options = swift_options();
        start_get(f, NULL);
        swift_asked("GET", AUTH);
        options.username = "other";
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        assert_string_equal(http_fake_header(swift_asked("GET", AUTH), "X-Auth-User"), "other");
        swift_give_token("tk9");
        answer_get("tk9");
        swift_ended(f, 0, ERROR_NONE);
        /* The same again changes nothing. */
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        start_get(f, NULL);
        answer_get("tk9");
        swift_ended(f, 0, ERROR_NONE);
}

/* --- retries --- */

static void what_passes_is_tried_again(void **state) {
        static const struct {
                HttpFailure failure;
                int status;
        } rows[] = {
                {0, 408},
                {0, 409},
                {0, 429},
                {0, 498},
                {0, 499},
                {0, 500},
                {0, 502},
                {0, 503},
                {0, 504},
                {0, 507},
                {HTTP_FAILURE_RESOLVE, 0},
                {HTTP_FAILURE_CONNECT, 0},
                {HTTP_FAILURE_STALLED, 0},
                {HTTP_FAILURE_SHORT, 200},
                {HTTP_FAILURE_BROKEN, 0},
                {HTTP_FAILURE_BROKEN, 100},
                {HTTP_FAILURE_BROKEN, 503},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_get(f, NULL);
                ANSWER(swift_asked("GET", OBJECT),
                       .failure = rows[i].failure,
                       .status = rows[i].status);
                timer_fake_settle();
                if (http_fake_count() == 0)
                        assert_true(timer_fake_fire_next());
                assert_int_equal(f->n_done, 0);
                answer_get("tk1");
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void what_does_not_pass_is_not(void **state) {
        static const struct {
                HttpFailure failure;
                int status;
                ErrorKind kind;
                int r;
        } rows[] = {
                {0, 301, ERROR_STORE_UNAVAILABLE, -EPROTO},
                {0, 400, ERROR_STORE_UNAVAILABLE, -EPROTO},
                {0, 403, ERROR_STORE_AUTH, -EACCES},
                {0, 404, ERROR_STORE_NOT_FOUND, -ENOENT},
                {0, 411, ERROR_STORE_UNAVAILABLE, -EPROTO},
                {HTTP_FAILURE_BROKEN, 403, ERROR_STORE_AUTH, -EACCES},
                {HTTP_FAILURE_TLS, 0, ERROR_STORE_UNAVAILABLE, -ECONNRESET},
                {HTTP_FAILURE_TOO_LARGE, 200, ERROR_INTEGRITY, -EFBIG},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_get(f, NULL);
                ANSWER(swift_asked("GET", OBJECT),
                       .failure = rows[i].failure,
                       .status = rows[i].status);
                swift_ended(f, rows[i].r, rows[i].kind);
                swift_says(f, "Reading backups/db1/x: ");
        }
}

static void pauses_grow_and_end_with_the_retry_time(void **state) {
        Swift *f = *state;
        uint64_t begin = clock_monotonic_usec(), limit_msec = 500;
        unsigned tries = 0;
        start_get(f, NULL);
        while (f->n_done == 0) {
                ANSWER(swift_asked("GET", OBJECT),
                       .status = 503,
                       .headers = {"X-Trans-Id: tx1-2"},
                       .body = "<html><h1>Service Unavailable</h1></html>");
                tries++;
                timer_fake_settle();
                if (f->n_done > 0 || http_fake_count() > 0)
                        continue;
                assert_in_range(timer_fake_next_msec(), 0, limit_msec);
                limit_msec = limit_msec < 30000 ? limit_msec * 2 : 30000;
                assert_true(timer_fake_fire_next());
        }
        uint64_t took_msec = (clock_monotonic_usec() - begin) / 1000;
        assert_in_range(took_msec, RETRY_MSEC - 1, RETRY_MSEC + 1);
        swift_ended(f, -EIO, ERROR_STORE_UNAVAILABLE);
        assert_int_equal(f->error.http_status, 503);
        swift_says(f, "Reading backups/db1/x: ");
        swift_says(f, "Service Unavailable (status 503, transaction tx1-2)");
        char *said = string_printf("tried %u times in 60 s", tries);
        swift_says(f, said);
        free(said);
}

static void retry_after_is_obeyed(void **state) {
        Swift *f = *state;
        start_get(f, NULL);
        ANSWER(swift_asked("GET", OBJECT), .status = 503, .headers = {"Retry-After: 40"});
        assert_int_equal(timer_fake_next_msec(), 40 * 1000);
        (void)timer_fake_fire_next();
        answer_get("tk1");
        swift_ended(f, 0, ERROR_NONE);
        start_get(f, NULL);
        ANSWER(swift_asked("GET", OBJECT), .status = 429, .headers = {"Retry-After: 61"});
        swift_ended(f, -EIO, ERROR_STORE_UNAVAILABLE);
}

static void a_call_is_cancelled_wherever_it_is(void **state) {
        Swift *f = *state;
        StoreRequest *request = NULL;
        start_get(f, &request); /* before its first try */
        store_cancel(request);
        start_get(f, &request); /* on its way */
        swift_asked("GET", OBJECT);
        store_cancel(request);
        assert_int_equal(http_fake_count(), 0);
        start_get(f, &request); /* in a pause */
        ANSWER(swift_asked("GET", OBJECT), .failure = HTTP_FAILURE_CONNECT);
        store_cancel(request);
        start_get(f, &request); /* waiting for a token */
        ANSWER(swift_asked("GET", OBJECT), .status = 401);
        store_cancel(request);
        swift_give_token("tk2");
        assert_int_equal(f->n_done, 0);
        assert_int_equal(timer_fake_next_msec(), UINT64_MAX);
}

/* --- containers --- */

static void start_put(Swift *f) {
        assert_int_equal(store_put_object(f->store, "db1/x", "a", 1, &f->call, NULL), 0);
}

static void a_missing_container_is_made_and_the_object_sent_again(void **state) {
        Swift *f = *state;
        start_put(f);
        ANSWER(swift_asked("PUT", OBJECT), .status = 404);
        HttpRequest *container = swift_asked("PUT", ACCOUNT "/backups");
        assert_null(http_fake_header(container, "If-None-Match"));
        ANSWER(container, .status = 201);
        ANSWER(swift_asked("PUT", OBJECT), .status = 201, .headers = {"Etag: " MD5_A});
        swift_ended(f, 0, ERROR_NONE);
}

static void a_container_that_is_still_missing_takes_a_while(void **state) {
        Swift *f = *state;
        start_put(f);
        ANSWER(swift_asked("PUT", OBJECT), .status = 404);
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 503);
        (void)timer_fake_fire_next();
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 401);
        swift_give_token("tk2");
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 202);
        ANSWER(swift_asked("PUT", OBJECT), .status = 404);
        if (http_fake_count() == 0)
                (void)timer_fake_fire_next();
        ANSWER(swift_asked("PUT", OBJECT), .status = 201);
        swift_ended(f, 0, ERROR_NONE);
}

static void a_container_that_may_not_be_made_is_store_auth(void **state) {
        Swift *f = *state;
        start_put(f);
        ANSWER(swift_asked("PUT", OBJECT), .status = 404);
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 403);
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
        swift_says(f, "making container backups");
}

/* --- the window --- */

static void start_segments(Swift *f, unsigned n) {
        for (uint64_t i = 0; i < n; i++) {
                StoreSegment segment = swift_segment(i, 1, MD5_A);
                assert_int_equal(store_put_segment(f->store, &segment, "a", &f->call, NULL), 0);
        }
        timer_fake_settle();
}

static void no_more_segments_are_in_flight_than_configured(void **state) {
        Swift *f = *state;
        start_segments(f, 6);
        for (unsigned left = 6; left > 0; left--) {
                timer_fake_settle();
                assert_int_equal(http_fake_count(), left < 4 ? left : 4);
                ANSWER(http_fake_at(0), .status = 201);
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void too_much_halves_once_and_grows_back(void **state) {
        Swift *f = *state;
        start_segments(f, 14);
        clock_fake_advance_msec(10);
        /* All four were sent before the first of them was refused. */
        for (int i = 0; i < 4; i++)
                ANSWER(http_fake_at(0), .status = 503, .headers = {"Retry-After: 30"});
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 2);
        /* Two that went well make three, three more make four again. */
        for (int i = 0; i < 2; i++)
                ANSWER(http_fake_at(0), .status = 201);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 3);
        for (int i = 0; i < 3; i++)
                ANSWER(http_fake_at(0), .status = 201);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 4);
        while (f->n_done < 14) {
                timer_fake_settle();
                if (http_fake_count() == 0)
                        assert_true(timer_fake_fire_next());
                else
                        ANSWER(http_fake_at(0), .status = 201);
        }
        assert_int_equal(f->r, 0);
}

static void the_number_in_flight_follows_the_configuration(void **state) {
        Swift *f = *state;
        SwiftOptions options = swift_options();
        start_segments(f, 8);
        assert_int_equal(http_fake_count(), 4);
        options.concurrency = 6;
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 6);
        options.concurrency = 1;
        assert_int_equal(swift_store_configure(f->store, &options, NULL), 0);
        /* The six end, and nothing new is begun before they have. */
        for (unsigned left = 8; left > 0; left--) {
                ANSWER(http_fake_at(0), .status = 201);
                swift_ended(f, 0, ERROR_NONE);
                assert_int_equal(http_fake_count(), left > 3 ? left - 3 : left > 1 ? 1 : 0);
        }
}

static void control_objects_do_not_wait_for_segments(void **state) {
        Swift *f = *state;
        start_segments(f, 5);
        start_put(f);
        ANSWER(swift_asked_also("PUT", OBJECT), .status = 201);
        swift_ended(f, 0, ERROR_NONE);
        while (http_fake_count() > 0) {
                ANSWER(http_fake_at(0), .status = 201);
                timer_fake_settle();
        }
        assert_int_equal(f->n_done, 5);
}

static void a_segment_that_waits_is_cancelled(void **state) {
        Swift *f = *state;
        StoreRequest *waiting = NULL, *next = NULL;
        StoreSegment segment = swift_segment(7, 1, MD5_A);
        start_segments(f, 4);
        assert_int_equal(
                store_put_segment(
                        f->store, &segment, "a", &(StoreCall){swift_on_done, f, &waiting}, NULL),
                0);
        segment.index = 8;
        assert_int_equal(
                store_put_segment(
                        f->store, &segment, "a", &(StoreCall){swift_on_done, f, &next}, NULL),
                0);
        timer_fake_settle();
        store_cancel(waiting);
        ANSWER(http_fake_at(0), .status = 201);
        store_cancel(next); /* it has its turn, and has not begun */
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 3);
        while (http_fake_count() > 0)
                ANSWER(http_fake_at(0), .status = 201);
        assert_int_equal(f->n_done, 4);
}

/* --- the rest --- */

static void names_are_encoded(void **state) {
        Swift *f = *state;
        assert_int_equal(store_stat_object(f->store, "db1/a b?c#d%\xc3\xa9", &f->call, NULL), 0);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups/db1/a%20b%3Fc%23d%25%C3%A9"), .status = 404);
        swift_ended(f, -ENOENT, ERROR_STORE_NOT_FOUND);
        assert_int_equal(store_stat_object(f->store, "", &f->call, &f->error), -EINVAL);
        assert_int_equal(store_stat_object(f->store, "a\nb", &f->call, &f->error), -EINVAL);
}

static void it_says_what_it_is_and_passes_on_what_is_set(void **state) {
        Swift *f = *state;
        assert_string_equal(store_container(f->store), "backups");
        assert_string_equal(
                store_describe(f->store), "Swift container backups at http://swift:8080/auth/v1.0");
        assert_int_equal(store_max_segments(f->store), 9);
        assert_int_equal(store_settle_msec(f->store), 5000);
        assert_int_equal(store_space(f->store, &f->call, NULL), 0);
        assert_int_equal(f->n_done, 0);
        swift_ended(f, 0, ERROR_NONE);
        assert_true(f->object_size == UINT64_MAX);
}

#define CLOSED(test) cmocka_unit_test_setup_teardown(test, swift_set_up, swift_tear_down)
#define OPEN(test) cmocka_unit_test_setup_teardown(test, swift_set_up_open, swift_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CLOSED(a_token_is_asked_for_once_for_all_that_wait),
                OPEN(a_lost_token_is_renewed_once),
                OPEN(a_401_that_comes_late_uses_the_newer_token),
                OPEN(a_401_after_the_renewal_is_store_auth),
                OPEN(each_expiry_has_its_renewal),
                CLOSED(a_wrong_password_is_said_at_once_to_all),
                CLOSED(authentication_that_is_away_is_tried_again),
                CLOSED(without_a_secret_calls_fail_with_config),
                CLOSED(new_credentials_hold_for_those_that_wait),
                OPEN(what_passes_is_tried_again),
                OPEN(what_does_not_pass_is_not),
                OPEN(pauses_grow_and_end_with_the_retry_time),
                OPEN(retry_after_is_obeyed),
                OPEN(a_call_is_cancelled_wherever_it_is),
                OPEN(a_missing_container_is_made_and_the_object_sent_again),
                OPEN(a_container_that_is_still_missing_takes_a_while),
                OPEN(a_container_that_may_not_be_made_is_store_auth),
                OPEN(no_more_segments_are_in_flight_than_configured),
                OPEN(too_much_halves_once_and_grows_back),
                OPEN(the_number_in_flight_follows_the_configuration),
                OPEN(control_objects_do_not_wait_for_segments),
                OPEN(a_segment_that_waits_is_cancelled),
                OPEN(names_are_encoded),
                OPEN(it_says_what_it_is_and_passes_on_what_is_set),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
