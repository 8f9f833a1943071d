/* The store in memory keeps the contract of store/store.h that tests above rely on. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "fakes/store.h"
#include "stream/digest.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define RECORD "db1/" ID "/backup.json"

typedef struct Fixture {
        Loop *loop;
        Store *store;
        StoreCall call;
        int r, replies;
        bool already_there;
        size_t n_entries;
        char etag[33];
} Fixture;

static void on_done(const StoreReply *reply, void *userdata) {
        Fixture *f = userdata;
        f->r = reply->r;
        f->already_there = reply->already_there;
        f->n_entries = reply->n_entries;
        strcpy(f->etag, reply->etag != NULL ? reply->etag : "");
        f->replies++;
        loop_stop(f->loop, 0);
}

static int run(Fixture *f, int started) {
        assert_int_equal(started, 0);
        loop_run(f->loop);
        return f->r;
}

static int put(Fixture *f, const char *name, const char *text) {
        return run(f, store_put_object(f->store, name, text, strlen(text), &f->call, NULL));
}

static int setup(void **state) {
        static Fixture f;
        f = (Fixture){.call = {on_done, &f, NULL}};
        assert_int_equal(loop_new(&f.loop, NULL), 0);
        assert_int_equal(fake_store_new(f.loop, &f.store, NULL), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        store_free(f->store);
        loop_free(f->loop);
        return 0;
}

static void objects_are_create_only(void **state) {
        Fixture *f = *state;
        assert_int_equal(put(f, RECORD, "{}"), 0);
        assert_int_equal(put(f, RECORD, "{}"), 0);
        assert_true(f->already_there);
        assert_int_equal(put(f, RECORD, "[]"), -EEXIST);
        assert_true(fake_store_has(f->store, RECORD));
        assert_int_equal(run(f, store_list(f->store, "db1/", &f->call, NULL)), 0);
        assert_int_equal(f->n_entries, 1);
        fake_store_hide(f->store, RECORD);
        assert_int_equal(run(f, store_list(f->store, "db1/", &f->call, NULL)), 0);
        assert_int_equal(f->n_entries, 0);
        assert_int_equal(run(f, store_get_object(f->store, RECORD, 2, &f->call, NULL)), 0);
        assert_int_equal(run(f, store_remove_object(f->store, RECORD, &f->call, NULL)), 0);
        assert_int_equal(run(f, store_get_object(f->store, RECORD, 2, &f->call, NULL)), -ENOENT);
        assert_int_equal(fake_store_call_count(f->store, STORE_PUT_OBJECT), 3);
}

static void calls_fail_and_lose_replies_as_told(void **state) {
        Fixture *f = *state;
        fake_store_fail(
                f->store, STORE_PUT_OBJECT, "backup.json", 1, ERROR_STORE_UNAVAILABLE, -EIO);
        assert_int_equal(put(f, "db1/begin/0000000001.json", "{}"), 0);
        assert_int_equal(put(f, RECORD, "{}"), -EIO);
        assert_false(fake_store_has(f->store, RECORD));
        fake_store_lose_reply(f->store, STORE_PUT_OBJECT);
        assert_int_equal(put(f, RECORD, "{}"), -ETIMEDOUT);
        assert_int_equal(put(f, RECORD, "{}"), 0);
        assert_true(f->already_there);
}

static void held_calls_wait_and_may_be_cancelled(void **state) {
        Fixture *f = *state;
        StoreRequest *first = NULL;
        fake_store_hold(f->store, STORE_PUT_OBJECT);
        assert_int_equal(
                store_put_object(
                        f->store, "db1/a/x", "1", 1, &(StoreCall){on_done, f, &first}, NULL),
                0);
        assert_int_equal(store_put_object(f->store, "db1/a/y", "2", 1, &f->call, NULL), 0);
        assert_int_equal(run(f, store_list(f->store, "", &f->call, NULL)), 0);
        assert_int_equal(f->n_entries, 0);
        assert_int_equal(fake_store_held_count(f->store), 2);
        store_cancel(first);
        fake_store_let_go(f->store, STORE_PUT_OBJECT);
        assert_int_equal(run(f, 0), 0);
        assert_int_equal(f->replies, 2);
        assert_int_equal(fake_store_object_count(f->store, ""), 1);
}

static void segments_become_the_backup(void **state) {
        Fixture *f = *state;
        char md5[65];
        assert_int_equal(digest_hex(DIGEST_MD5, "abc", 3, md5, NULL), 0);
        StoreSegment segment = {{"db1", ID, "0badcafe"}, 0, 0, 3, md5};
        StoreCommitSegment list[1] = {{.size = 3}};
        memcpy(list[0].md5, md5, 33);
        char etag[33], buffer[3];
        size_t size = 0;
        assert_int_equal(
                run(f, store_commit(f->store, &segment.attempt, list, 1, &f->call, NULL)), -ENOENT);
        assert_int_equal(
                run(f, store_put_segment(f->store, &segment, "abd", &f->call, NULL)), -EBADMSG);
        assert_int_equal(run(f, store_put_segment(f->store, &segment, "abc", &f->call, NULL)), 0);
        assert_int_equal(run(f, store_get_segment(f->store, &segment, buffer, &f->call, NULL)), 0);
        assert_memory_equal(buffer, "abc", 3);
        assert_int_equal(
                run(f, store_commit(f->store, &segment.attempt, list, 1, &f->call, NULL)), 0);
        assert_int_equal(store_large_object_etag(list, 1, 0, etag, NULL), 0);
        assert_string_equal(f->etag, etag);
        assert_memory_equal(
                fake_store_data(f->store, "db1/" ID "/backup.tar.age", &size), "abc", 3);
        assert_int_equal(size, 3);
        segment.attempt.attempt = NULL;
        assert_int_equal(
                run(f, store_remove_segments(f->store, &segment.attempt, &f->call, NULL)), 0);
        assert_int_equal(fake_store_segment_count(f->store, ""), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(objects_are_create_only),
                test(calls_fail_and_lose_replies_as_told),
                test(held_calls_wait_and_may_be_cancelled),
                test(segments_become_the_backup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
