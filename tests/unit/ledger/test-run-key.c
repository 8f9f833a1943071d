/* ledger/run-key.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "ledger/run-key.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define FILE_NAME ID ".0badcafe.key"

static char directory[] = "/tmp/run-key-XXXXXX";
static const uint8_t key[32] = {0x01, 0xff};

static int setup(void **state) {
        strcpy(directory, "/tmp/run-key-XXXXXX");
        return mkdtemp(directory) != NULL ? 0 : -1;
}

static int teardown(void **state) {
        return directory_remove_tree(directory, NULL);
}

static char *content(struct stat *st) {
        CLEANUP(cleanup_free) char *path = path_join(directory, FILE_NAME);
        char *text;
        size_t size;
        assert_int_equal(stat(path, st), 0);
        assert_int_equal(file_read(path, 4096, ERROR_INTERNAL, &text, &size, NULL), 0);
        return text;
}

static void the_key_and_its_segments_are_one_file(void **state) {
        RunKey *run_key = NULL, *second = NULL;
        struct stat st;
        assert_int_equal(
                run_key_create(
                        directory,
                        ID,
                        "0badcafe",
                        &(RunKeyStart){
                                key,
                                "\x0a"
                                "b",
                                2},
                        &run_key,
                        NULL),
                0);
        assert_int_equal(
                run_key_append(run_key, 3, 33554632, "0cc175b9c0f1b6a831c399e269772661", NULL), 0);
        CLEANUP(cleanup_free) char *text = content(&st);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_non_null(strstr(text, "\nboot "));
        assert_non_null(strstr(
                text, "\nkey 01ff000000000000000000000000000000000000000000000000000000000000\n"));
        assert_non_null(strstr(text, "\nheader 0a62\n"));
        assert_non_null(strstr(text, "\nsegment 3 33554632 0cc175b9c0f1b6a831c399e269772661\n"));
        Error err = {0};
        assert_int_equal(
                run_key_create(
                        directory, ID, "0badcafe", &(RunKeyStart){key, "h", 1}, &second, &err),
                -EEXIST);
        assert_null(second);
        run_key_free(run_key);
        run_key_free(NULL);
}

static void keys_are_removed_and_other_files_stay(void **state) {
        RunKey *run_key = NULL;
        CLEANUP(cleanup_free) char *other = path_join(directory, "exec.sock.key");
        CLEANUP(cleanup_free) char *path = path_join(directory, FILE_NAME);
        assert_int_equal(file_write_durably(other, "x", 1, 0600, NULL), 0);
        assert_int_equal(run_key_remove(directory, ID, "0badcafe", NULL), 0);
        assert_int_equal(
                run_key_create(
                        directory, ID, "0badcafe", &(RunKeyStart){key, "h", 1}, &run_key, NULL),
                0);
        run_key_free(run_key);
        assert_int_equal(run_key_remove(directory, ID, "0badcafe", NULL), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(
                run_key_create(
                        directory, ID, "0badcafe", &(RunKeyStart){key, "h", 1}, &run_key, NULL),
                0);
        run_key_free(run_key);
        assert_int_equal(run_key_remove_all(directory, NULL), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(other, F_OK), 0);
        assert_int_equal(run_key_remove_all("/nonexistent/orabackup", NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        the_key_and_its_segments_are_one_file, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        keys_are_removed_and_other_files_stay, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
