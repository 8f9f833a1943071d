/* Names of objects: printing and strict parsing. Called by everything that looks at a listing. */
#include "repository/names.h"

#include <inttypes.h>
#include <string.h>

enum { CLAIM_DIGITS = 10 };
static const uint64_t CLAIM_MAX = 9999999999;

static const struct {
        ObjectType type;
        const char *name;
} files[] = {
        {OBJECT_TAR, "backup.tar.age"},
        {OBJECT_SEGMENTS, "segments"},
        {OBJECT_RECORD, "backup.json"},
        {OBJECT_FAILED, "failed.json"},
        {OBJECT_DELETE, "delete.json"},
};

static ObjectType type_of_file(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (string_equal(files[i].name, name))
                        return files[i].type;
        return OBJECT_UNKNOWN;
}

/* "0000000017.json": exactly ten digits, not 0. */
static bool parse_claim(const char *name, uint64_t *ret) {
        char digits[CLAIM_DIGITS + 1];
        if (strlen(name) != CLAIM_DIGITS + strlen(".json") ||
            !string_equal(name + CLAIM_DIGITS, ".json") ||
            strspn(name, "0123456789") != CLAIM_DIGITS)
                return false;
        memcpy(digits, name, CLAIM_DIGITS);
        digits[CLAIM_DIGITS] = '\0';
        return parse_uint64(digits, ret) == 0 && *ret > 0;
}

/* Copies the component before the next '/' and moves past it. */
static bool take_component(const char **name, char *ret, size_t size) {
        const char *slash = strchr(*name, '/');
        if (slash == NULL || slash == *name || (size_t)(slash - *name) >= size)
                return false;
        memcpy(ret, *name, (size_t)(slash - *name));
        ret[slash - *name] = '\0';
        *name = slash + 1;
        return true;
}

void object_name_parse(const char *name, ObjectName *ret) {
        ObjectName parsed = {0};
        *ret = (ObjectName){.type = OBJECT_UNKNOWN};
        if (!take_component(&name, parsed.instance, sizeof(parsed.instance)) ||
            !instance_valid(parsed.instance) ||
            !take_component(&name, parsed.backup_id, sizeof(parsed.backup_id)))
                return;
        if (string_equal(parsed.backup_id, "begin")) {
                parsed.backup_id[0] = '\0';
                if (!parse_claim(name, &parsed.sequence))
                        return;
                parsed.type = OBJECT_CLAIM;
        } else if (backup_id_valid(parsed.backup_id)) {
                parsed.type = type_of_file(name);
        }
        if (parsed.type != OBJECT_UNKNOWN)
                *ret = parsed;
}

char *object_name_claim(const char *instance, uint64_t sequence) {
        if (sequence == 0 || sequence > CLAIM_MAX)
                return NULL;
        return string_printf("%s/begin/%010" PRIu64 ".json", instance, sequence);
}

char *object_name(const char *instance, const char *backup_id, ObjectType type) {
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (files[i].type == type)
                        return string_printf("%s/%s/%s", instance, backup_id, files[i].name);
        return NULL;
}

char *object_prefix(const char *instance, const char *backup_id) {
        if (backup_id == NULL)
                return string_printf("%s/", instance);
        return string_printf("%s/%s/", instance, backup_id);
}
