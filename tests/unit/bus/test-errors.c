/* bus/errors.c */
#include <errno.h>
#include <string.h>

#include "bus/errors.h"
#include "unit/test.h"

static void every_kind_has_its_name_on_the_bus(void **state) {
        for (int kind = ERROR_NONE + 1; kind < _ERROR_KIND_MAX; kind++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                Error one = {0};
                error_set(&one, (ErrorKind)kind, -EIO, "What happened");
                assert_true(bus_error_set(&error, &one) < 0);
                assert_true(sd_bus_error_has_name(&error, error_dbus_name((ErrorKind)kind)));
                assert_string_equal(error.message, "What happened");
                sd_bus_error_free(&error);
        }
}

static void an_argument_error_is_the_one_of_d_bus(void **state) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Error one = {0};
        error_set(&one, ERROR_INVALID_ARGS, -EINVAL, "No");
        assert_int_equal(bus_error_set(&error, &one), -EINVAL);
        assert_string_equal(error.name, SD_BUS_ERROR_INVALID_ARGS);
        sd_bus_error_free(&error);
        error_set(&one, ERROR_ACCESS_DENIED, -EACCES, "No");
        bus_error_set(&error, &one);
        assert_string_equal(error.name, SD_BUS_ERROR_ACCESS_DENIED);
        sd_bus_error_free(&error);
}

static void an_error_without_a_kind_is_internal(void **state) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        const Error none = {0};
        assert_true(bus_error_set(&error, &none) < 0);
        assert_string_equal(error.name, "org.orabackup1.Error.Internal");
        assert_true(strlen(error.message) > 0);
        sd_bus_error_free(&error);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_has_its_name_on_the_bus),
                cmocka_unit_test(an_argument_error_is_the_one_of_d_bus),
                cmocka_unit_test(an_error_without_a_kind_is_internal),
        };
        return cmocka_run_group_tests_name("bus/errors", tests, NULL, NULL);
}
