/* Rows of SQL*Plus: split at CHR(31), told apart from all else it prints. Called once a line by
 * oracle/sqlplus.c; read by oracle/queries.c. */
#include "oracle/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static const char ROW_MARK[] = "~R~\x1f";
static const char OK_MARK[] = "~OK~";

enum { LINES_MAX = 200, COLUMNS_MAX = 64 };

static void row_done(Row *row) {
        free(row->label);
        for (size_t i = 0; i < row->n_columns; i++)
                free(row->columns[i]);
        free(row->columns);
}

void rows_done(Rows *rows) {
        for (size_t i = 0; i < rows->n; i++)
                row_done(&rows->rows[i]);
        free(rows->rows);
        string_list_done(&rows->lines);
        free(rows->error_line);
        *rows = (Rows){0};
}

static bool begins(const char *line, size_t length, const char *prefix) {
        return length >= strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
}

static int bad_row(Error *err, const char *why) {
        return error_set(err, ERROR_ORACLE, -EBADMSG, "a row of SQL*Plus %s", why);
}

static int split(Row *row, const char *text, size_t length, Error *err) {
        size_t n = 1;

        for (size_t i = 0; i < length; i++)
                n += text[i] == '\x1f';
        if (n > COLUMNS_MAX)
                return bad_row(err, "has too many columns");
        row->columns = calloc(n, sizeof(char *));
        if (row->columns == NULL)
                return error_oom(err);
        for (size_t i = 0; i < n; i++) {
                const char *end = memchr(text, '\x1f', length);
                size_t size = end == NULL ? length : (size_t)(end - text);
                char *column = strndup(text, size);

                if (column == NULL)
                        return error_oom(err);
                if (row->label == NULL)
                        row->label = column;
                else
                        row->columns[row->n_columns++] = column;
                if (end == NULL)
                        break;
                text += size + 1;
                length -= size + 1;
        }
        return 0;
}

static int add_row(Rows *rows, const char *line, size_t length, Error *err) {
        Row row = {0};
        int r;

        if (rows->n >= LIMIT_SQL_ROWS)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EMSGSIZE,
                        "SQL*Plus printed more than %d rows",
                        LIMIT_SQL_ROWS);
        if (memchr(line, '\0', length) != NULL)
                return bad_row(err, "holds a NUL byte");
        /* grows by doubling: capacity is implied by n */
        if ((rows->n & (rows->n - 1)) == 0) {
                size_t capacity = rows->n == 0 ? 1 : rows->n * 2;
                Row *more = reallocarray(rows->rows, capacity, sizeof(Row));

                if (more == NULL)
                        return error_oom(err);
                rows->rows = more;
        }
        r = split(&row, line + strlen(ROW_MARK), length - strlen(ROW_MARK), err);
        if (r < 0) {
                row_done(&row);
                return r;
        }
        rows->rows[rows->n++] = row;
        return 0;
}

static bool is_error(const char *line, size_t length) {
        return begins(line, length, "ORA-") || begins(line, length, "SP2-") ||
               begins(line, length, "ERROR");
}

/* The line that says most: an ORA- line rather than the ERROR that announces it. */
static int note_error(Rows *rows, const char *line) {
        bool heading = rows->error_line != NULL && strncmp(rows->error_line, "ERROR", 5) == 0;
        char *copy;

        if (rows->error_line != NULL && (!heading || strncmp(line, "ERROR", 5) == 0))
                return 0;
        copy = strdup(line);
        if (copy == NULL)
                return -ENOMEM;
        free(rows->error_line);
        rows->error_line = copy;
        return 0;
}

/* As text that a message can carry: control bytes become '?'. */
static char *printable(const char *line, size_t length) {
        char *copy = strndup(line, length);

        for (char *p = copy; p != NULL && *p != '\0'; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = '?';
        return copy;
}

static int add_other(Rows *rows, const char *line, size_t length, Error *err) {
        char *copy = printable(line, length);
        int r = 0;

        if (copy == NULL)
                return error_oom(err);
        if (is_error(line, length))
                r = note_error(rows, copy);
        if (r == 0 && rows->lines.n < LINES_MAX)
                r = string_list_add(&rows->lines, copy);
        free(copy);
        return r < 0 ? error_oom(err) : 0;
}

int rows_add_line(Rows *rows, const char *line, size_t length, Error *err) {
        while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
                length--;
        if (length == 0)
                return 0;
        if (length == strlen(OK_MARK) && memcmp(line, OK_MARK, length) == 0) {
                rows->ok = true;
                return 0;
        }
        rows->ok = false; /* something after it: not the last line */
        if (begins(line, length, ROW_MARK))
                return add_row(rows, line, length, err);
        return add_other(rows, line, length, err);
}

size_t rows_count(const Rows *rows, const char *label) {
        size_t n = 0;

        for (size_t i = 0; i < rows->n; i++)
                n += string_equal(rows->rows[i].label, label);
        return n;
}

const Row *rows_get(const Rows *rows, const char *label, size_t index) {
        for (size_t i = 0; i < rows->n; i++)
                if (string_equal(rows->rows[i].label, label) && index-- == 0)
                        return &rows->rows[i];
        return NULL;
}

int row_string(const Row *row, size_t column, const char **ret, Error *err) {
        if (row == NULL)
                return error_set(err, ERROR_ORACLE, -EBADMSG, "SQL*Plus printed no such row");
        if (column >= row->n_columns)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "row %s of SQL*Plus has %zu columns, number %zu was expected",
                        row->label,
                        row->n_columns,
                        column + 1);
        *ret = row->columns[column];
        return 0;
}

static int
parse_number(const Row *row, size_t column, const char *text, uint64_t *ret, Error *err) {
        if (parse_uint64(text, ret) == 0)
                return 0;
        return error_set(
                err,
                ERROR_ORACLE,
                -EBADMSG,
                "row %s of SQL*Plus, column %zu: \"%.64s\" is no number",
                row->label,
                column + 1,
                text);
}

int row_uint(const Row *row, size_t column, uint64_t *ret, Error *err) {
        const char *text = "";
        int r;

        r = row_string(row, column, &text, err);
        return r < 0 ? r : parse_number(row, column, text, ret, err);
}

int row_uint_or(const Row *row, size_t column, uint64_t otherwise, uint64_t *ret, Error *err) {
        const char *text = "";
        int r;

        r = row_string(row, column, &text, err);
        if (r < 0)
                return r;
        if (*text != '\0')
                return parse_number(row, column, text, ret, err);
        *ret = otherwise;
        return 0;
}
