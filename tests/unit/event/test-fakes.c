/* The fakes keep the promises of the headers they stand for. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "event/timer.h"
#include "fakes/child.h"
#include "fakes/clock.h"
#include "unit/test.h"

static const char *const argv[] = {"/bin/rman", "target", "/", NULL};
static const char *const environment[] = {"ORACLE_SID=ORCL", "NLS_LANG=AMERICAN", NULL};

typedef struct Fixture {
        Loop *loop;
        ChildRunner *runner;
        Child *child;
        Text seen;
} Fixture;

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        Fixture *f = userdata;

        assert_int_equal(strlen(line), length);
        text_appendf(&f->seen, "[%s%s]", line, cut ? "+" : "");
}

static void on_exit_of(const ChildExit *how, const Error *err, void *userdata) {
        Fixture *f = userdata;

        if (how != NULL)
                text_appendf(&f->seen, "exit %d/%d", how->status, how->signal);
        else
                text_append(&f->seen, err->message);
        f->child = child_free(f->child);
        loop_stop(f->loop, 0);
}

static int start(Fixture *f, Error *err) {
        const ChildOptions options = {
                .argv = argv,
                .environment = environment,
                .directory = "/tmp",
                .on_line = on_line,
                .on_exit = on_exit_of,
                .userdata = f,
        };

        return child_start(f->runner, &options, &f->child, err);
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){0};
        *state = &f;
        if (loop_new(&f.loop, NULL) < 0)
                return -1;
        return child_runner_new(f.loop, &(ChildRunnerOptions){0}, &f.runner, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        child_free(f->child);
        child_runner_free(f->runner);
        loop_free(f->loop);
        child_fake_reset();
        text_done(&f->seen);
        return 0;
}

static void a_test_sees_what_was_started_and_written(void **state) {
        Fixture *f = *state;

        assert_int_equal(start(f, NULL), 0);
        assert_int_equal(child_fake_count(), 1);
        assert_string_equal(child_fake_argument(child_fake_last(), 2), "/");
        assert_null(child_fake_argument(child_fake_last(), 3));
        assert_string_equal(child_fake_variable(child_fake_at(0), "ORACLE_SID"), "ORCL");
        assert_null(child_fake_variable(child_fake_at(0), "ORACLE"));
        assert_string_equal(child_fake_directory(child_fake_at(0)), "/tmp");
        assert_int_equal(child_write(f->child, "run {\n", 6, NULL), 0);
        assert_int_equal(child_write(f->child, "}", 1, NULL), 0);
        assert_string_equal(child_fake_input(child_fake_at(0)), "run {\n}");
        assert_int_equal(child_close_input(f->child, NULL), 0);
        assert_true(child_fake_input_closed(child_fake_at(0)));
        assert_int_equal(child_signal(f->child, 2, NULL), 0);
        assert_int_equal(child_fake_signal(child_fake_at(0)), 2);
}

static void a_test_says_lines_and_the_end(void **state) {
        Fixture *f = *state;

        assert_int_equal(start(f, NULL), 0);
        child_fake_line(child_fake_last(), "one");
        child_fake_lines(child_fake_last(), "two\n\nthree");
        child_fake_cut_line(child_fake_last(), "long");
        child_fake_exit(child_fake_last(), 1);
        child_fake_line(child_fake_last(), "nobody hears");
        assert_string_equal(text_get(&f->seen), "[one][two][][three][long+]exit 1/0");
        assert_true(child_fake_is_freed(child_fake_last()));
}

static void a_start_may_fail_and_a_runner_be_lost(void **state) {
        Fixture *f = *state;
        Error err = {0}, seen = {0};

        error_set(&err, ERROR_ORACLE, -ENOENT, "No /bin/rman");
        child_fake_fail_next_start(&err);
        assert_int_equal(start(f, &seen), -ENOENT);
        assert_string_equal(seen.message, "No /bin/rman");
        assert_int_equal(start(f, &seen), 0);
        child_fake_lost(child_fake_last(), "The runner is gone");
        assert_string_equal(text_get(&f->seen), "The runner is gone");
}

static void greet(ChildFake *child, void *userdata) {
        child_fake_line(child, "SQL>");
}

static void answer(ChildFake *child, const char *input, void *userdata) {
        child_fake_line(child, input);
        child_fake_exit(child, 0);
}

static void scripts_answer_from_the_loop(void **state) {
        Fixture *f = *state;

        child_fake_on_start(greet, NULL);
        child_fake_on_input(answer, NULL);
        assert_int_equal(start(f, NULL), 0);
        assert_int_equal(child_write(f->child, "exit", 4, NULL), 0);
        assert_string_equal(text_get(&f->seen), "");
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "[SQL>][exit]exit 0/0");
}

static void the_clock_stands_still_until_it_is_moved(void **state) {
        char text[21];

        assert_true(clock_monotonic_usec() == clock_monotonic_usec());
        clock_fake_set(5, UINT64_C(951868799) * 1000000);
        clock_fake_advance_msec(1000);
        format_time(clock_realtime_usec(), text);
        assert_string_equal(text, "2000-03-01T00:00:00Z");
        assert_true(clock_monotonic_usec() == 1000005);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_test_sees_what_was_started_and_written),
                TEST(a_test_says_lines_and_the_end),
                TEST(a_start_may_fail_and_a_runner_be_lost),
                TEST(scripts_answer_from_the_loop),
                TEST(the_clock_stands_still_until_it_is_moved),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
