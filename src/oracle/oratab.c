/* oratab: SID:HOME:FLAG, one database a line. Read by ListDatabases and by backups; one line is set
 * after a restore, in place, because others keep the file open or own it. */
#include "oracle/oratab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"

void oratab_done(Oratab *oratab) {
        for (size_t i = 0; i < oratab->n; i++)
                free(oratab->entries[i].oracle_home);
        free(oratab->entries);
        *oratab = (Oratab){0};
}

const OratabEntry *oratab_find(const Oratab *oratab, const char *sid) {
        for (size_t i = 0; i < oratab->n; i++)
                if (string_equal(oratab->entries[i].sid, sid))
                        return &oratab->entries[i];
        return NULL;
}

typedef struct Line {
        const char *text; /* without blanks around it */
        size_t length;
        unsigned number;
} Line;

static int malformed(const Line *line, const char *what, const char *why, Error *err) {
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "%s line %u: \"%.*s\": %s",
                what,
                line->number,
                (int)(line->length < 200 ? line->length : 200),
                line->text,
                why);
}

/* Cuts at ':'; the third field ends at a '#' comment or another ':'. */
static int parse_line(const Line *line, const char *what, OratabEntry *ret, Error *err) {
        const char *home, *flag, *end = line->text + line->length;
        size_t sid_length, home_length, rest;

        home = memchr(line->text, ':', line->length);
        if (home == NULL)
                return malformed(line, what, "SID:ORACLE_HOME:Y or N is expected", err);
        sid_length = (size_t)(home++ - line->text);
        flag = memchr(home, ':', (size_t)(end - home));
        if (flag == NULL)
                return malformed(line, what, "SID:ORACLE_HOME:Y or N is expected", err);
        home_length = (size_t)(flag++ - home);
        rest = (size_t)(end - flag);
        if (sid_length >= sizeof(ret->sid))
                return malformed(line, what, "the SID is longer than 30 characters", err);
        memcpy(ret->sid, line->text, sid_length);
        ret->sid[sid_length] = '\0';
        if (!sid_valid(ret->sid))
                return malformed(line, what, "a SID is 1 to 30 of A-Z a-z 0-9 _ $ #", err);
        if (rest == 0 || strchr("YNWynw", *flag) == NULL ||
            (rest > 1 && strchr(": \t#", flag[1]) == NULL))
                return malformed(line, what, "the third field must be Y, N or W", err);
        ret->flag = (char)(*flag & ~0x20);
        ret->oracle_home = strndup(home, home_length);
        if (ret->oracle_home == NULL)
                return error_oom(err);
        if (path_is_clean(ret->oracle_home))
                return 0;
        free(ret->oracle_home);
        return malformed(line, what, "ORACLE_HOME must be a clean absolute path", err);
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* Comments, '*', and instances of Grid Infrastructure (+ASM, -MGMTDB) are of no concern. */
static bool is_ignored(const Line *line) {
        return line->length == 0 || strchr("#*+-", *line->text) != NULL;
}

static int add_line(const Line *line, const char *what, Oratab *oratab, Error *err) {
        OratabEntry entry = {0}, *more;
        int r;

        if (oratab->n >= LIMIT_DATABASES)
                return malformed(line, what, "more than 256 databases", err);
        r = parse_line(line, what, &entry, err);
        if (r < 0)
                return r;
        more = oratab_find(oratab, entry.sid) != NULL
                       ? NULL
                       : reallocarray(oratab->entries, oratab->n + 1, sizeof(OratabEntry));
        if (more == NULL) {
                free(entry.oracle_home);
                if (oratab_find(oratab, entry.sid) != NULL)
                        return malformed(line, what, "this SID stands in the file twice", err);
                return error_oom(err);
        }
        oratab->entries = more;
        oratab->entries[oratab->n++] = entry;
        return 0;
}

int oratab_parse(const char *text, size_t size, const char *what, Oratab *ret, Error *err) {
        Oratab oratab = {0};
        Line line = {0};
        const char *end = text + size;
        int r = 0;

        while (text < end && r == 0) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *stop = newline == NULL ? end : newline;

                line.number++;
                while (text < stop && is_blank(*text))
                        text++;
                line.text = text;
                line.length = (size_t)(stop - text);
                while (line.length > 0 && is_blank(text[line.length - 1]))
                        line.length--;
                if (memchr(line.text, '\0', line.length) != NULL)
                        r = malformed(&line, what, "a NUL byte", err);
                else if (!is_ignored(&line))
                        r = add_line(&line, what, &oratab, err);
                text = newline == NULL ? end : newline + 1;
        }
        if (r < 0) {
                oratab_done(&oratab);
                return r;
        }
        *ret = oratab;
        return 0;
}

int oratab_read(const char *path, Oratab *ret, Error *err) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;
        int r;

        r = file_read(path, LIMIT_CONFIG_FILE_BYTES, ERROR_CONFIG, &text, &size, err);
        if (r == -ENOENT) {
                if (err != NULL)
                        *err = (Error){0};
                *ret = (Oratab){0};
                return 0;
        }
        return r < 0 ? r : oratab_parse(text, size, path, ret, err);
}

/* The text with the line of sid replaced, or appended. Another line that cannot be understood stays
 * as it is: the file is not ours. */
static void
compose(const char *text, size_t size, const char *sid, const char *oracle_home, Text *ret) {
        const char *end = text + size;
        size_t length = strlen(sid);
        bool done = false;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *next = newline == NULL ? end : newline + 1;
                const char *start = text;

                while (start < next && is_blank(*start))
                        start++;
                if ((size_t)(next - start) > length && memcmp(start, sid, length) == 0 &&
                    start[length] == ':') {
                        if (!done)
                                text_appendf(ret, "%s:%s:N\n", sid, oracle_home);
                        done = true;
                } else
                        text_append_bytes(ret, text, (size_t)(next - text));
                text = next;
        }
        if (done)
                return;
        if (ret->length > 0 && ret->data[ret->length - 1] != '\n')
                text_append(ret, "\n");
        text_appendf(ret, "%s:%s:N\n", sid, oracle_home);
}

static int write_in_place(int fd, const Text *text) {
        int r;

        r = pwrite_all(fd, text->data, text->length, 0);
        if (r == 0 && ftruncate(fd, (off_t)text->length) < 0)
                r = -errno;
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

/* With the lock held. */
static int rewrite(int fd, const char *path, const char *sid, const char *home, Error *err) {
        CLEANUP(cleanup_free) char *old = NULL, *copy = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        struct stat st;
        size_t size = 0;
        int r;

        r = file_read_fd(
                fd, &(FileExpected){path, LIMIT_CONFIG_FILE_BYTES, ERROR_CONFIG}, &old, &size, err);
        if (r < 0)
                return r;
        compose(old, size, sid, home, &text);
        copy = string_printf("%s.orabackup", path);
        if (text.failed || copy == NULL)
                return error_oom(err);
        if (text.length == size && memcmp(text.data, old, size) == 0)
                return 0;
        if (fstat(fd, &st) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", path);
        r = file_write_durably(copy, old, size, st.st_mode & 0777, err);
        if (r < 0)
                return r;
        r = write_in_place(fd, &text);
        return r < 0 ? error_set_errno(err, ERROR_CONFIG, r, "%s cannot be written", path) : 0;
}

int oratab_set(const char *path, const char *sid, const char *oracle_home, Error *err) {
        CLEANUP(cleanup_close) int fd = -1;

        if (!sid_valid(sid) || !path_is_clean(oracle_home) || strchr(oracle_home, ':') != NULL)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "\"%s:%s:N\" cannot stand in %s",
                        sid,
                        oracle_home,
                        path);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s cannot be opened", path);
        if (flock(fd, LOCK_EX) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s cannot be locked", path);
        return rewrite(fd, path, sid, oracle_home, err);
}
