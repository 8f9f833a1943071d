/* org.orabackup1 on the system bus: connects, shows the manager and the jobs, and asks for the name
 * when told that everything is ready. */
#pragma once

#include "job/manager.h"
#include "job/service.h"

typedef struct BusServer BusServer;

typedef struct BusServerHooks {
        void (*on_named)(void *userdata); /* the name is ours: callers reach us from now on */
        /* The connection is gone, or the name was refused. Runs once. */
        void (*on_lost)(const Error *err, void *userdata);
        /* Reads the configuration again; bus_server_reloaded() follows, later. An error (Busy)
         * means it does not. */
        int (*reload)(void *userdata, Error *err);
        void *userdata;
} BusServerHooks;

typedef struct BusServerOptions {
        Service *service;
        const BusServerHooks *hooks; /* copied */
        const char *version;
} BusServerOptions;

int bus_server_new(const BusServerOptions *options, BusServer **ret, Error *err);
BusServer *bus_server_free(BusServer *server); /* flushes with a bound; calls stay unanswered */
DEFINE_CLEANUP(BusServer, bus_server);

/* What the manager tells goes out as signals; for manager_new(). Without a connection it is
 * dropped.
 */
ManagerEvents bus_server_events(BusServer *server);

/* Connects to the system bus (DBUS_SYSTEM_BUS_ADDRESS names another one) and puts the objects
 * there; service->manager is set by now. */
int bus_server_connect(BusServer *server, Error *err);
int bus_server_request_name(BusServer *server, Error *err); /* on_named or on_lost follows */

/* Answers the Reload calls that wait. NULL: the new configuration holds. */
void bus_server_reloaded(BusServer *server, const Error *err);
