/* The growing text, the list of strings and small comparisons. Numbers are in parse.c, the names of
 * the contract in names.c. */
#include "base/strings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_CAPACITY_MIN = 64 };

static void text_fail(Text *text) {
        text_wipe(text);
        text->failed = true;
}

/* Moves by hand and not by realloc, so that no copy of a secret stays behind. */
static bool text_reserve(Text *text, size_t extra) {
        size_t needed, capacity = text->capacity > 0 ? text->capacity : TEXT_CAPACITY_MIN;
        char *data;

        if (text->failed)
                return false;
        if (__builtin_add_overflow(text->length, extra, &needed) ||
            __builtin_add_overflow(needed, 1, &needed) || needed > SIZE_MAX / 2) {
                text_fail(text);
                return false;
        }
        if (needed <= text->capacity)
                return true;
        while (capacity < needed)
                capacity *= 2;
        data = malloc(capacity);
        if (data == NULL) {
                text_fail(text);
                return false;
        }
        if (text->data != NULL) {
                memcpy(data, text->data, text->length);
                wipe(text->data, text->length);
                free(text->data);
        }
        data[text->length] = '\0';
        text->data = data;
        text->capacity = capacity;
        return true;
}

void text_done(Text *text) {
        free(text->data);
        *text = TEXT_INIT;
}

void text_wipe(Text *text) {
        wipe(text->data, text->capacity);
        text_done(text);
}

void text_append(Text *text, const char *string) {
        text_append_bytes(text, string, strlen(string));
}

void text_append_bytes(Text *text, const void *bytes, size_t size) {
        if (!text_reserve(text, size) || size == 0)
                return;
        memcpy(text->data + text->length, bytes, size);
        text->length += size;
        text->data[text->length] = '\0';
}

void text_appendf(Text *text, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        text_appendf_va(text, format, ap);
        va_end(ap);
}

void text_appendf_va(Text *text, const char *format, va_list ap) {
        va_list again;
        int n;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (n < 0) {
                text_fail(text);
                return;
        }
        if (!text_reserve(text, (size_t)n))
                return;
        vsnprintf(text->data + text->length, (size_t)n + 1, format, ap);
        text->length += (size_t)n;
}

void text_append_quoted(Text *text, const char *value) {
        text_append(text, "'");
        for (const char *p = value; *p != '\0'; p++) {
                if (*p == '\'')
                        text_append(text, "'");
                text_append_bytes(text, p, 1);
        }
        text_append(text, "'");
}

void text_clear(Text *text) {
        text->length = 0;
        if (text->data != NULL)
                text->data[0] = '\0';
}

char *text_take(Text *text) {
        char *data;

        if (!text_reserve(text, 0)) {
                text_done(text);
                return NULL;
        }
        data = text->data;
        *text = TEXT_INIT;
        return data;
}

const char *text_get(const Text *text) {
        if (text->failed)
                return NULL;
        return text->data != NULL ? text->data : "";
}

void string_list_done(StringList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i]);
        free(list->items);
        *list = (StringList){0};
}

int string_list_add(StringList *list, const char *string) {
        char **items, *copy;

        /* Capacity is the next power of two above n + 1, so it is only looked at when n + 1 is one.
         */
        if (list->n == 0 || ((list->n + 1) & list->n) == 0) {
                items = reallocarray(list->items, 2 * (list->n + 1), sizeof(*items));
                if (items == NULL)
                        return -ENOMEM;
                list->items = items;
                items[list->n] = NULL;
        }
        copy = strdup(string);
        if (copy == NULL)
                return -ENOMEM;
        list->items[list->n++] = copy;
        list->items[list->n] = NULL;
        return 0;
}

int string_list_copy(const StringList *list, StringList *ret) {
        StringList copy = {0};

        for (size_t i = 0; i < list->n; i++)
                if (string_list_add(&copy, list->items[i]) < 0) {
                        string_list_done(&copy);
                        return -ENOMEM;
                }
        *ret = copy;
        return 0;
}

bool string_list_has(const StringList *list, const char *string) {
        for (size_t i = 0; i < list->n; i++)
                if (string_equal(list->items[i], string))
                        return true;
        return false;
}

bool string_equal(const char *a, const char *b) {
        if (a == NULL || b == NULL)
                return a == b;
        return strcmp(a, b) == 0;
}

bool string_starts_with(const char *string, const char *prefix) {
        return strncmp(string, prefix, strlen(prefix)) == 0;
}

bool string_ends_with(const char *string, const char *suffix) {
        size_t length = strlen(string), n = strlen(suffix);

        return length >= n && strcmp(string + length - n, suffix) == 0;
}

char *string_printf(const char *format, ...) {
        char *string = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&string, format, ap);
        va_end(ap);
        return n < 0 ? NULL : string;
}

void wipe(void *bytes, size_t size) {
        if (bytes != NULL)
                explicit_bzero(bytes, size);
}
