/* The job behind CheckConfiguration: all rows are tried, the store is the same afterwards. */
#include <errno.h>

#include "base/limits.h"
#include "job/check.h"
#include "unit/job/job-fixture.h"

static void write_file(JobFixture *f, const char *name, const char *text) {
        CLEANUP(cleanup_free) char *path = path_of(f, name);
        assert_int_equal(file_write_durably(path, text, strlen(text), 0600, NULL), 0);
}

/* What the daemon has beside: a configuration to read again, and its own key on disk. */
typedef struct CheckFixture {
        char *config_path, *recipients_path, *trusted_path;
        StringList own_keys;
} CheckFixture;

static void prepare(JobFixture *f, CheckFixture *check) {
        CLEANUP(cleanup_free) char *signing = path_of(f, "state/signing");
        CLEANUP(cleanup_free)
        char *config = string_printf("[instance]\nname = %s\n", f->config.instance);

        *check = (CheckFixture){
                .config_path = path_of(f, "orabackup.conf"),
                .recipients_path = path_of(f, "recipients"),
                .trusted_path = path_of(f, "trusted-keys")};
        write_file(f, "orabackup.conf", config);
        assert_int_equal(directory_make(signing, 0700, NULL), 0);
        assert_int_equal(
                string_list_add(&check->own_keys, signing_key_public(f->service.signing_key)), 0);
        f->config.recipients_file = check->recipients_path;
        f->config.trusted_keys_file = check->trusted_path;
        f->service.config_path = check->config_path;
        f->service.own_keys = &check->own_keys;
}

static void release(JobFixture *f, CheckFixture *check) {
        free(check->config_path);
        free(check->recipients_path);
        free(check->trusted_path);
        string_list_done(&check->own_keys);
        f->config.recipients_file = f->config.trusted_keys_file = NULL;
        f->service.own_keys = NULL;
}

static void begin_check(JobFixture *f) {
        CheckRequest request = {0};
        void *work = NULL;

        assert_int_equal(check_new(&f->service, &request, &work, NULL), 0);
        begin_job(f, JOB_CHECK, NULL, &check_functions, work);
}

static void run_check(JobFixture *f) {
        begin_check(f);
        finish_job(f);
}

static const JobValue *value(const JobValue *values, size_t n, const char *key) {
        static const JobValue none = {.string = ""};

        for (size_t i = 0; i < n; i++)
                if (string_equal(values[i].key, key))
                        return &values[i];
        return &none;
}

/* NULL: no such row. */
static const JobValue *row(JobFixture *f, const char *check, const char *sid, const char *key) {
        for (size_t i = 0; i < job_row_count(f->job); i++) {
                size_t n;
                const JobValue *values = job_row(f->job, i, &n);

                if (string_equal(value(values, n, "check")->string, check) &&
                    string_equal(value(values, n, "database")->string, sid))
                        return value(values, n, key);
        }
        return NULL;
}

static void assert_row(JobFixture *f, const char *check, const char *sid, bool ok) {
        const JobValue *found = row(f, check, sid, "ok");

        if (found == NULL)
                fail_msg("there is no row %s of \"%s\"", check, sid);
        else if ((found->number != 0) != ok)
                fail_msg("%s of \"%s\": %s", check, sid, row(f, check, sid, "detail")->string);
}

static size_t probes(JobFixture *f) {
        return fake_store_object_count(f->service.store, INSTANCE "/probe/");
}

static void every_row_is_tried(void **state) {
        JobFixture *f = *state;
        CheckFixture check;

        prepare(f, &check);
        run_check(f);
        assert_job_done(f);
        assert_row(f, "store", "", true);
        assert_row(f, "clock", "", true);
        assert_row(f, "claims", "", true);
        assert_row(f, "owed_work", "", true);
        assert_row(f, "backup_dir", "", true);
        assert_row(f, "backup_dir_space", "", true);
        assert_row(f, "databases", "", true);
        assert_row(f, "archivelog", "DB1", true);
        assert_row(f, "archivelog", "DB2", true);
        /* there is no recipients file and no key file here */
        assert_row(f, "recipients", "", false);
        assert_row(f, "signing_key", "", false);
        assert_string_equal(row(f, "signing_key", "", "severity")->string, "error");
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
        release(f, &check);
}

static void each_step_of_the_probe_may_fail(void **state) {
        JobFixture *f = *state;
        static const struct {
                StoreOperationType type;
                const char *words;
        } steps[] = {
                {STORE_PUT_OBJECT, "storing an object"},
                {STORE_GET_OBJECT, "reading it back"},
                {STORE_LIST, "listing it"},
                {STORE_REMOVE_OBJECT, "removing it"},
        };
        CheckFixture check;

        prepare(f, &check);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                fake_store_fail(
                        f->service.store, steps[i].type, NULL, 1, ERROR_STORE_UNAVAILABLE, -EIO);
                run_check(f);
                assert_job_done(f);
                assert_row(f, "store", "", false);
                assert_non_null(strstr(row(f, "store", "", "detail")->string, steps[i].words));
                assert_null(row(f, "claims", "", "ok"));
                assert_row(f, "archivelog", "DB1", true);
                assert_int_equal(probes(f), steps[i].type == STORE_REMOVE_OBJECT ? 1 : 0);
                forget_job(f);
        }
        release(f, &check);
}

/* The reply was lost, the object is there: it goes all the same. */
static void a_probe_whose_reply_was_lost_is_removed(void **state) {
        JobFixture *f = *state;
        CheckFixture check;

        prepare(f, &check);
        fake_store_lose_reply(f->service.store, STORE_PUT_OBJECT);
        run_check(f);
        assert_job_done(f);
        assert_row(f, "store", "", false);
        assert_int_equal(probes(f), 0);
        release(f, &check);
}

static void another_writer_is_told(void **state) {
        JobFixture *f = *state;
        CheckFixture check;

        prepare(f, &check);
        put_claim(f, f->service.signing_key, 7, OTHER_ID, "host2");
        run_check(f);
        assert_job_done(f);
        assert_row(f, "claims", "", false);
        assert_non_null(strstr(row(f, "claims", "", "detail")->string, "host2"));
        assert_non_null(strstr(row(f, "claims", "", "detail")->string, "TakeOver"));
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(fake_store_object_count(f->service.store, ""), 1);
        release(f, &check);
}

static void a_database_that_cannot_be_asked_keeps_no_other_from_its_rows(void **state) {
        JobFixture *f = *state;
        CheckFixture check;

        prepare(f, &check);
        fake_oracle_fail(FAKE_SURVEY, "DB1", 1, ERROR_ORACLE, "ORA-01034");
        run_check(f);
        assert_job_done(f);
        assert_row(f, "open", "DB1", false);
        assert_row(f, "archivelog", "DB2", true);
        forget_job(f);
        fake_oracle_fail(FAKE_SURVEY, "DB2", 1, ERROR_ORACLE_AUTH, "ORA-01031");
        run_check(f);
        assert_row(f, "connection", "DB2", false);
        assert_row(f, "archivelog", "DB1", true);
        assert_null(row(f, "archivelog", "DB2", "ok"));
        release(f, &check);
}

static int owe_something(LedgerDb *db, void *userdata, Error *err) {
        (void)userdata;
        return ledger_owed_add(
                db, &(OwedWork){OWED_DIRECTORY, ID, "/somewhere", NULL, 0}, NULL, err);
}

static void owed_work_is_told(void **state) {
        JobFixture *f = *state;
        CheckFixture check;

        prepare(f, &check);
        ledger_do(f, owe_something, NULL);
        run_check(f);
        assert_row(f, "owed_work", "", false);
        assert_non_null(strstr(row(f, "owed_work", "", "detail")->string, "/somewhere"));
        assert_int_equal(ledger_owed_count(f), 1);
        release(f, &check);
}

/* With so many databases what is well does not fit; what is not well is always shown. */
static void of_many_databases_nothing_that_is_wrong_is_left_out(void **state) {
        JobFixture *f = *state;
        CLEANUP(text_done) Text oratab = TEXT_INIT;
        CheckFixture check;

        prepare(f, &check);
        for (unsigned i = 0; i < 60; i++)
                text_appendf(&oratab, "MANY%02u:%s/home1:N\n", i, f->directory);
        write_file(f, "oratab", text_get(&oratab));
        fake_oracle_fail(FAKE_SURVEY, "MANY59", 1, ERROR_ORACLE, "ORA-01034");
        run_check(f);
        assert_job_done(f);
        assert_true(job_row_count(f->job) < LIMIT_RESULT_ROWS);
        assert_row(f, "open", "MANY59", false);
        assert_row(f, "store", "", true);
        assert_null(row(f, "archivelog", "MANY00", "ok"));
        release(f, &check);
}

static bool survey_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_SURVEY) > 0;
}

static void cancel_it(JobFixture *f) {
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), 0);
}

static void a_check_can_be_cancelled_at_any_place(void **state) {
        JobFixture *f = *state;
        static const StoreOperationType steps[] = {
                STORE_PUT_OBJECT, STORE_GET_OBJECT, STORE_LIST, STORE_REMOVE_OBJECT};
        CheckFixture check;

        prepare(f, &check);
        begin_check(f);
        cancel_it(f);
        finish_job(f);
        assert_int_equal(f->state, JOB_CANCELLED);
        forget_job(f);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                fake_store_hold(f->service.store, steps[i]);
                begin_check(f);
                run_until(f, store_is_held);
                cancel_it(f);
                cancel_it(f); /* a second time changes nothing */
                fake_store_let_go(f->service.store, steps[i]);
                finish_job(f);
                assert_int_equal(f->state, JOB_CANCELLED);
                assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
                forget_job(f);
        }
        fake_oracle_hold(FAKE_SURVEY);
        begin_check(f);
        run_until(f, survey_is_held);
        cancel_it(f);
        finish_job(f);
        assert_int_equal(f->state, JOB_CANCELLED);
        fake_oracle_let_go(FAKE_SURVEY);
        release(f, &check);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(every_row_is_tried),
                JOB_TEST(each_step_of_the_probe_may_fail),
                JOB_TEST(a_probe_whose_reply_was_lost_is_removed),
                JOB_TEST(another_writer_is_told),
                JOB_TEST(a_database_that_cannot_be_asked_keeps_no_other_from_its_rows),
                JOB_TEST(owed_work_is_told),
                JOB_TEST(of_many_databases_nothing_that_is_wrong_is_left_out),
                JOB_TEST(a_check_can_be_cancelled_at_any_place),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
