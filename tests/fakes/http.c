#include "fakes/http.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strings.h"

enum { HEADERS_MAX = 16 };

struct HttpRequest {
        HttpRequest *next;
        HttpRequestOptions options;
        char *method, *url, *headers[HEADERS_MAX];
        const HttpFakeAnswer *answer;
        bool sent;
};

struct HttpClient {
        HttpClientOptions options;
        char *ca_file;
        uint64_t rate;
};

static HttpRequest *requests;
static size_t n_started;

int http_client_set_options(HttpClient *client, const HttpClientOptions *options, Error *err) {
        (void)err;
        free(client->ca_file);
        client->options = *options;
        client->ca_file = options->ca_file != NULL ? strdup(options->ca_file) : NULL;
        client->options.ca_file = client->ca_file;
        return 0;
}

int http_client_new(Loop *loop, const HttpClientOptions *options, HttpClient **ret, Error *err) {
        (void)loop;
        *ret = calloc(1, sizeof(**ret));
        return *ret == NULL ? error_oom(err) : http_client_set_options(*ret, options, err);
}

HttpClient *http_client_free(HttpClient *client) {
        if (client == NULL)
                return NULL;
        assert(requests == NULL);
        free(client->ca_file);
        free(client);
        return NULL;
}

void http_client_set_rate(HttpClient *client, uint64_t bytes_per_sec) {
        client->rate = bytes_per_sec;
}

uint64_t http_fake_rate(const HttpClient *client) {
        return client->rate;
}

const HttpClientOptions *http_fake_options(const HttpClient *client) {
        return &client->options;
}

int http_start(
        HttpClient *client, const HttpRequestOptions *options, HttpRequest **ret, Error *err) {
        HttpRequest *request = calloc(1, sizeof(*request)), **at = &requests;
        (void)client;
        if (request == NULL)
                return error_oom(err);
        request->options = *options;
        request->method = strdup(options->method);
        request->url = strdup(options->url);
        for (size_t i = 0; options->headers != NULL && options->headers[i] != NULL; i++) {
                assert(i < HEADERS_MAX);
                request->headers[i] = strdup(options->headers[i]);
        }
        while (*at != NULL)
                at = &(*at)->next;
        *at = request;
        n_started++;
        if (ret != NULL)
                *ret = request;
        return 0;
}

static void request_free(HttpRequest *request) {
        for (size_t i = 0; i < HEADERS_MAX; i++)
                free(request->headers[i]);
        free(request->method);
        free(request->url);
        free(request);
}

static void forget(HttpRequest *request) {
        HttpRequest **at = &requests;
        while (*at != request)
                at = &(*at)->next;
        *at = request->next;
}

void http_cancel(HttpRequest *request) {
        if (request == NULL)
                return;
        forget(request);
        request_free(request);
}

static const char *value_of(const char *header, const char *name) {
        size_t length = strlen(name);
        if (strncasecmp(header, name, length) != 0 || header[length] != ':')
                return NULL;
        return header + length + 1 + strspn(header + length + 1, " ");
}

const char *http_reply_header(const HttpRequest *request, const char *name) {
        const char *found = NULL;
        for (size_t i = 0; i < ELEMENTSOF(request->answer->headers); i++) {
                if (request->answer->headers[i] == NULL)
                        break;
                const char *value = value_of(request->answer->headers[i], name);
                found = value != NULL ? value : found;
        }
        return found;
}

bool http_request_is_sent(const HttpRequest *request) {
        return request->sent;
}

/* --- for tests --- */

HttpRequest *http_fake_at(size_t index) {
        HttpRequest *request = requests;
        while (request != NULL && index-- > 0)
                request = request->next;
        return request;
}

size_t http_fake_count(void) {
        size_t n = 0;
        for (const HttpRequest *request = requests; request != NULL; request = request->next)
                n++;
        return n;
}

size_t http_fake_started(void) {
        return n_started;
}

void http_fake_reset(void) {
        assert(requests == NULL);
        n_started = 0;
}

const char *http_fake_method(const HttpRequest *request) {
        return request->method;
}

const char *http_fake_url(const HttpRequest *request) {
        return request->url;
}

const char *http_fake_header(const HttpRequest *request, const char *name) {
        for (size_t i = 0; i < HEADERS_MAX && request->headers[i] != NULL; i++) {
                const char *value = value_of(request->headers[i], name);
                if (value != NULL)
                        return value;
        }
        return NULL;
}

const char *http_fake_body(const HttpRequest *request, size_t *ret_size) {
        *ret_size = request->options.body_size;
        return request->options.body;
}

void http_fake_set_sent(HttpRequest *request) {
        request->sent = true;
}

void http_fake_answer(HttpRequest *request, const HttpFakeAnswer *answer) {
        const HttpRequestOptions *options = &request->options;
        HttpReply reply = {
                .failure = answer->failure,
                .status = answer->status,
                .detail = answer->failure != HTTP_FAILURE_NONE ? "the connection broke" : "",
                .body = (const uint8_t *)answer->body,
                .body_size = answer->body_size,
        };
        if (answer->body != NULL && answer->body_size == 0)
                reply.body_size = strlen(answer->body);
        bool is_data =
                options->reply_buffer != NULL && answer->status >= 200 && answer->status <= 299;
        /* As there: what is not the caller's data does not count against its buffer. */
        if ((is_data || options->reply_buffer == NULL) &&
            reply.body_size > options->max_reply_bytes) {
                reply.failure = HTTP_FAILURE_TOO_LARGE;
                reply.body_size = options->max_reply_bytes;
        }
        if (is_data && reply.body_size > 0)
                memcpy(options->reply_buffer, answer->body, reply.body_size);
        if (is_data)
                reply.body = options->reply_buffer;
        forget(request);
        request->answer = answer;
        options->on_done(request, &reply, options->userdata);
        request_free(request);
}
