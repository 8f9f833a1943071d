/* event/timer.c */
#include "base/clock.h"
#include "event/timer.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        Timer *timer, *other;
        int calls;
} Fixture;

static int setup(void **state) {
        static Fixture fixture;

        fixture = (Fixture){0};
        *state = &fixture;
        return loop_new(&fixture.loop, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        timer_free(f->timer);
        timer_free(f->other);
        loop_free(f->loop);
        return 0;
}

static void count_and_stop(void *userdata) {
        Fixture *f = userdata;

        f->calls++;
        loop_stop(f->loop, 0);
}

static void count(void *userdata) {
        Fixture *f = userdata;

        f->calls += 100;
}

static void a_timer_fires_once_per_arm(void **state) {
        Fixture *f = *state;
        uint64_t began = clock_monotonic_usec();

        assert_int_equal(timer_new(f->loop, count_and_stop, f, &f->timer, NULL), 0);
        assert_false(timer_is_armed(f->timer));
        timer_arm(f->timer, 20);
        assert_true(timer_is_armed(f->timer));
        loop_run(f->loop);
        assert_true(clock_monotonic_usec() - began >= 19000);
        assert_false(timer_is_armed(f->timer));
        timer_arm(f->timer, 0);
        loop_run(f->loop);
        assert_int_equal(f->calls, 2);
}

static void arming_again_replaces(void **state) {
        Fixture *f = *state;

        assert_int_equal(timer_new(f->loop, count_and_stop, f, &f->timer, NULL), 0);
        timer_arm(f->timer, 1000000);
        timer_arm(f->timer, 1);
        loop_run(f->loop);
        assert_int_equal(f->calls, 1);
}

static void a_timer_that_is_disarmed_or_freed_is_silent(void **state) {
        Fixture *f = *state;

        assert_int_equal(timer_new(f->loop, count, f, &f->other, NULL), 0);
        assert_int_equal(timer_new(f->loop, count_and_stop, f, &f->timer, NULL), 0);
        timer_arm(f->other, 0);
        timer_disarm(f->other);
        timer_disarm(f->other);
        timer_arm(f->timer, 5);
        loop_run(f->loop);
        timer_arm(f->other, 0);
        f->other = timer_free(f->other);
        timer_arm(f->timer, 5);
        loop_run(f->loop);
        assert_int_equal(f->calls, 2);
}

static void free_both(void *userdata) {
        Fixture *f = userdata;

        f->timer = timer_free(f->timer);
        f->other = timer_free(f->other);
        loop_stop(f->loop, 0);
}

static void a_timer_may_be_freed_by_its_own_call(void **state) {
        Fixture *f = *state;

        assert_int_equal(timer_new(f->loop, free_both, f, &f->timer, NULL), 0);
        assert_int_equal(timer_new(f->loop, count, f, &f->other, NULL), 0);
        timer_arm(f->timer, 0);
        timer_arm(f->other, 0);
        loop_run(f->loop);
        assert_int_equal(f->calls, 0);
        assert_null(timer_free(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_timer_fires_once_per_arm),
                TEST(arming_again_replaces),
                TEST(a_timer_that_is_disarmed_or_freed_is_silent),
                TEST(a_timer_may_be_freed_by_its_own_call),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
