/* A timer that fires once per arm. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "event/loop.h"

typedef struct Timer Timer;

int timer_new(
        Loop *loop, void (*on_expire)(void *userdata), void *userdata, Timer **ret, Error *err);
Timer *timer_free(Timer *timer);
DEFINE_CLEANUP(Timer, timer);

void timer_arm(
        Timer *timer, uint64_t timeout_msec); /* replaces an earlier arm; 0: at the next turn */
void timer_disarm(Timer *timer);
bool timer_is_armed(const Timer *timer);
