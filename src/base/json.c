/* JSON with limits. Every value that was handed out is a small node beside jansson's, because a
 * message about a key needs the way to it. A root owns all nodes read from it (its arena); a value
 * that was set into another belongs to that one. */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Three names are in both headers: jansson's stay out of the way. */
#define json_string_value jansson_string_value
#include <jansson.h>
#include <pthread.h>
#undef json_string_value
#undef json_is_object
#undef json_is_null

/* Where memory is short, jansson says that something else was expected, or goes on with a byte of a
 * string missing, both ways. So its allocations go through here; not const for that reason alone.
 */
static _Thread_local bool ran_out;
static pthread_once_t allocator_is_ours = PTHREAD_ONCE_INIT;

static void *allocate(size_t size) {
        void *memory = malloc(size);

        ran_out |= memory == NULL;
        return memory;
}

static void take_allocator(void) {
        json_set_alloc_funcs(allocate, free);
}

static void watch_memory(void) {
        pthread_once(&allocator_is_ours, take_allocator);
        ran_out = false;
}

typedef struct JsonBlock JsonBlock;

/* Read nodes hang on a heap object of their own: getters take const values. */
typedef struct JsonArena {
        JsonBlock *blocks;
        char *what;
        ErrorKind kind;
} JsonArena;

struct Json {
        json_t *value; /* borrowed from the root, but in a root */
        JsonArena *arena;
        const Json *parent; /* NULL in a root */
        const char *key;    /* NULL: index counts */
        size_t index;
        const Json *items; /* nodes of an array's elements */
        bool is_root;
        int r; /* first failure of a setter */
        Json *children, *next_child;
};

struct JsonBlock {
        JsonBlock *next;
        size_t n;
        Json nodes[];
};

static JsonBlock *block_new(JsonArena *arena, size_t n) {
        JsonBlock *block;
        size_t size;

        if (__builtin_mul_overflow(n, sizeof(Json), &size) ||
            __builtin_add_overflow(size, sizeof(JsonBlock), &size))
                return NULL;
        block = calloc(1, size);
        if (block == NULL)
                return NULL;
        block->n = n;
        block->next = arena->blocks;
        arena->blocks = block;
        return block;
}

static JsonArena *arena_new(const char *what, ErrorKind kind) {
        JsonArena *arena = calloc(1, sizeof(*arena));

        if (arena == NULL)
                return NULL;
        arena->kind = kind;
        arena->what = strdup(what);
        if (arena->what == NULL) {
                free(arena);
                return NULL;
        }
        return arena;
}

static void arena_free(JsonArena *arena) {
        while (arena->blocks != NULL) {
                JsonBlock *next = arena->blocks->next;

                free(arena->blocks);
                arena->blocks = next;
        }
        free(arena->what);
        free(arena);
}

/* Makes the nodes of an array's elements now, where a failure can be reported: json_at() has no
 * error. */
static int fill_items(Json *array) {
        size_t n = json_array_size(array->value);
        JsonBlock *block;

        if (!json_is_array(array->value) || n == 0)
                return 0;
        block = block_new(array->arena, n);
        if (block == NULL)
                return -ENOMEM;
        array->items = block->nodes;
        for (size_t i = 0; i < n; i++) {
                block->nodes[i] = (Json){
                        .value = json_array_get(array->value, i),
                        .arena = array->arena,
                        .parent = array,
                        .index = i,
                };
                if (fill_items(&block->nodes[i]) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Takes the reference, also when it fails. */
static Json *root_new(json_t *value, const char *what, ErrorKind kind) {
        Json *root = calloc(1, sizeof(*root));
        JsonArena *arena = arena_new(what, kind);

        if (root == NULL || arena == NULL || value == NULL) {
                free(root);
                if (arena != NULL)
                        arena_free(arena);
                json_decref(value);
                return NULL;
        }
        *root = (Json){.value = value, .arena = arena, .is_root = true};
        return root;
}

Json *json_free(Json *json) {
        if (json == NULL || !json->is_root)
                return NULL;
        while (json->children != NULL) {
                Json *next = json->children->next_child;

                json_free(json->children);
                json->children = next;
        }
        json_decref(json->value);
        arena_free(json->arena);
        free(json);
        return NULL;
}

/* jansson's parser recurses as deep as the text says; so the depth is counted before it starts. */
static bool depth_is_fine(const char *text, size_t size) {
        bool in_string = false;
        unsigned depth = 0;

        for (size_t i = 0; i < size; i++) {
                char c = text[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                        continue;
                }
                if (c == '"')
                        in_string = true;
                else if ((c == '{' || c == '[') && ++depth > LIMIT_JSON_DEPTH)
                        return false;
                else if ((c == '}' || c == ']') && depth > 0)
                        depth--;
        }
        return true;
}

int json_parse(
        const char *text, size_t size, const JsonDocument *document, Json **ret, Error *err) {
        CLEANUP(cleanup_json) Json *root = NULL;
        json_error_t failure;
        json_t *value;

        if (size > document->max_bytes)
                return error_set(
                        err,
                        document->kind,
                        -EFBIG,
                        "%s: is larger than %zu bytes",
                        document->what,
                        document->max_bytes);
        if (!depth_is_fine(text, size))
                return error_set(
                        err,
                        document->kind,
                        -EINVAL,
                        "%s: is nested deeper than %d levels",
                        document->what,
                        LIMIT_JSON_DEPTH);
        watch_memory();
        value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &failure);
        if (ran_out) {
                json_decref(value);
                return error_oom(err);
        }
        if (value == NULL)
                return error_set(
                        err,
                        document->kind,
                        -EINVAL,
                        "%s: is no JSON: %s (line %d, column %d)",
                        document->what,
                        failure.text,
                        failure.line,
                        failure.column);
        root = root_new(value, document->what, document->kind);
        if (root == NULL || fill_items(root) < 0)
                return error_oom(err);
        *ret = TAKE_PTR(root);
        return 0;
}

static int first_failure(const Json *json) {
        int r = json->r;

        for (const Json *child = json->children; r == 0 && child != NULL; child = child->next_child)
                r = first_failure(child);
        return r;
}

int json_print(const Json *json, char **ret_text, size_t *ret_size, Error *err) {
        int r = json != NULL ? first_failure(json) : -ENOMEM;
        char *text;

        if (r == -EINVAL)
                return error_set(
                        err, ERROR_INTERNAL, r, "A text that is no UTF-8 cannot become JSON");
        if (r == -ERANGE)
                return error_set(
                        err, ERROR_INTERNAL, r, "A number beyond 2^63-1 cannot become JSON");
        if (r < 0)
                return error_oom(err);
        watch_memory();
        text = json_dumps(json->value, JSON_COMPACT | JSON_SORT_KEYS);
        if (text == NULL || ran_out) {
                free(text);
                return error_oom(err);
        }
        *ret_size = strlen(text);
        *ret_text = text;
        return 0;
}

Json *json_new_object(void) {
        return root_new(json_object(), "value", ERROR_INTERNAL);
}

Json *json_new_array(void) {
        return root_new(json_array(), "value", ERROR_INTERNAL);
}

static void json_fail(Json *json, int r) {
        if (json->r == 0)
                json->r = r;
}

static void adopt(Json *parent, Json *child) {
        child->next_child = parent->children;
        parent->children = child;
}

/* Takes the reference. */
static void set_value(Json *object, const char *key, json_t *value) {
        if (object == NULL) {
                json_decref(value);
                return;
        }
        if (value == NULL || json_object_set_new(object->value, key, value) < 0)
                json_fail(object, utf8_valid(key) ? -ENOMEM : -EINVAL);
}

static void add_value(Json *array, json_t *value) {
        if (array == NULL) {
                json_decref(value);
                return;
        }
        if (value == NULL || json_array_append_new(array->value, value) < 0)
                json_fail(array, -ENOMEM);
}

/* NULL with the failure noted. */
static json_t *string_new(Json *container, const char *value) {
        if (container == NULL)
                return NULL;
        if (value == NULL)
                return json_null();
        if (!utf8_valid(value))
                json_fail(container, -EINVAL);
        return json_string(value);
}

static json_t *uint_new(Json *container, uint64_t value) {
        if (container == NULL)
                return NULL;
        if (value > INT64_MAX) {
                json_fail(container, -ERANGE);
                return NULL;
        }
        return json_integer((json_int_t)value);
}

void json_set(Json *object, const char *key, Json *value) {
        if (object == NULL) {
                json_free(value);
                return;
        }
        set_value(object, key, value != NULL ? json_incref(value->value) : NULL);
        if (value != NULL)
                adopt(object, value);
}

void json_set_string(Json *object, const char *key, const char *value) {
        set_value(object, key, string_new(object, value));
}

void json_set_uint(Json *object, const char *key, uint64_t value) {
        set_value(object, key, uint_new(object, value));
}

void json_set_bool(Json *object, const char *key, bool value) {
        set_value(object, key, json_boolean(value));
}

void json_set_null(Json *object, const char *key) {
        set_value(object, key, json_null());
}

void json_add(Json *array, Json *value) {
        if (array == NULL) {
                json_free(value);
                return;
        }
        add_value(array, value != NULL ? json_incref(value->value) : NULL);
        if (value != NULL)
                adopt(array, value);
}

void json_add_string(Json *array, const char *value) {
        add_value(array, string_new(array, value));
}

void json_add_uint(Json *array, uint64_t value) {
        add_value(array, uint_new(array, value));
}

/* "databases[1]"; nothing for the root. */
static void append_path(Text *text, const Json *json) {
        if (json->parent == NULL)
                return;
        append_path(text, json->parent);
        if (json->key == NULL)
                text_appendf(text, "[%zu]", json->index);
        else
                text_appendf(text, "%s%s", text->length > 0 ? "." : "", json->key);
}

static int get_failed(const Json *object, const char *key, int r, const char *problem, Error *err) {
        CLEANUP(text_done) Text path = TEXT_INIT;

        append_path(&path, object);
        text_appendf(&path, "%s%s", path.length > 0 ? "." : "", key);
        if (path.failed)
                return error_oom(err);
        return error_set(
                err,
                object->arena->kind,
                r,
                "%s: %s: %s",
                object->arena->what,
                text_get(&path),
                problem);
}

/* NULL when it is no text. */
static const char *text_of(json_t *value) {
        const char *text = NULL;

        return json_is_string(value) && json_unpack(value, "s", &text) == 0 ? text : NULL;
}

static int get_value(const Json *object, const char *key, json_t **ret, Error *err) {
        json_t *value;

        if (!json_is_object(object))
                return get_failed(object, key, -EINVAL, "is not within an object", err);
        value = json_object_get(object->value, key);
        if (value == NULL)
                return get_failed(object, key, -ENODATA, "is missing", err);
        *ret = value;
        return 0;
}

static int
get_node(const Json *object, const char *key, json_t *value, const Json **ret, Error *err) {
        JsonBlock *block = block_new(object->arena, 1);
        Json *node;

        if (block == NULL)
                return error_oom(err);
        node = block->nodes;
        *node = (Json){.value = value, .arena = object->arena, .parent = object};
        /* The key as the document keeps it: the caller's may be on a stack. */
        node->key = json_object_iter_key(json_object_iter_at(object->value, key));
        if (fill_items(node) < 0)
                return error_oom(err);
        *ret = node;
        return 0;
}

int json_get_object(const Json *object, const char *key, const Json **ret, Error *err) {
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (json_typeof(value) != JSON_OBJECT)
                return get_failed(object, key, -EINVAL, "is not an object", err);
        return get_node(object, key, value, ret, err);
}

int json_get_array(const Json *object, const char *key, const Json **ret, Error *err) {
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (!json_is_array(value))
                return get_failed(object, key, -EINVAL, "is not an array", err);
        return get_node(object, key, value, ret, err);
}

int json_get_string(const Json *object, const char *key, const char **ret, Error *err) {
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (!json_is_string(value))
                return get_failed(object, key, -EINVAL, "is not a text", err);
        *ret = text_of(value);
        return 0;
}

int json_get_uint(const Json *object, const char *key, uint64_t *ret, Error *err) {
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return get_failed(object, key, -EINVAL, "is not a whole number of 0 or more", err);
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}

int json_get_bool(const Json *object, const char *key, bool *ret, Error *err) {
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (!json_is_boolean(value))
                return get_failed(object, key, -EINVAL, "is not true or false", err);
        *ret = json_is_true(value);
        return 0;
}

int json_get_strings(const Json *object, const char *key, StringList *ret, Error *err) {
        CLEANUP(string_list_done) StringList list = {0};
        json_t *value = NULL;
        int r = get_value(object, key, &value, err);

        if (r < 0)
                return r;
        if (!json_is_array(value))
                return get_failed(object, key, -EINVAL, "is not an array", err);
        for (size_t i = 0; i < json_array_size(value); i++) {
                const char *item = text_of(json_array_get(value, i));

                if (item == NULL)
                        return get_failed(object, key, -EINVAL, "holds more than texts", err);
                if (string_list_add(&list, item) < 0)
                        return error_oom(err);
        }
        *ret = list;
        list = (StringList){0};
        return 0;
}

bool json_is_null(const Json *object, const char *key) {
        json_t *value = json_object_get(object->value, key);

        return value == NULL || json_typeof(value) == JSON_NULL;
}

size_t json_length(const Json *array) {
        return json_array_size(array->value);
}

const Json *json_at(const Json *array, size_t index) {
        if (array->items == NULL || index >= json_array_size(array->value))
                return NULL;
        return &array->items[index];
}

bool json_is_object(const Json *value) {
        return value != NULL && json_typeof(value->value) == JSON_OBJECT;
}

const char *json_string_value(const Json *value) {
        return value != NULL ? text_of(value->value) : NULL;
}
