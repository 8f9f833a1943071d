/* Numbers, sizes, durations and times from text and back (base/strings.h). Nothing here skips
 * blanks or stops early: the whole string is the value or it is refused. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"

#define USEC_PER_SEC UINT64_C(1000000)

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Digits up to the first other character, which *ret_end points at. */
static int parse_digits(const char *string, uint64_t *ret, const char **ret_end) {
        uint64_t value = 0;

        if (!is_digit(*string))
                return -EINVAL;
        for (; is_digit(*string); string++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*string - '0'), &value))
                        return -ERANGE;
        *ret = value;
        *ret_end = string;
        return 0;
}

int parse_uint64(const char *string, uint64_t *ret) {
        const char *end = string;
        uint64_t value = 0;
        int r = parse_digits(string, &value, &end);

        if (r == -ERANGE)
                return string[strspn(string, "0123456789")] == '\0' ? -ERANGE : -EINVAL;
        if (r < 0 || *end != '\0')
                return -EINVAL;
        *ret = value;
        return 0;
}

int parse_int64(const char *string, int64_t *ret) {
        bool minus = *string == '-';
        uint64_t value, most = minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
        int r = parse_uint64(string + (minus ? 1 : 0), &value);

        if (r < 0)
                return r;
        if (value > most)
                return -ERANGE;
        *ret = minus ? (int64_t)(0 - value) : (int64_t)value;
        return 0;
}

static int hex_digit(char c) {
        if (is_digit(c))
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int parse_hex(const char *string, void *ret, size_t size) {
        uint8_t *bytes = ret;

        if (strlen(string) != 2 * size || strspn(string, "0123456789abcdefABCDEF") != 2 * size)
                return -EINVAL;
        for (size_t i = 0; i < size; i++)
                bytes[i] =
                        (uint8_t)((unsigned)hex_digit(string[2 * i]) << 4 | (unsigned)hex_digit(string[2 * i + 1]));
        return 0;
}

void format_hex(const void *bytes, size_t size, char *ret) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t *from = bytes;

        for (size_t i = 0; i < size; i++) {
                ret[2 * i] = digits[from[i] >> 4];
                ret[2 * i + 1] = digits[from[i] & 15];
        }
        ret[2 * size] = '\0';
}

typedef struct Unit {
        char letter;
        uint64_t factor;
} Unit;

static const Unit size_units[] = {
        {'K', UINT64_C(1) << 10},
        {'M', UINT64_C(1) << 20},
        {'G', UINT64_C(1) << 30},
        {'T', UINT64_C(1) << 40},
};

static const Unit duration_units[] = {
        {'s', 1000},
        {'m', 60 * 1000},
        {'h', 60 * 60 * 1000},
        {'d', 24 * 60 * 60 * 1000},
};

static int
parse_with_unit(const char *string, const Unit units[4], uint64_t bare_factor, uint64_t *ret) {
        uint64_t value, factor = bare_factor;
        const char *end;
        int r = parse_digits(string, &value, &end);

        if (r < 0)
                return r;
        if (*end != '\0') {
                factor = 0;
                for (size_t i = 0; i < 4; i++)
                        if (units[i].letter == *end)
                                factor = units[i].factor;
                if (factor == 0 || end[1] != '\0')
                        return -EINVAL;
        }
        if (__builtin_mul_overflow(value, factor, &value))
                return -ERANGE;
        *ret = value;
        return 0;
}

int parse_size(const char *string, uint64_t *ret_bytes) {
        return parse_with_unit(string, size_units, 1, ret_bytes);
}

int parse_duration(const char *string, uint64_t *ret_msec) {
        return parse_with_unit(string, duration_units, 1000, ret_msec);
}

/* The calendar in days since 1970-01-01, counted in years that begin in March so that the leap day
 * comes last. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day) {
        year -= month <= 2;
        int64_t era = year / 400;
        int64_t year_of_era = year - era * 400;
        int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
               day_of_year - 719468;
}

void format_time(uint64_t realtime_usec, char *ret) {
        uint64_t seconds = realtime_usec / USEC_PER_SEC, of_day = seconds % 86400;
        uint64_t days = seconds / 86400 + 719468, era = days / 146097, doe = days % 146097;
        uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
        uint64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

        if (year > 9999) {
                memcpy(ret, "9999-12-31T23:59:59Z", 21);
                return;
        }
        snprintf(
                ret,
                21,
                "%04u-%02u-%02uT%02u:%02u:%02uZ",
                (unsigned)year % 10000,
                (unsigned)month % 100,
                (unsigned)(doy - (153 * mp + 2) / 5 + 1) % 100,
                (unsigned)(of_day / 3600) % 100,
                (unsigned)(of_day / 60 % 60),
                (unsigned)(of_day % 60));
}

/* Exactly n digits, then `after` (NUL: anything). */
static int take_number(const char **string, unsigned n, char after, unsigned *ret) {
        unsigned value = 0;

        for (unsigned i = 0; i < n; i++, (*string)++) {
                if (!is_digit(**string))
                        return -EINVAL;
                value = value * 10 + (unsigned)(**string - '0');
        }
        if (after != '\0' && *(*string)++ != after)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int take_fraction(const char **string, uint64_t *ret_usec) {
        uint64_t usec = 0, place = USEC_PER_SEC / 10;

        *ret_usec = 0;
        if (**string != '.')
                return 0;
        if (!is_digit(*++*string))
                return -EINVAL;
        for (; is_digit(**string); (*string)++, place /= 10)
                usec += place * (uint64_t)(**string - '0');
        *ret_usec = usec;
        return 0;
}

static int take_offset(const char *string, int64_t *ret_seconds) {
        unsigned hours, minutes;
        char sign = *string;

        *ret_seconds = 0;
        if (string_equal(string, "Z") || string_equal(string, "z"))
                return 0;
        if (sign != '+' && sign != '-')
                return -EINVAL;
        string++;
        if (take_number(&string, 2, ':', &hours) < 0 ||
            take_number(&string, 2, '\0', &minutes) < 0 || *string != '\0' || hours > 23 ||
            minutes > 59)
                return -EINVAL;
        *ret_seconds = (sign == '-' ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
        return 0;
}

static bool date_exists(unsigned year, unsigned month, unsigned day) {
        if (month < 1 || month > 12 || day < 1)
                return false;
        return days_from_date(year, month, day) <
               (month == 12 ? days_from_date(year + 1, 1, 1) : days_from_date(year, month + 1, 1));
}

int parse_time(const char *string, uint64_t *ret_realtime_usec) {
        unsigned year, month, day, hour, minute, second;
        uint64_t usec;
        int64_t offset, seconds;

        if (take_number(&string, 4, '-', &year) < 0 || take_number(&string, 2, '-', &month) < 0 ||
            take_number(&string, 2, '\0', &day) < 0 || (*string != 'T' && *string != 't'))
                return -EINVAL;
        string++;
        if (take_number(&string, 2, ':', &hour) < 0 || take_number(&string, 2, ':', &minute) < 0 ||
            take_number(&string, 2, '\0', &second) < 0 || take_fraction(&string, &usec) < 0 ||
            take_offset(string, &offset) < 0)
                return -EINVAL;
        if (!date_exists(year, month, day) || hour > 23 || minute > 59 || second > 60)
                return -EINVAL;
        seconds = days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
                  offset;
        if (seconds < 0)
                return -ERANGE;
        *ret_realtime_usec = (uint64_t)seconds * USEC_PER_SEC + usec;
        return 0;
}
