/* job/chain.c: a chain is read from the youngest to its level 0, link by link, up to a limit (rule
 * 13) */
#include <stdio.h>

#include "base/limits.h"
#include "job/backup.h"
#include "job/chain.h"
#include "repository/names.h"
#include "stream/digest.h"
#include "unit/job/job-fixture.h"

static Chain chain;
static Error error;
static bool is_done;

static void on_done(Chain *found, const Error *err, void *userdata) {
        error = (Error){0};
        if (err != NULL) {
                error = *err;
        } else {
                chain = *found;
                *found = (Chain){0};
        }
        is_done = true;
}

static bool is_read(JobFixture *f) {
        return is_done;
}

static void read_chain(JobFixture *f, const char *id) {
        ChainOptions options = {
                .service = &f->service,
                .trusted = f->settings.trusted,
                .backup_id = id,
                .on_done = on_done,
        };
        ChainReader *reader = NULL;

        is_done = false;
        assert_int_equal(chain_reader_start(&options, &reader, NULL), 0);
        run_until(f, is_read);
        chain_reader_free(reader);
}

static void set(char **to, const char *value) {
        free(*to);
        *to = strdup(value);
        assert_non_null(*to);
}

static char *list_name(const char *id) {
        return object_name(INSTANCE, id, OBJECT_SEGMENTS);
}

/* The list of segments of a backup, as that of another one: its names hold the id. */
static void put_list(JobFixture *f, const char *id, Record *record) {
        CLEANUP(cleanup_free) char *from = list_name(record->id), *to = list_name(id);
        size_t size;
        const char *stored = fake_store_data(f->service.store, from, &size);
        char *list = strndup(stored, size);

        assert_non_null(list);
        for (char *at = strstr(list, record->id); at != NULL; at = strstr(at, record->id))
                memcpy(at, id, strlen(id));
        assert_int_equal(
                digest_hex(DIGEST_SHA256, list, size, record->volume.segments_sha256, NULL), 0);
        fake_store_put(f->service.store, to, list, size);
        free(list);
}

/* Its digest is what the next link names. */
static void put_link(JobFixture *f, const Record *record, char ret_sha256[65]) {
        char *payload;
        size_t size;

        assert_int_equal(record_print(record, &payload, &size, NULL), 0);
        assert_int_equal(digest_hex(DIGEST_SHA256, payload, size, ret_sha256, NULL), 0);
        free(payload);
        put_record(f, f->service.signing_key, record);
}

/* One more link on the last one, which the record is. */
static void grow(JobFixture *f, Record *record, unsigned n, char sha256[65]) {
        char id[37];
        CLEANUP(cleanup_free) char *name = NULL;

        snprintf(id, sizeof(id), "%08x-1111-4f6e-9d0c-2a2b2c2d2e2f", n);
        name = object_name(INSTANCE, id, OBJECT_TAR);
        put_list(f, id, record);
        record->level = 1;
        record->sequence++;
        set(&record->parent_id, record->id);
        memcpy(record->parent_sha256, sha256, 65);
        set(&record->id, id);
        set(&record->volume.name, name);
        put_link(f, record, sha256);
}

static void rule_13_a_chain_has_at_most_so_many_links(void **state) {
        JobFixture *f = *state;
        Record record = {0};
        char sha256[65];

        run_backup(f, ID);
        assert_job_done(f);
        forget_job(f);
        read_record(f, ID, &record);
        put_link(f, &record, sha256);
        for (unsigned n = 1; n < LIMIT_CHAIN_LINKS; n++)
                grow(f, &record, n, sha256);
        read_chain(f, record.id);
        assert_string_equal(error.message, "");
        assert_int_equal(chain.n, LIMIT_CHAIN_LINKS);
        assert_string_equal(chain.links[0].record.id, ID);
        assert_string_equal(chain_last(&chain)->record.id, record.id);
        chain_done(&chain);

        grow(f, &record, LIMIT_CHAIN_LINKS, sha256);
        read_chain(f, record.id);
        assert_int_equal(error.kind, ERROR_TOO_LARGE);
        assert_non_null(strstr(error.message, record.id));
        record_done(&record);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(rule_13_a_chain_has_at_most_so_many_links),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
