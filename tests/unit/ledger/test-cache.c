/* ledger/cache.h, with a real file */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "event/timer.h"
#include "ledger/cache.h"
#include "unit/test.h"

typedef struct Fixture {
        char directory[64], path[96];
        Loop *loop;
        Cache *cache;
        unsigned n_done, n_released;
        int r;
        Error error;
} Fixture;

static int setup(void **state) {
        static Fixture f;
        f = (Fixture){.directory = "/tmp/cache-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        snprintf(f.path, sizeof(f.path), "%s/cache.db", f.directory);
        assert_int_equal(loop_new(&f.loop, NULL), 0);
        assert_int_equal(cache_new(f.loop, f.directory, &f.cache, NULL), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        cache_free(f->cache);
        loop_free(f->loop);
        unsetenv("ORABACKUP_FAULTS");
        assert_int_equal(directory_remove_tree(f->directory, NULL), 0);
        return 0;
}

static Fixture *current;

static void on_done(int r, const Error *err, void *userdata) {
        current->n_done++;
        current->r = r;
        current->error = err == NULL ? (Error){0} : *err;
        loop_stop(current->loop, 0);
}

static void on_release(void *userdata) {
        current->n_released++;
}

static int call(Fixture *f, int (*run)(LedgerDb *db, void *userdata, Error *err), void *userdata) {
        const LedgerFunctions functions = {run, on_done, on_release};
        current = f;
        assert_int_equal(cache_call(f->cache, &functions, userdata, NULL, NULL), 0);
        loop_run(f->loop);
        return f->r;
}

static int reopen(Fixture *f) {
        f->cache = cache_free(f->cache);
        f->error = (Error){0};
        return cache_new(f->loop, f->directory, &f->cache, &f->error);
}

static int put_two(LedgerDb *db, void *userdata, Error *err) {
        int r = cache_put(db, "a/b", "one", 3, err);
        if (r >= 0)
                r = cache_put(db, "a/b", "two", 3, err);
        if (r >= 0)
                r = cache_put(db, "c", "", 0, err);
        return r < 0 ? r : cache_trim(db, err);
}

typedef struct Look {
        const char *name;
        bool found;
} Look;

static int look(LedgerDb *db, void *userdata, Error *err) {
        Look *one = userdata;
        CLEANUP(cleanup_free) void *data = NULL;
        size_t size = 0;
        int r = cache_get(db, one->name, &data, &size, err);
        one->found = r > 0;
        if (r > 0 && string_equal(one->name, "a/b"))
                assert_memory_equal(data, "two", 3);
        return r;
}

static bool has(Fixture *f, const char *name) {
        Look one = {.name = name};
        assert_int_equal(call(f, look, &one), 0);
        return one.found;
}

static int drop(LedgerDb *db, void *userdata, Error *err) {
        return cache_remove(db, userdata, err);
}

static char name_a[] = "a/b", name_c[] = "c", name_n[] = "n";

static void what_was_put_is_there_after_a_restart(void **state) {
        Fixture *f = *state;
        struct stat st;
        assert_int_equal(call(f, put_two, NULL), 0);
        assert_int_equal(reopen(f), 0);
        assert_true(has(f, name_a));
        assert_true(has(f, name_c));
        assert_false(has(f, name_n));
        assert_int_equal(call(f, drop, name_a), 0);
        assert_false(has(f, name_a));
        assert_int_equal(f->n_done, f->n_released);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
}

static void damage(Fixture *f, const char *text) {
        f->cache = cache_free(f->cache);
        int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_true(fd >= 0);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void a_damaged_file_is_thrown_away(void **state) {
        Fixture *f = *state;
        assert_int_equal(call(f, put_two, NULL), 0);
        damage(f, "this is no database ");
        assert_int_equal(reopen(f), 1);
        assert_non_null(strstr(f->error.message, f->path));
        assert_non_null(strstr(f->error.message, "thrown away"));
        assert_false(has(f, name_a));
        assert_int_equal(call(f, put_two, NULL), 0);
        assert_int_equal(reopen(f), 0);
        assert_true(has(f, name_a));
}

static void a_file_of_a_newer_version_is_thrown_away(void **state) {
        Fixture *f = *state;
        sqlite3 *sqlite = NULL;
        f->cache = cache_free(f->cache);
        assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(sqlite, "PRAGMA user_version = 7", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(sqlite);
        assert_int_equal(reopen(f), 1);
        assert_non_null(strstr(f->error.message, "newer version"));
        assert_false(has(f, name_a));
}

static void without_a_file_there_is_no_cache(void **state) {
        Fixture *f = *state;
        f->cache = cache_free(f->cache);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(mkdir(f->path, 0700), 0);
        assert_true(reopen(f) < 0);
        assert_non_null(strstr(f->error.message, f->path));
}

/* A page of it is overwritten while it is open. */
static int spoil_and_look(LedgerDb *db, void *userdata, Error *err) {
        return error_set(err, ERROR_CONFIG, -EUCLEAN, "spoilt");
}

static void what_turns_out_to_be_damaged_is_made_anew(void **state) {
        Fixture *f = *state;
        assert_int_equal(call(f, put_two, NULL), 0);
        assert_int_equal(call(f, spoil_and_look, NULL), -EUCLEAN);
        assert_false(has(f, name_a));
        assert_int_equal(call(f, put_two, NULL), 0);
        assert_true(has(f, name_a));
}

static int fill(LedgerDb *db, void *userdata, Error *err) {
        int r = 0;
        for (unsigned i = 0; r >= 0 && i < LIMIT_CACHE_ROWS; i++) {
                char name[32];
                snprintf(name, sizeof(name), "many/%u", i);
                r = cache_put(db, name, "x", 1, err);
        }
        return r < 0 ? r : cache_trim(db, err);
}

static void the_oldest_go_when_there_are_too_many(void **state) {
        Fixture *f = *state;
        char first[] = "many/0", last[] = "many/99999";
        assert_int_equal(LIMIT_CACHE_ROWS, 100000);
        assert_int_equal(call(f, put_two, NULL), 0);
        assert_true(has(f, name_c));
        assert_int_equal(call(f, fill, NULL), 0);
        assert_false(has(f, name_a));
        assert_false(has(f, name_c));
        assert_true(has(f, first));
        assert_true(has(f, last));
}

static void a_cancelled_call_runs_and_tells_nobody(void **state) {
        Fixture *f = *state;
        const LedgerFunctions functions = {put_two, on_done, on_release};
        CacheCall *cancelled = NULL;
        current = f;
        assert_int_equal(cache_call(f->cache, &functions, NULL, &cancelled, NULL), 0);
        cache_cancel(cancelled);
        cache_cancel(NULL);
        assert_true(has(f, name_a));
        assert_int_equal(f->n_done, 1);
        assert_int_equal(f->n_released, 2);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(what_was_put_is_there_after_a_restart),
                test(a_damaged_file_is_thrown_away),
                test(a_file_of_a_newer_version_is_thrown_away),
                test(without_a_file_there_is_no_cache),
                test(what_turns_out_to_be_damaged_is_made_anew),
                test(the_oldest_go_when_there_are_too_many),
                test(a_cancelled_call_runs_and_tells_nobody),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
