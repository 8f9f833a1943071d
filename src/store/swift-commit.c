/* The large object: a manifest of the segments; when there are more than the cluster takes in one,
 * sub-manifests beside the segments and a manifest of those. Then it is read back.
 *
 *     SUB (a few at once) -> TOP -> READ BACK */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "store/swift-internal.h"
#include "store/swift-url.h"

enum {
        AT_ONCE = 4,
        /* The server looks at every segment before it answers: with so many it may take long. */
        HEARTBEAT_FROM = 100,
};

typedef struct Manifest {
        struct Commit *commit;
        SwiftPut *put; /* NULL: free */
        char *body;
        size_t size;
        char etag[33];
} Manifest;

typedef struct Commit {
        SwiftCall *call;
        size_t per_manifest, n_sub; /* n_sub 0: one level */
        StoreCommitSegment *sub;    /* each sub-manifest as a segment of the top */
        size_t next, n_stored;
        uint64_t total;
        char *name;
        Manifest slots[AT_ONCE];
} Commit;

static void manifest_reset(Manifest *manifest) {
        free(manifest->body);
        manifest->body = NULL;
}

static void commit_free(void *part) {
        Commit *commit = part;
        for (size_t i = 0; i < AT_ONCE; i++) {
                swift_put_cancel(commit->slots[i].put);
                manifest_reset(&commit->slots[i]);
        }
        free(commit->sub);
        free(commit->name);
        free(commit);
}

/* --- a manifest --- */

static char *path_of(const SwiftCall *call, uint64_t index, bool is_sub) {
        StoreAttempt attempt = store_asked_attempt(&call->asked);
        CLEANUP(cleanup_free)
        char *name = is_sub ? swift_sub_manifest_name(&attempt, index)
                            : store_segment_name(&attempt, index);
        return name == NULL ? NULL : string_printf("/%s/%s", call->store->segment_container, name);
}

/* Rows first .. first + n - 1 of `of` (segments, or sub-manifests). */
static int print_manifest(
        Manifest *manifest, const StoreCommitSegment *of, size_t first, size_t n, Error *err) {
        const Commit *commit = manifest->commit;
        CLEANUP(cleanup_json) Json *rows = json_new_array();
        for (size_t i = first; i < first + n; i++) {
                CLEANUP(cleanup_free) char *path = path_of(commit->call, i, of == commit->sub);
                Json *row = json_new_object();
                if (path == NULL) {
                        json_free(row);
                        return error_oom(err);
                }
                json_set_string(row, "path", path);
                json_set_string(row, "etag", of[i].md5);
                json_set_uint(row, "size_bytes", of[i].size);
                json_add(rows, row);
        }
        int r = json_print(rows, &manifest->body, &manifest->size, err);
        return r < 0 ? r : store_large_object_etag(of + first, n, 0, manifest->etag, err);
}

static const char *query_of(const Commit *commit, size_t n) {
        return commit->call->store->info.has_heartbeat && n >= HEARTBEAT_FROM
                       ? "multipart-manifest=put&heartbeat=on"
                       : "multipart-manifest=put";
}

/* --- read back --- */

static SwiftVerdict judge_back(const SwiftAnswer *answer, Error *err, void *userdata) {
        const Commit *commit = userdata;
        SwiftVerdict verdict = swift_judge(answer, err);
        if (verdict != SWIFT_DONE)
                return verdict;
        if (answer->is_large_object && answer->length == commit->total &&
            string_equal(answer->etag, commit->call->etag))
                return SWIFT_DONE;
        return swift_refuse(
                answer,
                ERROR_INTEGRITY,
                -EBADMSG,
                err,
                "reads back with %" PRIu64 " bytes and etag '%s', not %" PRIu64 " and '%s'",
                answer->length,
                answer->etag,
                commit->total,
                commit->call->etag);
}

static void on_back(const SwiftAnswer *answer, const Error *err, void *userdata) {
        Commit *commit = userdata;
        commit->call->request = NULL;
        commit->call->object_size = commit->total;
        swift_call_end(commit->call, err);
}

static int read_back(Commit *commit, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Reading back",
                .method = "HEAD",
                .container = commit->call->store->base.container,
                .object = commit->name,
                .headers = {"X-Newest: true"},
                .judge = judge_back,
                .on_done = on_back,
                .userdata = commit,
        };
        return swift_request_start(commit->call->store, &options, &commit->call->request, err);
}

/* --- the top --- */

static void on_top(bool already_there, const Error *err, void *userdata) {
        Manifest *manifest = userdata;
        Commit *commit = manifest->commit;
        Error error = {0};
        manifest->put = NULL;
        commit->call->already_there = already_there;
        if (err != NULL || read_back(commit, &error) < 0)
                swift_call_end(commit->call, err != NULL ? err : &error);
}

static int start_top(Commit *commit, Error *err) {
        const SwiftCall *call = commit->call;
        Manifest *manifest = &commit->slots[0];
        const StoreCommitSegment *of = commit->n_sub > 0 ? commit->sub : call->asked.segments;
        size_t n = commit->n_sub > 0 ? commit->n_sub : call->asked.n_segments;
        int r = print_manifest(manifest, of, 0, n, err);
        if (r < 0)
                return r;
        memcpy(commit->call->etag, manifest->etag, sizeof(manifest->etag));
        const SwiftPutOptions options = {
                .container = call->store->base.container,
                .object = commit->name,
                .query = query_of(commit, n),
                .content_type = "application/octet-stream",
                .body = manifest->body,
                .body_size = manifest->size,
                .etag = manifest->etag,
                .object_size = commit->total,
                .is_manifest = true,
                .on_done = on_top,
                .userdata = manifest,
        };
        return swift_put_start(call->store, &options, &manifest->put, err);
}

/* --- sub-manifests --- */

static int fill_slots(Commit *commit, Error *err);

static void on_sub(bool already_there, const Error *err, void *userdata) {
        Manifest *manifest = userdata;
        Commit *commit = manifest->commit;
        Error error = {0};
        manifest->put = NULL;
        manifest_reset(manifest);
        if (err != NULL) {
                swift_call_end(commit->call, err);
                return;
        }
        commit->n_stored++;
        int r = commit->n_stored < commit->n_sub ? fill_slots(commit, &error)
                                                 : start_top(commit, &error);
        if (r < 0)
                swift_call_end(commit->call, &error);
}

static int start_sub(Commit *commit, Manifest *manifest, size_t index, Error *err) {
        const SwiftCall *call = commit->call;
        StoreAttempt attempt = store_asked_attempt(&call->asked);
        size_t first = index * commit->per_manifest, left = call->asked.n_segments - first;
        size_t n = left < commit->per_manifest ? left : commit->per_manifest;
        CLEANUP(cleanup_free) char *name = swift_sub_manifest_name(&attempt, index);
        int r = name == NULL ? error_oom(err)
                             : print_manifest(manifest, call->asked.segments, first, n, err);
        if (r < 0)
                return r;
        StoreCommitSegment *sub = &commit->sub[index];
        memcpy(sub->md5, manifest->etag, sizeof(sub->md5));
        for (size_t i = first; i < first + n; i++)
                sub->size += call->asked.segments[i].size;
        const SwiftPutOptions options = {
                .container = call->store->segment_container,
                .object = name,
                .query = query_of(commit, n),
                .content_type = "application/octet-stream",
                .body = manifest->body,
                .body_size = manifest->size,
                .etag = manifest->etag,
                .object_size = sub->size,
                .is_manifest = true,
                .on_done = on_sub,
                .userdata = manifest,
        };
        return swift_put_start(call->store, &options, &manifest->put, err);
}

static int fill_slots(Commit *commit, Error *err) {
        for (size_t i = 0; i < AT_ONCE && commit->next < commit->n_sub; i++) {
                if (commit->slots[i].put != NULL)
                        continue;
                int r = start_sub(commit, &commit->slots[i], commit->next, err);
                if (r < 0)
                        return r;
                commit->next++;
        }
        return 0;
}

/* --- life --- */

static int plan(Commit *commit, Error *err) {
        const SwiftCall *call = commit->call;
        commit->per_manifest = (size_t)call->store->info.max_manifest_segments;
        if (call->asked.n_segments > call->store->base.max_segments)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "%zu segments are more than the cluster's manifests hold (%" PRIu64
                        "): use a larger segment_size",
                        call->asked.n_segments,
                        call->store->base.max_segments);
        if (call->asked.n_segments > commit->per_manifest)
                commit->n_sub =
                        (call->asked.n_segments + commit->per_manifest - 1) / commit->per_manifest;
        for (size_t i = 0; i < call->asked.n_segments; i++)
                if (__builtin_add_overflow(
                            commit->total, call->asked.segments[i].size, &commit->total))
                        return error_set(
                                err, ERROR_INTERNAL, -EOVERFLOW, "The segments are too large");
        commit->name = swift_manifest_name(call->asked.instance, call->asked.backup_id);
        commit->sub = calloc(commit->n_sub + 1, sizeof(StoreCommitSegment));
        return commit->name == NULL || commit->sub == NULL ? error_oom(err) : 0;
}

int swift_commit(SwiftCall *call, Error *err) {
        Commit *commit = calloc(1, sizeof(*commit));
        if (commit == NULL)
                return error_oom(err);
        commit->call = call;
        for (size_t i = 0; i < AT_ONCE; i++)
                commit->slots[i].commit = commit;
        int r = plan(commit, err);
        if (r == 0)
                r = commit->n_sub > 0 ? fill_slots(commit, err) : start_top(commit, err);
        if (r < 0) {
                commit_free(commit);
                return r;
        }
        call->part = commit;
        call->part_free = commit_free;
        return 0;
}
