/* The two clocks and the random source. Tests link tests/fakes/clock.c instead and set them by
 * hand. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_usec(void);
uint64_t clock_realtime_usec(void);
