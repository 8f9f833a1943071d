/* event/resolver.c. The name service is a function of this file that can hang. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "event/resolver.h"
#include "unit/test.h"

static sem_t go;
static _Atomic int lookups;

typedef struct Found {
        struct addrinfo first, second;
        struct sockaddr_in address;
} Found;

int getaddrinfo(
        const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret) {
        Found *found;

        if ((hints->ai_flags & AI_NUMERICHOST) != 0 && strcmp(host, "127.0.0.9") != 0)
                return EAI_NONAME;
        if ((hints->ai_flags & AI_NUMERICHOST) == 0)
                atomic_fetch_add(&lookups, 1);
        if (strcmp(host, "hangs") == 0)
                sem_wait(&go);
        if (strcmp(host, "unknown") == 0)
                return EAI_NONAME;
        found = calloc(1, sizeof(*found));
        found->address.sin_family = AF_INET;
        found->address.sin_addr.s_addr = htonl(0x7f000009);
        found->second.ai_addr = (struct sockaddr *)&found->address;
        found->second.ai_addrlen = sizeof(found->address);
        found->first = found->second;
        found->first.ai_next = strcmp(host, "two") == 0 ? &found->second : NULL;
        *ret = &found->first;
        return 0;
}

void freeaddrinfo(struct addrinfo *list) {
        free(list); /* the first within Found */
}

typedef struct Fixture {
        Loop *loop;
        Resolver *resolver;
        char addresses[64], message[256];
        int calls, expected;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.expected = 1};
        *state = &f;
        sem_init(&go, 0, 0);
        atomic_store(&lookups, 0);
        return loop_new(&f.loop, NULL) < 0 ? -1 : resolver_new(f.loop, &f.resolver, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        resolver_free(f->resolver);
        loop_free(f->loop);
        return 0;
}

static void on_done(const char *addresses, const Error *err, void *userdata) {
        Fixture *f = userdata;

        assert_true((addresses == NULL) == (err != NULL));
        if (addresses != NULL)
                strncpy(f->addresses, addresses, sizeof(f->addresses) - 1);
        else
                memcpy(f->message, err->message, sizeof(f->message) - 1);
        if (++f->calls == f->expected)
                loop_stop(f->loop, 0);
}

static ResolverQuery *ask(Fixture *f, const char *host, uint64_t timeout_msec) {
        ResolverQuery *query = NULL;
        const ResolverOptions options = {
                .host = host,
                .port = "443",
                .timeout_msec = timeout_msec,
                .on_done = on_done,
                .userdata = f,
        };

        assert_int_equal(resolver_start(f->resolver, &options, &query, NULL), 0);
        return query;
}

static void a_name_is_resolved_once_and_then_known(void **state) {
        Fixture *f = *state;

        ask(f, "two", 10000);
        assert_int_equal(f->calls, 0);
        loop_run(f->loop);
        assert_string_equal(f->addresses, "127.0.0.9,127.0.0.9");
        f->expected = 2;
        ask(f, "two", 10000);
        assert_int_equal(f->calls, 1); /* later, from the loop */
        loop_run(f->loop);
        assert_int_equal(atomic_load(&lookups), 1);
}

static void an_address_needs_no_lookup(void **state) {
        Fixture *f = *state;

        ask(f, "127.0.0.9", 10000);
        loop_run(f->loop);
        assert_string_equal(f->addresses, "127.0.0.9");
        assert_int_equal(atomic_load(&lookups), 0);
}

static void an_unknown_name_is_named(void **state) {
        Fixture *f = *state;

        ask(f, "unknown", 10000);
        loop_run(f->loop);
        assert_string_equal(f->message, "Cannot resolve unknown: Name or service not known");
}

static void a_service_that_hangs_ends_at_the_deadline(void **state) {
        Fixture *f = *state;

        ask(f, "hangs", 20);
        loop_run(f->loop);
        assert_string_equal(f->message, "Cannot resolve hangs: no answer in time");
        f->expected = 2;
        ask(f, "one", 10000); /* others are not kept waiting */
        loop_run(f->loop);
        assert_string_equal(f->addresses, "127.0.0.9");
        sem_post(&go);
}

static void queries_for_one_name_share_a_lookup(void **state) {
        Fixture *f = *state;

        f->expected = 3;
        for (int i = 0; i < 3; i++)
                ask(f, "hangs", 10000);
        sem_post(&go);
        loop_run(f->loop);
        assert_int_equal(atomic_load(&lookups), 1);
        assert_int_equal(f->calls, 3);
}

static void a_cancelled_query_is_silent(void **state) {
        Fixture *f = *state;

        resolver_cancel(ask(f, "hangs", 10000));
        resolver_cancel(NULL);
        ask(f, "one", 10000);
        loop_run(f->loop);
        assert_int_equal(f->calls, 1);
        sem_post(&go);
}

static void nobody_waits_for_what_hangs(void **state) {
        Fixture *f = *state;

        ask(f, "hangs", 10000);
        f->resolver = resolver_free(f->resolver);
        assert_int_equal(f->calls, 0);
        sem_post(&go); /* and the thread cleans up alone */
        assert_null(resolver_free(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_name_is_resolved_once_and_then_known),
                TEST(an_address_needs_no_lookup),
                TEST(an_unknown_name_is_named),
                TEST(a_service_that_hangs_ends_at_the_deadline),
                TEST(queries_for_one_name_share_a_lookup),
                TEST(a_cancelled_query_is_silent),
                TEST(nobody_waits_for_what_hangs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
