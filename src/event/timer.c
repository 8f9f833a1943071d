#include "event/timer.h"

#include <stdlib.h>

#include "event/loop-internal.h"

/* The shell that libuv closes in its own time. */
struct Timer {
        uv_timer_t uv;
        void (*on_expire)(void *userdata);
        void *userdata;
};

static void on_closed(uv_handle_t *handle) {
        free(handle->data);
}

static void on_uv_timer(uv_timer_t *handle) {
        Timer *timer = handle->data;

        timer->on_expire(timer->userdata);
}

int timer_new(
        Loop *loop, void (*on_expire)(void *userdata), void *userdata, Timer **ret, Error *err) {
        Timer *timer = calloc(1, sizeof(*timer));

        if (timer == NULL)
                return error_oom(err);
        uv_timer_init(loop_uv(loop), &timer->uv);
        timer->uv.data = timer;
        timer->on_expire = on_expire;
        timer->userdata = userdata;
        *ret = timer;
        return 0;
}

Timer *timer_free(Timer *timer) {
        if (timer != NULL)
                uv_close((uv_handle_t *)&timer->uv, on_closed);
        return NULL;
}

void timer_arm(Timer *timer, uint64_t timeout_msec) {
        uv_update_time(timer->uv.loop); /* the loop's idea of now is as old as the turn */
        uv_timer_start(&timer->uv, on_uv_timer, timeout_msec, 0);
}

void timer_disarm(Timer *timer) {
        uv_timer_stop(&timer->uv);
}

bool timer_is_armed(const Timer *timer) {
        return uv_is_active((const uv_handle_t *)&timer->uv);
}
