/* The loop: libuv's, a queue of functions from other threads, signals, and the clock on how long a
 * turn took. */
#include "event/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "event/loop-internal.h"

typedef struct Posted Posted;
typedef struct SignalShell SignalShell;

struct Posted {
        Posted *next;
        void (*function)(void *userdata);
        void *userdata;
};

struct Loop {
        uv_loop_t uv;
        uv_async_t posted;
        uv_prepare_t before_poll;
        pthread_mutex_t lock; /* of the queue */
        Posted *first, **last;
        SignalShell *signals;
        int status;
        uint64_t turn_began_nsec, idle_nsec;
        uint64_t longest_usec, longest_since_taken_usec;
};

struct SignalShell {
        uv_signal_t uv;
        SignalShell *next;
        void (*on_signal)(int signal_number, void *userdata);
        void *userdata;
};

uv_loop_t *loop_uv(Loop *loop) {
        return &loop->uv;
}

int loop_uv_failed(Error *err, int r, const char *what) {
        return error_set(err, ERROR_INTERNAL, r, "%s: %s", what, uv_strerror(r));
}

static void begin_turn(Loop *loop) {
        loop->turn_began_nsec = uv_hrtime();
        loop->idle_nsec = uv_metrics_idle_time(&loop->uv);
}

/* Callbacks of sockets run inside libuv's poll, so a turn is what passes from poll to poll but for
 * the time that libuv knows it slept. */
static void on_before_poll(uv_prepare_t *handle) {
        Loop *loop = handle->data;
        uint64_t passed = uv_hrtime() - loop->turn_began_nsec;
        uint64_t idle = uv_metrics_idle_time(&loop->uv) - loop->idle_nsec;
        uint64_t usec = passed > idle ? (passed - idle) / 1000 : 0;

        if (usec > loop->longest_usec)
                loop->longest_usec = usec;
        if (usec > loop->longest_since_taken_usec)
                loop->longest_since_taken_usec = usec;
        begin_turn(loop);
}

static Posted *take_posted(Loop *loop) {
        Posted *first;

        pthread_mutex_lock(&loop->lock);
        first = loop->first;
        loop->first = NULL;
        loop->last = &loop->first;
        pthread_mutex_unlock(&loop->lock);
        return first;
}

static void on_posted(uv_async_t *handle) {
        Posted *posted = take_posted(handle->data);

        while (posted != NULL) {
                Posted one = *posted;

                free(posted);
                posted = one.next;
                one.function(one.userdata);
        }
}

int loop_post(Loop *loop, void (*function)(void *userdata), void *userdata) {
        Posted *posted = calloc(1, sizeof(*posted));

        if (posted == NULL)
                return -ENOMEM;
        posted->function = function;
        posted->userdata = userdata;
        pthread_mutex_lock(&loop->lock);
        *loop->last = posted;
        loop->last = &posted->next;
        pthread_mutex_unlock(&loop->lock);
        uv_async_send(&loop->posted);
        return 0;
}

int loop_run(Loop *loop) {
        begin_turn(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        return loop->status;
}

void loop_stop(Loop *loop, int status) {
        loop->status = status;
        uv_stop(&loop->uv);
}

uint64_t loop_longest_turn_usec(const Loop *loop) {
        return loop->longest_usec;
}

uint64_t loop_take_longest_turn_usec(Loop *loop) {
        uint64_t usec = loop->longest_since_taken_usec;

        loop->longest_since_taken_usec = 0;
        return usec;
}

static void on_uv_signal(uv_signal_t *handle, int signal_number) {
        SignalShell *shell = handle->data;

        shell->on_signal(signal_number, shell->userdata);
}

static void on_signal_closed(uv_handle_t *handle) {
        free(handle->data);
}

int loop_on_signal(
        Loop *loop,
        int signal_number,
        void (*on_signal)(int signal_number, void *userdata),
        void *userdata,
        Error *err) {
        SignalShell *shell;
        int r;

        for (shell = loop->signals; shell != NULL; shell = shell->next)
                if (shell->uv.signum == signal_number)
                        return error_set(
                                err,
                                ERROR_INTERNAL,
                                -EEXIST,
                                "Signal %d has a handler already",
                                signal_number);
        shell = calloc(1, sizeof(*shell));
        if (shell == NULL)
                return error_oom(err);
        r = uv_signal_init(&loop->uv, &shell->uv);
        if (r < 0) {
                free(shell);
                return loop_uv_failed(err, r, "Cannot watch signals");
        }
        shell->uv.data = shell;
        shell->on_signal = on_signal;
        shell->userdata = userdata;
        r = uv_signal_start(&shell->uv, on_uv_signal, signal_number);
        if (r < 0) {
                uv_close((uv_handle_t *)&shell->uv, on_signal_closed);
                return loop_uv_failed(err, r, "Cannot watch a signal");
        }
        shell->next = loop->signals;
        loop->signals = shell;
        return 0;
}

/* After this nothing in init can fail half-way: uv_loop_init cleans up behind itself. */
static int init(Loop *loop) {
        int r = uv_loop_init(&loop->uv);

        if (r < 0)
                return r;
        loop->last = &loop->first;
        pthread_mutex_init(&loop->lock, NULL);
        r = uv_async_init(&loop->uv, &loop->posted, on_posted);
        if (r < 0) {
                uv_loop_close(&loop->uv);
                return r;
        }
        uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
        uv_prepare_init(&loop->uv, &loop->before_poll);
        uv_prepare_start(&loop->before_poll, on_before_poll);
        loop->posted.data = loop->before_poll.data = loop;
        return 0;
}

int loop_new(Loop **ret, Error *err) {
        Loop *loop = calloc(1, sizeof(*loop));
        int r;

        if (loop == NULL)
                return error_oom(err);
        r = init(loop);
        if (r < 0) {
                free(loop);
                return loop_uv_failed(err, r, "Cannot make the event loop");
        }
        *ret = loop;
        return 0;
}

static void assert_is_closing(uv_handle_t *handle, void *userdata) {
        /* Whoever is still open here was not freed by its owner before the loop. */
        assert(uv_is_closing(handle));
}

static void close_signals(Loop *loop) {
        for (SignalShell *shell = loop->signals, *next; shell != NULL; shell = next) {
                next = shell->next;
                uv_close((uv_handle_t *)&shell->uv, on_signal_closed);
        }
}

Loop *loop_free(Loop *loop) {
        int r;

        if (loop == NULL)
                return NULL;
        close_signals(loop);
        uv_close((uv_handle_t *)&loop->posted, NULL);
        uv_close((uv_handle_t *)&loop->before_poll, NULL);
        uv_walk(&loop->uv, assert_is_closing, NULL);
        while (uv_loop_alive(&loop->uv)) /* a stop that is still owed ends uv_run() at once */
                uv_run(&loop->uv, UV_RUN_DEFAULT);
        r = uv_loop_close(&loop->uv);
        assert(r == 0);
        (void)r;
        for (Posted *posted = take_posted(loop), *next; posted != NULL; posted = next) {
                next = posted->next;
                free(posted);
        }
        pthread_mutex_destroy(&loop->lock);
        free(loop);
        return NULL;
}
