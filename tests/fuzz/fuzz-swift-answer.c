/* Any bytes as an answer of Swift or Keystone; the first says of what kind. */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "store/swift-internal.h"
#include "store/swift-report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_report(const SwiftAnswer *answer) {
        SwiftReport report;
        Error err = {0};
        if (swift_report_read(answer, &report, &err) < 0) {
                assert(error_is_set(&err));
                return;
        }
        assert(report.n_passing <= report.n_errors);
        assert((report.n_errors > 0) == (report.first[0] != '\0'));
}

static void as_info(const SwiftAnswer *answer) {
        SwiftInfo info;
        Error err = {0};
        if (swift_info_read(answer->body, answer->body_size, &info, &err) < 0)
                return;
        assert(info.max_manifest_segments > 0);
        assert(info.max_manifest_segments <= LIMIT_MANIFEST_SEGMENTS);
}

static void as_token(const SwiftAnswer *answer) {
        const SwiftOptions options = {
                .auth_url = "https://k/v3", .auth_version = 3, .username = "u", .secret = "s"};
        const SwiftAuthAnswer token = {
                .status = 201, .token = "t", .body = answer->body, .body_size = answer->body_size};
        SwiftAuth auth;
        SwiftGrant grant;
        if (swift_auth_init(&auth, &options, NULL) < 0)
                return;
        if (swift_auth_judge(&auth, &token, &grant, NULL) == 0)
                assert(grant.url[strlen(grant.url) - 1] != '/');
        swift_grant_done(&grant);
        swift_auth_done(&auth);
}

/* Every status with this body: a verdict, and one line of text unless it is done. */
static void as_body(SwiftAnswer *answer) {
        static const int statuses[] = {200, 400, 401, 403, 404, 413, 422, 503};
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                Error err = {0};
                answer->status = statuses[i];
                SwiftVerdict verdict = swift_judge(answer, &err);
                assert((verdict == SWIFT_DONE) == !error_is_set(&err));
                assert(text_is_printable(err.message));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        SwiftAnswer answer = {.status = 200, .body = (const char *)data + 1, .body_size = size - 1};
        if (data[0] == 'r')
                as_report(&answer);
        else if (data[0] == 'i')
                as_info(&answer);
        else if (data[0] == 't')
                as_token(&answer);
        else
                as_body(&answer);
        return 0;
}
