/* See swift-window.h. Owned by the store, used by swift-request.c. */
#include "store/swift-window.h"

#include "base/clock.h"

void swift_window_init(SwiftWindow *window, unsigned most) {
        *window = (SwiftWindow){.most = most > 0 ? most : 1};
        window->limit = window->most;
}

static void hold(SwiftWindow *window, SwiftSlot *slot) {
        window->held++;
        slot->held = true;
        slot->waits = false;
        slot->since_usec = clock_monotonic_usec();
}

static void let_in(SwiftWindow *window) {
        while (window->first != NULL && window->held < window->limit) {
                SwiftSlot *slot = window->first;
                window->first = slot->next;
                hold(window, slot);
                slot->on_turn(slot->userdata);
        }
}

void swift_window_set_most(SwiftWindow *window, unsigned most) {
        bool full = window->limit == window->most;
        window->most = most > 0 ? most : 1;
        if (full || window->limit > window->most)
                window->limit = window->most;
        let_in(window);
}

bool swift_window_take(SwiftWindow *window, SwiftSlot *slot) {
        SwiftSlot **at = &window->first;
        if (window->first == NULL && window->held < window->limit) {
                hold(window, slot);
                return true;
        }
        while (*at != NULL)
                at = &(*at)->next;
        slot->next = NULL;
        slot->waits = true;
        *at = slot;
        return false;
}

void swift_window_give(SwiftWindow *window, SwiftSlot *slot) {
        SwiftSlot **at = &window->first;
        if (slot->waits) {
                while (*at != slot)
                        at = &(*at)->next;
                *at = slot->next;
        }
        if (slot->held)
                window->held--;
        slot->waits = slot->held = false;
        let_in(window);
}

void swift_window_went_well(SwiftWindow *window, const SwiftSlot *slot) {
        if (!slot->held || window->limit == window->most)
                return;
        if (++window->good < window->limit)
                return;
        window->good = 0;
        window->limit++;
        let_in(window);
}

void swift_window_too_much(SwiftWindow *window, const SwiftSlot *slot) {
        if (!slot->held || slot->since_usec < window->halved_usec)
                return;
        window->halved_usec = clock_monotonic_usec();
        window->good = 0;
        window->limit = window->limit > 1 ? window->limit / 2 : 1;
}
