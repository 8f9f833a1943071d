/* A summary as text, for the cache on disk: what summary_read() found, without the keys of the day.
 * Whoever changes it gives cache.db another version. Used by job/summary-load. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "job/summary.h"

typedef struct Flag {
        const char *key;
        size_t offset;
} Flag;

static const Flag flags[] = {
        {"readable", offsetof(Summary, readable)},
        {"signature_present", offsetof(Summary, signature_present)},
        {"signature_valid", offsetof(Summary, signature_valid)},
        {"take_over", offsetof(Summary, take_over)},
};

typedef struct Field {
        const char *key;
        size_t offset, size;
} Field;

#define FIELD(name)                                                                                \
        { #name, offsetof(Summary, name), sizeof(((Summary *)NULL)->name) }
static const Field fields[] = {
        FIELD(signer),
        FIELD(id),
        FIELD(instance),
        FIELD(parent_id),
        FIELD(etag),
};

static const Field texts[] = {
        FIELD(name),
        FIELD(description),
        FIELD(hostname),
        FIELD(error_message),
};

static const Field numbers[] = {
        FIELD(sequence),
        FIELD(created_usec),
        FIELD(size),
};
#undef FIELD

static void *at(Summary *summary, size_t offset) {
        return (char *)summary + offset;
}

static const void *look_at(const Summary *summary, size_t offset) {
        return (const char *)summary + offset;
}

int summary_print(const Summary *summary, char **ret, size_t *ret_size) {
        CLEANUP(cleanup_json) Json *root = json_new_object();

        json_set_uint(root, "type", (uint64_t)summary->type);
        json_set_uint(root, "level", summary->level);
        json_set_uint(root, "error", (uint64_t)summary->error);
        for (size_t i = 0; i < ELEMENTSOF(flags); i++) {
                const bool *flag = look_at(summary, flags[i].offset);
                json_set_bool(root, flags[i].key, *flag);
        }
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                json_set_string(root, fields[i].key, look_at(summary, fields[i].offset));
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                char *const *text = look_at(summary, texts[i].offset);
                json_set_string(root, texts[i].key, *text);
        }
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                const uint64_t *number = look_at(summary, numbers[i].offset);
                json_set_uint(root, numbers[i].key, *number);
        }
        return json_print(root, ret, ret_size, NULL);
}

static int read_enums(const Json *root, Summary *summary) {
        uint64_t type = 0, level = 0, error = 0;

        if (json_get_uint(root, "type", &type, NULL) < 0 ||
            json_get_uint(root, "level", &level, NULL) < 0 ||
            json_get_uint(root, "error", &error, NULL) < 0 || type > OBJECT_DELETE || level > 1 ||
            error >= _ERROR_KIND_MAX)
                return -1;
        summary->type = (ObjectType)type;
        summary->level = (unsigned)level;
        summary->error = (ErrorKind)error;
        return 0;
}

static int read_fields(const Json *root, Summary *summary) {
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (json_get_bool(root, flags[i].key, at(summary, flags[i].offset), NULL) < 0)
                        return -1;
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (json_get_uint(root, numbers[i].key, at(summary, numbers[i].offset), NULL) < 0)
                        return -1;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *text = NULL;
                if (json_get_string(root, fields[i].key, &text, NULL) < 0 ||
                    strlen(text) >= fields[i].size)
                        return -1;
                memcpy(at(summary, fields[i].offset), text, strlen(text) + 1);
        }
        return 0;
}

static int read_texts(const Json *root, Summary *summary) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char *text = NULL;
                char **place = at(summary, texts[i].offset);
                if (json_get_string(root, texts[i].key, &text, NULL) < 0)
                        return -1;
                *place = strdup(text);
                if (*place == NULL)
                        return -1;
        }
        return 0;
}

Summary *summary_parse(const char *text, size_t size) {
        static const JsonDocument document = {"a summary", LIMIT_RECORD_BYTES, ERROR_INTERNAL};
        CLEANUP(cleanup_summary) Summary *summary = calloc(1, sizeof(*summary));
        CLEANUP(cleanup_json) Json *root = NULL;

        if (summary == NULL || json_parse(text, size, &document, &root, NULL) < 0 ||
            read_enums(root, summary) < 0 || read_fields(root, summary) < 0 ||
            read_texts(root, summary) < 0)
                return NULL;
        return TAKE_PTR(summary);
}
