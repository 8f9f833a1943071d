/* store/store.h over the directory driver, in real directories. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/strings.h"
#include "event/work.h"
#include "store/directory.h"
#include "stream/digest.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define RECORD "db1/" ID "/backup.json"
#define TAR "db1/" ID "/backup.tar.age"
enum { SIZE = 300000 };

typedef struct Fixture {
        char directory[64], root[96], faults[96];
        Loop *loop;
        WorkPool *pool;
        Store *store;
        StoreCall call;
        /* The last reply, copied. */
        StoreReply reply;
        Error err;
        char etag[33], data[64], names[1024];
        int replies, wanted;
} Fixture;

static const StoreAttempt attempt = {"db1", ID, "0badcafe"};
static uint8_t bytes[SIZE];

static void on_done(const StoreReply *reply, void *userdata) {
        Fixture *f = userdata;
        f->reply = *reply;
        f->err = reply->err != NULL ? *reply->err : (Error){0};
        assert_int_equal(reply->r < 0, reply->err != NULL);
        snprintf(f->etag, sizeof(f->etag), "%s", reply->etag != NULL ? reply->etag : "");
        snprintf(
                f->data,
                sizeof(f->data),
                "%.*s",
                reply->size < 63 ? (int)reply->size : 63,
                reply->data != NULL ? (const char *)reply->data : "");
        f->names[0] = '\0';
        for (size_t i = 0; i < reply->n_entries; i++) {
                size_t used = strlen(f->names);
                snprintf(
                        f->names + used,
                        sizeof(f->names) - used,
                        "%s=%d ",
                        reply->entries[i].name,
                        (int)reply->entries[i].size);
        }
        if (++f->replies == f->wanted)
                loop_stop(f->loop, 0);
}

static int run(Fixture *f, int started) {
        if (started < 0)
                return started;
        f->replies = 0;
        f->wanted = 1;
        loop_run(f->loop);
        return f->reply.r;
}

static int do_open(Fixture *f) {
        return run(f, store_open(f->store, &f->call, &f->err));
}
static int do_put(Fixture *f, const char *name, const char *text) {
        return run(f, store_put_object(f->store, name, text, strlen(text), &f->call, &f->err));
}
static int do_get(Fixture *f, const char *name) {
        return run(f, store_get_object(f->store, name, 60, &f->call, &f->err));
}
static int do_stat(Fixture *f, const char *name) {
        return run(f, store_stat_object(f->store, name, &f->call, &f->err));
}
static int do_remove(Fixture *f, const char *name) {
        return run(f, store_remove_object(f->store, name, &f->call, &f->err));
}
static int do_list(Fixture *f, const char *prefix) {
        return run(f, store_list(f->store, prefix, &f->call, &f->err));
}

static StoreSegment segment_of(uint64_t index, char md5[65]) {
        assert_int_equal(digest_hex(DIGEST_MD5, bytes + index, SIZE - index, md5, NULL), 0);
        return (StoreSegment){attempt, index, index * SIZE, SIZE - index, md5};
}
static int do_put_segment(Fixture *f, uint64_t index) {
        char md5[65];
        StoreSegment segment = segment_of(index, md5);
        return run(f, store_put_segment(f->store, &segment, bytes + index, &f->call, &f->err));
}
static int do_stat_segment(Fixture *f, uint64_t index) {
        char md5[65];
        StoreSegment segment = segment_of(index, md5);
        return run(f, store_stat_segment(f->store, &segment, &f->call, &f->err));
}
static int do_get_segment(Fixture *f, uint64_t index, void *buffer) {
        char md5[65];
        StoreSegment segment = segment_of(index, md5);
        return run(f, store_get_segment(f->store, &segment, buffer, &f->call, &f->err));
}
static void commit_list(StoreCommitSegment segments[2]) {
        for (uint64_t i = 0; i < 2; i++) {
                char md5[65];
                segments[i].size = segment_of(i, md5).size;
                memcpy(segments[i].md5, md5, 33);
        }
}
static int do_commit(Fixture *f) {
        StoreCommitSegment segments[2];
        commit_list(segments);
        return run(f, store_commit(f->store, &attempt, segments, 2, &f->call, &f->err));
}
static int do_remove_segments(Fixture *f, const char *which) {
        StoreAttempt one = attempt;
        one.attempt = which;
        return run(f, store_remove_segments(f->store, &one, &f->call, &f->err));
}

static char *path_of(Fixture *f, const char *name) {
        char *path = path_join(f->root, name);
        assert_non_null(path);
        return path;
}
static bool exists(Fixture *f, const char *name) {
        CLEANUP(cleanup_free) char *path = path_of(f, name);
        struct stat st;
        return lstat(path, &st) == 0;
}

static void fault(Fixture *f, const char *name, const char *what) {
        CLEANUP(cleanup_free) char *path = path_join(f->faults, name);
        if (what == NULL)
                assert_int_equal(unlink(path), 0);
        else
                assert_int_equal(file_write_durably(path, what, strlen(what), 0600, NULL), 0);
}

static int setup(void **state) {
        static Fixture f;
        f = (Fixture){.directory = "/tmp/store-XXXXXX", .call = {on_done, &f, NULL}};
        assert_non_null(mkdtemp(f.directory));
        snprintf(f.root, sizeof(f.root), "%s/a/store", f.directory);
        snprintf(f.faults, sizeof(f.faults), "%s/faults", f.directory);
        assert_int_equal(mkdir(f.faults, 0700), 0);
        assert_int_equal(setenv("ORABACKUP_FAULTS", f.faults, 1), 0);
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251 + 1);
        assert_int_equal(loop_new(&f.loop, NULL), 0);
        assert_int_equal(work_pool_new(f.loop, "store", 4, 64, &f.pool, NULL), 0);
        assert_int_equal(directory_store_new(f.loop, f.pool, f.root, &f.store, NULL), 0);
        assert_int_equal(do_open(&f), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        store_free(f->store);
        work_pool_free(f->pool);
        loop_free(f->loop);
        return directory_remove_tree(f->directory, NULL);
}

static void objects_are_put_once(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        assert_false(f->reply.already_there);
        assert_string_equal(f->etag, "99914b932bd37a50b983c5e7c90ae93b");
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        assert_true(f->reply.already_there);
        assert_int_equal(do_put(f, RECORD, "[]"), -EEXIST);
        assert_int_equal(do_put(f, RECORD, "{} "), -EEXIST);
        assert_int_equal(f->err.kind, ERROR_INTEGRITY);
        assert_int_equal(do_get(f, RECORD), 0);
        assert_string_equal(f->data, "{}");
        assert_string_equal(f->etag, "99914b932bd37a50b983c5e7c90ae93b");
        assert_int_equal(do_stat(f, RECORD), 0);
        assert_int_equal(f->reply.object_size, 2);
        assert_string_equal(f->etag, "99914b932bd37a50b983c5e7c90ae93b");
        assert_int_equal(do_put(f, "db1/" ID "/segments", ""), 0);
        assert_int_equal(do_put(f, "db1/" ID "/segments", ""), 0);
        assert_true(f->reply.already_there);
        assert_int_equal(do_get(f, "db1/" ID "/segments"), 0);
}

static void what_is_not_there_is_not_found(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_get(f, RECORD), -ENOENT);
        assert_int_equal(f->err.kind, ERROR_STORE_NOT_FOUND);
        assert_int_equal(do_stat(f, RECORD), -ENOENT);
        assert_int_equal(do_remove(f, RECORD), 0);
        assert_int_equal(do_remove_segments(f, NULL), 0);
        assert_int_equal(do_stat_segment(f, 0), -ENOENT);
        assert_int_equal(do_commit(f), -ENOENT);
        assert_int_equal(run(f, store_remove_large_object(f->store, "db1", ID, &f->call, NULL)), 0);
        assert_int_equal(do_list(f, ""), 0);
        assert_string_equal(f->names, "");
}

static void large_objects_are_not_read(void **state) {
        Fixture *f = *state;
        char text[62];
        memset(text, 'x', 61);
        text[61] = '\0';
        assert_int_equal(do_put(f, RECORD, text), 0);
        assert_int_equal(do_get(f, RECORD), -EFBIG);
        assert_int_equal(f->err.kind, ERROR_INTEGRITY);
}

static void names_outside_the_store_are_refused(void **state) {
        Fixture *f = *state;
        static const char *const names[] = {
                "", "/etc/x", "../x", "db1/../x", "db1//x", "db1/.x", "db1/x/", "."};
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(do_put(f, names[i], "x"), -EINVAL);
                assert_int_equal(f->err.kind, ERROR_INVALID_ARGS);
        }
        Store *store = NULL;
        assert_int_equal(
                directory_store_new(f->loop, f->pool, "relative", &store, &f->err), -EINVAL);
        assert_int_equal(f->err.kind, ERROR_CONFIG);
}

static void symbolic_links_are_refused(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) char *link = path_of(f, "db1");
        assert_int_equal(symlink(f->faults, link), 0);
        assert_int_equal(do_put(f, RECORD, "{}"), -ENOTDIR);
        assert_int_equal(f->err.kind, ERROR_STORE_UNAVAILABLE);
        assert_non_null(strstr(f->err.message, "symbolic link"));
        assert_true(do_put_segment(f, 0) < 0);
        assert_int_equal(unlink(link), 0);
        assert_int_equal(do_put(f, "db1/begin/0000000001.json", "{}"), 0);
        CLEANUP(cleanup_free) char *file = path_of(f, "db1/begin/0000000002.json");
        assert_int_equal(symlink("0000000001.json", file), 0);
        assert_int_equal(do_get(f, "db1/begin/0000000002.json"), -ELOOP);
        assert_int_equal(do_put(f, "db1/begin/0000000002.json", "{}"), -ELOOP);
        assert_int_equal(do_list(f, ""), 0);
        assert_string_equal(f->names, "db1/begin/0000000001.json=2 ");
}

static void listings_are_sorted_and_show_objects_only(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_put(f, "db2/begin/0000000001.json", "b"), 0);
        assert_int_equal(do_put(f, "db1/begin/0000000002.json", "cc"), 0);
        assert_int_equal(do_put(f, RECORD, "d"), 0);
        assert_int_equal(do_put_segment(f, 0), 0);
        CLEANUP(cleanup_free) char *hidden = path_of(f, "db1/begin/.x.0badcafe.tmp");
        assert_int_equal(file_write_durably(hidden, "x", 1, 0600, NULL), 0);
        assert_int_equal(do_list(f, ""), 0);
        assert_string_equal(
                f->names,
                "db1/" ID "/backup.json=1 db1/begin/0000000002.json=2 "
                "db2/begin/0000000001.json=1 ");
        assert_int_equal(do_list(f, "db1/begin/"), 0);
        assert_string_equal(f->names, "db1/begin/0000000002.json=2 ");
        assert_int_equal(do_list(f, "db1/b"), 0);
        assert_string_equal(f->names, "db1/begin/0000000002.json=2 ");
        assert_int_equal(do_list(f, "db3/"), 0);
        assert_string_equal(f->names, "");
}

static void segments_become_the_backup(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) uint8_t *buffer = malloc(SIZE);
        StoreCommitSegment segments[2];
        char etag[33];
        assert_non_null(buffer);
        assert_int_equal(do_put_segment(f, 1), 0);
        assert_int_equal(do_stat_segment(f, 1), 0);
        assert_int_equal(do_stat_segment(f, 0), -ENOENT);
        assert_int_equal(do_commit(f), -EBADMSG);
        assert_non_null(strstr(f->err.message, "lacks segment 0"));
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_get_segment(f, 1, buffer), 0);
        assert_memory_equal(buffer, bytes + 1, SIZE - 1);
        assert_int_equal(do_commit(f), 0);
        commit_list(segments);
        assert_int_equal(store_large_object_etag(segments, 2, 0, etag, NULL), 0);
        assert_string_equal(f->etag, etag);
        assert_int_equal(f->reply.object_size, 2 * SIZE - 1);
        assert_true(exists(f, TAR));
        assert_false(exists(f, "db1/" ID "/0badcafe.part"));
        /* Everything may be asked again: replies get lost. */
        assert_int_equal(do_commit(f), 0);
        assert_true(f->reply.already_there);
        assert_int_equal(do_put_segment(f, 1), 0);
        assert_true(f->reply.already_there);
        bytes[5]++;
        assert_int_equal(do_put_segment(f, 1), -EEXIST);
        bytes[5]--;
        assert_int_equal(do_get_segment(f, 0, buffer), 0);
        assert_memory_equal(buffer, bytes, SIZE);
        assert_int_equal(do_stat_segment(f, 1), 0);
        assert_int_equal(do_stat(f, TAR), 0);
        assert_string_equal(f->etag, "");
        CLEANUP(cleanup_free)
        char *lines = string_printf("%s  1 x\n%s  1 y\n", segments[0].md5, segments[1].md5);
        assert_int_equal(do_put(f, "db1/" ID "/segments", lines), 0);
        assert_int_equal(do_stat(f, TAR), 0);
        assert_string_equal(f->etag, etag);
        assert_int_equal(f->reply.object_size, 2 * SIZE - 1);
}

static void another_attempt_does_not_replace_a_backup(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_put_segment(f, 1), 0);
        CLEANUP(cleanup_free) char *tar = path_of(f, TAR);
        assert_int_equal(file_write_durably(tar, "x", 1, 0600, NULL), 0);
        assert_int_equal(do_commit(f), -EEXIST);
        assert_int_equal(unlink(tar), 0);
        CLEANUP(cleanup_free) char *part = path_of(f, "db1/" ID "/0badcafe.part");
        assert_int_equal(truncate(part, SIZE), 0);
        assert_int_equal(do_commit(f), -EBADMSG);
        assert_int_equal(do_stat_segment(f, 1), -ENOENT);
        CLEANUP(cleanup_free) uint8_t *buffer = malloc(SIZE);
        assert_int_equal(do_get_segment(f, 1, buffer), -ENODATA);
        assert_int_equal(f->err.kind, ERROR_INTEGRITY);
}

static void a_commit_goes_on_between_two_names(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_put_segment(f, 1), 0);
        fault(f, "store-commit-linked", "error 5");
        assert_true(do_commit(f) < 0);
        assert_true(exists(f, TAR) && exists(f, "db1/" ID "/0badcafe.part"));
        assert_int_equal(do_commit(f), 0);
        assert_true(f->reply.already_there);
        assert_false(exists(f, "db1/" ID "/0badcafe.part"));
}

static void a_segment_with_another_md5_is_not_acknowledged(void **state) {
        Fixture *f = *state;
        char md5[65];
        StoreSegment segment = segment_of(0, md5);
        md5[0] = md5[0] == 'a' ? 'b' : 'a';
        assert_int_equal(
                run(f, store_put_segment(f->store, &segment, bytes, &f->call, NULL)), -EBADMSG);
        assert_int_equal(f->err.kind, ERROR_INTEGRITY);
}

static void removals_leave_nothing(void **state) {
        Fixture *f = *state;
        assert_int_equal(do_put(f, "db1/begin/0000000001.json", "{}"), 0);
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_put_segment(f, 1), 0);
        assert_int_equal(do_remove_segments(f, "1badcafe"), 0);
        assert_true(exists(f, "db1/" ID "/0badcafe.part"));
        assert_int_equal(do_remove_segments(f, "0badcafe"), 0);
        assert_false(exists(f, "db1/" ID));
        assert_true(exists(f, "db1/begin"));
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(do_put_segment(f, 1), 0);
        assert_int_equal(do_commit(f), 0);
        assert_int_equal(do_remove_segments(f, NULL), 0);
        assert_true(exists(f, TAR));
        assert_int_equal(run(f, store_remove_large_object(f->store, "db1", ID, &f->call, NULL)), 0);
        assert_false(exists(f, "db1/" ID));
        assert_int_equal(do_remove(f, "db1/begin/0000000001.json"), 0);
        assert_false(exists(f, "db1"));
        assert_true(exists(f, ""));
}

static void failures_of_the_disk_are_the_stores(void **state) {
        Fixture *f = *state;
        fault(f, "store-put-record", "error 5");
        assert_int_equal(do_put(f, RECORD, "{}"), -EIO);
        assert_int_equal(f->err.kind, ERROR_STORE_UNAVAILABLE);
        assert_false(exists(f, RECORD));
        fault(f, "store-put-segment", "error 28");
        assert_int_equal(do_put_segment(f, 0), -ENOSPC);
        assert_int_equal(f->err.kind, ERROR_NO_SPACE);
        fault(f, "store-put-claim-done", "error 110");
        assert_int_equal(do_put(f, "db1/begin/0000000001.json", "{}"), -ETIMEDOUT);
        assert_int_equal(do_put(f, "db1/begin/0000000001.json", "{}"), 0);
        assert_true(f->reply.already_there);
}

static void what_fails_in_passing_is_tried_again(void **state) {
        Fixture *f = *state;

        directory_store_set_retry_time(f->store, 60 * 1000);
        fault(f, "store-put-record", "error 5");
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        fault(f, "store-put-segment-done", "error 116");
        assert_int_equal(do_put_segment(f, 0), 0);
        fault(f, "store-get-object", "error 5");
        assert_int_equal(do_get(f, RECORD), 0);
        fault(f, "store-put-segment", "error 28");
        assert_int_equal(do_put_segment(f, 1), -ENOSPC); /* no passing reason */
}

static void what_stays_away_is_reported_after_the_retry_time(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) char *elsewhere = path_join(f->directory, "elsewhere");
        StoreRequest *waiting = NULL;

        directory_store_set_retry_time(f->store, 600);
        assert_int_equal(rename(f->root, elsewhere), 0);
        uint64_t start = clock_monotonic_usec();
        assert_true(do_put(f, RECORD, "{}") < 0);
        assert_int_equal(f->err.kind, ERROR_STORE_UNAVAILABLE);
        assert_true(clock_monotonic_usec() - start >= 250 * 1000);
        /* While it is away a request that has failed, or is about to, may be cancelled. */
        directory_store_set_retry_time(f->store, 60 * 1000);
        assert_int_equal(
                store_put_object(
                        f->store, RECORD, "{}", 2, &(StoreCall){on_done, f, &waiting}, NULL),
                0);
        assert_true(run(f, store_space(f->store, &f->call, NULL)) < 0);
        store_cancel(waiting);
        /* Back in time, whether before the first try or after it. */
        int started = store_put_object(f->store, RECORD, "{}", 2, &f->call, NULL);
        assert_int_equal(rename(elsewhere, f->root), 0);
        assert_int_equal(run(f, started), 0);
}

static void another_file_system_in_its_place_is_refused(void **state) {
        Fixture *f = *state;
        char moved[128];
        snprintf(moved, sizeof(moved), "%s.moved", f->root);
        assert_int_equal(rename(f->root, moved), 0);
        /* Without the directory nothing is known to be absent, and nothing is removed. */
        assert_int_equal(do_get(f, RECORD), -ESTALE);
        assert_int_equal(do_remove(f, RECORD), -ESTALE);
        assert_int_equal(do_remove_segments(f, NULL), -ESTALE);
        assert_true(do_put(f, RECORD, "{}") < 0);
        assert_int_equal(mkdir(f->root, 0750), 0);
        assert_int_equal(do_put(f, RECORD, "{}"), -ESTALE);
        assert_int_equal(f->err.kind, ERROR_STORE_UNAVAILABLE);
        assert_false(exists(f, "db1"));
}

/* The first is held in its worker; the buffer is the caller's as soon as the cancel returns. */
static void a_cancelled_put_gives_its_buffer_back_at_once(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) uint8_t *copy = malloc(SIZE);
        StoreRequest *held = NULL;
        char md5[65];
        StoreSegment segment = segment_of(0, md5);
        assert_non_null(copy);
        memcpy(copy, bytes, SIZE);
        fault(f, "store-put-segment", "hold");
        assert_int_equal(
                store_put_segment(f->store, &segment, copy, &(StoreCall){on_done, f, &held}, NULL),
                0);
        /* Others go on meanwhile. */
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        store_cancel(held);
        store_cancel(NULL);
        memset(copy, 0, SIZE);
        free(copy);
        copy = NULL;
        fault(f, "store-put-segment", NULL);
        assert_int_equal(do_get(f, RECORD), 0);
        f->pool = work_pool_free(f->pool);
        assert_false(exists(f, "db1/" ID "/0badcafe.part"));
}

static void a_rate_makes_transfers_wait(void **state) {
        Fixture *f = *state;
        StoreRequest *second = NULL, *third = NULL;
        char md5[65], md5_1[65];
        StoreSegment segment = segment_of(0, md5), other = segment_of(1, md5_1);
        store_set_rate(f->store, 1);
        assert_int_equal(do_put_segment(f, 0), 0);
        assert_int_equal(
                store_put_segment(
                        f->store, &other, bytes + 1, &(StoreCall){on_done, f, &second}, NULL),
                0);
        assert_int_equal(
                store_put_segment(
                        f->store, &segment, bytes, &(StoreCall){on_done, f, &third}, NULL),
                0);
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        assert_int_equal(f->replies, 1);
        store_cancel(third);
        store_set_rate(f->store, 0);
        assert_int_equal(run(f, 0), 0);
        assert_true(exists(f, "db1/" ID "/0badcafe.part"));
        assert_int_equal(do_stat_segment(f, 1), 0);
}

static void several_segments_at_once_are_stored(void **state) {
        Fixture *f = *state;
        char md5[2][65];
        for (uint64_t i = 0; i < 2; i++) {
                StoreSegment segment = segment_of(i, md5[i]);
                assert_int_equal(
                        store_put_segment(f->store, &segment, bytes + i, &f->call, NULL), 0);
        }
        f->replies = 0;
        f->wanted = 2;
        loop_run(f->loop);
        assert_int_equal(f->reply.r, 0);
        assert_int_equal(do_commit(f), 0);
}

static void it_says_where_it_is_and_what_is_free(void **state) {
        Fixture *f = *state;
        assert_string_equal(store_container(f->store), f->root);
        assert_true(string_starts_with(store_describe(f->store), "directory /"));
        assert_true(store_max_segments(f->store) == UINT64_MAX);
        assert_int_equal(run(f, store_space(f->store, &f->call, NULL)), 0);
        assert_true(f->reply.object_size > 0);
        CLEANUP(cleanup_free) char *name = store_segment_name(&attempt, 17);
        assert_string_equal(name, "db1/" ID "/0badcafe/00000017");
}

/* A small file system in a mount namespace of its own; without root a limit on file sizes. */
static bool make_disk_small(Fixture *f) {
        if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("tmpfs", f->root, "tmpfs", 0, "size=200k") == 0)
                return true;
        struct rlimit limit = {200000, 200000};
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        return false;
}

static void on_full_disk(Fixture *f) {
        bool small = make_disk_small(f);
        assert_int_equal(loop_new(&f->loop, NULL), 0);
        assert_int_equal(work_pool_new(f->loop, "store", 2, 64, &f->pool, NULL), 0);
        assert_int_equal(directory_store_new(f->loop, f->pool, f->root, &f->store, NULL), 0);
        assert_int_equal(do_open(f), 0);
        assert_int_equal(do_put_segment(f, 0), small ? -ENOSPC : -EFBIG);
        assert_int_equal(f->err.kind, small ? ERROR_NO_SPACE : ERROR_STORE_UNAVAILABLE);
        assert_non_null(strstr(f->err.message, f->root));
        assert_int_equal(do_remove_segments(f, NULL), 0);
        assert_int_equal(do_put(f, RECORD, "{}"), 0);
        store_free(f->store);
        work_pool_free(f->pool);
        loop_free(f->loop);
}

/* In a process of its own, forked before any thread is there. */
static void a_full_disk_is_no_space(void **state) {
        static Fixture f;
        int status;
        f = (Fixture){.directory = "/tmp/store-XXXXXX", .call = {on_done, &f, NULL}};
        assert_non_null(mkdtemp(f.directory));
        snprintf(f.root, sizeof(f.root), "%s/store", f.directory);
        assert_int_equal(mkdir(f.root, 0750), 0);
        unsetenv("ORABACKUP_FAULTS");
        pid_t pid = fork();
        if (pid == 0) {
                on_full_disk(&f);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(directory_remove_tree(f.directory, NULL), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_disk_is_no_space),
                test(objects_are_put_once),
                test(what_is_not_there_is_not_found),
                test(large_objects_are_not_read),
                test(names_outside_the_store_are_refused),
                test(symbolic_links_are_refused),
                test(listings_are_sorted_and_show_objects_only),
                test(segments_become_the_backup),
                test(another_attempt_does_not_replace_a_backup),
                test(a_commit_goes_on_between_two_names),
                test(a_segment_with_another_md5_is_not_acknowledged),
                test(removals_leave_nothing),
                test(failures_of_the_disk_are_the_stores),
                test(what_fails_in_passing_is_tried_again),
                test(what_stays_away_is_reported_after_the_retry_time),
                test(another_file_system_in_its_place_is_refused),
                test(a_cancelled_put_gives_its_buffer_back_at_once),
                test(a_rate_makes_transfers_wait),
                test(several_segments_at_once_are_stored),
                test(it_says_where_it_is_and_what_is_free),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
