/* event/timer.h with hands: time passes when a test says so. Link tests/fakes/timer.c together with
 * tests/fakes/clock.c (timer_fake_sources, clock_fake_sources). */
#pragma once

#include "event/timer.h"

/* Moves the clock to the earliest timer that is armed and fires it. False: none is. */
bool timer_fake_fire_next(void);
/* Until the earliest; UINT64_MAX: none is armed. */
uint64_t timer_fake_next_msec(void);
/* Fires what is due now (armed with 0), again and again until nothing is. */
void timer_fake_settle(void);
