/* What the tests of the Swift driver share: a store whose server is the test (tests/fakes/http.h)
 * and whose time passes by hand (tests/fakes/timer.h). */
#pragma once

#include "fakes/clock.h"
#include "fakes/http.h"
#include "fakes/timer.h"
#include "store/swift.h"
#include "unit/test.h"

#define INSTANCE "db1"
#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define ATTEMPT_NAME "0123abcd"
#define ACCOUNT "http://swift:8080/v1/AUTH_test"
#define SEGMENTS ACCOUNT "/backups_segments/" INSTANCE "/" ID "/" ATTEMPT_NAME
#define MD5_EMPTY "d41d8cd98f00b204e9800998ecf8427e"
#define MD5_A "0cc175b9c0f1b6a831c399e269772661" /* of "a" */
#define MD5_ABC "900150983cd24fb0d6963f7d28e17f72"

enum { RETRY_MSEC = 60 * 1000 };

/* What a call came to. */
typedef struct Swift {
        Store *store;
        StoreCall call; /* swift_on_done() */
        unsigned n_done;
        int r;
        Error error;
        bool already_there;
        char etag[33];
        uint64_t object_size;
        char data[64];
        size_t size, n_entries;
        char first[64]; /* name of the first entry */
        uint64_t first_modified_usec;
} Swift;

SwiftOptions swift_options(void);
int swift_set_up(void **state);      /* new, with a token, not open */
int swift_set_up_open(void **state); /* and open: manifests of 3 segments, no bulk delete */
int swift_tear_down(void **state);
void swift_on_done(const StoreReply *reply, void *userdata);
void swift_ended(Swift *f, int r, ErrorKind kind); /* the call is over, with this */
void swift_says(const Swift *f, const char *part);

/* The one request that runs; it must be this one. */
HttpRequest *swift_asked(const char *method, const char *url);
/* The same of several: the first with this method and address. */
HttpRequest *swift_asked_also(const char *method, const char *url);
/* Answers it. */
#define ANSWER(request, ...) http_fake_answer(request, &(HttpFakeAnswer){__VA_ARGS__})
void swift_give_token(const char *token);
void swift_answer_info(const char *info);

extern const StoreAttempt swift_attempt;
StoreSegment swift_segment(uint64_t index, size_t size, const char *md5);
