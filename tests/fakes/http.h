/* event/http.h with a script: a test looks at what was sent and answers it. Nothing is answered by
 * itself. Link tests/fakes/http.c (http_fake_sources). */
#pragma once

#include "event/http.h"

/* Requests that run, in the order they were started. NULL: there are not so many. */
HttpRequest *http_fake_at(size_t index);
size_t http_fake_count(void);   /* that run */
size_t http_fake_started(void); /* of all time since http_fake_reset() */
void http_fake_reset(void);     /* before each test: nothing may run */

const char *http_fake_method(const HttpRequest *request);
const char *http_fake_url(const HttpRequest *request);
const char *http_fake_header(const HttpRequest *request, const char *name); /* NULL: was not sent */
const char *http_fake_body(const HttpRequest *request, size_t *ret_size);
/* From now on the whole body of it counts as handed over. */
void http_fake_set_sent(HttpRequest *request);

typedef struct HttpFakeAnswer {
        HttpFailure failure;
        int status;
        const char *headers[8]; /* "Name: value", up to the first NULL */
        const char *body; /* NULL: none; of a 2xx into the caller's buffer, as far as it goes */
        size_t body_size; /* 0: strlen(body) */
} HttpFakeAnswer;

/* on_done runs within this call; the request is gone afterwards. */
void http_fake_answer(HttpRequest *request, const HttpFakeAnswer *answer);

uint64_t http_fake_rate(const HttpClient *client);
const HttpClientOptions *http_fake_options(const HttpClient *client);
