/* The large object on Swift, and its removal (store/swift-commit.c, swift-remove.c,
 * swift-delete.c). */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "unit/store/swift-fixture.h"

#define TAR ACCOUNT "/backups/" INSTANCE "/" ID "/backup.tar.age"
#define TOP TAR "?multipart-manifest=put"
#define PATH "/backups_segments/" INSTANCE "/" ID "/" ATTEMPT_NAME

/* a, b, c ..: one byte each */
static const char *const digests[] = {
        "0cc175b9c0f1b6a831c399e269772661",
        "92eb5ffee6ae2fec3ad71c777531578f",
        "4a8a08f09d37b73795649038408b5f33",
        "8277e0910d750195b448797616e091ad",
        "e1671797c52e15f763380b45e841ec32",
        "8fa14cdd754f91cc6554c9e71929cce7",
        "b2f5ff47436671b6e533d8dc3614845d",
        "2510c39011c5be704182423e3a695e91",
        "865c0c0b4ab0e063e5caa3387c1a8741",
        "363b122c528f54df4a0446b6bab05515",
};

static StoreCommitSegment segments[ELEMENTSOF(digests)];

/* The etag with its quotes, as a header. */
static char *etag_header(size_t first, size_t n, size_t max) {
        char etag[33];
        assert_int_equal(store_large_object_etag(segments + first, n, max, etag, NULL), 0);
        return string_printf("Etag: \"%s\"", etag);
}

static void start_commit(Swift *f, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(digests); i++) {
                segments[i].size = 1;
                memcpy(segments[i].md5, digests[i], sizeof(segments[i].md5));
        }
        assert_int_equal(store_commit(f->store, &swift_attempt, segments, n, &f->call, NULL), 0);
}

static void read_back(size_t n, size_t max) {
        char *etag = etag_header(0, n, max), *length = string_printf("Content-Length: %zu", n);
        HttpRequest *request = swift_asked("HEAD", TAR);
        assert_string_equal(http_fake_header(request, "X-Newest"), "true");
        ANSWER(request, .status = 200, .headers = {etag, length, "X-Static-Large-Object: True"});
        free(etag);
        free(length);
}

static char *body_of(HttpRequest *request) {
        size_t size = 0;
        const char *body = http_fake_body(request, &size);
        return strndup(body, size);
}

static HttpRequest *again(const char *method, const char *url) {
        timer_fake_settle();
        if (http_fake_count() == 0)
                (void)timer_fake_fire_next();
        return swift_asked(method, url);
}

/* --- one level --- */

static void a_manifest_names_every_segment_and_is_read_back(void **state) {
        Swift *f = *state;
        start_commit(f, 2);
        HttpRequest *request = swift_asked("PUT", TOP);
        char *body = body_of(request);
        assert_string_equal(
                body,
                "[{\"etag\":\"0cc175b9c0f1b6a831c399e269772661\",\"path\":\"" PATH "/00000000\","
                "\"size_bytes\":1},{\"etag\":\"92eb5ffee6ae2fec3ad71c777531578f\",\"path\":\"" PATH
                "/00000001\",\"size_bytes\":1}]");
        free(body);
        assert_string_equal(http_fake_header(request, "Etag"), "3bc22fb7aaebe9c8c5d7de312b876bb8");
        assert_string_equal(http_fake_header(request, "If-None-Match"), "*");
        assert_string_equal(http_fake_header(request, "Accept"), "application/json");
        assert_string_equal(http_fake_header(request, "Content-Type"), "application/octet-stream");
        ANSWER(request, .status = 201, .headers = {"Etag: \"3bc22fb7aaebe9c8c5d7de312b876bb8\""});
        read_back(2, 0);
        swift_ended(f, 0, ERROR_NONE);
        assert_false(f->already_there);
        assert_int_equal(f->object_size, 2);
        assert_string_equal(f->etag, "3bc22fb7aaebe9c8c5d7de312b876bb8");
}

static void a_second_commit_is_already_there(void **state) {
        Swift *f = *state;
        start_commit(f, 2);
        ANSWER(swift_asked("PUT", TOP), .status = 412);
        read_back(2, 0);
        read_back(2, 0);
        swift_ended(f, 0, ERROR_NONE);
        assert_true(f->already_there);
}

static void another_large_object_is_somebody_elses(void **state) {
        Swift *f = *state;
        start_commit(f, 2);
        ANSWER(swift_asked("PUT", TOP), .status = 412);
        read_back(3, 0);
        swift_ended(f, -EEXIST, ERROR_INTEGRITY);
}

static void what_does_not_read_back_is_integrity(void **state) {
        static const char *const wrong[][3] = {
                {"Etag: \"3bc22fb7aaebe9c8c5d7de312b876bb8\"", "Content-Length: 2", NULL},
                {"Etag: \"3bc22fb7aaebe9c8c5d7de312b876bb8\"",
                 "Content-Length: 3",
                 "X-Static-Large-Object: True"},
                {"Etag: \"" MD5_ABC "\"", "Content-Length: 2", "X-Static-Large-Object: True"},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                start_commit(f, 2);
                ANSWER(swift_asked("PUT", TOP), .status = 201);
                ANSWER(swift_asked("HEAD", TAR),
                       .status = 200,
                       .headers = {wrong[i][0], wrong[i][1], wrong[i][2]});
                swift_ended(f, -EBADMSG, ERROR_INTEGRITY);
                swift_says(f, "backups/" INSTANCE "/" ID "/backup.tar.age");
        }
}

/* --- each error by itself --- */

/* Answers the same PUT until it is not sent again. */
static void refuse(const char *url, int status, const char *body, int times) {
        for (int i = 0; i < times; i++)
                ANSWER(again("PUT", url), .status = status, .body = body);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 0);
}

/* A byte of the manifest may have been damaged on the way: it is sent again before it counts. */
static void a_segment_that_stays_another_is_final(void **state) {
        static const struct {
                const char *body, *says;
                ErrorKind kind;
                int r, times;
        } rows[] = {
                {"{\"Errors\":[[\"s/1\",\"Etag Mismatch\"]]}",
                 "first s/1: Etag Mismatch",
                 ERROR_INTEGRITY,
                 -EBADMSG,
                 LIMIT_STORE_MISMATCHES},
                {"{\"Errors\":[[\"s/0\",\"503 Service Unavailable\"],[\"s/2\",\"Size Mismatch\"]]}",
                 "1 segments are not what was stored, first s/2: Size Mismatch",
                 ERROR_INTEGRITY,
                 -EBADMSG,
                 LIMIT_STORE_MISMATCHES},
                {"{\"Errors\":[[\"s/2\",\"404 Not Found\"],[\"s/3\",\"404 Not Found\"]]}",
                 "2 segments are not what was stored, first s/2: 404",
                 ERROR_INTEGRITY,
                 -EBADMSG,
                 LIMIT_STORE_MISMATCHES},
                {"{\"Errors\":[[\"s/2\",\"403 Forbidden\"]]}",
                 "not allowed: s/2",
                 ERROR_STORE_AUTH,
                 -EACCES,
                 1},
                {"{\"Errors\":[[]]}",
                 "no reason given",
                 ERROR_INTEGRITY,
                 -EBADMSG,
                 LIMIT_STORE_MISMATCHES},
                {"Manifest must be valid JSON.",
                 "Manifest must be valid JSON.",
                 ERROR_STORE_UNAVAILABLE,
                 -EPROTO,
                 LIMIT_STORE_MISMATCHES},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_commit(f, 3);
                refuse(TOP, 400, rows[i].body, rows[i].times);
                swift_ended(f, rows[i].r, rows[i].kind);
                swift_says(f, rows[i].says);
        }
}

static void segments_that_could_not_be_looked_at_are_asked_for_again(void **state) {
        Swift *f = *state;
        start_commit(f, 3);
        ANSWER(swift_asked("PUT", TOP),
               .status = 400,
               .body = "{\"Errors\":[[\"s/1\",\"503 Service Unavailable\"],[\"s/2\",\"408 Request "
                       "Timeout\"]]}");
        ANSWER(again("PUT", TOP), .status = 503);
        ANSWER(again("PUT", TOP), .status = 422);
        ANSWER(again("PUT", TOP),
               .status = 400,
               .body = "{\"Errors\":[[\"s/1\",\"Etag Mismatch\"]]}");
        ANSWER(again("PUT", TOP), .status = 400, .body = "Manifest must be valid JSON.");
        ANSWER(again("PUT", TOP), .status = 201);
        read_back(3, 0);
        swift_ended(f, 0, ERROR_NONE);
}

static void a_manifest_has_413_too(void **state) {
        Swift *f = *state;
        start_commit(f, 3);
        ANSWER(swift_asked("PUT", TOP),
               .status = 413,
               .body = "Number of object-backed segments must be <= 2");
        swift_ended(f, -EFBIG, ERROR_TOO_LARGE);
        swift_says(f, "more segments than the cluster allows");
}

/* --- heartbeats --- */

enum { MANY = 120 };
#define BEATING TAR "?multipart-manifest=put&heartbeat=on"

static void start_many(Swift *f) {
        static StoreCommitSegment many[MANY];
        for (size_t i = 0; i < MANY; i++) {
                many[i].size = 1;
                memcpy(many[i].md5, digests[0], sizeof(many[i].md5));
        }
        assert_int_equal(store_commit(f->store, &swift_attempt, many, MANY, &f->call, NULL), 0);
}

static void with_heartbeats_the_truth_is_in_the_body(void **state) {
        static const struct {
                const char *body;
                ErrorKind kind;
                int r, times;
        } rows[] = {
                {"{\"Response Status\":\"400 Bad Request\",\"Errors\":[[\"s/1\",\"Etag "
                 "Mismatch\"]]}",
                 ERROR_INTEGRITY,
                 -EBADMSG,
                 LIMIT_STORE_MISMATCHES},
                {"{\"Response Status\":\"400 Bad Request\",\"Errors\":[]}",
                 ERROR_STORE_UNAVAILABLE,
                 -EPROTO,
                 LIMIT_STORE_MISMATCHES},
                {"{\"Response Status\":\"413 Request Entity Too Large\",\"Errors\":[],"
                 "\"Response Body\":\"Upload exceeds quota.\"}",
                 ERROR_STORE_QUOTA,
                 -EDQUOT,
                 1},
                {"{\"Response Status\":\"403 Forbidden\",\"Errors\":[]}",
                 ERROR_STORE_AUTH,
                 -EACCES,
                 1},
        };
        Swift *f = *state;
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_answer_info("{\"slo\":{\"max_manifest_segments\":1000,\"yield_frequency\":10}}");
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 204);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_many(f);
                refuse(BEATING, 202, rows[i].body, rows[i].times);
                swift_ended(f, rows[i].r, rows[i].kind);
        }
        start_many(f);
        ANSWER(swift_asked("PUT", BEATING), .status = 202, .body = "  \r\n {\"Response St");
        ANSWER(again("PUT", BEATING), .status = 202, .body = "");
        ANSWER(again("PUT", BEATING),
               .status = 202,
               .body = "{\"Response Status\":\"503 Service Unavailable\",\"Errors\":[]}");
        ANSWER(again("PUT", BEATING),
               .status = 202,
               .body = "{\"Response Status\":\"422 Unprocessable Entity\",\"Errors\":[]}");
        ANSWER(again("PUT", BEATING),
               .status = 202,
               .body = "{\"Response Status\":\"404 Not Found\",\"Errors\":[]}");
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 201);
        ANSWER(again("PUT", BEATING), .status = 401);
        swift_give_token("tk2");
        ANSWER(again("PUT", BEATING),
               .status = 202,
               .body = "  {\"Response Status\":\"201 Created\",\"Etag\":\"x\",\"Errors\":[]}");
        HttpRequest *request = swift_asked("HEAD", TAR);
        ANSWER(request, .status = 404);
        swift_ended(f, -ENOENT, ERROR_STORE_NOT_FOUND);
}

/* --- two levels --- */

static void answer_sub(unsigned index, size_t first, size_t n) {
        char *url = string_printf("%s/m%08u?multipart-manifest=put", SEGMENTS, index);
        char *etag = etag_header(first, n, 0);
        HttpRequest *request = swift_asked_also("PUT", url);
        char *body = body_of(request), *last = string_printf("/%08zu\"", first + n - 1);
        assert_non_null(strstr(body, last));
        ANSWER(request, .status = 201, .headers = {etag});
        free(body);
        free(last);
        free(etag);
        free(url);
}

static void more_segments_than_a_manifest_takes_are_nested(void **state) {
        Swift *f = *state;
        start_commit(f, 7);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 3);
        answer_sub(1, 3, 3);
        answer_sub(2, 6, 1);
        answer_sub(0, 0, 3);
        HttpRequest *request = swift_asked("PUT", TOP);
        char *body = body_of(request);
        char etag[33];
        assert_non_null(strstr(body, "\"path\":\"" PATH "/m00000000\",\"size_bytes\":3}"));
        assert_non_null(strstr(body, "\"path\":\"" PATH "/m00000002\",\"size_bytes\":1}"));
        assert_null(strstr(body, "/00000000\""));
        free(body);
        assert_int_equal(store_large_object_etag(segments, 7, 3, etag, NULL), 0);
        assert_string_equal(http_fake_header(request, "Etag"), etag);
        ANSWER(request, .status = 201);
        read_back(7, 3);
        swift_ended(f, 0, ERROR_NONE);
        assert_string_equal(f->etag, etag);
        assert_int_equal(f->object_size, 7);
}

static void nine_fit_and_ten_are_too_large(void **state) {
        Swift *f = *state;
        Error err = {0};
        start_commit(f, 9);
        for (unsigned i = 0; i < 3; i++)
                answer_sub(i, i * 3, 3);
        ANSWER(swift_asked("PUT", TOP), .status = 201);
        read_back(9, 3);
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(
                store_commit(f->store, &swift_attempt, segments, 10, &f->call, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
}

static void a_sub_manifest_that_fails_ends_the_others(void **state) {
        Swift *f = *state;
        start_commit(f, 9);
        timer_fake_settle();
        ANSWER(http_fake_at(1),
               .status = 400,
               .body = "{\"Errors\":[[\"s/4\",\"403 Forbidden\"]]}");
        swift_ended(f, -EACCES, ERROR_STORE_AUTH);
        assert_int_equal(http_fake_count(), 0);
}

static void a_commit_is_cancelled(void **state) {
        Swift *f = *state;
        StoreRequest *request = NULL;
        start_commit(f, 2);
        ANSWER(swift_asked("PUT", TOP), .status = 201);
        read_back(2, 0);
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(
                store_commit(
                        f->store,
                        &swift_attempt,
                        segments,
                        9,
                        &(StoreCall){swift_on_done, f, &request},
                        NULL),
                0);
        timer_fake_settle();
        assert_int_equal(http_fake_count(), 3);
        store_cancel(request);
        assert_int_equal(http_fake_count(), 0);
}

static void the_etag_of_the_whole_is_as_swift_makes_it(void **state) {
        char one[33], two[33], three[33];
        for (size_t i = 0; i < 3; i++)
                memcpy(segments[i].md5, digests[i], 33);
        assert_int_equal(store_large_object_etag(segments, 2, 0, one, NULL), 0);
        assert_string_equal(one, "3bc22fb7aaebe9c8c5d7de312b876bb8");
        assert_int_equal(store_large_object_etag(segments, 2, 2, two, NULL), 0);
        assert_string_equal(one, two);
        assert_int_equal(store_large_object_etag(segments, 3, 2, three, NULL), 0);
        StoreCommitSegment nested[2] = {{2, ""}, {1, ""}};
        memcpy(nested[0].md5, one, 33);
        assert_int_equal(store_large_object_etag(segments + 2, 1, 0, nested[1].md5, NULL), 0);
        assert_int_equal(store_large_object_etag(nested, 2, 0, two, NULL), 0);
        assert_string_equal(two, three);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, swift_set_up_open, swift_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                OPEN(a_manifest_names_every_segment_and_is_read_back),
                OPEN(a_second_commit_is_already_there),
                OPEN(another_large_object_is_somebody_elses),
                OPEN(what_does_not_read_back_is_integrity),
                OPEN(a_segment_that_stays_another_is_final),
                OPEN(segments_that_could_not_be_looked_at_are_asked_for_again),
                OPEN(a_manifest_has_413_too),
                OPEN(with_heartbeats_the_truth_is_in_the_body),
                OPEN(more_segments_than_a_manifest_takes_are_nested),
                OPEN(nine_fit_and_ten_are_too_large),
                OPEN(a_sub_manifest_that_fails_ends_the_others),
                OPEN(a_commit_is_cancelled),
                cmocka_unit_test(the_etag_of_the_whole_is_as_swift_makes_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
