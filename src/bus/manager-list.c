/* The List and Get methods of org.orabackup1.Manager: views become dictionaries. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "bus/dict.h"
#include "bus/options.h"
#include "bus/server-internal.h"

/* What Trove calls its datastores: known, and of which this service has no backups. */
static const char *const other_datastores[] = {
        "cassandra",
        "couchbase",
        "couchdb",
        "db2",
        "mariadb",
        "mongodb",
        "mysql",
        "percona",
        "postgresql",
        "pxc",
        "redis",
        "vertica",
};

static int malformed(int r, Error *err) {
        return error_set(
                err, ERROR_INVALID_ARGS, r == 0 ? -EBADMSG : r, "The arguments are malformed");
}

/* --- writing --- */

static int append_listed(sd_bus_message *reply, const BackupView *view) {
        int r = dict_string(reply, "id", view->id);
        if (r >= 0)
                r = dict_string(reply, "name", view->name);
        if (r >= 0)
                r = dict_string(reply, "instance", view->instance);
        if (r >= 0)
                r = dict_string(reply, "state", backup_state_name(view->state));
        if (r >= 0)
                r = dict_uint32(reply, "level", view->level);
        if (r >= 0)
                r = dict_string(reply, "parent_id", view->parent_id);
        if (r >= 0)
                r = dict_uint64(reply, "sequence", view->sequence);
        if (r >= 0)
                r = dict_time(reply, "created", view->created_usec);
        if (r >= 0)
                r = dict_time(reply, "updated", view->updated_usec);
        if (r >= 0)
                r = dict_uint64(reply, "size", view->size);
        if (r >= 0)
                r = dict_string(reply, "signature", trust_name(view->signature));
        return r < 0 ? r : dict_string(reply, "error_name", error_dbus_name(view->error.kind));
}

static int append_database(sd_bus_message *reply, const RecordDatabase *database) {
        int r = dict_open(reply);
        if (r >= 0)
                r = dict_string(reply, "sid", database->sid);
        if (r >= 0)
                r = dict_string(reply, "db_name", database->db_name);
        if (r >= 0)
                r = dict_string(reply, "db_unique_name", database->db_unique_name);
        if (r >= 0)
                r = dict_uint64(reply, "dbid", database->dbid);
        if (r >= 0)
                r = dict_string(reply, "version", database->version);
        if (r >= 0)
                r = dict_uint64(reply, "fuzzy_scn", database->fuzzy_scn);
        if (r >= 0)
                r = dict_uint64(reply, "until_scn", database->until_scn);
        if (r >= 0)
                r = dict_string(reply, "tag", database->tag);
        return r < 0 ? r : dict_close(reply);
}

static int append_skipped(sd_bus_message *reply, const RecordSkipped *skipped) {
        int r = dict_open(reply);
        if (r >= 0)
                r = dict_string(reply, "sid", skipped->sid);
        if (r >= 0)
                r = dict_string(reply, "reason", skipped->reason);
        return r < 0 ? r : dict_close(reply);
}

static int append_record(sd_bus_message *reply, const Record *record) {
        int r = dict_open_rows(reply, "databases");
        for (size_t i = 0; r >= 0 && i < record->n_databases; i++)
                r = append_database(reply, &record->databases[i]);
        if (r >= 0)
                r = dict_close_rows(reply);
        if (r >= 0)
                r = dict_open_rows(reply, "skipped");
        for (size_t i = 0; r >= 0 && i < record->n_skipped; i++)
                r = append_skipped(reply, &record->skipped[i]);
        if (r >= 0)
                r = dict_close_rows(reply);
        if (r >= 0)
                r = dict_uint32(reply, "members", (uint32_t)record->n_members);
        return r < 0 ? r : dict_strings(reply, "recipients", &record->recipients);
}

static int append_backup(sd_bus_message *reply, const BackupView *view) {
        int r = dict_open(reply);
        if (r >= 0)
                r = append_listed(reply, view);
        if (r >= 0)
                r = dict_string(reply, "description", view->description);
        if (r >= 0)
                r = dict_string(reply, "hostname", view->hostname);
        if (r >= 0)
                r = dict_strings(reply, "children", &view->children);
        if (r >= 0)
                r = dict_string(reply, "location", view->location);
        if (r >= 0)
                r = dict_string(reply, "checksum", view->checksum);
        if (r >= 0)
                r = dict_string(reply, "datastore", "oracle");
        if (r >= 0)
                r = dict_string(reply, "datastore_version", view->record.datastore_version);
        if (r >= 0)
                r = append_record(reply, &view->record);
        if (r >= 0)
                r = dict_string(reply, "signer", view->signer);
        if (r >= 0)
                r = dict_string(reply, "error_message", view->error.message);
        return r < 0 ? r : dict_close(reply);
}

static int append_list(sd_bus_message *reply, const BackupView *views, size_t n_views) {
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < n_views; i++) {
                r = dict_open(reply);
                if (r >= 0)
                        r = append_listed(reply, &views[i]);
                if (r >= 0)
                        r = dict_close(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Ends a call whose answer came: with the error, or with what `append` writes. */
typedef int (*AppendViews)(
        sd_bus_message *reply, const void *arguments, const BackupView *views, size_t n_views);
static void
answer(Call *call, const BackupView *views, size_t n_views, const Error *err, AppendViews append) {
        Error error = {0};
        sd_bus_message *reply = NULL;
        if (err != NULL) {
                call_fail(call, err);
                return;
        }
        int r = call_reply_new(call, &reply, &error);
        if (r >= 0)
                r = call_reply_or(
                        call, reply, append(reply, call->arguments, views, n_views), &error);
        if (r < 0)
                call_fail(call, &error);
}

/* --- ListBackups, ListInstanceBackups --- */

typedef struct ListArguments {
        const char *instance; /* NULL: all; "": this one */
        const char *marker, *state_name, *datastore;
        uint32_t limit;
        BackupState state;
        bool other_datastore;
} ListArguments;

static int check_datastore(ListArguments *list, Error *err) {
        if (list->datastore == NULL || strcmp(list->datastore, "oracle") == 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(other_datastores); i++)
                if (strcmp(list->datastore, other_datastores[i]) == 0) {
                        list->other_datastore = true;
                        return 0;
                }
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Option \"datastore\": there is no datastore \"%.64s\"",
                list->datastore);
}

static int check_list(ListArguments *list, Error *err) {
        if (list->marker != NULL && !backup_id_valid(list->marker))
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"marker\": \"%.40s\" is no backup id",
                        list->marker);
        if (list->limit > LIMIT_LIST_PAGE)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"limit\" may be at most %d",
                        (int)LIMIT_LIST_PAGE);
        if (list->state_name != NULL && backup_state_from_name(list->state_name, &list->state) < 0)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"state\": there is no state \"%.40s\"",
                        list->state_name);
        return check_datastore(list, err);
}

static int read_list(sd_bus_message *message, void *arguments, Error *err) {
        static const Option options[] = {
                {"limit", OPTION_UINT32, offsetof(ListArguments, limit)},
                {"marker", OPTION_STRING, offsetof(ListArguments, marker)},
                {"state", OPTION_STRING, offsetof(ListArguments, state_name)},
                {"datastore", OPTION_STRING, offsetof(ListArguments, datastore)},
        };
        int r = options_read(message, options, ELEMENTSOF(options), arguments, err);
        return r < 0 ? r : check_list(arguments, err);
}

static int read_list_instance(sd_bus_message *message, void *arguments, Error *err) {
        ListArguments *list = arguments;
        int r = sd_bus_message_read(message, "s", &list->instance);
        if (r <= 0)
                return malformed(r, err);
        if (list->instance[0] != '\0' && !instance_valid(list->instance))
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "\"%.64s\" is no instance name",
                        list->instance);
        return read_list(message, arguments, err);
}

static int append_views(
        sd_bus_message *reply, const void *arguments, const BackupView *views, size_t n_views) {
        return append_list(reply, views, n_views);
}

static void on_list(const BackupView *views, size_t n_views, const Error *err, void *userdata) {
        answer(userdata, views, n_views, err, append_views);
}

static int run_list(Call *call, void *arguments, Error *err) {
        const ListArguments *list = arguments;
        bool own = list->instance != NULL && list->instance[0] == '\0';
        ListOptions options = {
                .instance = own ? call->settings->config->instance : list->instance,
                .limit = list->limit,
                .marker = list->marker,
                .has_state = list->state_name != NULL,
                .state = list->state,
                .other_datastore = list->other_datastore};
        return query_list(call->service, &options, on_list, call, &call->query, err);
}

/* --- GetBackup, GetBackupMembers --- */

typedef struct GetArguments {
        const char *id;
        uint32_t offset, limit;
} GetArguments;

static int read_get(sd_bus_message *message, void *arguments, Error *err) {
        GetArguments *get = arguments;
        return manager_read_backup_id(message, &get->id, err);
}

static int read_get_members(sd_bus_message *message, void *arguments, Error *err) {
        GetArguments *get = arguments;
        int r = read_get(message, arguments, err);
        if (r < 0)
                return r;
        r = sd_bus_message_read(message, "uu", &get->offset, &get->limit);
        return r <= 0 ? malformed(r, err) : 0;
}

static int
append_one(sd_bus_message *reply, const void *arguments, const BackupView *views, size_t n_views) {
        return append_backup(reply, views);
}

static int append_member(sd_bus_message *reply, const RecordMember *member) {
        int r = dict_open(reply);
        if (r >= 0)
                r = dict_string(reply, "path", member->path);
        if (r >= 0)
                r = dict_string(reply, "kind", member_kind_name(member->kind));
        if (r >= 0)
                r = dict_string(reply, "database", member->database);
        if (r >= 0)
                r = dict_uint64(reply, "size", member->size);
        return r < 0 ? r : dict_close(reply);
}

/* A page is bounded as lists are; limit 0 asks for as much as there may be. */
static int append_members(
        sd_bus_message *reply, const void *arguments, const BackupView *views, size_t n_views) {
        const GetArguments *get = arguments;
        const Record *record = &views->record;
        size_t limit =
                get->limit == 0 || get->limit > LIMIT_LIST_PAGE ? LIMIT_LIST_PAGE : get->limit;
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < limit && get->offset + i < record->n_members; i++)
                r = append_member(reply, &record->members[get->offset + i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_get(const BackupView *views, size_t n_views, const Error *err, void *userdata) {
        answer(userdata, views, n_views, err, append_one);
}

static void on_members(const BackupView *views, size_t n_views, const Error *err, void *userdata) {
        answer(userdata, views, n_views, err, append_members);
}

static int run_get(Call *call, void *arguments, Error *err) {
        const GetArguments *get = arguments;
        return query_get(call->service, get->id, on_get, call, &call->query, err);
}

static int run_get_members(Call *call, void *arguments, Error *err) {
        const GetArguments *get = arguments;
        return query_get(call->service, get->id, on_members, call, &call->query, err);
}

/* --- ListDatabases --- */

static int append_database_view(sd_bus_message *reply, const DatabaseView *view) {
        int r = dict_open(reply);
        if (r >= 0)
                r = dict_string(reply, "sid", view->database.sid);
        if (r >= 0)
                r = dict_string(reply, "oracle_home", view->database.oracle_home);
        if (r >= 0)
                r = dict_bool(reply, "selected", view->selected);
        if (r >= 0)
                r = dict_string(reply, "state", view->state);
        if (r >= 0 && view->db_name[0] != '\0') {
                r = dict_string(reply, "db_name", view->db_name);
                if (r >= 0)
                        r = dict_string(reply, "db_unique_name", view->db_unique_name);
                if (r >= 0)
                        r = dict_uint64(reply, "dbid", view->dbid);
                if (r >= 0)
                        r = dict_string(reply, "log_mode", view->log_mode);
        }
        if (r >= 0 && view->version[0] != '\0')
                r = dict_string(reply, "version", view->version);
        if (r >= 0 && view->role[0] != '\0')
                r = dict_string(reply, "role", view->role);
        return r < 0 ? r : dict_close(reply);
}

static void
on_databases(const DatabaseView *views, size_t n_views, const Error *err, void *userdata) {
        Call *call = userdata;
        Error error = {0};
        sd_bus_message *reply = NULL;
        if (err != NULL) {
                call_fail(call, err);
                return;
        }
        int r = call_reply_new(call, &reply, &error);
        if (r >= 0) {
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
                for (size_t i = 0; r >= 0 && i < n_views; i++)
                        r = append_database_view(reply, &views[i]);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
                r = call_reply_or(call, reply, r, &error);
        }
        if (r < 0)
                call_fail(call, &error);
}

static int run_databases(Call *call, void *arguments, Error *err) {
        return database_list_start(call->service, on_databases, call, &call->databases, err);
}

static const Method methods[] = {
        {"ListBackups", sizeof(ListArguments), read_list, NULL, run_list, NULL},
        {"ListInstanceBackups", sizeof(ListArguments), read_list_instance, NULL, run_list, NULL},
        {"GetBackup", sizeof(GetArguments), read_get, NULL, run_get, NULL},
        {"GetBackupMembers", sizeof(GetArguments), read_get_members, NULL, run_get_members, NULL},
        {"ListDatabases", 0, NULL, NULL, run_databases, NULL},
};

const Method *manager_list_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}
