/* Removes many objects: with one request where the cluster has bulk delete, else with one each, a
 * few at a time. */
#pragma once

#include "base/strings.h"
#include "store/swift-request.h"

typedef struct SwiftDelete SwiftDelete;

typedef struct SwiftDeleteOptions {
        const char *container;
        const StringList *names; /* lives until on_done or the cancel */
        /* n_deleted: those that were there. */
        void (*on_done)(uint64_t n_deleted, const Error *err, void *userdata);
        void *userdata;
} SwiftDeleteOptions;

int swift_delete_start(
        SwiftStore *store, const SwiftDeleteOptions *options, SwiftDelete **ret, Error *err);
void swift_delete_cancel(SwiftDelete *del);
