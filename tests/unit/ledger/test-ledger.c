/* ledger/ledger.h and ledger/db.h, with a real file. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/files.h"
#include "ledger/db.h"
#include "ledger/ledger.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"

typedef struct Fixture {
        char directory[64];
        Loop *loop;
        Ledger *ledger;
        int done, released;
} Fixture;

static int setup(void **state) {
        static Fixture f;
        f = (Fixture){.directory = "/tmp/ledger-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        assert_int_equal(loop_new(&f.loop, NULL), 0);
        assert_int_equal(ledger_new(f.loop, f.directory, &f.ledger, NULL), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        f->ledger = ledger_free(f->ledger);
        loop_free(f->loop);
        assert_int_equal(directory_remove_tree(f->directory, NULL), 0);
        return 0;
}

static void now(Fixture *f, int (*run)(LedgerDb *db, void *userdata, Error *err), void *userdata) {
        Error err = {0};
        if (ledger_call_now(f->ledger, run, userdata, &err) < 0)
                fail_msg("%s", err.message);
}

static void reopen(Fixture *f) {
        ledger_free(f->ledger);
        f->ledger = NULL;
        assert_int_equal(ledger_new(f->loop, f->directory, &f->ledger, NULL), 0);
}

static LedgerJob job_of(uint32_t id) {
        static char directory[] = "/backup/x", object[] = "claim";
        return (LedgerJob){
                .id = id,
                .type = "backup",
                .stage = LEDGER_CLAIMING,
                .backup_id = ID,
                .instance = "db1",
                .sequence = 17,
                .started_usec = 1795327844000001,
                .directory = directory,
                .object = object,
                .object_size = 5,
        };
}

static int put_job(LedgerDb *db, void *userdata, Error *err) {
        LedgerJob job = job_of(*(uint32_t *)userdata);
        return ledger_job_put(db, &job, err);
}

static int next_id(LedgerDb *db, void *userdata, Error *err) {
        return ledger_next_job_id(db, userdata, err);
}

static int remove_job(LedgerDb *db, void *userdata, Error *err) {
        return ledger_job_remove(db, *(uint32_t *)userdata, err);
}

static int count_jobs(LedgerDb *db, void *userdata, Error *err) {
        LedgerJob *jobs = NULL;
        int r = ledger_jobs(db, &jobs, userdata, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < *(size_t *)userdata; i++)
                ledger_job_done(&jobs[i]);
        free(jobs);
        return 0;
}

static size_t job_count(Fixture *f) {
        size_t n = 99;
        now(f, count_jobs, &n);
        return n;
}

static int every_function(LedgerDb *db, void *userdata, Error *err) {
        LedgerJob job = job_of(1), *jobs = NULL;
        LedgerTag tag = {.sid = "ORCL", .dbid = 28, .tag = "OB_1"}, *tags = NULL;
        char home[] = "/u01/home";
        StringList attempts = {0};
        size_t n = 0;
        tag.oracle_home = home;
        assert_int_equal(ledger_job_put(db, &job, err), 0);
        assert_int_equal(ledger_attempt_add(db, 1, "0badcafe", err), 0);
        assert_int_equal(ledger_attempt_add(db, 1, "1badcafe", err), 0);
        assert_int_equal(ledger_tag_add(db, 1, &tag, err), 0);
        assert_int_equal(ledger_tag_add(db, 1, &tag, err), 0);
        assert_int_equal(
                ledger_member_add(db, 1, &(LedgerMember){"a", "/a", 512, 10, "header", 6}, err), 0);
        /* Put again: what hangs on it stays. */
        assert_int_equal(ledger_job_put(db, &job, err), 0);
        assert_int_equal(ledger_job_stage(db, 1, LEDGER_COMMITTING, "record\0x", 8, err), 0);
        assert_int_equal(ledger_attempts(db, 1, &attempts, err), 0);
        assert_int_equal(attempts.n, 2);
        assert_string_equal(attempts.items[1], "1badcafe");
        string_list_done(&attempts);
        assert_int_equal(ledger_tags(db, 1, &tags, &n, err), 0);
        assert_int_equal(n, 1);
        assert_string_equal(tags[0].oracle_home, "/u01/home");
        assert_int_equal(tags[0].dbid, 28);
        ledger_tag_done(&tags[0]);
        free(tags);
        assert_int_equal(ledger_jobs(db, &jobs, &n, err), 0);
        assert_int_equal(n, 1);
        assert_int_equal(jobs[0].stage, LEDGER_COMMITTING);
        assert_int_equal(jobs[0].object_size, 8);
        assert_memory_equal(jobs[0].object, "record\0x", 8);
        assert_string_equal(jobs[0].directory, "/backup/x");
        assert_int_equal(jobs[0].started_usec, 1795327844000001);
        ledger_job_done(&jobs[0]);
        free(jobs);
        return 0;
}

static void jobs_keep_what_hangs_on_them(void **state) {
        now(*state, every_function, NULL);
}

static int gone_with_the_job(LedgerDb *db, void *userdata, Error *err) {
        StringList attempts = {0};
        LedgerTag *tags = NULL;
        size_t n = 99;
        LedgerJob job = job_of(1);
        assert_int_equal(ledger_job_remove(db, 1, err), 0);
        assert_int_equal(ledger_job_put(db, &job, err), 0);
        assert_int_equal(ledger_attempts(db, 1, &attempts, err), 0);
        assert_int_equal(attempts.n, 0);
        assert_int_equal(ledger_tags(db, 1, &tags, &n, err), 0);
        assert_int_equal(n, 0);
        assert_int_equal(
                ledger_member_add(db, 1, &(LedgerMember){"a", "/a", 512, 10, "header", 6}, err), 0);
        return 0;
}

static void attempts_tags_and_members_go_with_the_job(void **state) {
        now(*state, every_function, NULL);
        now(*state, gone_with_the_job, NULL);
}

static int owed(LedgerDb *db, void *userdata, Error *err) {
        Owed *list = NULL;
        size_t n = 0;
        uint64_t first = 0, second = 0;
        assert_int_equal(
                ledger_owed_add(
                        db, &(OwedWork){OWED_PUT, ID, "db1/x/backup.json", "{}", 2}, &first, err),
                0);
        assert_int_equal(
                ledger_owed_add(db, &(OwedWork){OWED_DIRECTORY, ID, "/b/x", NULL, 0}, &second, err),
                0);
        assert_true(second > first);
        assert_int_equal(ledger_owed(db, &list, &n, err), 0);
        assert_int_equal(n, 2);
        assert_int_equal(list[0].type, OWED_PUT);
        assert_string_equal(list[0].name, "db1/x/backup.json");
        assert_memory_equal(list[0].data, "{}", 2);
        assert_string_equal(list[0].backup_id, ID);
        assert_true(list[0].since_usec > 0);
        assert_null(list[1].data);
        for (size_t i = 0; i < n; i++)
                owed_done(&list[i]);
        free(list);
        assert_int_equal(ledger_owed_remove(db, first, err), 0);
        assert_int_equal(ledger_owed(db, &list, &n, err), 0);
        assert_int_equal(n, 1);
        assert_int_equal(list[0].id, second);
        owed_done(&list[0]);
        free(list);
        return 0;
}

static void owed_work_is_kept_until_it_is_done(void **state) {
        now(*state, owed, NULL);
}

static int claim_and_previous(LedgerDb *db, void *userdata, Error *err) {
        char host[] = "alpha";
        LedgerClaim claim = {.sequence = 7, .id = ID, .hostname = host}, got;
        LedgerPrevious previous = {.id = ID, .sequence = 6, .record_sha256 = "9f86"}, last;
        assert_int_equal(ledger_claim_get(db, "db1", &got, err), 0);
        assert_int_equal(got.sequence, 0);
        assert_int_equal(ledger_previous_get(db, "db1", &last, err), 0);
        assert_string_equal(last.id, "");
        assert_int_equal(ledger_claim_put(db, "db1", &claim, err), 0);
        claim.sequence = 8;
        assert_int_equal(ledger_claim_put(db, "db1", &claim, err), 0);
        assert_int_equal(ledger_previous_put(db, "db1", &previous, err), 0);
        assert_int_equal(ledger_claim_get(db, "db1", &got, err), 0);
        assert_int_equal(got.sequence, 8);
        assert_string_equal(got.hostname, "alpha");
        ledger_claim_done(&got);
        assert_int_equal(ledger_claim_get(db, "db2", &got, err), 0);
        assert_int_equal(got.sequence, 0);
        assert_int_equal(ledger_previous_get(db, "db1", &last, err), 0);
        assert_string_equal(last.record_sha256, "9f86");
        return 0;
}

static void the_last_claim_and_backup_of_an_instance_are_known(void **state) {
        now(*state, claim_and_previous, NULL);
}

static void job_ids_are_never_used_again(void **state) {
        Fixture *f = *state;
        uint32_t id = 0;
        now(f, next_id, &id);
        assert_int_equal(id, 1);
        now(f, put_job, &id);
        now(f, remove_job, &id);
        reopen(f);
        now(f, next_id, &id);
        assert_int_equal(id, 2);
}

static int refused(LedgerDb *db, void *userdata, Error *err) {
        uint32_t id = 5;
        int r = put_job(db, &id, err);
        return r < 0 ? r : error_set(err, ERROR_BUSY, -EBUSY, "no");
}

static int add_operations(LedgerDb *db, void *userdata, Error *err) {
        static const struct {
                LedgerOperation operation;
                const char *sid;
                uint64_t count;
        } operations[] = {
                {LEDGER_DELETE, "DB1", 1},
                {LEDGER_DELETE, "DB1", 1},
                {LEDGER_CROSSCHECK, "DB1", 3},
                {LEDGER_DELETE, "DB10", 5},
                {LEDGER_CROSSCHECK, "A_$#", 2},
        };
        int r = 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(operations); i++)
                r = ledger_operation_add(
                        db, operations[i].operation, operations[i].sid, operations[i].count, err);
        return r;
}

typedef struct Operations {
        LedgerOperations *items;
        size_t n;
} Operations;

static int read_operations(LedgerDb *db, void *userdata, Error *err) {
        Operations *operations = userdata;
        return ledger_operations(db, &operations->items, &operations->n, err);
}

static void assert_operations(Fixture *f, const char *sid, uint64_t deletes, uint64_t crosschecks) {
        Operations operations = {0};
        now(f, read_operations, &operations);
        for (size_t i = 0; i < operations.n; i++)
                if (strcmp(operations.items[i].sid, sid) == 0) {
                        assert_int_equal(operations.items[i].deletes, deletes);
                        assert_int_equal(operations.items[i].crosschecks, crosschecks);
                        deletes = crosschecks = 0;
                }
        assert_true(deletes + crosschecks == 0);
        free(operations.items);
}

/* By another hand, while the ledger is closed. */
static void execute(Fixture *f, const char *sql) {
        char path[96];
        sqlite3 *db;
        ledger_free(f->ledger);
        f->ledger = NULL;
        snprintf(path, sizeof(path), "%s/ledger.db", f->directory);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        assert_int_equal(ledger_new(f->loop, f->directory, &f->ledger, NULL), 0);
}

static void our_own_operations_are_counted_by_days(void **state) {
        Fixture *f = *state;
        now(f, add_operations, NULL);
        assert_operations(f, "DB1", 2, 3);
        assert_operations(f, "DB10", 5, 0);
        assert_operations(f, "A_$#", 0, 2);
        execute(f, "INSERT INTO counter VALUES ('rman/delete/DB1/0000000001', 100)");
        assert_operations(f, "DB1", 2, 3); /* too old to count */
        now(f, add_operations, NULL);
        assert_operations(f, "DB1", 4, 6);
        /* and forgotten by now: its name can be taken */
        execute(f, "INSERT INTO counter VALUES ('rman/delete/DB1/0000000001', 1)");
}

static void a_failed_call_is_rolled_back(void **state) {
        Fixture *f = *state;
        Error err = {0};
        assert_int_equal(ledger_call_now(f->ledger, refused, NULL, &err), -EBUSY);
        assert_int_equal(job_count(f), 0);
}

static int impossible(LedgerDb *db, void *userdata, Error *err) {
        Error problem = {0};
        LedgerJob job = job_of(1);
        assert_int_equal(ledger_job_stage(db, 77, LEDGER_RUNNING, NULL, 0, &problem), -ENOENT);
        assert_true(ledger_attempt_add(db, 77, "0badcafe", &problem) < 0); /* foreign key */
        job.sequence = UINT64_MAX;
        assert_int_equal(ledger_job_put(db, &job, &problem), -ERANGE);
        return 0;
}

static void impossible_rows_are_refused(void **state) {
        now(*state, impossible, NULL);
}

/* The child commits, says so and is killed while a second transaction is open. */
static void child(const char *directory, int fd) {
        Loop *loop;
        Ledger *ledger;
        uint32_t id = 1;
        if (loop_new(&loop, NULL) < 0 || ledger_new(loop, directory, &ledger, NULL) < 0 ||
            ledger_call_now(ledger, put_job, &id, NULL) < 0 || write(fd, "x", 1) != 1)
                _exit(1);
        for (;;)
                pause();
}

static void what_was_committed_survives_a_kill(void **state) {
        Fixture *f = *state;
        int fds[2], status;
        char byte;
        f->ledger = ledger_free(f->ledger);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                child(f->directory, fds[1]);
        close(fds[1]);
        assert_int_equal(read(fds[0], &byte, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(fds[0]);
        reopen(f);
        assert_int_equal(job_count(f), 1);
}

static void a_second_daemon_is_kept_out(void **state) {
        Fixture *f = *state;
        Ledger *second = NULL;
        Error err = {0};
        uint32_t id = 1;
        now(f, put_job, &id);
        assert_int_equal(ledger_new(f->loop, f->directory, &second, &err), -EBUSY);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_non_null(strstr(err.message, "ledger.db"));
        assert_null(second);
}

static void refused_file(Fixture *f, const char *text) {
        Ledger *ledger = NULL;
        Error err = {0};
        assert_true(ledger_new(f->loop, f->directory, &ledger, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        if (strstr(err.message, "ledger.db") == NULL || strstr(err.message, text) == NULL)
                fail_msg("%s", err.message);
}

static void damaged_and_newer_files_are_refused(void **state) {
        Fixture *f = *state;
        char path[128];
        sqlite3 *sqlite;
        snprintf(path, sizeof(path), "%s/ledger.db", f->directory);
        f->ledger = ledger_free(f->ledger);
        assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
        assert_int_equal(sqlite3_exec(sqlite, "PRAGMA user_version = 2", NULL, NULL, NULL), 0);
        sqlite3_close(sqlite);
        refused_file(f, "newer version");
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        char rubbish[6000];
        memset(rubbish, 'x', sizeof(rubbish));
        assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), 2000), sizeof(rubbish));
        refused_file(f, "damaged");
        assert_int_equal(pwrite(fd, rubbish, 100, 0), 100);
        refused_file(f, "damaged");
        close(fd);
}

static void the_file_is_the_owners_alone(void **state) {
        Fixture *f = *state;
        char path[128];
        struct stat st;
        snprintf(path, sizeof(path), "%s/ledger.db", f->directory);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
}

typedef struct Call {
        Fixture *f;
        uint32_t id;
        pthread_t thread;
        bool ran, done, stops;
        int r;
} Call;

static int call_run(LedgerDb *db, void *userdata, Error *err) {
        Call *call = userdata;
        call->thread = pthread_self();
        call->ran = true;
        return put_job(db, &call->id, err);
}

static void call_done(int r, const Error *err, void *userdata) {
        Call *call = userdata;
        assert_int_equal(r < 0, err != NULL);
        call->r = r;
        call->done = true;
        call->f->done++;
}

static void call_release(void *userdata) {
        Call *call = userdata;
        call->f->released++;
        if (call->stops)
                loop_stop(call->f->loop, 0);
}

static const LedgerFunctions call_functions = {call_run, call_done, call_release};

static void calls_run_on_the_ledgers_thread_and_end_on_the_loop(void **state) {
        Fixture *f = *state;
        Call calls[3] = {{.f = f, .id = 1}, {.f = f, .id = 2}, {.f = f, .id = 3, .stops = true}};
        LedgerCall *cancelled = NULL;
        assert_int_equal(ledger_call(f->ledger, &call_functions, &calls[0], NULL, NULL), 0);
        assert_int_equal(ledger_call(f->ledger, &call_functions, &calls[1], &cancelled, NULL), 0);
        assert_int_equal(ledger_call(f->ledger, &call_functions, &calls[2], NULL, NULL), 0);
        ledger_cancel(cancelled);
        ledger_cancel(NULL);
        loop_run(f->loop);
        assert_true(calls[0].done && calls[2].done);
        assert_false(calls[1].done);
        assert_true(calls[1].ran);
        assert_int_equal(f->released, 3);
        assert_false(pthread_equal(calls[0].thread, pthread_self()));
        assert_true(pthread_equal(calls[0].thread, calls[2].thread));
        assert_int_equal(job_count(f), 3);
}

static void what_is_queued_runs_before_the_end(void **state) {
        Fixture *f = *state;
        Call calls[20];
        for (uint32_t i = 0; i < 20; i++) {
                calls[i] = (Call){.f = f, .id = i + 1};
                assert_int_equal(ledger_call(f->ledger, &call_functions, &calls[i], NULL, NULL), 0);
        }
        f->ledger = ledger_free(f->ledger);
        assert_int_equal(f->released, 20);
        assert_int_equal(f->done, 0);
        reopen(f);
        assert_int_equal(job_count(f), 20);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(jobs_keep_what_hangs_on_them),
                test(attempts_tags_and_members_go_with_the_job),
                test(owed_work_is_kept_until_it_is_done),
                test(the_last_claim_and_backup_of_an_instance_are_known),
                test(job_ids_are_never_used_again),
                test(our_own_operations_are_counted_by_days),
                test(a_failed_call_is_rolled_back),
                test(impossible_rows_are_refused),
                test(what_was_committed_survives_a_kill),
                test(a_second_daemon_is_kept_out),
                test(damaged_and_newer_files_are_refused),
                test(the_file_is_the_owners_alone),
                test(calls_run_on_the_ledgers_thread_and_end_on_the_loop),
                test(what_is_queued_runs_before_the_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
