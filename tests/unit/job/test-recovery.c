/* job/recovery.c and job/owed.c: what a process that died left is settled (rule 15) */
#include <errno.h>

#include "job/manager.h"
#include "job/owed.h"
#include "job/recovery.h"
#include "repository/names.h"
#include "unit/job/job-fixture.h"

static unsigned n_ready;
static size_t n_left;
static bool pass_is_done;

static void on_ready(void *userdata) {
        (void)userdata;
        n_ready++;
}

static bool is_ready(JobFixture *f) {
        (void)f;
        return n_ready > 0;
}

/* A start of the service, up to on_ready. */
static Recovery *start(JobFixture *f) {
        Recovery *recovery;

        n_ready = 0;
        assert_int_equal(recovery_start(&f->service, on_ready, NULL, &recovery, NULL), 0);
        run_until(f, is_ready);
        assert_int_equal(n_ready, 1);
        return recovery;
}

static void restart(JobFixture *f) {
        recovery_free(start(f));
}

/* ---- rows that a dead process left ---- */

typedef struct Left {
        LedgerJob job;
        const char *attempt, *tag;
} Left;

static int put_left(LedgerDb *db, void *userdata, Error *err) {
        const Left *left = userdata;
        char home[] = "/u01/home";
        LedgerTag tag = {.sid = "DB1", .oracle_home = home, .dbid = 7};
        int r = ledger_job_put(db, &left->job, err);

        if (r >= 0 && left->attempt != NULL)
                r = ledger_attempt_add(db, left->job.id, left->attempt, err);
        if (r >= 0 && left->tag != NULL) {
                strcpy(tag.tag, left->tag);
                r = ledger_tag_add(db, left->job.id, &tag, err);
        }
        return r;
}

static Left left_job(const char *type, LedgerStage stage) {
        Left left = {.job = {.id = 900, .stage = stage, .sequence = 1, .started_usec = 1}};

        strcpy(left.job.type, type);
        strcpy(left.job.backup_id, ID);
        strcpy(left.job.instance, INSTANCE);
        return left;
}

/* A CLAIMING row whose bytes are what is in the store, if anything. */
static void leave_claiming(JobFixture *f, const SigningKey *key, bool in_store) {
        Left left = left_job("backup", LEDGER_CLAIMING);
        const char *name = INSTANCE "/begin/0000000001.json";
        size_t size;

        put_claim(f, key, 1, ID, "host1");
        const void *bytes = fake_store_data(f->service.store, name, &size);
        left.job.object = malloc(size);
        memcpy(left.job.object, bytes, size);
        left.job.object_size = size;
        ledger_do(f, put_left, &left);
        ledger_job_done(&left.job);
        if (!in_store)
                put_claim(f, f->other_key, 1, OTHER_ID, "host2");
}

static void rule_15_a_claim_that_arrived_becomes_a_failed_backup(void **state) {
        JobFixture *f = *state;
        Failed failed;

        leave_claiming(f, f->service.signing_key, true);
        restart(f);
        failed = read_failed(f, ID);
        assert_int_equal(failed.error, ERROR_INTERRUPTED);
        failed_done(&failed);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
        /* and it is this host's last claim from now on */
        run_backup(f, OTHER_ID);
        assert_job_done(f);
        assert_true(has_claim(f, 2));
}

static void rule_15_a_claim_that_never_arrived_is_forgotten(void **state) {
        JobFixture *f = *state;
        Left left = left_job("backup", LEDGER_CLAIMING);
        char bytes[] = "{}";

        left.job.object = bytes;
        left.job.object_size = 2;
        ledger_do(f, put_left, &left);
        restart(f);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
}

static void rule_15_a_place_that_another_host_took_is_left_alone(void **state) {
        JobFixture *f = *state;

        leave_claiming(f, f->service.signing_key, false);
        restart(f);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 1);
}

static bool no_rows(JobFixture *f) {
        return ledger_job_count(f) == 0 && ledger_owed_count(f) == 0;
}

static void a_claim_is_asked_for_again_when_the_store_is_back(void **state) {
        JobFixture *f = *state;

        leave_claiming(f, f->service.signing_key, true);
        fake_store_fail(
                f->service.store, STORE_GET_OBJECT, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        Recovery *recovery = start(f);
        assert_int_equal(ledger_stage(f), LEDGER_CLAIMING);
        run_until(f, no_rows);
        assert_true(has_object(f, ID, "failed.json"));
        recovery_free(recovery);
}

static void rule_15_a_backup_cut_off_while_it_ran_is_cleaned_and_failed(void **state) {
        JobFixture *f = *state;
        Left left = left_job("backup", LEDGER_RUNNING);
        CLEANUP(cleanup_free)
        char *piece = string_printf("%s/%s/DB1", f->config.backup_dir, ID);
        Failed failed;

        put_claim(f, f->service.signing_key, 1, ID, "host1");
        left.attempt = "0123abcd";
        left.tag = "LEVEL0-20261122T061044Z";
        left.job.directory = path_join(f->config.backup_dir, ID);
        assert_int_equal(directory_make(piece, 0750, NULL), 0);
        ledger_do(f, put_left, &left);
        free(left.job.directory);
        restart(f);
        failed = read_failed(f, ID);
        assert_int_equal(failed.error, ERROR_INTERRUPTED);
        assert_string_equal(failed.attempts.items[0], "0123abcd");
        assert_string_equal(failed.tags[0].tag, "LEVEL0-20261122T061044Z");
        failed_done(&failed);
        assert_int_equal(fake_oracle_log_count("delete-tag DB1 LEVEL0-20261122T061044Z"), 1);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_true(no_rows(f));
}

/* Crash table: never continued, nothing of Oracle touched; the password's file goes. */
static void a_database_job_cut_off_is_ended_and_its_response_file_removed(void **state) {
        static const char *const types[] = {"create-database", "enable-archivelog"};
        JobFixture *f = *state;
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/dbca-900.rsp", f->service.runtime_directory);

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                Left left = left_job(types[i], LEDGER_OTHER);
                char sid[] = "NEWDB";
                left.job.backup_id[0] = '\0';
                left.job.object = sid;
                left.job.object_size = strlen(sid);
                ledger_do(f, put_left, &left);
                assert_int_equal(file_write_durably(path, "secret", 6, 0600, NULL), 0);
                restart(f);
                assert_int_equal(access(path, F_OK), -1);
                assert_true(no_rows(f));
                assert_int_equal(fake_oracle.log.n, 0);
                assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
        }
}

static void keys_of_a_dead_process_are_wiped(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/%s.0123abcd.key", f->service.runtime_directory, ID);

        assert_int_equal(file_write_durably(path, "key", 3, 0600, NULL), 0);
        restart(f);
        assert_int_equal(key_file_count(f), 0);
}

/* A backup whose record is in the ledger and not in the store. */
static void leave_committing(JobFixture *f) {
        begin_backup(f, ID);
        hold_record(f);
        assert_int_equal(job_cancel(f->job, ERROR_INTERRUPTED, NULL), 0);
        finish_job(f);
        forget_job(f);
        fake_store_let_go(f->service.store, STORE_PUT_OBJECT);
        run_a_while(f);
        assert_false(has_object(f, ID, "backup.json"));
}

static void rule_15_a_record_in_the_ledger_is_sent_until_it_is_there(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        leave_committing(f);
        fake_store_fail(
                f->service.store, STORE_PUT_OBJECT, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        restart(f);
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        assert_false(has_object(f, ID, "failed.json"));
        restart(f);
        assert_true(no_rows(f));
        read_record(f, ID, &record);
        record_done(&record);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_int_equal(fake_oracle_log_count("uncatalog"), 4);
        assert_int_equal(fake_oracle_log_count("delete-tag"), 0);
        /* the next one knows it as the one before */
        run_backup(f, OTHER_ID);
        read_record(f, OTHER_ID, &record);
        assert_string_equal(record.previous_id, ID);
        record_done(&record);
}

static void rule_15_a_record_whose_reply_was_lost_is_found(void **state) {
        JobFixture *f = *state;

        leave_committing(f);
        fake_store_lose_reply(f->service.store, STORE_PUT_OBJECT);
        restart(f);
        assert_true(has_object(f, ID, "backup.json"));
        assert_int_equal(ledger_stage(f), LEDGER_COMMITTING);
        restart(f);
        assert_true(no_rows(f));
        assert_false(has_object(f, ID, "failed.json"));
}

static void rule_15_a_restore_that_was_cut_off_loses_what_it_fetched(void **state) {
        JobFixture *f = *state;
        Left left = left_job("restore", LEDGER_OTHER);

        left.job.directory = path_join(f->config.backup_dir, ID);
        assert_int_equal(directory_make(left.job.directory, 0750, NULL), 0);
        ledger_do(f, put_left, &left);
        free(left.job.directory);
        restart(f);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_true(no_rows(f));
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
}

static void rule_15_a_take_over_that_was_cut_off_keeps_its_claim_only(void **state) {
        JobFixture *f = *state;
        Left left = left_job("take-over", LEDGER_RUNNING);

        ledger_do(f, put_left, &left);
        restart(f);
        assert_true(no_rows(f));
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
}

static void a_start_with_nothing_left_is_ready(void **state) {
        restart(*state);
}

static void a_recovery_that_is_freed_at_once_is_no_harm(void **state) {
        JobFixture *f = *state;
        Recovery *recovery;

        leave_claiming(f, f->service.signing_key, true);
        n_ready = 0;
        assert_int_equal(recovery_start(&f->service, on_ready, NULL, &recovery, NULL), 0);
        recovery_free(recovery);
        run_a_while(f);
        assert_int_equal(n_ready, 0);
}

/* ---- owed rows ---- */

typedef struct OwedRow {
        OwedType type;
        const char *id, *name, *data;
} OwedRow;

static int put_owed(LedgerDb *db, void *userdata, Error *err) {
        const OwedRow *row = userdata;
        return ledger_owed_add(
                db,
                &(OwedWork){
                        row->type,
                        row->id,
                        row->name,
                        row->data,
                        row->data == NULL ? 0 : strlen(row->data)},
                NULL,
                err);
}

static void owe(JobFixture *f, OwedType type, const char *name, const char *data) {
        OwedRow row = {type, ID, name, data};
        ledger_do(f, put_owed, &row);
}

static void on_passed(size_t left, const Error *first, void *userdata) {
        (void)userdata;
        n_left = left;
        assert_int_equal(left > 0, error_is_set(first));
        pass_is_done = true;
}

static void on_passed_with_skips(size_t left, const Error *first, void *userdata) {
        (void)userdata;
        (void)first;
        n_left = left;
        pass_is_done = true;
}

static bool pass_ended(JobFixture *f) {
        (void)f;
        return pass_is_done;
}

static void pass(JobFixture *f, const OwedPassOptions *options) {
        OwedPass *owed;

        pass_is_done = false;
        assert_int_equal(owed_pass_start(options, &owed, NULL), 0);
        run_until(f, pass_ended);
        owed_pass_free(owed);
}

static size_t pass_all(JobFixture *f) {
        OwedPassOptions options = {.service = &f->service, .on_done = on_passed};
        pass(f, &options);
        return n_left;
}

static void a_failed_json_of_ours_with_other_bytes_counts_as_delivered(void **state) {
        JobFixture *f = *state;

        put_failed(f, f->service.signing_key, ID);
        owe(f, OWED_PUT, INSTANCE "/" ID "/failed.json", "other bytes");
        assert_int_equal(pass_all(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

static void a_failed_json_of_somebody_else_does_not(void **state) {
        JobFixture *f = *state;

        put_failed(f, f->other_key, ID);
        owe(f, OWED_PUT, INSTANCE "/" ID "/failed.json", "other bytes");
        assert_int_equal(pass_all(f), 1);
        assert_int_equal(ledger_owed_count(f), 1);
}

static void what_cannot_be_done_stays_and_the_rest_is_done(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *directory = path_of(f, "staging/old");

        assert_int_equal(directory_make(directory, 0750, NULL), 0);
        fake_oracle_fail(FAKE_DELETE_TAG, "DB1", 1, ERROR_ORACLE, "");
        owe(f, OWED_CLEAN_TAG, "DB1", "/u01/home\n7\nLEVEL0-20261122T061044Z");
        owe(f, OWED_CLEAN_TAG, "DB2", "malformed");
        owe(f, OWED_UNCATALOG, "DB1", "/u01/home\n/a/piece");
        owe(f, OWED_SEGMENTS, ID, NULL);
        owe(f, OWED_SEGMENTS, ID, "0123abcd");
        owe(f, OWED_DIRECTORY, directory, NULL);
        owe(f, OWED_PUT, INSTANCE "/" ID "/failed.json", "bytes");
        assert_int_equal(pass_all(f), 2);
        assert_int_equal(ledger_owed_of(f, OWED_CLEAN_TAG), 2);
        assert_int_equal(ledger_owed_count(f), 2);
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_true(has_object(f, ID, "failed.json"));
        assert_int_equal(pass_all(f), 1);
}

static void each_step_of_a_removal_can_fail_and_is_done_later(void **state) {
        JobFixture *f = *state;
        const StoreOperationType steps[] = {
                STORE_REMOVE_LARGE_OBJECT, STORE_REMOVE_SEGMENTS, STORE_REMOVE_OBJECT};

        fake_store_put(f->service.store, INSTANCE "/" ID "/backup.tar.age", "x", 1);
        fake_store_put(f->service.store, INSTANCE "/" ID "/segments", "x", 1);
        owe(f, OWED_SEGMENTS, ID, NULL);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                fake_store_fail(
                        f->service.store, steps[i], NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
                assert_int_equal(pass_all(f), 1);
        }
        assert_int_equal(pass_all(f), 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
}

static void a_pass_can_leave_out_the_store_and_oracle(void **state) {
        JobFixture *f = *state;
        OwedPassOptions options = {
                .service = &f->service,
                .backup_id = ID,
                .skip_store = true,
                .skip_oracle = true,
                .on_done = on_passed_with_skips,
        };

        owe(f, OWED_PUT, INSTANCE "/" ID "/failed.json", "bytes");
        owe(f, OWED_CLEAN_TAG, "DB1", "/u01/home\n7\nLEVEL0-20261122T061044Z");
        owe(f, OWED_UNCATALOG, "DB1", "/u01/home\n/a/piece");
        owe(f, OWED_SEGMENTS, ID, NULL);
        owe(f, OWED_DIRECTORY, "/nowhere/at/all", NULL);
        pass(f, &options);
        assert_int_equal(n_left, 4);
        assert_int_equal(ledger_owed_count(f), 4);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
        assert_int_equal(fake_oracle_calls(FAKE_DELETE_TAG), 0);
}

static void a_pass_of_one_backup_leaves_the_others_alone(void **state) {
        JobFixture *f = *state;
        OwedPassOptions options = {
                .service = &f->service, .backup_id = OTHER_ID, .on_done = on_passed};

        owe(f, OWED_PUT, INSTANCE "/" ID "/failed.json", "bytes");
        pass(f, &options);
        assert_int_equal(n_left, 0);
        assert_int_equal(ledger_owed_count(f), 1);
}

static bool preflight_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_PREFLIGHT) > 0;
}

static void ignore_job(Job *job, void *userdata) {
        (void)job;
        (void)userdata;
}

static void ignore_id(uint32_t id, void *userdata) {
        (void)id;
        (void)userdata;
}

static bool manager_is_idle(JobFixture *f) {
        return manager_running(f->service.manager) == 0;
}

static void rows_of_a_job_that_runs_are_left_to_it(void **state) {
        static const ManagerEvents nothing = {
                .on_new = ignore_job,
                .on_changed = ignore_job,
                .on_removed = ignore_job,
                .on_gone = ignore_id};
        JobFixture *f = *state;
        BackupRequest request = {0};
        OwedRow row = {OWED_PUT, request.backup_id, INSTANCE "/x/failed.json", "bytes"};
        Job *job;

        assert_int_equal(manager_new(&f->service, &nothing, &f->service.manager, NULL), 0);
        manager_open(f->service.manager);
        fake_oracle_hold(FAKE_PREFLIGHT);
        assert_int_equal(manager_create_backup(f->service.manager, &request, &job, NULL), 0);
        run_until(f, preflight_is_held);
        ledger_do(f, put_owed, &row);
        assert_int_equal(pass_all(f), 0);
        assert_int_equal(ledger_owed_count(f), 1);
        assert_int_equal(manager_cancel(f->service.manager, job_id(job), NULL), 0);
        run_until(f, manager_is_idle);
        assert_int_equal(pass_all(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
        f->service.manager = manager_free(f->service.manager);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(rule_15_a_claim_that_arrived_becomes_a_failed_backup),
                JOB_TEST(rule_15_a_claim_that_never_arrived_is_forgotten),
                JOB_TEST(rule_15_a_place_that_another_host_took_is_left_alone),
                JOB_TEST(a_claim_is_asked_for_again_when_the_store_is_back),
                JOB_TEST(rule_15_a_backup_cut_off_while_it_ran_is_cleaned_and_failed),
                JOB_TEST(a_database_job_cut_off_is_ended_and_its_response_file_removed),
                JOB_TEST(keys_of_a_dead_process_are_wiped),
                JOB_TEST(rule_15_a_record_in_the_ledger_is_sent_until_it_is_there),
                JOB_TEST(rule_15_a_record_whose_reply_was_lost_is_found),
                JOB_TEST(rule_15_a_restore_that_was_cut_off_loses_what_it_fetched),
                JOB_TEST(rule_15_a_take_over_that_was_cut_off_keeps_its_claim_only),
                JOB_TEST(a_start_with_nothing_left_is_ready),
                JOB_TEST(a_recovery_that_is_freed_at_once_is_no_harm),
                JOB_TEST(a_failed_json_of_ours_with_other_bytes_counts_as_delivered),
                JOB_TEST(a_failed_json_of_somebody_else_does_not),
                JOB_TEST(what_cannot_be_done_stays_and_the_rest_is_done),
                JOB_TEST(each_step_of_a_removal_can_fail_and_is_done_later),
                JOB_TEST(a_pass_can_leave_out_the_store_and_oracle),
                JOB_TEST(a_pass_of_one_backup_leaves_the_others_alone),
                JOB_TEST(rows_of_a_job_that_runs_are_left_to_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
