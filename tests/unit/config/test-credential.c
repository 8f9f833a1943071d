/* config/credential.c: where a secret may come from, and who may not read it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "config/config.h"
#include "unit/test.h"

static int set_up(void **state) {
        char template[] = "/tmp/test-credential-XXXXXX";
        assert_non_null(mkdtemp(template));
        *state = strdup(template);
        return setenv("CREDENTIALS_DIRECTORY", *state, 1);
}

static int tear_down(void **state) {
        Error err;
        int r = directory_remove_tree(*state, &err);
        free(*state);
        unsetenv("CREDENTIALS_DIRECTORY");
        return r;
}

static void give(const char *directory, const char *name, mode_t mode, size_t size) {
        char *path = path_join(directory, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        char *bytes = malloc(size);
        memset(bytes, 'k', size);
        assert_int_equal(write_all(fd, bytes, size), 0);
        assert_int_equal(fchmod(fd, mode), 0);
        free(bytes);
        close(fd);
        free(path);
}

static void assert_refused(const char *name, int expected_r, const char *part) {
        char *data = NULL;
        size_t size = 0;
        Error err = {0};
        assert_int_equal(credential_read(name, &data, &size, &err), expected_r);
        assert_int_equal(err.kind, ERROR_CONFIG);
        if (strstr(err.message, part) == NULL)
                fail_msg("'%s' does not say '%s'", err.message, part);
}

static void a_credential_is_read_whole(void **state) {
        give(*state, "oracle-password", 0600, 9);
        assert_true(credential_exists("oracle-password"));
        char *data = NULL;
        size_t size = 0;
        Error err;
        assert_int_equal(credential_read("oracle-password", &data, &size, &err), 0);
        assert_int_equal(size, 9);
        assert_string_equal(data, "kkkkkkkkk");
        free(data);
}

static void a_group_may_read_it(void **state) {
        give(*state, "identity", 0440, 1);
        char *data = NULL;
        size_t size = 0;
        Error err;
        assert_int_equal(credential_read("identity", &data, &size, &err), 0);
        free(data);
}

static void one_that_others_may_read_is_refused(void **state) {
        give(*state, "passphrase", 0604, 1);
        assert_refused("passphrase", -EPERM, "passphrase holds a secret and has mode 0604");
}

static void a_missing_one_is_named(void **state) {
        assert_false(credential_exists("identity"));
        assert_refused("identity", -ENOENT, "credential 'identity' is missing");
}

static void without_the_directory_there_is_none(void **state) {
        give(*state, "identity", 0600, 1);
        unsetenv("CREDENTIALS_DIRECTORY");
        assert_false(credential_exists("identity"));
        assert_refused("identity", -ENOENT, "CREDENTIALS_DIRECTORY");
}

static void a_name_does_not_leave_the_directory(void **state) {
        assert_false(credential_exists("../etc/passwd"));
        assert_refused("../etc/passwd", -ENOENT, "is missing");
}

static void one_larger_than_the_limit_is_refused(void **state) {
        give(*state, "identity", 0600, LIMIT_CREDENTIAL_BYTES + 1);
        assert_refused("identity", -EFBIG, "identity");
}

int main(void) {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(a_credential_is_read_whole),
                IN_DIRECTORY(a_group_may_read_it),
                IN_DIRECTORY(one_that_others_may_read_is_refused),
                IN_DIRECTORY(a_missing_one_is_named),
                IN_DIRECTORY(without_the_directory_there_is_none),
                IN_DIRECTORY(a_name_does_not_leave_the_directory),
                IN_DIRECTORY(one_larger_than_the_limit_is_refused),
        };
        return cmocka_run_group_tests_name("config/credential", tests, NULL, NULL);
}
