/* See swift-report.h. Used by swift-put.c and swift-delete.c. */
#include "store/swift-report.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

/* "503 Service Unavailable" -> 503; "Etag Mismatch" -> 0. */
static int leading_status(const char *text) {
        for (size_t i = 0; i < 3; i++)
                if (!isdigit((unsigned char)text[i]))
                        return 0;
        return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static void note_error(SwiftReport *report, const char *path, const char *problem) {
        int status = leading_status(problem);
        bool passes = swift_may_pass(status);
        /* The first that will not pass is the one to report. */
        if (report->n_errors == 0 || (!passes && report->n_errors == report->n_passing)) {
                (void)snprintf(
                        report->first, sizeof(report->first), "%.250s: %.60s", path, problem);
                report->first_status = status;
        }
        report->unauthorized = report->unauthorized || status == 401;
        report->n_errors++;
        report->n_passing += passes ? 1 : 0;
}

/* An array in an array has no getter of its own: the node of a row is an array. */
static void note_errors(SwiftReport *report, const Json *errors) {
        for (size_t i = 0; i < json_length(errors); i++) {
                const Json *row = json_at(errors, i);
                const char *path = json_length(row) > 0 ? json_string_value(json_at(row, 0)) : NULL;
                const char *problem =
                        json_length(row) > 1 ? json_string_value(json_at(row, 1)) : NULL;
                note_error(
                        report,
                        path != NULL ? path : "(an object)",
                        problem != NULL ? problem : "(no reason given)");
        }
}

int swift_report_read(const SwiftAnswer *answer, SwiftReport *ret, Error *err) {
        CLEANUP(cleanup_json) Json *json = NULL;
        const Json *errors = NULL;
        const char *status = NULL;
        *ret = (SwiftReport){.status = answer->status};
        int r = json_parse(
                answer->body != NULL ? answer->body : "",
                answer->body_size,
                &(JsonDocument){"the server's report", LIMIT_ANSWER_BYTES, ERROR_STORE_UNAVAILABLE},
                &json,
                err);
        if (r < 0)
                return r;
        if (!json_is_object(json))
                return error_set(
                        err, ERROR_STORE_UNAVAILABLE, -EPROTO, "the server's report is no object");
        if (json_get_string(json, "Response Status", &status, NULL) == 0)
                ret->status = leading_status(status);
        (void)json_get_uint(json, "Number Deleted", &ret->n_deleted, NULL);
        (void)json_get_uint(json, "Number Not Found", &ret->n_not_found, NULL);
        if (!json_is_null(json, "Errors")) {
                r = json_get_array(json, "Errors", &errors, err);
                if (r < 0)
                        return r;
                note_errors(ret, errors);
        }
        return 0;
}
