/* The parent of a level 1: which backup it is, what rules it out, and that it is asked for again
 * before the record is stored (rule 4). */
#include <errno.h>
#include <stdio.h>

#include "job/backup.h"
#include "stream/digest.h"
#include "unit/job/job-fixture.h"

#define THIRD_ID "7a7a7a7a-1111-4f6e-9d0c-2a2b2c2d2e2f"

static void begin_level_1(JobFixture *f, const char *id, const char *parent) {
        BackupRequest request = {.name = "hourly", .parent = parent};
        void *work;

        snprintf(request.backup_id, sizeof(request.backup_id), "%s", id);
        assert_int_equal(backup_new(&f->service, &request, &work, NULL), 0);
        begin_job(f, JOB_BACKUP, id, &backup_functions, work);
}

static void run_level_1(JobFixture *f, const char *id, const char *parent) {
        begin_level_1(f, id, parent);
        finish_job(f);
}

static void assert_refused(JobFixture *f, ErrorKind kind, const char *part) {
        assert_job_failed(f, kind);
        if (strstr(f->error.message, part) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", f->error.message, part);
        forget_job(f);
}

static void make_parent(JobFixture *f) {
        run_backup(f, ID);
        assert_job_done(f);
        forget_job(f);
}

static char *object_of(const char *id, const char *name) {
        return string_printf("%s/%s/%s", INSTANCE, id, name);
}

static void drop(JobFixture *f, const char *id, const char *name) {
        CLEANUP(cleanup_free) char *object = object_of(id, name);
        fake_store_drop_object(f->service.store, object);
}

static void rule_4_a_level_1_names_its_parent_by_digest(void **state) {
        JobFixture *f = *state;
        Record parent = {0}, child = {0};
        char *payload, digest[65];
        size_t size;

        make_parent(f);
        run_level_1(f, OTHER_ID, ID);
        assert_job_done(f);
        read_record(f, ID, &parent);
        read_record(f, OTHER_ID, &child);
        assert_int_equal(record_print(&parent, &payload, &size, NULL), 0);
        assert_int_equal(digest_hex(DIGEST_SHA256, payload, size, digest, NULL), 0);
        assert_int_equal(child.level, 1);
        assert_string_equal(child.parent_id, ID);
        assert_string_equal(child.parent_sha256, digest);
        assert_int_equal(child.n_databases, parent.n_databases);
        free(payload);
        record_done(&parent);
        record_done(&child);
}

static void rule_4_a_parent_has_one_child(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        run_level_1(f, OTHER_ID, ID);
        assert_job_done(f);
        forget_job(f);
        run_level_1(f, THIRD_ID, ID);
        assert_refused(f, ERROR_PARENT_HAS_CHILD, OTHER_ID);
        run_level_1(f, THIRD_ID, "latest");
        assert_job_done(f);
}

static void rule_4_a_child_whose_record_may_still_come_counts(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        run_level_1(f, OTHER_ID, ID);
        assert_job_done(f);
        forget_job(f);
        drop(f, OTHER_ID, "backup.json");
        run_level_1(f, THIRD_ID, ID);
        assert_refused(f, ERROR_PARENT_HAS_CHILD, "not finished");
}

static void rule_4_a_failed_child_is_none(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, "");
        run_level_1(f, OTHER_ID, ID);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        forget_job(f);
        run_level_1(f, THIRD_ID, ID);
        assert_job_done(f);
}

static void rule_4_a_parent_that_is_being_deleted_is_refused(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *name = object_of(ID, "delete.json");

        make_parent(f);
        fake_store_put(f->service.store, name, "{}", 2);
        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_INVALID_PARENT, "being deleted");
        assert_false(has_claim(f, 2));
}

static void rule_4_a_parent_that_is_not_whole_is_refused(void **state) {
        JobFixture *f = *state;
        Record record = {0};

        make_parent(f);
        read_record(f, ID, &record);
        StoreAttempt attempt = {INSTANCE, ID, record.volume.attempt};
        CLEANUP(cleanup_free) char *segment = store_segment_name(&attempt, 0);
        fake_store_drop_segment(f->service.store, segment);
        record_done(&record);
        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_CHAIN_BROKEN, ID);
        drop(f, ID, "segments");
        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_CHAIN_BROKEN, "list of segments");
}

static void rule_4_a_parent_whose_ancestor_is_gone_is_refused(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *name = object_of(ID, "backup.tar.age");
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size;

        make_parent(f);
        run_level_1(f, OTHER_ID, ID);
        assert_job_done(f);
        forget_job(f);
        const void *stored = fake_store_data(f->service.store, name, &size);
        data = malloc(size);
        assert_non_null(data);
        memcpy(data, stored, size);
        fake_store_put(f->service.store, name, data, size - 1);
        run_level_1(f, THIRD_ID, OTHER_ID);
        assert_refused(f, ERROR_CHAIN_BROKEN, name);
        fake_store_drop_object(f->service.store, name);
        run_level_1(f, THIRD_ID, OTHER_ID);
        assert_refused(f, ERROR_CHAIN_BROKEN, name);
        run_level_1(f, THIRD_ID, "latest");
        assert_refused(f, ERROR_CHAIN_BROKEN, name);
        assert_false(has_claim(f, 3));
}

static void rule_4_a_missing_or_unfinished_parent_is_named(void **state) {
        JobFixture *f = *state;

        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_NO_SUCH_BACKUP, ID);
        put_failed(f, f->service.signing_key, ID);
        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_INVALID_PARENT, "not completed");
        run_level_1(f, OTHER_ID, "latest");
        assert_refused(f, ERROR_INVALID_PARENT, "none that is COMPLETED");
        assert_false(has_claim(f, 1));
}

static void rule_4_the_latest_is_found_although_the_listing_lags(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *name = object_of(OTHER_ID, "backup.json");
        Record record = {0};

        make_parent(f);
        run_level_1(f, OTHER_ID, ID);
        assert_job_done(f);
        forget_job(f);
        fake_store_hide(f->service.store, name);
        run_level_1(f, THIRD_ID, "latest");
        assert_job_done(f);
        read_record(f, THIRD_ID, &record);
        assert_string_equal(record.parent_id, OTHER_ID);
        record_done(&record);
}

static void number_id(unsigned n, char ret[37]) {
        snprintf(ret, 37, "%08x-1111-4f6e-9d0c-2a2b2c2d2e2f", n);
}

/* As many as two pages of Trove's have, and some. */
static void rule_4_the_latest_is_found_among_many(void **state) {
        enum { MANY = 45 };
        JobFixture *f = *state;
        char id[37], last[37];
        Record record = {0};

        for (unsigned i = 0; i < MANY; i++) {
                number_id(MANY - i, last); /* the order of ids is not that of time */
                run_backup(f, last);
                assert_job_done(f);
                forget_job(f);
        }
        number_id(MANY + 1, id);
        run_level_1(f, id, "latest");
        assert_job_done(f);
        read_record(f, id, &record);
        assert_string_equal(record.parent_id, last);
        record_done(&record);
}

static void rule_4_an_owed_tag_blocks_a_level_1(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        f->config.retries = 0;
        fake_oracle_fail(FAKE_DELETE_TAG, "DB1", 9, ERROR_ORACLE, "");
        fake_oracle_fail(FAKE_BACKUP_RUN, "DB1", 1, ERROR_RMAN_FAILED, "");
        run_backup(f, OTHER_ID);
        assert_job_failed(f, ERROR_RMAN_FAILED);
        forget_job(f);
        run_level_1(f, THIRD_ID, ID);
        assert_refused(f, ERROR_CHAIN_BROKEN, "LEVEL0-");
}

static void rule_4_the_parent_is_asked_for_again_before_the_record(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        fake_oracle_hold(FAKE_BACKUP_RUN);
        begin_level_1(f, OTHER_ID, ID);
        run_until(f, run_is_held);
        drop(f, ID, "backup.json");
        fake_oracle_let_go(FAKE_BACKUP_RUN);
        finish_job(f);
        assert_job_failed(f, ERROR_INVALID_PARENT);
        assert_true(has_object(f, OTHER_ID, "failed.json"));
        assert_false(has_object(f, OTHER_ID, "backup.json"));
}

static void a_level_1_has_no_base_where_rman_is_made_to_forget(void **state) {
        JobFixture *f = *state;

        make_parent(f);
        f->config.repository_forget = true;
        run_level_1(f, OTHER_ID, ID);
        assert_refused(f, ERROR_INVALID_PARENT, "forget");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(rule_4_a_level_1_names_its_parent_by_digest),
                JOB_TEST(rule_4_a_parent_has_one_child),
                JOB_TEST(rule_4_a_child_whose_record_may_still_come_counts),
                JOB_TEST(rule_4_a_failed_child_is_none),
                JOB_TEST(rule_4_a_parent_that_is_being_deleted_is_refused),
                JOB_TEST(rule_4_a_parent_that_is_not_whole_is_refused),
                JOB_TEST(rule_4_a_parent_whose_ancestor_is_gone_is_refused),
                JOB_TEST(rule_4_a_missing_or_unfinished_parent_is_named),
                JOB_TEST(rule_4_the_latest_is_found_although_the_listing_lags),
                JOB_TEST(rule_4_the_latest_is_found_among_many),
                JOB_TEST(rule_4_an_owed_tag_blocks_a_level_1),
                JOB_TEST(rule_4_the_parent_is_asked_for_again_before_the_record),
                JOB_TEST(a_level_1_has_no_base_where_rman_is_made_to_forget),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
