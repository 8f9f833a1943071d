/* Cuts a stream into lines of at most LIMIT_CHILD_LINE_BYTES. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct Lines Lines;

int lines_new(
        void (*on_line)(const char *line, size_t length, bool cut, void *userdata),
        void *userdata,
        Lines **ret,
        Error *err);
Lines *lines_free(Lines *lines); /* also from within on_line */
DEFINE_CLEANUP(Lines, lines);

void lines_push(Lines *lines, const char *bytes, size_t size);
void lines_end(Lines *lines); /* a last line without an end comes now */
