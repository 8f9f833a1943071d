/* Pumps an sd-bus connection on the loop. sd_bus is only named here; bus/ includes
 * <systemd/sd-bus.h> itself.
 *
 * Events and deadline are asked for again in a prepare callback of the loop, a deadline in the past
 * means "now", and sd_bus_process is never called from inside a message handler. */
#pragma once

#include "event/loop.h"

struct sd_bus;
typedef struct BusPump BusPump;

/* on_lost runs once when the connection is gone. The bus stays the caller's. */
int bus_pump_new(
        Loop *loop,
        struct sd_bus *bus,
        void (*on_lost)(const Error *err, void *userdata),
        void *userdata,
        BusPump **ret,
        Error *err);
BusPump *bus_pump_free(BusPump *pump); /* flushes with a bound of one second */
DEFINE_CLEANUP(BusPump, bus_pump);
