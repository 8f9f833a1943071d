/* Opening, small objects, listings and segments on Swift. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "unit/store/swift-fixture.h"

#define OBJECT ACCOUNT "/backups/db1/x"
#define SEGMENT_3 SEGMENTS "/00000003"

/* --- open --- */

static void start_open(Swift *f) {
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_give_token("tk1");
}

static void opening_makes_what_is_missing(void **state) {
        Swift *f = *state;
        start_open(f);
        swift_answer_info("{\"slo\":{\"max_manifest_segments\":1000}}");
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 404);
        ANSWER(swift_asked("PUT", ACCOUNT "/backups"), .status = 201);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 204);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 404);
        ANSWER(swift_asked("PUT", ACCOUNT "/backups_segments"), .status = 202);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(store_max_segments(f->store), 1000 * 1000);
}

static void opening_is_tried_once(void **state) {
        Swift *f = *state;
        start_open(f);
        ANSWER(swift_asked("GET", "http://swift:8080/info"), .status = 503);
        swift_ended(f, -EIO, ERROR_STORE_UNAVAILABLE);
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_answer_info("{\"slo\":{}}");
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .failure = HTTP_FAILURE_CONNECT);
        swift_ended(f, -ECONNRESET, ERROR_STORE_UNAVAILABLE);
        swift_says(f, "container backups");
}

static void open_with(Swift *f, int status, const char *info) {
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        ANSWER(swift_asked("GET", "http://swift:8080/info"), .status = status, .body = info);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups"), .status = 204);
        ANSWER(swift_asked("HEAD", ACCOUNT "/backups_segments"), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
}

static void the_cluster_says_what_it_can(void **state) {
        Swift *f = *state;
        open_with(f, 200, "{\"slo\":{\"max_manifest_segments\":100000}}");
        assert_int_equal(
                store_max_segments(f->store),
                (uint64_t)LIMIT_MANIFEST_SEGMENTS * LIMIT_MANIFEST_SEGMENTS);
        open_with(
                f, 200, "{\"slo\":{\"max_manifest_segments\":10000,\"max_manifest_size\":20480}}");
        assert_int_equal(store_max_segments(f->store), 100);
        open_with(f, 200, "{\"slo\":{\"max_manifest_segments\":2,\"max_manifest_size\":1}}");
        assert_int_equal(store_max_segments(f->store), 1);
        open_with(f, 404, "");
        assert_int_equal(store_max_segments(f->store), 1000 * 1000);
        open_with(f, 403, "");
        assert_int_equal(store_max_segments(f->store), 1000 * 1000);
}

static void a_listing_asks_for_no_more_names_than_the_cluster_gives(void **state) {
        static const struct {
                const char *info, *limit;
        } rows[] = {
                {"{\"slo\":{},\"swift\":{\"container_listing_limit\":50}}", "limit=50&"},
                {"{\"slo\":{},\"swift\":{\"container_listing_limit\":10000}}", "limit=2000&"},
                {"{\"slo\":{},\"swift\":{}}", "limit=2000&"},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                CLEANUP(cleanup_free)
                char *url = string_printf(
                        ACCOUNT "/backups?format=json&%sprefix=db1%%2F", rows[i].limit);
                open_with(f, 200, rows[i].info);
                assert_int_equal(store_list(f->store, "db1/", &f->call, NULL), 0);
                ANSWER(swift_asked("GET", url), .status = 204);
                swift_ended(f, 0, ERROR_NONE);
        }
}

static void a_cluster_without_large_objects_is_refused(void **state) {
        Swift *f = *state;
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_answer_info("{\"swift\":{}}");
        swift_ended(f, -EOPNOTSUPP, ERROR_UNSUPPORTED);
        swift_says(f, "static large objects");
        assert_int_equal(store_open(f->store, &f->call, NULL), 0);
        swift_answer_info("<html>");
        swift_ended(f, -EINVAL, ERROR_STORE_UNAVAILABLE);
}

/* --- put --- */

static HttpRequest *put_a(Swift *f) {
        char bytes[] = "a";
        assert_int_equal(store_put_object(f->store, "db1/x", bytes, 1, &f->call, NULL), 0);
        bytes[0] = 'b'; /* the caller's again */
        return swift_asked("PUT", OBJECT);
}

static void a_put_is_create_only_and_has_its_digest(void **state) {
        Swift *f = *state;
        size_t size = 0;
        HttpRequest *request = put_a(f);
        assert_string_equal(http_fake_header(request, "If-None-Match"), "*");
        assert_string_equal(http_fake_header(request, "Etag"), MD5_A);
        assert_string_equal(http_fake_header(request, "Expect"), "100-continue");
        assert_string_equal(http_fake_header(request, "Content-Type"), "text/plain");
        assert_memory_equal(http_fake_body(request, &size), "a", 1);
        assert_int_equal(size, 1);
        ANSWER(request, .status = 201, .headers = {"Etag: " MD5_A});
        swift_ended(f, 0, ERROR_NONE);
        assert_false(f->already_there);
        assert_string_equal(f->etag, MD5_A);
        assert_int_equal(store_put_object(f->store, "db1/x.json", "", 0, &f->call, NULL), 0);
        request = swift_asked("PUT", OBJECT ".json");
        assert_string_equal(http_fake_header(request, "Content-Type"), "application/json");
        assert_string_equal(http_fake_header(request, "Etag"), MD5_EMPTY);
        assert_null(http_fake_header(request, "Expect"));
        ANSWER(request, .status = 201);
        swift_ended(f, 0, ERROR_NONE);
}

static void a_name_that_is_taken_is_read_back(void **state) {
        static const struct {
                const char *etag, *length;
                int r;
                ErrorKind kind;
        } rows[] = {
                {"Etag: " MD5_A, "Content-Length: 1", 0, ERROR_NONE},
                {"Etag: \"" MD5_A "\"", "Content-Length: 1", 0, ERROR_NONE},
                {"Etag: 0CC175B9C0F1B6A831C399E269772661", "Content-Length: 1", 0, ERROR_NONE},
                {"Etag: " MD5_ABC, "Content-Length: 1", -EEXIST, ERROR_INTEGRITY},
                {"Etag: " MD5_A, "Content-Length: 2", -EEXIST, ERROR_INTEGRITY},
                {"Etag: x", "Content-Length: 1", -EEXIST, ERROR_INTEGRITY},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ANSWER(put_a(f), .status = 412);
                HttpRequest *request = swift_asked("HEAD", OBJECT);
                assert_string_equal(http_fake_header(request, "X-Newest"), "true");
                ANSWER(request, .status = 200, .headers = {rows[i].etag, rows[i].length});
                swift_ended(f, rows[i].r, rows[i].kind);
                assert_int_equal(f->already_there, rows[i].r == 0);
                if (rows[i].r < 0)
                        swift_says(f, "backups/db1/x is there already with another content");
        }
}

static void a_reply_that_was_lost_is_found(void **state) {
        Swift *f = *state;
        ANSWER(put_a(f), .failure = HTTP_FAILURE_BROKEN);
        (void)timer_fake_fire_next();
        ANSWER(swift_asked("PUT", OBJECT), .status = 412);
        ANSWER(swift_asked("HEAD", OBJECT), .status = 503);
        (void)timer_fake_fire_next();
        ANSWER(swift_asked("HEAD", OBJECT),
               .status = 200,
               .headers = {"Etag: " MD5_A, "Content-Length: 1"});
        swift_ended(f, 0, ERROR_NONE);
        assert_true(f->already_there);
}

static void a_name_that_is_taken_and_gone_is_stored_again(void **state) {
        Swift *f = *state;
        HttpRequest *request = put_a(f);
        for (int i = 0; i < LIMIT_STORE_MISMATCHES; i++) {
                ANSWER(request, .status = 412);
                ANSWER(swift_asked("HEAD", OBJECT), .status = 404);
                timer_fake_settle();
                request = http_fake_at(0);
                assert_int_equal(request != NULL, i < LIMIT_STORE_MISMATCHES - 1);
        }
        swift_ended(f, -EIO, ERROR_STORE_UNAVAILABLE);
        swift_says(f, "that it is there and that it is not");
}

/* Fires the pause, if it is not over at once. */
static HttpRequest *again(const char *method, const char *url) {
        timer_fake_settle();
        if (http_fake_count() == 0)
                (void)timer_fake_fire_next();
        return swift_asked(method, url);
}

static void damaged_bytes_are_sent_again_a_few_times(void **state) {
        Swift *f = *state;
        ANSWER(put_a(f), .status = 422);
        ANSWER(again("PUT", OBJECT), .status = 201, .headers = {"Etag: " MD5_ABC});
        ANSWER(again("PUT", OBJECT), .status = 201, .headers = {"Etag: " MD5_A});
        swift_ended(f, 0, ERROR_NONE);
        HttpRequest *request = put_a(f);
        for (int i = 1; i < LIMIT_STORE_MISMATCHES; i++) {
                ANSWER(request, .status = 422);
                request = again("PUT", OBJECT);
        }
        ANSWER(request, .status = 422);
        swift_ended(f, -EBADMSG, ERROR_INTEGRITY);
        swift_says(f, "other bytes arrived than were sent");
}

static void too_large_has_three_meanings(void **state) {
        static const struct {
                const char *body;
                ErrorKind kind;
                int r;
        } rows[] = {
                {"<html><p>Upload exceeds quota.</p></html>", ERROR_STORE_QUOTA, -EDQUOT},
                {"Number of object-backed segments must be <= 1000", ERROR_TOO_LARGE, -EFBIG},
                {"Your request is too large.", ERROR_TOO_LARGE, -EFBIG},
                {"", ERROR_TOO_LARGE, -EFBIG},
        };
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ANSWER(put_a(f), .status = 413, .body = rows[i].body);
                swift_ended(f, rows[i].r, rows[i].kind);
                swift_says(f, "Storing backups/db1/x: ");
        }
}

/* --- get, stat, remove --- */

static void damaged_bytes_are_fetched_again_a_few_times(void **state) {
        Swift *f = *state;
        assert_int_equal(store_get_object(f->store, "db1/x", 100, &f->call, NULL), 0);
        ANSWER(swift_asked("GET", OBJECT),
               .status = 200,
               .body = "abd",
               .headers = {"Etag: " MD5_ABC});
        ANSWER(again("GET", OBJECT), .status = 200, .body = "abc", .headers = {"Etag: " MD5_ABC});
        swift_ended(f, 0, ERROR_NONE);
        assert_memory_equal(f->data, "abc", 3);
        assert_string_equal(f->etag, MD5_ABC);
        assert_int_equal(store_get_object(f->store, "db1/x", 100, &f->call, NULL), 0);
        for (int i = 0; i < LIMIT_STORE_MISMATCHES; i++)
                ANSWER(again("GET", OBJECT),
                       .status = 200,
                       .body = "abd",
                       .headers = {"Etag: " MD5_ABC});
        swift_ended(f, -EBADMSG, ERROR_INTEGRITY);
}

static void an_object_has_a_bound(void **state) {
        Swift *f = *state;
        assert_int_equal(store_get_object(f->store, "db1/x", 3, &f->call, NULL), 0);
        ANSWER(swift_asked("GET", OBJECT), .status = 200, .body = "abc");
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(f->size, 3);
        assert_int_equal(store_get_object(f->store, "db1/x", 2, &f->call, NULL), 0);
        ANSWER(swift_asked("GET", OBJECT), .status = 200, .body = "abc");
        swift_ended(f, -EFBIG, ERROR_INTEGRITY);
}

static void an_object_is_looked_at(void **state) {
        Swift *f = *state;
        assert_int_equal(store_stat_object(f->store, "db1/x", &f->call, NULL), 0);
        ANSWER(swift_asked("HEAD", OBJECT), .status = 200);
        ANSWER(again("HEAD", OBJECT),
               .status = 200,
               .headers = {"Content-Length: 5000000000", "Etag: \"" MD5_A "\""});
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(f->object_size, 5000000000);
        assert_string_equal(f->etag, MD5_A);
}

static void what_is_absent_is_removed(void **state) {
        static const int statuses[] = {204, 404};
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                assert_int_equal(store_remove_object(f->store, "db1/x", &f->call, NULL), 0);
                ANSWER(swift_asked("DELETE", OBJECT), .status = statuses[i]);
                swift_ended(f, 0, ERROR_NONE);
                assert_int_equal(
                        store_remove_large_object(f->store, INSTANCE, ID, &f->call, NULL), 0);
                ANSWER(swift_asked("DELETE", ACCOUNT "/backups/" INSTANCE "/" ID "/backup.tar.age"),
                       .status = statuses[i]);
                swift_ended(f, 0, ERROR_NONE);
        }
}

/* --- list --- */

#define PAGE ACCOUNT "/backups?format=json&limit=2000&prefix=db1%2F"
#define ROW(name)                                                                                  \
        "{\"name\":\"" name "\",\"bytes\":7,\"last_modified\":\"2026-11-22T06:10:44.250000\"}"

static void start_list(Swift *f) {
        assert_int_equal(store_list(f->store, "db1/", &f->call, NULL), 0);
}

static void a_listing_goes_on_until_a_page_is_empty(void **state) {
        Swift *f = *state;
        start_list(f);
        ANSWER(swift_asked("GET", PAGE),
               .status = 200,
               .body = "[" ROW("db1/a") "," ROW("db1/c") "]");
        ANSWER(swift_asked("GET", PAGE "&marker=db1%2Fc"),
               .status = 200,
               .body = "[" ROW("db1/\\u00e9") "]");
        ANSWER(swift_asked("GET", PAGE "&marker=db1%2F%C3%A9"), .status = 200, .body = "[]");
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(f->n_entries, 3);
        assert_string_equal(f->first, "db1/a");
        assert_true(f->first_modified_usec == UINT64_C(1795327844) * 1000000 + 250000);
        start_list(f);
        ANSWER(swift_asked("GET", PAGE), .status = 204);
        swift_ended(f, 0, ERROR_NONE);
        start_list(f);
        ANSWER(swift_asked("GET", PAGE), .status = 404);
        swift_ended(f, 0, ERROR_NONE);
        assert_int_equal(f->n_entries, 0);
}

static void a_listing_that_makes_no_sense_is_an_error(void **state) {
        static const char *const bad[] = {
                "<html>", "[1]", "[{\"bytes\":1}]", "[{\"name\":\"db1/a\"}]", "{"};
        Swift *f = *state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                start_list(f);
                ANSWER(swift_asked("GET", PAGE), .status = 200, .body = bad[i]);
                timer_fake_settle();
                assert_int_equal(f->n_done, 1);
                assert_int_equal(f->error.kind, ERROR_STORE_UNAVAILABLE);
                swift_says(f, "Listing backups: ");
                f->n_done = 0;
        }
        start_list(f);
        ANSWER(swift_asked("GET", PAGE), .status = 200, .body = "[" ROW("db1/a") "]");
        ANSWER(swift_asked("GET", PAGE "&marker=db1%2Fa"),
               .status = 200,
               .body = "[" ROW("db1/a") "]");
        swift_ended(f, -EPROTO, ERROR_STORE_UNAVAILABLE);
}

static void a_page_has_a_limit(void **state) {
        Swift *f = *state;
        char *body = malloc(LIMIT_LISTING_PAGE_BYTES + 1);
        memset(body, ' ', LIMIT_LISTING_PAGE_BYTES + 1);
        memcpy(body, "[]", 2);
        start_list(f);
        ANSWER(swift_asked("GET", PAGE),
               .status = 200,
               .body = body,
               .body_size = LIMIT_LISTING_PAGE_BYTES);
        swift_ended(f, 0, ERROR_NONE);
        start_list(f);
        ANSWER(swift_asked("GET", PAGE),
               .status = 200,
               .body = body,
               .body_size = LIMIT_LISTING_PAGE_BYTES + 1);
        swift_ended(f, -EFBIG, ERROR_INTEGRITY);
        free(body);
}

/* --- segments --- */

static char buffer[6];

static void start_segment(Swift *f, const char *md5) {
        StoreSegment segment = swift_segment(3, 6, md5);
        memset(buffer, 0, sizeof(buffer));
        assert_int_equal(store_get_segment(f->store, &segment, buffer, &f->call, NULL), 0);
}

static void a_segment_is_put_from_the_callers_buffer(void **state) {
        Swift *f = *state;
        StoreSegment segment = swift_segment(3, 3, MD5_ABC);
        const char bytes[] = "abc";
        size_t size = 0;
        assert_int_equal(store_put_segment(f->store, &segment, bytes, &f->call, NULL), 0);
        ANSWER(swift_asked("PUT", SEGMENT_3), .failure = HTTP_FAILURE_STALLED);
        HttpRequest *request = again("PUT", SEGMENT_3);
        assert_ptr_equal(http_fake_body(request, &size), bytes);
        assert_int_equal(size, 3);
        assert_string_equal(http_fake_header(request, "Etag"), MD5_ABC);
        assert_string_equal(http_fake_header(request, "If-None-Match"), "*");
        ANSWER(request, .status = 412);
        ANSWER(swift_asked("HEAD", SEGMENT_3),
               .status = 200,
               .headers = {"Etag: " MD5_ABC, "Content-Length: 3"});
        swift_ended(f, 0, ERROR_NONE);
        assert_true(f->already_there);
        assert_string_equal(f->etag, MD5_ABC);
}

static void a_cut_segment_is_continued_where_it_broke(void **state) {
        Swift *f = *state;
        start_segment(f, NULL);
        HttpRequest *request = swift_asked("GET", SEGMENT_3);
        assert_null(http_fake_header(request, "Range"));
        ANSWER(request, .failure = HTTP_FAILURE_SHORT, .status = 200, .body = "ab");
        request = again("GET", SEGMENT_3);
        assert_string_equal(http_fake_header(request, "Range"), "bytes=2-");
        ANSWER(request, .failure = HTTP_FAILURE_BROKEN, .status = 206, .body = "cd");
        ANSWER(again("GET", SEGMENT_3), .status = 503, .body = "busy");
        request = again("GET", SEGMENT_3);
        assert_string_equal(http_fake_header(request, "Range"), "bytes=4-");
        ANSWER(request, .status = 206, .body = "ef");
        swift_ended(f, 0, ERROR_NONE);
        assert_memory_equal(buffer, "abcdef", 6);
}

static void a_server_without_parts_gives_all_of_it_again(void **state) {
        Swift *f = *state;
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3),
               .failure = HTTP_FAILURE_SHORT,
               .status = 200,
               .body = "ab");
        ANSWER(again("GET", SEGMENT_3), .status = 200, .body = "abcdef");
        HttpRequest *request = again("GET", SEGMENT_3);
        assert_null(http_fake_header(request, "Range"));
        ANSWER(request, .failure = HTTP_FAILURE_SHORT, .status = 200, .body = "abc");
        request = again("GET", SEGMENT_3);
        assert_null(http_fake_header(request, "Range"));
        ANSWER(request, .status = 200, .body = "abcdef");
        swift_ended(f, 0, ERROR_NONE);
        assert_memory_equal(buffer, "abcdef", 6);
}

static void a_segment_cut_behind_its_last_byte_is_whole(void **state) {
        Swift *f = *state;
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3),
               .failure = HTTP_FAILURE_BROKEN,
               .status = 200,
               .body = "abcdef");
        swift_ended(f, 0, ERROR_NONE);
}

static void a_segment_of_another_size_is_integrity(void **state) {
        Swift *f = *state;
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3), .status = 200, .body = "abcde");
        swift_ended(f, -ENODATA, ERROR_INTEGRITY);
        swift_says(f, "it has 5 bytes, not 6");
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3), .status = 200, .body = "abcdefg");
        swift_ended(f, -EFBIG, ERROR_INTEGRITY);
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3),
               .failure = HTTP_FAILURE_SHORT,
               .status = 200,
               .body = "abc");
        ANSWER(again("GET", SEGMENT_3), .status = 416);
        swift_ended(f, -ENODATA, ERROR_INTEGRITY);
        start_segment(f, NULL);
        ANSWER(swift_asked("GET", SEGMENT_3), .status = 404);
        swift_ended(f, -ENOENT, ERROR_STORE_NOT_FOUND);
        swift_says(f, "backups_segments/db1/" ID "/" ATTEMPT_NAME "/00000003");
}

static void start_stat(Swift *f, const char *md5) {
        StoreSegment segment = swift_segment(3, 6, md5);
        assert_int_equal(store_stat_segment(f->store, &segment, &f->call, NULL), 0);
}

static void a_segment_is_there_with_its_size_and_digest(void **state) {
        Swift *f = *state;
        start_stat(f, MD5_A);
        ANSWER(swift_asked("HEAD", SEGMENT_3), .status = 200, .headers = {"Etag: " MD5_A});
        ANSWER(again("HEAD", SEGMENT_3),
               .status = 200,
               .headers = {"Etag: " MD5_A, "Content-Length: 6"});
        swift_ended(f, 0, ERROR_NONE);
        start_stat(f, MD5_A);
        ANSWER(swift_asked("HEAD", SEGMENT_3),
               .status = 200,
               .headers = {"Etag: " MD5_A, "Content-Length: 5"});
        swift_ended(f, -EBADMSG, ERROR_INTEGRITY);
        start_stat(f, MD5_A);
        ANSWER(swift_asked("HEAD", SEGMENT_3),
               .status = 200,
               .headers = {"Etag: " MD5_ABC, "Content-Length: 6"});
        swift_ended(f, -EBADMSG, ERROR_INTEGRITY);
        start_stat(f, NULL);
        ANSWER(swift_asked("HEAD", SEGMENT_3),
               .status = 200,
               .headers = {"Etag: " MD5_ABC, "Content-Length: 6"});
        swift_ended(f, 0, ERROR_NONE);
        start_stat(f, MD5_A);
        ANSWER(swift_asked("HEAD", SEGMENT_3), .status = 404);
        swift_ended(f, -ENOENT, ERROR_STORE_NOT_FOUND);
}

#define CLOSED(test) cmocka_unit_test_setup_teardown(test, swift_set_up, swift_tear_down)
#define OPEN(test) cmocka_unit_test_setup_teardown(test, swift_set_up_open, swift_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                CLOSED(opening_makes_what_is_missing),
                CLOSED(opening_is_tried_once),
                OPEN(the_cluster_says_what_it_can),
                OPEN(a_listing_asks_for_no_more_names_than_the_cluster_gives),
                OPEN(a_cluster_without_large_objects_is_refused),
                OPEN(a_put_is_create_only_and_has_its_digest),
                OPEN(a_name_that_is_taken_is_read_back),
                OPEN(a_reply_that_was_lost_is_found),
                OPEN(a_name_that_is_taken_and_gone_is_stored_again),
                OPEN(damaged_bytes_are_sent_again_a_few_times),
                OPEN(too_large_has_three_meanings),
                OPEN(damaged_bytes_are_fetched_again_a_few_times),
                OPEN(an_object_has_a_bound),
                OPEN(an_object_is_looked_at),
                OPEN(what_is_absent_is_removed),
                OPEN(a_listing_goes_on_until_a_page_is_empty),
                OPEN(a_listing_that_makes_no_sense_is_an_error),
                OPEN(a_page_has_a_limit),
                OPEN(a_segment_is_put_from_the_callers_buffer),
                OPEN(a_cut_segment_is_continued_where_it_broke),
                OPEN(a_server_without_parts_gives_all_of_it_again),
                OPEN(a_segment_cut_behind_its_last_byte_is_whole),
                OPEN(a_segment_of_another_size_is_integrity),
                OPEN(a_segment_is_there_with_its_size_and_digest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
