/* store/rate.h */
#include "store/rate.h"
#include "unit/test.h"

static void without_a_rate_nobody_waits(void **state) {
        Rate rate = {0};
        assert_int_equal(rate_book(&rate, 100, UINT64_MAX), 100);
        assert_int_equal(rate_book(&rate, 101, 1), 101);
}

static void each_waits_for_those_before_it(void **state) {
        Rate rate = {0};
        rate_set(&rate, 1000, 500);
        assert_int_equal(rate_book(&rate, 1000, 250), 1000);
        assert_int_equal(rate_book(&rate, 1000, 750), 501000);
        assert_int_equal(rate_book(&rate, 1000, 1), 2001000);
        assert_int_equal(rate_book(&rate, 9000000, 1), 9000000);
}

static void a_new_rate_begins_now(void **state) {
        Rate rate = {0};
        rate_set(&rate, 0, 1);
        assert_int_equal(rate_book(&rate, 0, 1000), 0);
        rate_set(&rate, 10, 1000000);
        assert_int_equal(rate_book(&rate, 10, 5), 10);
        assert_int_equal(rate_book(&rate, 10, 5), 15);
}

static void huge_rates_and_sizes_do_not_overflow(void **state) {
        Rate rate = {0};
        rate_set(&rate, 0, UINT64_C(1) << 50);
        assert_int_equal(rate_book(&rate, 0, (UINT64_C(1) << 50) + (UINT64_C(1) << 49)), 0);
        assert_int_equal(rate_book(&rate, 0, 1), 2000000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_rate_nobody_waits),
                cmocka_unit_test(each_waits_for_those_before_it),
                cmocka_unit_test(a_new_rate_begins_now),
                cmocka_unit_test(huge_rates_and_sizes_do_not_overflow),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
