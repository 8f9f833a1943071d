/* Any bytes as dbca's output: the first byte is its exit status. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "oracle/dbca-output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
        if (memchr(text, '\0', size) == NULL || !text_is_printable(text))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DbcaParser parser = DBCA_PARSER_INIT;
        Error err = {0};
        const char *p = (const char *)data, *end = p + size;
        unsigned percent = 0;

        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                const char *stop = newline == NULL ? end : newline;

                (void)dbca_parser_line(&parser, p, (size_t)(stop - p));
                if (parser.percent > 100 || parser.percent < percent)
                        abort();
                percent = parser.percent;
                p = newline == NULL ? end : newline + 1;
        }
        check_text(parser.step, sizeof(parser.step));
        check_text(parser.log_file, sizeof(parser.log_file));
        check_text(parser.warning, sizeof(parser.warning));
        check_text(parser.error, sizeof(parser.error));
        check_text(parser.cause, sizeof(parser.cause));
        check_text(parser.code, sizeof(parser.code));
        if ((dbca_parser_verdict(&parser, "NEWDB", size > 0 ? data[0] : 0, 0, &err) < 0) !=
            (err.kind != ERROR_NONE))
                abort();
        return 0;
}
