/* base/fault.c */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/strings.h"
#include "unit/test.h"

static int setup(void **state) {
        char *directory = strdup("/tmp/orabackup-test-fault-XXXXXX");

        *state = mkdtemp(directory);
        return *state != NULL ? setenv("ORABACKUP_FAULTS", directory, 1) : -1;
}

static int teardown(void **state) {
        int r = directory_remove_tree(*state, NULL);

        free(*state);
        return r;
}

static void put(void **state, const char *name, const char *text) {
        CLEANUP(cleanup_free) char *path = path_join(*state, name);

        assert_int_equal(file_write_durably(path, text, strlen(text), 0600, NULL), 0);
}

static void assert_passed(void **state, const char *lines) {
        CLEANUP(cleanup_free) char *path = path_join(*state, "passed"), *text = NULL;
        size_t size;

        assert_int_equal(file_read(path, 10000, ERROR_INTERNAL, &text, &size, NULL), 0);
        assert_string_equal(text, lines);
}

static void without_a_directory_nothing_happens(void **state) {
        unsetenv("ORABACKUP_FAULTS");
        assert_int_equal(fault_point("store.put"), 0);
        assert_int_equal(fault_point_held("store.put"), 0);
        assert_true(fault_point_is_released("store.put"));
}

static void each_pass_is_noted(void **state) {
        assert_int_equal(fault_point("a"), 0);
        assert_int_equal(fault_point_held("b"), 0);
        assert_passed(state, "a\nb\n");
}

static void an_error_comes_once(void **state) {
        put(state, "a", "error 28\n");
        assert_int_equal(fault_point("a"), -ENOSPC);
        assert_int_equal(fault_point("a"), 0);
}

static void an_error_comes_at_the_nth_pass(void **state) {
        put(state, "a", "error 5 3");
        assert_int_equal(fault_point("a"), 0);
        assert_int_equal(fault_point_held("a"), 0);
        assert_int_equal(fault_point("a"), -EIO);
        assert_int_equal(fault_point("a"), 0);
}

static void a_crash_comes_at_the_nth_pass(void **state) {
        int status;
        pid_t pid;

        put(state, "a", "crash 3");
        assert_int_equal(fault_point("a"), 0);
        assert_int_equal(fault_point("a"), 0);
        pid = fork();
        if (pid == 0) {
                (void)fault_point("a");
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_file_of_nonsense_is_no_fault(void **state) {
        put(state, "a", "what");
        assert_int_equal(fault_point("a"), 0);
        put(state, "a", "error -5");
        assert_int_equal(fault_point("a"), 0);
}

static void a_crash_is_sudden(void **state) {
        int status;
        pid_t pid;

        put(state, "a", "crash");
        pid = fork();
        if (pid == 0) {
                fault_point("a");
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        assert_passed(state, "a\n");
}

static void *pass_a(void *userdata) {
        *(int *)userdata = fault_point("a");
        return NULL;
}

static void a_worker_is_held_until_the_file_is_gone(void **state) {
        CLEANUP(cleanup_free) char *path = path_join(*state, "a");
        pthread_t thread;
        int r = 1;

        put(state, "a", "hold");
        assert_int_equal(fault_point_held("a"), 1);
        assert_false(fault_point_is_released("a"));
        assert_int_equal(pthread_create(&thread, NULL, pass_a, &r), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(r, 0);
        assert_true(fault_point_is_released("a"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(without_a_directory_nothing_happens),
                TEST(each_pass_is_noted),
                TEST(an_error_comes_once),
                TEST(an_error_comes_at_the_nth_pass),
                TEST(a_crash_comes_at_the_nth_pass),
                TEST(a_file_of_nonsense_is_no_fault),
                TEST(a_crash_is_sudden),
                TEST(a_worker_is_held_until_the_file_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
