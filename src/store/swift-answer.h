/* One answer of Swift in plain values, and what it means. Pure: no sockets, no store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/http.h"

enum { SWIFT_ETAG_BYTES = 40, SWIFT_TRANSACTION_BYTES = 72 };

typedef struct SwiftAnswer {
        HttpFailure failure;
        int status;
        const char *detail; /* of a failure */
        const char *body;   /* what came: the caller's buffer for a transfer */
        size_t body_size;
        char etag[SWIFT_ETAG_BYTES]; /* without quotes, in lower case; "" : none */
        uint64_t length;             /* Content-Length; UINT64_MAX: none */
        bool is_large_object;
        char transaction[SWIFT_TRANSACTION_BYTES]; /* X-Trans-Id; "" : none */
        uint64_t retry_after_msec;                 /* 0: not said */
} SwiftAnswer;

SwiftAnswer swift_answer_read(const HttpRequest *http, const HttpReply *reply);
uint64_t swift_retry_after_msec(const char *header); /* seconds or a date; NULL: 0 */

typedef enum SwiftVerdict {
        SWIFT_DONE,         /* what was asked for, or what the caller looks at itself */
        SWIFT_AGAIN,        /* may pass; *err says what to report if it does not */
        SWIFT_UNAUTHORIZED, /* the token is not good (any more) */
        SWIFT_NO_CONTAINER, /* make it, then again */
        SWIFT_FAILED,       /* *err */
} SwiftVerdict;

/* The meaning of a status where the caller has no other: 2xx is done, 404 is -ENOENT, 413 is told
 * apart by its body. */
SwiftVerdict swift_judge(const SwiftAnswer *answer, Error *err);
/* The same for a status that came inside a body ("503 Service Unavailable"). */
SwiftVerdict swift_judge_status(int status, const SwiftAnswer *answer, Error *err);
bool swift_is_too_much(int status); /* 429, 498, 503: the server asks for less */
bool swift_may_pass(int status);

/* Sets err with "<text> (status N, transaction T)" and returns the verdict it belongs to. */
SwiftVerdict
swift_refuse(const SwiftAnswer *answer, ErrorKind kind, int r, Error *err, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
