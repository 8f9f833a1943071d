/* See entries.h. Used by both drivers. */
#include "store/entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

int store_entries_add(
        StoreEntries *entries, const StoreEntry *entry, const char *where, Error *err) {
        if (entries->n == LIMIT_LISTING_NAMES)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -E2BIG,
                        "%s has more than %d objects; delete backups that are no longer needed",
                        where,
                        LIMIT_LISTING_NAMES);
        if (entries->n == entries->capacity) {
                size_t capacity = entries->capacity > 0 ? 2 * entries->capacity : 64;
                void *larger = reallocarray(entries->items, capacity, sizeof(StoreEntry));
                if (larger == NULL)
                        return error_oom(err);
                entries->items = larger;
                entries->capacity = capacity;
        }
        char *name = strdup(entry->name);
        if (name == NULL)
                return error_oom(err);
        entries->items[entries->n] = *entry;
        entries->items[entries->n++].name = name;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        const StoreEntry *left = a, *right = b;
        return strcmp(left->name, right->name);
}

void store_entries_sort(StoreEntries *entries) {
        if (entries->n > 1)
                qsort(entries->items, entries->n, sizeof(StoreEntry), compare_names);
}

void store_entries_done(StoreEntries *entries) {
        for (size_t i = 0; i < entries->n; i++) {
                void *name = (void *)(uintptr_t)entries->items[i].name; /* const for readers */
                free(name);
        }
        free(entries->items);
        *entries = (StoreEntries){0};
}
