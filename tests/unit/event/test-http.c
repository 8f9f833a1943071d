/* event/http.c against http-server.py, whose path is in HTTP_SERVER. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strings.h"
#include "event/http.h"
#include "unit/test.h"

typedef struct Seen {
        HttpFailure failure;
        int status;
        char body[64];
        size_t body_size;
        uint64_t sent_bytes;
        char detail[256], etag[32];
        bool done;
        uint64_t done_usec;
} Seen;

typedef struct Fixture {
        Loop *loop;
        HttpClient *client;
        pid_t server;
        int server_input;
        int port;
        int open; /* requests that run */
        Seen seen[16];
        bool frees_client;
        HttpRequest *to_cancel;
} Fixture;

typedef struct Call {
        Fixture *f;
        Seen *seen;
} Call;

static Call calls[16];

static int start_server(void **state) {
        static Fixture f;
        int input[2], output[2];
        FILE *from;

        *state = &f;
        if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
                return -1;
        f.server = fork();
        if (f.server == 0) {
                dup2(input[0], STDIN_FILENO);
                dup2(output[1], STDOUT_FILENO);
                execl("/usr/bin/python3", "python3", getenv("HTTP_SERVER"), NULL);
                _exit(127);
        }
        close(input[0]);
        close(output[1]);
        f.server_input = input[1];
        from = fdopen(output[0], "r");
        if (fscanf(from, "%d", &f.port) != 1)
                return -1;
        fclose(from);
        return 0;
}

static int end_server(void **state) {
        Fixture *f = *state;

        close(f->server_input);
        return waitpid(f->server, NULL, 0) == f->server ? 0 : -1;
}

static int setup(void **state) {
        Fixture *f = *state;
        const HttpClientOptions options = {
                .connect_timeout_msec = 5000,
                .stall_timeout_msec = 200,
                .max_idle_sec = 60,
                .max_connections = 4,
        };

        memset(f->seen, 0, sizeof(f->seen));
        f->frees_client = false;
        f->to_cancel = NULL;
        f->open = 0;
        unsetenv("http_proxy");
        unsetenv("no_proxy");
        return loop_new(&f->loop, NULL) < 0 ? -1
                                            : http_client_new(f->loop, &options, &f->client, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        f->client = http_client_free(f->client);
        loop_free(f->loop);
        return 0;
}

static void on_done(HttpRequest *request, const HttpReply *reply, void *userdata) {
        Call *call = userdata;
        Fixture *f = call->f;
        Seen *seen = call->seen;
        const char *etag = http_reply_header(request, "eTag");
        size_t n = reply->body_size < sizeof(seen->body) - 1 ? reply->body_size
                                                             : sizeof(seen->body) - 1;

        assert_false(seen->done);
        seen->done = true;
        seen->done_usec = clock_monotonic_usec();
        seen->failure = reply->failure;
        seen->status = reply->status;
        seen->body_size = reply->body_size;
        seen->sent_bytes = reply->sent_bytes;
        if (n > 0)
                memcpy(seen->body, reply->body, n);
        snprintf(seen->detail, sizeof(seen->detail), "%s", reply->detail);
        snprintf(seen->etag, sizeof(seen->etag), "%s", etag != NULL ? etag : "-");
        http_cancel(f->to_cancel);
        f->to_cancel = NULL;
        if (--f->open == 0)
                loop_stop(f->loop, 0);
        if (f->frees_client && f->open == 0)
                f->client = http_client_free(f->client);
}

static HttpRequest *begin(Fixture *f, size_t i, const char *path, const HttpRequestOptions *more) {
        HttpRequestOptions options = *more;
        HttpRequest *request = NULL;
        Error err = {0};
        char url[128];

        snprintf(url, sizeof(url), "http://localhost:%d%s", f->port, path);
        calls[i] = (Call){.f = f, .seen = &f->seen[i]};
        options.url = url;
        options.method = options.method != NULL ? options.method : "GET";
        options.max_reply_bytes = options.max_reply_bytes != 0 ? options.max_reply_bytes : 10000000;
        options.on_done = on_done;
        options.userdata = &calls[i];
        if (http_start(f->client, &options, &request, &err) < 0)
                fail_msg("%s", err.message);
        f->open++;
        return request;
}

static const Seen *get(Fixture *f, const char *path) {
        f->seen[0] = (Seen){0};
        begin(f, 0, path, &(HttpRequestOptions){0});
        loop_run(f->loop);
        return &f->seen[0];
}

static void a_body_is_sent_and_an_answer_read(void **state) {
        Fixture *f = *state;
        char *body = malloc(3000000);

        memset(body, 'x', 3000000);
        begin(f,
              0,
              "/put",
              &(HttpRequestOptions){.method = "PUT", .body = body, .body_size = 3000000});
        loop_run(f->loop);
        assert_int_equal(f->seen[0].failure, HTTP_FAILURE_NONE);
        assert_int_equal(f->seen[0].status, 201);
        assert_string_equal(f->seen[0].body, "8e32e22642bddc89698e25a4e9bf528b");
        assert_string_equal(f->seen[0].etag, "last");
        assert_int_equal(f->seen[0].sent_bytes, 3000000);
        free(body);
}

static void every_method_is_sent_as_such(void **state) {
        Fixture *f = *state;

        begin(f, 0, "/put", &(HttpRequestOptions){.method = "POST", .body = "ab", .body_size = 2});
        begin(f, 1, "/put", &(HttpRequestOptions){.method = "PUT"});
        begin(f, 2, "/put", &(HttpRequestOptions){.method = "DELETE"});
        begin(f, 3, "/bytes/50", &(HttpRequestOptions){.method = "HEAD"});
        loop_run(f->loop);
        assert_string_equal(f->seen[0].body, "187ef4436122d1cc2f40dc2b92f0eba0");
        assert_string_equal(f->seen[1].body, "d41d8cd98f00b204e9800998ecf8427e");
        assert_string_equal(f->seen[2].body, "d41d8cd98f00b204e9800998ecf8427e");
        assert_int_equal(f->seen[3].status, 200);
        assert_int_equal(f->seen[3].body_size, 0);
}

static void headers_are_sent(void **state) {
        const char *const headers[] = {"X-Auth-Token: abc", "Accept: */*", NULL};
        Fixture *f = *state;

        begin(f, 0, "/token", &(HttpRequestOptions){.headers = headers});
        loop_run(f->loop);
        assert_string_equal(f->seen[0].body, "abc");
}

static void the_answer_goes_into_the_callers_buffer(void **state) {
        Fixture *f = *state;
        char buffer[100] = "";

        begin(f,
              0,
              "/bytes/100",
              &(HttpRequestOptions){.reply_buffer = buffer, .max_reply_bytes = 100});
        loop_run(f->loop);
        assert_int_equal(f->seen[0].failure, HTTP_FAILURE_NONE);
        assert_int_equal(buffer[99], 'x');
        /* What is no 2xx does not touch it. */
        begin(f,
              1,
              "/status/503",
              &(HttpRequestOptions){.reply_buffer = buffer, .max_reply_bytes = 2});
        loop_run(f->loop);
        assert_int_equal(f->seen[1].status, 503);
        assert_string_equal(f->seen[1].body, "why");
        assert_int_equal(buffer[0], 'x');
}

static void an_answer_has_a_limit(void **state) {
        Fixture *f = *state;
        char buffer[100];

        begin(f,
              0,
              "/bytes/101",
              &(HttpRequestOptions){.reply_buffer = buffer, .max_reply_bytes = 100});
        begin(f, 1, "/bytes/101", &(HttpRequestOptions){.max_reply_bytes = 100});
        loop_run(f->loop);
        assert_int_equal(f->seen[0].failure, HTTP_FAILURE_TOO_LARGE);
        assert_int_equal(f->seen[1].failure, HTTP_FAILURE_TOO_LARGE);
}

static void failures_have_their_kinds(void **state) {
        Fixture *f = *state;

        assert_int_equal(get(f, "/short")->failure, HTTP_FAILURE_SHORT);
        assert_int_equal(f->seen[0].body_size, 10);
        assert_int_equal(get(f, "/reset")->failure, HTTP_FAILURE_BROKEN);
        assert_non_null(strstr(f->seen[0].detail, "reset by peer"));
        assert_null(strstr(get(f, "/reset?temp_url_sig=secret")->detail, "secret"));
}

static void an_answer_that_stalls_is_given_up(void **state) {
        Fixture *f = *state;
        uint64_t began = clock_monotonic_usec();

        assert_int_equal(get(f, "/stall")->failure, HTTP_FAILURE_STALLED);
        assert_in_range(clock_monotonic_usec() - began, 190000, 3000000);
        assert_int_equal(f->seen[0].body_size, 1);
}

static void a_request_may_have_a_deadline(void **state) {
        Fixture *f = *state;

        begin(f, 0, "/stall", &(HttpRequestOptions){.deadline_msec = 20});
        loop_run(f->loop);
        assert_int_equal(f->seen[0].failure, HTTP_FAILURE_STALLED);
        assert_string_equal(f->seen[0].detail, "not done in time");
}

static void a_refused_connection_is_one(void **state) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port;
        Fixture *f = *state;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        port = f->port;
        f->port = ntohs(address.sin_port);
        assert_int_equal(get(f, "/")->failure, HTTP_FAILURE_CONNECT);
        f->port = port;
        close(fd);
}

/* Trap: all completions are read after every call into curl, in the timeout path too: many requests
 * that end at about the same time all come back. */
static void many_requests_that_end_together_all_come_back(void **state) {
        Fixture *f = *state;

        for (size_t i = 0; i < 16; i++)
                begin(f, i, "/bytes/10", &(HttpRequestOptions){0});
        loop_run(f->loop);
        for (size_t i = 0; i < 16; i++)
                assert_int_equal(f->seen[i].body_size, 10);
}

/* Trap: an easy handle is not freed in a callback of curl: cancelling and freeing from on_done. */
static void what_is_done_may_cancel_others_and_free_the_client(void **state) {
        Fixture *f = *state;

        f->to_cancel = begin(f, 0, "/stall", &(HttpRequestOptions){0});
        f->open--;
        f->frees_client = true;
        begin(f, 1, "/bytes/1", &(HttpRequestOptions){0});
        loop_run(f->loop);
        assert_null(f->client);
        assert_false(f->seen[0].done);
        assert_int_equal(f->seen[1].status, 200);
}

static void a_request_may_be_cancelled_at_once(void **state) {
        Fixture *f = *state;

        http_cancel(begin(f, 0, "/bytes/1", &(HttpRequestOptions){0}));
        http_cancel(NULL);
        f->open--;
        assert_int_equal(get(f, "/bytes/2")->body_size, 2);
}

static void a_connection_is_used_again(void **state) {
        Fixture *f = *state;
        char first[64];

        memcpy(first, get(f, "/connection")->body, sizeof(first));
        assert_string_equal(get(f, "/connection")->body, first);
        get(f, "/close");
        assert_int_equal(get(f, "/connection")->status, 200); /* a dead one is found out */
        assert_string_not_equal(f->seen[0].body, first);
}

static void the_rate_holds_for_all_requests_together(void **state) {
        Fixture *f = *state;
        uint64_t began = clock_monotonic_usec();
        char *body = calloc(1, 200000);

        http_client_set_rate(f->client, 1000000);
        begin(f, 0, "/bytes/200000", &(HttpRequestOptions){0});
        begin(f,
              1,
              "/put",
              &(HttpRequestOptions){.method = "PUT", .body = body, .body_size = 200000});
        loop_run(f->loop);
        /* 400 kB at 1 MB/s, less the last piece, which is owed. */
        assert_in_range(clock_monotonic_usec() - began, 200000, 3000000);
        assert_int_equal(f->seen[0].body_size, 200000);
        assert_int_equal(f->seen[1].status, 201);
        http_client_set_rate(f->client, 0);
        assert_int_equal(get(f, "/bytes/200000")->body_size, 200000);
        free(body);
}

static void the_rate_is_shared_out_evenly(void **state) {
        Fixture *f = *state;
        const HttpRequestOptions options = {
                .method = "PUT", .body = calloc(1, 400000), .body_size = 400000};
        uint64_t began = clock_monotonic_usec(), first = UINT64_MAX, last = 0;

        http_client_set_rate(f->client, 1000000);
        for (size_t i = 0; i < 3; i++)
                begin(f, i, "/put", &options);
        loop_run(f->loop);
        for (size_t i = 0; i < 3; i++) {
                uint64_t took = f->seen[i].done_usec - began;

                assert_int_equal(f->seen[i].status, 201);
                first = took < first ? took : first;
                last = took > last ? took : last;
        }
        /* One after the other they would end at a third, two thirds and all of the time. */
        assert_true(first > last / 2);
        free((void *)(uintptr_t)options.body);
}

static void a_proxy_is_taken_from_the_environment(void **state) {
        Fixture *f = *state;
        char proxy[64];

        snprintf(proxy, sizeof(proxy), "http://localhost:%d", f->port);
        setenv("http_proxy", proxy, 1);
        calls[0] = (Call){.f = f, .seen = &f->seen[0]};
        f->open = 1;
        assert_int_equal(
                http_start(
                        f->client,
                        &(HttpRequestOptions){
                                .method = "GET",
                                .url = "http://no.such.host.invalid/x",
                                .max_reply_bytes = 100,
                                .on_done = on_done,
                                .userdata = &calls[0]},
                        NULL,
                        NULL),
                0);
        loop_run(f->loop);
        assert_int_equal(f->seen[0].status, 404); /* from our server, which knows no such path */
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("no_proxy", "example.com, localhost", 1);
        assert_int_equal(get(f, "/bytes/1")->status, 200);
}

static void an_address_that_is_none_is_refused(void **state) {
        Fixture *f = *state;
        Error err = {0};

        assert_int_equal(
                http_start(
                        f->client,
                        &(HttpRequestOptions){
                                .method = "GET", .url = "ftp://x/", .on_done = on_done},
                        NULL,
                        &err),
                -EINVAL);
        assert_int_equal(err.kind, ERROR_CONFIG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_body_is_sent_and_an_answer_read),
                TEST(every_method_is_sent_as_such),
                TEST(headers_are_sent),
                TEST(the_answer_goes_into_the_callers_buffer),
                TEST(an_answer_has_a_limit),
                TEST(failures_have_their_kinds),
                TEST(an_answer_that_stalls_is_given_up),
                TEST(a_request_may_have_a_deadline),
                TEST(a_refused_connection_is_one),
                TEST(many_requests_that_end_together_all_come_back),
                TEST(what_is_done_may_cancel_others_and_free_the_client),
                TEST(a_request_may_be_cancelled_at_once),
                TEST(a_connection_is_used_again),
                TEST(the_rate_holds_for_all_requests_together),
                TEST(the_rate_is_shared_out_evenly),
                TEST(a_proxy_is_taken_from_the_environment),
                TEST(an_address_that_is_none_is_refused),
        };

        return cmocka_run_group_tests(tests, start_server, end_server);
}
