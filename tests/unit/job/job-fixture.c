/* See job-fixture.h. */
#include "unit/job/job-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>

#include "base/clock.h"
#include "job/backup.h"
#include "repository/names.h"

enum { TICK_MSEC = 1, TICKS_MAX = 20000, WHILE_MSEC = 40 };

static void quit(void *userdata) {
        JobFixture *f = userdata;
        loop_stop(f->service.loop, 0);
}

static SigningKey *new_key(void) {
        char *pem;
        size_t size;
        SigningKey *key;

        assert_int_equal(signing_key_generate(&pem, &size, NULL), 0);
        assert_int_equal(signing_key_parse(pem, size, "test", &key, NULL), 0);
        free(pem);
        return key;
}

static char *in_directory(JobFixture *f, const char *name) {
        char *path = path_join(f->directory, name);
        assert_non_null(path);
        return path;
}

char *path_of(JobFixture *f, const char *name) {
        return in_directory(f, name);
}

static void make_config(JobFixture *f) {
        Config *config = &f->config;
        CLEANUP(cleanup_free)
        char *oratab =
                string_printf("DB1:%s/home1:N\nDB2:%s/home1:N\n", f->directory, f->directory);

        config->instance = strdup(INSTANCE);
        config->oratab = in_directory(f, "oratab");
        config->backup_dir = in_directory(f, "staging");
        config->connect = strdup("/");
        config->channels = 1;
        config->parallel_databases = 1;
        config->segment_size = SEGMENT;
        config->concurrency = 3;
        config->threads = 2;
        config->retries = 1;
        assert_int_equal(file_write_durably(config->oratab, oratab, strlen(oratab), 0644, NULL), 0);
        assert_int_equal(directory_make(config->backup_dir, 0750, NULL), 0);
}

static void make_keys(JobFixture *f) {
        CLEANUP(cleanup_free) char *recipient = NULL;

        assert_int_equal(age_keygen(&f->identity_text, &recipient, NULL), 0);
        assert_int_equal(
                age_recipients_parse(
                        recipient, strlen(recipient), "test", &f->settings.recipients, NULL),
                0);
        assert_int_equal(
                age_identities_parse(
                        f->identity_text, strlen(f->identity_text), "test", &f->identities, NULL),
                0);
        f->service.signing_key = new_key();
        f->other_key = new_key();
        assert_int_equal(trusted_keys_new(&f->settings.trusted, NULL), 0);
        assert_int_equal(
                trusted_keys_add(
                        f->settings.trusted,
                        INSTANCE,
                        signing_key_public(f->service.signing_key),
                        "own",
                        NULL),
                0);
}

static void make_service(JobFixture *f) {
        Service *service = &f->service;

        assert_int_equal(loop_new(&service->loop, NULL), 0);
        assert_int_equal(timer_new(service->loop, quit, f, &f->timer, NULL), 0);
        assert_int_equal(work_pool_new(service->loop, "files", 2, 64, &service->files, NULL), 0);
        assert_int_equal(
                work_pool_new(service->loop, "sealing", 2, 64, &service->sealing, NULL), 0);
        assert_int_equal(ledger_new(service->loop, f->directory, &service->ledger, NULL), 0);
        assert_int_equal(fake_store_new(service->loop, &service->store, NULL), 0);
        service->settings = &f->settings;
        service->hostname = "host1";
        service->runtime_directory = in_directory(f, "run");
        service->state_directory = in_directory(f, "state");
        service->retry_delay_msec = 1;
        service->oracle.loop = service->loop;
        assert_int_equal(directory_make(service->runtime_directory, 0750, NULL), 0);
}

int job_fixture_setup(void **state) {
        JobFixture *f = calloc(1, sizeof(*f));

        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        strcpy(f->directory, "/tmp/orabackup-job-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        make_config(f);
        f->settings.config = &f->config;
        f->settings.users = 1;
        make_keys(f);
        make_service(f);
        fake_oracle_init(f->service.loop);
        fake_oracle.home_dir = in_directory(f, "oracle");
        *state = f;
        return 0;
}

static void free_string(const char *string) {
        union {
                const char *constant;
                char *plain;
        } text = {string};
        free(text.plain);
}

int job_fixture_teardown(void **state) {
        JobFixture *f = *state;
        Service *service = &f->service;

        job_free(f->job);
        run_a_while(f);
        assert_int_equal(f->settings.users, 1);
        free_string(fake_oracle.home_dir);
        fake_oracle_done();
        timer_free(f->timer);
        ledger_free(service->ledger);
        store_free(service->store);
        work_pool_free(service->sealing);
        work_pool_free(service->files);
        loop_free(service->loop);
        signing_key_free(service->signing_key);
        signing_key_free(f->other_key);
        age_recipients_free(f->settings.recipients);
        trusted_keys_free(f->settings.trusted);
        age_identities_free(f->identities);
        free(f->identity_text);
        free(f->config.instance);
        free(f->config.oratab);
        free(f->config.backup_dir);
        free(f->config.connect);
        string_list_done(&f->config.databases);
        free_string(service->runtime_directory);
        free_string(service->state_directory);
        assert_int_equal(directory_remove_tree(f->directory, NULL), 0);
        free(f);
        return 0;
}

void run_until(JobFixture *f, Condition condition) {
        for (unsigned i = 0; !condition(f); i++) {
                assert_true(i < TICKS_MAX);
                timer_arm(f->timer, TICK_MSEC);
                loop_run(f->service.loop);
        }
}

void run_a_while(JobFixture *f) {
        timer_arm(f->timer, WHILE_MSEC);
        loop_run(f->service.loop);
}

/* ---- jobs ---- */

static void on_changed(Job *job, void *userdata) {
        (void)job;
        (void)userdata;
}

static void on_finished(Job *job, void *userdata) {
        JobFixture *f = userdata;

        f->finished = true;
        f->state = job_state(job);
        f->error = *job_error(job);
}

void begin_job(
        JobFixture *f, JobType type, const char *id, const JobFunctions *functions, void *work) {
        static uint32_t last_id;
        JobSpec spec = {
                .type = type,
                .id = ++last_id,
                .backup_id = id,
                .functions = functions,
                .work = work,
                .listener = {on_changed, on_finished, f},
        };

        f->job = job_free(f->job);
        f->finished = false;
        f->error = (Error){0};
        assert_int_equal(job_new(f->service.loop, &spec, &f->job, NULL), 0);
        job_begin(f->job);
}

bool job_is_finished(JobFixture *f) {
        return f->finished;
}

void finish_job(JobFixture *f) {
        run_until(f, job_is_finished);
}

void forget_job(JobFixture *f) {
        f->job = job_free(f->job);
}

void begin_backup(JobFixture *f, const char *id) {
        BackupRequest request = {.name = "nightly"};
        void *work;

        snprintf(request.backup_id, sizeof(request.backup_id), "%s", id);
        assert_int_equal(backup_new(&f->service, &request, &work, NULL), 0);
        begin_job(f, JOB_BACKUP, id, &backup_functions, work);
}

void run_backup(JobFixture *f, const char *id) {
        begin_backup(f, id);
        finish_job(f);
}

/* ---- ledger ---- */

void ledger_do(JobFixture *f, LedgerStep step, void *userdata) {
        Error error = {0};
        assert_int_equal(ledger_call_now(f->service.ledger, step, userdata, &error), 0);
}

typedef struct Rows {
        size_t n_jobs, n_owed, n_of_type;
        OwedType type;
        LedgerStage stage;
} Rows;

static int count_rows(LedgerDb *db, void *userdata, Error *err) {
        Rows *rows = userdata;
        LedgerJob *jobs = NULL;
        Owed *owed = NULL;
        int r = ledger_jobs(db, &jobs, &rows->n_jobs, err);

        if (r >= 0)
                r = ledger_owed(db, &owed, &rows->n_owed, err);
        for (size_t i = 0; i < rows->n_jobs; i++) {
                rows->stage = jobs[i].stage;
                ledger_job_done(&jobs[i]);
        }
        for (size_t i = 0; i < rows->n_owed; i++) {
                rows->n_of_type += owed[i].type == rows->type;
                owed_done(&owed[i]);
        }
        free(jobs);
        free(owed);
        return r;
}

size_t ledger_job_count(JobFixture *f) {
        Rows rows = {0};
        ledger_do(f, count_rows, &rows);
        return rows.n_jobs;
}

LedgerStage ledger_stage(JobFixture *f) {
        Rows rows = {0};
        ledger_do(f, count_rows, &rows);
        assert_true(rows.n_jobs <= 1);
        return rows.stage;
}

size_t ledger_owed_count(JobFixture *f) {
        Rows rows = {0};
        ledger_do(f, count_rows, &rows);
        return rows.n_owed;
}

size_t ledger_owed_of(JobFixture *f, OwedType type) {
        Rows rows = {.type = type};
        ledger_do(f, count_rows, &rows);
        return rows.n_of_type;
}

/* ---- objects ---- */

static void put_signed(
        JobFixture *f,
        const SigningKey *key,
        const char *kind,
        char *name,
        char *payload,
        size_t size) {
        char *envelope;
        size_t envelope_size;

        assert_int_equal(
                envelope_seal(
                        key,
                        &(EnvelopeContent){kind, payload, size},
                        &envelope,
                        &envelope_size,
                        NULL),
                0);
        fake_store_put(f->service.store, name, envelope, envelope_size);
        free(envelope);
        free(payload);
        free(name);
}

void put_claim(
        JobFixture *f, const SigningKey *key, uint64_t sequence, const char *id, const char *host) {
        Claim claim = {
                .id = strdup(id),
                .instance = strdup(INSTANCE),
                .hostname = strdup(host),
                .name = strdup("a name"),
                .description = strdup(""),
                .sequence = sequence,
                .created_usec = 1700000000ULL * 1000000,
        };
        char *payload;
        size_t size;

        assert_int_equal(string_list_add(&claim.databases, "DB1"), 0);
        assert_int_equal(claim_print(&claim, &payload, &size, NULL), 0);
        put_signed(f, key, "begin", object_name_claim(INSTANCE, sequence), payload, size);
        claim_done(&claim);
}

void put_failed(JobFixture *f, const SigningKey *key, const char *id) {
        Failed failed = {
                .id = strdup(id),
                .instance = strdup(INSTANCE),
                .hostname = strdup("host1"),
                .sequence = 1,
                .created_usec = 1700000000ULL * 1000000,
                .error = ERROR_INTERRUPTED,
                .error_message = strdup("cut off"),
        };
        char *payload;
        size_t size;

        assert_int_equal(failed_print(&failed, &payload, &size, NULL), 0);
        put_signed(f, key, "failed", object_name(INSTANCE, id, OBJECT_FAILED), payload, size);
        failed_done(&failed);
}

void put_record(JobFixture *f, const SigningKey *key, const Record *record) {
        char *payload;
        size_t size;

        assert_int_equal(record_print(record, &payload, &size, NULL), 0);
        put_signed(
                f, key, "record", object_name(INSTANCE, record->id, OBJECT_RECORD), payload, size);
}

bool has_object(JobFixture *f, const char *id, const char *name) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s/%s", INSTANCE, id, name);
        return fake_store_has(f->service.store, path);
}

bool has_claim(JobFixture *f, uint64_t sequence) {
        CLEANUP(cleanup_free) char *name = object_name_claim(INSTANCE, sequence);
        return fake_store_has(f->service.store, name);
}

static Envelope open_object(JobFixture *f, const char *id, ObjectType type, const char *kind) {
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, id, type);
        Envelope envelope = {0};
        size_t size;
        const char *text = fake_store_data(f->service.store, name, &size);

        assert_non_null(text);
        assert_int_equal(envelope_open(text, size, kind, name, &envelope, NULL), 0);
        assert_int_equal(envelope_trust(&envelope, f->settings.trusted, INSTANCE), TRUST_TRUSTED);
        return envelope;
}

Failed read_failed(JobFixture *f, const char *id) {
        Envelope envelope = open_object(f, id, OBJECT_FAILED, "failed");
        Failed failed = {0};

        assert_int_equal(
                failed_parse(envelope.payload, envelope.payload_size, "failed", &failed, NULL), 0);
        envelope_done(&envelope);
        return failed;
}

void read_record(JobFixture *f, const char *id, Record *ret) {
        Envelope envelope = open_object(f, id, OBJECT_RECORD, "record");
        Error error = {0};

        if (record_parse(envelope.payload, envelope.payload_size, "record", ret, &error) < 0)
                fail_msg("%s", error.message);
        envelope_done(&envelope);
}

/* ---- files ---- */

size_t file_count(const char *directory) {
        DIR *dir = opendir(directory);
        size_t n = 0;

        if (dir == NULL)
                return 0;
        while (readdir(dir) != NULL)
                n++;
        closedir(dir);
        return n - 2;
}

size_t key_file_count(JobFixture *f) {
        return file_count(f->service.runtime_directory);
}

/* ---- what a job came to ---- */

void assert_job_done(JobFixture *f) {
        if (error_is_set(&f->error))
                fail_msg("%s", f->error.message);
        assert_int_equal(f->state, JOB_DONE);
}

void assert_job_failed(JobFixture *f, ErrorKind kind) {
        assert_true(f->finished);
        if (f->error.kind != kind)
                fail_msg("%s: %s", error_dbus_name(f->error.kind), f->error.message);
        assert_int_equal(f->state, kind == ERROR_CANCELLED ? JOB_CANCELLED : JOB_FAILED);
}

static void assert_host_is_clean(JobFixture *f) {
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_int_equal(key_file_count(f), 0);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

void assert_failed_cleanly(JobFixture *f, const char *id, ErrorKind kind) {
        Failed failed = read_failed(f, id);

        assert_job_failed(f, kind);
        assert_int_equal(failed.error, kind);
        assert_string_equal(failed.error_message, f->error.message);
        failed_done(&failed);
        assert_true(has_claim(f, 1));
        assert_int_equal(fake_store_object_count(f->service.store, ""), 2);
        assert_int_equal(fake_store_segment_count(f->service.store, ""), 0);
        assert_host_is_clean(f);
}

void assert_nothing_left(JobFixture *f) {
        assert_int_equal(fake_store_object_count(f->service.store, ""), 0);
        assert_int_equal(fake_store_segment_count(f->service.store, ""), 0);
        assert_int_equal(fake_oracle_calls(FAKE_DELETE_TAG), 0);
        assert_host_is_clean(f);
}

bool is_in_upload_phase(JobFixture *f) {
        return string_equal(job_phase(f->job), "upload");
}

bool is_in_cleanup_phase(JobFixture *f) {
        return string_equal(job_phase(f->job), "cleanup");
}

bool store_is_held(JobFixture *f) {
        return fake_store_held_count(f->service.store) > 0;
}

bool run_is_held(JobFixture *f) {
        return fake_oracle_held(FAKE_BACKUP_RUN) > 0;
}

static bool record_is_in_ledger(JobFixture *f) {
        return store_is_held(f) && ledger_stage(f) == LEDGER_COMMITTING;
}

void hold_record(JobFixture *f) {
        fake_store_hold(f->service.store, STORE_COMMIT);
        run_until(f, store_is_held);
        fake_store_hold(f->service.store, STORE_GET_OBJECT);
        fake_store_let_go(f->service.store, STORE_COMMIT);
        run_until(f, store_is_held); /* the list is read back */
        fake_store_hold(f->service.store, STORE_PUT_OBJECT);
        fake_store_let_go(f->service.store, STORE_GET_OBJECT);
        run_until(f, record_is_in_ledger);
}
