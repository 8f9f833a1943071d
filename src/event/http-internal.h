/* What http.c (the client: curl's multi interface on the loop) and http-request.c (one transfer and
 * what curl asks it for) share. */
#pragma once

#include <curl/curl.h>

#include "base/strings.h"
#include "event/http.h"
#include "event/resolver.h"
#include "event/timer.h"

struct HttpRequest {
        HttpRequest *next;
        HttpClient *client;
        CURL *easy;
        struct curl_slist *headers, *addresses;
        char *host, *port; /* to resolve: the server's or the proxy's */
        ResolverQuery *resolving;
        Timer *deadline;
        void (*on_done)(HttpRequest *request, const HttpReply *reply, void *userdata);
        void *userdata;
        /* What is sent. */
        const uint8_t *body;
        size_t body_size, body_sent;
        /* What came. */
        uint8_t *reply_buffer; /* the caller's, for a 2xx */
        size_t max_reply_bytes;
        uint8_t *own_buffer;
        size_t own_capacity, reply_size;
        bool in_own_buffer, too_large;
        Text reply_headers; /* "name\0value\0" pairs of the last answer */
        /* Stall and rate. */
        uint64_t seen_bytes, moved_usec;
        uint64_t served; /* when bytes were last given to it, by number */
        bool paused, is_added;
        char detail[CURL_ERROR_SIZE];
};

/* The easy handle with everything but the addresses. */
int http_request_prepare(
        HttpRequest *request,
        const HttpRequestOptions *options,
        const HttpClientOptions *client_options,
        Error *err);
int http_request_set_addresses(HttpRequest *request, const char *addresses);
void http_request_free(HttpRequest *request); /* not from inside a callback of curl */
HttpReply http_request_reply(const HttpRequest *request, CURLcode code);
/* True when no byte moved either way for so long. */
bool http_request_is_stalled(HttpRequest *request, uint64_t now_usec, uint64_t timeout_msec);

/* Bytes that may move now, at most `wanted`; 0: none, the transfer is paused until there are. */
size_t http_client_take_bytes(HttpRequest *request, size_t wanted);
