/* The HTTP client: curl's multi interface on the loop. All calls out are made while draining curl's
 * completions or from timers, never from within a callback of curl; there a handle must not be
 * freed. */
#include "event/http.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "event/http-internal.h"
#include "event/loop-internal.h"

enum { RATE_TICK_MSEC = 20, STALL_TICK_MAX_MSEC = 1000 };

struct HttpClient {
        Loop *loop;
        CURLM *multi;
        Resolver *resolver;
        Timer *timeout, *stall_tick, *rate_tick;
        HttpClientOptions options;
        char *ca_file;
        HttpRequest *requests;
        bool *freed; /* set for whoever is calling out */
        /* The token bucket: bytes that may move, less than nothing when some moved in advance. */
        uint64_t rate, filled_usec, n_served;
        int64_t tokens;
};

typedef struct SocketWatch {
        HttpClient *client;
        curl_socket_t fd;
        Watch *watch;
} SocketWatch;

/* --- ends ------------------------------------------------------------------------------------ */

static void forget(HttpRequest *request) {
        HttpRequest **at = &request->client->requests;

        while (*at != NULL && *at != request)
                at = &(*at)->next;
        if (*at == request)
                *at = request->next;
        if (request->is_added)
                curl_multi_remove_handle(request->client->multi, request->easy);
        request->is_added = false;
}

static void finish(HttpRequest *request, const HttpReply *reply) {
        forget(request);
        request->on_done(request, reply, request->userdata);
        http_request_free(request);
}

static void finish_with(HttpRequest *request, HttpFailure failure, const char *detail) {
        HttpReply reply = http_request_reply(request, CURLE_OK);

        reply.failure = failure;
        reply.detail = detail;
        finish(request, &reply);
}

/* All that has ended, as one call into curl may end many. False: the client was freed meanwhile. */
static bool drain(HttpClient *client) {
        bool freed = false;
        CURLMsg *message;
        int left;

        client->freed = &freed;
        while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
                HttpRequest *request = NULL;
                HttpReply reply;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
                reply = http_request_reply(request, message->data.result);
                finish(request, &reply); /* message is gone with its handle */
                if (freed)
                        return false;
        }
        client->freed = NULL;
        return true;
}

static void act(HttpClient *client, curl_socket_t fd, int events) {
        int running;

        curl_multi_socket_action(client->multi, fd, events, &running);
        drain(client);
}

/* --- sockets and timeouts -------------------------------------------------------------------- */

static void on_ready(int status, int events, void *userdata) {
        const SocketWatch *socket = userdata;
        /* An error without an event: 0 lets curl look for itself, and say what it is. */
        int action = 0;

        if ((events & WATCH_READABLE) != 0)
                action |= CURL_CSELECT_IN;
        if ((events & WATCH_WRITABLE) != 0)
                action |= CURL_CSELECT_OUT;
        act(socket->client, socket->fd, action);
}

static SocketWatch *socket_watch_new(HttpClient *client, curl_socket_t fd) {
        SocketWatch *socket = calloc(1, sizeof(*socket));

        if (socket == NULL)
                return NULL;
        socket->client = client;
        socket->fd = fd;
        if (watch_new(client->loop, fd, on_ready, socket, &socket->watch, NULL) < 0) {
                free(socket);
                return NULL;
        }
        curl_multi_assign(client->multi, fd, socket);
        return socket;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata) {
        SocketWatch *socket = socket_userdata;
        HttpClient *client = userdata;

        if (what == CURL_POLL_REMOVE) {
                if (socket != NULL)
                        watch_free(socket->watch);
                free(socket);
                curl_multi_assign(client->multi, fd, NULL);
                return 0;
        }
        if (socket == NULL)
                socket = socket_watch_new(client, fd);
        if (socket == NULL)
                return -1;
        watch_set(
                socket->watch,
                ((what & CURL_POLL_IN) != 0 ? WATCH_READABLE : 0) |
                        ((what & CURL_POLL_OUT) != 0 ? WATCH_WRITABLE : 0));
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_msec, void *userdata) {
        HttpClient *client = userdata;

        if (timeout_msec < 0)
                timer_disarm(client->timeout);
        else
                timer_arm(client->timeout, (uint64_t)timeout_msec);
        return 0;
}

static void on_timeout(void *userdata) {
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static void on_stall_tick(void *userdata) {
        HttpClient *client = userdata;
        uint64_t now = clock_monotonic_usec();
        bool freed = false;

        if (client->requests == NULL)
                return;
        timer_arm(
                client->stall_tick,
                client->options.stall_timeout_msec / 4 < STALL_TICK_MAX_MSEC
                        ? client->options.stall_timeout_msec / 4 + 1
                        : STALL_TICK_MAX_MSEC);
        client->freed = &freed;
        for (HttpRequest *request = client->requests; request != NULL;) {
                if (!request->is_added ||
                    !http_request_is_stalled(request, now, client->options.stall_timeout_msec)) {
                        request = request->next;
                        continue;
                }
                finish_with(request, HTTP_FAILURE_STALLED, "no byte moved for too long");
                if (freed)
                        return;
                request = client->requests; /* the call may have changed the list */
        }
        client->freed = NULL;
}

/* --- rate ------------------------------------------------------------------------------------ */

static void fill(HttpClient *client) {
        uint64_t now = clock_monotonic_usec(), passed = now - client->filled_usec;
        int64_t most = (int64_t)(client->rate / 10 + 1); /* a tenth of a second in advance */

        if (passed > 1000000)
                passed = 1000000;
        client->filled_usec = now;
        client->tokens += (int64_t)((double)client->rate * (double)passed / 1e6);
        if (client->tokens > most)
                client->tokens = most;
}

size_t http_client_take_bytes(HttpRequest *request, size_t wanted) {
        HttpClient *client = request->client;

        if (client->rate == 0)
                return wanted;
        fill(client);
        if (client->tokens <= 0) {
                if (!timer_is_armed(client->rate_tick))
                        timer_arm(client->rate_tick, RATE_TICK_MSEC);
                return 0;
        }
        client->tokens -= (int64_t)wanted;
        request->served = ++client->n_served;
        return wanted;
}

/* The one that got bytes least recently: a server closes what is idle for a minute. */
static HttpRequest *next_paused(const HttpClient *client) {
        HttpRequest *found = NULL;

        for (HttpRequest *request = client->requests; request != NULL; request = request->next)
                if (request->paused && (found == NULL || request->served < found->served))
                        found = request;
        return found;
}

/* One at a time, as it may take all there is. Unpausing may call back at once, and pause again. */
static void on_rate_tick(void *userdata) {
        HttpClient *client = userdata;
        HttpRequest *request = next_paused(client);

        if (request == NULL)
                return;
        if (client->rate > 0) {
                fill(client);
                if (client->tokens <= 0) {
                        timer_arm(client->rate_tick, RATE_TICK_MSEC);
                        return;
                }
        }
        request->paused = false;
        timer_arm(client->rate_tick, 0);
        curl_easy_pause(request->easy, CURLPAUSE_CONT);
        act(client, CURL_SOCKET_TIMEOUT, 0);
}

void http_client_set_rate(HttpClient *client, uint64_t bytes_per_sec) {
        client->rate = bytes_per_sec;
        client->tokens = 0;
        client->filled_usec = clock_monotonic_usec();
        timer_arm(client->rate_tick, 0);
}

/* --- requests -------------------------------------------------------------------------------- */

static void on_resolved(const char *addresses, const Error *err, void *userdata) {
        HttpRequest *request = userdata;
        HttpClient *client = request->client;

        request->resolving = NULL;
        if (addresses == NULL) {
                finish_with(request, HTTP_FAILURE_RESOLVE, err->message);
                return;
        }
        if (http_request_set_addresses(request, addresses) < 0 ||
            curl_multi_add_handle(client->multi, request->easy) != CURLM_OK) {
                finish_with(request, HTTP_FAILURE_BROKEN, "out of memory");
                return;
        }
        request->is_added = true;
}

static void on_deadline(void *userdata) {
        finish_with(userdata, HTTP_FAILURE_STALLED, "not done in time");
}

static int begin(HttpRequest *request, const HttpRequestOptions *options, Error *err) {
        HttpClient *client = request->client;
        int r = http_request_prepare(request, options, &client->options, err);

        if (r < 0)
                return r;
        if (options->deadline_msec > 0) {
                r = timer_new(client->loop, on_deadline, request, &request->deadline, err);
                if (r < 0)
                        return r;
                timer_arm(request->deadline, options->deadline_msec);
        }
        return resolver_start(
                client->resolver,
                &(ResolverOptions){
                        .host = request->host,
                        .port = request->port,
                        .timeout_msec = client->options.connect_timeout_msec,
                        .on_done = on_resolved,
                        .userdata = request,
                },
                &request->resolving,
                err);
}

int http_start(
        HttpClient *client, const HttpRequestOptions *options, HttpRequest **ret, Error *err) {
        HttpRequest *request = calloc(1, sizeof(*request));
        int r;

        if (request == NULL)
                return error_oom(err);
        request->client = client;
        r = begin(request, options, err);
        if (r < 0) {
                http_request_free(request);
                return r;
        }
        request->next = client->requests;
        client->requests = request;
        if (!timer_is_armed(client->stall_tick))
                timer_arm(client->stall_tick, 1);
        if (ret != NULL)
                *ret = request;
        return 0;
}

void http_cancel(HttpRequest *request) {
        if (request == NULL)
                return;
        forget(request);
        http_request_free(request);
}

/* --- the client ------------------------------------------------------------------------------ */

static void init_curl(void) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int make_multi(HttpClient *client, Error *err) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        long connections = (long)client->options.max_connections;

        pthread_once(&once, init_curl);
        client->multi = curl_multi_init();
        if (client->multi == NULL)
                return error_oom(err);
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
        curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
        curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections);
        return 0;
}

static int set_up(HttpClient *client, Error *err) {
        int r = timer_new(client->loop, on_timeout, client, &client->timeout, err);

        if (r == 0)
                r = timer_new(client->loop, on_stall_tick, client, &client->stall_tick, err);
        if (r == 0)
                r = timer_new(client->loop, on_rate_tick, client, &client->rate_tick, err);
        if (r == 0)
                r = resolver_new(client->loop, &client->resolver, err);
        return r == 0 ? make_multi(client, err) : r;
}

int http_client_set_options(HttpClient *client, const HttpClientOptions *options, Error *err) {
        unsigned max_connections = client->options.max_connections;
        char *ca_file = options->ca_file != NULL ? strdup(options->ca_file) : NULL;

        if (options->ca_file != NULL && ca_file == NULL)
                return error_oom(err);
        free(client->ca_file);
        client->ca_file = ca_file;
        client->options = *options;
        client->options.ca_file = ca_file;
        client->options.max_connections = max_connections;
        return 0;
}

int http_client_new(Loop *loop, const HttpClientOptions *options, HttpClient **ret, Error *err) {
        CLEANUP(cleanup_http_client) HttpClient *client = calloc(1, sizeof(*client));
        int r;

        if (client == NULL)
                return error_oom(err);
        client->loop = loop;
        client->options.max_connections = options->max_connections;
        r = http_client_set_options(client, options, err);
        if (r == 0)
                r = set_up(client, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

HttpClient *http_client_free(HttpClient *client) {
        if (client == NULL)
                return NULL;
        assert(client->requests == NULL);
        if (client->freed != NULL)
                *client->freed = true;
        if (client->multi != NULL)
                curl_multi_cleanup(client->multi); /* closes idle connections: on_socket() runs */
        resolver_free(client->resolver);
        timer_free(client->timeout);
        timer_free(client->stall_tick);
        timer_free(client->rate_tick);
        free(client->ca_file);
        free(client);
        return NULL;
}
