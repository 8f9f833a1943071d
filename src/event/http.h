/* HTTP requests on the loop: curl's multi interface behind plain structures, so that no other
 * folder sees curl. Link seam: tests/fakes/http.c. HTTP/1.1 only, TLS always verified, names
 * resolved by event/resolver, never by curl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/loop.h"

typedef struct HttpClient HttpClient;
typedef struct HttpRequest HttpRequest;

typedef struct HttpClientOptions {
        const char *ca_file; /* NULL: the system's */
        uint64_t connect_timeout_msec;
        uint64_t stall_timeout_msec; /* no byte either way for so long */
        unsigned max_idle_sec;       /* an idle connection older than this is not used again */
        unsigned max_connections;
} HttpClientOptions;

int http_client_new(Loop *loop, const HttpClientOptions *options, HttpClient **ret, Error *err);
HttpClient *http_client_free(HttpClient *client); /* no request may be left */
DEFINE_CLEANUP(HttpClient, http_client);

typedef enum HttpFailure {
        HTTP_FAILURE_NONE, /* status is the server's */
        HTTP_FAILURE_RESOLVE,
        HTTP_FAILURE_CONNECT,
        HTTP_FAILURE_TLS, /* permanent */
        HTTP_FAILURE_STALLED,
        HTTP_FAILURE_SHORT,     /* fewer bytes than Content-Length */
        HTTP_FAILURE_BROKEN,    /* reset, closed, malformed */
        HTTP_FAILURE_TOO_LARGE, /* more than max_reply_bytes */
} HttpFailure;

typedef struct HttpReply {
        HttpFailure failure;
        int status;
        const char *detail;  /* curl's words; never a URL query, a header or a secret */
        const uint8_t *body; /* what came, also for failures */
        size_t body_size;
        uint64_t sent_bytes;
} HttpReply;

typedef struct HttpRequestOptions {
        const char *method; /* GET PUT POST HEAD DELETE */
        const char *url;
        const char *const *headers; /* "Name: value", NULL-terminated; copied, wiped */
        const void *body;           /* not copied: lives until on_done or cancel; NULL: none */
        size_t body_size;
        void *reply_buffer; /* body of a 2xx goes here; NULL: into memory of the request, at most
                               max_reply_bytes */
        size_t max_reply_bytes;
        uint64_t deadline_msec; /* 0: none but the stall timeout */
        void (*on_done)(HttpRequest *request, const HttpReply *reply, void *userdata);
        void *userdata;
} HttpRequestOptions;

int http_start(
        HttpClient *client, const HttpRequestOptions *options, HttpRequest **ret, Error *err);
void http_cancel(
        HttpRequest *request); /* NULL: nothing. Not from inside on_done of the same request */
/* Within on_done: the last value of a reply header, any case; NULL when absent. */
const char *http_reply_header(const HttpRequest *request, const char *name);
/* True when the whole body was handed over: from then on the server may act on it, also after a
 * cancel. */
bool http_request_is_sent(const HttpRequest *request);
/* What later requests use; max_connections stays. */
int http_client_set_options(HttpClient *client, const HttpClientOptions *options, Error *err);
/* Bytes a second for all requests together, 0: no limit; may change while requests run. */
void http_client_set_rate(HttpClient *client, uint64_t bytes_per_sec);
