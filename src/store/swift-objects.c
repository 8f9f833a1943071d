/* Small objects, and what is said of any object. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "store/swift-internal.h"
#include "store/swift-url.h"
#include "stream/digest.h"

enum { MD5_DIGITS = 32 };

static int md5(const void *bytes, size_t size, char ret[33], Error *err) {
        char hex[65];
        int r = digest_hex(DIGEST_MD5, bytes, size, hex, err);
        if (r < 0)
                return r;
        memcpy(ret, hex, MD5_DIGITS);
        ret[MD5_DIGITS] = '\0';
        return 0;
}

/* --- put --- */

static void on_put(bool already_there, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->put = NULL;
        call->already_there = already_there;
        swift_call_end(call, err);
}

int swift_put_object(SwiftCall *call, Error *err) {
        int r = md5(call->asked.object, call->asked.size, call->etag, err);
        if (r < 0)
                return r;
        const SwiftPutOptions options = {
                .container = call->store->base.container,
                .object = call->asked.name,
                .content_type = string_ends_with(call->asked.name, ".json") ? "application/json"
                                                                            : "text/plain",
                .body = call->asked.object,
                .body_size = call->asked.size,
                .etag = call->etag,
                .object_size = call->asked.size,
                .on_done = on_put,
                .userdata = call,
        };
        return swift_put_start(call->store, &options, &call->put, err);
}

/* --- get --- */

/* Damaged on the way, or there: the next answer tells. */
static SwiftVerdict judge_get(const SwiftAnswer *answer, Error *err, void *userdata) {
        SwiftCall *call = userdata;
        char digest[33];
        SwiftVerdict verdict = swift_judge(answer, err);
        if (verdict != SWIFT_DONE || answer->etag[0] == '\0' || answer->is_large_object)
                return verdict;
        if (md5(answer->body, answer->body_size, digest, err) < 0)
                return SWIFT_FAILED;
        if (string_equal(digest, answer->etag))
                return SWIFT_DONE;
        (void)swift_refuse(
                answer,
                ERROR_INTEGRITY,
                -EBADMSG,
                err,
                "its bytes have MD5 %s, not %s",
                digest,
                answer->etag);
        return ++call->n_mismatches < LIMIT_STORE_MISMATCHES ? SWIFT_AGAIN : SWIFT_FAILED;
}

static int keep_body(SwiftCall *call, const SwiftAnswer *answer, Error *err) {
        call->data = malloc(answer->body_size + 1);
        if (call->data == NULL)
                return error_oom(err);
        if (answer->body_size > 0)
                memcpy(call->data, answer->body, answer->body_size);
        call->data_size = answer->body_size;
        call->object_size = answer->body_size;
        memcpy(call->etag, answer->etag, sizeof(call->etag));
        return 0;
}

static void on_get(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        Error error = {0};
        call->request = NULL;
        if (err == NULL && keep_body(call, answer, &error) < 0)
                err = &error;
        swift_call_end(call, err);
}

int swift_get_object(SwiftCall *call, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Reading",
                .method = "GET",
                .container = call->store->base.container,
                .object = call->asked.name,
                .headers = {"X-Newest: true"},
                .max_reply_bytes = call->asked.size > 0 ? call->asked.size : 1,
                .judge = judge_get,
                .on_done = on_get,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}

/* --- remove --- */

static SwiftVerdict judge_remove(const SwiftAnswer *answer, Error *err, void *userdata) {
        return answer->status == 404 ? SWIFT_DONE : swift_judge(answer, err);
}

static void on_removed(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->request = NULL;
        swift_call_end(call, err);
}

static int remove_name(SwiftCall *call, const char *name, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Removing",
                .method = "DELETE",
                .container = call->store->base.container,
                .object = name,
                .judge = judge_remove,
                .on_done = on_removed,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}

int swift_remove_object(SwiftCall *call, Error *err) {
        return remove_name(call, call->asked.name, err);
}

/* The manifest only: without multipart-manifest=delete its segments stay. */
int swift_remove_large_object(SwiftCall *call, Error *err) {
        CLEANUP(cleanup_free)
        char *name = swift_manifest_name(call->asked.instance, call->asked.backup_id);
        return name == NULL ? error_oom(err) : remove_name(call, name, err);
}
