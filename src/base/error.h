/* One error: what went wrong, in the words of the contract, with the name of the thing.
 *
 * A function that can fail returns 0 or positive, or a negative errno. Where a person needs more,
 * its last parameter is `Error *err`: set once at the cause, prefixed on the way up (error_prefix).
 * `err` may be NULL everywhere. Fixed size, no allocation, copied by assignment; nothing to free.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

/* The kinds are the names of org.orabackup1.Error.*; the first three live in
 * org.freedesktop.DBus.Error. */
typedef enum ErrorKind {
        ERROR_NONE,
        ERROR_INVALID_ARGS,
        ERROR_ACCESS_DENIED,
        ERROR_NOT_SUPPORTED,
        ERROR_CONFIG,
        ERROR_NO_SUCH_BACKUP,
        ERROR_NO_SUCH_DATABASE,
        ERROR_NO_SUCH_JOB,
        ERROR_BUSY,
        ERROR_INVALID_PARENT,
        ERROR_PARENT_HAS_CHILD,
        ERROR_HAS_CHILDREN,
        ERROR_NOT_COMPLETED,
        ERROR_NOT_ARCHIVELOG,
        ERROR_CHAIN_BROKEN,
        ERROR_NO_SPACE,
        ERROR_DATABASE_EXISTS,
        ERROR_NOT_OWNER,
        ERROR_TOO_LARGE,
        ERROR_UNSUPPORTED,
        ERROR_ORACLE,
        ERROR_ORACLE_AUTH,
        ERROR_RMAN_FAILED,
        ERROR_RMAN_STALLED,
        ERROR_NOT_CONSISTENT,
        ERROR_STORE_UNAVAILABLE,
        ERROR_STORE_AUTH,
        ERROR_STORE_QUOTA,
        ERROR_STORE_NOT_FOUND,
        ERROR_TIMEOUT,
        ERROR_INTEGRITY,
        ERROR_NO_IDENTITY,
        ERROR_WRONG_IDENTITY,
        ERROR_SIGNATURE,
        ERROR_INCOMPATIBLE,
        ERROR_UNTRUSTED,
        ERROR_CANCELLED,
        ERROR_INTERRUPTED,
        ERROR_INTERNAL,
        _ERROR_KIND_MAX,
} ErrorKind;

enum { ERROR_MESSAGE_BYTES = 768, ERROR_CODE_BYTES = 16 };

typedef struct Error {
        ErrorKind kind;
        int r;                             /* negative errno */
        int http_status;                   /* 0: none */
        char ora_code[ERROR_CODE_BYTES];   /* "ORA-19809", "RMAN-06149", or "" */
        char message[ERROR_MESSAGE_BYTES]; /* one line of UTF-8, no final period needed, control
                                              bytes replaced */
} Error;

/* Sets *err and returns r (which must be negative; 0 is taken as -EIO). Too long a message is cut
 * at a character. */
int error_set(Error *err, ErrorKind kind, int r, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
int error_set_va(Error *err, ErrorKind kind, int r, const char *format, va_list ap)
        __attribute__((format(printf, 4, 0)));

/* For a failed system call: the kind follows from r (ENOSPC, EDQUOT: NoSpace; all else:
 * `otherwise`), and ": <strerror>" is appended. */
int error_set_errno(Error *err, ErrorKind otherwise, int r, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Puts "<text>: " before the message and returns err->r (or -EIO when err is NULL). */
int error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

int error_oom(Error *err);

/* "org.orabackup1.Error.RmanFailed", "org.freedesktop.DBus.Error.InvalidArgs"; "" for ERROR_NONE.
 */
const char *error_dbus_name(ErrorKind kind);

/* The reverse; ERROR_NONE when there is no such name. */
ErrorKind error_kind_from_dbus_name(const char *name);

/* Exit status of the client for this kind (10 .. 70). */
int error_exit_status(ErrorKind kind);

static inline bool error_is_set(const Error *err) {
        return err->kind != ERROR_NONE;
}

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: here it learns that an error that was set is negative. */
#define error_set(err, ...) ((error_set)(err, __VA_ARGS__), -1)
#define error_set_errno(err, ...) ((error_set_errno)(err, __VA_ARGS__), -1)
#define error_prefix(err, ...) ((error_prefix)(err, __VA_ARGS__), -1)
#define error_oom(err) ((error_oom)(err), -1)
#endif
