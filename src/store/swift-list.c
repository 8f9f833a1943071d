/* Every object with a prefix: page after page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/swift-internal.h"

static int next_page(SwiftCall *call, const char *marker, Error *err);

static int add_entry(SwiftCall *call, const StoreEntry *entry, Error *err) {
        if (call->n_entries == LIMIT_LISTING_NAMES)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -E2BIG,
                        "Container %s has more than %d objects",
                        call->store->base.container,
                        LIMIT_LISTING_NAMES);
        if (call->n_entries == call->entries_capacity) {
                size_t capacity = call->entries_capacity > 0 ? 2 * call->entries_capacity : 64;
                void *larger = realloc(call->entries, capacity * sizeof(StoreEntry));
                if (larger == NULL)
                        return error_oom(err);
                call->entries = larger;
                call->entries_capacity = capacity;
        }
        char *name = strdup(entry->name);
        if (name == NULL)
                return error_oom(err);
        call->entries[call->n_entries] = *entry;
        call->entries[call->n_entries++].name = name;
        return 0;
}

static int by_name(const void *a, const void *b) {
        const StoreEntry *left = a, *right = b;
        return strcmp(left->name, right->name);
}

static void on_page(const StoreEntry *entries, size_t n, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        Error error = {0};
        int r = 0;
        call->page = NULL;
        if (err != NULL) {
                swift_call_end(call, err);
                return;
        }
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_entry(call, &entries[i], &error);
        /* A marker that does not move would never end. */
        if (r == 0 && n > 0 && call->n_entries > n &&
            strcmp(entries[n - 1].name, call->entries[call->n_entries - n - 1].name) <= 0)
                r = error_set(
                        &error,
                        ERROR_STORE_UNAVAILABLE,
                        -EPROTO,
                        "Listing %s: the pages do not follow each other",
                        call->store->base.container);
        if (r == 0 && n > 0)
                r = next_page(call, call->entries[call->n_entries - 1].name, &error);
        else if (r == 0 && call->n_entries > 1)
                qsort(call->entries, call->n_entries, sizeof(StoreEntry), by_name);
        if (r < 0 || n == 0)
                swift_call_end(call, r < 0 ? &error : NULL);
}

static int next_page(SwiftCall *call, const char *marker, Error *err) {
        const SwiftPageOptions options = {
                .container = call->store->base.container,
                .prefix = call->name,
                .marker = marker,
                .on_done = on_page,
                .userdata = call,
        };
        return swift_page_start(call->store, &options, &call->page, err);
}

int swift_list(SwiftCall *call, Error *err) {
        return next_page(call, "", err);
}
