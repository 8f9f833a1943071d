#include "event/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct Lines {
        void (*on_line)(const char *line, size_t length, bool cut, void *userdata);
        void *userdata;
        bool *freed; /* set for whoever is calling out */
        bool cut;
        size_t length;
        char line[LIMIT_CHILD_LINE_BYTES + 1];
};

/* False: the owner has freed us. */
static bool say(Lines *lines) {
        size_t length = lines->length;
        bool cut = lines->cut, freed = false;

        lines->line[length] = '\0';
        lines->length = 0;
        lines->cut = false;
        lines->freed = &freed;
        lines->on_line(lines->line, length, cut, lines->userdata);
        if (!freed)
                lines->freed = NULL;
        return !freed;
}

static void keep(Lines *lines, const char *bytes, size_t size) {
        size_t room = LIMIT_CHILD_LINE_BYTES - lines->length;

        lines->cut = lines->cut || size > room;
        if (size > room)
                size = room;
        memcpy(lines->line + lines->length, bytes, size);
        lines->length += size;
}

void lines_push(Lines *lines, const char *bytes, size_t size) {
        while (size > 0) {
                const char *end = memchr(bytes, '\n', size);
                size_t length = end != NULL ? (size_t)(end - bytes) : size;

                keep(lines, bytes, length);
                if (end == NULL)
                        return;
                bytes += length + 1;
                size -= length + 1;
                if (!say(lines))
                        return;
        }
}

void lines_end(Lines *lines) {
        if (lines->length > 0)
                say(lines);
}

int lines_new(
        void (*on_line)(const char *line, size_t length, bool cut, void *userdata),
        void *userdata,
        Lines **ret,
        Error *err) {
        Lines *lines = malloc(sizeof(*lines));

        if (lines == NULL)
                return error_oom(err);
        lines->on_line = on_line;
        lines->userdata = userdata;
        lines->freed = NULL;
        lines->cut = false;
        lines->length = 0;
        *ret = lines;
        return 0;
}

Lines *lines_free(Lines *lines) {
        if (lines != NULL && lines->freed != NULL)
                *lines->freed = true;
        free(lines);
        return NULL;
}
