/* What a restore refuses before it changes anything (rule 10), with job/source.c reading the
 * backup */
#include <errno.h>

#include "repository/names.h"
#include "unit/job/restore-fixture.h"

static void refuse(JobFixture *f, RestoreRequest *request, ErrorKind kind) {
        run_restore(f, request);
        assert_job_failed(f, kind);
        assert_nothing_changed(f);
}

static void remove_named(JobFixture *f, const char *name) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s/%s", INSTANCE, ID, name);
        fake_store_drop_object(f->service.store, path);
}

static void rule_10_a_backup_that_is_not_there_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        fake_store_drop_object(f->service.store, INSTANCE "/" ID "/backup.json");
        fake_store_drop_object(f->service.store, INSTANCE "/" ID "/segments");
        fake_store_drop_object(f->service.store, INSTANCE "/" ID "/backup.tar.age");
        refuse(f, &request, ERROR_NO_SUCH_BACKUP);
        assert_non_null(strstr(f->error.message, ID));
}

static void rule_10_a_backup_that_is_not_completed_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        remove_named(f, "backup.json");
        refuse(f, &request, ERROR_NOT_COMPLETED);
}

static void resign(JobFixture *f, const SigningKey *key) {
        Record record = {0};

        read_record(f, ID, &record);
        put_record(f, key, &record);
        record_done(&record);
}

static void rule_9_a_key_that_is_not_trusted_is_refused_and_shown(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        resign(f, f->other_key);
        refuse(f, &request, ERROR_UNTRUSTED);
        assert_non_null(strstr(f->error.message, signing_key_public(f->other_key)));
        assert_non_null(strstr(f->error.message, "trust"));
}

static void rule_9_a_key_given_with_the_call_is_trusted_for_it(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.trust = signing_key_public(f->other_key)}, again = {0};

        resign(f, f->other_key);
        run_restore(f, &request);
        assert_job_done(f);
        run_restore(f, &again);
        assert_job_failed(f, ERROR_UNTRUSTED);
}

/* One character of the signature is another. */
static void spoil_signature(JobFixture *f) {
        const char *name = INSTANCE "/" ID "/backup.json";
        size_t size;
        const char *text = fake_store_data(f->service.store, name, &size);
        CLEANUP(cleanup_free) char *copy = malloc(size);

        memcpy(copy, text, size);
        char *signature = memmem(copy, size, "\"sig\"", 5);
        assert_non_null(signature);
        signature = strchr(signature + 5, '"') + 10;
        *signature = *signature == 'A' ? 'B' : 'A';
        fake_store_put(f->service.store, name, copy, size);
}

static void rule_9_a_bad_signature_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        spoil_signature(f);
        refuse(f, &request, ERROR_SIGNATURE);
        assert_non_null(strstr(f->error.message, "backup.json"));
}

static void rule_9_a_bad_signature_is_taken_when_that_was_asked_for(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.accept_unsigned = true};

        spoil_signature(f);
        run_restore(f, &request);
        assert_job_done(f);
}

static void a_record_that_is_of_another_backup_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        CLEANUP(cleanup_free) char *copy = NULL;
        size_t size;
        Record record = {0};
        read_record(f, ID, &record);
        free(record.id);
        record.id = strdup(OTHER_ID);
        free(record.volume.name);
        record.volume.name = strdup(INSTANCE "/" OTHER_ID "/backup.tar.age");
        put_record(f, f->service.signing_key, &record);
        record_done(&record);
        const char *text =
                fake_store_data(f->service.store, INSTANCE "/" OTHER_ID "/backup.json", &size);
        copy = malloc(size);
        memcpy(copy, text, size);
        fake_store_put(f->service.store, INSTANCE "/" ID "/backup.json", copy, size);
        refuse(f, &request, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, OTHER_ID));
}

static void a_backup_of_another_instance_is_found_by_its_id(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        /* The store is as it was; the host now has another name. */
        free(f->config.instance);
        f->config.instance = strdup("elsewhere");
        run_restore(f, &request);
        assert_job_done(f);
}

static void a_list_of_segments_that_is_another_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        fake_store_put(f->service.store, INSTANCE "/" ID "/segments", "nonsense\n", 9);
        refuse(f, &request, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "list of segments"));
}

static void a_list_of_segments_that_is_missing_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        remove_named(f, "segments");
        refuse(f, &request, ERROR_INTEGRITY);
}

static void rule_10_a_missing_segment_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *name = segment_name(f, 4);

        fake_store_drop_segment(f->service.store, name);
        refuse(f, &request, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "is not whole"));
}

static void rule_10_a_damaged_header_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *name = segment_name(f, 0);

        fake_store_spoil_segment(f->service.store, name, 30);
        refuse(f, &request, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "segment 0 of backup"));
}

static void rule_10_of_a_deleted_backup_only_delete_json_may_be_left(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, ID, OBJECT_DELETE);

        remove_named(f, "backup.json");
        remove_named(f, "backup.tar.age");
        remove_named(f, "segments");
        fake_store_put(f->service.store, name, "{}", 2);
        refuse(f, &request, ERROR_NO_SUCH_BACKUP);
}

static void rule_10_a_backup_that_is_being_deleted_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, ID, OBJECT_DELETE);

        remove_named(f, "backup.json");
        fake_store_put(f->service.store, name, "{}", 2);
        refuse(f, &request, ERROR_NOT_COMPLETED);
}

/* The digest of the header is what binds the key to the record. */
static void rule_10_a_header_that_is_not_the_records_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        Record record = {0};

        read_record(f, ID, &record);
        record.header_sha256[0] = record.header_sha256[0] == '0' ? '1' : '0';
        put_record(f, f->service.signing_key, &record);
        record_done(&record);
        refuse(f, &request, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, "header"));
}

static void rule_10_another_identity_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *identity = NULL, *recipient = NULL;

        assert_int_equal(age_keygen(&identity, &recipient, NULL), 0);
        assert_int_equal(
                age_identities_parse(identity, strlen(identity), "test", &request.identities, NULL),
                0);
        refuse(f, &request, ERROR_WRONG_IDENTITY);
}

static void rule_10_no_identity_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};
        void *work;

        strcpy(request.backup_id, ID);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        assert_int_equal(restore_new(&f->service, &request, &work, NULL), 0);
        begin_job(f, JOB_RESTORE, ID, &restore_functions, work);
        finish_job(f);
        assert_job_failed(f, ERROR_NO_IDENTITY);
        assert_nothing_changed(f);
}

static void rule_10_a_database_the_backup_lacks_is_refused(void **state) {
        JobFixture *f = *state;
        StringList databases = {0};
        RestoreRequest request = {.databases = &databases};

        assert_int_equal(string_list_add(&databases, "DB9"), 0);
        refuse(f, &request, ERROR_NO_SUCH_DATABASE);
        assert_non_null(strstr(f->error.message, "DB9"));
        string_list_done(&databases);
}

static void rule_10_an_instance_that_runs_is_in_the_way(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        fake_oracle.instance_runs = true;
        refuse(f, &request, ERROR_DATABASE_EXISTS);
        assert_non_null(strstr(f->error.message, "ora_pmon_DB1"));
        assert_non_null(strstr(f->error.message, "overwrite"));
}

static void in_the_way(JobFixture *f, const char *directory, const char *name) {
        RestoreRequest request = {0};
        CLEANUP(cleanup_free) char *parent = path_of(f, directory);
        CLEANUP(cleanup_free) char *path = path_join(parent, name);

        assert_int_equal(directory_make(parent, 0750, NULL), 0);
        assert_int_equal(file_write_durably(path, "x", 1, 0600, NULL), 0);
        run_restore(f, &request);
        assert_job_failed(f, ERROR_DATABASE_EXISTS);
        assert_non_null(strstr(f->error.message, path));
        assert_nothing_fetched_is_left(f);
        assert_int_equal(file_count(parent), 1);
}

static void rule_10_a_parameter_file_is_in_the_way(void **state) {
        in_the_way(*state, "oracle/dbs", "initDB2.ora");
}

static void rule_10_a_data_file_is_in_the_way(void **state) {
        in_the_way(*state, "oracle/oradata/DB2", "system01.dbf");
}

static void rule_10_a_home_that_cannot_be_asked_is_refused(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {0};

        fake_oracle_fail(FAKE_LOCATE, "DB2", 1, ERROR_ORACLE, "");
        refuse(f, &request, ERROR_ORACLE);
}

static void a_store_that_is_away_is_its_own_error(void **state) {
        static const StoreOperationType at[] = {
                STORE_GET_OBJECT, STORE_GET_SEGMENT, STORE_STAT_SEGMENT};
        JobFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(at); i++) {
                RestoreRequest request = {0};

                fake_store_fail(
                        f->service.store, at[i], NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
                refuse(f, &request, ERROR_STORE_UNAVAILABLE);
        }
}

static void a_key_that_is_none_is_refused_at_once(void **state) {
        JobFixture *f = *state;
        RestoreRequest request = {.backup_id = ID, .trust = "ed25519:nonsense"};
        Error error = {0};
        void *work;

        assert_true(restore_new(&f->service, &request, &work, &error) < 0);
        assert_true(error_is_set(&error));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                RESTORE_TEST(rule_10_a_backup_that_is_not_there_is_refused),
                RESTORE_TEST(rule_10_a_backup_that_is_not_completed_is_refused),
                RESTORE_TEST(rule_9_a_key_that_is_not_trusted_is_refused_and_shown),
                RESTORE_TEST(rule_9_a_key_given_with_the_call_is_trusted_for_it),
                RESTORE_TEST(rule_9_a_bad_signature_is_refused),
                RESTORE_TEST(rule_9_a_bad_signature_is_taken_when_that_was_asked_for),
                RESTORE_TEST(a_record_that_is_of_another_backup_is_refused),
                RESTORE_TEST(a_backup_of_another_instance_is_found_by_its_id),
                RESTORE_TEST(a_list_of_segments_that_is_another_is_refused),
                RESTORE_TEST(a_list_of_segments_that_is_missing_is_refused),
                RESTORE_TEST(rule_10_a_missing_segment_is_refused),
                RESTORE_TEST(rule_10_a_damaged_header_is_refused),
                RESTORE_TEST(rule_10_of_a_deleted_backup_only_delete_json_may_be_left),
                RESTORE_TEST(rule_10_a_backup_that_is_being_deleted_is_refused),
                RESTORE_TEST(rule_10_a_header_that_is_not_the_records_is_refused),
                RESTORE_TEST(rule_10_another_identity_is_refused),
                RESTORE_TEST(rule_10_no_identity_is_refused),
                RESTORE_TEST(rule_10_a_database_the_backup_lacks_is_refused),
                RESTORE_TEST(rule_10_an_instance_that_runs_is_in_the_way),
                RESTORE_TEST(rule_10_a_parameter_file_is_in_the_way),
                RESTORE_TEST(rule_10_a_data_file_is_in_the_way),
                RESTORE_TEST(rule_10_a_home_that_cannot_be_asked_is_refused),
                RESTORE_TEST(a_store_that_is_away_is_its_own_error),
                RESTORE_TEST(a_key_that_is_none_is_refused_at_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
