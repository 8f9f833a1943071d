/* job/create-database.c, job/enable-archivelog.c, job/database-row.c */
#include <errno.h>

#include "job/create-database.h"
#include "job/enable-archivelog.h"
#include "unit/job/job-fixture.h"

static void begin_create(JobFixture *f) {
        char password[] = "Canary_1";
        const CreateDatabaseRequest request = {
                .sid = "NEWDB",
                .oracle_home = "/u01/home",
                .choices = {.charset = "AL32UTF8", .recovery_area = "/u03/fra"},
                .sys_password = password,
        };
        void *work;
        assert_int_equal(create_database_new(&f->service, &request, &work, NULL), 0);
        wipe(password, sizeof(password)); /* the job has a copy of its own */
        begin_job(f, JOB_CREATE_DATABASE, NULL, &create_database_functions, work);
}

static void begin_enable(JobFixture *f, const char *sid) {
        void *work;
        assert_int_equal(enable_archivelog_new(&f->service, sid, &work, NULL), 0);
        begin_job(f, JOB_ENABLE_ARCHIVELOG, NULL, &enable_archivelog_functions, work);
}

/* The value of a key in the first row of Result that has it; NULL: none has. */
static const JobValue *find(JobFixture *f, const char *key) {
        for (size_t i = 0; i < job_row_count(f->job); i++) {
                size_t n;
                const JobValue *row = job_row(f->job, i, &n);
                for (size_t j = 0; j < n; j++)
                        if (string_equal(row[j].key, key))
                                return &row[j];
        }
        return NULL;
}

static bool create_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_CREATE_RUN) > 0;
}

static bool enable_is_held(JobFixture *f) {
        (void)f;
        return fake_oracle_held(FAKE_ARCHIVELOG) > 0;
}

static void a_created_database_is_reported(void **state) {
        JobFixture *f = *state;
        begin_create(f);
        finish_job(f);
        assert_job_done(f);
        assert_string_equal(find(f, "sid")->string, "NEWDB");
        assert_string_equal(find(f, "listener")->string, "ready");
        assert_string_equal(find(f, "log")->string, "/u01/x.log");
        assert_string_equal(find(f, "note")->string, "a note of dbca");
        assert_int_equal(job_progress(f->job)->percent, 40);
        assert_int_equal(fake_oracle_log_count("create NEWDB Canary_1"), 1);
        assert_int_equal(ledger_job_count(f), 0);
}

/* A crash finds the job in the ledger as long as it runs. */
static void its_row_is_in_the_ledger_while_it_runs(void **state) {
        JobFixture *f = *state;
        fake_oracle_hold(FAKE_CREATE_RUN);
        begin_create(f);
        run_until(f, create_is_held);
        assert_int_equal(ledger_stage(f), LEDGER_OTHER);
        fake_oracle_let_go(FAKE_CREATE_RUN);
        finish_job(f);
        assert_job_done(f);
        assert_int_equal(ledger_job_count(f), 0);
}

static void assert_selected(JobFixture *f, bool wanted) {
        begin_create(f);
        finish_job(f);
        assert_job_done(f);
        assert_int_equal(find(f, "selected")->number, wanted);
}

static void one_that_the_configuration_leaves_out_is_told(void **state) {
        JobFixture *f = *state;
        StringList configured = f->config.databases;
        char other[] = "DB1", new_one[] = "NEWDB", *names[] = {other, new_one, NULL};
        f->config.databases = (StringList){0};
        assert_selected(f, true);
        f->config.databases = (StringList){names, 2};
        assert_selected(f, true);
        f->config.databases = (StringList){names, 1};
        assert_selected(f, false);
        f->config.databases = configured;
}

static void what_a_failure_left_is_in_message_and_result(void **state) {
        JobFixture *f = *state;
        fake_oracle_fail(FAKE_CREATE_RUN, NULL, 1, ERROR_NO_SPACE, "ORA-19502");
        begin_create(f);
        finish_job(f);
        assert_job_failed(f, ERROR_NO_SPACE);
        assert_non_null(strstr(f->error.message, "left on this host"));
        assert_non_null(strstr(f->error.message, "/u02/oradata/NEWDB"));
        assert_string_equal(f->error.ora_code, "ORA-19502");
        assert_string_equal(find(f, "left")->string, "/u02/oradata/NEWDB");
        assert_null(find(f, "created"));
        assert_int_equal(ledger_job_count(f), 0);
}

static void assert_stopped(JobFixture *f, ErrorKind reason, JobState wanted) {
        fake_oracle_hold(FAKE_CREATE_RUN);
        begin_create(f);
        run_until(f, create_is_held);
        assert_int_equal(job_cancel(f->job, reason, NULL), 0);
        finish_job(f);
        fake_oracle_let_go(FAKE_CREATE_RUN);
        assert_int_equal(f->state, wanted);
        assert_int_equal(f->error.kind, reason);
        assert_non_null(strstr(f->error.message, "/u02/oradata/NEWDB"));
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_stop_has_its_reason(void **state) {
        assert_stopped(*state, ERROR_CANCELLED, JOB_CANCELLED);
        assert_stopped(*state, ERROR_INTERRUPTED, JOB_FAILED);
}

static void a_stop_before_the_run_begins(void **state) {
        JobFixture *f = *state;
        begin_create(f);
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), 0);
        finish_job(f);
        assert_int_equal(f->error.kind, ERROR_CANCELLED);
        assert_int_equal(fake_oracle_calls(FAKE_CREATE_RUN), 0);
        assert_int_equal(ledger_job_count(f), 0);
        begin_enable(f, "DB1");
        assert_int_equal(job_cancel(f->job, ERROR_CANCELLED, NULL), 0);
        finish_job(f);
        assert_int_equal(f->error.kind, ERROR_CANCELLED);
        assert_int_equal(fake_oracle_calls(FAKE_ARCHIVELOG), 0);
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_restart_under_way_is_not_stopped(void **state) {
        JobFixture *f = *state;
        Error error = {0};
        fake_oracle.is_restarting = true;
        fake_oracle_hold(FAKE_CREATE_RUN);
        fake_oracle_hold(FAKE_ARCHIVELOG);
        begin_create(f);
        run_until(f, create_is_held);
        assert_true(job_cancel(f->job, ERROR_CANCELLED, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        fake_oracle_let_go(FAKE_CREATE_RUN);
        finish_job(f);
        assert_job_done(f);
        begin_enable(f, "DB1");
        run_until(f, enable_is_held);
        assert_true(job_cancel(f->job, ERROR_INTERRUPTED, &error) < 0);
        fake_oracle_let_go(FAKE_ARCHIVELOG);
        finish_job(f);
        assert_job_done(f);
}

static void a_restart_uses_the_home_of_oratab(void **state) {
        JobFixture *f = *state;
        begin_enable(f, "DB1");
        finish_job(f);
        assert_job_done(f);
        assert_int_equal(fake_oracle_log_count("archivelog DB1 /"), 1);
        assert_string_equal(find(f, "log_mode")->string, "ARCHIVELOG");
        assert_int_equal(find(f, "restarted")->number, 1);
        assert_string_equal(find(f, "note")->string, "a note of the restart");
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_database_that_oratab_lacks_is_no_database(void **state) {
        JobFixture *f = *state;
        begin_enable(f, "NODB");
        finish_job(f);
        assert_job_failed(f, ERROR_NO_SUCH_DATABASE);
        assert_int_equal(fake_oracle_calls(FAKE_ARCHIVELOG), 0);
}

static void a_restart_that_failed_fails_the_job(void **state) {
        JobFixture *f = *state;
        fake_oracle_fail(FAKE_ARCHIVELOG, NULL, 1, ERROR_TIMEOUT, "");
        begin_enable(f, "DB1");
        finish_job(f);
        assert_job_failed(f, ERROR_TIMEOUT);
        assert_null(find(f, "log_mode"));
        assert_int_equal(ledger_job_count(f), 0);
}

static void a_restart_is_stopped_before_its_shutdown(void **state) {
        JobFixture *f = *state;
        fake_oracle_hold(FAKE_ARCHIVELOG);
        begin_enable(f, "DB1");
        run_until(f, enable_is_held);
        assert_int_equal(ledger_stage(f), LEDGER_OTHER);
        assert_int_equal(job_cancel(f->job, ERROR_INTERRUPTED, NULL), 0);
        finish_job(f);
        fake_oracle_let_go(FAKE_ARCHIVELOG);
        assert_job_failed(f, ERROR_INTERRUPTED);
        assert_non_null(strstr(f->error.message, "nothing was changed"));
        assert_int_equal(ledger_job_count(f), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(a_created_database_is_reported),
                JOB_TEST(its_row_is_in_the_ledger_while_it_runs),
                JOB_TEST(one_that_the_configuration_leaves_out_is_told),
                JOB_TEST(what_a_failure_left_is_in_message_and_result),
                JOB_TEST(a_stop_has_its_reason),
                JOB_TEST(a_stop_before_the_run_begins),
                JOB_TEST(a_restart_under_way_is_not_stopped),
                JOB_TEST(a_restart_uses_the_home_of_oratab),
                JOB_TEST(a_database_that_oratab_lacks_is_no_database),
                JOB_TEST(a_restart_that_failed_fails_the_job),
                JOB_TEST(a_restart_is_stopped_before_its_shutdown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
