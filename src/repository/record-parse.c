/* backup.json's payload into a Record. The text comes from the store: nothing in it is taken for
 * granted, and what single fields cannot say is checked in record-check.c. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "repository/record-internal.h"

enum { MAX_MEMBER_MODE = 0777 };

static void parse_features(Fields *fields) {
        StringList features = {0};
        fields_strings(fields, "features", NULL, NULL, &features);
        if (features.n > 0)
                fields_refuse_newer(
                        fields,
                        "features",
                        "'%.64s' is not known to this version; use a newer version",
                        features.items[0]);
        string_list_done(&features);
}

static void parse_identity(Fields *fields, Record *ret) {
        uint32_t level = 0;
        fields_string(fields, "id", backup_id_valid, "a backup id", &ret->id);
        fields_string(fields, "name", field_is_printable, "printable", &ret->name);
        fields_string(fields, "description", NULL, NULL, &ret->description);
        fields_string(fields, "instance", instance_valid, "an instance name", &ret->instance);
        fields_string(fields, "hostname", field_is_printable, "printable", &ret->hostname);
        fields_uint(fields, "sequence", 1, FIELD_UINT_MAX, &ret->sequence);
        fields_time(fields, "created", &ret->created_usec);
        fields_time(fields, "finished", &ret->finished_usec);
        fields_uint32(fields, "level", 0, 1, &level);
        ret->level = level;
        fields_string(
                fields, "backup_dir", path_is_clean, "a clean absolute path", &ret->backup_dir);
}

static void parse_links(Fields *fields, Record *ret) {
        Fields link;
        if (fields_enter(fields, "parent", true, &link)) {
                fields_string(&link, "id", backup_id_valid, "a backup id", &ret->parent_id);
                fields_hex(&link, "record_sha256", 64, ret->parent_sha256);
                fields_leave(fields, &link);
        }
        if (fields_enter(fields, "previous", true, &link)) {
                fields_string(&link, "id", backup_id_valid, "a backup id", &ret->previous_id);
                fields_uint(&link, "sequence", 1, FIELD_UINT_MAX, &ret->previous_sequence);
                fields_hex(&link, "record_sha256", 64, ret->previous_sha256);
                fields_leave(fields, &link);
        }
}

static void parse_datastore(Fields *fields, Record *ret) {
        char *type = NULL;
        Fields datastore;
        if (!fields_enter(fields, "datastore", false, &datastore))
                return;
        fields_string(&datastore, "type", NULL, NULL, &type);
        if (datastore.r == 0 && !string_equal(type, RECORD_DATASTORE))
                fields_refuse_newer(&datastore, "type", "'%.64s' is not oracle", type);
        free(type);
        fields_string(
                &datastore, "version", field_is_printable, "printable", &ret->datastore_version);
        fields_leave(fields, &datastore);
}

static void parse_databases(Fields *fields, Record *ret) {
        void *elements = NULL;
        const Json *array = fields_array(
                fields, "databases", LIMIT_DATABASES, sizeof(RecordDatabase), &elements);
        if (array == NULL)
                return;
        ret->databases = elements;
        ret->n_databases = json_length(array);
        for (size_t i = 0; i < ret->n_databases; i++) {
                Fields one;
                if (!fields_enter_element(fields, "databases", array, i, &one))
                        return;
                record_database_parse(&one, &ret->databases[i]);
                fields_leave(fields, &one);
        }
}

static void parse_skipped(Fields *fields, Record *ret) {
        void *elements = NULL;
        const Json *array =
                fields_array(fields, "skipped", LIMIT_DATABASES, sizeof(RecordSkipped), &elements);
        if (array == NULL)
                return;
        ret->skipped = elements;
        ret->n_skipped = json_length(array);
        for (size_t i = 0; i < ret->n_skipped; i++) {
                Fields one;
                if (!fields_enter_element(fields, "skipped", array, i, &one))
                        return;
                fields_string(&one, "sid", sid_valid, "a SID", &ret->skipped[i].sid);
                fields_string(&one, "reason", field_is_text, "printable", &ret->skipped[i].reason);
                fields_leave(fields, &one);
        }
}

static void parse_kind(Fields *fields, RecordMember *ret) {
        char *kind = NULL, *contents = NULL;
        fields_string(fields, "kind", NULL, NULL, &kind);
        if (fields->r == 0 && !member_kind_from_name(kind, &ret->kind))
                fields_refuse(fields, "kind", "'%.64s' is no kind of member", kind);
        free(kind);
        if (fields->r < 0 || ret->kind != MEMBER_PIECE)
                return;
        fields_string(fields, "contents", NULL, NULL, &contents);
        if (fields->r == 0 && !piece_contents_from_name(contents, &ret->contents))
                fields_refuse(fields, "contents", "'%.64s' is no contents of a piece", contents);
        free(contents);
}

static void parse_member(Fields *fields, RecordMember *ret) {
        uint64_t mtime = 0;
        fields_string(fields, "path", NULL, NULL, &ret->path);
        parse_kind(fields, ret);
        fields_string(fields, "database", NULL, NULL, &ret->database);
        fields_uint(fields, "offset", 0, FIELD_UINT_MAX, &ret->offset);
        fields_uint(fields, "size", 0, FIELD_UINT_MAX, &ret->size);
        fields_uint32(fields, "mode", 0, MAX_MEMBER_MODE, &ret->mode);
        fields_uint(fields, "mtime", 0, FIELD_UINT_MAX, &mtime);
        ret->mtime = (int64_t)mtime;
}

static void parse_members(Fields *fields, Record *ret) {
        void *elements = NULL;
        const Json *array =
                fields_array(fields, "members", LIMIT_MEMBERS, sizeof(RecordMember), &elements);
        if (array == NULL)
                return;
        ret->members = elements;
        ret->n_members = json_length(array);
        for (size_t i = 0; i < ret->n_members; i++) {
                Fields one;
                if (!fields_enter_element(fields, "members", array, i, &one))
                        return;
                parse_member(&one, &ret->members[i]);
                fields_leave(fields, &one);
        }
}

static void parse_mode(Fields *fields, Record *ret) {
        char *format = NULL, *mode = NULL;
        fields_string(fields, "format", NULL, NULL, &format);
        if (fields->r == 0 && !string_equal(format, RECORD_ENCRYPTION_FORMAT))
                fields_refuse_newer(
                        fields, "format", "'%.64s' is not " RECORD_ENCRYPTION_FORMAT, format);
        fields_string(fields, "mode", NULL, NULL, &mode);
        if (fields->r == 0 && !string_equal(mode, "x25519") && !string_equal(mode, "scrypt"))
                fields_refuse_newer(fields, "mode", "'%.64s' is not x25519 or scrypt", mode);
        ret->passphrase = string_equal(mode, "scrypt");
        free(format);
        free(mode);
}

static void parse_encryption(Fields *fields, Record *ret) {
        Fields encryption;
        if (!fields_enter(fields, "encryption", false, &encryption))
                return;
        parse_mode(&encryption, ret);
        fields_strings(
                &encryption, "recipients", field_is_printable, "a recipient", &ret->recipients);
        if (ret->passphrase ? ret->recipients.n > 0
                            : ret->recipients.n == 0 || ret->recipients.n > LIMIT_RECIPIENTS)
                fields_refuse(
                        &encryption,
                        "recipients",
                        "%zu of them do not go with the mode",
                        ret->recipients.n);
        fields_uint(&encryption, "payload_offset", 1, LIMIT_AGE_HEADER_BYTES, &ret->payload_offset);
        fields_hex(&encryption, "header_sha256", 64, ret->header_sha256);
        fields_leave(fields, &encryption);
}

static void parse_volume(Fields *fields, RecordVolume *ret) {
        Fields segments;
        fields_string(fields, "name", NULL, NULL, &ret->name);
        fields_uint(fields, "size", 1, FIELD_UINT_MAX, &ret->size);
        fields_hex(fields, "etag", 32, ret->etag);
        fields_uint(fields, "segment_size", 1, FIELD_UINT_MAX, &ret->segment_size);
        fields_hex(fields, "attempt", 8, ret->attempt);
        if (!fields_enter(fields, "segments", false, &segments))
                return;
        fields_uint(&segments, "count", 1, FIELD_UINT_MAX, &ret->segment_count);
        fields_uint(&segments, "size", 1, FIELD_UINT_MAX, &ret->segments_size);
        fields_hex(&segments, "sha256", 64, ret->segments_sha256);
        fields_leave(fields, &segments);
}

static void parse_volumes(Fields *fields, Record *ret) {
        const Json *array = NULL;
        Fields one;
        if (fields->r < 0)
                return;
        fields->r = json_get_array(fields->object, "volumes", &array, fields->err);
        if (fields->r < 0)
                return;
        if (json_length(array) != 1)
                fields_refuse(fields, "volumes", "exactly one belongs here");
        if (!fields_enter_element(fields, "volumes", array, 0, &one))
                return;
        parse_volume(&one, &ret->volume);
        fields_leave(fields, &one);
}

int record_parse(const char *payload, size_t size, const char *what, Record *ret, Error *err) {
        CLEANUP(cleanup_json) Json *root = NULL;
        int r = fields_parse(payload, size, what, &root, err);
        if (r < 0)
                return r;

        Record record = {0};
        Fields fields = {.object = root, .what = what, .err = err};
        fields_format(&fields);
        parse_features(&fields);
        parse_identity(&fields, &record);
        parse_links(&fields, &record);
        parse_datastore(&fields, &record);
        parse_databases(&fields, &record);
        parse_skipped(&fields, &record);
        parse_members(&fields, &record);
        parse_encryption(&fields, &record);
        parse_volumes(&fields, &record);
        record_check(&fields, &record);
        if (fields.r < 0) {
                record_done(&record);
                return fields.r;
        }
        *ret = record;
        return 0;
}
