/* One HTTP transfer: how curl is set up for it, where its bytes come from and go to, and what its
 * end means. Secrets of the headers are wiped when it goes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "event/http-internal.h"

enum {
        REPLY_HEADERS_MAX = 64 * 1024,
        ERROR_REPLY_MAX = 64 * 1024, /* of an answer that is not the caller's data */
        OWN_BUFFER_MIN = 4096,
};

/* --- what curl asks for ---------------------------------------------------------------------- */

static size_t on_read(char *to, size_t size, size_t n, void *userdata) {
        HttpRequest *request = userdata;
        size_t left = request->body_size - request->body_sent, wanted = size * n;
        size_t taken;

        if (left == 0)
                return 0;
        taken = http_client_take_bytes(request, wanted < left ? wanted : left);
        if (taken == 0) {
                request->paused = true;
                return CURL_READFUNC_PAUSE;
        }
        memcpy(to, request->body + request->body_sent, taken);
        request->body_sent += taken;
        return taken;
}

/* curl sends the body anew when a kept connection turns out to be dead. */
static int on_seek(void *userdata, curl_off_t offset, int origin) {
        HttpRequest *request = userdata;

        if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > request->body_size)
                return CURL_SEEKFUNC_FAIL;
        request->body_sent = (size_t)offset;
        return CURL_SEEKFUNC_OK;
}

static bool reserve_own(HttpRequest *request, size_t size) {
        size_t capacity = request->own_capacity > 0 ? request->own_capacity : OWN_BUFFER_MIN;
        uint8_t *buffer;

        if (size <= request->own_capacity)
                return true;
        while (capacity < size)
                capacity *= 2;
        buffer = realloc(request->own_buffer, capacity);
        if (buffer == NULL)
                return false;
        request->own_buffer = buffer;
        request->own_capacity = capacity;
        return true;
}

/* False: too large, or no memory. */
static bool keep_own(HttpRequest *request, const void *from, size_t size, size_t max, bool cut) {
        if (size > max - request->reply_size) {
                request->too_large = !cut;
                if (!cut)
                        return false;
                size = max - request->reply_size;
        }
        if (!reserve_own(request, request->reply_size + size))
                return false;
        memcpy(request->own_buffer + request->reply_size, from, size);
        request->reply_size += size;
        return true;
}

static bool keep_reply(HttpRequest *request, const void *from, size_t size) {
        long status = 0;

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        request->in_own_buffer = request->reply_buffer == NULL || status < 200 || status > 299;
        if (request->in_own_buffer && request->reply_buffer == NULL)
                return keep_own(request, from, size, request->max_reply_bytes, false);
        if (request->in_own_buffer)
                return keep_own(request, from, size, ERROR_REPLY_MAX, true);
        if (size > request->max_reply_bytes - request->reply_size) {
                request->too_large = true;
                return false;
        }
        memcpy(request->reply_buffer + request->reply_size, from, size);
        request->reply_size += size;
        return true;
}

static size_t on_write(char *from, size_t size, size_t n, void *userdata) {
        HttpRequest *request = userdata;

        size *= n;
        if (size == 0)
                return 0;
        /* curl offers a whole block or none: what is over the rate is owed by the next. */
        if (http_client_take_bytes(request, size) == 0) {
                request->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        return keep_reply(request, from, size) ? size : 0;
}

static size_t on_header(char *from, size_t size, size_t n, void *userdata) {
        HttpRequest *request = userdata;
        Text *headers = &request->reply_headers;
        const char *colon;
        size_t length = size * n;

        size = length;
        if (length >= 5 && memcmp(from, "HTTP/", 5) == 0) {
                text_clear(headers); /* after 100 Continue, or a kept connection that was dead */
                return size;
        }
        while (length > 0 && strchr("\r\n \t", from[length - 1]) != NULL)
                length--;
        colon = memchr(from, ':', length);
        if (colon == NULL || headers->length + length > REPLY_HEADERS_MAX)
                return size;
        text_append_bytes(headers, from, (size_t)(colon - from));
        text_append_bytes(headers, "", 1);
        for (colon++; colon < from + length && (*colon == ' ' || *colon == '\t'); colon++)
                ;
        text_append_bytes(headers, colon, (size_t)(from + length - colon));
        text_append_bytes(headers, "", 1);
        return size;
}

const char *http_reply_header(const HttpRequest *request, const char *name) {
        const char *at = request->reply_headers.data, *found = NULL;
        const char *end = at + request->reply_headers.length;

        while (at != NULL && at < end) {
                const char *value = at + strlen(at) + 1;

                if (strcasecmp(at, name) == 0)
                        found = value;
                at = value + strlen(value) + 1;
        }
        return found;
}

bool http_request_is_sent(const HttpRequest *request) {
        return request->is_added && request->body_sent == request->body_size;
}

/* --- setting it up --------------------------------------------------------------------------- */

static bool no_proxy_for(const char *host) {
        const char *list = getenv("no_proxy");
        size_t length = strlen(host);

        if (list == NULL)
                list = getenv("NO_PROXY");
        while (list != NULL && *list != '\0') {
                size_t n;

                list += strspn(list, ", .");
                n = strcspn(list, ", ");
                if (n == 1 && *list == '*')
                        return true;
                if (n > 0 && n <= length && strncasecmp(host + length - n, list, n) == 0 &&
                    (n == length || host[length - n - 1] == '.'))
                        return true;
                list += n;
        }
        return false;
}

/* The variables curl takes its proxy from; HTTP_PROXY in capitals is none of them, as a CGI's
 * client could set it. */
static const char *proxy_for(const char *scheme) {
        bool https = string_equal(scheme, "https");
        const char *names[] = {
                https ? "https_proxy" : "http_proxy",
                https ? "HTTPS_PROXY" : "http_proxy",
                "all_proxy",
                "ALL_PROXY"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = getenv(names[i]);

                if (value != NULL && value[0] != '\0')
                        return value;
        }
        return NULL;
}

typedef struct UrlParts {
        char *scheme, *host, *port;
} UrlParts;

static void url_parts_done(UrlParts *parts) {
        curl_free(parts->scheme);
        curl_free(parts->host);
        curl_free(parts->port);
}

static int url_split(const char *url, unsigned flags, UrlParts *ret) {
        CURLU *parsed = curl_url();
        bool good;

        if (parsed == NULL)
                return -ENOMEM;
        good = curl_url_set(parsed, CURLUPART_URL, url, flags) == CURLUE_OK &&
               curl_url_get(parsed, CURLUPART_SCHEME, &ret->scheme, 0) == CURLUE_OK &&
               curl_url_get(parsed, CURLUPART_HOST, &ret->host, 0) == CURLUE_OK &&
               (curl_url_get(parsed, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) == CURLUE_OK);
        curl_url_cleanup(parsed);
        return good ? 0 : -EINVAL;
}

/* An IPv6 address in a URL has brackets, for the resolver it has none. */
static char *bare_host(const char *host) {
        size_t length = strlen(host);

        return host[0] == '[' && length > 2 ? strndup(host + 1, length - 2) : strdup(host);
}

static int find_host(HttpRequest *request, const char *url, Error *err) {
        CLEANUP(url_parts_done) UrlParts server = {0}, proxy = {0};
        const char *proxy_url;
        int r = url_split(url, 0, &server);

        if (r == -ENOMEM)
                return error_oom(err);
        if (r < 0 ||
            (!string_equal(server.scheme, "http") && !string_equal(server.scheme, "https")))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "The address of an HTTP server is http://... or https://...");
        proxy_url = no_proxy_for(server.host) ? NULL : proxy_for(server.scheme);
        if (proxy_url != NULL &&
            url_split(proxy_url, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME, &proxy) < 0)
                return error_set(
                        err, ERROR_CONFIG, -EINVAL, "The address of the HTTP proxy is malformed");
        request->host = bare_host(proxy_url != NULL ? proxy.host : server.host);
        request->port = strdup(proxy_url != NULL ? proxy.port : server.port);
        return request->host != NULL && request->port != NULL ? 0 : error_oom(err);
}

static int copy_headers(HttpRequest *request, const char *const *headers) {
        for (; headers != NULL && *headers != NULL; headers++) {
                struct curl_slist *list = curl_slist_append(request->headers, *headers);

                if (list == NULL)
                        return -ENOMEM;
                request->headers = list;
        }
        return 0;
}

#define SET(option, value) failed = failed || curl_easy_setopt(easy, option, value) != CURLE_OK

static bool set_method(HttpRequest *request, const HttpRequestOptions *options) {
        bool failed = false, get = string_equal(options->method, "GET");
        CURL *easy = request->easy;

        if (string_equal(options->method, "HEAD")) {
                SET(CURLOPT_NOBODY, 1L);
                return !failed;
        }
        if (options->body != NULL || string_equal(options->method, "PUT") ||
            string_equal(options->method, "POST")) {
                SET(CURLOPT_UPLOAD, 1L);
                SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)options->body_size);
        }
        if (!get || options->body != NULL)
                SET(CURLOPT_CUSTOMREQUEST, options->method);
        return !failed;
}

static bool set_callbacks(HttpRequest *request) {
        bool failed = false;
        CURL *easy = request->easy;

        SET(CURLOPT_PRIVATE, request);
        SET(CURLOPT_ERRORBUFFER, request->detail);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, request);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, request);
        SET(CURLOPT_WRITEFUNCTION, on_write);
        SET(CURLOPT_WRITEDATA, request);
        SET(CURLOPT_HEADERFUNCTION, on_header);
        SET(CURLOPT_HEADERDATA, request);
        return !failed;
}

static bool set_transport(CURL *easy, const HttpClientOptions *options) {
        bool failed = false;

        SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        SET(CURLOPT_SSL_VERIFYPEER, 1L);
        SET(CURLOPT_SSL_VERIFYHOST, 2L);
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_msec);
        SET(CURLOPT_MAXAGE_CONN, (long)options->max_idle_sec);
        SET(CURLOPT_TCP_KEEPALIVE, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
        SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
        SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
        if (options->ca_file != NULL)
                SET(CURLOPT_CAINFO, options->ca_file);
        return !failed;
}

int http_request_prepare(
        HttpRequest *request,
        const HttpRequestOptions *options,
        const HttpClientOptions *client_options,
        Error *err) {
        int r = find_host(request, options->url, err);

        if (r < 0)
                return r;
        request->on_done = options->on_done;
        request->userdata = options->userdata;
        request->body = options->body;
        request->body_size = options->body != NULL ? options->body_size : 0;
        request->reply_buffer = options->reply_buffer;
        request->max_reply_bytes = options->max_reply_bytes;
        request->easy = curl_easy_init();
        if (request->easy == NULL || copy_headers(request, options->headers) < 0 ||
            curl_easy_setopt(request->easy, CURLOPT_URL, options->url) != CURLE_OK ||
            curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers) != CURLE_OK ||
            !set_method(request, options) || !set_callbacks(request) ||
            !set_transport(request->easy, client_options))
                return error_oom(err);
        return 0;
}

int http_request_set_addresses(HttpRequest *request, const char *addresses) {
        CLEANUP(cleanup_free)
        char *entry = string_printf("%s:%s:%s", request->host, request->port, addresses);

        if (strchr(request->host, ':') != NULL)
                return 0; /* an IPv6 address is its own */
        request->addresses = entry != NULL ? curl_slist_append(NULL, entry) : NULL;
        if (request->addresses == NULL ||
            curl_easy_setopt(request->easy, CURLOPT_RESOLVE, request->addresses) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

void http_request_free(HttpRequest *request) {
        resolver_cancel(request->resolving);
        timer_free(request->deadline);
        if (request->easy != NULL)
                curl_easy_cleanup(request->easy);
        for (struct curl_slist *header = request->headers; header != NULL; header = header->next)
                wipe(header->data, strlen(header->data));
        curl_slist_free_all(request->headers);
        curl_slist_free_all(request->addresses);
        text_wipe(&request->reply_headers);
        wipe(request->own_buffer, request->own_capacity);
        free(request->own_buffer);
        free(request->host);
        free(request->port);
        free(request);
}

/* --- what its end means ---------------------------------------------------------------------- */

static bool is_tls_failure(const HttpRequest *request, CURLcode code) {
        switch ((int)code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return true;
        case CURLE_SSL_CONNECT_ERROR:
                /* A connection that breaks during the handshake says nothing about TLS. */
                return strstr(request->detail, "SYSCALL") == NULL &&
                       strcasestr(request->detail, "unexpected eof") == NULL;
        default:
                return false;
        }
}

static HttpFailure failure_of(const HttpRequest *request, CURLcode code) {
        curl_off_t connected_usec = 0;

        if (request->too_large)
                return HTTP_FAILURE_TOO_LARGE;
        if (is_tls_failure(request, code))
                return HTTP_FAILURE_TLS;
        switch ((int)code) {
        case CURLE_OK:
                return HTTP_FAILURE_NONE;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return HTTP_FAILURE_RESOLVE;
        case CURLE_COULDNT_CONNECT:
                return HTTP_FAILURE_CONNECT;
        case CURLE_OPERATION_TIMEDOUT:
                curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_usec);
                return connected_usec == 0 ? HTTP_FAILURE_CONNECT : HTTP_FAILURE_STALLED;
        case CURLE_PARTIAL_FILE:
                return HTTP_FAILURE_SHORT;
        default:
                return HTTP_FAILURE_BROKEN;
        }
}

HttpReply http_request_reply(const HttpRequest *request, CURLcode code) {
        curl_off_t sent = 0;
        long status = 0;

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        return (HttpReply){
                .failure = failure_of(request, code),
                .status = (int)status,
                .detail = request->detail[0] != '\0' ? request->detail : curl_easy_strerror(code),
                .body = request->in_own_buffer ? request->own_buffer : request->reply_buffer,
                .body_size = request->reply_size,
                .sent_bytes = (uint64_t)sent,
        };
}

bool http_request_is_stalled(HttpRequest *request, uint64_t now_usec, uint64_t timeout_msec) {
        curl_off_t sent = 0, received = 0, connected_usec = 0;
        uint64_t bytes;

        /* Before a connection there is the connect timeout; while we hold it back it is not stuck.
         */
        curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_usec);
        curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        curl_easy_getinfo(request->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
        bytes = (uint64_t)sent + (uint64_t)received;
        if (connected_usec == 0 || request->paused || bytes != request->seen_bytes ||
            request->moved_usec == 0) {
                request->seen_bytes = bytes;
                request->moved_usec = now_usec;
                return false;
        }
        return now_usec - request->moved_usec >= timeout_msec * 1000;
}
