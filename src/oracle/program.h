/* One program of an Oracle home, started with the environment of the contract and nothing else. */
#pragma once

#include <stddef.h>

#include "event/child.h"
#include "oracle/oracle.h"

typedef struct ProgramOptions {
        const OracleDatabase *database;
        const char *name;             /* below $ORACLE_HOME/bin */
        const char *const *arguments; /* after argv[0], NULL-terminated; NULL: none. No secret. */
        const char *input;            /* written to its standard input, which is then closed */
        void (*on_line)(const char *line, size_t length, bool cut, void *userdata);
        void (*on_exit)(const ChildExit *exit, const Error *err, void *userdata);
        void *userdata;
} ProgramOptions;
int program_start(const Oracle *oracle, const ProgramOptions *options, Child **ret, Error *err);
