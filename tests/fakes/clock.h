/* base/clock.h with hands: link tests/fakes/clock.c (clock_fake_sources) and set them. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

void clock_fake_set(uint64_t monotonic_usec, uint64_t realtime_usec);
void clock_fake_advance_msec(uint64_t msec); /* both */
