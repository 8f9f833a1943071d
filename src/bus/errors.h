/* Errors on the bus: the one place where an Error becomes a D-Bus error. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/error.h"

/* Fills a D-Bus error and returns the negative errno that a vtable callback returns with it. */
int bus_error_set(sd_bus_error *ret, const Error *error);
/* Answers a method call with it. */
int bus_reply_error(sd_bus_message *call, const Error *error);
