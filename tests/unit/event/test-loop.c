/* event/loop.c */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "event/loop.h"
#include "event/timer.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        int calls;
        int order[8];
        pthread_t thread;
} Fixture;

static int setup(void **state) {
        static Fixture fixture;

        fixture = (Fixture){0};
        *state = &fixture;
        return loop_new(&fixture.loop, NULL);
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        fixture->loop = loop_free(fixture->loop);
        return 0;
}

static void stop_with_7(void *userdata) {
        loop_stop(userdata, 7);
}

static void the_loop_runs_until_it_is_stopped(void **state) {
        Fixture *f = *state;

        assert_int_equal(loop_post(f->loop, stop_with_7, f->loop), 0);
        assert_int_equal(loop_run(f->loop), 7);
        assert_int_equal(loop_post(f->loop, stop_with_7, f->loop), 0);
        assert_int_equal(loop_run(f->loop), 7);
}

static void a_stop_before_the_run_counts(void **state) {
        Fixture *f = *state;

        loop_stop(f->loop, 3);
        assert_int_equal(loop_run(f->loop), 3);
}

static void note_1(void *userdata) {
        Fixture *f = userdata;

        f->order[f->calls++] = 1;
}

static void note_2_and_stop(void *userdata) {
        Fixture *f = userdata;

        f->order[f->calls++] = 2;
        assert_true(pthread_equal(f->thread, pthread_self()));
        loop_stop(f->loop, 0);
}

static void *post_from_a_thread(void *userdata) {
        Fixture *f = userdata;

        loop_post(f->loop, note_1, f);
        loop_post(f->loop, note_1, f);
        loop_post(f->loop, note_2_and_stop, f);
        return NULL;
}

static void posted_functions_run_in_order_on_the_loop(void **state) {
        Fixture *f = *state;
        pthread_t thread;

        f->thread = pthread_self();
        assert_int_equal(pthread_create(&thread, NULL, post_from_a_thread, f), 0);
        loop_run(f->loop);
        pthread_join(thread, NULL);
        assert_int_equal(f->calls, 3);
        assert_int_equal(f->order[0], 1);
        assert_int_equal(f->order[2], 2);
}

static void a_loop_with_a_stop_that_is_owed_can_be_freed(void **state) {
        Fixture *f = *state;

        loop_stop(f->loop, 3);
        f->loop = loop_free(f->loop);
}

static void what_is_posted_to_a_loop_that_ends_is_dropped(void **state) {
        Fixture *f = *state;

        assert_int_equal(loop_post(f->loop, stop_with_7, f->loop), 0);
        f->loop = loop_free(f->loop); /* the leak check of the sanitizer is the assertion */
        assert_null(loop_free(NULL));
}

static void on_signal(int signal_number, void *userdata) {
        Fixture *f = userdata;

        f->order[f->calls++] = signal_number;
        loop_stop(f->loop, 0);
}

static void a_signal_comes_as_a_call(void **state) {
        Fixture *f = *state;
        Error err = {0};

        assert_int_equal(loop_on_signal(f->loop, SIGHUP, on_signal, f, &err), 0);
        assert_int_equal(loop_on_signal(f->loop, SIGTERM, on_signal, f, &err), 0);
        assert_int_equal(loop_on_signal(f->loop, SIGHUP, on_signal, f, &err), -EEXIST);
        kill(getpid(), SIGHUP);
        loop_run(f->loop);
        kill(getpid(), SIGTERM);
        loop_run(f->loop);
        assert_int_equal(f->calls, 2);
        assert_int_equal(f->order[0], SIGHUP);
        assert_int_equal(f->order[1], SIGTERM);
}

static void busy(uint64_t msec) {
        uint64_t until = clock_monotonic_usec() + msec * 1000;

        while (clock_monotonic_usec() < until)
                ;
}

static void stop(void *userdata) {
        Fixture *f = userdata;

        loop_stop(f->loop, 0);
}

static void be_busy(void *userdata) {
        Fixture *f = userdata;

        f->calls++;
        busy(30);
        loop_post(f->loop, stop, f);
}

static void the_longest_turn_counts_work_and_not_sleep(void **state) {
        Fixture *f = *state;
        Timer *timer;

        assert_int_equal(timer_new(f->loop, be_busy, f, &timer, NULL), 0);
        timer_arm(timer, 400); /* sleeps so long and works for 30 */
        loop_run(f->loop);
        timer_free(timer);
        assert_in_range(loop_longest_turn_usec(f->loop), 29000, 350000);
        assert_int_equal(loop_take_longest_turn_usec(f->loop), loop_longest_turn_usec(f->loop));
        assert_int_equal(loop_take_longest_turn_usec(f->loop), 0);
}

static void on_signal_busy(int signal_number, void *userdata) {
        be_busy(userdata);
}

static void work_in_a_callback_of_a_socket_counts_as_well(void **state) {
        Fixture *f = *state;

        /* uv delivers signals through a pipe, so this callback runs within its poll. */
        assert_int_equal(loop_on_signal(f->loop, SIGHUP, on_signal_busy, f, NULL), 0);
        kill(getpid(), SIGHUP);
        loop_run(f->loop);
        assert_int_equal(f->calls, 1);
        assert_true(loop_longest_turn_usec(f->loop) >= 29000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_loop_runs_until_it_is_stopped),
                TEST(a_stop_before_the_run_counts),
                TEST(posted_functions_run_in_order_on_the_loop),
                TEST(what_is_posted_to_a_loop_that_ends_is_dropped),
                TEST(a_loop_with_a_stop_that_is_owed_can_be_freed),
                TEST(a_signal_comes_as_a_call),
                TEST(the_longest_turn_counts_work_and_not_sleep),
                TEST(work_in_a_callback_of_a_socket_counts_as_well),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
