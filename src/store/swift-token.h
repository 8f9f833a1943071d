/* The token: asked for when it is missed, before it ends (Keystone says when), and once when the
 * server refuses it. All that need it meanwhile wait for the one renewal. */
#pragma once

#include "event/http.h"
#include "store/swift-auth.h"

typedef struct SwiftTokens SwiftTokens;

/* Embedded in whoever may have to wait. */
typedef struct SwiftTokenWaiter SwiftTokenWaiter;
struct SwiftTokenWaiter {
        SwiftTokenWaiter *next;
        SwiftTokens *tokens; /* NULL: does not wait */
        /* err NULL: there is one now. retry: the failure may pass. */
        void (*on_ready)(const Error *err, bool retry, uint64_t retry_after_msec, void *userdata);
        void *userdata;
};

/* Takes what is in auth. */
int swift_tokens_new(HttpClient *client, SwiftAuth *auth, SwiftTokens **ret, Error *err);
SwiftTokens *swift_tokens_free(SwiftTokens *tokens); /* nobody may wait */
DEFINE_CLEANUP(SwiftTokens, swift_tokens);
/* Takes what is in auth. Another identity makes the token of the old one void. */
void swift_tokens_set_auth(SwiftTokens *tokens, SwiftAuth *auth);

/* NULL: there is none, or it is about to end: wait for one. */
const SwiftGrant *swift_tokens_get(const SwiftTokens *tokens, uint64_t *ret_generation);
int swift_tokens_wait(SwiftTokens *tokens, SwiftTokenWaiter *waiter, Error *err);
void swift_tokens_leave(SwiftTokenWaiter *waiter); /* also when it does not wait */
/* The server answered 401 to this one. A newer one stays. */
void swift_tokens_refuse(SwiftTokens *tokens, uint64_t generation);
