/* job/upload.c with the real sealing and a store in memory */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "event/timer.h"
#include "fakes/store.h"
#include "job/upload.h"
#include "stream/age.h"
#include "stream/digest.h"
#include "unit/test.h"

enum { SEGMENT = 128 * 1024, PIECE = 100 * 1000 };

static const char ID[] = "0b8f2a52-8e0e-4a8b-9c59-3d6b5a1f4c11";

typedef struct Fixture {
        char directory[64];
        Service service;
        Settings settings;
        Config config;
        AgeIdentities *identities;
        Timer *timer;
        Upload *upload;
        unsigned n_ready, n_progress, n_done, n_stopped;
        unsigned n_members;
        Error error;
        bool quit_on_ready, quit_on_done, quit_on_stopped;
} Fixture;

static void quit(void *userdata) {
        Fixture *f = userdata;
        loop_stop(f->service.loop, 0);
}

/* Lets everything happen that can happen now. */
static void turn(Fixture *f) {
        timer_arm(f->timer, 50);
        loop_run(f->service.loop);
}

static void on_ready(void *userdata) {
        Fixture *f = userdata;
        f->n_ready++;
        if (f->quit_on_ready)
                loop_stop(f->service.loop, 0);
}

static void on_progress(void *userdata) {
        Fixture *f = userdata;
        f->n_progress++;
}

static void on_done(const Error *err, void *userdata) {
        Fixture *f = userdata;
        f->n_done++;
        if (err != NULL)
                f->error = *err;
        if (f->quit_on_done)
                loop_stop(f->service.loop, 0);
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;
        f->n_stopped++;
        loop_stop(f->service.loop, 0);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        CLEANUP(cleanup_free) char *identity = NULL, *recipient = NULL;

        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        strcpy(f->directory, "/tmp/orabackup-upload-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        assert_int_equal(loop_new(&f->service.loop, NULL), 0);
        assert_int_equal(timer_new(f->service.loop, quit, f, &f->timer, NULL), 0);
        assert_int_equal(
                work_pool_new(f->service.loop, "sealing", 2, 64, &f->service.sealing, NULL), 0);
        assert_int_equal(fake_store_new(f->service.loop, &f->service.store, NULL), 0);
        assert_int_equal(age_keygen(&identity, &recipient, NULL), 0);
        assert_int_equal(
                age_recipients_parse(
                        recipient, strlen(recipient), "test", &f->settings.recipients, NULL),
                0);
        assert_int_equal(
                age_identities_parse(identity, strlen(identity), "test", &f->identities, NULL), 0);
        f->service.runtime_directory = f->directory;
        f->config.instance = strdup("db");
        f->config.segment_size = SEGMENT;
        f->config.concurrency = 3;
        f->config.threads = 2;
        f->settings.config = &f->config;
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (f->upload != NULL && f->n_stopped == 0) {
                upload_stop(f->upload, on_stopped, f);
                loop_run(f->service.loop);
        }
        upload_free(f->upload);
        age_recipients_free(f->settings.recipients);
        age_identities_free(f->identities);
        timer_free(f->timer);
        store_free(f->service.store);
        work_pool_free(f->service.sealing);
        loop_free(f->service.loop);
        free(f->config.instance);
        assert_int_equal(directory_remove_tree(f->directory, NULL), 0);
        free(f);
        return 0;
}

static void begin_with_limit(Fixture *f, uint64_t max_segments) {
        UploadOptions options = {
                .service = &f->service,
                .settings = &f->settings,
                .backup_id = ID,
                .attempt = "0123abcd",
                .max_segments = max_segments,
                .on_ready = on_ready,
                .on_progress = on_progress,
                .on_done = on_done,
                .userdata = f,
        };
        f->quit_on_ready = true;
        assert_int_equal(upload_start(&options, &f->upload, NULL), 0);
        loop_run(f->service.loop);
        f->quit_on_ready = false;
        assert_int_equal(f->n_ready, 1);
}

static void begin(Fixture *f) {
        begin_with_limit(f, UINT64_MAX);
}

/* A file of `size` bytes that are not all alike joins the tar. */
static int add(Fixture *f, size_t size, Error *err) {
        char name[32], source[128];
        uint8_t *bytes = malloc(size + 1);
        uint64_t offset;

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 31 + i / 256 + f->n_members);
        snprintf(name, sizeof(name), "piece%u", f->n_members++);
        snprintf(source, sizeof(source), "%s/%s", f->directory, name);
        assert_int_equal(file_write_durably(source, bytes, size, 0600, NULL), 0);
        free(bytes);
        TarMember member = {name, source, size, 0640, 1700000000};
        return upload_add(f->upload, &member, &offset, err);
}

static void finish(Fixture *f) {
        f->quit_on_done = true;
        assert_int_equal(upload_close(f->upload, NULL), 0);
        loop_run(f->service.loop);
        assert_int_equal(f->n_done, 1);
}

/* ---- what was stored, opened again ---- */

typedef struct Plaintext {
        uint8_t *bytes;
        size_t size;
} Plaintext;

static int take(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        Plaintext *plaintext = userdata;

        plaintext->bytes = realloc(plaintext->bytes, offset + size + 1);
        memcpy(plaintext->bytes + offset, bytes, size);
        plaintext->size = offset + size;
        return 0;
}

static void on_got(const StoreReply *reply, void *userdata) {
        Fixture *f = userdata;
        assert_int_equal(reply->r, 0);
        loop_stop(f->service.loop, 0);
}

static uint8_t *
stored_segment(Fixture *f, const UploadResult *result, size_t index, size_t *ret_size) {
        StoreSegment segment = {
                .attempt = {"db", ID, "0123abcd"},
                .index = index,
                .offset = age_segment_offset(result->payload_offset, SEGMENT, index),
                .size = (size_t)result->segments[index].size,
                .md5 = result->segments[index].md5,
        };
        uint8_t *bytes = malloc(segment.size);
        StoreRequest *request;

        assert_int_equal(
                store_get_segment(
                        f->service.store, &segment, bytes, &(StoreCall){on_got, f, &request}, NULL),
                0);
        loop_run(f->service.loop);
        *ret_size = segment.size;
        return bytes;
}

static Plaintext open_all(Fixture *f) {
        Plaintext plaintext = {0};
        AgePayload payload;
        size_t offset = 0;
        UploadResult result;

        upload_result(f->upload, &result);
        for (size_t i = 0; i < result.n_segments; i++) {
                size_t size;
                uint8_t *bytes = stored_segment(f, &result, i, &size);
                char md5[65];

                if (i == 0)
                        assert_int_equal(
                                age_header_open(
                                        f->identities, bytes, size, &payload, &offset, NULL),
                                0);
                assert_int_equal(size, result.segments[i].size);
                assert_int_equal(digest_hex(DIGEST_MD5, bytes, size, md5, NULL), 0);
                assert_string_equal(md5, result.segments[i].md5);
                assert_int_equal(
                        age_segment_open(
                                &(AgeFile){&payload, SEGMENT, NULL, offset},
                                &(AgeSealedSegment){i, i + 1 == result.n_segments, bytes, size},
                                take,
                                &plaintext,
                                NULL),
                        0);
                free(bytes);
        }
        assert_int_equal(result.payload_offset, offset);
        return plaintext;
}

static void assert_plaintext_is_the_layout(Fixture *f) {
        Plaintext plaintext = open_all(f);
        const TarLayout *layout = upload_layout(f->upload);

        assert_int_equal(plaintext.size, tar_layout_size(layout));
        for (unsigned i = 0; i < f->n_members; i++) {
                size_t size;
                const uint8_t *header = tar_layout_header(layout, i, &size);
                assert_non_null(memmem(plaintext.bytes, plaintext.size, header, size));
        }
        free(plaintext.bytes);
}

/* ---- tests ---- */

static void segments_leave_while_the_layout_is_still_open(void **state) {
        Fixture *f = *state;

        begin(f);
        for (int i = 0; i < 4; i++)
                assert_int_equal(add(f, PIECE, NULL), 0);
        turn(f);
        assert_false(tar_layout_is_closed(upload_layout(f->upload)));
        assert_int_equal(upload_stored_segments(f->upload), 3);
        assert_int_equal(upload_stored_below(f->upload), 3 * SEGMENT);
        assert_int_equal(f->n_done, 0);
}

static void what_is_stored_opens_to_the_tar(void **state) {
        Fixture *f = *state;

        begin(f);
        for (int i = 0; i < 20; i++)
                assert_int_equal(add(f, (size_t)(i * 7919), NULL), 0);
        finish(f);
        assert_false(error_is_set(&f->error));
        assert_plaintext_is_the_layout(f);
        assert_int_equal(upload_stored_below(f->upload), tar_layout_size(upload_layout(f->upload)));
}

/* The tar ends with two zero blocks: the member's size puts its last byte where it is wanted. */
static void ends_at(Fixture *f, int beyond_border) {
        begin(f);
        assert_int_equal(add(f, (size_t)(2 * SEGMENT - 3 * 512), NULL), 0);
        if (beyond_border > 0)
                assert_int_equal(add(f, 0, NULL), 0);
        finish(f);
        assert_false(error_is_set(&f->error));
        assert_int_equal(
                fake_store_segment_count(f->service.store, "db/"), beyond_border > 0 ? 3 : 2);
        assert_plaintext_is_the_layout(f);
}

static void a_tar_that_ends_on_a_border_has_no_empty_last_segment(void **state) {
        ends_at(*state, 0);
}

static void a_tar_that_ends_after_a_border_has_a_short_last_segment(void **state) {
        ends_at(*state, 512);
}

static size_t key_file_lines(Fixture *f) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s.0123abcd.key", f->directory, ID);
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size, n = 0;

        assert_int_equal(file_read(path, 1024 * 1024, ERROR_INTERNAL, &text, &size, NULL), 0);
        for (size_t i = 0; i < size; i++)
                n += text[i] == '\n';
        return n;
}

static void rule_7_a_digest_is_written_before_its_segment_leaves(void **state) {
        Fixture *f = *state;

        begin(f);
        size_t before = key_file_lines(f);
        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        assert_int_equal(add(f, 2 * SEGMENT, NULL), 0);
        turn(f);
        assert_int_equal(fake_store_held_count(f->service.store), 2);
        assert_int_equal(fake_store_segment_count(f->service.store, "db/"), 0);
        assert_int_equal(key_file_lines(f) - before, 2);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
}

static void a_held_store_stops_sealing_when_the_buffers_are_full(void **state) {
        Fixture *f = *state;

        begin(f);
        size_t before = key_file_lines(f);
        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        for (int i = 0; i < 4; i++)
                assert_int_equal(add(f, 5 * SEGMENT, NULL), 0);
        turn(f);
        assert_int_equal(fake_store_held_count(f->service.store), f->config.concurrency);
        assert_int_equal(key_file_lines(f) - before, f->config.concurrency + f->config.threads);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        finish(f);
        assert_false(error_is_set(&f->error));
        assert_plaintext_is_the_layout(f);
}

static void a_segment_that_cannot_be_stored_ends_the_upload_once(void **state) {
        Fixture *f = *state;

        begin(f);
        fake_store_fail(
                f->service.store,
                STORE_PUT_SEGMENT,
                "00000001",
                1,
                ERROR_STORE_UNAVAILABLE,
                -EHOSTDOWN);
        f->quit_on_done = true;
        assert_int_equal(add(f, 8 * SEGMENT, NULL), 0);
        loop_run(f->service.loop);
        turn(f);
        assert_int_equal(f->n_done, 1);
        assert_int_equal(f->error.kind, ERROR_STORE_UNAVAILABLE);
        assert_non_null(strstr(f->error.message, "segment 1 of backup"));
        assert_non_null(strstr(f->error.message, ID));
}

static void a_staged_file_that_changed_is_an_integrity_error(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) char *source = string_printf("%s/piece0", f->directory);

        begin(f);
        f->config.threads = 1;
        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        assert_int_equal(add(f, 40 * SEGMENT, NULL), 0);
        assert_int_equal(truncate(source, 17), 0);
        f->quit_on_done = true;
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        loop_run(f->service.loop);
        assert_int_equal(f->error.kind, ERROR_INTEGRITY);
        assert_non_null(strstr(f->error.message, source));
}

static void more_segments_than_the_store_takes_is_too_large(void **state) {
        Fixture *f = *state;
        Error error = {0};

        begin_with_limit(f, 3);
        assert_int_equal(add(f, 3 * SEGMENT - 2 * 512, NULL), 0);
        assert_true(add(f, SEGMENT, &error) < 0);
        assert_int_equal(error.kind, ERROR_TOO_LARGE);
        assert_non_null(strstr(error.message, "segment_size"));
}

static void a_stop_waits_for_the_workers_and_calls_nobody_else(void **state) {
        Fixture *f = *state;

        begin(f);
        fake_store_hold(f->service.store, STORE_PUT_SEGMENT);
        assert_int_equal(add(f, 30 * SEGMENT, NULL), 0);
        upload_stop(f->upload, on_stopped, f);
        loop_run(f->service.loop);
        assert_int_equal(f->n_stopped, 1);
        f->upload = upload_free(f->upload);
        fake_store_let_go(f->service.store, STORE_PUT_SEGMENT);
        turn(f);
        assert_int_equal(f->n_done, 0);
        assert_int_equal(f->n_progress, 0);
}

static void a_stop_right_after_the_start_is_heeded(void **state) {
        Fixture *f = *state;
        UploadOptions options = {
                .service = &f->service,
                .settings = &f->settings,
                .backup_id = ID,
                .attempt = "0123abcd",
                .max_segments = 10,
                .on_ready = on_ready,
                .on_progress = on_progress,
                .on_done = on_done,
                .userdata = f,
        };

        assert_int_equal(upload_start(&options, &f->upload, NULL), 0);
        upload_stop(f->upload, on_stopped, f);
        loop_run(f->service.loop);
        assert_int_equal(f->n_stopped, 1);
        assert_int_equal(f->n_ready + f->n_done, 0);
}

static void wait_for_post(void *userdata) {
        sem_wait(userdata);
}

static void do_nothing(void *userdata) {
        (void)userdata;
}

/* The owner hears of a failure from the loop, and may have a piece to add before that. */
static void
a_member_added_to_an_upload_that_has_just_failed_fails_for_the_same_cause(void **state) {
        static const WorkFunctions functions = {wait_for_post, do_nothing, NULL};
        Fixture *f = *state;
        WorkPool *sealing = f->service.sealing, *full;
        sem_t sem;
        Error error = {0};

        begin(f);
        sem_init(&sem, 0, 0);
        assert_int_equal(work_pool_new(f->service.loop, "full", 1, 1, &full, NULL), 0);
        assert_int_equal(work_start(full, &functions, &sem, NULL, NULL), 0);
        while (work_start(full, &functions, &sem, NULL, NULL) < 0)
                sched_yield();
        f->service.sealing = full;
        assert_int_equal(add(f, 2 * SEGMENT, NULL), 0);
        assert_true(add(f, SEGMENT, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        error = (Error){0};
        assert_true(upload_close(f->upload, &error) < 0);
        assert_int_equal(error.kind, ERROR_BUSY);
        f->quit_on_done = true;
        loop_run(f->service.loop);
        assert_int_equal(f->n_done, 1);
        sem_post(&sem);
        sem_post(&sem);
        work_pool_free(full);
        sem_destroy(&sem);
        f->service.sealing = sealing;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        segments_leave_while_the_layout_is_still_open, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_stored_opens_to_the_tar, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_tar_that_ends_on_a_border_has_no_empty_last_segment, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_tar_that_ends_after_a_border_has_a_short_last_segment, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        rule_7_a_digest_is_written_before_its_segment_leaves, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_held_store_stops_sealing_when_the_buffers_are_full, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_segment_that_cannot_be_stored_ends_the_upload_once, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_staged_file_that_changed_is_an_integrity_error, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        more_segments_than_the_store_takes_is_too_large, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_stop_waits_for_the_workers_and_calls_nobody_else, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_stop_right_after_the_start_is_heeded, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_member_added_to_an_upload_that_has_just_failed_fails_for_the_same_cause,
                        setup,
                        teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
