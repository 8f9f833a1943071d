/* Claims, failures and deletions as JSON payloads. The bytes of a printed object are final: they
 * are in the ledger before they are sent. */
#include "repository/control.h"

#include "repository/fields.h"

enum { MAX_TAGS = 4096 };

/* What the three have in common. */
typedef struct Head {
        char **id, **instance, **hostname;
        uint64_t *sequence, *created_usec;
} Head;

static Json *head_json(
        const char *id,
        const char *instance,
        const char *hostname,
        uint64_t sequence,
        uint64_t created_usec) {
        char created[32];
        format_time(created_usec, created);
        Json *root = json_new_object();
        json_set_uint(root, "format", 1);
        json_set_string(root, "id", id);
        json_set_string(root, "instance", instance);
        json_set_string(root, "hostname", hostname);
        json_set_uint(root, "sequence", sequence);
        json_set_string(root, "created", created);
        return root;
}

static void head_parse(Fields *fields, const Head *ret) {
        fields_format(fields);
        fields_string(fields, "id", backup_id_valid, "a backup id", ret->id);
        fields_string(fields, "instance", instance_valid, "an instance name", ret->instance);
        fields_string(fields, "hostname", field_is_printable, "printable", ret->hostname);
        fields_uint(fields, "sequence", 1, FIELD_UINT_MAX, ret->sequence);
        fields_time(fields, "created", ret->created_usec);
}

static Json *strings_json(const StringList *list) {
        Json *array = json_new_array();
        for (size_t i = 0; i < list->n; i++)
                json_add_string(array, list->items[i]);
        return array;
}

static Json *tags_json(const ControlTag *tags, size_t n) {
        Json *array = json_new_array();
        for (size_t i = 0; i < n; i++) {
                Json *one = json_new_object();
                json_set_string(one, "sid", tags[i].sid);
                json_set_uint(one, "dbid", tags[i].dbid);
                json_set_string(one, "tag", tags[i].tag);
                json_add(array, one);
        }
        return array;
}

static void tags_parse(Fields *fields, ControlTag **ret, size_t *ret_n) {
        void *elements = NULL;
        const Json *array = fields_array(fields, "tags", MAX_TAGS, sizeof(ControlTag), &elements);
        if (array == NULL)
                return;
        ControlTag *tags = *ret = elements;
        *ret_n = json_length(array);
        for (size_t i = 0; i < *ret_n; i++) {
                Fields one;
                if (!fields_enter_element(fields, "tags", array, i, &one))
                        return;
                fields_string(&one, "sid", sid_valid, "a SID", &tags[i].sid);
                fields_uint(&one, "dbid", 0, FIELD_UINT_MAX, &tags[i].dbid);
                fields_string(&one, "tag", field_is_tag, "an RMAN tag", &tags[i].tag);
                fields_leave(fields, &one);
        }
}

static void tags_done(ControlTag *tags, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(tags[i].sid);
                free(tags[i].tag);
        }
        free(tags);
}

void claim_done(Claim *claim) {
        free(claim->id);
        free(claim->instance);
        free(claim->hostname);
        free(claim->name);
        free(claim->description);
        free(claim->parent_id);
        string_list_done(&claim->databases);
        *claim = (Claim){0};
}

int claim_print(const Claim *claim, char **ret, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_json)
        Json *root = head_json(
                claim->id, claim->instance, claim->hostname, claim->sequence, claim->created_usec);
        json_set_string(root, "kind", claim->take_over ? "take-over" : "backup");
        json_set_string(root, "name", claim->name);
        json_set_string(root, "description", claim->description);
        json_set_uint(root, "level", claim->level);
        json_set_string(root, "parent_id", claim->parent_id);
        json_set(root, "databases", strings_json(&claim->databases));
        return fields_print(root, "the claim", "", ret, ret_size, err);
}

static void claim_kind_parse(Fields *fields, Claim *ret) {
        char *kind = NULL;
        fields_string(fields, "kind", NULL, NULL, &kind);
        if (fields->r == 0 && !string_equal(kind, "backup") && !string_equal(kind, "take-over"))
                fields_refuse(fields, "kind", "'%.64s' is not backup or take-over", kind);
        ret->take_over = string_equal(kind, "take-over");
        free(kind);
}

int claim_parse(const char *payload, size_t size, const char *what, Claim *ret, Error *err) {
        CLEANUP(cleanup_json) Json *root = NULL;
        uint32_t level = 0;
        Claim claim = {0};
        int r = fields_parse(payload, size, what, &root, err);
        if (r < 0)
                return r;

        Fields fields = {.object = root, .what = what, .err = err};
        head_parse(
                &fields,
                &(Head){&claim.id,
                        &claim.instance,
                        &claim.hostname,
                        &claim.sequence,
                        &claim.created_usec});
        claim_kind_parse(&fields, &claim);
        fields_string(&fields, "name", field_is_text, "printable", &claim.name);
        fields_string(&fields, "description", NULL, NULL, &claim.description);
        fields_uint32(&fields, "level", 0, 1, &level);
        fields_string_or_null(
                &fields, "parent_id", backup_id_valid, "a backup id", &claim.parent_id);
        fields_strings(&fields, "databases", sid_valid, "a SID", &claim.databases);
        claim.level = level;
        if (fields.r < 0) {
                claim_done(&claim);
                return fields.r;
        }
        *ret = claim;
        return 0;
}

void failed_done(Failed *failed) {
        free(failed->id);
        free(failed->instance);
        free(failed->hostname);
        free(failed->error_message);
        string_list_done(&failed->attempts);
        tags_done(failed->tags, failed->n_tags);
        *failed = (Failed){0};
}

int failed_print(const Failed *failed, char **ret, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_json)
        Json *root = head_json(
                failed->id,
                failed->instance,
                failed->hostname,
                failed->sequence,
                failed->created_usec);
        json_set_string(root, "error_name", error_dbus_name(failed->error));
        json_set_string(root, "error_message", failed->error_message);
        json_set(root, "attempts", strings_json(&failed->attempts));
        json_set(root, "tags", tags_json(failed->tags, failed->n_tags));
        return fields_print(root, "failed.json", "", ret, ret_size, err);
}

/* A name that a newer version may have added is still a failure: Internal. */
static void error_name_parse(Fields *fields, ErrorKind *ret) {
        char *name = NULL;
        fields_string(fields, "error_name", field_is_printable, "an error's name", &name);
        if (fields->r == 0) {
                *ret = error_kind_from_dbus_name(name);
                if (*ret == ERROR_NONE)
                        *ret = ERROR_INTERNAL;
        }
        free(name);
}

int failed_parse(const char *payload, size_t size, const char *what, Failed *ret, Error *err) {
        CLEANUP(cleanup_json) Json *root = NULL;
        Failed failed = {0};
        int r = fields_parse(payload, size, what, &root, err);
        if (r < 0)
                return r;

        Fields fields = {.object = root, .what = what, .err = err};
        head_parse(
                &fields,
                &(Head){&failed.id,
                        &failed.instance,
                        &failed.hostname,
                        &failed.sequence,
                        &failed.created_usec});
        error_name_parse(&fields, &failed.error);
        fields_string(&fields, "error_message", field_is_text, "printable", &failed.error_message);
        fields_strings(&fields, "attempts", field_is_attempt, "an attempt", &failed.attempts);
        tags_parse(&fields, &failed.tags, &failed.n_tags);
        if (fields.r < 0) {
                failed_done(&failed);
                return fields.r;
        }
        *ret = failed;
        return 0;
}

void deletion_done(Deletion *deletion) {
        free(deletion->id);
        free(deletion->instance);
        free(deletion->hostname);
        string_list_done(&deletion->attempts);
        string_list_done(&deletion->names);
        tags_done(deletion->tags, deletion->n_tags);
        *deletion = (Deletion){0};
}

int deletion_print(const Deletion *deletion, char **ret, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_json)
        Json *root = head_json(
                deletion->id,
                deletion->instance,
                deletion->hostname,
                deletion->sequence,
                deletion->created_usec);
        json_set(root, "attempts", strings_json(&deletion->attempts));
        json_set(root, "names", strings_json(&deletion->names));
        json_set(root, "tags", tags_json(deletion->tags, deletion->n_tags));
        return fields_print(root, "delete.json", "", ret, ret_size, err);
}

int deletion_parse(const char *payload, size_t size, const char *what, Deletion *ret, Error *err) {
        CLEANUP(cleanup_json) Json *root = NULL;
        Deletion deletion = {0};
        int r = fields_parse(payload, size, what, &root, err);
        if (r < 0)
                return r;

        Fields fields = {.object = root, .what = what, .err = err};
        head_parse(
                &fields,
                &(Head){&deletion.id,
                        &deletion.instance,
                        &deletion.hostname,
                        &deletion.sequence,
                        &deletion.created_usec});
        fields_strings(&fields, "attempts", field_is_attempt, "an attempt", &deletion.attempts);
        fields_strings(&fields, "names", field_is_printable, "printable", &deletion.names);
        tags_parse(&fields, &deletion.tags, &deletion.n_tags);
        if (fields.r < 0) {
                deletion_done(&deletion);
                return fields.r;
        }
        *ret = deletion;
        return 0;
}
