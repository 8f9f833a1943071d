/* Shared by the files of bus/: names, tables and what objects ask the server for. */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/call.h"
#include "bus/server.h"

#define BUS_NAME "org.orabackup1"
#define MANAGER_PATH "/org/orabackup1"
#define MANAGER_INTERFACE "org.orabackup1.Manager"
#define JOB_PATH_PREFIX "/org/orabackup1/job"
#define JOB_INTERFACE "org.orabackup1.Job"

enum { JOB_PATH_BYTES = sizeof(JOB_PATH_PREFIX) + 12 };

Service *bus_server_service(BusServer *server);
Calls *bus_server_calls(BusServer *server);
const char *bus_server_version(const BusServer *server);
int bus_server_ask_reload(BusServer *server, Error *err);

/* Job objects. */
void job_path(uint32_t id, char ret[JOB_PATH_BYTES]);
int job_path_parse(const char *path, uint32_t *ret); /* 0 or -EINVAL */
extern const sd_bus_vtable job_vtable[];
int job_object_find(
        sd_bus *bus,
        const char *path,
        const char *interface,
        void *userdata,
        void **ret_found,
        sd_bus_error *ret_error);
int job_object_enumerate(
        sd_bus *bus,
        const char *prefix,
        void *userdata,
        char ***ret_nodes,
        sd_bus_error *ret_error);
int job_object_emit_changed(sd_bus *bus, const Job *job);

/* The manager object. */
extern const sd_bus_vtable manager_vtable[];
int manager_object_emit_new(sd_bus *bus, const Job *job);
int manager_object_emit_removed(sd_bus *bus, const Job *job);
int manager_on_method(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int manager_on_later(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

/* NULL: this file has no such method. */
const Method *manager_method_find(const char *name);
const Method *manager_list_find(const char *name);
const Method *manager_check_find(const char *name);
const Method *manager_database_find(const char *name);
const Method *manager_delete_find(const char *name);
/* The next argument, a backup's id; anything else is InvalidArgs. */
int manager_read_backup_id(sd_bus_message *message, const char **ret, Error *err);
