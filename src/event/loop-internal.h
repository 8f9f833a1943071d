/* What the files of event/ share: the uv loop, and handles in private shells.
 *
 * libuv closes a handle in two steps, so the handle lies in a shell on the heap that outlives its
 * owner: foo_free() forgets the owner at once and the shell frees itself when libuv is done. */
#pragma once

#include <uv.h>

#include "event/loop.h"

uv_loop_t *loop_uv(Loop *loop);

/* -errno of a failed uv call as an Error. */
int loop_uv_failed(Error *err, int r, const char *what);

/* A file descriptor whose readiness is reported. The fd may be closed right after watch_free(). */
typedef struct Watch Watch;

enum { WATCH_READABLE = UV_READABLE, WATCH_WRITABLE = UV_WRITABLE };

/* status < 0: the poll itself failed (negative errno), events is 0. */
int watch_new(
        Loop *loop,
        int fd,
        void (*on_ready)(int status, int events, void *userdata),
        void *userdata,
        Watch **ret,
        Error *err);
void watch_set(Watch *watch, int events); /* 0: none */
Watch *watch_free(Watch *watch);
DEFINE_CLEANUP(Watch, watch);

/* Wakes the loop from any thread; calls before it wakes are one. */
typedef struct Waker Waker;

int waker_new(Loop *loop, void (*on_wake)(void *userdata), void *userdata, Waker **ret, Error *err);
void waker_wake(Waker *waker);
Waker *waker_free(Waker *waker); /* no other thread uses it any more */
DEFINE_CLEANUP(Waker, waker);
