/* One page of a container's listing. */
#pragma once

#include "store/store.h"
#include "store/swift-request.h"

typedef struct SwiftPage SwiftPage;

typedef struct SwiftPageOptions {
        const char *container;
        const char *prefix; /* copied into the request, so is marker */
        const char *marker; /* "" : from the beginning */
        /* entries in the order of the listing, their names valid within the call; n 0: the end. */
        void (*on_done)(const StoreEntry *entries, size_t n, const Error *err, void *userdata);
        void *userdata;
} SwiftPageOptions;

int swift_page_start(
        SwiftStore *store, const SwiftPageOptions *options, SwiftPage **ret, Error *err);
void swift_page_cancel(SwiftPage *page);
