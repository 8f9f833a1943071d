/* Any bytes as RMAN's output: the first byte chooses the phase. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(const RmanEvent *event, void *userdata) {
        size_t *n = userdata;

        if (event->type == RMAN_EVENT_NONE || event->type > RMAN_EVENT_FAILOVER || ++*n > 3)
                abort(); /* at most three a line */
        if (memchr(event->handle, '\0', sizeof(event->handle)) == NULL ||
            memchr(event->message, '\0', sizeof(event->message)) == NULL)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        RmanParser *parser;
        Error err = {0};
        const char *p = (const char *)data, *end = p + size;

        if (rman_parser_new((RmanPhase)(size > 0 ? data[0] % 5 : 0), &parser, NULL) < 0)
                return 0;
        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                const char *stop = newline == NULL ? end : newline;
                size_t n = 0;

                rman_parser_line(parser, p, (size_t)(stop - p), false, on_event, &n);
                p = newline == NULL ? end : newline + 1;
        }
        if ((rman_parser_verdict(parser, &err) < 0) != (err.kind != ERROR_NONE))
                abort();
        rman_parser_free(parser);
        return 0;
}
