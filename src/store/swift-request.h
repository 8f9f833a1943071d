/* One request to Swift, until it has an answer that counts: the token before it, the pauses
 * between tries, the container that is missing. */
#pragma once

#include "store/swift-answer.h"

typedef struct SwiftStore SwiftStore;
typedef struct SwiftRequest SwiftRequest;

enum { SWIFT_HEADERS = 5 };

typedef struct SwiftRequestOptions {
        const char *doing;                  /* "Storing": begins every message; a literal */
        const char *method;                 /* a literal */
        const char *container;              /* one of the store's; NULL: the account */
        const char *object;                 /* NULL: the container itself; copied */
        const char *query;                  /* NULL: none; copied */
        bool is_info;                       /* /info of the server instead */
        const char *headers[SWIFT_HEADERS]; /* up to the first NULL; copied */
        const void *body;                   /* lives until on_done or the cancel */
        size_t body_size;
        void *reply_buffer; /* a 2xx goes here; what a cut answer lacks is asked for by range */
        size_t max_reply_bytes;
        bool is_transfer; /* waits for its turn in the window */
        bool once;        /* no retries: the caller has its own */
        /* What an answer means; NULL: swift_judge(). The answer is none of those that count as
         * passing by their status. */
        SwiftVerdict (*judge)(const SwiftAnswer *answer, Error *err, void *userdata);
        /* answer NULL when err is set. Both valid within the call. */
        void (*on_done)(const SwiftAnswer *answer, const Error *err, void *userdata);
        void *userdata;
} SwiftRequestOptions;

int swift_request_start(
        SwiftStore *store, const SwiftRequestOptions *options, SwiftRequest **ret, Error *err);
/* NULL: nothing. True: a whole body was on its way, the server may still act on it. */
bool swift_request_cancel(SwiftRequest *request);
