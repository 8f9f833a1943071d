/* The first look at a cluster: what it can, and the two containers, which are made when they are
 * missing. Nothing is tried again: the daemon asks again by itself. */
#include <errno.h>

#include "base/json.h"
#include "base/limits.h"
#include "store/swift-internal.h"

/* A row of a manifest, at most: its path has a container's name of 256 bytes, each up to six bytes
 * in JSON, and ours of 120. */
enum { ROW_BYTES = 2048, MANIFEST_SEGMENTS = 1000 };

/* --- /info --- */

void swift_info_init(SwiftInfo *info) {
        *info = (SwiftInfo){
                .max_manifest_segments = MANIFEST_SEGMENTS, .listing_names = LIMIT_LISTING_PAGE};
}

static uint64_t number_of(const Json *object, const char *key, uint64_t otherwise) {
        uint64_t value = 0;
        return json_get_uint(object, key, &value, NULL) == 0 && value > 0 ? value : otherwise;
}

static void read_slo(const Json *slo, SwiftInfo *info) {
        uint64_t bytes = number_of(slo, "max_manifest_size", UINT64_MAX) / ROW_BYTES;
        uint64_t most = number_of(slo, "max_manifest_segments", MANIFEST_SEGMENTS);
        most = most < bytes ? most : bytes;
        most = most < LIMIT_MANIFEST_SEGMENTS ? most : LIMIT_MANIFEST_SEGMENTS;
        info->max_manifest_segments = most > 0 ? most : 1;
        info->has_heartbeat = !json_is_null(slo, "yield_frequency");
}

int swift_info_read(const char *body, size_t size, SwiftInfo *ret, Error *err) {
        CLEANUP(cleanup_json) Json *json = NULL;
        const Json *slo = NULL, *bulk = NULL, *swift = NULL;
        int r = json_parse(
                body,
                size,
                &(JsonDocument){"/info", LIMIT_ANSWER_BYTES, ERROR_STORE_UNAVAILABLE},
                &json,
                err);
        if (r < 0)
                return r;
        swift_info_init(ret);
        if (json_get_object(json, "slo", &slo, NULL) < 0)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EOPNOTSUPP,
                        "The Swift cluster has no static large objects (slo is not in its /info): "
                        "a backup cannot be stored there");
        read_slo(slo, ret);
        if (json_get_object(json, "bulk_delete", &bulk, NULL) == 0)
                ret->max_deletes = number_of(bulk, "max_deletes_per_request", 0);
        if (json_get_object(json, "swift", &swift, NULL) == 0) {
                /* To ask for more is an error. */
                uint64_t most = number_of(swift, "container_listing_limit", LIMIT_LISTING_PAGE);
                ret->listing_names = most < LIMIT_LISTING_PAGE ? most : LIMIT_LISTING_PAGE;
        }
        return 0;
}

/* A cluster may keep its /info to itself. */
static SwiftVerdict judge_info(const SwiftAnswer *answer, Error *err, void *userdata) {
        bool refused = answer->status >= 300 && answer->status <= 499;
        return refused ? SWIFT_DONE : swift_judge(answer, err);
}

static int take_info(SwiftStore *store, const SwiftAnswer *answer, Error *err) {
        SwiftInfo info;
        swift_info_init(&info);
        if (answer->status >= 200 && answer->status <= 299) {
                int r = swift_info_read(
                        answer->body_size > 0 ? answer->body : "", answer->body_size, &info, err);
                if (r < 0)
                        return r;
        }
        store->info = info;
        store->base.max_segments = info.max_manifest_segments * info.max_manifest_segments;
        return 0;
}

/* --- containers --- */

static SwiftVerdict judge_container(const SwiftAnswer *answer, Error *err, void *userdata) {
        SwiftVerdict verdict = swift_judge(answer, err);
        return answer->status == 404 ? SWIFT_NO_CONTAINER : verdict;
}

static int look_for(
        SwiftCall *call,
        const char *container,
        void (*on_done)(const SwiftAnswer *answer, const Error *err, void *userdata),
        Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Looking for container",
                .method = "HEAD",
                .container = container,
                .once = true,
                .judge = judge_container,
                .on_done = on_done,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}

static void on_segment_container(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        call->request = NULL;
        swift_call_end(call, err);
}

static void on_container(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        Error error = {0};
        call->request = NULL;
        if (err != NULL ||
            look_for(call, call->store->segment_container, on_segment_container, &error) < 0)
                swift_call_end(call, err != NULL ? err : &error);
}

static void on_info(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftCall *call = userdata;
        Error error = {0};
        call->request = NULL;
        if (err != NULL || take_info(call->store, answer, &error) < 0 ||
            look_for(call, call->store->base.container, on_container, &error) < 0)
                swift_call_end(call, err != NULL ? err : &error);
}

int swift_open(SwiftCall *call, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Reading",
                .method = "GET",
                .is_info = true,
                .once = true,
                .judge = judge_info,
                .on_done = on_info,
                .userdata = call,
        };
        return swift_request_start(call->store, &options, &call->request, err);
}
