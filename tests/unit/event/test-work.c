/* event/work.c */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "event/work.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        WorkPool *pool;
        sem_t begun, go;
        pthread_t loop_thread;
        int done, released, expected_releases;
} Fixture;

typedef struct Item {
        Fixture *f;
        bool waits, frees_pool;
        bool ran, done, released;
        bool ran_on_loop;
} Item;

static void run(void *userdata) {
        Item *item = userdata;

        if (item->waits) {
                sem_post(&item->f->begun);
                sem_wait(&item->f->go);
        }
        item->ran = true;
        item->ran_on_loop = pthread_equal(pthread_self(), item->f->loop_thread);
}

static void on_done(void *userdata) {
        Item *item = userdata;

        assert_true(item->ran);
        assert_false(item->released);
        item->done = true;
        item->f->done++;
        if (item->frees_pool)
                item->f->pool = work_pool_free(item->f->pool);
}

static void release(void *userdata) {
        Item *item = userdata;

        assert_false(item->released);
        item->released = true;
        if (++item->f->released == item->f->expected_releases)
                loop_stop(item->f->loop, 0);
}

static const WorkFunctions functions = {.run = run, .on_done = on_done, .release = release};

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.loop_thread = pthread_self()};
        sem_init(&f.begun, 0, 0);
        sem_init(&f.go, 0, 0);
        *state = &f;
        if (loop_new(&f.loop, NULL) < 0)
                return -1;
        return work_pool_new(f.loop, "test", 1, 3, &f.pool, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        work_pool_free(f->pool);
        loop_free(f->loop);
        sem_destroy(&f->begun);
        sem_destroy(&f->go);
        return 0;
}

static void work_runs_elsewhere_and_is_done_here(void **state) {
        Fixture *f = *state;
        Item items[3] = {{.f = f}, {.f = f}, {.f = f}};

        f->expected_releases = 3;
        for (int i = 0; i < 3; i++)
                assert_int_equal(work_start(f->pool, &functions, &items[i], NULL, NULL), 0);
        loop_run(f->loop);
        for (int i = 0; i < 3; i++) {
                assert_true(items[i].done && items[i].released);
                assert_false(items[i].ran_on_loop);
        }
        assert_int_equal(work_pool_queued(f->pool), 0);
}

static void a_full_queue_refuses_and_calls_nothing(void **state) {
        Fixture *f = *state;
        Item first = {.f = f, .waits = true};
        Item items[4] = {{.f = f}, {.f = f}, {.f = f}, {.f = f}};
        Error err = {0};

        assert_int_equal(work_start(f->pool, &functions, &first, NULL, NULL), 0);
        sem_wait(&f->begun);
        for (int i = 0; i < 3; i++)
                assert_int_equal(work_start(f->pool, &functions, &items[i], NULL, NULL), 0);
        assert_int_equal(work_pool_queued(f->pool), 3);
        assert_int_equal(work_start(f->pool, &functions, &items[3], NULL, &err), -EAGAIN);
        assert_int_equal(err.kind, ERROR_BUSY);
        assert_string_equal(err.message, "The queue 'test' is full: 3 are waiting");
        f->expected_releases = 4;
        sem_post(&f->go);
        loop_run(f->loop);
        assert_int_equal(f->done, 4);
        assert_false(items[3].ran || items[3].released);
}

static void cancelled_work_is_released_and_not_done(void **state) {
        Fixture *f = *state;
        Item running = {.f = f, .waits = true}, queued = {.f = f}, kept = {.f = f};
        Work *first, *second;

        assert_int_equal(work_start(f->pool, &functions, &running, &first, NULL), 0);
        sem_wait(&f->begun);
        assert_int_equal(work_start(f->pool, &functions, &queued, &second, NULL), 0);
        assert_int_equal(work_start(f->pool, &functions, &kept, NULL, NULL), 0);
        work_cancel(second);
        work_cancel(first);
        work_cancel(NULL);
        assert_false(running.released || queued.released); /* not from inside the cancel */
        assert_int_equal(work_pool_queued(f->pool), 1);
        f->expected_releases = 3;
        sem_post(&f->go);
        loop_run(f->loop);
        assert_true(running.ran && running.released && !running.done);
        assert_true(!queued.ran && queued.released && !queued.done);
        assert_true(kept.done);
}

static void freeing_the_pool_waits_for_what_runs_and_drops_the_rest(void **state) {
        Fixture *f = *state;
        Item running = {.f = f, .waits = true}, queued = {.f = f};

        assert_int_equal(work_start(f->pool, &functions, &running, NULL, NULL), 0);
        sem_wait(&f->begun);
        assert_int_equal(work_start(f->pool, &functions, &queued, NULL, NULL), 0);
        sem_post(&f->go);
        f->pool = work_pool_free(f->pool);
        assert_true(running.ran && running.released && !running.done);
        /* The one that waited may have begun before the pool was told to stop. */
        assert_true(queued.released && !queued.done);
        assert_null(work_pool_free(NULL));
}

static void a_pool_may_be_freed_when_something_is_done(void **state) {
        Fixture *f = *state;
        Item items[3] = {{.f = f, .frees_pool = true}, {.f = f}, {.f = f}};

        f->expected_releases = 3;
        for (int i = 0; i < 3; i++)
                assert_int_equal(work_start(f->pool, &functions, &items[i], NULL, NULL), 0);
        loop_run(f->loop);
        assert_null(f->pool);
        assert_int_equal(f->done, 1);
        assert_int_equal(f->released, 3);
}

static void many_items_on_many_threads_all_come_back(void **state) {
        enum { N = 2000 };
        static Item items[N];
        Fixture *f = *state;
        WorkPool *pool;

        assert_int_equal(work_pool_new(f->loop, "many", 4, N, &pool, NULL), 0);
        f->expected_releases = N;
        for (int i = 0; i < N; i++) {
                items[i] = (Item){.f = f};
                assert_int_equal(work_start(pool, &functions, &items[i], NULL, NULL), 0);
        }
        loop_run(f->loop);
        work_pool_free(pool);
        assert_int_equal(f->done, N);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(work_runs_elsewhere_and_is_done_here),
                TEST(a_full_queue_refuses_and_calls_nothing),
                TEST(cancelled_work_is_released_and_not_done),
                TEST(freeing_the_pool_waits_for_what_runs_and_drops_the_rest),
                TEST(a_pool_may_be_freed_when_something_is_done),
                TEST(many_items_on_many_threads_all_come_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
