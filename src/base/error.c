/* One error, filled at its cause and prefixed on the way up. The table of names and exit statuses
 * is the only place that knows both. */
#include "base/error.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"

/* What the header tells the analyzer would be in the way of the definitions. */
#undef error_set
#undef error_set_errno
#undef error_prefix
#undef error_oom

#define OWN "org.orabackup1.Error."
#define DBUS "org.freedesktop.DBus.Error."

typedef struct ErrorName {
        const char *dbus_name;
        int exit_status;
} ErrorName;

static const ErrorName error_names[_ERROR_KIND_MAX] = {
        [ERROR_NONE] = {"", 0},
        [ERROR_INVALID_ARGS] = {DBUS "InvalidArgs", 2},
        [ERROR_ACCESS_DENIED] = {DBUS "AccessDenied", 20},
        [ERROR_NOT_SUPPORTED] = {DBUS "NotSupported", 4},
        [ERROR_CONFIG] = {OWN "Config", 10},
        [ERROR_NO_SUCH_BACKUP] = {OWN "NoSuchBackup", 11},
        [ERROR_NO_SUCH_DATABASE] = {OWN "NoSuchDatabase", 12},
        [ERROR_NO_SUCH_JOB] = {OWN "NoSuchJob", 9},
        [ERROR_BUSY] = {OWN "Busy", 13},
        [ERROR_INVALID_PARENT] = {OWN "InvalidParent", 14},
        [ERROR_PARENT_HAS_CHILD] = {OWN "ParentHasChild", 15},
        [ERROR_HAS_CHILDREN] = {OWN "HasChildren", 16},
        [ERROR_NOT_COMPLETED] = {OWN "NotCompleted", 17},
        [ERROR_NOT_ARCHIVELOG] = {OWN "NotArchivelog", 18},
        [ERROR_CHAIN_BROKEN] = {OWN "ChainBroken", 19},
        [ERROR_NO_SPACE] = {OWN "NoSpace", 21},
        [ERROR_DATABASE_EXISTS] = {OWN "DatabaseExists", 22},
        [ERROR_NOT_OWNER] = {OWN "NotOwner", 23},
        [ERROR_TOO_LARGE] = {OWN "TooLarge", 24},
        [ERROR_UNSUPPORTED] = {OWN "Unsupported", 25},
        [ERROR_ORACLE] = {OWN "Oracle", 30},
        [ERROR_ORACLE_AUTH] = {OWN "OracleAuth", 29},
        [ERROR_RMAN_FAILED] = {OWN "RmanFailed", 31},
        [ERROR_RMAN_STALLED] = {OWN "RmanStalled", 32},
        [ERROR_NOT_CONSISTENT] = {OWN "NotConsistent", 33},
        [ERROR_STORE_UNAVAILABLE] = {OWN "StoreUnavailable", 40},
        [ERROR_STORE_AUTH] = {OWN "StoreAuth", 41},
        [ERROR_STORE_QUOTA] = {OWN "StoreQuota", 42},
        [ERROR_STORE_NOT_FOUND] = {OWN "StoreNotFound", 43},
        [ERROR_TIMEOUT] = {OWN "Timeout", 44},
        [ERROR_INTEGRITY] = {OWN "Integrity", 50},
        [ERROR_NO_IDENTITY] = {OWN "NoIdentity", 51},
        [ERROR_WRONG_IDENTITY] = {OWN "WrongIdentity", 52},
        [ERROR_SIGNATURE] = {OWN "Signature", 53},
        [ERROR_INCOMPATIBLE] = {OWN "Incompatible", 54},
        [ERROR_UNTRUSTED] = {OWN "Untrusted", 55},
        [ERROR_CANCELLED] = {OWN "Cancelled", 60},
        [ERROR_INTERRUPTED] = {OWN "Interrupted", 61},
        [ERROR_INTERNAL] = {OWN "Internal", 70},
};

/* U+0080 to U+009F are control characters too: a terminal obeys them. */
static bool is_c1_control(const char *character, size_t size) {
        return size == 2 && (uint8_t)character[0] == 0xc2 && (uint8_t)character[1] < 0xa0;
}

/* Copies `text`, cut at a character; control characters become blanks, bytes that are no UTF-8
 * become '?'. */
static void message_set(Error *err, const char *text) {
        size_t left = strlen(text), length = 0;

        while (left > 0) {
                size_t size = utf8_character(text, left);
                size_t taken = size > 0 ? size : 1;
                bool control = (uint8_t)*text < 0x20 || *text == 0x7f || is_c1_control(text, size);
                size_t put = size == 0 || control ? 1 : size;

                if (length + put >= sizeof(err->message))
                        break;
                if (size == 0 || control)
                        err->message[length] = control ? ' ' : '?';
                else
                        memcpy(err->message + length, text, size);
                length += put;
                text += taken;
                left -= taken;
        }
        err->message[length] = '\0';
}

/* Formats with four bytes more than a message holds, so that message_set() sees the character at
 * the cut whole and what it cuts is never half of one. */
enum { FORMATTED_BYTES = ERROR_MESSAGE_BYTES + 4 };

static void format_va(char *ret, const char *format, va_list ap)
        __attribute__((format(printf, 2, 0)));
static void format_va(char *ret, const char *format, va_list ap) {
        if (vsnprintf(ret, FORMATTED_BYTES, format, ap) < 0)
                snprintf(ret, FORMATTED_BYTES, "(a message that cannot be formatted)");
}

/* Cuts a text at the character that goes beyond max_bytes. */
static void cut(char *text, size_t max_bytes) {
        if (strlen(text) <= max_bytes)
                return;
        while (max_bytes > 0 && ((uint8_t)text[max_bytes] & 0xc0) == 0x80)
                max_bytes--;
        text[max_bytes] = '\0';
}

static int negative(int r) {
        return r < 0 ? r : -EIO;
}

int error_set_va(Error *err, ErrorKind kind, int r, const char *format, va_list ap) {
        char text[FORMATTED_BYTES]; /* the arguments may point into *err */

        if (err == NULL)
                return negative(r);
        format_va(text, format, ap);
        *err = (Error){.kind = kind, .r = negative(r)};
        message_set(err, text);
        return err->r;
}

int error_set(Error *err, ErrorKind kind, int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        r = error_set_va(err, kind, r, format, ap);
        va_end(ap);
        return r;
}

int error_set_errno(Error *err, ErrorKind otherwise, int r, const char *format, ...) {
        char text[FORMATTED_BYTES], reason[128];
        ErrorKind kind;
        va_list ap;

        r = negative(r);
        kind = r == -ENOSPC || r == -EDQUOT ? ERROR_NO_SPACE : otherwise;
        va_start(ap, format);
        format_va(text, format, ap);
        va_end(ap);
        cut(text, ERROR_MESSAGE_BYTES - sizeof(reason));
        return error_set(err, kind, r, "%s: %s", text, strerror_r(-r, reason, sizeof(reason)));
}

int error_prefix(Error *err, const char *format, ...) {
        char prefix[FORMATTED_BYTES], text[2 * FORMATTED_BYTES];
        va_list ap;

        if (err == NULL)
                return -EIO;
        va_start(ap, format);
        format_va(prefix, format, ap);
        va_end(ap);
        snprintf(text, sizeof(text), "%s: %s", prefix, err->message);
        message_set(err, text);
        return negative(err->r);
}

int error_oom(Error *err) {
        return error_set(err, ERROR_INTERNAL, -ENOMEM, "Out of memory");
}

const char *error_dbus_name(ErrorKind kind) {
        return (unsigned)kind < _ERROR_KIND_MAX ? error_names[kind].dbus_name : OWN "Internal";
}

ErrorKind error_kind_from_dbus_name(const char *name) {
        for (unsigned i = ERROR_NONE + 1; i < ELEMENTSOF(error_names); i++)
                if (string_equal(error_names[i].dbus_name, name))
                        return (ErrorKind)i;
        return ERROR_NONE;
}

int error_exit_status(ErrorKind kind) {
        return (unsigned)kind < _ERROR_KIND_MAX ? error_names[kind].exit_status : 70;
}
