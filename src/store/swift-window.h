/* How many segments are in flight: at most the configured number, half as many whenever the server
 * says that it is too much, one more after each round that went well. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct SwiftSlot SwiftSlot;
struct SwiftSlot {
        SwiftSlot *next;
        bool waits, held;
        uint64_t since_usec;             /* when it was given */
        void (*on_turn)(void *userdata); /* it is held now: only notes it, calls nobody */
        void *userdata;
};

typedef struct SwiftWindow {
        unsigned most, limit, held, good;
        uint64_t halved_usec;
        SwiftSlot *first;
} SwiftWindow;

void swift_window_init(SwiftWindow *window, unsigned most);
void swift_window_set_most(SwiftWindow *window, unsigned most);
/* True: the slot is held; false: on_turn says when. */
bool swift_window_take(SwiftWindow *window, SwiftSlot *slot);
void swift_window_give(
        SwiftWindow *window, SwiftSlot *slot); /* also of one that waits, or neither */
void swift_window_went_well(SwiftWindow *window, const SwiftSlot *slot);
/* Of many that are told so at the same time only the first halves. */
void swift_window_too_much(SwiftWindow *window, const SwiftSlot *slot);
