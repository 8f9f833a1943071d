/* The lines of one configuration file. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* Called for each `[section]`, with name and value NULL, and each `key = value`. A negative errno
 * with *err set ends the reading. */
typedef int (*ReaderHandler)(
        const char *section,
        const char *name,
        const char *value,
        unsigned line,
        void *userdata,
        Error *err);

/* Reads the text of a file. Every error is ERROR_CONFIG and begins with "<what>:<line>: ". */
int reader_parse(
        const char *text,
        size_t size,
        const char *what,
        ReaderHandler handler,
        void *userdata,
        Error *err);
