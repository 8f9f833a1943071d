/* A rate for all transfers together: who comes next waits until the bytes before it have had their
 * time. Pure arithmetic on a clock the caller reads. */
#pragma once

#include <stdint.h>

typedef struct Rate {
        uint64_t bytes_per_sec; /* 0: no limit */
        uint64_t free_usec;     /* when the next transfer may begin */
} Rate;

/* Books `bytes`; returns when they may begin (CLOCK_MONOTONIC microseconds, now or later). */
uint64_t rate_book(Rate *rate, uint64_t now_usec, uint64_t bytes);
/* From now on another rate; what was booked and has not begun is to be booked again. */
void rate_set(Rate *rate, uint64_t now_usec, uint64_t bytes_per_sec);
