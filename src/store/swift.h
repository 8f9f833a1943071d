/* The Swift driver: containers of an OpenStack Swift, reached over HTTP; tokens from Swift's own v1
 * authentication or from Keystone v3.
 *
 * What passes (a server that is away, an answer that is cut, a token that ran out) is tried again
 * for the retry time from the caller's buffer, under the same name with the same bytes. */
#pragma once

#include "event/work.h"
#include "store/store.h"

/* Copied; NULL and "" are the same for a text. */
typedef struct SwiftOptions {
        const char *auth_url;
        unsigned auth_version; /* 1 or 3 */
        const char *username;  /* 3: or an application credential */
        const char *application_credential_id;
        const char *project_name, *project_domain_name, *user_domain_name;
        const char *region_name, *interface;
        const char *secret;        /* the password, or the credential's secret; NULL: none */
        const Error *secret_error; /* why there is none */
        const char *container, *segment_container;
        const char *ca_file;
        uint64_t connect_timeout_msec, stall_timeout_msec, retry_time_msec;
        unsigned concurrency; /* segments in flight */
        unsigned buffers;     /* segments that may be stored before an earlier one is */
} SwiftOptions;

/* Of one line of text, as a header or JSON can carry it; a newline at its end is left out. */
int swift_secret_check(const char *secret, Error *err);

/* workers: where fault points wait, in builds that have them. */
int swift_store_new(
        Loop *loop, WorkPool *workers, const SwiftOptions *options, Store **ret, Error *err);
/* Everything but the containers; what runs takes it over with its next try. */
int swift_store_configure(Store *store, const SwiftOptions *options, Error *err);
