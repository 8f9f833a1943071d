/* See restore-fixture.h. */
#include "unit/job/restore-fixture.h"

#include <errno.h>

#include "repository/names.h"

int restore_fixture_setup(void **state) {
        int r = job_fixture_setup(state);
        JobFixture *f = *state;

        run_backup(f, ID);
        assert_job_done(f);
        forget_job(f);
        string_list_done(&fake_oracle.log);
        fake_oracle.log = (StringList){0};
        return r;
}

int restore_fixture_teardown(void **state) {
        return job_fixture_teardown(state);
}

void begin_restore(JobFixture *f, RestoreRequest *request) {
        void *work;

        strcpy(request->backup_id, ID);
        if (request->identities == NULL)
                assert_int_equal(
                        age_identities_parse(
                                f->identity_text,
                                strlen(f->identity_text),
                                "test",
                                &request->identities,
                                NULL),
                        0);
        assert_int_equal(restore_new(&f->service, request, &work, NULL), 0);
        begin_job(f, JOB_RESTORE, ID, &restore_functions, work);
}

void run_restore(JobFixture *f, RestoreRequest *request) {
        begin_restore(f, request);
        finish_job(f);
}

void assert_nothing_fetched_is_left(JobFixture *f) {
        assert_int_equal(file_count(f->config.backup_dir), 0);
        assert_int_equal(ledger_job_count(f), 0);
        assert_int_equal(ledger_owed_count(f), 0);
}

void assert_nothing_changed(JobFixture *f) {
        assert_nothing_fetched_is_left(f);
        assert_int_equal(file_count(fake_oracle.home_dir), 0);
        assert_int_equal(file_count(f->service.state_directory), 0);
        assert_int_equal(fake_oracle_calls(FAKE_OVERWRITE), 0);
        assert_int_equal(fake_oracle_calls(FAKE_RESTORE_RUN), 0);
}

bool is_pattern(const char *path, size_t size, unsigned seed) {
        CLEANUP(cleanup_free) char *data = NULL;
        size_t found;

        if (file_read(path, size + 1, ERROR_INTERNAL, &data, &found, NULL) < 0 || found != size)
                return false;
        for (size_t i = 0; i < size; i++)
                if ((uint8_t)data[i] != (uint8_t)(i * 7 + i / 251 + seed))
                        return false;
        return true;
}

char *segment_name(JobFixture *f, uint64_t index) {
        Record record = {0};
        char *name;

        read_record(f, ID, &record);
        const StoreAttempt attempt = {INSTANCE, ID, record.volume.attempt};
        name = store_segment_name(&attempt, index);
        record_done(&record);
        assert_non_null(name);
        return name;
}
