/* How a token is asked for, and what the answer says: Swift's v1 and Keystone's v3. No sockets. */
#pragma once

#include "base/strings.h"
#include "store/swift.h"

/* Who we are; owned, the secret is wiped. */
typedef struct SwiftAuth {
        unsigned version;
        char *url, *username, *application_credential_id, *project_name, *project_domain_name,
                *user_domain_name, *region_name, *interface;
        char *secret;       /* NULL: none, secret_error says why */
        Error secret_error; /* of kind Config */
} SwiftAuth;

int swift_auth_init(SwiftAuth *auth, const SwiftOptions *options, Error *err);
void swift_auth_done(SwiftAuth *auth);
bool swift_auth_equal(const SwiftAuth *a, const SwiftAuth *b);

enum { SWIFT_AUTH_HEADERS = 4 };

typedef struct SwiftAuthQuestion {
        const char *method;
        char *url;
        Text headers[SWIFT_AUTH_HEADERS]; /* the first n_headers */
        size_t n_headers;
        Text body;
} SwiftAuthQuestion;

int swift_auth_ask(const SwiftAuth *auth, SwiftAuthQuestion *ret, Error *err);
void swift_auth_question_done(SwiftAuthQuestion *question); /* wipes */

typedef struct SwiftAuthAnswer {
        int status;
        const char *token, *storage_url; /* headers; NULL: absent */
        const char *body;
        size_t body_size;
} SwiftAuthAnswer;

/* A token and where it is good. */
typedef struct SwiftGrant {
        char *token;
        char *url;          /* of the account, without a '/' at its end */
        uint64_t life_msec; /* how long it was to live when it was given; 0: not known */
} SwiftGrant;

void swift_grant_done(SwiftGrant *grant); /* wipes */

/* -EAGAIN: the answer says that it may be tried again. */
int swift_auth_judge(
        const SwiftAuth *auth, const SwiftAuthAnswer *answer, SwiftGrant *ret, Error *err);
