#include "daemon/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
        OPTION_CONFIG = 256,
        OPTION_CHECK,
        OPTION_TARGET,
        OPTION_LEVEL,
        OPTION_ROOT,
        OPTION_VERSION,
        OPTION_HELP
};

static const struct option long_options[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"check-config", no_argument, NULL, OPTION_CHECK},
        {"log-target", required_argument, NULL, OPTION_TARGET},
        {"log-level", required_argument, NULL, OPTION_LEVEL},
        {"allow-root", no_argument, NULL, OPTION_ROOT},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
};

static const char *const target_names[] = {
        [LOG_TARGET_AUTO] = "auto",
        [LOG_TARGET_JOURNAL] = "journal",
        [LOG_TARGET_STDERR] = "stderr",
};

static const char *const level_names[] = {
        [LOG_LEVEL_ERR] = "err",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_NOTICE] = "notice",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
};

const char *arguments_help(void) {
        return "orabackupd - backs up and restores the Oracle databases of this host\n"
               "\n"
               "  --config FILE                       the configuration (" ORABACKUP_CONFIG_FILE
               ")\n"
               "  --check-config                      read it, say what is wrong, end\n"
               "  --log-target auto|journal|stderr    where the log goes (auto)\n"
               "  --log-level err|warning|notice|info|debug\n"
               "  --allow-root                        run as root although Oracle has an owner\n"
               "  --version\n"
               "  --help\n"
               "\n"
               "The system bus is used; DBUS_SYSTEM_BUS_ADDRESS names another one. "
               "STATE_DIRECTORY,\n"
               "RUNTIME_DIRECTORY and CREDENTIALS_DIRECTORY are honoured as systemd sets them.\n";
}

static int find_name(const char *const *names, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (names[i] != NULL && strcmp(names[i], name) == 0)
                        return (int)i;
        return -1;
}

static int wrong_value(const char *option, const char *value, const char *allowed, Error *err) {
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "%s: \"%s\" is none of %s",
                option,
                value,
                allowed);
}

static int take_target(Arguments *arguments, Error *err) {
        int i = find_name(target_names, ELEMENTSOF(target_names), optarg);
        if (i < 0)
                return wrong_value("--log-target", optarg, "auto, journal, stderr", err);
        arguments->log_target = (LogTarget)i;
        return 0;
}

static int take_level(Arguments *arguments, Error *err) {
        int i = find_name(level_names, ELEMENTSOF(level_names), optarg);
        if (i < 0)
                return wrong_value("--log-level", optarg, "err, warning, notice, info, debug", err);
        arguments->log_level = (LogLevel)i;
        return 0;
}

static int take_option(int option, const char *word, Arguments *arguments, Error *err) {
        switch (option) {
        case OPTION_CONFIG:
                arguments->config = optarg;
                return 0;
        case OPTION_CHECK:
                arguments->action = ACTION_CHECK_CONFIG;
                return 0;
        case OPTION_TARGET:
                return take_target(arguments, err);
        case OPTION_LEVEL:
                return take_level(arguments, err);
        case OPTION_ROOT:
                arguments->allow_root = true;
                return 0;
        case OPTION_VERSION:
                arguments->action = ACTION_VERSION;
                return 0;
        case OPTION_HELP:
                arguments->action = ACTION_HELP;
                return 0;
        case ':':
                return error_set(err, ERROR_INVALID_ARGS, -EINVAL, "%s needs a value", word);
        default:
                return error_set(err, ERROR_INVALID_ARGS, -EINVAL, "There is no option %s", word);
        }
}

int arguments_parse(int argc, char **argv, Arguments *ret, Error *err) {
        Arguments arguments = {
                .config = ORABACKUP_CONFIG_FILE,
                .log_target = LOG_TARGET_AUTO,
                .log_level = LOG_LEVEL_INFO};
        optind = 0; /* glibc: begin anew, as tests parse several times */
        for (;;) {
                int word = optind == 0 ? 1 : optind;
                int option = getopt_long(argc, argv, ":", long_options, NULL);
                if (option < 0)
                        break;
                int r = take_option(option, argv[word], &arguments, err);
                if (r < 0)
                        return r;
        }
        if (optind < argc)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "orabackupd takes no argument \"%s\"",
                        argv[optind]);
        *ret = arguments;
        return 0;
}
