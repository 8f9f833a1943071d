/* What is asked for a token, and what the answers say (store/swift-auth.c, swift-catalog.c). */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "store/swift-auth.h"
#include "unit/test.h"

static SwiftOptions keystone(void) {
        return (SwiftOptions){
                .auth_url = "https://keystone:5000/v3/",
                .auth_version = 3,
                .username = "backup",
                .project_name = "db",
                .interface = "public",
                .secret = "se\"cr\\et\n",
        };
}

static SwiftAuth auth_of(const SwiftOptions *options) {
        SwiftAuth auth;
        Error err = {0};
        if (swift_auth_init(&auth, options, &err) < 0)
                fail_msg("%s", err.message);
        return auth;
}

/* Asks; the caller's copy of the body ends with the question. */
static SwiftAuthQuestion ask(const SwiftOptions *options) {
        SwiftAuth auth = auth_of(options);
        SwiftAuthQuestion question;
        assert_int_equal(swift_auth_ask(&auth, &question, NULL), 0);
        swift_auth_done(&auth);
        return question;
}

static void version_1_is_asked_by_headers(void **state) {
        const SwiftOptions options = {
                .auth_url = "http://swift/auth/v1.0",
                .auth_version = 1,
                .username = "test:tester",
                .secret = "testing\r\n",
        };
        SwiftAuthQuestion question = ask(&options);
        assert_string_equal(question.method, "GET");
        assert_string_equal(question.url, "http://swift/auth/v1.0");
        assert_int_equal(question.n_headers, 2);
        assert_string_equal(text_get(&question.headers[0]), "X-Auth-User: test:tester");
        assert_string_equal(text_get(&question.headers[1]), "X-Auth-Key: testing");
        assert_int_equal(question.body.length, 0);
        swift_auth_question_done(&question);
}

static void a_password_asks_keystone_with_a_scope(void **state) {
        SwiftOptions options = keystone();
        SwiftAuthQuestion question = ask(&options);
        assert_string_equal(question.method, "POST");
        assert_string_equal(question.url, "https://keystone:5000/v3/auth/tokens");
        assert_string_equal(
                text_get(&question.body),
                "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{"
                "\"domain\":{\"id\":\"default\"},\"name\":\"backup\","
                "\"password\":\"se\\\"cr\\\\et\"}}},\"scope\":{\"project\":{"
                "\"domain\":{\"id\":\"default\"},\"name\":\"db\"}}}}");
        swift_auth_question_done(&question);
        options.user_domain_name = "people";
        options.project_domain_name = "things";
        options.auth_url = "https://keystone:5000";
        question = ask(&options);
        assert_string_equal(question.url, "https://keystone:5000/v3/auth/tokens");
        assert_non_null(
                strstr(text_get(&question.body), "\"user\":{\"domain\":{\"name\":\"people\"}"));
        assert_non_null(
                strstr(text_get(&question.body), "\"project\":{\"domain\":{\"name\":\"things\"}"));
        swift_auth_question_done(&question);
}

static void an_application_credential_has_its_own_scope(void **state) {
        SwiftOptions options = keystone();
        options.username = options.project_name = NULL;
        options.application_credential_id = "0a1b";
        SwiftAuthQuestion question = ask(&options);
        assert_string_equal(
                text_get(&question.body),
                "{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],"
                "\"application_credential\":{\"id\":\"0a1b\",\"secret\":\"se\\\"cr\\\\et\"}}}}");
        swift_auth_question_done(&question);
}

static void a_secret_is_one_line_of_text(void **state) {
        static const char *const bad[] = {"", "\n", "a\nb", "a\rb\n", "\xff", "a\x01"};
        SwiftOptions options = keystone();
        SwiftAuth auth;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Error err = {0};
                options.secret = bad[i];
                assert_int_equal(swift_secret_check(bad[i], &err), -EINVAL);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_int_equal(swift_auth_init(&auth, &options, NULL), -EINVAL);
        }
        assert_int_equal(swift_secret_check("a b\n", NULL), 0);
}

static void without_a_secret_it_says_why(void **state) {
        SwiftOptions options = keystone();
        Error missing = {0}, err = {0};
        SwiftAuthQuestion question;
        error_set(&missing, ERROR_CONFIG, -ENOENT, "credential 'swift-password' is missing");
        options.secret = NULL;
        options.secret_error = &missing;
        SwiftAuth auth = auth_of(&options);
        assert_int_equal(swift_auth_ask(&auth, &question, &err), -ENOENT);
        assert_string_equal(err.message, missing.message);
        swift_auth_done(&auth);
}

static void two_identities_differ_in_any_part(void **state) {
        SwiftOptions options = keystone();
        SwiftAuth one = auth_of(&options), same = auth_of(&options);
        assert_true(swift_auth_equal(&one, &same));
        options.region_name = "r2";
        SwiftAuth other = auth_of(&options);
        assert_false(swift_auth_equal(&one, &other));
        swift_auth_done(&one);
        swift_auth_done(&same);
        swift_auth_done(&other);
}

/* --- answers --- */

#define CATALOG                                                                                    \
        "\"catalog\":[{\"type\":\"identity\",\"endpoints\":[]},"                                   \
        "{\"type\":\"object-store\",\"endpoints\":["                                               \
        "{\"interface\":\"internal\",\"region\":\"r1\",\"url\":\"http://in/v1/AUTH_1\"},"          \
        "{\"interface\":\"public\",\"region\":\"r1\",\"region_id\":\"id1\","                       \
        "\"url\":\"https://out1/v1/AUTH_1/\"},"                                                    \
        "{\"interface\":\"public\",\"region\":\"r2\",\"url\":\"https://out2/v1/AUTH_1\"}]}]"
#define TIMES                                                                                      \
        "\"issued_at\":\"2026-11-22T06:12:10.000000Z\","                                           \
        "\"expires_at\":\"2026-11-22T06:22:10.000000Z\","

static int
judge(const SwiftOptions *options, int status, const char *body, SwiftGrant *ret, Error *err) {
        SwiftAuth auth = auth_of(options);
        const SwiftAuthAnswer answer = {
                .status = status, .token = "secret-token", .body = body, .body_size = strlen(body)};
        int r = swift_auth_judge(&auth, &answer, ret, err);
        swift_auth_done(&auth);
        return r;
}

static void assert_url(const SwiftOptions *options, const char *url) {
        SwiftGrant grant;
        Error err = {0};
        if (judge(options, 201, "{\"token\":{" TIMES CATALOG "}}", &grant, &err) < 0)
                fail_msg("%s", err.message);
        assert_string_equal(grant.token, "secret-token");
        assert_string_equal(grant.url, url);
        assert_int_equal(grant.life_msec, 600 * 1000);
        swift_grant_done(&grant);
}

static void the_catalog_is_searched_by_region_and_interface(void **state) {
        SwiftOptions options = keystone();
        assert_url(&options, "https://out1/v1/AUTH_1");
        options.region_name = "r2";
        assert_url(&options, "https://out2/v1/AUTH_1");
        options.region_name = "id1";
        assert_url(&options, "https://out1/v1/AUTH_1");
        options.interface = "internalURL";
        options.region_name = "r1";
        assert_url(&options, "http://in/v1/AUTH_1");
        options.interface = "";
        options.region_name = "";
        assert_url(&options, "http://in/v1/AUTH_1");
}

static void assert_says(
        const SwiftOptions *options,
        int status,
        const char *body,
        ErrorKind kind,
        const char *part) {
        SwiftGrant grant;
        Error err = {0};
        assert_true(judge(options, status, body, &grant, &err) < 0);
        assert_null(grant.token);
        if (err.kind != kind || strstr(err.message, part) == NULL)
                fail_msg("%s: %s", error_dbus_name(err.kind), err.message);
        assert_null(strstr(err.message, "se\"cr"));
        assert_null(strstr(err.message, "secret-token"));
}

static void what_a_catalog_lacks_is_explained(void **state) {
        SwiftOptions options = keystone();
        assert_says(
                &options,
                201,
                "{\"token\":{" TIMES "\"user\":{}}}",
                ERROR_STORE_AUTH,
                "without a catalog: 'backup' has no scope there; give project_name");
        assert_says(
                &options,
                201,
                "{\"token\":{\"catalog\":[]}}",
                ERROR_STORE_AUTH,
                "without a catalog");
        assert_says(
                &options,
                201,
                "{\"token\":{\"catalog\":[{\"type\":\"identity\",\"endpoints\":[]}]}}",
                ERROR_CONFIG,
                "knows no object store");
        options.region_name = "r9";
        assert_says(
                &options,
                201,
                "{\"token\":{" CATALOG "}}",
                ERROR_CONFIG,
                "no object store in region 'r9' at interface 'public'; there is: region r1 "
                "interface internal, region r1 interface public, region r2 interface public");
        options.region_name = "r2";
        options.interface = "internal";
        assert_says(
                &options,
                201,
                "{\"token\":{" CATALOG "}}",
                ERROR_CONFIG,
                "in region 'r2' at interface 'internal'");
        options = keystone();
        assert_says(
                &options,
                201,
                "{\"token\":{\"catalog\":[{\"type\":\"object-store\",\"endpoints\":[]}]}}",
                ERROR_CONFIG,
                "no endpoint at all");
        assert_says(
                &options,
                201,
                "{\"token\":{\"catalog\":[{\"type\":\"object-store\",\"endpoints\":[{"
                "\"interface\":\"public\",\"region\":\"r\",\"url\":\"ftp://x\"}]}]}}",
                ERROR_CONFIG,
                "no HTTP one");
}

static void refusals_name_who_and_where(void **state) {
        SwiftOptions options = keystone();
        assert_says(
                &options,
                401,
                "{\"error\":{\"code\":401}}",
                ERROR_STORE_AUTH,
                "Keystone at https://keystone:5000/v3/ refuses 'backup' of project 'db'");
        assert_says(&options, 403, "", ERROR_STORE_AUTH, "status 403");
        assert_says(&options, 404, "", ERROR_CONFIG, "[swift] auth_url: ");
        assert_says(&options, 300, "", ERROR_CONFIG, "answered 300");
        assert_says(&options, 201, "<html>", ERROR_CONFIG, "the answer of Keystone");
        assert_says(&options, 201, "{}", ERROR_CONFIG, "token");
        options.auth_version = 1;
        assert_says(&options, 401, "", ERROR_STORE_AUTH, "Swift at ");
        assert_says(&options, 200, "", ERROR_CONFIG, "no version 1 authentication");
}

static void what_may_pass_is_told_apart(void **state) {
        static const int statuses[] = {408, 429, 498, 499, 500, 502, 503, 504};
        SwiftOptions options = keystone();
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                SwiftGrant grant;
                Error err = {0};
                assert_int_equal(judge(&options, statuses[i], "", &grant, &err), -EAGAIN);
                assert_int_equal(err.kind, ERROR_STORE_UNAVAILABLE);
                assert_int_equal(err.http_status, statuses[i]);
        }
}

static void keystone_without_its_header_is_none(void **state) {
        SwiftOptions options = keystone();
        SwiftAuth auth = auth_of(&options);
        const SwiftAuthAnswer answer = {.status = 200, .body = "{}", .body_size = 2};
        SwiftGrant grant;
        Error err = {0};
        assert_int_equal(swift_auth_judge(&auth, &answer, &grant, &err), -EPROTO);
        assert_non_null(strstr(err.message, "X-Subject-Token"));
        swift_auth_done(&auth);
}

static void a_life_that_is_not_said_is_not_known(void **state) {
        SwiftOptions options = keystone();
        SwiftGrant grant;
        assert_int_equal(judge(&options, 201, "{\"token\":{" CATALOG "}}", &grant, NULL), 0);
        assert_int_equal(grant.life_msec, 0);
        swift_grant_done(&grant);
}

static void an_answer_has_a_limit(void **state) {
        SwiftOptions options = keystone();
        SwiftAuth auth = auth_of(&options);
        char *body = malloc(LIMIT_ANSWER_BYTES + 2);
        memset(body, ' ', LIMIT_ANSWER_BYTES + 1);
        body[LIMIT_ANSWER_BYTES + 1] = '\0';
        memcpy(body, "{}", 2);
        SwiftAuthAnswer answer = {
                .status = 201, .token = "t", .body = body, .body_size = LIMIT_ANSWER_BYTES + 1};
        SwiftGrant grant;
        assert_int_equal(swift_auth_judge(&auth, &answer, &grant, NULL), -EFBIG);
        answer.body_size--;
        assert_int_equal(swift_auth_judge(&auth, &answer, &grant, NULL), -ENODATA);
        free(body);
        swift_auth_done(&auth);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(version_1_is_asked_by_headers),
                cmocka_unit_test(a_password_asks_keystone_with_a_scope),
                cmocka_unit_test(an_application_credential_has_its_own_scope),
                cmocka_unit_test(a_secret_is_one_line_of_text),
                cmocka_unit_test(without_a_secret_it_says_why),
                cmocka_unit_test(two_identities_differ_in_any_part),
                cmocka_unit_test(the_catalog_is_searched_by_region_and_interface),
                cmocka_unit_test(what_a_catalog_lacks_is_explained),
                cmocka_unit_test(refusals_name_who_and_where),
                cmocka_unit_test(what_may_pass_is_told_apart),
                cmocka_unit_test(keystone_without_its_header_is_none),
                cmocka_unit_test(a_life_that_is_not_said_is_not_known),
                cmocka_unit_test(an_answer_has_a_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
