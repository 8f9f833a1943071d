/* One function that fills a structure from a row, one that fills an array. Called by queries.c and
 * queries-run.c. */
#include "oracle/queries-fill.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const Field datafile_fields[] = {
        FIELD(DatafileFacts, 0, FIELD_U32, file),
        FIELD(DatafileFacts, 1, FIELD_U64, creation_scn),
        FIELD(DatafileFacts, 2, FIELD_U64, checkpoint_scn),
        FIELD(DatafileFacts, 3, FIELD_CHARS, status),
        FIELD(DatafileFacts, 4, FIELD_CHARS, enabled),
        FIELD(DatafileFacts, 5, FIELD_U64_OR_0, bytes),
        FIELD(DatafileFacts, 6, FIELD_U32, tablespace),
        FIELD(DatafileFacts, 7, FIELD_U64_OR_0, unrecoverable_scn),
        FIELD(DatafileFacts, 9, FIELD_STRING, name),
};
static int fill_number(const Row *row, const Field *field, void *target, Error *err) {
        uint64_t n;
        int r;

        if (field->type == FIELD_U64_OR_0)
                r = row_uint_or(row, field->column, 0, &n, err);
        else
                r = row_uint(row, field->column, &n, err);
        if (r < 0)
                return r;
        if (field->type != FIELD_U32) {
                *(uint64_t *)target = n;
                return 0;
        }
        if (n > UINT32_MAX)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "row %s of SQL*Plus, column %u: %" PRIu64 " is out of range",
                        row->label,
                        field->column + 1,
                        n);
        *(uint32_t *)target = (uint32_t)n;
        return 0;
}

int facts_set(char **target, const char *text, Error *err) {
        char *copy = strdup(text);

        if (copy == NULL)
                return error_oom(err);
        free(*target);
        *target = copy;
        return 0;
}

static int fill_text(const Row *row, const Field *field, void *target, Error *err) {
        const char *text = "";
        int r;

        r = row_string(row, field->column, &text, err);
        if (r < 0)
                return r;
        if (field->type == FIELD_STRING)
                return facts_set(target, text, err);
        if (field->type == FIELD_YES) {
                *(bool *)target = string_equal(text, "YES") || string_equal(text, "TRUE");
                return 0;
        }
        if (strlen(text) >= field->size)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "row %s of SQL*Plus, column %u: \"%.64s\" is too long",
                        row->label,
                        field->column + 1,
                        text);
        memcpy(target, text, strlen(text) + 1);
        return 0;
}

int facts_fill(const Row *row, const Field *fields, size_t n, void *base, Error *err) {
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                void *target = (char *)base + fields[i].offset;

                if (fields[i].type == FIELD_U64 || fields[i].type == FIELD_U64_OR_0 ||
                    fields[i].type == FIELD_U32)
                        r = fill_number(row, &fields[i], target, err);
                else
                        r = fill_text(row, &fields[i], target, err);
        }
        return r;
}

int facts_read_array(
        const Rows *rows, const ArrayReader *reader, void **array, size_t *n, Error *err) {
        char *items = calloc(rows_count(rows, reader->label) + 1, reader->item_size);
        int r = 0;

        if (items == NULL)
                return error_oom(err);
        *array = items;
        *n = 0;
        for (size_t i = 0; i < rows->n && r == 0; i++) {
                const Row *row = &rows->rows[i];
                void *item = items + *n * reader->item_size;

                if (!string_equal(row->label, reader->label))
                        continue;
                (*n)++;
                r = facts_fill(row, reader->fields, reader->n_fields, item, err);
                if (r == 0 && reader->more != NULL)
                        r = reader->more(row, item, err);
        }
        return r;
}

int rows_only(const Rows *rows, const char *label, const Row **ret, Error *err) {
        size_t n = rows_count(rows, label);

        if (n != 1)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "SQL*Plus printed %zu rows %s, one was expected",
                        n,
                        label);
        *ret = rows_get(rows, label, 0);
        return 0;
}

static int more_of_datafile(const Row *row, void *item, Error *err) {
        DatafileFacts *file = item;
        uint64_t last;
        int r;

        r = row_uint_or(row, 8, UINT64_MAX, &last, err);
        if (r < 0)
                return r;
        file->settled = last != UINT64_MAX && last == file->checkpoint_scn;
        return 0;
}

int facts_read_datafiles(const Rows *rows, DatafileFacts **ret, size_t *ret_n, Error *err) {
        const ArrayReader *reader = READER("P4", datafile_fields, DatafileFacts, more_of_datafile);
        void *array = NULL;
        int r;

        r = facts_read_array(rows, reader, &array, ret_n, err);
        *ret = array;
        if (r == 0 && *ret_n == 0)
                r = error_set(
                        err, ERROR_ORACLE, -EBADMSG, "SQL*Plus printed no row P4 (V$DATAFILE)");
        return r;
}
