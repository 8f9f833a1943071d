#include "fakes/timer.h"

#include <stdlib.h>

#include "base/error.h"
#include "fakes/clock.h"

struct Timer {
        Timer *next;
        void (*on_expire)(void *userdata);
        void *userdata;
        bool armed;
        uint64_t due_usec, order; /* of two that are due at once the one armed first */
};

static Timer *timers;
static uint64_t order;

int timer_new(
        Loop *loop, void (*on_expire)(void *userdata), void *userdata, Timer **ret, Error *err) {
        Timer *timer = calloc(1, sizeof(*timer));
        (void)loop;
        if (timer == NULL)
                return error_oom(err);
        timer->on_expire = on_expire;
        timer->userdata = userdata;
        timer->next = timers;
        timers = timer;
        *ret = timer;
        return 0;
}

Timer *timer_free(Timer *timer) {
        Timer **at = &timers;
        if (timer == NULL)
                return NULL;
        while (*at != timer)
                at = &(*at)->next;
        *at = timer->next;
        free(timer);
        return NULL;
}

void timer_arm(Timer *timer, uint64_t timeout_msec) {
        timer->armed = true;
        timer->due_usec = clock_monotonic_usec() + timeout_msec * 1000;
        timer->order = ++order;
}

void timer_disarm(Timer *timer) {
        timer->armed = false;
}

bool timer_is_armed(const Timer *timer) {
        return timer->armed;
}

static Timer *earliest(void) {
        Timer *found = NULL;
        for (Timer *timer = timers; timer != NULL; timer = timer->next)
                if (timer->armed &&
                    (found == NULL || timer->due_usec < found->due_usec ||
                     (timer->due_usec == found->due_usec && timer->order < found->order)))
                        found = timer;
        return found;
}

uint64_t timer_fake_next_msec(void) {
        const Timer *timer = earliest();
        uint64_t now = clock_monotonic_usec();
        if (timer == NULL)
                return UINT64_MAX;
        return timer->due_usec > now ? (timer->due_usec - now + 999) / 1000 : 0;
}

bool timer_fake_fire_next(void) {
        Timer *timer = earliest();
        if (timer == NULL)
                return false;
        clock_fake_advance_msec(timer_fake_next_msec());
        timer->armed = false;
        timer->on_expire(timer->userdata);
        return true;
}

void timer_fake_settle(void) {
        while (timer_fake_next_msec() == 0)
                (void)timer_fake_fire_next();
}
