/* job/restore*.c and job/download.c: a backup's files come back as they were, and a restore that
 * fails or is stopped leaves nothing that it fetched */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "unit/job/restore-fixture.h"

static bool oracle_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_RESTORE_RUN) > 0;
}

static bool overwrite_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_OVERWRITE) > 0;
}

static void assert_pieces_are_there(JobFixture *f) {
        Record record = {0};

        read_record(f, ID, &record);
        for (size_t i = 0, n = 0; i < record.n_members; i++) {
                const RecordMember *member = &record.members[i];
                CLEANUP(cleanup_free) char *path = string_printf("/%s", member->path);
                if (member->kind != MEMBER_PIECE)
                        continue;
                assert_true(is_pattern(
                        path, member->size, (unsigned)(n++ % 3) + (unsigned)member->database[2]));
                struct stat st;
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 0777, 0640);
                assert_int_equal(st.st_mtime, member->mtime);
        }
        record_done(&record);
}

static void what_was_backed_up_comes_back_byte_by_byte(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *spfile = path_of(f, "oracle/dbs/spfileDB2.ora");
        CLEANUP(cleanup_free) char *pfile = path_of(f, "oracle/dbs/initDB2.ora");
        CLEANUP(cleanup_free) char *orapw = path_of(f, "oracle/dbs/orapwDB2");
        CLEANUP(cleanup_free) char *network = path_of(f, "oracle/network/tnsnames.ora");

        fake_oracle_hold(FAKE_RESTORE_RUN);
        begin_restore(f, &request);
        run_until(f, oracle_is_held);
        assert_pieces_are_there(f);
        fake_oracle_let_go(FAKE_RESTORE_RUN);
        finish_job(f);
        assert_job_done(f);
        assert_true(is_pattern(spfile, 1000, 40));
        assert_true(is_pattern(orapw, 1002, 42));
        assert_true(is_pattern(network, 1003, 43));
        assert_int_not_equal(access(pfile, F_OK), 0); /* its spfile is there */
        assert_int_equal(fake_oracle_log_count("restore DB1"), 1);
        assert_int_equal(fake_oracle_log_count("restore DB2"), 1);
        assert_int_equal(fake_oracle_log_count("uncatalog DB1"), 3);
        assert_nothing_fetched_is_left(f);
        assert_int_equal(fake_oracle_log_count("overwrite"), 0);
}

static void one_database_can_be_restored_alone(void **state) {
        JobFixture *f = *state;
        StringList databases = {0};
        RestoreRequest request = {.databases = &databases};

        assert_int_equal(string_list_add(&databases, "DB2"), 0);
        run_restore(f, &request);
        string_list_done(&databases);
        assert_job_done(f);
        assert_int_equal(fake_oracle_log_count("restore DB1"), 0);
        assert_int_equal(fake_oracle_log_count("restore DB2"), 1);
        assert_nothing_fetched_is_left(f);
}

static void rule_11_a_network_file_that_is_there_is_kept(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *directory = path_of(f, "oracle/network");
        CLEANUP(cleanup_free) char *network = path_of(f, "oracle/network/tnsnames.ora");
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;

        assert_int_equal(directory_make(directory, 0750, NULL), 0);
        assert_int_equal(file_write_durably(network, "mine", 4, 0644, NULL), 0);
        run_restore(f, &request);
        assert_job_done(f);
        assert_int_equal(file_read(network, 100, ERROR_INTERNAL, &text, &size, NULL), 0);
        assert_string_equal(text, "mine");
}

static void a_dry_run_says_what_it_would_do_and_changes_nothing(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.dry_run = true};

        run_restore(f, &request);
        assert_job_done(f);
        assert_int_equal(job_row_count(f->job), 2);
        assert_nothing_changed(f);
}

static void what_is_in_the_way_is_saved_first_when_it_may_be_overwritten(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.overwrite = true};

        fake_oracle.instance_runs = true;
        run_restore(f, &request);
        assert_job_done(f);
        assert_int_equal(fake_oracle_log_count("overwrite DB1"), 1);
        assert_int_equal(fake_oracle_log_count("overwrite DB2"), 1);
        assert_nothing_fetched_is_left(f);
}

/* ---- failures after something was changed ---- */

static void rule_11_a_damaged_segment_is_named_and_no_file_gets_its_name(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *name = segment_name(f, 3);

        fake_store_spoil_segment(f->service.store, name, 70000);
        run_restore(f, &request);
        assert_job_failed(f, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "segment 3 of backup " ID));
        assert_nothing_changed(f);
}

static void rule_11_the_last_bit_of_the_last_segment_counts(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        Record record = {0};

        read_record(f, ID, &record);
        uint64_t last = record.volume.segment_count - 1;
        size_t tail =
                (size_t)(record.volume.size - age_segment_offset(record.payload_offset, SEGMENT, last));
        CLEANUP(cleanup_free) char *name = segment_name(f, last);
        fake_store_spoil_segment(f->service.store, name, tail - 1);
        record_done(&record);
        run_restore(f, &request);
        assert_job_failed(f, ERROR_INTEGRITY);
        assert_nothing_changed(f);
}

static void a_segment_that_vanishes_meanwhile_is_an_integrity_error(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        fake_store_fail(
                f->service.store, STORE_GET_SEGMENT, "00000002", 1, ERROR_STORE_NOT_FOUND, -ENOENT);
        run_restore(f, &request);
        assert_job_failed(f, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "segment 2 of backup " ID));
        assert_nothing_changed(f);
}

static void a_file_that_does_not_fit_is_an_error_and_nothing_stays(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        struct rlimit old, small = {.rlim_cur = 100 * 1000};

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        small.rlim_max = old.rlim_max;
        signal(SIGXFSZ, SIG_IGN);
        fake_store_hold(f->service.store, STORE_GET_SEGMENT);
        begin_restore(f, &request);
        run_until(f, store_is_held);
        /* The ledger's files are longer than that: they are written after it is lifted. */
        fake_store_hold(f->service.store, STORE_STAT_SEGMENT);
        fake_store_let_go(f->service.store, STORE_GET_SEGMENT);
        run_until(f, store_is_held);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        fake_store_let_go(f->service.store, STORE_STAT_SEGMENT);
        finish_job(f);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(f->state, JOB_FAILED);
        assert_int_equal(fake_oracle_calls(FAKE_RESTORE_RUN), 0);
        assert_int_equal(file_count(fake_oracle.home_dir), 0);
}

static void a_failed_phase_removes_the_pieces_and_names_the_database(void **state) {
        static const char *const phases[] = {
                "nomount", "mount", "catalog", "restore", "recover", "open", "register"};
        JobFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(phases); i++) {
                RestoreRequest request = {.overwrite = i > 0};

                fake_oracle.restore_phase = phases[i];
                fake_oracle_fail(FAKE_RESTORE_RUN, "DB1", 1, ERROR_RMAN_FAILED, "RMAN-06026");
                run_restore(f, &request);
                assert_job_failed(f, ERROR_RMAN_FAILED);
                assert_true(string_starts_with(f->error.message, "database DB1: "));
                assert_nothing_fetched_is_left(f);
                assert_int_equal(fake_oracle_log_count("uncatalog"), 0);
        }
}

static void what_a_failed_restore_left_is_named_as_such(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0}, again = {0};

        fake_oracle_fail(FAKE_RESTORE_RUN, "DB1", 1, ERROR_RMAN_FAILED, "RMAN-06026");
        run_restore(f, &request);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        run_restore(f, &again);
        assert_job_failed(f, ERROR_DATABASE_EXISTS);
        assert_non_null(strstr(f->error.message, "left by a failed restore of backup " ID));
}

static void a_database_that_cannot_be_shut_down_is_left_alone(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.overwrite = true};

        fake_oracle.instance_runs = true;
        fake_oracle_fail(FAKE_OVERWRITE, "DB1", 1, ERROR_ORACLE, "");
        run_restore(f, &request);
        assert_job_failed(f, ERROR_ORACLE);
        assert_int_equal(fake_oracle_calls(FAKE_RESTORE_RUN), 0);
        assert_int_equal(file_count(fake_oracle.home_dir), 0);
        assert_nothing_fetched_is_left(f);
}

static void a_place_that_cannot_be_written_fails_the_restore(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *dbs = path_of(f, "oracle/dbs");

        assert_int_equal(directory_make(fake_oracle.home_dir, 0750, NULL), 0);
        assert_int_equal(file_write_durably(dbs, "a file", 6, 0600, NULL), 0);
        run_restore(f, &request);
        assert_int_equal(f->state, JOB_FAILED);
        assert_int_equal(fake_oracle_calls(FAKE_RESTORE_RUN), 0);
        assert_nothing_fetched_is_left(f);
}

/* ---- stopped ---- */

static bool row_is_written(JobFixture *f) {
        return ledger_stage(f) == LEDGER_OTHER;
}

static void stop_restore(JobFixture *f, ErrorKind reason) {
        assert_int_equal(job_cancel(f->job, reason, NULL), 0);
        finish_job(f);
        assert_job_failed(f, reason);
        assert_nothing_fetched_is_left(f);
}

static void a_restore_is_stopped_in_each_of_its_checks(void **state) {
        static const StoreOperationType at[] = {
                STORE_GET_OBJECT, STORE_GET_SEGMENT, STORE_STAT_SEGMENT};
        JobFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(at); i++) {
                RestoreRequest request = {0};

                fake_store_hold(f->service.store, at[i]);
                begin_restore(f, &request);
                run_until(f, store_is_held);
                stop_restore(f, i == 0 ? ERROR_INTERRUPTED : ERROR_CANCELLED);
                assert_nothing_changed(f);
                fake_store_let_go(f->service.store, at[i]);
        }
}

static void a_restore_that_is_stopped_as_it_begins_to_change_leaves_no_row(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        begin_restore(f, &request);
        run_until(f, row_is_written);
        stop_restore(f, ERROR_CANCELLED);
        assert_nothing_changed(f);
}

static void stop_while_fetching(JobFixture *f, ErrorKind reason) {
        RestoreRequest request = {0};

        fake_store_hold(f->service.store, STORE_STAT_SEGMENT);
        begin_restore(f, &request);
        run_until(f, store_is_held);
        fake_store_hold(f->service.store, STORE_GET_SEGMENT);
        fake_store_let_go(f->service.store, STORE_STAT_SEGMENT);
        run_until(f, store_is_held);
        assert_true(file_count(f->config.backup_dir) > 0);
        stop_restore(f, reason);
        fake_store_let_go(f->service.store, STORE_GET_SEGMENT);
        assert_nothing_changed(f);
}

static void a_restore_is_stopped_while_it_fetches(void **state) {
        stop_while_fetching(*state, ERROR_CANCELLED);
        stop_while_fetching(*state, ERROR_INTERRUPTED);
}

static void a_restore_is_stopped_while_an_old_database_is_shut_down(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.overwrite = true};

        fake_oracle.instance_runs = true;
        fake_oracle_hold(FAKE_OVERWRITE);
        begin_restore(f, &request);
        run_until(f, overwrite_is_held);
        stop_restore(f, ERROR_CANCELLED);
}

static void a_restore_is_stopped_while_oracle_restores(void **state) {
        JobFixture *f = *state;

        for (int i = 0; i < 2; i++) {
                RestoreRequest request = {.overwrite = true};

                fake_oracle_hold(FAKE_RESTORE_RUN);
                begin_restore(f, &request);
                run_until(f, oracle_is_held);
                stop_restore(f, i == 0 ? ERROR_CANCELLED : ERROR_INTERRUPTED);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RESTORE_TEST(what_was_backed_up_comes_back_byte_by_byte),
                RESTORE_TEST(one_database_can_be_restored_alone),
                RESTORE_TEST(rule_11_a_network_file_that_is_there_is_kept),
                RESTORE_TEST(a_dry_run_says_what_it_would_do_and_changes_nothing),
                RESTORE_TEST(what_is_in_the_way_is_saved_first_when_it_may_be_overwritten),
                RESTORE_TEST(rule_11_a_damaged_segment_is_named_and_no_file_gets_its_name),
                RESTORE_TEST(rule_11_the_last_bit_of_the_last_segment_counts),
                RESTORE_TEST(a_segment_that_vanishes_meanwhile_is_an_integrity_error),
                RESTORE_TEST(a_file_that_does_not_fit_is_an_error_and_nothing_stays),
                RESTORE_TEST(a_failed_phase_removes_the_pieces_and_names_the_database),
                RESTORE_TEST(what_a_failed_restore_left_is_named_as_such),
                RESTORE_TEST(a_database_that_cannot_be_shut_down_is_left_alone),
                RESTORE_TEST(a_place_that_cannot_be_written_fails_the_restore),
                RESTORE_TEST(a_restore_is_stopped_in_each_of_its_checks),
                RESTORE_TEST(a_restore_that_is_stopped_as_it_begins_to_change_leaves_no_row),
                RESTORE_TEST(a_restore_is_stopped_while_it_fetches),
                RESTORE_TEST(a_restore_is_stopped_while_an_old_database_is_shut_down),
                RESTORE_TEST(a_restore_is_stopped_while_oracle_restores),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
