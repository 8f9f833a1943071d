/* The token and its one renewal. Owned by the store, used by swift-request.c.
 *
 *     none -> asking -> good -> (about to end, or refused) -> asking -> ..
 *                `-> none: all that wait hear why */
#include "store/swift-token.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/swift-answer.h"

enum {
        /* A token is renewed when a quarter of its life is left, at most a minute. */
        AHEAD_MOST_MSEC = 60 * 1000,
        AHEAD_PART = 4,
        /* While the old one is still good, a renewal that failed is tried again after: */
        RENEW_AGAIN_MSEC = 5 * 1000,
        DEADLINE_MSEC = 120 * 1000,
        LIFE_LEAST_MSEC = 5 * 1000, /* no more renewals than this, whatever the answers say */
};

struct SwiftTokens {
        HttpClient *client;
        SwiftAuth auth;
        SwiftGrant grant; /* token NULL: none */
        uint64_t generation, renew_usec, end_usec;
        HttpRequest *asking;
        SwiftAuthQuestion question;
        SwiftTokenWaiter *waiting;
        SwiftTokenWaiter *told; /* those that are being told */
        bool *freed;            /* set for whoever is calling out */
};

static void on_answer(HttpRequest *http, const HttpReply *reply, void *userdata);

static bool is_good(const SwiftTokens *tokens) {
        return tokens->grant.token != NULL && clock_monotonic_usec() < tokens->end_usec;
}

const SwiftGrant *swift_tokens_get(const SwiftTokens *tokens, uint64_t *ret_generation) {
        if (!is_good(tokens) || clock_monotonic_usec() >= tokens->renew_usec)
                return NULL;
        *ret_generation = tokens->generation;
        return &tokens->grant;
}

/* --- waiting --- */

static void remove_waiter(SwiftTokenWaiter **list, const SwiftTokenWaiter *waiter) {
        for (; *list != NULL; list = &(*list)->next)
                if (*list == waiter) {
                        *list = waiter->next;
                        return;
                }
}

void swift_tokens_leave(SwiftTokenWaiter *waiter) {
        if (waiter->tokens == NULL)
                return;
        remove_waiter(&waiter->tokens->waiting, waiter);
        remove_waiter(&waiter->tokens->told, waiter);
        waiter->tokens = NULL;
}

/* Whoever is told may wait again, stop others from waiting, or free everything. */
static void tell(SwiftTokens *tokens, const Error *err, bool retry, uint64_t retry_after_msec) {
        bool freed = false;
        assert(tokens->told == NULL);
        tokens->told = tokens->waiting;
        tokens->waiting = NULL;
        tokens->freed = &freed;
        while (tokens->told != NULL) {
                SwiftTokenWaiter *waiter = tokens->told;
                tokens->told = waiter->next;
                waiter->tokens = NULL;
                waiter->on_ready(err, retry, retry_after_msec, waiter->userdata);
                if (freed)
                        return;
        }
        tokens->freed = NULL;
}

/* --- asking --- */

static int ask(SwiftTokens *tokens, Error *err) {
        const char *headers[SWIFT_AUTH_HEADERS + 1] = {NULL};
        SwiftAuthQuestion *question = &tokens->question;
        int r = swift_auth_ask(&tokens->auth, question, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < question->n_headers; i++)
                headers[i] = text_get(&question->headers[i]);
        const HttpRequestOptions options = {
                .method = question->method,
                .url = question->url,
                .headers = headers,
                .body = question->body.length > 0 ? text_get(&question->body) : NULL,
                .body_size = question->body.length,
                .max_reply_bytes = LIMIT_ANSWER_BYTES,
                .deadline_msec = DEADLINE_MSEC,
                .on_done = on_answer,
                .userdata = tokens,
        };
        r = http_start(tokens->client, &options, &tokens->asking, err);
        if (r < 0)
                swift_auth_question_done(question);
        return r;
}

int swift_tokens_wait(SwiftTokens *tokens, SwiftTokenWaiter *waiter, Error *err) {
        if (tokens->asking == NULL) {
                int r = ask(tokens, err);
                if (r < 0)
                        return r;
        }
        waiter->tokens = tokens;
        waiter->next = tokens->waiting;
        tokens->waiting = waiter;
        return 0;
}

void swift_tokens_refuse(SwiftTokens *tokens, uint64_t generation) {
        if (generation == tokens->generation)
                swift_grant_done(&tokens->grant);
}

/* --- the answer --- */

static void keep(SwiftTokens *tokens, SwiftGrant *grant) {
        uint64_t now = clock_monotonic_usec(), life = grant->life_msec;
        if (life > 0 && life < LIFE_LEAST_MSEC)
                life = LIFE_LEAST_MSEC;
        uint64_t ahead = life / AHEAD_PART < AHEAD_MOST_MSEC ? life / AHEAD_PART : AHEAD_MOST_MSEC;
        swift_grant_done(&tokens->grant);
        tokens->grant = *grant;
        tokens->generation++;
        tokens->end_usec = life == 0 ? UINT64_MAX : now + life * 1000;
        tokens->renew_usec = life == 0 ? UINT64_MAX : now + (life - ahead) * 1000;
}

static int
read_answer(SwiftTokens *tokens, const HttpRequest *http, const HttpReply *reply, Error *err) {
        bool v1 = tokens->auth.version == 1;
        const SwiftAuthAnswer answer = {
                .status = reply->status,
                .token = http_reply_header(http, v1 ? "X-Auth-Token" : "X-Subject-Token"),
                .storage_url = http_reply_header(http, "X-Storage-Url"),
                .body = (const char *)reply->body,
                .body_size = reply->body_size,
        };
        SwiftGrant grant;
        if (reply->failure == HTTP_FAILURE_TLS || reply->failure == HTTP_FAILURE_TOO_LARGE)
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -EPROTO,
                        "Authentication at %s: %s",
                        tokens->auth.url,
                        reply->detail);
        if (reply->failure != HTTP_FAILURE_NONE)
                return error_set(
                        err,
                        ERROR_STORE_UNAVAILABLE,
                        -EAGAIN,
                        "Authentication at %s: %s",
                        tokens->auth.url,
                        reply->detail);
        int r = swift_auth_judge(&tokens->auth, &answer, &grant, err);
        if (r == 0)
                keep(tokens, &grant);
        return r;
}

static void on_answer(HttpRequest *http, const HttpReply *reply, void *userdata) {
        SwiftTokens *tokens = userdata;
        Error error = {0};
        uint64_t retry_after_msec = swift_retry_after_msec(http_reply_header(http, "Retry-After"));
        tokens->asking = NULL;
        int r = read_answer(tokens, http, reply, &error);
        swift_auth_question_done(&tokens->question);
        if (r < 0 && is_good(tokens)) {
                /* Renewed ahead of time, in vain: the old one still does. */
                uint64_t again = clock_monotonic_usec() + RENEW_AGAIN_MSEC * UINT64_C(1000);
                tokens->renew_usec = again < tokens->end_usec ? again : tokens->end_usec;
                r = 0;
        }
        if (r == -EAGAIN)
                error.r = -EIO; /* what it is for whoever asked for more than a token */
        tell(tokens, r < 0 ? &error : NULL, r == -EAGAIN, retry_after_msec);
}

/* --- life --- */

void swift_tokens_set_auth(SwiftTokens *tokens, SwiftAuth *auth) {
        Error error = {0};
        bool same = swift_auth_equal(&tokens->auth, auth);
        swift_auth_done(&tokens->auth);
        tokens->auth = *auth;
        *auth = (SwiftAuth){0};
        if (same)
                return;
        swift_grant_done(&tokens->grant);
        if (tokens->asking == NULL)
                return;
        http_cancel(tokens->asking);
        tokens->asking = NULL;
        swift_auth_question_done(&tokens->question);
        int r = ask(tokens, &error);
        if (r < 0)
                tell(tokens, &error, false, 0);
}

int swift_tokens_new(HttpClient *client, SwiftAuth *auth, SwiftTokens **ret, Error *err) {
        SwiftTokens *tokens = calloc(1, sizeof(*tokens));
        if (tokens == NULL)
                return error_oom(err);
        tokens->client = client;
        tokens->auth = *auth;
        *auth = (SwiftAuth){0};
        *ret = tokens;
        return 0;
}

SwiftTokens *swift_tokens_free(SwiftTokens *tokens) {
        if (tokens == NULL)
                return NULL;
        assert(tokens->waiting == NULL && tokens->told == NULL);
        if (tokens->freed != NULL)
                *tokens->freed = true;
        http_cancel(tokens->asking);
        swift_auth_question_done(&tokens->question);
        swift_grant_done(&tokens->grant);
        swift_auth_done(&tokens->auth);
        free(tokens);
        return NULL;
}
