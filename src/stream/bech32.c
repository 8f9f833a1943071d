/* Bech32: the text form of age keys. The checksum is over the lower-case form; upper case is the
 * same key, a mixture is none. */
#include "stream/bech32.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { CHECKSUM_DIGITS = 6 };

static const char charset[32] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t checksum_add(uint32_t sum, uint8_t digit) {
        static const uint32_t generator[5] = {
                0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
        uint32_t top = sum >> 25;

        sum = (sum & 0x1ffffff) << 5 ^ digit;
        for (unsigned i = 0; i < 5; i++)
                if ((top >> i & 1) != 0)
                        sum ^= generator[i];
        return sum;
}

static uint32_t checksum_start(const char *prefix) {
        uint32_t sum = 1;

        for (const char *p = prefix; *p != '\0'; p++)
                sum = checksum_add(sum, (uint8_t)((uint8_t)*p >> 5));
        sum = checksum_add(sum, 0);
        for (const char *p = prefix; *p != '\0'; p++)
                sum = checksum_add(sum, (uint8_t)*p & 31);
        return sum;
}

int bech32_encode(
        const char *prefix, const uint8_t *bytes, size_t size, char *ret, size_t ret_size) {
        size_t prefix_length = strlen(prefix), digits = (size * 8 + 4) / 5;
        uint32_t sum = checksum_start(prefix), bits = 0;
        unsigned have = 0;
        char *to = ret + prefix_length;

        if (prefix_length + 1 + digits + CHECKSUM_DIGITS + 1 > ret_size)
                return -ENOBUFS;
        memcpy(ret, prefix, prefix_length + 1);
        *to++ = '1';
        for (size_t next = 0, i = 0; i < digits; i++) {
                uint8_t digit;

                if (have < 5) {
                        bits = bits << 8 | (next < size ? bytes[next] : 0);
                        next++;
                        have += 8;
                }
                have -= 5;
                digit = (uint8_t)(bits >> have & 31);
                sum = checksum_add(sum, digit);
                *to++ = charset[digit];
        }
        for (unsigned i = 0; i < CHECKSUM_DIGITS; i++)
                sum = checksum_add(sum, 0);
        sum ^= 1;
        for (unsigned i = 0; i < CHECKSUM_DIGITS; i++)
                *to++ = charset[sum >> 5 * (CHECKSUM_DIGITS - 1 - i) & 31];
        *to = '\0';
        return 0;
}

static char to_lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_one_case(const char *text, size_t length) {
        bool lower = false, upper = false;

        for (size_t i = 0; i < length; i++) {
                lower = lower || (text[i] >= 'a' && text[i] <= 'z');
                upper = upper || (text[i] >= 'A' && text[i] <= 'Z');
        }
        return !(lower && upper);
}

static bool begins_with(const char *text, size_t length, const char *prefix) {
        size_t n = strlen(prefix);

        if (length <= n || text[n] != '1')
                return false;
        for (size_t i = 0; i < n; i++)
                if (to_lower(text[i]) != prefix[i])
                        return false;
        return true;
}

/* -1: not of the character set. */
static int digit_value(char c) {
        const char *found = memchr(charset, to_lower(c), sizeof(charset));

        return found == NULL ? -1 : (int)(found - charset);
}

static bool checksum_holds(const char *prefix, const char *digits, size_t n) {
        uint32_t sum = checksum_start(prefix);

        for (size_t i = 0; i < n; i++) {
                int value = digit_value(digits[i]);

                if (value < 0)
                        return false;
                sum = checksum_add(sum, (uint8_t)value);
        }
        return sum == 1;
}

int bech32_decode(const char *text, size_t length, const char *prefix, uint8_t *ret, size_t size) {
        size_t skip = strlen(prefix) + 1, n = (size * 8 + 4) / 5;
        const char *digits = text + skip;
        uint32_t bits = 0;
        unsigned have = 0;

        if (!is_one_case(text, length) || !begins_with(text, length, prefix))
                return -EINVAL;
        if (length - skip != n + CHECKSUM_DIGITS)
                return -EINVAL;
        if (!checksum_holds(prefix, digits, n + CHECKSUM_DIGITS))
                return -EINVAL;
        /* The padding first: nothing is written for a text that is refused. */
        if ((digit_value(digits[n - 1]) & ((1 << (n * 5 - size * 8)) - 1)) != 0)
                return -EINVAL;
        for (size_t i = 0, at = 0; i < n && at < size; i++) {
                bits = bits << 5 | (uint32_t)digit_value(digits[i]);
                have += 5;
                if (have < 8)
                        continue;
                have -= 8;
                ret[at++] = (uint8_t)(bits >> have);
        }
        return 0;
}
