/* File descriptors on the loop, and wake-ups from other threads (event/loop-internal.h). */
#include <stdlib.h>

#include "event/loop-internal.h"

struct Watch {
        uv_poll_t uv;
        void (*on_ready)(int status, int events, void *userdata);
        void *userdata;
};

struct Waker {
        uv_async_t uv;
        void (*on_wake)(void *userdata);
        void *userdata;
};

/* Here the owner holds the shell itself and nothing else, so forgetting is closing. */
static void on_closed(uv_handle_t *handle) {
        free(handle->data);
}

static void on_uv_poll(uv_poll_t *handle, int status, int events) {
        Watch *watch = handle->data;

        watch->on_ready(status, status < 0 ? 0 : events, watch->userdata);
}

int watch_new(
        Loop *loop,
        int fd,
        void (*on_ready)(int status, int events, void *userdata),
        void *userdata,
        Watch **ret,
        Error *err) {
        Watch *watch = calloc(1, sizeof(*watch));
        int r;

        if (watch == NULL)
                return error_oom(err);
        r = uv_poll_init(loop_uv(loop), &watch->uv, fd);
        if (r < 0) {
                free(watch);
                return loop_uv_failed(err, r, "Cannot watch a file descriptor");
        }
        watch->uv.data = watch;
        watch->on_ready = on_ready;
        watch->userdata = userdata;
        *ret = watch;
        return 0;
}

void watch_set(Watch *watch, int events) {
        if (events == 0)
                uv_poll_stop(&watch->uv);
        else
                uv_poll_start(&watch->uv, events, on_uv_poll);
}

Watch *watch_free(Watch *watch) {
        if (watch != NULL)
                uv_close((uv_handle_t *)&watch->uv, on_closed);
        return NULL;
}

static void on_uv_async(uv_async_t *handle) {
        Waker *waker = handle->data;

        waker->on_wake(waker->userdata);
}

int waker_new(
        Loop *loop, void (*on_wake)(void *userdata), void *userdata, Waker **ret, Error *err) {
        Waker *waker = calloc(1, sizeof(*waker));
        int r;

        if (waker == NULL)
                return error_oom(err);
        r = uv_async_init(loop_uv(loop), &waker->uv, on_uv_async);
        if (r < 0) {
                free(waker);
                return loop_uv_failed(err, r, "Cannot make a wake-up of the loop");
        }
        waker->uv.data = waker;
        waker->on_wake = on_wake;
        waker->userdata = userdata;
        *ret = waker;
        return 0;
}

void waker_wake(Waker *waker) {
        uv_async_send(&waker->uv);
}

Waker *waker_free(Waker *waker) {
        if (waker != NULL)
                uv_close((uv_handle_t *)&waker->uv, on_closed);
        return NULL;
}
