/* The lines of one configuration file, on top of inih.
 *
 * inih gives no line numbers, takes an indented line for a continuation of the one before and cuts
 * what does not fit its buffer (200 bytes in the builds of distributions). So the lines come from a
 * reader of ours: it counts them, takes leading blanks away and keeps the whole line; inih says
 * what kind of line it is, and the value of one that inih had to cut is taken from the whole line.
 */
#include "config/reader.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/strings.h"

enum { WORD_BYTES = 60 }; /* of a line that is quoted in an error */

typedef struct Reader {
        const char *start;
        const char *next, *end; /* of the text still to be read */
        unsigned line;          /* number of the line that inih has in hand */
        char text[LIMIT_CONFIG_LINE_BYTES + 1];
        bool cut; /* inih saw only the beginning of it */
        ReaderHandler handler;
        void *userdata;
        int r; /* the first failure, on line `line` */
        Error error;
} Reader;

static const char BLANKS[] = " \t\r\v\f";

static size_t length_without_trailing_blanks(const char *line, size_t length) {
        while (length > 0 && strchr(BLANKS, line[length - 1]) != NULL)
                length--;
        return length;
}

/* inih tells of a section only with its first key, and of one without keys never. */
static int take_section(Reader *reader) {
        char *end = strchr(reader->text, ']');
        if (reader->text[0] != '[' || end == NULL)
                return 0;
        char *name = strndup(reader->text + 1, (size_t)(end - reader->text) - 1);
        int r = name == NULL
                        ? error_oom(&reader->error)
                        : reader->handler(
                                  name, NULL, NULL, reader->line, reader->userdata, &reader->error);
        free(name);
        return r;
}

/* inih's reader: fgets() for a text in memory. NULL ends the reading. */
static char *read_line(char *buffer, int size, void *stream) {
        Reader *reader = stream;
        if (reader->r < 0 || reader->next == reader->end || size <= 1)
                return NULL;
        const char *newline = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
        const char *line_end = newline != NULL ? newline : reader->end;
        const char *line = reader->next;
        reader->next = newline != NULL ? newline + 1 : reader->end;
        reader->line++;

        if (line_end - line > LIMIT_CONFIG_LINE_BYTES) {
                reader->r = error_set(
                        &reader->error,
                        ERROR_CONFIG,
                        -E2BIG,
                        "found a line of %td bytes, allowed: %d",
                        line_end - line,
                        LIMIT_CONFIG_LINE_BYTES);
                return NULL;
        }
        while (line < line_end && strchr(BLANKS, *line) != NULL)
                line++;
        size_t length = length_without_trailing_blanks(line, (size_t)(line_end - line));
        memcpy(reader->text, line, length);
        reader->text[length] = '\0';
        reader->r = take_section(reader);
        if (reader->r < 0)
                return NULL;

        reader->cut = length >= (size_t)size;
        size_t given = reader->cut ? (size_t)size - 1 : length;
        memcpy(buffer, line, given);
        buffer[given] = '\0';
        return buffer;
}

/* The value of a line that did not fit inih's buffer, by inih's rules: after the first '=' or ':',
 * up to a ';' that follows a blank, without blanks around it. */
static char *value_in_place(char *line) {
        char *value = line + strcspn(line, "=:");
        if (*value != '\0')
                value++;
        for (char *p = value; *p != '\0'; p++)
                if (p > value && *p == ';' && strchr(BLANKS, p[-1]) != NULL) {
                        *p = '\0';
                        break;
                }
        value += strspn(value, BLANKS);
        value[length_without_trailing_blanks(value, strlen(value))] = '\0';
        return value;
}

/* inih's handler: 1 goes on, 0 is an error. */
static int handle(void *user, const char *section, const char *name, const char *value) {
        Reader *reader = user;
        if (reader->r < 0)
                return 0;
        reader->r = reader->handler(
                section,
                name,
                reader->cut ? value_in_place(reader->text) : value,
                reader->line,
                reader->userdata,
                &reader->error);
        return reader->r == 0;
}

/* A NUL byte would hide what follows it from every check. */
static int check_text(const char *text, size_t size, const char *what, Error *err) {
        const char *nul = memchr(text, '\0', size);
        if (nul == NULL)
                return 0;
        unsigned line = 1;
        for (const char *p = text; p < nul; p++)
                line += *p == '\n';
        return error_set(
                err, ERROR_CONFIG, -EINVAL, "%s:%u: found a NUL byte, allowed: text", what, line);
}

/* Some editors put it before the first line. */
static const char *skip_byte_order_mark(const char *text, size_t size) {
        return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

/* What inih could not read: the first word says enough, and the rest might be a secret. */
static int refuse_line(const char *text, const char *what, int line, Error *err) {
        for (int i = 1; i < line; i++)
                text += strcspn(text, "\n") + 1;
        text += strspn(text, BLANKS);
        size_t length = strcspn(text, " \t\r\v\f\n");
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "%s:%d: found '%.*s', allowed: a [section], a key = value or a comment",
                what,
                line,
                (int)(length < WORD_BYTES ? length : WORD_BYTES),
                text);
}

int reader_parse(
        const char *text,
        size_t size,
        const char *what,
        ReaderHandler handler,
        void *userdata,
        Error *err) {
        int r = check_text(text, size, what, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_free) Reader *reader = calloc(1, sizeof(*reader));
        if (reader == NULL)
                return error_oom(err);
        const char *start = skip_byte_order_mark(text, size);
        *reader = (Reader){
                .start = start,
                .next = start,
                .end = text + size,
                .handler = handler,
                .userdata = userdata};

        int bad_line = ini_parse_stream(read_line, reader, handle, reader);
        if (bad_line > 0 && (reader->r >= 0 || (unsigned)bad_line < reader->line))
                return refuse_line(reader->start, what, bad_line, err);
        if (bad_line < 0)
                return error_oom(err);
        if (reader->r < 0) {
                if (err != NULL)
                        *err = reader->error;
                error_prefix(err, "%s:%u", what, reader->line);
                return reader->r;
        }
        return 0;
}
