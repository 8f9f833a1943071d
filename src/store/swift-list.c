/* Every object with a prefix: page after page. */
#include <errno.h>
#include <string.h>

#include "store/swift-internal.h"

static int next_page(SwiftCall *call, const char *marker, Error *err);

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
                r = store_entries_add(
                        &call->entries, &entries[i], call->store->base.description, &error);
        /* A marker that does not move would never end. */
        if (r == 0 && n > 0 && call->entries.n > n &&
            strcmp(entries[n - 1].name, call->entries.items[call->entries.n - n - 1].name) <= 0)
                r = error_set(
                        &error,
                        ERROR_STORE_UNAVAILABLE,
                        -EPROTO,
                        "Listing %s: the pages do not follow each other",
                        call->store->base.container);
        if (r == 0 && n > 0)
                r = next_page(call, call->entries.items[call->entries.n - 1].name, &error);
        else if (r == 0)
                store_entries_sort(&call->entries);
        if (r < 0 || n == 0)
                swift_call_end(call, r < 0 ? &error : NULL);
}

static int next_page(SwiftCall *call, const char *marker, Error *err) {
        const SwiftPageOptions options = {
                .container = call->store->base.container,
                .prefix = call->asked.name,
                .marker = marker,
                .on_done = on_page,
                .userdata = call,
        };
        return swift_page_start(call->store, &options, &call->page, err);
}

int swift_list(SwiftCall *call, Error *err) {
        return next_page(call, "", err);
}
