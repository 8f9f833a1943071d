/* job/manager.c and job/job.c, with work that the test holds in its hands */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "event/timer.h"
#include "fakes/clock.h"
#include "fakes/job-work.h"
#include "job/manager.h"
#include "unit/test.h"

typedef struct Fixture {
        char directory[64];
        Service service;
        Settings settings;
        Config config;
        Manager *manager;
        Timer *timer;
        unsigned n_new, n_changed, n_removed, n_gone, n_idle;
        char order[4096]; /* "N1 C1 R1 G1 .." */
        uint64_t bytes_at_removal;
        JobState state_seen;
} Fixture;

static void note(Fixture *f, char what, uint32_t id) {
        size_t length = strlen(f->order);
        snprintf(f->order + length, sizeof(f->order) - length, "%c%u ", what, id);
}

static void on_new(Job *job, void *userdata) {
        Fixture *f = userdata;
        f->n_new++;
        note(f, 'N', job_id(job));
}

static void on_changed(Job *job, void *userdata) {
        Fixture *f = userdata;
        f->n_changed++;
        f->state_seen = job_state(job);
        note(f, 'C', job_id(job));
}

static void on_removed(Job *job, void *userdata) {
        Fixture *f = userdata;
        f->n_removed++;
        f->bytes_at_removal = job_progress(job)->bytes_stored;
        note(f, 'R', job_id(job));
}

static void on_gone(uint32_t id, void *userdata) {
        Fixture *f = userdata;
        f->n_gone++;
        note(f, 'G', id);
}

static void on_idle(void *userdata) {
        Fixture *f = userdata;
        f->n_idle++;
}

static void stop(void *userdata) {
        Fixture *f = userdata;
        loop_stop(f->service.loop, 0);
}

/* Lets the loop run so long. */
static void run_for(Fixture *f, uint64_t msec) {
        timer_arm(f->timer, msec);
        loop_run(f->service.loop);
}

static int make_manager(Fixture *f) {
        const ManagerEvents events = {
                .on_new = on_new,
                .on_changed = on_changed,
                .on_removed = on_removed,
                .on_gone = on_gone,
                .userdata = f};
        return manager_new(&f->service, &events, &f->manager, NULL);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        char instance[] = "host1";
        *state = f;
        fake_works = (FakeWorks){0};
        fake_works.cancel_finishes = true;
        clock_fake_set(1000000000, 1795400000000000);
        strcpy(f->directory, "/tmp/test-manager-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        f->config.instance = strdup(instance);
        f->settings.config = &f->config;
        f->service.settings = &f->settings;
        assert_int_equal(loop_new(&f->service.loop, NULL), 0);
        assert_int_equal(ledger_new(f->service.loop, f->directory, &f->service.ledger, NULL), 0);
        assert_int_equal(timer_new(f->service.loop, stop, f, &f->timer, NULL), 0);
        assert_int_equal(make_manager(f), 0);
        manager_open(f->manager);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        for (size_t i = 0; i < fake_works.n; i++)
                if (fake_works.works[i].job != NULL && !fake_works.works[i].freed &&
                    !fake_works.works[i].cancelled)
                        job_finish(fake_works.works[i].job, NULL);
        manager_shut_down(f->manager, on_idle, f);
        run_for(f, 5);
        assert_int_equal(f->n_idle, 1);
        manager_free(f->manager);
        timer_free(f->timer);
        ledger_free(f->service.ledger);
        loop_free(f->service.loop);
        directory_remove_tree(f->directory, NULL);
        free(f->config.instance);
        free(f);
        return 0;
}

static Job *create(Fixture *f) {
        BackupRequest request = {0};
        Job *job = NULL;
        assert_int_equal(manager_create_backup(f->manager, &request, &job, NULL), 0);
        return job;
}

static Job *add_beside(Fixture *f) {
        const ManagerWork work = {
                .type = JOB_VERIFY, .functions = &fake_functions, .work = fake_work_new()};
        Job *job = NULL;
        assert_int_equal(manager_add(f->manager, &work, &job, NULL), 0);
        return job;
}

static void a_job_begins_at_the_next_turn(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        assert_int_equal(job_state(job), JOB_QUEUED);
        assert_null(fake_works.works[0].job);
        assert_int_equal(f->n_new, 0);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_RUNNING);
        assert_ptr_equal(fake_works.works[0].job, job);
        assert_int_equal(f->n_new, 1);
        assert_int_equal(job_started_usec(job), 1795400000000000);
}

static void a_backup_gets_an_id_and_a_name(void **state) {
        Fixture *f = *state;
        BackupRequest request = {.name = "mine"};
        Job *job = NULL;
        assert_int_equal(manager_create_backup(f->manager, &request, &job, NULL), 0);
        assert_true(backup_id_valid(request.backup_id));
        assert_string_equal(job_backup_id(job), request.backup_id);
        assert_string_equal(fake_works.works[0].request.backup_id, request.backup_id);
        assert_string_equal(fake_works.works[0].request.name, "mine");
}

static void a_second_exclusive_job_is_busy_and_the_first_is_named(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        BackupRequest request = {0};
        RestoreRequest restore = {.backup_id = "11111111-1111-4111-8111-111111111111"};
        Error error = {0};
        Job *other = NULL;
        assert_true(manager_create_backup(f->manager, &request, &other, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, "Job 1 (backup of "));
        assert_non_null(strstr(error.message, job_backup_id(job)));
        assert_true(manager_restore_backup(f->manager, &restore, &other, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_true(manager_take_over(f->manager, &other, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_int_equal(fake_works.n, 1);
}

static Job *ask_delete(Fixture *f, const char *id, Error *err) {
        DeleteRequest request = {0};
        Job *job = NULL;
        snprintf(request.backup_id, sizeof(request.backup_id), "%s", id);
        (void)manager_delete_backup(f->manager, &f->service, &request, &job, err);
        return job;
}

static void a_backup_of_a_job_is_not_deleted(void **state) {
        Fixture *f = *state;
        Error error = {0};
        Job *job = create(f);
        assert_null(ask_delete(f, job_backup_id(job), &error));
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, job_backup_id(job)));
        const char *id = "22222222-1111-4111-8111-111111111111";
        Job *delete = ask_delete(f, id, &error); /* beside the backup */
        assert_non_null(delete);
        assert_int_equal(job_type(delete), JOB_DELETE);
        assert_null(ask_delete(f, id, &error));
        assert_int_equal(error.kind, ERROR_BUSY);
}

/* What a delete has announced it takes away. */
static void a_backup_that_is_being_deleted_is_not_restored(void **state) {
        Fixture *f = *state;
        const char *id = "22222222-1111-4111-8111-111111111111";
        RestoreRequest restore = {.backup_id = "33333333-1111-4111-8111-111111111111"};
        Error error = {0};
        Job *restoring = NULL, *deleting = ask_delete(f, id, &error);
        assert_null(manager_deletes(f->manager, restore.backup_id));
        assert_int_equal(job_use(deleting, restore.backup_id), 0);
        assert_ptr_equal(manager_deletes(f->manager, restore.backup_id), deleting);
        assert_true(manager_restore_backup(f->manager, &restore, &restoring, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_non_null(strstr(error.message, "deleted"));
}

static void a_backup_that_is_being_made_cannot_be_restored(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        RestoreRequest restore = {0};
        Error error = {0};
        Job *other = NULL;
        strcpy(restore.backup_id, job_backup_id(job));
        assert_true(manager_restore_backup(f->manager, &restore, &other, &error) < 0);
        assert_int_equal(error.kind, ERROR_NOT_COMPLETED);
}

static void others_run_one_at_a_time_beside_an_exclusive_one(void **state) {
        Fixture *f = *state;
        Job *backup = create(f);
        Job *first = add_beside(f), *second = add_beside(f);
        run_for(f, 5);
        assert_int_equal(job_state(backup), JOB_RUNNING);
        assert_int_equal(job_state(first), JOB_RUNNING);
        assert_int_equal(job_state(second), JOB_QUEUED);
        assert_int_equal(manager_running(f->manager), 3);
        job_finish(first, NULL);
        run_for(f, 5);
        assert_int_equal(job_state(first), JOB_DONE);
        assert_int_equal(job_state(second), JOB_RUNNING);
}

static void the_queue_has_64_places(void **state) {
        Fixture *f = *state;
        add_beside(f);
        run_for(f, 5);
        for (unsigned i = 0; i < LIMIT_JOB_QUEUE; i++)
                add_beside(f);
        const ManagerWork work = {
                .type = JOB_VERIFY, .functions = &fake_functions, .work = fake_work_new()};
        Error error = {0};
        Job *job = NULL;
        assert_true(manager_add(f->manager, &work, &job, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_int_equal(manager_running(f->manager), LIMIT_JOB_QUEUE + 1);
}

static void changes_are_told_at_most_4_times_a_second(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        run_for(f, 5);
        assert_int_equal(f->n_changed, 1);
        for (uint64_t i = 1; i <= 100; i++) {
                job_set_progress(job, &(JobProgress){.bytes_stored = i});
                run_for(f, 1);
        }
        assert_int_equal(f->n_changed, 1);
        clock_fake_advance_msec(251);
        run_for(f, 300);
        assert_int_equal(f->n_changed, 2);
}

static void the_last_values_are_told_before_the_removal(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        run_for(f, 5);
        job_set_progress(job, &(JobProgress){.bytes_stored = 4711});
        job_finish(job, NULL);
        assert_int_equal(job_state(job), JOB_RUNNING);
        run_for(f, 5);
        assert_string_equal(f->order, "N1 C1 C1 R1 ");
        assert_int_equal(f->state_seen, JOB_DONE);
        assert_int_equal(f->bytes_at_removal, 4711);
        assert_true(fake_works.works[0].freed);
}

static void a_job_whose_start_fails_has_failed(void **state) {
        Fixture *f = *state;
        fake_works.start_fails = true;
        Job *job = create(f);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_FAILED);
        assert_int_equal(job_error(job)->kind, ERROR_ORACLE);
        assert_true(fake_works.works[0].freed);
        fake_works.start_fails = false;
        create(f); /* and does not block the next */
}

static void a_queued_job_is_cancelled_at_once(void **state) {
        Fixture *f = *state;
        add_beside(f);
        Job *job = add_beside(f);
        run_for(f, 5);
        assert_int_equal(manager_cancel(f->manager, job_id(job), NULL), 0);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_CANCELLED);
        assert_null(fake_works.works[1].job);
        assert_true(fake_works.works[1].freed);
}

static void a_job_cancelled_before_its_turn_never_begins(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        assert_int_equal(manager_cancel(f->manager, job_id(job), NULL), 0);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_CANCELLED);
        assert_null(fake_works.works[0].job);
        assert_string_equal(f->order, "N1 C1 R1 ");
}

static void a_running_job_is_asked_to_stop(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        run_for(f, 5);
        assert_int_equal(manager_cancel(f->manager, job_id(job), NULL), 0);
        assert_int_equal(fake_works.works[0].reason, ERROR_CANCELLED);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_CANCELLED);
        Error error = {0};
        assert_true(manager_cancel(f->manager, job_id(job), &error) < 0);
        assert_int_equal(error.kind, ERROR_NO_SUCH_JOB);
}

static void a_cancel_that_is_too_late_is_busy(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        run_for(f, 5);
        fake_works.cancel_is_late = true;
        Error error = {0};
        assert_true(manager_cancel(f->manager, job_id(job), &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        assert_int_equal(job_state(job), JOB_RUNNING);
        assert_true(manager_cancel(f->manager, 99, &error) < 0);
        assert_int_equal(error.kind, ERROR_NO_SUCH_JOB);
}

static void an_ended_job_is_readable_for_60_seconds(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        uint32_t id = job_id(job);
        run_for(f, 5);
        job_finish(job, NULL);
        run_for(f, 5);
        clock_fake_advance_msec(59 * 1000);
        run_for(f, 5);
        assert_ptr_equal(manager_find(f->manager, id), job);
        clock_fake_advance_msec(1001);
        Job *next = create(f); /* its end makes the manager look */
        run_for(f, 5);
        job_finish(next, NULL);
        run_for(f, 5);
        assert_null(manager_find(f->manager, id));
        assert_int_equal(f->n_gone, 1);
}

static void at_most_128_ended_jobs_are_kept(void **state) {
        Fixture *f = *state;
        for (unsigned i = 0; i < LIMIT_JOBS_FINISHED + 3; i++) {
                Job *job = create(f);
                run_for(f, 1);
                job_finish(job, NULL);
                run_for(f, 1);
        }
        run_for(f, 5);
        assert_int_equal(f->n_gone, 3);
        assert_int_equal(job_id(manager_next(f->manager, NULL)), 4);
}

static void ids_are_never_used_again(void **state) {
        Fixture *f = *state;
        uint32_t last = 0;
        for (unsigned i = 0; i < 200; i++) {
                Job *job = create(f);
                assert_true(job_id(job) > last);
                last = job_id(job);
                run_for(f, 1);
                job_finish(job, NULL);
                run_for(f, 1);
        }
        manager_free(f->manager);
        assert_int_equal(make_manager(f), 0);
        manager_open(f->manager);
        assert_true(job_id(create(f)) > last);
}

static void jobs_wait_until_the_manager_is_opened(void **state) {
        Fixture *f = *state;
        manager_free(f->manager);
        assert_int_equal(make_manager(f), 0);
        Job *job = create(f);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_QUEUED);
        assert_int_equal(f->n_new, 1);
        manager_open(f->manager);
        run_for(f, 5);
        assert_int_equal(job_state(job), JOB_RUNNING);
}

static void jobs_of_a_store_that_refuses_us_end_with_its_error(void **state) {
        Fixture *f = *state;
        Error refusal = {0};
        manager_free(f->manager);
        assert_int_equal(make_manager(f), 0);
        error_set(&refusal, ERROR_STORE_AUTH, -EACCES, "the password is wrong");
        Job *waiting = create(f);
        run_for(f, 5);
        manager_refuse(f->manager, &refusal);
        run_for(f, 5);
        assert_int_equal(job_state(waiting), JOB_FAILED);
        assert_int_equal(job_error(waiting)->kind, ERROR_STORE_AUTH);
        Job *later = create(f);
        run_for(f, 5);
        assert_int_equal(job_error(later)->kind, ERROR_STORE_AUTH);
        assert_int_equal(f->n_removed, 2);

        manager_refuse(f->manager, NULL);
        Job *last = create(f);
        run_for(f, 5);
        assert_int_equal(job_state(last), JOB_QUEUED);
        manager_open(f->manager);
        run_for(f, 5);
        assert_int_equal(job_state(last), JOB_RUNNING);
}

static void a_shutdown_interrupts_and_then_tells(void **state) {
        Fixture *f = *state;
        Job *running = add_beside(f), *queued = add_beside(f);
        run_for(f, 5);
        manager_shut_down(f->manager, on_idle, f);
        assert_int_equal(f->n_idle, 0);
        run_for(f, 5);
        assert_int_equal(f->n_idle, 1);
        assert_int_equal(job_error(running)->kind, ERROR_INTERRUPTED);
        assert_int_equal(job_state(running), JOB_FAILED);
        assert_int_equal(job_error(queued)->kind, ERROR_INTERRUPTED);
        BackupRequest request = {0};
        Job *job = NULL;
        Error error = {0};
        assert_true(manager_create_backup(f->manager, &request, &job, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTERRUPTED);
        f->n_idle = 0;
}

static void a_drain_lets_running_jobs_end(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        run_for(f, 5);
        manager_drain(f->manager, on_idle, f);
        run_for(f, 5);
        assert_int_equal(f->n_idle, 0);
        assert_false(fake_works.works[0].cancelled);
        job_finish(job, NULL);
        run_for(f, 5);
        assert_int_equal(f->n_idle, 1);
        assert_int_equal(job_state(job), JOB_DONE);
        f->n_idle = 0;
}

static void rows_are_bounded_and_say_so(void **state) {
        Fixture *f = *state;
        Job *job = create(f);
        const JobValue row[] = {
                {.key = "what", .type = JOB_VALUE_STRING, .string = "file"},
                {.key = "bytes", .type = JOB_VALUE_UINT, .number = 7},
        };
        run_for(f, 5);
        for (unsigned i = 0; i < LIMIT_RESULT_ROWS + 10; i++)
                job_add_row(job, row, ELEMENTSOF(row));
        assert_int_equal(job_row_count(job), LIMIT_RESULT_ROWS);
        size_t n = 0;
        assert_string_equal(job_row(job, 0, &n)[0].string, "file");
        assert_int_equal(n, 2);
        assert_string_equal(job_row(job, LIMIT_RESULT_ROWS - 1, &n)[0].key, "truncated");
        assert_int_equal(n, 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(a_job_begins_at_the_next_turn),
                CASE(a_backup_gets_an_id_and_a_name),
                CASE(a_second_exclusive_job_is_busy_and_the_first_is_named),
                CASE(a_backup_that_is_being_made_cannot_be_restored),
                CASE(a_backup_of_a_job_is_not_deleted),
                CASE(a_backup_that_is_being_deleted_is_not_restored),
                CASE(others_run_one_at_a_time_beside_an_exclusive_one),
                CASE(the_queue_has_64_places),
                CASE(changes_are_told_at_most_4_times_a_second),
                CASE(the_last_values_are_told_before_the_removal),
                CASE(a_job_whose_start_fails_has_failed),
                CASE(a_queued_job_is_cancelled_at_once),
                CASE(a_job_cancelled_before_its_turn_never_begins),
                CASE(a_running_job_is_asked_to_stop),
                CASE(a_cancel_that_is_too_late_is_busy),
                CASE(an_ended_job_is_readable_for_60_seconds),
                CASE(at_most_128_ended_jobs_are_kept),
                CASE(ids_are_never_used_again),
                CASE(jobs_wait_until_the_manager_is_opened),
                CASE(jobs_of_a_store_that_refuses_us_end_with_its_error),
                CASE(a_shutdown_interrupts_and_then_tells),
                CASE(a_drain_lets_running_jobs_end),
                CASE(rows_are_bounded_and_say_so),
        };
        return cmocka_run_group_tests_name("job/manager", tests, NULL, NULL);
}
