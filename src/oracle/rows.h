/* Rows that SQL*Plus printed: '~R~' CHR(31) label CHR(31) column CHR(31) .. Pure, fuzzed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct Row {
        char *label; /* which query: "P1", "A2", .. */
        char **columns;
        size_t n_columns;
} Row;
typedef struct Rows {
        Row *rows;
        size_t n;
        StringList
                lines; /* what was no row, bounded; the first error line among it is error_line */
        char *error_line; /* first line that begins with ORA-, SP2- or ERROR (of an ERROR line: the
                             ORA- line that follows), NULL: none */
        bool ok;          /* ~OK~ was the last line */
} Rows;
void rows_done(Rows *rows);
int rows_add_line(
        Rows *rows, const char *line, size_t length, Error *err); /* LIMIT_SQL_ROWS: Oracle */

/* Column access with checks: the label, the number of columns and each number are named when wrong
 * (ERROR_ORACLE, -EBADMSG). */
size_t rows_count(const Rows *rows, const char *label);
const Row *rows_get(const Rows *rows, const char *label, size_t index); /* NULL beyond */
int row_uint(const Row *row, size_t column, uint64_t *ret, Error *err); /* "" is an error */
int row_uint_or(
        const Row *row,
        size_t column,
        uint64_t otherwise,
        uint64_t *ret,
        Error *err); /* "" gives otherwise; 18446744073709551615 gives UINT64_MAX */
int row_string(const Row *row, size_t column, const char **ret, Error *err);
