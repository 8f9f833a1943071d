/* See swift-answer.h. Used by every part of the driver. */
#include "store/swift-answer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/strings.h"

enum { MD5_DIGITS = 32, EXCERPT_BYTES = 160 };
static const uint64_t RETRY_AFTER_MOST_SEC = UINT64_C(7) * 24 * 3600;

/* --- reading --- */

/* "abc" of an SLO and abc of a plain object are compared with each other. */
static void read_etag(const char *header, char ret[SWIFT_ETAG_BYTES]) {
        ret[0] = '\0';
        if (header == NULL)
                return;
        if (string_starts_with(header, "W/"))
                header += 2;
        if (*header == '"')
                header++;
        for (size_t i = 0; i < MD5_DIGITS; i++) {
                if (!isxdigit((unsigned char)header[i])) {
                        ret[0] = '\0';
                        return;
                }
                ret[i] = (char)tolower((unsigned char)header[i]);
        }
        ret[MD5_DIGITS] = '\0';
}

/* It goes into messages. */
static void read_transaction(const HttpRequest *http, char ret[SWIFT_TRANSACTION_BYTES]) {
        const char *header = http_reply_header(http, "X-Trans-Id");
        if (header == NULL)
                header = http_reply_header(http, "X-Openstack-Request-Id");
        size_t n = 0;
        for (; header != NULL && header[n] != '\0' && n < SWIFT_TRANSACTION_BYTES - 1; n++)
                ret[n] = isgraph((unsigned char)header[n]) ? header[n] : '?';
        ret[n] = '\0';
}

uint64_t swift_retry_after_msec(const char *header) {
        uint64_t seconds = 0, now = clock_realtime_usec() / 1000000;
        struct tm tm = {0};
        if (header == NULL)
                return 0;
        if (parse_uint64(header, &seconds) < 0) {
                const char *end = strptime(header, "%a, %d %b %Y %H:%M:%S GMT", &tm);
                time_t then = end != NULL && *end == '\0' ? timegm(&tm) : 0;
                seconds = then > 0 && (uint64_t)then > now ? (uint64_t)then - now : 0;
        }
        return (seconds < RETRY_AFTER_MOST_SEC ? seconds : RETRY_AFTER_MOST_SEC) * 1000;
}

SwiftAnswer swift_answer_read(const HttpRequest *http, const HttpReply *reply) {
        const char *length = http_reply_header(http, "Content-Length");
        SwiftAnswer answer = {
                .failure = reply->failure,
                .status = reply->status,
                .detail = reply->detail,
                .body = (const char *)reply->body,
                .body_size = reply->body_size,
                .length = UINT64_MAX,
                .is_large_object = http_reply_header(http, "X-Static-Large-Object") != NULL,
                .retry_after_msec = swift_retry_after_msec(http_reply_header(http, "Retry-After")),
        };
        if (length != NULL && parse_uint64(length, &answer.length) < 0)
                answer.length = UINT64_MAX;
        read_etag(http_reply_header(http, "Etag"), answer.etag);
        read_transaction(http, answer.transaction);
        /* A server that answers before it has the whole body may close; its answer counts. */
        if (answer.status >= 400 &&
            (answer.failure == HTTP_FAILURE_BROKEN || answer.failure == HTTP_FAILURE_SHORT))
                answer.failure = HTTP_FAILURE_NONE;
        return answer;
}

/* --- meaning --- */

bool swift_is_too_much(int status) {
        return status == 429 || status == 498 || status == 503;
}

bool swift_may_pass(int status) {
        return status == 408 || status == 409 || status == 429 || status == 498 || status == 499 ||
               status >= 500;
}

SwiftVerdict swift_refuse(
        const SwiftAnswer *answer, ErrorKind kind, int r, Error *err, const char *format, ...) {
        char text[ERROR_MESSAGE_BYTES];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void)error_set(
                err,
                kind,
                r,
                "%.500s (status %d%s%s)",
                text,
                answer->status,
                answer->transaction[0] != '\0' ? ", transaction " : "",
                answer->transaction);
        if (err != NULL)
                err->http_status = answer->status;
        return SWIFT_FAILED;
}

/* The server's own words, as far as they are fit for a line: the text of an HTML body or a plain
 * one. */
static void excerpt(const SwiftAnswer *answer, char ret[EXCERPT_BYTES]) {
        size_t n = 0;
        bool in_tag = false, blank = true;
        for (size_t i = 0; i < answer->body_size && n < EXCERPT_BYTES - 1; i++) {
                unsigned char c = (unsigned char)answer->body[i];
                if (c == '<' || c == '>') {
                        in_tag = c == '<';
                        c = ' ';
                }
                if (in_tag || c == '\0')
                        continue;
                if (!isgraph(c) || c > 126)
                        c = ' ';
                if (c == ' ' && blank)
                        continue;
                blank = c == ' ';
                ret[n++] = (char)c;
        }
        while (n > 0 && ret[n - 1] == ' ')
                n--;
        ret[n] = '\0';
}

static bool body_has(const SwiftAnswer *answer, const char *word) {
        return answer->body_size > 0 &&
               memmem(answer->body, answer->body_size, word, strlen(word)) != NULL;
}

/* 413 has three meanings. */
static SwiftVerdict judge_too_large(const SwiftAnswer *answer, const char *words, Error *err) {
        if (body_has(answer, "quota"))
                return swift_refuse(
                        answer,
                        ERROR_STORE_QUOTA,
                        -EDQUOT,
                        err,
                        "the quota of the container or the account is used up: %s",
                        words);
        if (body_has(answer, "segments"))
                return swift_refuse(
                        answer,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        err,
                        "more segments than the cluster allows in one manifest: %s",
                        words);
        return swift_refuse(
                answer,
                ERROR_TOO_LARGE,
                -EFBIG,
                err,
                "larger than the cluster allows an object to be: %s",
                words);
}

SwiftVerdict swift_judge_status(int status, const SwiftAnswer *answer, Error *err) {
        char words[EXCERPT_BYTES];
        if (status >= 200 && status <= 299)
                return SWIFT_DONE;
        excerpt(answer, words);
        if (status == 401) {
                (void)swift_refuse(
                        answer,
                        ERROR_STORE_AUTH,
                        -EACCES,
                        err,
                        "the server refuses the token, also a new one");
                return SWIFT_UNAUTHORIZED;
        }
        if (swift_may_pass(status)) {
                (void)swift_refuse(
                        answer,
                        ERROR_STORE_UNAVAILABLE,
                        -EIO,
                        err,
                        "the server says %d: %s",
                        status,
                        words);
                return SWIFT_AGAIN;
        }
        if (status == 403)
                return swift_refuse(
                        answer,
                        ERROR_STORE_AUTH,
                        -EACCES,
                        err,
                        "not allowed to this user: %s",
                        words);
        if (status == 404)
                return swift_refuse(
                        answer, ERROR_STORE_NOT_FOUND, -ENOENT, err, "is not in the store");
        if (status == 413)
                return judge_too_large(answer, words, err);
        return swift_refuse(
                answer,
                ERROR_STORE_UNAVAILABLE,
                -EPROTO,
                err,
                "the server answers %d, which is not expected here: %s",
                status,
                words);
}

static SwiftVerdict judge_failure(const SwiftAnswer *answer, Error *err) {
        const char *detail = answer->detail != NULL ? answer->detail : "the connection failed";
        if (answer->failure == HTTP_FAILURE_TOO_LARGE)
                return swift_refuse(
                        answer, ERROR_INTEGRITY, -EFBIG, err, "more bytes came than may be there");
        (void)error_set(
                err,
                ERROR_STORE_UNAVAILABLE,
                answer->failure == HTTP_FAILURE_STALLED ? -ETIMEDOUT : -ECONNRESET,
                "%.400s%s%s%s",
                detail,
                answer->transaction[0] != '\0' ? " (transaction " : "",
                answer->transaction,
                answer->transaction[0] != '\0' ? ")" : "");
        /* A certificate that is not trusted will not be the next time. */
        return answer->failure == HTTP_FAILURE_TLS ? SWIFT_FAILED : SWIFT_AGAIN;
}

SwiftVerdict swift_judge(const SwiftAnswer *answer, Error *err) {
        return answer->failure != HTTP_FAILURE_NONE
                       ? judge_failure(answer, err)
                       : swift_judge_status(answer->status, answer, err);
}
