/* The record as JSON: keys sorted, compact, so that the same record always gives the same bytes.
 * Called by job/backup when a backup is complete. */
#include <errno.h>

#include "repository/record-internal.h"

static void set_time(Json *object, const char *key, uint64_t usec) {
        char text[32];
        format_time(usec, text);
        json_set_string(object, key, text);
}

static Json *parent_json(const Record *record) {
        Json *parent = json_new_object();
        json_set_string(parent, "id", record->parent_id);
        json_set_string(parent, "record_sha256", record->parent_sha256);
        return parent;
}

static Json *previous_json(const Record *record) {
        Json *previous = json_new_object();
        json_set_string(previous, "id", record->previous_id);
        json_set_uint(previous, "sequence", record->previous_sequence);
        json_set_string(previous, "record_sha256", record->previous_sha256);
        return previous;
}

static Json *datastore_json(const Record *record) {
        Json *datastore = json_new_object();
        json_set_string(datastore, "type", RECORD_DATASTORE);
        json_set_string(datastore, "version", record->datastore_version);
        return datastore;
}

static Json *databases_json(const Record *record) {
        Json *databases = json_new_array();
        for (size_t i = 0; i < record->n_databases; i++)
                json_add(databases, record_database_json(&record->databases[i]));
        return databases;
}

static Json *skipped_json(const Record *record) {
        Json *skipped = json_new_array();
        for (size_t i = 0; i < record->n_skipped; i++) {
                Json *one = json_new_object();
                json_set_string(one, "sid", record->skipped[i].sid);
                json_set_string(one, "reason", record->skipped[i].reason);
                json_add(skipped, one);
        }
        return skipped;
}

static Json *member_json(const RecordMember *member) {
        Json *one = json_new_object();
        json_set_string(one, "path", member->path);
        json_set_string(one, "kind", member_kind_name(member->kind));
        json_set_string(one, "database", member->database);
        json_set_uint(one, "offset", member->offset);
        json_set_uint(one, "size", member->size);
        json_set_uint(one, "mode", member->mode);
        json_set_uint(one, "mtime", (uint64_t)member->mtime);
        if (member->kind == MEMBER_PIECE)
                json_set_string(one, "contents", piece_contents_name(member->contents));
        return one;
}

static Json *members_json(const Record *record) {
        Json *members = json_new_array();
        for (size_t i = 0; i < record->n_members; i++)
                json_add(members, member_json(&record->members[i]));
        return members;
}

static Json *encryption_json(const Record *record) {
        Json *encryption = json_new_object();
        json_set_string(encryption, "format", RECORD_ENCRYPTION_FORMAT);
        json_set_string(encryption, "mode", record->passphrase ? "scrypt" : "x25519");
        Json *recipients = json_new_array();
        for (size_t i = 0; i < record->recipients.n; i++)
                json_add_string(recipients, record->recipients.items[i]);
        json_set(encryption, "recipients", recipients);
        json_set_uint(encryption, "payload_offset", record->payload_offset);
        json_set_string(encryption, "header_sha256", record->header_sha256);
        return encryption;
}

static Json *volumes_json(const RecordVolume *volume) {
        Json *segments = json_new_object();
        json_set_uint(segments, "count", volume->segment_count);
        json_set_uint(segments, "size", volume->segments_size);
        json_set_string(segments, "sha256", volume->segments_sha256);
        Json *one = json_new_object();
        json_set_string(one, "name", volume->name);
        json_set_uint(one, "size", volume->size);
        json_set_string(one, "etag", volume->etag);
        json_set_uint(one, "segment_size", volume->segment_size);
        json_set_string(one, "attempt", volume->attempt);
        json_set(one, "segments", segments);
        Json *volumes = json_new_array();
        json_add(volumes, one);
        return volumes;
}

/* What the record and the summary have in common. */
static Json *common_json(const Record *record) {
        Json *root = json_new_object();
        json_set_uint(root, "format", 1);
        json_set_string(root, "id", record->id);
        json_set_uint(root, "sequence", record->sequence);
        json_set_string(root, "instance", record->instance);
        json_set_string(root, "hostname", record->hostname);
        set_time(root, "created", record->created_usec);
        json_set_uint(root, "level", record->level);
        json_set(root, "datastore", datastore_json(record));
        json_set_string(root, "backup_dir", record->backup_dir);
        json_set(root, "databases", databases_json(record));
        json_set(root, "members", members_json(record));
        return root;
}

static int check_times(const Record *record, Error *err) {
        for (size_t i = 0; i < record->n_members; i++)
                if (record->members[i].mtime < 0)
                        return error_set(
                                err,
                                ERROR_UNSUPPORTED,
                                -ERANGE,
                                "%s was last changed before 1970, which the archive cannot hold; "
                                "touch(1) it",
                                record->members[i].path);
        return 0;
}

int record_print(const Record *record, char **ret, size_t *ret_size, Error *err) {
        int r = check_times(record, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_json) Json *root = common_json(record);
        json_set(root, "features", json_new_array());
        json_set_string(root, "name", record->name);
        json_set_string(root, "description", record->description);
        set_time(root, "finished", record->finished_usec);
        json_set(root, "skipped", skipped_json(record));
        json_set(root, "encryption", encryption_json(record));
        json_set(root, "volumes", volumes_json(&record->volume));
        if (record->parent_id != NULL)
                json_set(root, "parent", parent_json(record));
        else
                json_set_null(root, "parent");
        if (record->previous_id != NULL)
                json_set(root, "previous", previous_json(record));
        else
                json_set_null(root, "previous");
        return fields_print(
                root, "the record", ": back up fewer databases at once", ret, ret_size, err);
}

int record_print_summary(const Record *record, char **ret, size_t *ret_size, Error *err) {
        int r = check_times(record, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_json) Json *root = common_json(record);
        json_set_string(root, "parent_id", record->parent_id);
        return fields_print(
                root, "orabackup.json", ": back up fewer databases at once", ret, ret_size, err);
}
