/* base/files.c and base/directories.c */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/strings.h"
#include "unit/test.h"

static int setup(void **state) {
        char *directory = strdup("/tmp/orabackup-test-files-XXXXXX");

        *state = mkdtemp(directory);
        return *state != NULL ? 0 : -1;
}

static int teardown(void **state) {
        Error err = {0};
        int r = directory_remove_tree(*state, &err);

        free(*state);
        return r;
}

/* One path at a time within the test's directory. */
static const char *within(void **state, const char *name) {
        static char path[4096];

        snprintf(path, sizeof(path), "%s/%s", (const char *)*state, name);
        return path;
}

static void put(void **state, const char *name, const char *text) {
        assert_int_equal(
                file_write_durably(within(state, name), text, strlen(text), 0640, NULL), 0);
}

static void assert_holds(void **state, const char *name, const char *text) {
        char *data;
        size_t size;

        assert_int_equal(
                file_read(within(state, name), 100000, ERROR_CONFIG, &data, &size, NULL), 0);
        assert_int_equal(size, strlen(text));
        assert_string_equal(data, text);
        free(data);
}

static size_t count_entries(void **state) {
        CLEANUP(cleanup_free) char *command = string_printf("ls -A %s | wc -l", (char *)*state);
        FILE *out = popen(command, "r");
        size_t n = 0;

        assert_int_equal(fscanf(out, "%zu", &n), 1);
        pclose(out);
        return n;
}

static void a_durable_write_replaces_and_leaves_nothing_else(void **state) {
        struct stat st;

        put(state, "a", "one");
        put(state, "a", "two");
        assert_holds(state, "a", "two");
        assert_int_equal(stat(within(state, "a"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(count_entries(state), 1);
}

static void a_write_that_fails_leaves_the_old_file(void **state) {
        Error err = {0};

        assert_int_equal(mkdir(within(state, "d"), 0700), 0);
        assert_int_equal(file_write_durably(within(state, "d"), "x", 1, 0600, &err), -EISDIR);
        assert_non_null(strstr(err.message, "Cannot write "));
        assert_int_equal(count_entries(state), 1);
        assert_int_equal(file_write_durably(within(state, "none/x"), "x", 1, 0600, &err), -ENOENT);
}

static void a_read_is_bounded(void **state) {
        Error err = {0};
        char *data;
        size_t size;

        put(state, "five", "12345");
        assert_int_equal(file_read(within(state, "five"), 5, ERROR_CONFIG, &data, &size, &err), 0);
        free(data);
        assert_int_equal(
                file_read(within(state, "five"), 4, ERROR_INTEGRITY, &data, &size, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_CONFIG);
        /* A file of /proc says it is empty. */
        assert_int_equal(
                file_read("/proc/self/status", 10, ERROR_CONFIG, &data, &size, &err), -EFBIG);
        assert_int_equal(file_read("/proc/self/comm", 100, ERROR_CONFIG, &data, &size, &err), 0);
        assert_true(size > 4);
        free(data);
}

static void a_large_file_is_read_whole(void **state) {
        char *big = malloc(50001), *data;
        size_t size;

        memset(big, 'x', 50000);
        big[50000] = '\0';
        put(state, "big", big);
        assert_int_equal(
                file_read(within(state, "big"), 50000, ERROR_CONFIG, &data, &size, NULL), 0);
        assert_string_equal(data, big);
        free(data);
        free(big);
}

static void only_regular_files_are_read(void **state) {
        Error err = {0};
        char *data;
        size_t size;

        assert_int_equal(
                file_read(within(state, "none"), 9, ERROR_NO_IDENTITY, &data, &size, &err),
                -ENOENT);
        assert_int_equal(err.kind, ERROR_NO_IDENTITY);
        assert_int_equal(file_read(*state, 9, ERROR_CONFIG, &data, &size, &err), -EISDIR);
        assert_int_equal(mkfifo(within(state, "pipe"), 0600), 0);
        assert_int_equal(
                file_read(within(state, "pipe"), 9, ERROR_CONFIG, &data, &size, &err), -EINVAL);
}

static void a_descriptor_is_read_from_its_start_and_stays_open(void **state) {
        int fd = memfd_create("x", MFD_CLOEXEC);
        char *data;
        size_t size;

        assert_int_equal(write_all(fd, "handle", 6), 0);
        assert_int_equal(
                file_read_fd(
                        fd, &(FileExpected){"the handle", 100, ERROR_CONFIG}, &data, &size, NULL),
                0);
        assert_string_equal(data, "handle");
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
        free(data);
        close(fd);
}

static void positioned_reads_and_writes_are_whole(void **state) {
        int fd = memfd_create("x", MFD_CLOEXEC);
        char data[4];

        assert_int_equal(pwrite_all(fd, "abcd", 4, 100), 0);
        assert_int_equal(pread_all(fd, data, 4, 100), 0);
        assert_memory_equal(data, "abcd", 4);
        assert_int_equal(pread_all(fd, data, 4, 101), -ENODATA);
        close(fd);
        assert_int_equal(write_all(-1, "x", 1), -EBADF);
        assert_int_equal(pwrite_all(-1, "x", 1, 0), -EBADF);
        assert_int_equal(pread_all(-1, data, 1, 0), -EBADF);
}

static void a_copy_never_replaces_or_follows(void **state) {
        CLEANUP(cleanup_free) char *from = strdup(within(state, "from"));
        struct stat st;
        Error err = {0};

        put(state, "from", "content");
        assert_int_equal(file_copy(from, within(state, "to"), 0600, 7, &err), 0);
        assert_holds(state, "to", "content");
        assert_int_equal(stat(within(state, "to"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(file_copy(from, within(state, "to"), 0600, 7, &err), -EEXIST);
        assert_int_equal(symlink("elsewhere", within(state, "link")), 0);
        assert_int_equal(file_copy(from, within(state, "link"), 0600, 7, &err), -EEXIST);
        assert_int_equal(file_copy(from, within(state, "small"), 0600, 6, &err), -EFBIG);
        assert_int_equal(access(within(state, "small"), F_OK), -1);
        assert_int_equal(file_copy("/nonexistent", within(state, "x"), 0600, 9, &err), -ENOENT);
}

static void a_source_that_is_longer_than_it_said_is_no_copy(void **state) {
        Error err = {0};

        assert_int_equal(
                file_copy("/proc/self/status", within(state, "to"), 0600, 9999, &err), -EBUSY);
        assert_int_equal(access(within(state, "to"), F_OK), -1);
        assert_non_null(strstr(err.message, "changed while"));
}

static void directories_are_made_with_their_parents(void **state) {
        Error err = {0};
        struct stat st;

        assert_int_equal(directory_make(within(state, "a/b/c/"), 0750, &err), 0);
        assert_int_equal(directory_make(within(state, "a/b/c"), 0750, &err), 0);
        assert_int_equal(stat(within(state, "a/b/c"), &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        put(state, "file", "");
        assert_int_equal(directory_make(within(state, "file"), 0750, &err), -ENOTDIR);
        assert_int_equal(directory_make(within(state, "file/x"), 0750, &err), -ENOTDIR);
        assert_int_equal(directory_make("/", 0750, &err), 0);
}

static void removing_a_tree_leaves_what_links_point_at(void **state) {
        CLEANUP(cleanup_free) char *outside = strdup(within(state, "outside"));
        Error err = {0};

        assert_int_equal(directory_make(within(state, "tree/a/b"), 0700, &err), 0);
        assert_int_equal(directory_make(outside, 0700, &err), 0);
        put(state, "outside/kept", "x");
        put(state, "tree/a/file", "x");
        assert_int_equal(symlink(outside, within(state, "tree/a/link")), 0);
        assert_int_equal(directory_remove_tree(within(state, "tree"), &err), 0);
        assert_int_equal(access(within(state, "tree"), F_OK), -1);
        assert_holds(state, "outside/kept", "x");
        assert_int_equal(symlink(outside, within(state, "link")), 0);
        assert_int_equal(directory_remove_tree(within(state, "link"), &err), 0);
        assert_holds(state, "outside/kept", "x");
        assert_int_equal(directory_remove_tree(within(state, "none/at/all"), &err), 0);
}

static void space_is_that_of_the_nearest_parent(void **state) {
        uint64_t here = 0, below = 0;
        Error err = {0};

        assert_int_equal(directory_space(*state, &here, &err), 0);
        assert_int_equal(directory_space(within(state, "not/yet/there"), &below, &err), 0);
        assert_true(here > 0 && below > 0);
        put(state, "file", "");
        assert_int_equal(directory_space(within(state, "file/x"), &below, &err), -ENOTDIR);
}

static void paths_are_joined_and_split(void **state) {
        static const char *const joined[][3] = {
                {"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"}, {"/a", "/b", "/a/b"}, {"", "b", "b"}};
        static const char *const split[][3] = {
                {"/a/b", "/a", "b"}, {"/a", "/", "a"}, {"a", ".", "a"}, {"/a/b/", "/a/b", ""}};

        for (size_t i = 0; i < ELEMENTSOF(joined); i++) {
                CLEANUP(cleanup_free) char *path = path_join(joined[i][0], joined[i][1]);
                assert_string_equal(path, joined[i][2]);
        }
        for (size_t i = 0; i < ELEMENTSOF(split); i++) {
                CLEANUP(cleanup_free) char *parent = path_parent(split[i][0]);
                assert_string_equal(parent, split[i][1]);
                assert_string_equal(path_name(split[i][0]), split[i][2]);
        }
}

static void synchronising_names_what_is_missing(void **state) {
        assert_int_equal(fsync_directory(*state), 0);
        assert_int_equal(fsync_parent(within(state, "x")), 0);
        assert_int_equal(fsync_directory(within(state, "x")), -ENOENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_durable_write_replaces_and_leaves_nothing_else),
                TEST(a_write_that_fails_leaves_the_old_file),
                TEST(a_read_is_bounded),
                TEST(a_large_file_is_read_whole),
                TEST(only_regular_files_are_read),
                TEST(a_descriptor_is_read_from_its_start_and_stays_open),
                TEST(positioned_reads_and_writes_are_whole),
                TEST(a_copy_never_replaces_or_follows),
                TEST(a_source_that_is_longer_than_it_said_is_no_copy),
                TEST(directories_are_made_with_their_parents),
                TEST(removing_a_tree_leaves_what_links_point_at),
                TEST(space_is_that_of_the_nearest_parent),
                TEST(paths_are_joined_and_split),
                TEST(synchronising_names_what_is_missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
