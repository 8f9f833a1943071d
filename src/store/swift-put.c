/* See swift-put.h. Used by the calls that store.
 *
 *     PUT -> (stored)
 *      ^ `-> 412: HEAD -> the same: stored already; another: somebody else writes here
 *      `------------------' gone again: sent again, a few times */
#include "store/swift-put.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "store/swift-report.h"

struct SwiftPut {
        SwiftStore *store;
        SwiftPutOptions options;
        char *object;
        SwiftRequest *request;
        int status; /* of the PUT, also when it came inside a report */
        unsigned n_mismatches, n_vanished;
};

static int send(SwiftPut *put, Error *err);

static void put_free(SwiftPut *put) {
        free(put->object);
        free(put);
}

static void finish(SwiftPut *put, bool already_there, const Error *err) {
        SwiftPutOptions options = put->options;
        Error error = err != NULL ? *err : (Error){0};
        put_free(put);
        options.on_done(already_there, err != NULL ? &error : NULL, options.userdata);
}

/* --- what is there --- */

/* Absent is an answer here. */
static SwiftVerdict judge_head(const SwiftAnswer *answer, Error *err, void *userdata) {
        return answer->status == 404 ? SWIFT_DONE : swift_judge(answer, err);
}

static void on_head(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftPut *put = userdata;
        Error error = {0};
        put->request = NULL;
        if (err != NULL) {
                finish(put, false, err);
                return;
        }
        if (answer->status == 404) {
                if (++put->n_vanished < LIMIT_STORE_MISMATCHES) {
                        if (send(put, &error) < 0)
                                finish(put, false, &error);
                        return;
                }
                (void)error_set(
                        &error,
                        ERROR_STORE_UNAVAILABLE,
                        -EIO,
                        "Storing %s/%s: the cluster says that it is there and that it is not",
                        put->options.container,
                        put->object);
        } else if (
                !string_equal(answer->etag, put->options.etag) ||
                answer->length != put->options.object_size) {
                (void)swift_refuse(
                        answer,
                        ERROR_INTEGRITY,
                        -EEXIST,
                        &error,
                        "%s/%s is there already with another content: somebody else writes here",
                        put->options.container,
                        put->object);
        }
        finish(put, true, error_is_set(&error) ? &error : NULL);
}

static int look(SwiftPut *put, Error *err) {
        const SwiftRequestOptions options = {
                .doing = "Looking for",
                .method = "HEAD",
                .container = put->options.container,
                .object = put->object,
                .headers = {"X-Newest: true"},
                .judge = judge_head,
                .on_done = on_head,
                .userdata = put,
        };
        return swift_request_start(put->store, &options, &put->request, err);
}

/* --- the PUT --- */

/* The bytes were damaged on the way; or here, then it does not end. */
static SwiftVerdict send_again(SwiftPut *put) {
        return ++put->n_mismatches < LIMIT_STORE_MISMATCHES ? SWIFT_AGAIN : SWIFT_FAILED;
}

static SwiftVerdict judge_mismatch(SwiftPut *put, const SwiftAnswer *answer, Error *err) {
        (void)swift_refuse(
                answer,
                ERROR_INTEGRITY,
                -EBADMSG,
                err,
                "other bytes arrived than were sent (MD5 %s)",
                put->options.etag);
        return send_again(put);
}

/* Each error of a manifest by itself: a server that is away may come back, a segment that is
 * missing or another one does not, unless it was named wrongly by what arrived. */
static SwiftVerdict
judge_segments(SwiftPut *put, const SwiftAnswer *answer, const SwiftReport *report, Error *err) {
        if (report->n_errors == report->n_passing) {
                (void)swift_refuse(
                        answer,
                        ERROR_STORE_UNAVAILABLE,
                        -EIO,
                        err,
                        "%zu segments could not be looked at, first %s",
                        report->n_errors,
                        report->first);
                return SWIFT_AGAIN;
        }
        if (report->unauthorized || report->first_status == 403)
                return swift_refuse(
                        answer, ERROR_STORE_AUTH, -EACCES, err, "not allowed: %s", report->first);
        (void)swift_refuse(
                answer,
                ERROR_INTEGRITY,
                -EBADMSG,
                err,
                "%zu segments are not what was stored, first %s",
                report->n_errors - report->n_passing,
                report->first);
        return send_again(put);
}

static SwiftVerdict judge_status(SwiftPut *put, int status, const SwiftAnswer *answer, Error *err) {
        put->status = status;
        if (status == 412)
                return SWIFT_DONE;
        if (status == 422)
                return judge_mismatch(put, answer, err);
        SwiftVerdict verdict = swift_judge_status(status, answer, err);
        return status == 404 ? SWIFT_NO_CONTAINER : verdict;
}

/* What was sent is a manifest: one that is called none is not what was sent. */
static SwiftVerdict judge_refusal(SwiftPut *put, const SwiftAnswer *answer, Error *err) {
        (void)judge_status(put, 400, answer, err);
        return send_again(put);
}

/* A manifest that was refused, or stored with heartbeats: the truth is in the body. */
static SwiftVerdict judge_report(SwiftPut *put, const SwiftAnswer *answer, Error *err) {
        SwiftReport report;
        if (swift_report_read(answer, &report, err) < 0)
                return answer->status == 400 ? judge_refusal(put, answer, err)
                                             : SWIFT_AGAIN; /* cut, or no report at all */
        if (report.n_errors > 0)
                return judge_segments(put, answer, &report, err);
        if (report.status == 400 || answer->status == 400)
                return judge_refusal(put, answer, err);
        bool says_nothing = report.status < 200 || report.status == answer->status;
        return judge_status(put, says_nothing ? 0 : report.status, answer, err);
}

static SwiftVerdict judge_put(const SwiftAnswer *answer, Error *err, void *userdata) {
        SwiftPut *put = userdata;
        if (answer->failure != HTTP_FAILURE_NONE)
                return swift_judge(answer, err);
        if (put->options.is_manifest && (answer->status == 202 || answer->status == 400))
                return judge_report(put, answer, err);
        if (answer->status >= 200 && answer->status <= 299 && answer->etag[0] != '\0' &&
            !string_equal(answer->etag, put->options.etag))
                return judge_mismatch(put, answer, err);
        return judge_status(put, answer->status, answer, err);
}

static void on_put(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftPut *put = userdata;
        Error error = {0};
        put->request = NULL;
        if (err != NULL || put->status != 412) {
                finish(put, false, err);
                return;
        }
        if (look(put, &error) < 0)
                finish(put, false, &error);
}

static int send(SwiftPut *put, Error *err) {
        const SwiftPutOptions *options = &put->options;
        CLEANUP(cleanup_free) char *etag = string_printf("Etag: %s", options->etag);
        CLEANUP(cleanup_free) char *type = string_printf("Content-Type: %s", options->content_type);
        if (etag == NULL || type == NULL)
                return error_oom(err);
        const SwiftRequestOptions request = {
                .doing = "Storing",
                .method = "PUT",
                .container = options->container,
                .object = put->object,
                .query = options->query,
                .headers = {etag, type, "If-None-Match: *", "Accept: application/json"},
                .body = options->body,
                .body_size = options->body_size,
                .is_transfer = options->is_transfer,
                .judge = judge_put,
                .on_done = on_put,
                .userdata = put,
        };
        return swift_request_start(put->store, &request, &put->request, err);
}

int swift_put_start(SwiftStore *store, const SwiftPutOptions *options, SwiftPut **ret, Error *err) {
        SwiftPut *put = calloc(1, sizeof(*put));
        if (put == NULL)
                return error_oom(err);
        put->store = store;
        put->options = *options;
        put->object = strdup(options->object);
        int r = put->object == NULL ? error_oom(err) : send(put, err);
        if (r < 0) {
                put_free(put);
                return r;
        }
        *ret = put;
        return 0;
}

bool swift_put_cancel(SwiftPut *put) {
        if (put == NULL)
                return false;
        bool sent = swift_request_cancel(put->request);
        put_free(put);
        return sent;
}
