/* Keystone's token over time (store/swift-token.c). */
#include <errno.h>
#include <string.h>

#include "unit/store/swift-fixture.h"

#define AUTH "http://keystone/v3/auth/tokens"
#define OBJECT ACCOUNT "/backups/db1/x"
#define TOKEN(expires)                                                                             \
        "{\"token\":{\"issued_at\":\"2026-11-22T06:00:00.000000Z\",\"expires_at\":\"" expires      \
        "\",\"catalog\":[{\"type\":\"object-store\",\"endpoints\":[{\"interface\":\"public\","     \
        "\"region\":\"r\",\"url\":\"" ACCOUNT "\"}]}]}}"
#define FORTY_SECONDS TOKEN("2026-11-22T06:00:40.000000Z")
#define ONE_HOUR TOKEN("2026-11-22T07:00:00.000000Z")

static int set_up(void **state) {
        SwiftOptions options = swift_options();
        if (swift_set_up(state) < 0)
                return -1;
        Swift *f = *state;
        options.auth_url = "http://keystone";
        options.auth_version = 3;
        options.project_name = "db";
        options.interface = "public";
        return swift_store_configure(f->store, &options, NULL);
}

static void start_get(Swift *f) {
        assert_int_equal(store_get_object(f->store, "db1/x", 100, &f->call, NULL), 0);
}

static void get_with(Swift *f, const char *token) {
        HttpRequest *request = swift_asked("GET", OBJECT);
        assert_string_equal(http_fake_header(request, "X-Auth-Token"), token);
        ANSWER(request, .status = 200, .body = "abc");
        swift_ended(f, 0, ERROR_NONE);
}

#define GIVE(name, text)                                                                           \
        ANSWER(swift_asked_also("POST", AUTH),                                                     \
               .status = 201,                                                                      \
               .headers = {"x-subject-token: " name},                                              \
               .body = text)

static void a_token_is_renewed_before_it_ends(void **state) {
        Swift *f = *state;
        start_get(f);
        GIVE("a", FORTY_SECONDS);
        get_with(f, "a");
        clock_fake_advance_msec(29 * 1000);
        start_get(f);
        get_with(f, "a");
        clock_fake_advance_msec(1000); /* a quarter is left */
        start_get(f);
        start_get(f);
        GIVE("b", FORTY_SECONDS);
        timer_fake_settle();
        for (int i = 0; i < 2; i++) {
                ANSWER(http_fake_at(0), .status = 200, .body = "abc");
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void a_long_token_is_renewed_a_minute_before(void **state) {
        Swift *f = *state;
        start_get(f);
        GIVE("a", ONE_HOUR);
        get_with(f, "a");
        clock_fake_advance_msec(3539 * 1000);
        start_get(f);
        get_with(f, "a");
        clock_fake_advance_msec(1000);
        start_get(f);
        GIVE("b", ONE_HOUR);
        get_with(f, "b");
}

static void while_the_old_token_is_good_a_renewal_may_fail(void **state) {
        Swift *f = *state;
        start_get(f);
        GIVE("a", FORTY_SECONDS);
        get_with(f, "a");
        clock_fake_advance_msec(30 * 1000);
        start_get(f);
        ANSWER(swift_asked("POST", AUTH), .status = 503);
        get_with(f, "a");
        start_get(f); /* not at once again */
        get_with(f, "a");
        clock_fake_advance_msec(5 * 1000);
        start_get(f);
        ANSWER(swift_asked("POST", AUTH), .failure = HTTP_FAILURE_CONNECT);
        get_with(f, "a");
        clock_fake_advance_msec(5 * 1000); /* it has ended */
        start_get(f);
        ANSWER(swift_asked("POST", AUTH), .status = 401);
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
}

static void a_token_that_is_said_to_end_at_once_is_used(void **state) {
        Swift *f = *state;
        start_get(f);
        GIVE("a", TOKEN("2026-11-22T06:00:00.000000Z"));
        get_with(f, "a");
}

static void a_certificate_that_is_not_trusted_is_final(void **state) {
        Swift *f = *state;
        start_get(f);
        ANSWER(swift_asked("POST", AUTH), .failure = HTTP_FAILURE_TLS);
        swift_ended(f, -EPROTO, ERROR_STORE_UNAVAILABLE);
        swift_says(f, "Authentication at http://keystone");
}

static void a_catalog_without_a_store_is_no_absent_object(void **state) {
        Swift *f = *state;
        start_get(f);
        GIVE("a", "{\"token\":{\"catalog\":[{\"type\":\"identity\",\"endpoints\":[]}]}}");
        swift_ended(f, -EINVAL, ERROR_CONFIG);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, swift_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH(a_token_is_renewed_before_it_ends),
                WITH(a_long_token_is_renewed_a_minute_before),
                WITH(while_the_old_token_is_good_a_renewal_may_fail),
                WITH(a_token_that_is_said_to_end_at_once_is_used),
                WITH(a_certificate_that_is_not_trusted_is_final),
                WITH(a_catalog_without_a_store_is_no_absent_object),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
