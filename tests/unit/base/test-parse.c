/* base/parse.c */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "unit/test.h"

static void whole_numbers_are_read_to_their_bounds(void **state) {
        uint64_t u = 1;
        int64_t i = 1;

        assert_int_equal(parse_uint64("18446744073709551615", &u), 0);
        assert_true(u == UINT64_MAX);
        assert_int_equal(parse_uint64("0", &u), 0);
        assert_true(u == 0);
        assert_int_equal(parse_int64("-9223372036854775808", &i), 0);
        assert_true(i == INT64_MIN);
        assert_int_equal(parse_int64("9223372036854775807", &i), 0);
        assert_true(i == INT64_MAX);
        assert_int_equal(parse_int64("-7", &i), 0);
        assert_true(i == -7);
}

static void what_is_no_number_is_refused(void **state) {
        static const char *const bad[] = {
                "", " 1", "1 ", "+1", "0x10", "1.0", "1e3", "a", "--1", "99999999999999999999x"};
        uint64_t u;
        int64_t i;

        for (size_t n = 0; n < ELEMENTSOF(bad); n++) {
                assert_int_equal(parse_uint64(bad[n], &u), -EINVAL);
                assert_int_equal(parse_int64(bad[n], &i), -EINVAL);
        }
        assert_int_equal(parse_uint64("-1", &u), -EINVAL);
        assert_int_equal(parse_int64("-", &i), -EINVAL);
        assert_int_equal(parse_uint64("18446744073709551616", &u), -ERANGE);
        assert_int_equal(parse_int64("9223372036854775808", &i), -ERANGE);
        assert_int_equal(parse_int64("-9223372036854775809", &i), -ERANGE);
}

static void hex_goes_both_ways(void **state) {
        uint8_t bytes[4];
        char text[9];

        assert_int_equal(parse_hex("00fFA5b0", bytes, sizeof(bytes)), 0);
        assert_memory_equal(bytes, "\x00\xff\xa5\xb0", 4);
        format_hex(bytes, sizeof(bytes), text);
        assert_string_equal(text, "00ffa5b0");
        assert_int_equal(parse_hex("00ffa5", bytes, sizeof(bytes)), -EINVAL);
        assert_int_equal(parse_hex("00ffa5b00", bytes, sizeof(bytes)), -EINVAL);
        assert_int_equal(parse_hex("00ffa5bg", bytes, sizeof(bytes)), -EINVAL);
        assert_int_equal(parse_hex("", bytes, 0), 0);
}

static void sizes_have_units_of_1024(void **state) {
        uint64_t n;

        assert_int_equal(parse_size("17", &n), 0);
        assert_true(n == 17);
        assert_int_equal(parse_size("64K", &n), 0);
        assert_true(n == 65536);
        assert_int_equal(parse_size("32M", &n), 0);
        assert_true(n == 33554432);
        assert_int_equal(parse_size("4G", &n), 0);
        assert_true(n == UINT64_C(4294967296));
        assert_int_equal(parse_size("1T", &n), 0);
        assert_true(n == UINT64_C(1099511627776));
        assert_int_equal(parse_size("16777216T", &n), -ERANGE);
        assert_int_equal(parse_size("4GB", &n), -EINVAL);
        assert_int_equal(parse_size("4g", &n), -EINVAL);
        assert_int_equal(parse_size("4 G", &n), -EINVAL);
        assert_int_equal(parse_size("G", &n), -EINVAL);
        assert_int_equal(parse_size("", &n), -EINVAL);
        assert_int_equal(parse_size("-1", &n), -EINVAL);
        assert_int_equal(parse_size("1.5G", &n), -EINVAL);
}

static void durations_become_milliseconds(void **state) {
        uint64_t n;

        assert_int_equal(parse_duration("10s", &n), 0);
        assert_true(n == 10000);
        assert_int_equal(parse_duration("10", &n), 0);
        assert_true(n == 10000);
        assert_int_equal(parse_duration("5m", &n), 0);
        assert_true(n == 300000);
        assert_int_equal(parse_duration("2h", &n), 0);
        assert_true(n == 7200000);
        assert_int_equal(parse_duration("3d", &n), 0);
        assert_true(n == 259200000);
        assert_int_equal(parse_duration("3w", &n), -EINVAL);
        assert_int_equal(parse_duration("10ms", &n), -EINVAL);
        assert_int_equal(parse_duration("18446744073709551615s", &n), -ERANGE);
}

static void assert_time(const char *text, uint64_t seconds) {
        char back[21];
        uint64_t usec;

        assert_int_equal(parse_time(text, &usec), 0);
        assert_true(usec == seconds * 1000000);
        format_time(usec, back);
        assert_string_equal(back, text);
}

static void times_go_both_ways(void **state) {
        assert_time("1970-01-01T00:00:00Z", 0);
        assert_time("2000-02-29T23:59:59Z", UINT64_C(951868799));
        assert_time("2026-11-22T06:10:44Z", UINT64_C(1795327844));
        assert_time("2100-03-01T00:00:00Z", UINT64_C(4107542400));
        assert_time("9999-12-31T23:59:59Z", UINT64_C(253402300799));
}

static void every_day_of_four_centuries_goes_both_ways(void **state) {
        for (uint64_t day = 0; day < 146097; day++) {
                uint64_t usec;
                char text[21];

                format_time(day * 86400 * 1000000, text);
                assert_int_equal(parse_time(text, &usec), 0);
                assert_true(usec == day * 86400 * 1000000);
        }
}

static void offsets_and_fractions_are_read(void **state) {
        uint64_t utc, other;

        assert_int_equal(parse_time("2026-11-22T06:10:44Z", &utc), 0);
        assert_int_equal(parse_time("2026-11-22T08:40:44+02:30", &other), 0);
        assert_true(utc == other);
        assert_int_equal(parse_time("2026-11-21T22:10:44-08:00", &other), 0);
        assert_true(utc == other);
        assert_int_equal(parse_time("2026-11-22T06:10:44.0250Z", &other), 0);
        assert_true(utc + 25000 == other);
}

static void what_is_no_time_is_refused(void **state) {
        static const char *const bad[] = {
                "",
                "2026-11-22",
                "2026-11-22 06:10:44Z",
                "2026-11-22T06:10:44",
                "2026-11-22T06:10:44Zx",
                "2026-11-22T06:10:44.Z",
                "2026-11-22T06:10:44+0100",
                "2026-11-22T06:10:44+24:00",
                "2026-02-29T00:00:00Z",
                "2026-13-01T00:00:00Z",
                "2026-00-01T00:00:00Z",
                "2026-01-00T00:00:00Z",
                "2026-12-32T00:00:00Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:60:00Z",
                "2026-01-01T00:00:61Z",
                "26-01-01T00:00:00Z",
        };
        uint64_t usec;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(parse_time(bad[i], &usec), -EINVAL);
        assert_int_equal(parse_time("1969-12-31T23:59:59Z", &usec), -ERANGE);
}

static void a_time_beyond_the_calendar_still_fits(void **state) {
        char text[21];

        format_time(UINT64_MAX, text);
        assert_string_equal(text, "9999-12-31T23:59:59Z");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whole_numbers_are_read_to_their_bounds),
                cmocka_unit_test(what_is_no_number_is_refused),
                cmocka_unit_test(hex_goes_both_ways),
                cmocka_unit_test(sizes_have_units_of_1024),
                cmocka_unit_test(durations_become_milliseconds),
                cmocka_unit_test(times_go_both_ways),
                cmocka_unit_test(every_day_of_four_centuries_goes_both_ways),
                cmocka_unit_test(offsets_and_fractions_are_read),
                cmocka_unit_test(what_is_no_time_is_refused),
                cmocka_unit_test(a_time_beyond_the_calendar_still_fits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
