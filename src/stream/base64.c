/* Base64. OpenSSL's decoder skips blanks, demands padding and takes spare bits of any value, and
 * each of these would let two texts mean the same bytes. */
#include "stream/base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_length(Base64Form form, size_t size) {
        size_t rest = size % 3;

        if (form == BASE64_PADDED)
                return (size + 2) / 3 * 4;
        return size / 3 * 4 + (rest > 0 ? rest + 1 : 0);
}

void base64_encode(Base64Form form, const void *bytes, size_t size, char *ret) {
        const uint8_t *p = bytes;
        uint32_t bits = 0;
        unsigned have = 0;
        char *to = ret;

        for (size_t i = 0; i < size; i++) {
                bits = bits << 8 | p[i];
                for (have += 8; have >= 6; have -= 6)
                        *to++ = alphabet[bits >> (have - 6) & 63];
        }
        if (have > 0)
                *to++ = alphabet[bits << (6 - have) & 63];
        while (form == BASE64_PADDED && (to - ret) % 4 != 0)
                *to++ = '=';
        *to = '\0';
}

/* -1: not of the alphabet. */
static int digit_value(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+')
                return 62;
        return c == '/' ? 63 : -1;
}

/* The number of digits, or -EINVAL when the length or the padding is not the one way to write it.
 */
static int count_digits(Base64Form form, const char *text, size_t length, size_t *ret) {
        size_t digits = length;

        if (form == BASE64_PADDED) {
                if (length % 4 != 0)
                        return -EINVAL;
                while (digits > 0 && length - digits < 2 && text[digits - 1] == '=')
                        digits--;
        }
        if (digits % 4 == 1)
                return -EINVAL;
        *ret = digits;
        return 0;
}

int base64_decode(
        Base64Form form, const char *text, size_t length, void *ret, size_t max, size_t *ret_size) {
        uint8_t *to = ret;
        uint32_t bits = 0;
        unsigned have = 0;
        size_t digits, size;
        int r;

        r = count_digits(form, text, length, &digits);
        if (r < 0)
                return r;
        size = digits / 4 * 3 + (digits % 4 > 0 ? digits % 4 - 1 : 0);
        if (size > max)
                return -ENOBUFS;
        for (size_t i = 0; i < digits; i++) {
                int value = digit_value(text[i]);

                if (value < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t)value;
                have += 6;
                if (have < 8)
                        continue;
                have -= 8;
                *to++ = (uint8_t)(bits >> have);
        }
        if ((bits & ((1U << have) - 1)) != 0)
                return -EINVAL;
        *ret_size = size;
        return 0;
}
