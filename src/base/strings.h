/* Text: a growing buffer, parsing of numbers and units, and the names that become part of a path or
 * a script. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A growing text. After an allocation failed it stays failed: appends do nothing and text_failed()
 * is true, so that a writer checks once at the end. Always NUL-terminated (data is "" when empty,
 * NULL only when failed). */
typedef struct Text {
        char *data;
        size_t length, capacity;
        bool failed;
} Text;

#define TEXT_INIT ((Text){0})
void text_done(Text *text);
void text_wipe(Text *text); /* text_done() that overwrites first: for secrets */
void text_append(Text *text, const char *string);
void text_append_bytes(Text *text, const void *bytes, size_t size);
void text_appendf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_appendf_va(Text *text, const char *format, va_list ap)
        __attribute__((format(printf, 2, 0)));
void text_append_quoted(Text *text, const char *value); /* 'value', with each ' in it doubled */
void text_clear(Text *text);
char *text_take(Text *text); /* the caller frees; NULL when failed; the Text is empty afterwards */
const char *text_get(const Text *text);

/* A list of owned strings, NULL-terminated. */
typedef struct StringList {
        char **items;
        size_t n;
} StringList;

void string_list_done(StringList *list);
int string_list_add(StringList *list, const char *string); /* 0 or -ENOMEM */
int string_list_copy(const StringList *list, StringList *ret);
bool string_list_has(const StringList *list, const char *string);

bool string_equal(const char *a, const char *b); /* NULL equals NULL only */
bool string_starts_with(const char *string, const char *prefix);
bool string_ends_with(const char *string, const char *suffix);
char *string_printf(const char *format, ...)
        __attribute__((format(printf, 1, 2))); /* NULL: no memory */

/* Whole-string numbers: no sign but '-' for int64, no blanks. 0, -EINVAL or -ERANGE. */
int parse_uint64(const char *string, uint64_t *ret);
int parse_int64(const char *string, int64_t *ret);
int parse_hex(
        const char *string, void *ret, size_t size); /* exactly 2 * size digits of either case */
void format_hex(
        const void *bytes, size_t size, char *ret); /* lower case; ret has 2 * size + 1 bytes */

int parse_size(const char *string, uint64_t *ret_bytes); /* 64K, 4G, 1T, 17; 1024s */
int parse_duration(
        const char *string, uint64_t *ret_msec); /* 10s, 5m, 2h, 3d; a bare number is seconds */

/* RFC 3339 in UTC with whole seconds, "2026-11-22T06:10:44Z"; ret has 21 bytes. */
void format_time(uint64_t realtime_usec, char *ret);
int parse_time(const char *string, uint64_t *ret_realtime_usec); /* also with an offset */

/* Bytes of the character that begins here, or 0 when no valid one does (NUL is a character of one).
 */
size_t utf8_character(const char *string, size_t size);
bool utf8_valid(const char *string);        /* strict: no overlong forms, no surrogates */
bool text_is_printable(const char *string); /* valid UTF-8 without control characters */

/* The names of the contract, checked wherever one comes in. */
bool sid_valid(const char *sid);
bool instance_valid(const char *instance);
bool backup_id_valid(const char *id); /* lower-case UUID */
bool path_is_clean(const char *path); /* absolute, no "." or ".." or empty component, no control
                                         characters, valid UTF-8 */

/* fnmatch(3) without pathname rules: '*' matches everything. For trusted-keys. */
bool glob_matches(const char *pattern, const char *string);

void wipe(void *bytes, size_t size); /* not optimised away */
