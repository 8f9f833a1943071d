/* A file of SQLite: opening, its schema, a transaction, and one way to run a statement. Runs on the
 * thread of the ledger or of the cache (and once at start-up). */
#include "ledger/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/files.h"
#include "base/strings.h"

static int damaged(const LedgerDb *db, const char *problem, Error *err) {
        return error_set(
                err,
                ERROR_CONFIG,
                -EUCLEAN,
                "The %s %s is damaged (%s): %s",
                db->kind->name,
                db->path,
                problem,
                db->kind->if_damaged);
}

int database_failed(LedgerDb *db, int code, Error *err) {
        const char *problem =
                db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return error_oom(err);
        case SQLITE_FULL:
                return error_set(
                        err,
                        ERROR_NO_SPACE,
                        -ENOSPC,
                        "No space for the %s %s",
                        db->kind->name,
                        db->path);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return damaged(db, problem, err);
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EBUSY,
                        "The %s %s is in use by another process: is the service running already?",
                        db->kind->name,
                        db->path);
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EACCES,
                        "The %s %s cannot be opened and written (%s): check its owner and mode",
                        db->kind->name,
                        db->path,
                        problem);
        default:
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -EIO,
                        "The %s %s: %s",
                        db->kind->name,
                        db->path,
                        problem);
        }
}

int database_execute(LedgerDb *db, const char *sql, Error *err) {
        int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? 0 : database_failed(db, code, err);
}

int database_transact(
        LedgerDb *db,
        int (*run)(LedgerDb *db, void *userdata, Error *err),
        void *userdata,
        Error *err) {
        int r = database_execute(db, "BEGIN IMMEDIATE", err);
        if (r < 0)
                return r;
        r = run(db, userdata, err);
        if (r >= 0)
                r = database_execute(db, "COMMIT", err);
        /* A failure may have ended the transaction already. */
        if (r < 0 && sqlite3_get_autocommit(db->sqlite) == 0)
                (void)database_execute(db, "ROLLBACK", NULL);
        return r;
}

Statement statement_begin(LedgerDb *db, const char *sql) {
        Statement statement = {.db = db};
        statement.code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement.sqlite, NULL);
        return statement;
}

void statement_end(Statement *statement) {
        sqlite3_finalize(statement->sqlite);
        statement->sqlite = NULL;
}

static void keep_code(Statement *statement, int code) {
        if (statement->code == SQLITE_OK)
                statement->code = code;
}

void statement_bind_uint(Statement *statement, uint64_t value) {
        if (value > INT64_MAX)
                keep_code(statement, SQLITE_TOOBIG);
        else
                keep_code(
                        statement,
                        sqlite3_bind_int64(
                                statement->sqlite, ++statement->bound, (sqlite3_int64)value));
}

void statement_bind_text(Statement *statement, const char *value) {
        keep_code(
                statement,
                sqlite3_bind_text(
                        statement->sqlite, ++statement->bound, value, -1, SQLITE_TRANSIENT));
}

/* Empty bytes are not NULL: SQLite tells them apart by the pointer. */
void statement_bind_bytes(Statement *statement, const void *value, size_t size) {
        const void *bytes = value == NULL || size > 0 ? value : "";
        keep_code(
                statement,
                sqlite3_bind_blob64(
                        statement->sqlite, ++statement->bound, bytes, size, SQLITE_TRANSIENT));
}

int statement_step(Statement *statement, Error *err) {
        if (statement->code == SQLITE_OK) {
                int code = sqlite3_step(statement->sqlite);
                if (code == SQLITE_ROW)
                        return 1;
                if (code == SQLITE_DONE)
                        return 0;
                statement->code = code;
                return database_failed(statement->db, code, err);
        }
        if (statement->code == SQLITE_TOOBIG)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -ERANGE,
                        "The %s %s holds no numbers beyond 2^63-1",
                        statement->db->kind->name,
                        statement->db->path);
        return database_failed(statement->db, statement->code, err);
}

int statement_run(Statement *statement, Error *err) {
        int r = statement_step(statement, err);
        statement_end(statement);
        return r < 0 ? r : 0;
}

uint64_t statement_uint(const Statement *statement, int column) {
        sqlite3_int64 value = sqlite3_column_int64(statement->sqlite, column);
        return value > 0 ? (uint64_t)value : 0;
}

int statement_text(const Statement *statement, int column, char **ret) {
        const unsigned char *text = sqlite3_column_text(statement->sqlite, column);
        *ret = NULL;
        if (text == NULL)
                return sqlite3_column_type(statement->sqlite, column) == SQLITE_NULL ? 0 : -ENOMEM;
        *ret = strdup((const char *)text);
        return *ret != NULL ? 0 : -ENOMEM;
}

int statement_bytes(const Statement *statement, int column, void **ret, size_t *ret_size) {
        *ret = NULL;
        *ret_size = 0;
        if (sqlite3_column_type(statement->sqlite, column) == SQLITE_NULL)
                return 0;
        const void *bytes = sqlite3_column_blob(statement->sqlite, column);
        size_t size = (size_t)sqlite3_column_bytes(statement->sqlite, column);
        char *copy = malloc(size + 1); /* a NUL behind: most of it is text */
        if (copy == NULL || (bytes == NULL && size > 0)) {
                free(copy);
                return -ENOMEM;
        }
        if (size > 0)
                memcpy(copy, bytes, size);
        copy[size] = '\0';
        *ret = copy;
        *ret_size = size;
        return 0;
}

void statement_copy(const Statement *statement, int column, char *ret, size_t size) {
        const unsigned char *text = sqlite3_column_text(statement->sqlite, column);
        snprintf(ret, size, "%s", text != NULL ? (const char *)text : "");
}

void *array_extend(void **array, size_t *n, size_t size) {
        size_t bytes;
        if (__builtin_mul_overflow(*n + 1, size, &bytes))
                return NULL;
        char *larger = realloc(*array, bytes);
        if (larger == NULL)
                return NULL;
        *array = larger;
        memset(larger + *n * size, 0, size);
        return larger + (*n)++ * size;
}

/* 0600 from birth; SQLite gives the -wal file the same mode. */
static int make_file(const char *path, const DatabaseKind *kind, Error *err) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return error_set_errno(
                        err, ERROR_CONFIG, -errno, "The %s %s cannot be opened", kind->name, path);
        close(fd);
        int r = fsync_parent(path);
        if (r < 0)
                return error_set_errno(
                        err, ERROR_CONFIG, r, "The directory of the %s %s", kind->name, path);
        return 0;
}

static int query_uint(LedgerDb *db, const char *sql, uint64_t *ret, Error *err) {
        Statement statement = statement_begin(db, sql);
        int r = statement_step(&statement, err);
        if (r > 0)
                *ret = statement_uint(&statement, 0);
        statement_end(&statement);
        return r < 0 ? r : 0;
}

static int check_whole(LedgerDb *db, Error *err) {
        char problem[128] = "";
        Statement statement = statement_begin(db, "PRAGMA quick_check(1)");
        int r = statement_step(&statement, err);
        if (r > 0)
                statement_copy(&statement, 0, problem, sizeof(problem));
        statement_end(&statement);
        if (r < 0)
                return r;
        return string_equal(problem, "ok") ? 0 : damaged(db, problem, err);
}

static int set_schema(LedgerDb *db, Error *err) {
        uint64_t version = 0;
        int r = query_uint(db, "PRAGMA user_version", &version, err);
        if (r < 0)
                return r;
        if (version > db->kind->version)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -ENOTSUP,
                        "The %s %s was written by a newer version (schema %u, this one knows %u): "
                        "%s",
                        db->kind->name,
                        db->path,
                        (unsigned)version,
                        db->kind->version,
                        db->kind->if_newer);
        if (version == db->kind->version)
                return 0;
        r = database_execute(db, "BEGIN IMMEDIATE", err);
        if (r == 0)
                r = database_execute(db, db->kind->schema, err);
        return r < 0 ? r : database_execute(db, "COMMIT", err);
}

static int prepare(LedgerDb *db, Error *err) {
        int code = sqlite3_open_v2(
                db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
        if (code != SQLITE_OK)
                return database_failed(db, code, err);
        int r = database_execute(db, db->kind->settings, err);
        if (r == 0)
                r = check_whole(db, err);
        return r < 0 ? r : set_schema(db, err);
}

int database_open(const char *path, const DatabaseKind *kind, LedgerDb *ret, Error *err) {
        int r = make_file(path, kind, err);
        if (r < 0)
                return r;
        LedgerDb db = {.path = strdup(path), .kind = kind};
        if (db.path == NULL)
                return error_oom(err);
        r = prepare(&db, err);
        if (r < 0) {
                database_close(&db);
                return r;
        }
        *ret = db;
        return 0;
}

void database_close(LedgerDb *db) {
        sqlite3_close(db->sqlite);
        free(db->path);
        *db = (LedgerDb){0};
}
