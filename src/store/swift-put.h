/* A create-only PUT whose outcome is certain: 412 is read back, a report inside the body is judged.
 * Small objects, segments, manifests. */
#pragma once

#include "store/swift-request.h"

typedef struct SwiftPut SwiftPut;

typedef struct SwiftPutOptions {
        const char *container, *object, *query; /* query NULL: none */
        const char *content_type;
        const void *body; /* lives until on_done or the cancel; so does etag */
        size_t body_size;
        const char *etag;     /* MD5 that the server has to compare with, and the object's */
        uint64_t object_size; /* of the object; a manifest's is that of its segments */
        bool is_manifest, is_transfer;
        void (*on_done)(bool already_there, const Error *err, void *userdata);
        void *userdata;
} SwiftPutOptions;

int swift_put_start(SwiftStore *store, const SwiftPutOptions *options, SwiftPut **ret, Error *err);
bool swift_put_cancel(SwiftPut *put); /* as swift_request_cancel() */
