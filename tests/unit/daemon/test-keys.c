/* daemon/keys.c */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "daemon/keys.h"
#include "fakes/clock.h"
#include "unit/test.h"

static const uint64_t DAY_USEC = UINT64_C(86400) * 1000 * 1000;
static const uint64_t NOVEMBER_22 = UINT64_C(1795305600) * 1000 * 1000;

typedef struct Fixture {
        char state[64];
        OwnKeys keys;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        *state = f;
        strcpy(f->state, "/tmp/test-keys-XXXXXX");
        assert_non_null(mkdtemp(f->state));
        unsetenv("CREDENTIALS_DIRECTORY");
        clock_fake_set(1, NOVEMBER_22);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        own_keys_done(&f->keys);
        unsetenv("CREDENTIALS_DIRECTORY");
        directory_remove_tree(f->state, NULL);
        free(f);
        return 0;
}

static void write_key(const Fixture *f, const char *name, mode_t mode) {
        char *pem = NULL;
        size_t size = 0;
        CLEANUP(cleanup_free) char *directory = path_join(f->state, "signing");
        CLEANUP(cleanup_free) char *path = path_join(directory, name);
        assert_int_equal(directory_make(directory, 0700, NULL), 0);
        assert_int_equal(signing_key_generate(&pem, &size, NULL), 0);
        assert_int_equal(file_write_durably(path, pem, size, mode, NULL), 0);
        free(pem);
}

static void the_first_start_makes_a_key_that_only_we_can_read(void **state) {
        Fixture *f = *state;
        struct stat st;
        assert_int_equal(own_keys_load(f->state, &f->keys, NULL), 0);
        assert_true(f->keys.made);
        assert_int_equal(f->keys.public.n, 1);
        assert_string_equal(f->keys.public.items[0], signing_key_public(f->keys.key));
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/signing/20261122T000000Z.pem", f->state);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void the_next_start_uses_the_same_key(void **state) {
        Fixture *f = *state;
        OwnKeys again = {0};
        assert_int_equal(own_keys_load(f->state, &f->keys, NULL), 0);
        clock_fake_set(1, NOVEMBER_22 + DAY_USEC);
        assert_int_equal(own_keys_load(f->state, &again, NULL), 0);
        assert_false(again.made);
        assert_string_equal(signing_key_public(again.key), signing_key_public(f->keys.key));
        own_keys_done(&again);
}

static void the_newest_key_signs_and_older_ones_stay_known(void **state) {
        Fixture *f = *state;
        write_key(f, "20250101T000000Z.pem", 0600);
        write_key(f, "20260101T000000Z.pem", 0600);
        assert_int_equal(own_keys_load(f->state, &f->keys, NULL), 0);
        assert_int_equal(f->keys.public.n, 2);
        assert_string_equal(f->keys.public.items[1], signing_key_public(f->keys.key));
}

static void a_credential_comes_before_the_files(void **state) {
        Fixture *f = *state;
        char *pem = NULL;
        size_t size = 0;
        CLEANUP(cleanup_free) char *path = path_join(f->state, "signing-key");
        write_key(f, "20260101T000000Z.pem", 0600);
        assert_int_equal(signing_key_generate(&pem, &size, NULL), 0);
        assert_int_equal(file_write_durably(path, pem, size, 0400, NULL), 0);
        free(pem);
        setenv("CREDENTIALS_DIRECTORY", f->state, 1);
        assert_int_equal(own_keys_load(f->state, &f->keys, NULL), 0);
        assert_int_equal(f->keys.public.n, 2);
        assert_string_equal(f->keys.public.items[1], signing_key_public(f->keys.key));
}

static void a_key_that_others_can_read_is_refused_by_name(void **state) {
        Fixture *f = *state;
        Error error = {0};
        write_key(f, "20260101T000000Z.pem", 0644);
        assert_true(own_keys_load(f->state, &f->keys, &error) < 0);
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.message, "20260101T000000Z.pem"));
        assert_non_null(strstr(error.message, "0600"));
}

static void a_file_that_is_no_key_is_refused_by_name(void **state) {
        Fixture *f = *state;
        Error error = {0};
        CLEANUP(cleanup_free) char *directory = path_join(f->state, "signing");
        CLEANUP(cleanup_free) char *path = path_join(directory, "20260101T000000Z.pem");
        assert_int_equal(directory_make(directory, 0700, NULL), 0);
        assert_int_equal(file_write_durably(path, "x", 1, 0600, NULL), 0);
        assert_true(own_keys_load(f->state, &f->keys, &error) < 0);
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.message, "20260101T000000Z.pem"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(the_first_start_makes_a_key_that_only_we_can_read),
                CASE(the_next_start_uses_the_same_key),
                CASE(the_newest_key_signs_and_older_ones_stay_known),
                CASE(a_credential_comes_before_the_files),
                CASE(a_key_that_others_can_read_is_refused_by_name),
                CASE(a_file_that_is_no_key_is_refused_by_name),
        };
        return cmocka_run_group_tests_name("daemon/keys", tests, NULL, NULL);
}
