/* job/download.c and job/source.c by themselves: what a restore does not let them meet */
#include <errno.h>
#include <sys/stat.h>

#include "job/download.h"
#include "unit/job/restore-fixture.h"

typedef struct Fetched {
        JobFixture *f;
        Source source;
        AgePayload payload;
        DownloadFile file; /* one piece */
        Download *download;
        Error error;
        unsigned n_sources, n_done, n_stopped;
        uint64_t bytes;
} Fetched;

static Fetched fetched;

static void on_source(Source *source, const Error *err, void *userdata) {
        Fetched *to = userdata;

        to->n_sources++;
        if (err != NULL) {
                to->error = *err;
                return;
        }
        to->source = *source;
        *source = (Source){0};
}

static bool source_is_read(JobFixture *f) {
        (void)f;
        return fetched.n_sources > 0;
}

static bool is_done(JobFixture *f) {
        (void)f;
        return fetched.n_done > 0;
}

static bool is_stopped(JobFixture *f) {
        (void)f;
        return fetched.n_stopped > 0;
}

static bool files_are_made(JobFixture *f) {
        CLEANUP(cleanup_free) char *directory = path_of(f, "target");
        return file_count(directory) > 0;
}

static bool payload_is_known;

static void on_first_segment(const StoreReply *reply, void *userdata) {
        assert_int_equal(reply->r, 0);
        *(bool *)userdata = true;
}

static bool has_first_segment(JobFixture *f) {
        (void)f;
        return payload_is_known;
}

static void open_payload(JobFixture *f) {
        const Record *record = &fetched.source.record;
        StoreSegment segment = {
                .attempt = {record->instance, record->id, record->volume.attempt},
                .size = (size_t)fetched.source.segments[0].size,
                .md5 = fetched.source.segments[0].md5,
        };
        uint8_t *bytes = malloc(segment.size);
        StoreRequest *request;
        size_t offset;

        payload_is_known = false;
        assert_int_equal(
                store_get_segment(
                        f->service.store,
                        &segment,
                        bytes,
                        &(StoreCall){on_first_segment, &payload_is_known, &request},
                        NULL),
                0);
        run_until(f, has_first_segment);
        assert_int_equal(
                age_header_open(
                        f->identities, bytes, segment.size, &fetched.payload, &offset, NULL),
                0);
        free(bytes);
}

static void read_source(JobFixture *f) {
        SourceReader *reader;
        SourceOptions options = {
                .service = &f->service,
                .trusted = f->settings.trusted,
                .backup_id = ID,
                .on_done = on_source,
                .userdata = &fetched,
        };
        assert_int_equal(source_reader_start(&options, &reader, NULL), 0);
        run_until(f, source_is_read);
        source_reader_free(reader);
}

static int setup(void **state) {
        int r = restore_fixture_setup(state);
        JobFixture *f = *state;

        fetched = (Fetched){.f = f};
        read_source(f);
        assert_false(error_is_set(&fetched.error));
        open_payload(f);
        fetched.file = (DownloadFile){.member = 1, .target = path_of(f, "target/piece")};
        return r;
}

static int teardown(void **state) {
        JobFixture *f = *state;

        download_free(fetched.download);
        run_a_while(f);
        source_done(&fetched.source);
        free(fetched.file.target);
        return restore_fixture_teardown(state);
}

static void on_progress(uint64_t bytes, uint32_t segments, void *userdata) {
        Fetched *to = userdata;

        assert_true(bytes > to->bytes);
        assert_true(segments <= to->source.n_segments);
        to->bytes = bytes;
}

static void on_done(const Error *err, void *userdata) {
        Fetched *to = userdata;

        to->n_done++;
        if (err != NULL)
                to->error = *err;
}

static void on_stopped(void *userdata) {
        Fetched *to = userdata;
        to->n_stopped++;
}

static void begin(JobFixture *f) {
        DownloadOptions options = {
                .service = &f->service,
                .settings = &f->settings,
                .source = &fetched.source,
                .payload = &fetched.payload,
                .files = &fetched.file,
                .n_files = 1,
                .on_progress = on_progress,
                .on_done = on_done,
                .userdata = &fetched,
        };
        assert_int_equal(download_start(&options, &fetched.download, NULL), 0);
}

static void stop(JobFixture *f) {
        download_stop(fetched.download, on_stopped, &fetched);
        run_until(f, is_stopped);
}

static char *part_of(const char *target) {
        char *part = string_printf("%s.part", target);
        assert_non_null(part);
        return part;
}

static void only_what_is_wanted_is_written(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *directory = path_of(f, "target");
        const RecordMember *member = &fetched.source.record.members[1];

        begin(f);
        run_until(f, is_done);
        assert_false(error_is_set(&fetched.error));
        assert_int_equal(file_count(directory), 1);
        assert_true(is_pattern(fetched.file.target, member->size, 1u + '1'));
        assert_int_equal(fetched.bytes, fetched.source.record.volume.size);
        stop(f);
}

static void rule_11_a_file_that_has_the_temporary_name_is_not_touched(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *part = part_of(fetched.file.target);
        CLEANUP(cleanup_free) char *directory = path_of(f, "target");
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;

        assert_int_equal(directory_make(directory, 0750, NULL), 0);
        assert_int_equal(file_write_durably(part, "mine", 4, 0600, NULL), 0);
        begin(f);
        run_until(f, is_done);
        assert_true(error_is_set(&fetched.error));
        assert_non_null(strstr(fetched.error.message, part));
        assert_int_equal(file_read(part, 10, ERROR_INTERNAL, &text, &size, NULL), 0);
        assert_string_equal(text, "mine");
        stop(f);
}

static void rule_11_a_link_with_the_temporary_name_is_not_followed(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *part = part_of(fetched.file.target);
        CLEANUP(cleanup_free) char *directory = path_of(f, "target");
        CLEANUP(cleanup_free) char *elsewhere = path_of(f, "elsewhere");

        assert_int_equal(directory_make(directory, 0750, NULL), 0);
        assert_int_equal(symlink(elsewhere, part), 0);
        begin(f);
        run_until(f, is_done);
        assert_true(error_is_set(&fetched.error));
        assert_int_not_equal(access(elsewhere, F_OK), 0);
        stop(f);
}

static void each_segment_is_checked(void **state) {
        JobFixture *f = *state;
        size_t n = fetched.source.n_segments;

        for (size_t i = 0; i < n; i++) {
                CLEANUP(cleanup_free) char *name = segment_name(f, i);
                CLEANUP(cleanup_free) char *part = part_of(fetched.file.target);
                CLEANUP(cleanup_free)
                char *expected = string_printf("segment %zu of backup %s", i, ID);
                size_t at = (size_t)fetched.source.segments[i].size / 2;

                fetched.n_done = fetched.n_stopped = 0;
                fetched.bytes = 0;
                fake_store_spoil_segment(f->service.store, name, at);
                begin(f);
                run_until(f, is_done);
                stop(f);
                fetched.download = download_free(fetched.download);
                fake_store_spoil_segment(f->service.store, name, at); /* mends it */
                assert_int_equal(fetched.error.kind, ERROR_INTEGRITY);
                assert_non_null(strstr(fetched.error.message, expected));
                assert_int_equal(fetched.n_done, 1);
                assert_int_not_equal(access(fetched.file.target, F_OK), 0);
                (void)unlink(part);
        }
}

static void a_key_that_is_not_the_backups_opens_nothing(void **state) {
        JobFixture *f = *state;

        fetched.payload.key[0] ^= 1;
        begin(f);
        run_until(f, is_done);
        assert_int_equal(fetched.error.kind, ERROR_INTEGRITY);
        assert_int_not_equal(access(fetched.file.target, F_OK), 0);
        stop(f);
}

static void a_stop_right_after_the_start_is_heeded(void **state) {
        JobFixture *f = *state;

        begin(f);
        stop(f);
        run_a_while(f);
        assert_int_equal(fetched.n_done, 0);
        assert_int_equal(fetched.bytes, 0);
}

static void a_stop_while_segments_are_on_their_way_is_heeded(void **state) {
        JobFixture *f = *state;

        fake_store_hold(f->service.store, STORE_GET_SEGMENT);
        begin(f);
        run_until(f, store_is_held);
        assert_true(files_are_made(f));
        assert_int_equal(fake_store_held_count(f->service.store), f->config.concurrency);
        stop(f);
        fake_store_let_go(f->service.store, STORE_GET_SEGMENT);
        run_a_while(f);
        assert_int_equal(fetched.n_done, 0);
        assert_int_not_equal(access(fetched.file.target, F_OK), 0);
}

static void a_stop_after_a_failure_waits_for_the_rest(void **state) {
        JobFixture *f = *state;

        fake_store_fail(
                f->service.store, STORE_GET_SEGMENT, NULL, 1, ERROR_STORE_UNAVAILABLE, -EHOSTDOWN);
        begin(f);
        run_until(f, is_done);
        stop(f);
        assert_int_equal(fetched.error.kind, ERROR_STORE_UNAVAILABLE);
        assert_int_equal(fetched.n_done, 1);
}

static void a_record_whose_offsets_are_not_those_of_the_tar_is_refused(void **state) {
        JobFixture *f = *state;
        Error error = {0};
        DownloadOptions options = {
                .service = &f->service,
                .settings = &f->settings,
                .source = &fetched.source,
                .payload = &fetched.payload,
                .files = &fetched.file,
                .n_files = 1,
                .userdata = &fetched,
        };

        fetched.source.record.members[2].offset += 512;
        assert_true(download_start(&options, &fetched.download, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTEGRITY);
        assert_non_null(strstr(error.message, fetched.source.record.members[2].path));
        assert_false(files_are_made(f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(only_what_is_wanted_is_written, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        rule_11_a_file_that_has_the_temporary_name_is_not_touched, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        rule_11_a_link_with_the_temporary_name_is_not_followed, setup, teardown),
                cmocka_unit_test_setup_teardown(each_segment_is_checked, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_key_that_is_not_the_backups_opens_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_stop_right_after_the_start_is_heeded, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_stop_while_segments_are_on_their_way_is_heeded, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_stop_after_a_failure_waits_for_the_rest, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_record_whose_offsets_are_not_those_of_the_tar_is_refused,
                        setup,
                        teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
