/* bus/options.c, on messages that never leave the process */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/limits.h"
#include "bus/options.h"
#include "unit/test.h"

typedef struct Values {
        const char *name;
        StringList databases;
        bool overwrite;
        uint32_t limit;
        int identity;
} Values;

static const Option table[] = {
        {"name", OPTION_STRING, offsetof(Values, name)},
        {"databases", OPTION_STRINGS, offsetof(Values, databases)},
        {"overwrite", OPTION_BOOL, offsetof(Values, overwrite)},
        {"limit", OPTION_UINT32, offsetof(Values, limit)},
        {"identity", OPTION_HANDLE, offsetof(Values, identity)},
        {"until_scn", OPTION_LATER, 0},
};

typedef struct Fixture {
        sd_bus *bus;
        sd_bus_message *message;
        Values values;
        Error error;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        int fds[2];
        *state = f;
        f->values.identity = -1;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(sd_bus_new(&f->bus) >= 0);
        assert_true(sd_bus_set_fd(f->bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_negotiate_fds(f->bus, 1) >= 0);
        assert_true(sd_bus_start(f->bus) >= 0);
        assert_true(
                sd_bus_message_new_method_call(f->bus, &f->message, "a.b", "/a", "a.b", "C") >= 0);
        close(fds[1]);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        string_list_done(&f->values.databases);
        sd_bus_message_unref(f->message);
        sd_bus_unref(f->bus);
        free(f);
        return 0;
}

static int read_back(Fixture *f) {
        assert_true(sd_bus_message_seal(f->message, 1, 0) >= 0);
        return options_read(f->message, table, ELEMENTSOF(table), &f->values, &f->error);
}

static void no_option_leaves_everything_as_it_was(void **state) {
        Fixture *f = *state;
        assert_true(sd_bus_message_append(f->message, "a{sv}", 0) >= 0);
        assert_int_equal(read_back(f), 0);
        assert_null(f->values.name);
        assert_int_equal(f->values.identity, -1);
}

static void every_type_is_read(void **state) {
        Fixture *f = *state;
        assert_true(
                sd_bus_message_append(
                        f->message,
                        "a{sv}",
                        4,
                        "name",
                        "s",
                        "x",
                        "databases",
                        "as",
                        2,
                        "A",
                        "B",
                        "overwrite",
                        "b",
                        1,
                        "limit",
                        "u",
                        7u) >= 0);
        assert_int_equal(read_back(f), 0);
        assert_string_equal(f->values.name, "x");
        assert_int_equal(f->values.databases.n, 2);
        assert_string_equal(f->values.databases.items[1], "B");
        assert_true(f->values.overwrite);
        assert_int_equal(f->values.limit, 7);
}

static void an_unknown_key_is_named_with_those_there_are(void **state) {
        Fixture *f = *state;
        assert_true(sd_bus_message_append(f->message, "a{sv}", 1, "colour", "s", "red") >= 0);
        assert_true(read_back(f) < 0);
        assert_int_equal(f->error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(f->error.message, "\"colour\""));
        assert_non_null(strstr(f->error.message, "name, databases, overwrite, limit, identity"));
}

static void a_repeated_key_is_named(void **state) {
        Fixture *f = *state;
        assert_true(
                sd_bus_message_append(f->message, "a{sv}", 2, "name", "s", "x", "name", "s", "y") >=
                0);
        assert_true(read_back(f) < 0);
        assert_int_equal(f->error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(f->error.message, "\"name\" is given twice"));
}

static void another_type_is_named_with_the_right_one(void **state) {
        Fixture *f = *state;
        assert_true(sd_bus_message_append(f->message, "a{sv}", 1, "databases", "s", "A") >= 0);
        assert_true(read_back(f) < 0);
        assert_int_equal(f->error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(f->error.message, "\"databases\" must have type 'as', not 's'"));
}

static void an_option_of_later_is_not_supported(void **state) {
        Fixture *f = *state;
        assert_true(
                sd_bus_message_append(f->message, "a{sv}", 1, "until_scn", "t", UINT64_C(1)) >= 0);
        assert_true(read_back(f) < 0);
        assert_int_equal(f->error.kind, ERROR_NOT_SUPPORTED);
        assert_non_null(strstr(f->error.message, "until_scn"));
}

static int make_memfd(size_t size) {
        CLEANUP(cleanup_free) char *bytes = calloc(1, size + 1);
        int fd = memfd_create("identity", MFD_CLOEXEC);
        assert_true(fd >= 0 && bytes != NULL);
        memset(bytes, 'a', size);
        assert_int_equal(write(fd, bytes, size), size);
        return fd;
}

static void a_handle_is_read_from_its_beginning(void **state) {
        CLEANUP(cleanup_close) int fd = make_memfd(10);
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size = 0;
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 10);
        assert_int_equal(option_handle_read(fd, "identity", &data, &size, NULL), 0);
        assert_int_equal(size, 10);
        assert_string_equal(data, "aaaaaaaaaa");
}

static void a_handle_of_64_kib_is_read_and_a_larger_one_refused(void **state) {
        CLEANUP(cleanup_close) int fits = make_memfd(LIMIT_KEY_FILE_BYTES);
        CLEANUP(cleanup_close) int larger = make_memfd(LIMIT_KEY_FILE_BYTES + 1);
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size = 0;
        Error error = {0};
        assert_int_equal(option_handle_read(fits, "identity", &data, &size, NULL), 0);
        assert_true(option_handle_read(larger, "identity", &data, &size, &error) < 0);
        assert_int_equal(error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(error.message, "\"identity\""));
}

static void a_handle_of_a_pipe_is_refused(void **state) {
        int fds[2];
        char *data = NULL;
        size_t size = 0;
        Error error = {0};
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_true(option_handle_read(fds[0], "identity", &data, &size, &error) < 0);
        assert_int_equal(error.kind, ERROR_INVALID_ARGS);
        close(fds[0]);
        close(fds[1]);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(no_option_leaves_everything_as_it_was),
                CASE(every_type_is_read),
                CASE(an_unknown_key_is_named_with_those_there_are),
                CASE(a_repeated_key_is_named),
                CASE(another_type_is_named_with_the_right_one),
                CASE(an_option_of_later_is_not_supported),
                cmocka_unit_test(a_handle_is_read_from_its_beginning),
                cmocka_unit_test(a_handle_of_64_kib_is_read_and_a_larger_one_refused),
                cmocka_unit_test(a_handle_of_a_pipe_is_refused),
        };
        return cmocka_run_group_tests_name("bus/options", tests, NULL, NULL);
}
