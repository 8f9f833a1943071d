/* sd_notify: READY, STATUS, RELOADING, STOPPING, and the watchdog, which is fed from the loop only
 * while nothing is stuck. */
#pragma once

#include <stdbool.h>

#include "event/loop.h"

typedef struct Notifier Notifier;

/* is_healthy is asked before every WATCHDOG=1 (half the interval of WATCHDOG_USEC): false lets
 * systemd end us. */
int notifier_new(
        Loop *loop, bool (*is_healthy)(void *userdata), void *userdata, Notifier **ret, Error *err);
Notifier *notifier_free(Notifier *notifier);
DEFINE_CLEANUP(Notifier, notifier);

void notifier_ready(Notifier *notifier);
void notifier_reloading(Notifier *notifier);
void notifier_stopping(Notifier *notifier);
void notifier_status(Notifier *notifier, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
