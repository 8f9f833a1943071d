/* Reads dbca's lines for oracle/create-run.c: how far it is, what it warned of, which of its errors
 * is the cause, and where its log lies. */
#include "oracle/dbca-output.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "oracle/output.h"

/* dbca's exit codes, as a shell sees them. */
enum {
        STATUS_DONE = 0,
        STATUS_DONE_WITH_WARNINGS = 6,
        STATUS_CANCELLED = 252,
        STATUS_BAD_INPUT = 254,
};

enum { RANK_NONE, RANK_WORDS, RANK_CODE, RANK_KNOWN };

static const struct {
        const char *code;
        ErrorKind kind;
} dbt_kinds[] = {
        {"DBT-06604", ERROR_NO_SPACE},
        {"DBT-06606", ERROR_NO_SPACE},
        {"DBT-10317", ERROR_DATABASE_EXISTS},
        {"DBT-10328", ERROR_DATABASE_EXISTS},
};

static ErrorKind kind_of(const char *code, int os_error) {
        for (size_t i = 0; i < ELEMENTSOF(dbt_kinds); i++)
                if (strcmp(dbt_kinds[i].code, code) == 0)
                        return dbt_kinds[i].kind;
        ErrorKind kind = rman_error_kind(code, os_error);
        if (kind != ERROR_RMAN_FAILED)
                return kind;
        return os_error == ENOSPC || os_error == EDQUOT ? ERROR_NO_SPACE : ERROR_ORACLE;
}

/* Whole characters only, bytes that are no text replaced. */
static void copy(char *ret, size_t size, const char *text, size_t length) {
        size_t n = 0;
        for (size_t i = 0; i < length;) {
                size_t width = utf8_character(text + i, length - i);
                bool plain = width > 1 || (width == 1 && !iscntrl((unsigned char)text[i]));
                size_t step = width == 0 ? 1 : width;
                if (n + (plain ? width : 1) >= size)
                        break;
                if (plain)
                        memcpy(ret + n, text + i, width);
                else
                        ret[n] = '?';
                n += plain ? width : 1;
                i += step;
        }
        ret[n] = '\0';
}

#define COPY(field, text, length) copy(field, sizeof(field), text, length)

static bool begins(const char *line, size_t length, const char *prefix) {
        size_t n = strlen(prefix);
        return length >= n && memcmp(line, prefix, n) == 0;
}

static const char *find(const char *line, size_t length, const char *word) {
        return memmem(line, length, word, strlen(word));
}

/* "40% complete" */
static bool read_percent(const char *line, size_t length, unsigned *ret) {
        static const char tail[] = "% complete";
        size_t digits = 0;
        unsigned percent = 0;
        while (digits < length && digits < 3 && isdigit((unsigned char)line[digits]))
                percent = percent * 10 + (unsigned)(line[digits++] - '0');
        if (digits == 0 || percent > 100 || length - digits != strlen(tail) ||
            memcmp(line + digits, tail, strlen(tail)) != 0)
                return false;
        *ret = percent;
        return true;
}

static bool is_step(const char *line, size_t length) {
        static const char *const steps[] = {
                "Prepare for db operation",
                "Copying database files",
                "Registering database with",
                "Creating and starting Oracle instance",
                "Creating cluster database views",
                "Completing Database Creation",
                "Creating Pluggable Databases",
                "Executing Post Configuration Actions",
                "Running Custom Scripts",
        };
        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (begins(line, length, steps[i]))
                        return true;
        return false;
}

/* A code like ORA-19502 or DBT-06604; "" when there is none. */
static void read_code(const char *line, size_t length, char ret[static ERROR_CODE_BYTES]) {
        static const char *const families[] = {"ORA-", "DBT-"};
        ret[0] = '\0';
        for (size_t f = 0; f < ELEMENTSOF(families); f++) {
                const char *at = find(line, length, families[f]);
                size_t digits = 0;
                if (at == NULL)
                        continue;
                size_t left = length - (size_t)(at - line) - 4;
                while (digits < left && digits < 5 && isdigit((unsigned char)at[4 + digits]))
                        digits++;
                if (digits != 5)
                        continue;
                memcpy(ret, at, 9);
                ret[9] = '\0';
                return;
        }
}

/* "Operation failed, retry possible" says less than the write error below it, which has a kind of
 * its own when the system's line after it says that the disk is full. */
static unsigned rank_of(const char *code) {
        if (code[0] == '\0')
                return RANK_WORDS;
        for (size_t i = 0; i < ELEMENTSOF(dbt_kinds); i++)
                if (strcmp(dbt_kinds[i].code, code) == 0)
                        return RANK_KNOWN;
        return rman_error_kind(code, ENOSPC) != ERROR_RMAN_FAILED ? RANK_KNOWN : RANK_CODE;
}

static size_t without_full_stop(const char *line, size_t length) {
        while (length > 0 && (line[length - 1] == '.' || line[length - 1] == ' '))
                length--;
        return length;
}

static DbcaEvent note_error(DbcaParser *parser, const char *line, size_t length) {
        char code[ERROR_CODE_BYTES];
        read_code(line, length, code);
        unsigned rank = rank_of(code);
        if (rank > parser->rank) {
                parser->rank = rank;
                memcpy(parser->code, code, sizeof(code));
                COPY(parser->error, line, without_full_stop(line, length));
                parser->cause[0] = '\0';
                parser->awaits_cause = true;
        }
        return DBCA_ERROR;
}

/* "Linux-x86_64 Error: 28: No space left on device" */
static bool note_os_error(DbcaParser *parser, const char *line, size_t length) {
        static const char word[] = "Error: ";
        const char *at = find(line, length, word);
        if (!begins(line, length, "Linux") || at == NULL)
                return false;
        at += strlen(word);
        int number = 0;
        for (; at < line + length && isdigit((unsigned char)*at) && number < 1000; at++)
                number = number * 10 + (*at - '0');
        if (parser->os_error == 0)
                parser->os_error = number;
        return true;
}

/* Between the quotation marks of `Look at the log file "/..." for further details.` */
static bool note_log_file(DbcaParser *parser, const char *line, size_t length) {
        const char *begin = memchr(line, '"', length);
        if (begin++ == NULL)
                return false;
        const char *end = memchr(begin, '"', length - (size_t)(begin - line));
        if (end == NULL || *begin != '/')
                return false;
        COPY(parser->log_file, begin, (size_t)(end - begin));
        return true;
}

/* "..check the logfiles at:", the directory behind it or in the next line, a full stop at its end.
 */
static void note_log_directory(DbcaParser *parser, const char *path, size_t length) {
        while (length > 0 && *path == ' ') {
                path++;
                length--;
        }
        while (length > 0 && (path[length - 1] == '.' || path[length - 1] == ' '))
                length--;
        if (length > 0 && *path == '/' && parser->log_file[0] == '\0')
                COPY(parser->log_file, path, length);
}

static bool note_place(DbcaParser *parser, const char *line, size_t length) {
        static const char logs[] = "check the logfiles at:";
        bool awaited = parser->awaits_log_file;
        const char *at = find(line, length, logs);
        parser->awaits_log_file = false;
        if (at != NULL) {
                at += strlen(logs);
                note_log_directory(parser, at, length - (size_t)(at - line));
                parser->awaits_log_file = at == line + length;
                return true;
        }
        if (begins(line, length, "Look at the log file")) {
                parser->awaits_log_file = !note_log_file(parser, line, length);
                return true;
        }
        if (!awaited)
                return false;
        if (!note_log_file(parser, line, length))
                note_log_directory(parser, line, length);
        return true;
}

static bool note_cause(DbcaParser *parser, const char *line, size_t length) {
        static const char word[] = "CAUSE: ";
        const char *at = find(line, length, word);
        if (at == NULL || *line != ' ')
                return find(line, length, "ACTION: ") != NULL && *line == ' ';
        at += strlen(word);
        size_t rest = length - (size_t)(at - line);
        if (parser->awaits_cause)
                COPY(parser->cause, at, without_full_stop(at, rest));
        parser->awaits_cause = false;
        return true;
}

DbcaEvent dbca_parser_line(DbcaParser *parser, const char *line, size_t length) {
        unsigned percent;
        assert(line != NULL);
        if (length == 0 || note_place(parser, line, length) || note_cause(parser, line, length))
                return DBCA_NOTHING;
        if (read_percent(line, length, &percent)) {
                if (percent <= parser->percent)
                        return DBCA_NOTHING;
                parser->percent = percent;
                return DBCA_PERCENT;
        }
        if (is_step(line, length)) {
                COPY(parser->step, line, length);
                return DBCA_STEP;
        }
        if (begins(line, length, "[WARNING]")) {
                parser->awaits_cause = false;
                parser->n_warnings++;
                COPY(parser->warning, line, length);
                return DBCA_WARNING;
        }
        if (begins(line, length, "[FATAL]") || begins(line, length, "[ERROR]") ||
            begins(line, length, "ORA-") || begins(line, length, "Error"))
                return note_error(parser, line, length);
        (void)note_os_error(parser, line, length);
        return DBCA_NOTHING;
}

static const char *meaning(int status) {
        if (status == STATUS_CANCELLED)
                return "it was cancelled";
        return status == STATUS_BAD_INPUT ? "it did not accept what it was told" : "it failed";
}

static int
failed(const DbcaParser *parser, const char *sid, int status, const char *what, Error *err) {
        bool has_log = parser->log_file[0] != '\0', has_cause = parser->cause[0] != '\0';
        int r = error_set(
                err,
                kind_of(parser->code, parser->os_error),
                -EIO,
                "dbca for %s ended with status %d at %u %%: %s%s%s%s%s%s",
                sid,
                status,
                parser->percent,
                parser->error[0] != '\0' ? parser->error : what,
                has_cause ? ": " : "",
                parser->cause,
                has_log ? "; its log is " : "; it named no log file",
                parser->log_file,
                parser->os_error == ENOSPC ? " (no space left on device)" : "");
        if (err != NULL && string_starts_with(parser->code, "ORA-"))
                memcpy(err->ora_code, parser->code, sizeof(parser->code));
        return r;
}

int dbca_parser_verdict(
        const DbcaParser *parser, const char *sid, int status, int signal_number, Error *err) {
        bool done = status == STATUS_DONE || status == STATUS_DONE_WITH_WARNINGS;
        if (signal_number != 0)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EINTR,
                        "dbca for %s was ended by signal %d at %u %%",
                        sid,
                        signal_number,
                        parser->percent);
        if (!done)
                return failed(parser, sid, status, meaning(status), err);
        if (parser->rank > RANK_NONE)
                return failed(parser, sid, status, "it failed", err);
        if (parser->percent != 100)
                return failed(
                        parser, sid, status, "it did not print that it was 100% complete", err);
        return 0;
}
