/* Starts a program of an Oracle home through the child runner. Used by everything in this folder
 * that runs something; owns nothing once the child is started. */
#include "oracle/program.h"

#include <errno.h>
#include <string.h>

#include "base/files.h"

enum { PROGRAM_ARGUMENTS_MAX = 8 };

static int program_argv(
        const ProgramOptions *options,
        const char *path,
        const char *ret[static PROGRAM_ARGUMENTS_MAX + 2],
        Error *err) {
        size_t n = 0;
        ret[n++] = path;
        for (const char *const *a = options->arguments; a != NULL && *a != NULL; a++) {
                if (n > PROGRAM_ARGUMENTS_MAX)
                        return error_set(
                                err, ERROR_INTERNAL, -E2BIG, "%s: too many arguments", path);
                ret[n++] = *a;
        }
        ret[n] = NULL;
        return 0;
}

static int program_feed(Child *child, const char *input, Error *err) {
        size_t size = input != NULL ? strlen(input) : 0;
        if (size > 0) {
                int r = child_write(child, input, size, err);
                if (r < 0)
                        return r;
        }
        return child_close_input(child, err);
}

static int program_spawn(
        const Oracle *oracle,
        const ProgramOptions *options,
        const char *path,
        Child **ret,
        Error *err) {
        const char *argv[PROGRAM_ARGUMENTS_MAX + 2];
        StringList environment = {0};
        int r = program_argv(options, path, argv, err);
        if (r >= 0 && oracle_environment(options->database, &environment) < 0)
                r = error_oom(err);
        if (r >= 0)
                r = child_start(
                        oracle->runner,
                        &(ChildOptions){
                                .argv = argv,
                                .environment = (const char *const *)environment.items,
                                .on_line = options->on_line,
                                .on_exit = options->on_exit,
                                .userdata = options->userdata,
                        },
                        ret,
                        err);
        string_list_done(&environment);
        return r;
}

int program_start(const Oracle *oracle, const ProgramOptions *options, Child **ret, Error *err) {
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/bin/%s", options->database->oracle_home, options->name);
        CLEANUP(cleanup_child) Child *child = NULL;
        if (path == NULL)
                return error_oom(err);
        int r = program_spawn(oracle, options, path, &child, err);
        if (r < 0)
                return r;
        r = program_feed(child, options->input, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(child);
        return 0;
}
