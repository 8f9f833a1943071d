#include "fakes/clock.h"

/* A test has one time; 2026-11-22T06:10:44Z until it says otherwise. */
static uint64_t monotonic = 1000000, realtime = UINT64_C(1795327844) * 1000000;

uint64_t clock_monotonic_usec(void) {
        return monotonic;
}

uint64_t clock_realtime_usec(void) {
        return realtime;
}

void clock_fake_set(uint64_t monotonic_usec, uint64_t realtime_usec) {
        monotonic = monotonic_usec;
        realtime = realtime_usec;
}

void clock_fake_advance_msec(uint64_t msec) {
        monotonic += msec * 1000;
        realtime += msec * 1000;
}
