/* Host names to addresses, off the loop thread, with a cache and a deadline. */
#pragma once

#include "event/loop.h"

typedef struct Resolver Resolver;
typedef struct ResolverQuery ResolverQuery;

int resolver_new(Loop *loop, Resolver **ret, Error *err);
Resolver *resolver_free(Resolver *resolver);
DEFINE_CLEANUP(Resolver, resolver);

typedef struct ResolverOptions {
        const char *host, *port; /* copied */
        uint64_t timeout_msec;
        /* addresses: "127.0.0.1,::1" as CURLOPT_RESOLVE takes them, NULL with err when there are
         * none within timeout_msec. */
        void (*on_done)(const char *addresses, const Error *err, void *userdata);
        void *userdata;
} ResolverOptions;

int resolver_start(
        Resolver *resolver, const ResolverOptions *options, ResolverQuery **ret, Error *err);
void resolver_cancel(ResolverQuery *query);
