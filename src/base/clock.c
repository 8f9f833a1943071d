#include "base/clock.h"

#include <time.h>

static uint64_t clock_usec(clockid_t id) {
        struct timespec now;

        clock_gettime(id, &now); /* cannot fail for these two */
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}
