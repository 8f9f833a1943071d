/* bus/access.c: the decision itself; how the caller is asked for is seen in tests/integration */
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "bus/access.h"
#include "unit/test.h"

enum { STRANGER = 4294960000u };

static void root_and_the_service_itself_need_no_group(void **state) {
        assert_true(access_is_privileged(&(AccessCaller){.uid = 0}, 1000));
        assert_true(access_is_privileged(&(AccessCaller){.uid = 1000}, 1000));
        assert_false(access_is_privileged(&(AccessCaller){.uid = 1001}, 1000));
}

static void a_member_by_its_session_is_let_in(void **state) {
        gid_t gid = getgrnam("games")->gr_gid;
        gid_t gids[] = {7, gid};
        const AccessCaller caller = {.uid = STRANGER, .gids = gids, .n_gids = 2};
        assert_int_equal(access_check_member(&caller, "games", NULL), 0);
}

static void a_member_by_the_user_database_is_let_in(void **state) {
        const AccessCaller caller = {.uid = getpwnam("games")->pw_uid};
        assert_int_equal(access_check_member(&caller, "games", NULL), 0);
}

static void another_user_is_denied_and_told_who_may(void **state) {
        const AccessCaller caller = {.uid = getpwnam("nobody")->pw_uid};
        Error error = {0};
        assert_true(access_check_member(&caller, "games", &error) < 0);
        assert_int_equal(error.kind, ERROR_ACCESS_DENIED);
        assert_non_null(strstr(error.message, "User nobody"));
        assert_non_null(strstr(error.message, "group games"));
}

static void an_unknown_user_is_denied(void **state) {
        const AccessCaller caller = {.uid = STRANGER};
        Error error = {0};
        assert_true(access_check_member(&caller, "games", &error) < 0);
        assert_int_equal(error.kind, ERROR_ACCESS_DENIED);
}

static void a_group_that_does_not_exist_lets_nobody_in(void **state) {
        const AccessCaller caller = {.uid = getpwnam("games")->pw_uid};
        Error error = {0};
        assert_true(access_check_member(&caller, "no-such-group", &error) < 0);
        assert_int_equal(error.kind, ERROR_ACCESS_DENIED);
        assert_non_null(strstr(error.message, "there is no such group"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(root_and_the_service_itself_need_no_group),
                cmocka_unit_test(a_member_by_its_session_is_let_in),
                cmocka_unit_test(a_member_by_the_user_database_is_let_in),
                cmocka_unit_test(another_user_is_denied_and_told_who_may),
                cmocka_unit_test(an_unknown_user_is_denied),
                cmocka_unit_test(a_group_that_does_not_exist_lets_nobody_in),
        };
        return cmocka_run_group_tests_name("bus/access", tests, NULL, NULL);
}
