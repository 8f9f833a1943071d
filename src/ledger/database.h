/* SQLite in as many words as the tables need. Internal to ledger/: the only home of sqlite3.h. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "ledger/ledger.h"

/* What a file of ours holds. Strings are static. */
typedef struct DatabaseKind {
        const char *name;     /* "ledger": for messages */
        const char *schema;   /* of a new file; sets user_version */
        const char *settings; /* of each opening */
        unsigned version;
        const char *if_damaged, *if_newer; /* what a person does then */
} DatabaseKind;

struct LedgerDb {
        sqlite3 *sqlite;
        char *path;
        const DatabaseKind *kind;
};

/* Opens or creates, checks and brings up to the present schema. -EUCLEAN: damaged; -ENOTSUP: of a
 * newer version. */
int database_open(const char *path, const DatabaseKind *kind, LedgerDb *ret, Error *err);
void database_close(LedgerDb *db);
/* One transaction: what `run` did is durable when this returns 0, and undone when it does not. */
int database_transact(
        LedgerDb *db,
        int (*run)(LedgerDb *db, void *userdata, Error *err),
        void *userdata,
        Error *err);
int database_execute(LedgerDb *db, const char *sql, Error *err);
/* The last failure of SQLite as an error that names the file and what to do. */
int database_failed(LedgerDb *db, int code, Error *err);

/* One statement: begin, bind in order, then run or step, then end. Binding errors are kept and come
 * out of the first step. */
typedef struct Statement {
        LedgerDb *db;
        sqlite3_stmt *sqlite;
        int bound, code;
} Statement;

Statement statement_begin(LedgerDb *db, const char *sql);
void statement_end(Statement *statement);
void statement_bind_uint(Statement *statement, uint64_t value);
void statement_bind_text(Statement *statement, const char *value); /* NULL: NULL */
void statement_bind_bytes(Statement *statement, const void *value, size_t size);
int statement_step(Statement *statement, Error *err); /* 1: a row, 0: no more */
int statement_run(Statement *statement, Error *err);  /* no rows wanted; ends it */

uint64_t statement_uint(const Statement *statement, int column);
/* Owned copies; NULL for NULL. -ENOMEM. */
int statement_text(const Statement *statement, int column, char **ret);
int statement_bytes(const Statement *statement, int column, void **ret, size_t *ret_size);
/* Into a field of fixed size; "" for NULL; cut when too long (what was written fits). */
void statement_copy(const Statement *statement, int column, char *ret, size_t size);

/* Makes room for one more element and zeroes it; NULL: no memory. */
void *array_extend(void **array, size_t *n, size_t size);
