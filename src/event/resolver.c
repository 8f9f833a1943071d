/* Names to addresses. getaddrinfo() may hang for minutes and cannot be stopped, so each lookup has
 * a detached thread and what it shares with us (the mailbox) is freed by whoever leaves last:
 * nobody ever waits for a lookup. */
#include "event/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/strings.h"
#include "base/thread.h"
#include "event/loop-internal.h"
#include "event/timer.h"

enum { THREADS_MAX = 8, CACHE_MAX = 64, ADDRESSES_MAX = 8 };
static const uint64_t cache_usec = UINT64_C(60) * 1000000;

typedef struct Lookup Lookup;
typedef struct CacheEntry CacheEntry;

typedef struct Mailbox {
        pthread_mutex_t lock;
        Waker *waker; /* NULL: the resolver is gone */
        Lookup *done;
        unsigned n_users;
} Mailbox;

struct Lookup {
        Lookup *next;
        Mailbox *mailbox;
        char *host, *port;
        char *addresses; /* NULL: failed, for this reason */
        int failure;
};

struct CacheEntry {
        CacheEntry *next;
        char *host, *port, *addresses;
        uint64_t until_usec;
};

struct ResolverQuery {
        ResolverQuery *next;
        Resolver *resolver;
        char *host, *port;
        Timer *timer; /* its deadline, or "at the next turn" with a result */
        char *addresses;
        int failure; /* of getaddrinfo(), 0: none */
        bool looked_up, is_over;
        void (*on_done)(const char *addresses, const Error *err, void *userdata);
        void *userdata;
};

struct Resolver {
        Loop *loop;
        Mailbox *mailbox;
        unsigned n_threads;
        CacheEntry *cache; /* newest first */
        ResolverQuery *queries;
};

/* --- on a thread of its own ------------------------------------------------------------------ */

static void lookup_free(Lookup *lookup) {
        free(lookup->host);
        free(lookup->port);
        free(lookup->addresses);
        free(lookup);
}

static void mailbox_leave(Mailbox *mailbox) {
        bool last;

        pthread_mutex_lock(&mailbox->lock);
        last = --mailbox->n_users == 0;
        pthread_mutex_unlock(&mailbox->lock);
        if (!last)
                return;
        pthread_mutex_destroy(&mailbox->lock);
        free(mailbox);
}

static char *format_addresses(const struct addrinfo *list) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        for (int n = 0; list != NULL && n < ADDRESSES_MAX; list = list->ai_next, n++) {
                char address[NI_MAXHOST];

                if (getnameinfo(
                            list->ai_addr,
                            list->ai_addrlen,
                            address,
                            sizeof(address),
                            NULL,
                            0,
                            NI_NUMERICHOST) == 0)
                        text_appendf(&text, "%s%s", text.length > 0 ? "," : "", address);
        }
        return text.length > 0 ? text_take(&text) : NULL;
}

static int look_up(const char *host, const char *port, int flags, char **ret_addresses) {
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
        struct addrinfo *list = NULL;
        int r = getaddrinfo(host, port, &hints, &list);

        if (r != 0)
                return r;
        *ret_addresses = format_addresses(list);
        freeaddrinfo(list);
        return *ret_addresses != NULL ? 0 : EAI_MEMORY;
}

static void *run_lookup(void *userdata) {
        Lookup *lookup = userdata;
        Mailbox *mailbox = lookup->mailbox;

        lookup->failure = look_up(lookup->host, lookup->port, AI_ADDRCONFIG, &lookup->addresses);
        pthread_mutex_lock(&mailbox->lock);
        if (mailbox->waker != NULL) {
                lookup->next = mailbox->done;
                mailbox->done = lookup;
                waker_wake(mailbox->waker);
                lookup = NULL;
        }
        pthread_mutex_unlock(&mailbox->lock);
        if (lookup != NULL)
                lookup_free(lookup);
        mailbox_leave(mailbox);
        return NULL;
}

/* --- the cache ------------------------------------------------------------------------------- */

static void cache_entry_free(CacheEntry *entry) {
        free(entry->host);
        free(entry->port);
        free(entry->addresses);
        free(entry);
}

static void cache_trim(Resolver *resolver, size_t keep) {
        CacheEntry **at = &resolver->cache;

        while (*at != NULL && keep-- > 0)
                at = &(*at)->next;
        while (*at != NULL) {
                CacheEntry *entry = *at;

                *at = entry->next;
                cache_entry_free(entry);
        }
}

/* Takes the strings out of a lookup that went well. */
static void cache_add(Resolver *resolver, Lookup *lookup) {
        CacheEntry *entry = calloc(1, sizeof(*entry));

        if (entry == NULL)
                return;
        *entry = (CacheEntry){
                .next = resolver->cache,
                .host = TAKE_PTR(lookup->host),
                .port = TAKE_PTR(lookup->port),
                .addresses = TAKE_PTR(lookup->addresses),
                .until_usec = clock_monotonic_usec() + cache_usec,
        };
        resolver->cache = entry;
        cache_trim(resolver, CACHE_MAX);
}

static const char *cache_find(const Resolver *resolver, const char *host, const char *port) {
        uint64_t now = clock_monotonic_usec();

        for (const CacheEntry *entry = resolver->cache; entry != NULL; entry = entry->next)
                if (entry->until_usec > now && string_equal(entry->host, host) &&
                    string_equal(entry->port, port))
                        return entry->addresses;
        return NULL;
}

/* --- queries --------------------------------------------------------------------------------- */

static bool same_name(const ResolverQuery *query, const char *host, const char *port) {
        return string_equal(query->host, host) && string_equal(query->port, port);
}

static bool is_looked_up(const Resolver *resolver, const ResolverQuery *query) {
        for (const ResolverQuery *q = resolver->queries; q != NULL; q = q->next)
                if (q != query && q->looked_up && !q->is_over &&
                    same_name(q, query->host, query->port))
                        return true;
        return false;
}

static int start_lookup(Resolver *resolver, const ResolverQuery *query) {
        Lookup *lookup = calloc(1, sizeof(*lookup));
        pthread_t thread;
        int r;

        if (lookup == NULL)
                return -ENOMEM;
        lookup->mailbox = resolver->mailbox;
        lookup->host = strdup(query->host);
        lookup->port = strdup(query->port);
        pthread_mutex_lock(&resolver->mailbox->lock);
        resolver->mailbox->n_users++;
        pthread_mutex_unlock(&resolver->mailbox->lock);
        r = lookup->host != NULL && lookup->port != NULL
                    ? thread_start("resolver", run_lookup, lookup, &thread)
                    : -ENOMEM;
        if (r < 0) {
                lookup_free(lookup);
                mailbox_leave(resolver->mailbox);
                return r;
        }
        pthread_detach(thread);
        resolver->n_threads++;
        return 0;
}

/* Queries that wait for a thread get one as long as there are; the others wait for their deadline.
 */
static void start_lookups(Resolver *resolver) {
        for (ResolverQuery *query = resolver->queries; query != NULL; query = query->next) {
                if (query->looked_up || query->is_over)
                        continue;
                if (!is_looked_up(resolver, query)) {
                        if (resolver->n_threads >= THREADS_MAX)
                                continue;
                        if (start_lookup(resolver, query) < 0)
                                continue;
                }
                query->looked_up = true;
        }
}

/* Queries end from their own timer, so that no list is walked while calling out. */
static void settle(ResolverQuery *query, const char *addresses, int failure) {
        query->is_over = true;
        query->failure = failure;
        query->addresses = addresses != NULL ? strdup(addresses) : NULL;
        timer_arm(query->timer, 0);
}

static void on_wake(void *userdata) {
        Resolver *resolver = userdata;
        Lookup *done;

        pthread_mutex_lock(&resolver->mailbox->lock);
        done = resolver->mailbox->done;
        resolver->mailbox->done = NULL;
        pthread_mutex_unlock(&resolver->mailbox->lock);
        while (done != NULL) {
                Lookup *lookup = done;

                done = lookup->next;
                resolver->n_threads--;
                for (ResolverQuery *query = resolver->queries; query != NULL; query = query->next)
                        if (!query->is_over && same_name(query, lookup->host, lookup->port))
                                settle(query, lookup->addresses, lookup->failure);
                if (lookup->addresses != NULL)
                        cache_add(resolver, lookup);
                lookup_free(lookup);
        }
        start_lookups(resolver);
}

static void query_free(ResolverQuery *query) {
        ResolverQuery **at = &query->resolver->queries;

        while (*at != NULL && *at != query)
                at = &(*at)->next;
        if (*at == query)
                *at = query->next;
        timer_free(query->timer);
        free(query->host);
        free(query->port);
        free(query->addresses);
        free(query);
}

static void on_timer(void *userdata) {
        ResolverQuery *query = userdata;
        ResolverQuery over = *query;
        CLEANUP(cleanup_free) char *addresses = TAKE_PTR(query->addresses);
        Error err = {0};

        if (query->failure != 0)
                error_set(
                        &err,
                        ERROR_STORE_UNAVAILABLE,
                        -EHOSTUNREACH,
                        "Cannot resolve %s: %s",
                        query->host,
                        gai_strerror(query->failure));
        else if (query->is_over && addresses == NULL)
                error_oom(&err);
        else if (addresses == NULL)
                error_set(
                        &err,
                        ERROR_STORE_UNAVAILABLE,
                        -ETIMEDOUT,
                        "Cannot resolve %s: no answer in time",
                        query->host);
        query_free(query);
        over.on_done(addresses, error_is_set(&err) ? &err : NULL, over.userdata);
}

/* NULL: no memory. */
static ResolverQuery *query_new(Resolver *resolver, const char *host, const char *port) {
        ResolverQuery *query = calloc(1, sizeof(*query));

        if (query == NULL)
                return NULL;
        query->resolver = resolver;
        query->host = strdup(host);
        query->port = strdup(port);
        if (query->host == NULL || query->port == NULL ||
            timer_new(resolver->loop, on_timer, query, &query->timer, NULL) < 0) {
                query_free(query);
                return NULL;
        }
        query->next = resolver->queries;
        resolver->queries = query;
        return query;
}

int resolver_start(
        Resolver *resolver, const ResolverOptions *options, ResolverQuery **ret, Error *err) {
        const char *known = cache_find(resolver, options->host, options->port);
        ResolverQuery *query = query_new(resolver, options->host, options->port);

        if (query == NULL)
                return error_oom(err);
        query->on_done = options->on_done;
        query->userdata = options->userdata;
        timer_arm(query->timer, options->timeout_msec);
        /* An address is no name: this does not wait. */
        CLEANUP(cleanup_free) char *literal = NULL;
        if (known == NULL &&
            look_up(options->host, options->port, AI_NUMERICHOST | AI_NUMERICSERV, &literal) == 0)
                known = literal;
        if (known != NULL)
                settle(query, known, 0);
        else
                start_lookups(resolver);
        *ret = query;
        return 0;
}

void resolver_cancel(ResolverQuery *query) {
        if (query != NULL)
                query_free(query);
}

int resolver_new(Loop *loop, Resolver **ret, Error *err) {
        CLEANUP(cleanup_resolver) Resolver *resolver = calloc(1, sizeof(*resolver));
        int r;

        if (resolver == NULL)
                return error_oom(err);
        resolver->loop = loop;
        resolver->mailbox = calloc(1, sizeof(*resolver->mailbox));
        if (resolver->mailbox == NULL)
                return error_oom(err);
        pthread_mutex_init(&resolver->mailbox->lock, NULL);
        resolver->mailbox->n_users = 1;
        r = waker_new(loop, on_wake, resolver, &resolver->mailbox->waker, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(resolver);
        return 0;
}

Resolver *resolver_free(Resolver *resolver) {
        Mailbox *mailbox;

        if (resolver == NULL)
                return NULL;
        while (resolver->queries != NULL)
                query_free(resolver->queries);
        cache_trim(resolver, 0);
        mailbox = resolver->mailbox;
        if (mailbox != NULL) {
                pthread_mutex_lock(&mailbox->lock);
                waker_free(mailbox->waker);
                mailbox->waker = NULL;
                while (mailbox->done != NULL) {
                        Lookup *lookup = mailbox->done;

                        mailbox->done = lookup->next;
                        lookup_free(lookup);
                }
                pthread_mutex_unlock(&mailbox->lock);
                mailbox_leave(mailbox);
        }
        free(resolver);
        return NULL;
}
