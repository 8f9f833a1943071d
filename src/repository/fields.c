/* Checked fields of a JSON object, with sticky errors. Used by record-parse*.c and control.c. */
#include "repository/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

enum { TAG_BYTES = 30, ATTEMPT_DIGITS = 8, LOCAL_TIME_BYTES = 19 };

int fields_parse(const char *payload, size_t size, const char *what, Json **ret, Error *err) {
        const JsonDocument document = {
                .what = what, .max_bytes = LIMIT_RECORD_BYTES, .kind = ERROR_INTEGRITY};
        return json_parse(payload, size, &document, ret, err);
}

int fields_print(
        const Json *root,
        const char *what,
        const char *advice,
        char **ret,
        size_t *ret_size,
        Error *err) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        int r = json_print(root, &text, &size, err);
        if (r < 0)
                return r;
        if (size > LIMIT_RECORD_BYTES)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "%s has %zu bytes, at most %d are allowed%s",
                        what,
                        size,
                        LIMIT_RECORD_BYTES,
                        advice);
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

__attribute__((format(printf, 5, 0))) static void
refuse(Fields *fields, ErrorKind kind, int r, const char *key, const char *format, va_list ap) {
        if (fields->r < 0)
                return;
        fields->r = error_set_va(fields->err, kind, r, format, ap);
        error_prefix(fields->err, "%s: %s%s", fields->what, fields->path, key);
}

void fields_refuse(Fields *fields, const char *key, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        refuse(fields, ERROR_INTEGRITY, -EINVAL, key, format, ap);
        va_end(ap);
}

void fields_refuse_newer(Fields *fields, const char *key, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        refuse(fields, ERROR_INCOMPATIBLE, -ENOTSUP, key, format, ap);
        va_end(ap);
}

static void take_string(Fields *fields, const char *string, char **ret) {
        char *copy = strdup(string);
        if (copy == NULL)
                fields->r = error_oom(fields->err);
        else
                *ret = copy;
}

void fields_string(
        Fields *fields, const char *key, FieldCheck check, const char *expected, char **ret) {
        if (fields->r < 0)
                return;
        const char *string = NULL;
        fields->r = json_get_string(fields->object, key, &string, fields->err);
        if (fields->r < 0)
                return;
        if (check != NULL && !check(string))
                fields_refuse(fields, key, "not %s", expected);
        else
                take_string(fields, string, ret);
}

void fields_string_or_null(
        Fields *fields, const char *key, FieldCheck check, const char *expected, char **ret) {
        if (fields->r == 0 && !json_is_null(fields->object, key))
                fields_string(fields, key, check, expected, ret);
}

void fields_strings(
        Fields *fields, const char *key, FieldCheck check, const char *expected, StringList *ret) {
        if (fields->r < 0)
                return;
        fields->r = json_get_strings(fields->object, key, ret, fields->err);
        if (fields->r < 0)
                return;
        for (size_t i = 0; check != NULL && i < ret->n; i++)
                if (!check(ret->items[i])) {
                        fields_refuse(fields, key, "[%zu] is not %s", i, expected);
                        return;
                }
}

void fields_uint(Fields *fields, const char *key, uint64_t min, uint64_t max, uint64_t *ret) {
        if (fields->r < 0)
                return;
        uint64_t value;
        fields->r = json_get_uint(fields->object, key, &value, fields->err);
        if (fields->r < 0)
                return;
        if (value < min || value > max)
                fields_refuse(
                        fields,
                        key,
                        "%llu is not between %llu and %llu",
                        (unsigned long long)value,
                        (unsigned long long)min,
                        (unsigned long long)max);
        else
                *ret = value;
}

void fields_uint32(Fields *fields, const char *key, uint32_t min, uint32_t max, uint32_t *ret) {
        uint64_t value = 0;
        fields_uint(fields, key, min, max, &value);
        if (fields->r == 0)
                *ret = (uint32_t)value;
}

void fields_bool(Fields *fields, const char *key, bool *ret) {
        if (fields->r == 0)
                fields->r = json_get_bool(fields->object, key, ret, fields->err);
}

void fields_hex(Fields *fields, const char *key, size_t digits, char *ret) {
        if (fields->r < 0)
                return;
        const char *string = NULL;
        fields->r = json_get_string(fields->object, key, &string, fields->err);
        if (fields->r < 0)
                return;
        if (!field_is_hex(string, digits))
                fields_refuse(fields, key, "not %zu lower-case hex digits", digits);
        else
                memcpy(ret, string, digits + 1);
}

void fields_time(Fields *fields, const char *key, uint64_t *ret_usec) {
        if (fields->r < 0)
                return;
        const char *string = NULL;
        fields->r = json_get_string(fields->object, key, &string, fields->err);
        if (fields->r == 0 && parse_time(string, ret_usec) < 0)
                fields_refuse(fields, key, "not a time like 2026-11-22T06:10:44Z");
}

void fields_format(Fields *fields) {
        uint64_t format = 0;
        fields_uint(fields, "format", 1, FIELD_UINT_MAX, &format);
        if (fields->r == 0 && format > 1)
                fields_refuse_newer(
                        fields,
                        "format",
                        "%llu is newer than 1, the one this version reads; use a newer version",
                        (unsigned long long)format);
}

static void child_init(const Fields *fields, const Json *object, Fields *ret) {
        *ret = (Fields){.object = object, .what = fields->what, .err = fields->err};
}

bool fields_enter(Fields *fields, const char *key, bool may_be_null, Fields *ret) {
        if (fields->r < 0 || (may_be_null && json_is_null(fields->object, key)))
                return false;
        const Json *object = NULL;
        fields->r = json_get_object(fields->object, key, &object, fields->err);
        if (fields->r < 0)
                return false;
        child_init(fields, object, ret);
        snprintf(ret->path, sizeof(ret->path), "%.64s%.24s.", fields->path, key);
        return true;
}

const Json *
fields_array(Fields *fields, const char *key, size_t max, size_t size, void **ret_elements) {
        if (fields->r < 0)
                return NULL;
        const Json *array = NULL;
        fields->r = json_get_array(fields->object, key, &array, fields->err);
        if (fields->r < 0)
                return NULL;
        size_t n = json_length(array);
        if (n > max) {
                fields_refuse(fields, key, "%zu elements, at most %zu are allowed", n, max);
                return NULL;
        }
        *ret_elements = n > 0 ? calloc(n, size) : NULL;
        if (n > 0 && *ret_elements == NULL) {
                fields->r = error_oom(fields->err);
                return NULL;
        }
        return array;
}

bool fields_enter_element(
        Fields *fields, const char *key, const Json *array, size_t i, Fields *ret) {
        if (fields->r < 0)
                return false;
        const Json *element = json_at(array, i);
        if (!json_is_object(element)) {
                fields_refuse(fields, key, "[%zu] is not an object", i);
                return false;
        }
        child_init(fields, element, ret);
        snprintf(ret->path, sizeof(ret->path), "%.40s%.24s[%zu].", fields->path, key, i);
        return true;
}

void fields_leave(Fields *fields, const Fields *child) {
        if (fields->r == 0)
                fields->r = child->r;
}

bool field_is_printable(const char *value) {
        return *value != '\0' && text_is_printable(value);
}

bool field_is_text(const char *value) {
        return text_is_printable(value);
}

bool field_is_tag(const char *value) {
        size_t length = strlen(value);
        return length > 0 && length <= TAG_BYTES &&
               strspn(value,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$#-") ==
                       length;
}

bool field_is_hex(const char *value, size_t digits) {
        return strlen(value) == digits && strspn(value, "0123456789abcdef") == digits;
}

bool field_is_attempt(const char *value) {
        return field_is_hex(value, ATTEMPT_DIGITS);
}

bool field_is_local_time(const char *value) {
        static const char shape[] = "0000-00-00T00:00:00";
        if (strlen(value) != LOCAL_TIME_BYTES)
                return false;
        for (size_t i = 0; i < LOCAL_TIME_BYTES; i++) {
                bool digit = value[i] >= '0' && value[i] <= '9';
                if (shape[i] == '0' ? !digit : value[i] != shape[i])
                        return false;
        }
        return true;
}
