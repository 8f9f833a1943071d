/* Segments: objects of the segment container, each fetched by itself. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "store/swift-internal.h"

/* --- put --- */

static void on_put(bool already_there, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->put = NULL;
        call->already_there = already_there;
        swift_call_end(call, err);
}

int swift_put_segment(SwiftCall *call, Error *err) {
        CLEANUP(cleanup_free) char *name = store_asked_segment(&call->asked);
        if (name == NULL)
                return error_oom(err);
        memcpy(call->etag, call->asked.md5, sizeof(call->etag));
        const SwiftPutOptions options = {
                .container = call->store->segment_container,
                .object = name,
                .content_type = "application/octet-stream",
                .body = call->asked.bytes,
                .body_size = call->asked.size,
                .etag = call->asked.md5,
                .object_size = call->asked.size,
                .is_transfer = true,
                .on_done = on_put,
                .userdata = call,
        };
        return swift_put_start(call->store, &options, &call->put, err);
}

/* --- get --- */

static SwiftVerdict judge_get(const SwiftAnswer *answer, Error *err, void *userdata) {
        const SwiftCall *call = userdata;
        /* Beyond its end: it is shorter than what was there of it already. */
        if (answer->status == 416)
                return swift_refuse(
                        answer,
                        ERROR_INTEGRITY,
                        -ENODATA,
                        err,
                        "it has fewer than %zu bytes",
                        call->asked.size);
        SwiftVerdict verdict = swift_judge(answer, err);
        if (verdict != SWIFT_DONE || answer->body_size == call->asked.size)
                return verdict;
        return swift_refuse(
                answer,
                ERROR_INTEGRITY,
                -ENODATA,
                err,
                "it has %zu bytes, not %zu",
                answer->body_size,
                call->asked.size);
}

static void on_get(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->request = NULL;
        if (err == NULL) {
                call->object_size = answer->body_size;
                memcpy(call->etag, answer->etag, sizeof(call->etag));
        }
        swift_call_end(call, err);
}

int swift_get_segment(SwiftCall *call, Error *err) {
        CLEANUP(cleanup_free) char *name = store_asked_segment(&call->asked);
        if (name == NULL)
                return error_oom(err);
        const SwiftRequestOptions options = {
                .doing = "Reading",
                .method = "GET",
                .container = call->store->segment_container,
                .object = name,
                .reply_buffer = call->asked.buffer,
                .max_reply_bytes = call->asked.size,
                .is_transfer = true,
                .judge = judge_get,
                .on_done = on_get,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}
