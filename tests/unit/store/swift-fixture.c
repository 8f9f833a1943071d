#include "unit/store/swift-fixture.h"

#include <string.h>

#include "base/strings.h"

const StoreAttempt swift_attempt = {INSTANCE, ID, ATTEMPT_NAME};

StoreSegment swift_segment(uint64_t index, size_t size, const char *md5) {
        return (StoreSegment){.attempt = swift_attempt, .index = index, .size = size, .md5 = md5};
}

SwiftOptions swift_options(void) {
        return (SwiftOptions){
                .auth_url = "http://swift:8080/auth/v1.0",
                .auth_version = 1,
                .username = "test:tester",
                .secret = "testing",
                .container = "backups",
                .segment_container = "backups_segments",
                .connect_timeout_msec = 1000,
                .stall_timeout_msec = 2000,
                .retry_time_msec = RETRY_MSEC,
                .concurrency = 4,
                .buffers = 4,
        };
}

void swift_on_done(const StoreReply *reply, void *userdata) {
        Swift *f = userdata;
        f->n_done++;
        f->r = reply->r;
        f->error = reply->err != NULL ? *reply->err : (Error){0};
        f->already_there = reply->already_there;
        f->object_size = reply->object_size;
        f->n_entries = reply->n_entries;
        f->size = reply->size;
        (void)snprintf(f->etag, sizeof(f->etag), "%s", reply->etag != NULL ? reply->etag : "");
        if (reply->size > 0 && reply->size < sizeof(f->data))
                memcpy(f->data, reply->data, reply->size);
        if (reply->n_entries > 0) {
                (void)snprintf(f->first, sizeof(f->first), "%s", reply->entries[0].name);
                f->first_modified_usec = reply->entries[0].modified_usec;
        }
}

void swift_ended(Swift *f, int r, ErrorKind kind) {
        timer_fake_settle();
        if (f->n_done != 1 || f->r != r || f->error.kind != kind)
                fail_msg(
                        "%u ends, r %d, %s: %s",
                        f->n_done,
                        f->r,
                        error_dbus_name(f->error.kind),
                        f->error.message);
        f->n_done = 0;
}

void swift_says(const Swift *f, const char *part) {
        if (strstr(f->error.message, part) == NULL)
                fail_msg("'%s' does not say '%s'", f->error.message, part);
}

HttpRequest *swift_asked_also(const char *method, const char *url) {
        timer_fake_settle();
        for (size_t i = 0; i < http_fake_count(); i++) {
                HttpRequest *request = http_fake_at(i);
                if (string_equal(http_fake_method(request), method) &&
                    string_equal(http_fake_url(request), url))
                        return request;
        }
        for (size_t i = 0; i < http_fake_count(); i++)
                print_message(
                        "runs: %s %s\n",
                        http_fake_method(http_fake_at(i)),
                        http_fake_url(http_fake_at(i)));
        fail_msg(
                "not asked: %s %s (a timer in %llu ms)",
                method,
                url,
                (unsigned long long)timer_fake_next_msec());
        return NULL;
}

HttpRequest *swift_asked(const char *method, const char *url) {
        HttpRequest *request = swift_asked_also(method, url);
        assert_int_equal(http_fake_count(), 1);
        return request;
}

void swift_give_token(const char *token) {
        char header[64];
        (void)snprintf(header, sizeof(header), "X-Auth-Token: %s", token);
        ANSWER(swift_asked_also("GET", "http://swift:8080/auth/v1.0"),
               .status = 200,
               .headers = {header, "X-Storage-Url: " ACCOUNT "/"});
}

void swift_answer_info(const char *info) {
        ANSWER(swift_asked("GET", "http://swift:8080/info"), .status = 200, .body = info);
}

int swift_set_up(void **state) {
        static Swift f;
        const SwiftOptions options = swift_options();
        f = (Swift){0};
        http_fake_reset();
        clock_fake_set(1000000, UINT64_C(1795327844) * 1000000);
        *state = &f;
        f.call = (StoreCall){swift_on_done, &f, NULL};
        return swift_store_new(NULL, NULL, &options, &f.store, NULL);
}

int swift_set_up_open(void **state) {
        if (swift_set_up(state) < 0)
                return -1;
        Swift *f = *state;
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_give_token("tk1");
        swift_answer_info("{\"slo\":{\"max_manifest_segments\":3},\"swift\":{}}");
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 204);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
        return 0;
}

int swift_tear_down(void **state) {
        Swift *f = *state;
        store_free(f->store);
        assert_int_equal(timer_fake_next_msec(), UINT64_MAX);
        return 0;
}
