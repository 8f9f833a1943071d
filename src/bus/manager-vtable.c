/* org.orabackup1.Manager: its properties, signals and the table that sd-bus introspects. The
 * methods are in manager-methods.c and manager-list.c. userdata is the BusServer. */
#include <errno.h>
#include <string.h>

#include "bus/errors.h"
#include "bus/server-internal.h"

static int append_version(sd_bus_message *reply, BusServer *server) {
        return sd_bus_message_append(reply, "s", bus_server_version(server));
}

static int append_instance(sd_bus_message *reply, BusServer *server) {
        const Service *service = bus_server_service(server);
        return sd_bus_message_append(reply, "s", service->settings->config->instance);
}

static int append_signing_key(sd_bus_message *reply, BusServer *server) {
        const Service *service = bus_server_service(server);
        return sd_bus_message_append(reply, "s", signing_key_public(service->signing_key));
}

static int append_store(sd_bus_message *reply, BusServer *server) {
        const Service *service = bus_server_service(server);
        return sd_bus_message_append(reply, "s", store_describe(service->store));
}

static int append_n_jobs(sd_bus_message *reply, BusServer *server) {
        const Service *service = bus_server_service(server);
        return sd_bus_message_append(reply, "u", manager_running(service->manager));
}

typedef struct Property {
        const char *name;
        int (*append)(sd_bus_message *reply, BusServer *server);
} Property;

static const Property properties[] = {
        {"Version", append_version},
        {"Instance", append_instance},
        {"SigningKey", append_signing_key},
        {"Store", append_store},
        {"NJobs", append_n_jobs},
};

static int get_property(
        sd_bus *bus,
        const char *path,
        const char *interface,
        const char *property,
        sd_bus_message *reply,
        void *userdata,
        sd_bus_error *ret_error) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (strcmp(properties[i].name, property) == 0)
                        return properties[i].append(reply, userdata);
        return -ENOENT;
}

int manager_on_method(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        const char *name = sd_bus_message_get_member(message);
        const Method *method = manager_method_find(name);
        if (method == NULL)
                method = manager_list_find(name);
        if (method == NULL)
                method = manager_database_find(name);
        if (method == NULL)
                method = manager_delete_find(name);
        if (method == NULL)
                method = manager_check_find(name);
        return call_begin(bus_server_calls(userdata), userdata, method, message, ret_error);
}

/* A method of the contract that this version does not have. */
int manager_on_later(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return sd_bus_error_setf(
                ret_error,
                SD_BUS_ERROR_NOT_SUPPORTED,
                "%s is not supported yet",
                sd_bus_message_get_member(message));
}

#define METHOD(name, in, in_names, out, out_names)                                                 \
        SD_BUS_METHOD_WITH_NAMES(                                                                  \
                name, in, in_names, out, out_names, manager_on_method, SD_BUS_VTABLE_UNPRIVILEGED)
#define LATER(name, in, in_names, out, out_names)                                                  \
        SD_BUS_METHOD_WITH_NAMES(                                                                  \
                name, in, in_names, out, out_names, manager_on_later, SD_BUS_VTABLE_UNPRIVILEGED)
#define NAME(name) SD_BUS_PARAM(name)

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("CreateBackup", "a{sv}", NAME(options), "so", NAME(backup_id) NAME(job)),
        METHOD("RestoreBackup", "sa{sv}", NAME(backup_id) NAME(options), "o", NAME(job)),
        METHOD("DeleteBackup", "sa{sv}", NAME(backup_id) NAME(options), "o", NAME(job)),
        LATER("VerifyBackup", "sa{sv}", NAME(backup_id) NAME(options), "o", NAME(job)),
        METHOD("ListBackups", "a{sv}", NAME(options), "aa{sv}", NAME(backups)),
        METHOD("ListInstanceBackups",
               "sa{sv}",
               NAME(instance) NAME(options),
               "aa{sv}",
               NAME(backups)),
        METHOD("GetBackup", "s", NAME(backup_id), "a{sv}", NAME(backup)),
        METHOD("GetBackupMembers",
               "suu",
               NAME(backup_id) NAME(offset) NAME(limit),
               "aa{sv}",
               NAME(members)),
        METHOD("ListDatabases", "", , "aa{sv}", NAME(databases)),
        METHOD("CreateDatabase", "sa{sv}", NAME(sid) NAME(options), "o", NAME(job)),
        METHOD("EnableArchivelog", "sa{sv}", NAME(sid) NAME(options), "o", NAME(job)),
        METHOD("CheckConfiguration", "a{sv}", NAME(options), "o", NAME(job)),
        LATER("PruneBackups", "a{sv}", NAME(options), "o", NAME(job)),
        METHOD("TakeOver", "sa{sv}", NAME(instance) NAME(options), "o", NAME(job)),
        METHOD("ListJobs", "", , "a(uosss)", NAME(jobs)),
        METHOD("GetJob", "u", NAME(id), "o", NAME(job)),
        METHOD("CancelJob", "u", NAME(id), "", ),
        SD_BUS_METHOD("Reload", "", "", manager_on_method, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Instance", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("SigningKey", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Store", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("NJobs", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_SIGNAL_WITH_NAMES("JobNew", "uos", NAME(id) NAME(job) NAME(type), 0),
        SD_BUS_SIGNAL_WITH_NAMES(
                "JobRemoved",
                "uosssss",
                NAME(id) NAME(job) NAME(type) NAME(backup_id) NAME(result) NAME(error_name)
                        NAME(error_message),
                0),
        SD_BUS_VTABLE_END,
};

static int emit_n_jobs(sd_bus *bus) {
        return sd_bus_emit_properties_changed(bus, MANAGER_PATH, MANAGER_INTERFACE, "NJobs", NULL);
}

int manager_object_emit_new(sd_bus *bus, const Job *job) {
        char path[JOB_PATH_BYTES];
        job_path(job_id(job), path);
        int r = sd_bus_emit_signal(
                bus,
                MANAGER_PATH,
                MANAGER_INTERFACE,
                "JobNew",
                "uos",
                job_id(job),
                path,
                job_type_name(job_type(job)));
        return r < 0 ? r : emit_n_jobs(bus);
}

int manager_object_emit_removed(sd_bus *bus, const Job *job) {
        char path[JOB_PATH_BYTES];
        const Error *error = job_error(job);
        job_path(job_id(job), path);
        int r = sd_bus_emit_signal(
                bus,
                MANAGER_PATH,
                MANAGER_INTERFACE,
                "JobRemoved",
                "uosssss",
                job_id(job),
                path,
                job_type_name(job_type(job)),
                job_backup_id(job),
                job_state_name(job_state(job)),
                error_dbus_name(error->kind),
                error->message);
        return r < 0 ? r : emit_n_jobs(bus);
}
