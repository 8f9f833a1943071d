/* The connection to the bus and what is shown on it. Owned by daemon/; lends itself to the objects
 * (manager-*.c, job-object.c) and to the calls. */
#include "bus/server.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "base/log.h"
#include "bus/server-internal.h"
#include "event/bus.h"

struct BusServer {
        Service *service;
        BusServerHooks hooks;
        const char *version;
        sd_bus *bus;
        BusPump *pump;
        sd_bus_slot *name_slot;
        Calls calls;
        bool lost;
};

Service *bus_server_service(BusServer *server) {
        return server->service;
}

Calls *bus_server_calls(BusServer *server) {
        return &server->calls;
}

const char *bus_server_version(const BusServer *server) {
        return server->version;
}

int bus_server_ask_reload(BusServer *server, Error *err) {
        return server->hooks.reload(server->hooks.userdata, err);
}

static bool is_connected(const BusServer *server) {
        return server->bus != NULL && !server->lost;
}

/* A signal that cannot be sent is no reason to stop the job it is about. */
static void note(int r, const char *what) {
        if (r < 0)
                log_debug(NULL, "%s could not be announced on the bus (errno %d)", what, -r);
}

static void on_new(Job *job, void *userdata) {
        BusServer *server = userdata;
        if (is_connected(server))
                note(manager_object_emit_new(server->bus, job), "A new job");
}

static void on_changed(Job *job, void *userdata) {
        BusServer *server = userdata;
        if (is_connected(server))
                note(job_object_emit_changed(server->bus, job), "The change of a job");
}

static void on_removed(Job *job, void *userdata) {
        BusServer *server = userdata;
        if (is_connected(server))
                note(manager_object_emit_removed(server->bus, job), "The end of a job");
}

/* Objects are looked up by path: one that is gone needs no word. */
static void on_gone(uint32_t id, void *userdata) {
}

ManagerEvents bus_server_events(BusServer *server) {
        return (ManagerEvents){
                .on_new = on_new,
                .on_changed = on_changed,
                .on_removed = on_removed,
                .on_gone = on_gone,
                .userdata = server};
}

static void lose(BusServer *server, const Error *err) {
        if (server->lost)
                return;
        server->lost = true;
        calls_cancel(&server->calls);
        server->hooks.on_lost(err, server->hooks.userdata);
}

static void on_pump_lost(const Error *err, void *userdata) {
        lose(userdata, err);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        BusServer *server = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        uint32_t result = 0;
        Error lost = {0};
        enum { PRIMARY_OWNER = 1 };
        int r = error != NULL ? -EACCES : sd_bus_message_read(reply, "u", &result);
        if (r >= 0 && result == PRIMARY_OWNER) {
                server->hooks.on_named(server->hooks.userdata);
                return 1;
        }
        error_set(
                &lost,
                ERROR_CONFIG,
                r < 0 ? r : -EEXIST,
                "The name %s cannot be had on the bus: %s",
                BUS_NAME,
                error != NULL && error->message != NULL ? error->message
                                                        : "another process has it");
        lose(server, &lost);
        return 1;
}

int bus_server_request_name(BusServer *server, Error *err) {
        int r = sd_bus_request_name_async(
                server->bus, &server->name_slot, BUS_NAME, 0, on_name, server);
        return r < 0 ? error_set_errno(err, ERROR_CONFIG, r, "The bus name cannot be asked for")
                     : 0;
}

static int add_objects(BusServer *server) {
        int r = sd_bus_add_object_vtable(
                server->bus, NULL, MANAGER_PATH, MANAGER_INTERFACE, manager_vtable, server);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(
                        server->bus,
                        NULL,
                        JOB_PATH_PREFIX,
                        JOB_INTERFACE,
                        job_vtable,
                        job_object_find,
                        server);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(
                        server->bus, NULL, JOB_PATH_PREFIX, job_object_enumerate, server);
        return r;
}

int bus_server_connect(BusServer *server, Error *err) {
        int r = sd_bus_open_system(&server->bus);
        if (r < 0)
                return error_set_errno(err, ERROR_CONFIG, r, "The system bus cannot be reached");
        r = add_objects(server);
        if (r < 0)
                return error_set_errno(err, ERROR_INTERNAL, r, "The bus objects cannot be shown");
        return bus_pump_new(
                server->service->loop, server->bus, on_pump_lost, server, &server->pump, err);
}

void bus_server_reloaded(BusServer *server, const Error *err) {
        Call *next;
        for (Call *call = server->calls.first; call != NULL; call = next) {
                next = call->next;
                Error error = {0};
                if (!call->awaits_reload)
                        continue;
                if (err != NULL)
                        call_fail(call, err);
                else if (call_reply_with(call, &error, "") < 0)
                        call_fail(call, &error);
        }
        if (err == NULL && is_connected(server))
                note(sd_bus_emit_properties_changed(
                             server->bus, MANAGER_PATH, MANAGER_INTERFACE, "Store", NULL),
                     "The new configuration");
}

BusServer *bus_server_free(BusServer *server) {
        if (server == NULL)
                return NULL;
        server->lost = true;
        calls_cancel(&server->calls);
        server->pump = bus_pump_free(server->pump);
        sd_bus_slot_unref(server->name_slot);
        sd_bus_close_unref(server->bus);
        free(server);
        return NULL;
}

int bus_server_new(const BusServerOptions *options, BusServer **ret, Error *err) {
        BusServer *server = calloc(1, sizeof(*server));
        if (server == NULL)
                return error_oom(err);
        server->service = options->service;
        server->hooks = *options->hooks;
        server->version = options->version;
        *ret = server;
        return 0;
}
