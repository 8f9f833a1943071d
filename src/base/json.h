/* JSON with limits: a thin face on jansson, whose header stays inside json.c.
 *
 * Reading: size, depth (LIMIT_JSON_DEPTH), duplicate keys and bad UTF-8 are refused, integers keep
 * 64 bits (unsigned up to 2^63-1; SCNs and sizes fit). Getters name the missing or mistyped key in
 * the error, with the path given at json_parse ("record: databases[1].dbid: .."). Writing: keys
 * sorted, compact, no escaping of '/', so that the same value always gives the same bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strings.h"

typedef struct Json Json;

/* What a document is: its name in messages, how large it may be, and the kind of every failure
 * (e.g. ERROR_INTEGRITY for a record). */
typedef struct JsonDocument {
        const char *what;
        size_t max_bytes;
        ErrorKind kind;
} JsonDocument;
int json_parse(const char *text, size_t size, const JsonDocument *document, Json **ret, Error *err);
int json_print(const Json *json, char **ret_text, size_t *ret_size, Error *err); /* caller frees */
Json *json_free(
        Json *json); /* only for a root: what json_parse, json_new_* or json_print's caller owns */
DEFINE_CLEANUP(Json, json);

/* Writing. Setters take ownership of a child value. They never fail one by one: json_print reports
 * -ENOMEM at the end. */
Json *json_new_object(void);
Json *json_new_array(void);
void json_set(Json *object, const char *key, Json *value);
void json_set_string(Json *object, const char *key, const char *value); /* NULL: null */
void json_set_uint(Json *object, const char *key, uint64_t value);
void json_set_bool(Json *object, const char *key, bool value);
void json_set_null(Json *object, const char *key);
void json_add(Json *array, Json *value);
void json_add_string(Json *array, const char *value);
void json_add_uint(Json *array, uint64_t value);

/* Reading. What a getter returns belongs to the document. Each returns 0 or a negative errno with
 * *err set: -ENODATA when the key is missing, -EINVAL when it has another type or does not fit. */
int json_get_object(const Json *object, const char *key, const Json **ret, Error *err);
int json_get_array(const Json *object, const char *key, const Json **ret, Error *err);
int json_get_string(const Json *object, const char *key, const char **ret, Error *err);
int json_get_uint(const Json *object, const char *key, uint64_t *ret, Error *err);
int json_get_bool(const Json *object, const char *key, bool *ret, Error *err);
int json_get_strings(
        const Json *object, const char *key, StringList *ret, Error *err); /* an array of strings */
bool json_is_null(const Json *object, const char *key); /* also when the key is missing */
size_t json_length(const Json *array);
const Json *json_at(const Json *array, size_t index); /* NULL beyond the end */
bool json_is_object(const Json *value);
const char *json_string_value(const Json *value); /* NULL when it is none */
