/* HEAD of an object, and of a segment that must be what was stored. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/strings.h"
#include "store/swift-internal.h"

static SwiftVerdict judge_object(const SwiftAnswer *answer, Error *err, void *userdata) {
        SwiftVerdict verdict = swift_judge(answer, err);
        if (verdict != SWIFT_DONE || answer->length != UINT64_MAX)
                return verdict;
        (void)swift_refuse(
                answer, ERROR_STORE_UNAVAILABLE, -EPROTO, err, "the answer has no Content-Length");
        return SWIFT_AGAIN;
}

static SwiftVerdict judge_segment(const SwiftAnswer *answer, Error *err, void *userdata) {
        const SwiftCall *call = userdata;
        SwiftVerdict verdict = judge_object(answer, err, userdata);
        if (verdict != SWIFT_DONE)
                return verdict;
        if (answer->length != call->asked.size)
                return swift_refuse(
                        answer,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        err,
                        "it has %" PRIu64 " bytes, not %zu",
                        answer->length,
                        call->asked.size);
        if (call->asked.md5[0] != '\0' && answer->etag[0] != '\0' &&
            !string_equal(answer->etag, call->asked.md5))
                return swift_refuse(
                        answer,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        err,
                        "it has MD5 %s, not %s",
                        answer->etag,
                        call->asked.md5);
        return SWIFT_DONE;
}

static void on_answer(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->request = NULL;
        if (err == NULL) {
                call->object_size = answer->length;
                memcpy(call->etag, answer->etag, sizeof(call->etag));
        }
        swift_call_end(call, err);
}

int swift_stat_object(SwiftCall *call, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Looking for",
                .method = "HEAD",
                .container = call->store->base.container,
                .object = call->asked.name,
                .headers = {"X-Newest: true"},
                .judge = judge_object,
                .on_done = on_answer,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}

int swift_stat_segment(SwiftCall *call, Error *err) {
        CLEANUP(cleanup_free) char *name = store_asked_segment(&call->asked);
        if (name == NULL)
                return error_oom(err);
        const SwiftRequestOptions options = {
                .doing = "Looking for",
                .method = "HEAD",
                .container = call->store->segment_container,
                .object = name,
                .judge = judge_segment,
                .on_done = on_answer,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}
