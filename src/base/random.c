#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/strings.h"

void random_bytes(void *ret, size_t size) {
        uint8_t *bytes = ret;

        while (size > 0) {
                ssize_t n = getrandom(bytes, size, 0);

                /* Without flags it fails for a signal or for a pointer of ours that is wrong. */
                assert(n > 0 || errno == EINTR);
                if (n < 0)
                        continue;
                bytes += n;
                size -= (size_t)n;
        }
}

uint64_t random_below(uint64_t bound) {
        uint64_t value, surplus;

        assert(bound > 0);
        surplus = (UINT64_MAX % bound + 1) % bound; /* 2^64 mod bound: these would come too often */
        do
                random_bytes(&value, sizeof(value));
        while (value > UINT64_MAX - surplus);
        return value % bound;
}

void random_uuid(char ret[UUID_BYTES]) {
        uint8_t b[16];
        char hex[33];

        random_bytes(b, sizeof(b));
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
        format_hex(b, sizeof(b), hex);
        snprintf(
                ret,
                UUID_BYTES,
                "%.8s-%.4s-%.4s-%.4s-%.12s",
                hex,
                hex + 8,
                hex + 12,
                hex + 16,
                hex + 20);
}

void random_hex8(char ret[9]) {
        uint8_t bytes[4];

        random_bytes(bytes, sizeof(bytes));
        format_hex(bytes, sizeof(bytes), ret);
}
