/* org.orabackup1.Job: one object a job, found by its path when somebody asks. userdata of the
 * getters is the Job, of the rest the BusServer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/dict.h"
#include "bus/errors.h"
#include "bus/server-internal.h"

void job_path(uint32_t id, char ret[JOB_PATH_BYTES]) {
        snprintf(ret, JOB_PATH_BYTES, "%s/%u", JOB_PATH_PREFIX, id);
}

int job_path_parse(const char *path, uint32_t *ret) {
        uint64_t id = 0;
        char same[JOB_PATH_BYTES];
        if (!string_starts_with(path, JOB_PATH_PREFIX "/"))
                return -EINVAL;
        if (parse_uint64(path + strlen(JOB_PATH_PREFIX) + 1, &id) < 0 || id == 0 || id > UINT32_MAX)
                return -EINVAL;
        job_path((uint32_t)id, same);
        if (strcmp(same, path) != 0)
                return -EINVAL;
        *ret = (uint32_t)id;
        return 0;
}

typedef const char *(*StringOf)(const Job *job);
typedef struct StringProperty {
        const char *name;
        StringOf get;
} StringProperty;

static const char *type_of(const Job *job) {
        return job_type_name(job_type(job));
}

static const char *state_of(const Job *job) {
        return job_state_name(job_state(job));
}

static const char *error_name_of(const Job *job) {
        return error_dbus_name(job_error(job)->kind);
}

static const char *error_message_of(const Job *job) {
        return job_error(job)->message;
}

static const StringProperty string_properties[] = {
        {"Type", type_of},
        {"BackupId", job_backup_id},
        {"State", state_of},
        {"Phase", job_phase},
        {"Database", job_database},
        {"ErrorName", error_name_of},
        {"ErrorMessage", error_message_of},
};

static int append_string(sd_bus_message *reply, const Job *job, const char *property) {
        for (size_t i = 0; i < ELEMENTSOF(string_properties); i++)
                if (strcmp(string_properties[i].name, property) == 0)
                        return sd_bus_message_append(reply, "s", string_properties[i].get(job));
        return 0;
}

static int append_uint32(sd_bus_message *reply, const Job *job, const char *property) {
        const JobProgress *progress = job_progress(job);
        const uint32_t value = strcmp(property, "Id") == 0             ? job_id(job)
                               : strcmp(property, "Percent") == 0      ? progress->percent
                               : strcmp(property, "PiecesStaged") == 0 ? progress->pieces_staged
                                                                       : progress->segments_stored;
        return sd_bus_message_append(reply, "u", value);
}

static int append_uint64(sd_bus_message *reply, const Job *job, const char *property) {
        const JobProgress *progress = job_progress(job);
        const uint64_t value = strcmp(property, "BytesExpected") == 0 ? progress->bytes_expected
                               : strcmp(property, "BytesStaged") == 0 ? progress->bytes_staged
                               : strcmp(property, "BytesStored") == 0 ? progress->bytes_stored
                               : strcmp(property, "Started") == 0     ? job_started_usec(job)
                                                                      : job_finished_usec(job);
        return sd_bus_message_append(reply, "t", value);
}

static int append_value(sd_bus_message *reply, const JobValue *value) {
        switch (value->type) {
        case JOB_VALUE_STRING:
                return dict_string(reply, value->key, value->string);
        case JOB_VALUE_UINT:
                return dict_uint64(reply, value->key, value->number);
        case JOB_VALUE_BOOL:
                return dict_bool(reply, value->key, value->number != 0);
        }
        return -EINVAL;
}

static int append_row(sd_bus_message *reply, const Job *job, size_t index) {
        size_t n_values = 0;
        const JobValue *values = job_row(job, index, &n_values);
        int r = dict_open(reply);
        for (size_t i = 0; r >= 0 && i < n_values; i++)
                r = append_value(reply, &values[i]);
        return r < 0 ? r : dict_close(reply);
}

static int append_result(sd_bus_message *reply, const Job *job) {
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < job_row_count(job); i++)
                r = append_row(reply, job, i);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The signature in the table says which kind of property it is. */
static int get_property(
        sd_bus *bus,
        const char *path,
        const char *interface,
        const char *property,
        sd_bus_message *reply,
        void *userdata,
        sd_bus_error *ret_error) {
        for (const sd_bus_vtable *entry = job_vtable; entry->type != _SD_BUS_VTABLE_END; entry++) {
                if (entry->type != _SD_BUS_VTABLE_PROPERTY ||
                    strcmp(entry->x.property.member, property) != 0)
                        continue;
                switch (entry->x.property.signature[0]) {
                case 's':
                        return append_string(reply, userdata, property);
                case 'u':
                        return append_uint32(reply, userdata, property);
                case 't':
                        return append_uint64(reply, userdata, property);
                default:
                        return append_result(reply, userdata);
                }
        }
        return -ENOENT;
}

static int read_cancel(sd_bus_message *message, void *arguments, Error *err) {
        if (job_path_parse(sd_bus_message_get_path(message), arguments) < 0)
                return error_set(err, ERROR_NO_SUCH_JOB, -ESRCH, "There is no such job");
        return 0;
}

static int run_cancel(Call *call, void *arguments, Error *err) {
        const uint32_t *id = arguments;
        int r = manager_cancel(call->service->manager, *id, err);
        return r < 0 ? r : call_reply_with(call, err, "");
}

static int on_cancel(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        static const Method method = {
                .name = "Cancel",
                .arguments_size = sizeof(uint32_t),
                .read = read_cancel,
                .run = run_cancel};
        /* userdata is the job; the server belongs to the object tree. */
        BusServer *server =
                sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(message)));
        (void)userdata;
        return call_begin(bus_server_calls(server), server, &method, message, ret_error);
}

#define CHANGES(name, type, getter)                                                                \
        SD_BUS_PROPERTY(name, type, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        CHANGES("Id", "u", get_property),
        CHANGES("Type", "s", get_property),
        CHANGES("BackupId", "s", get_property),
        CHANGES("State", "s", get_property),
        CHANGES("Phase", "s", get_property),
        CHANGES("Database", "s", get_property),
        CHANGES("BytesExpected", "t", get_property),
        CHANGES("BytesStaged", "t", get_property),
        CHANGES("BytesStored", "t", get_property),
        CHANGES("PiecesStaged", "u", get_property),
        CHANGES("SegmentsStored", "u", get_property),
        CHANGES("Percent", "u", get_property),
        CHANGES("Started", "t", get_property),
        CHANGES("Finished", "t", get_property),
        CHANGES("ErrorName", "s", get_property),
        CHANGES("ErrorMessage", "s", get_property),
        SD_BUS_PROPERTY("Result", "aa{sv}", get_property, 0, 0),
        SD_BUS_METHOD("Cancel", "", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int job_object_find(
        sd_bus *bus,
        const char *path,
        const char *interface,
        void *userdata,
        void **ret_found,
        sd_bus_error *ret_error) {
        uint32_t id = 0;
        if (job_path_parse(path, &id) < 0)
                return 0;
        *ret_found = manager_find(bus_server_service(userdata)->manager, id);
        return *ret_found != NULL;
}

static void nodes_free(char **nodes) {
        for (char **node = nodes; node != NULL && *node != NULL; node++)
                free(*node);
        free(nodes);
}

int job_object_enumerate(
        sd_bus *bus,
        const char *prefix,
        void *userdata,
        char ***ret_nodes,
        sd_bus_error *ret_error) {
        Manager *manager = bus_server_service(userdata)->manager;
        size_t n = 0;
        for (Job *job = NULL; (job = manager_next(manager, job)) != NULL;)
                n++;
        char **nodes = calloc(n + 1, sizeof(*nodes));
        if (nodes == NULL)
                return -ENOMEM;
        n = 0;
        for (Job *job = NULL; (job = manager_next(manager, job)) != NULL; n++) {
                char path[JOB_PATH_BYTES];
                job_path(job_id(job), path);
                nodes[n] = strdup(path);
                if (nodes[n] == NULL) {
                        nodes_free(nodes);
                        return -ENOMEM;
                }
        }
        *ret_nodes = nodes;
        return 1;
}

int job_object_emit_changed(sd_bus *bus, const Job *job) {
        char path[JOB_PATH_BYTES];
        job_path(job_id(job), path);
        return sd_bus_emit_properties_changed(
                bus,
                path,
                JOB_INTERFACE,
                "State",
                "Phase",
                "Database",
                "BytesExpected",
                "BytesStaged",
                "BytesStored",
                "PiecesStaged",
                "SegmentsStored",
                "Percent",
                "Started",
                "Finished",
                "ErrorName",
                "ErrorMessage",
                NULL);
}
