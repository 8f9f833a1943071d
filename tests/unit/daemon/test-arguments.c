/* daemon/arguments.c */
#include <string.h>

#include "base/cleanup.h"
#include "daemon/arguments.h"
#include "unit/test.h"

static int parse(const char *const *words, size_t n, Arguments *ret, Error *err) {
        char texts[8][64] = {"orabackupd"};
        char *argv[9] = {texts[0]};
        assert_true(n < 8);
        for (size_t i = 0; i < n; i++) {
                strcpy(texts[i + 1], words[i]);
                argv[i + 1] = texts[i + 1];
        }
        return arguments_parse((int)n + 1, argv, ret, err);
}

#define PARSE(ret, err, ...)                                                                       \
        parse((const char *const[]){__VA_ARGS__},                                                  \
              ELEMENTSOF(((const char *const[]){__VA_ARGS__})),                                    \
              ret,                                                                                 \
              err)

static void without_arguments_the_service_runs(void **state) {
        Arguments arguments;
        assert_int_equal(parse(NULL, 0, &arguments, NULL), 0);
        assert_int_equal(arguments.action, ACTION_RUN);
        assert_int_equal(arguments.log_target, LOG_TARGET_AUTO);
        assert_int_equal(arguments.log_level, LOG_LEVEL_INFO);
        assert_false(arguments.allow_root);
}

static void every_option_is_taken(void **state) {
        Arguments arguments;
        assert_int_equal(
                PARSE(&arguments,
                      NULL,
                      "--check-config",
                      "--log-target=stderr",
                      "--log-level",
                      "debug",
                      "--allow-root"),
                0);
        assert_int_equal(arguments.action, ACTION_CHECK_CONFIG);
        assert_int_equal(arguments.log_target, LOG_TARGET_STDERR);
        assert_int_equal(arguments.log_level, LOG_LEVEL_DEBUG);
        assert_true(arguments.allow_root);
}

static void a_mistake_is_named(void **state) {
        Arguments arguments;
        Error error = {0};
        assert_true(PARSE(&arguments, &error, "--allow-root", "--colour") < 0);
        assert_int_equal(error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(error.message, "--colour"));
        assert_true(PARSE(&arguments, &error, "--log-level=loud") < 0);
        assert_non_null(strstr(error.message, "loud"));
        assert_true(PARSE(&arguments, &error, "--log-target", "file") < 0);
        assert_non_null(strstr(error.message, "file"));
        assert_true(PARSE(&arguments, &error, "--config") < 0);
        assert_non_null(strstr(error.message, "--config needs a value"));
        assert_true(PARSE(&arguments, &error, "start") < 0);
        assert_non_null(strstr(error.message, "start"));
}

static void the_help_names_every_option(void **state) {
        static const char *const options[] = {
                "--config",
                "--check-config",
                "--log-target",
                "--log-level",
                "--allow-root",
                "--version",
                "--help",
        };
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                assert_non_null(strstr(arguments_help(), options[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_arguments_the_service_runs),
                cmocka_unit_test(every_option_is_taken),
                cmocka_unit_test(a_mistake_is_named),
                cmocka_unit_test(the_help_names_every_option),
        };
        return cmocka_run_group_tests_name("daemon/arguments", tests, NULL, NULL);
}
