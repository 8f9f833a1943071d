/* sd-bus on the loop. What sd-bus waits for changes with every call into it, from anywhere, so it
 * is asked anew before each poll and never remembered. */
#include "event/bus.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/thread.h"
#include "event/loop-internal.h"
#include "event/timer.h"

enum { MESSAGES_PER_TURN = 32, FLUSH_TIMEOUT_SEC = 1 };

typedef struct PrepareShell {
        uv_prepare_t uv;
        BusPump *owner;
} PrepareShell;

struct BusPump {
        sd_bus *bus;
        Watch *watch;
        Timer *timer;
        PrepareShell *prepare;
        void (*on_lost)(const Error *err, void *userdata);
        void *userdata;
        bool *freed; /* set for process(), which a handler may have freed the pump under */
};

static void stop(BusPump *pump) {
        if (pump->prepare != NULL)
                uv_prepare_stop(&pump->prepare->uv);
        watch_set(pump->watch, 0);
        timer_disarm(pump->timer);
}

static void lose(BusPump *pump, int r) {
        Error err = {0};

        stop(pump);
        error_set_errno(&err, ERROR_INTERNAL, r, "The connection to the bus is lost");
        pump->on_lost(&err, pump->userdata);
}

/* Only called from the loop, so never from within a handler of sd-bus. */
static void process(BusPump *pump) {
        bool freed = false;
        int r = 1;

        pump->freed = &freed;
        for (int i = 0; r > 0 && i < MESSAGES_PER_TURN; i++) {
                r = sd_bus_process(pump->bus, NULL);
                if (freed)
                        return;
        }
        pump->freed = NULL;
        if (r >= 0 && sd_bus_is_open(pump->bus) <= 0)
                r = -ENOTCONN;
        if (r < 0)
                lose(pump, r);
}

static void on_ready(int status, int events, void *userdata) {
        process(userdata);
}

static void on_deadline(void *userdata) {
        process(userdata);
}

static uint64_t msec_until(uint64_t deadline_usec) {
        struct timespec now;
        uint64_t now_usec;

        clock_gettime(CLOCK_MONOTONIC, &now); /* sd-bus knows no other clock */
        now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        return deadline_usec <= now_usec ? 0 : (deadline_usec - now_usec + 999) / 1000;
}

static void on_prepare(uv_prepare_t *handle) {
        BusPump *pump = ((PrepareShell *)handle->data)->owner;
        uint64_t deadline_usec = UINT64_MAX;
        int events;

        if (pump == NULL)
                return;
        events = sd_bus_get_events(pump->bus);
        if (events < 0 || sd_bus_get_timeout(pump->bus, &deadline_usec) < 0) {
                timer_arm(pump->timer, 0); /* process() finds out why */
                return;
        }
        watch_set(
                pump->watch,
                ((events & POLLIN) != 0 ? WATCH_READABLE : 0) |
                        ((events & POLLOUT) != 0 ? WATCH_WRITABLE : 0));
        if (deadline_usec == UINT64_MAX)
                timer_disarm(pump->timer);
        else
                timer_arm(pump->timer, msec_until(deadline_usec));
}

static void on_closed(uv_handle_t *handle) {
        free(handle->data);
}

static int prepare_new(Loop *loop, BusPump *pump, Error *err) {
        PrepareShell *shell = calloc(1, sizeof(*shell));

        if (shell == NULL)
                return error_oom(err);
        shell->owner = pump;
        shell->uv.data = shell;
        uv_prepare_init(loop_uv(loop), &shell->uv);
        uv_prepare_start(&shell->uv, on_prepare);
        pump->prepare = shell;
        return 0;
}

int bus_pump_new(
        Loop *loop,
        struct sd_bus *bus,
        void (*on_lost)(const Error *err, void *userdata),
        void *userdata,
        BusPump **ret,
        Error *err) {
        CLEANUP(cleanup_bus_pump) BusPump *pump = calloc(1, sizeof(*pump));
        int fd = sd_bus_get_fd(bus), r;

        if (pump == NULL)
                return error_oom(err);
        if (fd < 0)
                return error_set_errno(err, ERROR_INTERNAL, fd, "The bus is not connected");
        pump->bus = bus;
        pump->on_lost = on_lost;
        pump->userdata = userdata;
        r = watch_new(loop, fd, on_ready, pump, &pump->watch, err);
        if (r < 0)
                return r;
        r = timer_new(loop, on_deadline, pump, &pump->timer, err);
        if (r < 0)
                return r;
        r = prepare_new(loop, pump, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(pump);
        return 0;
}

/* sd_bus_flush() waits as long as the other side does not read. This thread ends that: it shuts the
 * socket when the time is over. */
typedef struct FlushBound {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool flushed;
        int fd;
        struct timespec until;
} FlushBound;

static void *shut_when_late(void *userdata) {
        FlushBound *bound = userdata;
        int r = 0;

        pthread_mutex_lock(&bound->lock);
        while (!bound->flushed && r == 0)
                r = pthread_cond_timedwait(&bound->changed, &bound->lock, &bound->until);
        if (!bound->flushed)
                shutdown(bound->fd, SHUT_RDWR);
        pthread_mutex_unlock(&bound->lock);
        return NULL;
}

static void flush(sd_bus *bus) {
        FlushBound bound = {
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER,
                .fd = sd_bus_get_fd(bus),
        };
        uint64_t queued = 0;
        pthread_t thread;

        if (sd_bus_is_ready(bus) <= 0 || sd_bus_get_n_queued_write(bus, &queued) < 0 || queued == 0)
                return;
        clock_gettime(CLOCK_REALTIME, &bound.until);
        bound.until.tv_sec += FLUSH_TIMEOUT_SEC;
        if (thread_start("bus-flush", shut_when_late, &bound, &thread) < 0)
                return;
        (void)sd_bus_flush(bus);
        pthread_mutex_lock(&bound.lock);
        bound.flushed = true;
        pthread_cond_signal(&bound.changed);
        pthread_mutex_unlock(&bound.lock);
        pthread_join(thread, NULL);
}

BusPump *bus_pump_free(BusPump *pump) {
        if (pump == NULL)
                return NULL;
        if (pump->bus != NULL)
                flush(pump->bus);
        if (pump->prepare != NULL) {
                pump->prepare->owner = NULL;
                uv_close((uv_handle_t *)&pump->prepare->uv, on_closed);
        }
        if (pump->freed != NULL)
                *pump->freed = true;
        watch_free(pump->watch);
        timer_free(pump->timer);
        free(pump);
        return NULL;
}
