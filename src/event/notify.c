/* What systemd is told (sd_notify(3)). Without NOTIFY_SOCKET nothing is sent. */
#include "event/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "event/timer.h"

struct Notifier {
        bool (*is_healthy)(void *userdata);
        void *userdata;
        Timer *watchdog; /* NULL: systemd does not want it */
        uint64_t interval_msec;
};

static void feed_watchdog(void *userdata) {
        Notifier *notifier = userdata;

        /* Armed in any case: what is stuck may come free before systemd loses patience. */
        timer_arm(notifier->watchdog, notifier->interval_msec);
        if (notifier->is_healthy(notifier->userdata))
                sd_notify(0, "WATCHDOG=1");
}

int notifier_new(
        Loop *loop,
        bool (*is_healthy)(void *userdata),
        void *userdata,
        Notifier **ret,
        Error *err) {
        CLEANUP(cleanup_notifier) Notifier *notifier = calloc(1, sizeof(*notifier));
        uint64_t watchdog_usec = 0;
        int r;

        if (notifier == NULL)
                return error_oom(err);
        notifier->is_healthy = is_healthy;
        notifier->userdata = userdata;
        if (sd_watchdog_enabled(0, &watchdog_usec) > 0) {
                r = timer_new(loop, feed_watchdog, notifier, &notifier->watchdog, err);
                if (r < 0)
                        return r;
                notifier->interval_msec = watchdog_usec / 2000;
                timer_arm(notifier->watchdog, notifier->interval_msec);
        }
        *ret = TAKE_PTR(notifier);
        return 0;
}

Notifier *notifier_free(Notifier *notifier) {
        if (notifier == NULL)
                return NULL;
        timer_free(notifier->watchdog);
        free(notifier);
        return NULL;
}

void notifier_ready(Notifier *notifier) {
        sd_notify(0, "READY=1");
}

void notifier_reloading(Notifier *notifier) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now); /* Type=notify-reload compares it with its own */
        sd_notifyf(
                0,
                "RELOADING=1\nMONOTONIC_USEC=%ju",
                (uintmax_t)now.tv_sec * 1000000 + (uintmax_t)now.tv_nsec / 1000);
}

void notifier_stopping(Notifier *notifier) {
        sd_notify(0, "STOPPING=1");
}

void notifier_status(Notifier *notifier, const char *format, ...) {
        char status[512];
        va_list ap;

        va_start(ap, format);
        if (vsnprintf(status, sizeof(status), format, ap) < 0)
                status[0] = '\0';
        va_end(ap);
        for (char *at = status; *at != '\0'; at++)
                if (*at == '\n') /* the next line would be another assignment */
                        *at = ' ';
        sd_notifyf(0, "STATUS=%s", status);
}
