/* Reading checked fields out of a JSON object into owned structures. Internal to repository/.
 *
 * Errors are sticky: after the first one every call does nothing, so that a parser reads like the
 * list of its fields and asks once at the end. Each error names the document and the key's path. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

typedef struct Fields {
        const Json *object;
        const char *what; /* the document, for messages */
        char path[96];    /* of this object: "", "databases[1]." .. */
        Error *err;
        int r;
} Fields;

typedef bool (*FieldCheck)(const char *value);

/* The largest integer a document may hold; jansson has no more. */
static const uint64_t FIELD_UINT_MAX = INT64_MAX;

/* The JSON of a control object of the store. */
int fields_parse(const char *payload, size_t size, const char *what, Json **ret, Error *err);

/* Its text, at most as large as fields_parse() takes; advice: how it would be smaller, or "". */
int fields_print(
        const Json *root,
        const char *what,
        const char *advice,
        char **ret,
        size_t *ret_size,
        Error *err);

/* Refuses a value: "<what>: <path><key>: <text>" (Integrity). */
void fields_refuse(Fields *fields, const char *key, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Refuses what a newer version wrote (Incompatible). */
void fields_refuse_newer(Fields *fields, const char *key, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* An owned copy; check may be NULL, `expected` says what it wants. */
void fields_string(
        Fields *fields, const char *key, FieldCheck check, const char *expected, char **ret);
/* null or missing gives NULL. */
void fields_string_or_null(
        Fields *fields, const char *key, FieldCheck check, const char *expected, char **ret);
void fields_strings(
        Fields *fields, const char *key, FieldCheck check, const char *expected, StringList *ret);
void fields_uint(Fields *fields, const char *key, uint64_t min, uint64_t max, uint64_t *ret);
void fields_uint32(Fields *fields, const char *key, uint32_t min, uint32_t max, uint32_t *ret);
void fields_bool(Fields *fields, const char *key, bool *ret);
/* Exactly `digits` lower-case hex digits; ret has digits + 1 bytes. */
void fields_hex(Fields *fields, const char *key, size_t digits, char *ret);
void fields_time(Fields *fields, const char *key, uint64_t *ret_usec);
/* format must be 1: a higher one is Incompatible. */
void fields_format(Fields *fields);

/* A member object; false when it is null, missing or an error came up. */
bool fields_enter(Fields *fields, const char *key, bool may_be_null, Fields *ret);
/* An array of at most max elements; makes *ret zeroed elements of `size` bytes in *ret_elements
 * (NULL for none). */
const Json *
fields_array(Fields *fields, const char *key, size_t max, size_t size, void **ret_elements);
/* Element i of an array: it must be an object. */
bool fields_enter_element(
        Fields *fields, const char *key, const Json *array, size_t i, Fields *ret);
/* Carries the error of a member's or element's fields over. */
void fields_leave(Fields *fields, const Fields *child);

bool field_is_printable(const char *value); /* not empty */
bool field_is_text(const char *value);      /* may be empty */
bool field_is_tag(const char *value);       /* an RMAN tag */
bool field_is_attempt(const char *value);
bool field_is_hex(const char *value, size_t digits);
bool field_is_local_time(const char *value); /* YYYY-MM-DDTHH:MM:SS */
