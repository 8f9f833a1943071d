/* Lines of the object `segments`. Written at the commit, read by whoever restores or verifies. */
#include "repository/segments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"

enum { LINE_BYTES = 256, MD5_DIGITS = 32 };

/* The whole line without its end; its length. */
static size_t
print_line(const SegmentsOf *of, const SegmentLine *line, size_t index, char ret[LINE_BYTES]) {
        int n = snprintf(
                ret,
                LINE_BYTES,
                "%s  %" PRIu64 " %s/%s/%s/%08zu",
                line->md5,
                line->size,
                of->instance,
                of->backup_id,
                of->attempt,
                index);
        return (size_t)n;
}

int segments_print(
        const SegmentsOf *of,
        const SegmentLine *lines,
        size_t n,
        char **ret,
        size_t *ret_size,
        Error *err) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        for (size_t i = 0; i < n; i++) {
                char line[LINE_BYTES];
                text_append_bytes(&text, line, print_line(of, &lines[i], i, line));
                text_append(&text, "\n");
        }
        if (text.failed)
                return error_oom(err);
        size_t size = text.length;
        char *taken = size > 0 ? text_take(&text) : strdup("");
        if (taken == NULL)
                return error_oom(err);
        *ret = taken;
        *ret_size = size;
        return 0;
}

/* Reads digest and size, and takes the line only when it is exactly what they would print. */
static int
parse_line(const SegmentsOf *of, const char *text, size_t size, size_t index, SegmentLine *ret) {
        char copy[LINE_BYTES], expected[LINE_BYTES], number[32];
        if (size >= sizeof(copy) || size < MD5_DIGITS + 4)
                return -EINVAL;
        memcpy(copy, text, size);
        copy[size] = '\0';
        size_t digits = strspn(copy + MD5_DIGITS + 2, "0123456789");
        if (strspn(copy, "0123456789abcdef") != MD5_DIGITS || digits == 0 ||
            digits >= sizeof(number))
                return -EINVAL;
        memcpy(ret->md5, copy, MD5_DIGITS);
        ret->md5[MD5_DIGITS] = '\0';
        memcpy(number, copy + MD5_DIGITS + 2, digits);
        number[digits] = '\0';
        if (parse_uint64(number, &ret->size) < 0 || ret->size == 0)
                return -EINVAL;
        size_t length = print_line(of, ret, index, expected);
        return length == size && memcmp(expected, copy, size) == 0 ? 0 : -EINVAL;
}

static size_t count_lines(const char *text, size_t size) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++)
                n += text[i] == '\n' ? 1 : 0;
        return n;
}

int segments_parse(
        const SegmentsOf *of,
        const char *text,
        size_t size,
        SegmentLine **ret,
        size_t *ret_n,
        Error *err) {
        size_t n = count_lines(text, size);
        if (n == 0 || text[size - 1] != '\n')
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EINVAL,
                        "The segment list of backup %s is empty or cut off",
                        of->backup_id);
        CLEANUP(cleanup_free) SegmentLine *lines = calloc(n, sizeof(*lines));
        if (lines == NULL)
                return error_oom(err);
        for (size_t i = 0, start = 0; i < n; i++) {
                const char *end = memchr(text + start, '\n', size - start);
                if (parse_line(of, text + start, (size_t)(end - text) - start, i, &lines[i]) < 0)
                        return error_set(
                                err,
                                ERROR_INTEGRITY,
                                -EINVAL,
                                "Line %zu of the segment list of backup %s is not a segment of "
                                "attempt %s",
                                i + 1,
                                of->backup_id,
                                of->attempt);
                start = (size_t)(end - text) + 1;
        }
        *ret = TAKE_PTR(lines);
        *ret_n = n;
        return 0;
}
