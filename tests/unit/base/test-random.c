/* base/random.c and base/clock.c: what a test can say of the real ones. */
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/strings.h"
#include "unit/test.h"

static void bytes_differ_each_time(void **state) {
        uint8_t a[64] = {0}, b[64] = {0};

        random_bytes(a, sizeof(a));
        random_bytes(b, sizeof(b));
        assert_memory_not_equal(a, b, sizeof(a));
}

static void numbers_stay_below_the_bound_and_reach_all_of_it(void **state) {
        bool seen[3] = {false};

        for (int i = 0; i < 1000; i++) {
                uint64_t n = random_below(3);

                assert_true(n < 3);
                seen[n] = true;
        }
        assert_true(seen[0] && seen[1] && seen[2]);
        assert_true(random_below(1) == 0);
        for (int i = 0; i < 100; i++)
                assert_true(random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

static void a_uuid_is_a_valid_backup_id_of_version_4(void **state) {
        char a[UUID_BYTES], b[UUID_BYTES];

        random_uuid(a);
        random_uuid(b);
        assert_true(backup_id_valid(a));
        assert_true(backup_id_valid(b));
        assert_string_not_equal(a, b);
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
}

static void hex8_is_8_digits(void **state) {
        char hex[9];
        uint8_t bytes[4];

        random_hex8(hex);
        assert_int_equal(parse_hex(hex, bytes, sizeof(bytes)), 0);
}

static void the_clocks_go_on(void **state) {
        uint64_t before = clock_monotonic_usec();

        assert_true(clock_monotonic_usec() >= before);
        assert_true(clock_realtime_usec() > UINT64_C(1700000000) * 1000000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_differ_each_time),
                cmocka_unit_test(numbers_stay_below_the_bound_and_reach_all_of_it),
                cmocka_unit_test(a_uuid_is_a_valid_backup_id_of_version_4),
                cmocka_unit_test(hex8_is_8_digits),
                cmocka_unit_test(the_clocks_go_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
