/* The request of the Swift driver. Made by every part of it, lives for one on_done.
 *
 *     PAUSED -> TURN -> TOKEN -> SENDING -> OVER
 *       ^         |       |      |  ^  ^
 *       |         |       |      |  |  `-> CONTAINER (it is missing: made, then sent again)
 *       `---------+-------+------'  `- the token was refused: another one
 *
 * What may pass leads to PAUSED, where the slot of the window is given back; pauses have full
 * jitter and end with the retry time. Retry-After is obeyed. */
#include "store/swift-request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "store/swift-internal.h"
#include "store/swift-url.h"

enum { FIRST_PAUSE_MSEC = 500, LONGEST_PAUSE_MSEC = 30 * 1000, HEADERS_MAX = SWIFT_HEADERS + 5 };

typedef enum RequestState {
        REQUEST_PAUSED, /* also before the first try */
        REQUEST_TURN,
        REQUEST_TOKEN,
        REQUEST_SENDING,
        REQUEST_CONTAINER,
        REQUEST_OVER,
        _REQUEST_STATE_MAX,
} RequestState;

static const uint8_t MOVES[_REQUEST_STATE_MAX] = {
        [REQUEST_PAUSED] = 1 << REQUEST_TURN | 1 << REQUEST_OVER,
        [REQUEST_TURN] = 1 << REQUEST_TOKEN | 1 << REQUEST_OVER,
        [REQUEST_TOKEN] = 1 << REQUEST_SENDING | 1 << REQUEST_CONTAINER | 1 << REQUEST_PAUSED |
                          1 << REQUEST_OVER,
        [REQUEST_SENDING] = 1 << REQUEST_TOKEN | 1 << REQUEST_PAUSED | 1 << REQUEST_OVER,
        [REQUEST_CONTAINER] = 1 << REQUEST_TOKEN | 1 << REQUEST_PAUSED | 1 << REQUEST_OVER,
};

struct SwiftRequest {
        SwiftStore *store;
        RequestState state;
        SwiftRequestOptions options;
        char *object, *query, *headers[SWIFT_HEADERS];
        Timer *timer;
        SwiftSlot slot;
        SwiftTokenWaiter waiter;
        HttpRequest *http;
        uint64_t generation;  /* of the token that was sent */
        bool refused;         /* the last answer was 401 */
        bool wants_container; /* it is to be made before the next try */
        bool made_container;
        uint64_t failed_usec; /* the first failure in a row; 0: none */
        unsigned n_tries, n_pauses;
        size_t received; /* of a cut answer */
        bool by_range;   /* the present try asks for the rest only */
        bool whole;      /* the server does not give parts */
        Error error;     /* the last failure */
};

static void enter(SwiftRequest *request, RequestState state) {
        assert(MOVES[request->state] & 1 << state);
        request->state = state;
}

static void request_free(SwiftRequest *request) {
        for (size_t i = 0; i < SWIFT_HEADERS; i++)
                free(request->headers[i]);
        timer_free(request->timer);
        free(request->object);
        free(request->query);
        free(request);
}

/* What holds something of the store. */
static void let_go(SwiftRequest *request) {
        swift_tokens_leave(&request->waiter);
        swift_window_give(&request->store->window, &request->slot);
}

static void finish(SwiftRequest *request, const SwiftAnswer *answer, const Error *err) {
        SwiftRequestOptions options = request->options;
        Error error = err != NULL ? *err : (Error){0};
        enter(request, REQUEST_OVER);
        let_go(request);
        request_free(request);
        options.on_done(err != NULL ? NULL : answer, err != NULL ? &error : NULL, options.userdata);
}

/* The thing before what happened to it. */
static void name_it(const SwiftRequest *request, Error *err) {
        const SwiftRequestOptions *options = &request->options;
        if (options->is_info)
                (void)error_prefix(err, "%s /info of the Swift cluster", options->doing);
        else if (options->container == NULL)
                (void)error_prefix(err, "%s", options->doing);
        else
                (void)error_prefix(
                        err,
                        "%s %s%s%s",
                        options->doing,
                        options->container,
                        request->object != NULL ? "/" : "",
                        request->object != NULL ? request->object : "");
}

static void fail(SwiftRequest *request, const Error *err) {
        Error error = *err;
        name_it(request, &error);
        finish(request, NULL, &error);
}

/* --- again, later --- */

static void give_up(SwiftRequest *request) {
        Error error = request->error;
        uint64_t seconds = (clock_monotonic_usec() - request->failed_usec) / 1000000;
        if (request->n_tries > 1)
                (void)error_set(
                        &error,
                        error.kind,
                        error.r,
                        "%.600s; tried %u times in %llu s",
                        request->error.message,
                        request->n_tries,
                        (unsigned long long)seconds);
        error.http_status = request->error.http_status;
        fail(request, &error);
}

/* error is what to report when there is no time left. */
static void try_again(SwiftRequest *request, const Error *error, uint64_t retry_after_msec) {
        uint64_t now = clock_monotonic_usec();
        uint64_t limit = (uint64_t)FIRST_PAUSE_MSEC
                         << (request->n_pauses < 6 ? request->n_pauses : 6);
        uint64_t pause_msec =
                random_below((limit < LONGEST_PAUSE_MSEC ? limit : LONGEST_PAUSE_MSEC) + 1);
        if (request->failed_usec == 0)
                request->failed_usec = now;
        request->error = *error;
        uint64_t until = request->failed_usec + request->store->retry_time_msec * 1000;
        uint64_t left_msec = until > now ? (until - now) / 1000 : 0;
        if (request->options.once || left_msec == 0 || retry_after_msec > left_msec) {
                give_up(request);
                return;
        }
        if (pause_msec < retry_after_msec)
                pause_msec = retry_after_msec;
        enter(request, REQUEST_PAUSED);
        let_go(request);
        request->n_pauses++;
        request->refused = false;
        timer_arm(request->timer, pause_msec < left_msec ? pause_msec : left_msec);
}

/* --- the token --- */

static void send(SwiftRequest *request);

/* In TOKEN. */
static void send_or_wait(SwiftRequest *request) {
        Error error = {0};
        if (swift_tokens_get(request->store->tokens, &request->generation) != NULL) {
                send(request);
                return;
        }
        if (swift_tokens_wait(request->store->tokens, &request->waiter, &error) < 0)
                fail(request, &error);
}

static void need_token(SwiftRequest *request) {
        enter(request, REQUEST_TOKEN);
        send_or_wait(request);
}

static void on_token(const Error *err, bool retry, uint64_t retry_after_msec, void *userdata) {
        SwiftRequest *request = userdata;
        if (err == NULL)
                send_or_wait(request);
        else if (retry)
                try_again(request, err, retry_after_msec);
        else
                fail(request, err);
}

static void on_unauthorized(SwiftRequest *request, const Error *error) {
        swift_tokens_refuse(request->store->tokens, request->generation);
        if (request->refused) {
                fail(request, error);
                return;
        }
        request->refused = true;
        need_token(request);
}

/* --- answers --- */

static void on_container(SwiftRequest *request, const SwiftAnswer *answer) {
        Error error = {0};
        SwiftVerdict verdict = swift_judge(answer, &error);
        if (verdict == SWIFT_DONE) {
                request->wants_container = false;
                request->made_container = true;
                need_token(request);
                return;
        }
        (void)error_prefix(&error, "making container %s", request->options.container);
        if (verdict == SWIFT_UNAUTHORIZED)
                on_unauthorized(request, &error);
        else if (verdict == SWIFT_AGAIN)
                try_again(request, &error, answer->retry_after_msec);
        else
                fail(request, &error);
}

/* A container that was just made and is missing all the same: servers that do not agree yet. */
static void on_no_container(SwiftRequest *request, const Error *error) {
        if (request->made_container) {
                try_again(request, error, 0);
                return;
        }
        request->wants_container = true;
        need_token(request);
}

/* What came of a body stays; false: the try is to be forgotten. */
static bool keep_part(SwiftRequest *request, SwiftAnswer *answer) {
        if (request->options.reply_buffer == NULL || answer->status < 200 || answer->status > 299)
                return true;
        if (request->by_range && answer->status != 206) {
                /* From the beginning, and to the wrong place. */
                request->received = 0;
                request->whole = true;
                return false;
        }
        size_t before = request->received;
        request->received += answer->body_size;
        answer->body_size += before;
        answer->body = request->options.reply_buffer;
        if (request->received == request->options.max_reply_bytes &&
            answer->failure != HTTP_FAILURE_TOO_LARGE)
                answer->failure = HTTP_FAILURE_NONE; /* cut behind its last byte */
        if (answer->failure != HTTP_FAILURE_NONE && request->whole)
                request->received = 0;
        return true;
}

static SwiftVerdict judge(SwiftRequest *request, SwiftAnswer *answer, Error *err) {
        bool counts =
                answer->failure == HTTP_FAILURE_NONE || answer->failure == HTTP_FAILURE_TOO_LARGE;
        if (!keep_part(request, answer)) {
                (void)error_set(
                        err, ERROR_STORE_UNAVAILABLE, -EPROTO, "the server gives no parts of it");
                return SWIFT_AGAIN;
        }
        if (!counts || answer->status == 401 || swift_may_pass(answer->status) ||
            request->options.judge == NULL)
                return swift_judge(answer, err);
        return request->options.judge(answer, err, request->options.userdata);
}

static void on_answer(SwiftRequest *request, SwiftAnswer *answer) {
        Error error = {0};
        SwiftVerdict verdict = judge(request, answer, &error);
        SwiftWindow *window = &request->store->window;
        if (verdict == SWIFT_DONE)
                swift_window_went_well(window, &request->slot);
        else if (swift_is_too_much(answer->status))
                swift_window_too_much(window, &request->slot);
        switch (verdict) {
        case SWIFT_DONE:
                finish(request, answer, NULL);
                return;
        case SWIFT_AGAIN:
                try_again(request, &error, answer->retry_after_msec);
                return;
        case SWIFT_UNAUTHORIZED:
                on_unauthorized(request, &error);
                return;
        case SWIFT_NO_CONTAINER:
                on_no_container(request, &error);
                return;
        case SWIFT_FAILED:
                fail(request, &error);
                return;
        }
}

static void on_http(HttpRequest *http, const HttpReply *reply, void *userdata) {
        SwiftRequest *request = userdata;
        SwiftAnswer answer = swift_answer_read(http, reply);
        request->http = NULL;
        if (answer.status != 401)
                request->refused = false;
        if (request->state == REQUEST_CONTAINER)
                on_container(request, &answer);
        else
                on_answer(request, &answer);
}

/* --- sending --- */

typedef struct Sending {
        char *url;
        Text token, range;
        const char *headers[HEADERS_MAX + 1];
        size_t n_headers;
} Sending;

static void sending_done(Sending *sending) {
        text_wipe(&sending->token);
        text_done(&sending->range);
        free(sending->url);
}

static void add(Sending *sending, const char *header) {
        assert(sending->n_headers < HEADERS_MAX);
        sending->headers[sending->n_headers++] = header;
}

static void add_own(SwiftRequest *request, Sending *sending) {
        for (size_t i = 0; i < SWIFT_HEADERS && request->headers[i] != NULL; i++)
                add(sending, request->headers[i]);
        if (request->options.body_size > 0)
                add(sending, "Expect: 100-continue");
        request->by_range = request->options.reply_buffer != NULL && request->received > 0;
        if (!request->by_range)
                return;
        text_appendf(&sending->range, "Range: bytes=%zu-", request->received);
        add(sending, text_get(&sending->range));
}

static int prepare(SwiftRequest *request, Sending *sending, Error *err) {
        const SwiftRequestOptions *options = &request->options;
        const SwiftGrant *grant = swift_tokens_get(request->store->tokens, &request->generation);
        text_appendf(&sending->token, "X-Auth-Token: %s", grant->token);
        add(sending, text_get(&sending->token));
        if (request->wants_container) {
                sending->url = swift_url(grant->url, options->container, NULL, NULL);
        } else {
                sending->url = options->is_info ? swift_url_info(grant->url)
                                                : swift_url(
                                                          grant->url,
                                                          options->container,
                                                          request->object,
                                                          request->query);
                add_own(request, sending);
        }
        return sending->url == NULL || sending->token.failed || sending->range.failed
                       ? error_oom(err)
                       : 0;
}

static int start_http(SwiftRequest *request, const Sending *sending, Error *err) {
        const SwiftRequestOptions *options = &request->options;
        HttpRequestOptions http = {
                .method = "PUT",
                .url = sending->url,
                .headers = sending->headers,
                .max_reply_bytes = LIMIT_ANSWER_BYTES,
                .on_done = on_http,
                .userdata = request,
        };
        if (!request->wants_container) {
                http.method = options->method;
                http.body = options->body;
                http.body_size = options->body_size;
                http.max_reply_bytes = options->max_reply_bytes > 0 || options->reply_buffer != NULL
                                               ? options->max_reply_bytes
                                               : LIMIT_ANSWER_BYTES;
                if (options->reply_buffer != NULL) {
                        http.reply_buffer = (uint8_t *)options->reply_buffer + request->received;
                        http.max_reply_bytes = options->max_reply_bytes - request->received;
                }
        }
        return http_start(request->store->client, &http, &request->http, err);
}

/* In TOKEN, where there is one. */
static void send(SwiftRequest *request) {
        CLEANUP(sending_done) Sending sending = {0};
        Error error = {0};
        int r = prepare(request, &sending, &error);
        if (r == 0)
                r = start_http(request, &sending, &error);
        if (r < 0) {
                fail(request, &error);
                return;
        }
        request->n_tries++;
        enter(request, request->wants_container ? REQUEST_CONTAINER : REQUEST_SENDING);
}

/* A pause is over, or the window has room. */
static void on_timer(void *userdata) {
        SwiftRequest *request = userdata;
        if (request->state == REQUEST_PAUSED) {
                enter(request, REQUEST_TURN);
                if (request->options.is_transfer &&
                    !swift_window_take(&request->store->window, &request->slot))
                        return;
        }
        need_token(request);
}

static void on_turn(void *userdata) {
        SwiftRequest *request = userdata;
        timer_arm(request->timer, 0);
}

/* --- life --- */

static int copy(const char *from, char **ret) {
        *ret = from != NULL ? strdup(from) : NULL;
        return from == NULL || *ret != NULL ? 0 : -ENOMEM;
}

static int copy_options(SwiftRequest *request, const SwiftRequestOptions *options) {
        request->options = *options;
        int r = copy(options->object, &request->object);
        if (r == 0)
                r = copy(options->query, &request->query);
        for (size_t i = 0; r == 0 && i < SWIFT_HEADERS && options->headers[i] != NULL; i++)
                r = copy(options->headers[i], &request->headers[i]);
        return r;
}

int swift_request_start(
        SwiftStore *store, const SwiftRequestOptions *options, SwiftRequest **ret, Error *err) {
        SwiftRequest *request = calloc(1, sizeof(*request));
        if (request == NULL)
                return error_oom(err);
        request->store = store;
        request->slot = (SwiftSlot){.on_turn = on_turn, .userdata = request};
        request->waiter = (SwiftTokenWaiter){.on_ready = on_token, .userdata = request};
        int r = copy_options(request, options) < 0
                        ? error_oom(err)
                        : timer_new(store->loop, on_timer, request, &request->timer, err);
        if (r < 0) {
                request_free(request);
                return r;
        }
        timer_arm(request->timer, 0);
        *ret = request;
        return 0;
}

bool swift_request_cancel(SwiftRequest *request) {
        if (request == NULL)
                return false;
        bool sent = request->http != NULL && request->options.body_size > 0 &&
                    !request->wants_container && http_request_is_sent(request->http);
        http_cancel(request->http);
        let_go(request);
        request_free(request);
        return sent;
}
