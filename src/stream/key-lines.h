/* Key files: one key a line, empty lines and lines that begin with '#' are passed over, one CR
 * before the line end is no part of the line, the last line may lack its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct KeyLines {
        const char *line; /* within the text; not terminated */
        size_t size;
        unsigned number; /* from 1 */
        const char *at, *end;
} KeyLines;

/* Larger than LIMIT_KEY_FILE_BYTES is an error of kind `kind`. */
int key_lines_init(
        KeyLines *lines,
        const char *text,
        size_t size,
        const char *what,
        ErrorKind kind,
        Error *err);
bool key_lines_next(KeyLines *lines);
