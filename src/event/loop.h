/* The loop: one thread for sockets and decisions. Nothing that can wait runs on it.
 *
 * Everything in event/ follows one rule: `foo_start(.., on_done, userdata)`: an error returned
 * means the callback never runs; 0 means it runs exactly once, later, from the loop, never after
 * foo_free() or foo_cancel(). After calling out, an object touches nothing of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Loop Loop;

int loop_new(Loop **ret, Error *err);
Loop *loop_free(Loop *loop); /* closes what is still closing; asserts that nothing else is left */
DEFINE_CLEANUP(Loop, loop);

int loop_run(Loop *loop); /* until loop_stop(); returns its status */
void loop_stop(Loop *loop, int status);

/* From any thread: `function` runs once on the loop thread, in the order of the calls. 0 or
 * -ENOMEM. */
int loop_post(Loop *loop, void (*function)(void *userdata), void *userdata);

/* The longest time between two polls so far, and since the last call of
 * loop_take_longest_turn_usec(). */
uint64_t loop_longest_turn_usec(const Loop *loop);
uint64_t loop_take_longest_turn_usec(Loop *loop);

/* SIGTERM, SIGINT, SIGHUP come as calls. One handler per signal. */
int loop_on_signal(
        Loop *loop,
        int signal_number,
        void (*on_signal)(int signal_number, void *userdata),
        void *userdata,
        Error *err);
