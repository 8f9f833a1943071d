/* The command line of orabackupd. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"

typedef enum DaemonAction {
        ACTION_RUN,
        ACTION_CHECK_CONFIG,
        ACTION_VERSION,
        ACTION_HELP
} DaemonAction;

typedef struct Arguments {
        DaemonAction action;
        const char *config; /* of argv or a constant */
        LogTarget log_target;
        LogLevel log_level;
        bool allow_root;
} Arguments;

/* ERROR_INVALID_ARGS says what is wrong with which argument. */
int arguments_parse(int argc, char **argv, Arguments *ret, Error *err);
const char *arguments_help(void);
