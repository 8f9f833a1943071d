/* Filling structures from rows by a table of columns. Private to queries.c and queries-run.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "oracle/facts.h"
#include "oracle/rows.h"

typedef enum FieldType {
        FIELD_U64,
        FIELD_U64_OR_0, /* "" is 0 */
        FIELD_U32,
        FIELD_STRING, /* char *, owned */
        FIELD_CHARS,  /* char[size] */
        FIELD_YES,    /* bool: "YES", "TRUE" */
} FieldType;

typedef struct Field {
        unsigned column;
        FieldType type;
        size_t offset, size;
} Field;

#define FIELD(type, column, kind, member)                                                          \
        { column, kind, offsetof(type, member), sizeof(((type *)NULL)->member) }

int facts_fill(const Row *row, const Field *fields, size_t n, void *base, Error *err);
#define FILL(row, fields, base, err) facts_fill(row, fields, ELEMENTSOF(fields), base, err)

/* Replaces an owned string. */
int facts_set(char **target, const char *text, Error *err);

/* All rows of one label as an array; `more` does what the table cannot. On error what was filled
 * stays reachable through *array and *n, for the owner's done function. */
typedef struct ArrayReader {
        const char *label;
        const Field *fields;
        size_t n_fields, item_size;
        int (*more)(const Row *row, void *item, Error *err);
} ArrayReader;

int facts_read_array(
        const Rows *rows, const ArrayReader *reader, void **array, size_t *n, Error *err);

#define READER(label, fields, type, more)                                                          \
        &(const ArrayReader) {                                                                     \
                label, fields, ELEMENTSOF(fields), sizeof(type), more                              \
        }

/* The one row of a label. */
int rows_only(const Rows *rows, const char *label, const Row **ret, Error *err);
/* P4. */
int facts_read_datafiles(const Rows *rows, DatafileFacts **ret, size_t *ret_n, Error *err);
