/* The lines of a key file: recipients, identities and trusted keys are read alike. */
#include "stream/key-lines.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"

int key_lines_init(
        KeyLines *lines,
        const char *text,
        size_t size,
        const char *what,
        ErrorKind kind,
        Error *err) {
        if (size > LIMIT_KEY_FILE_BYTES)
                return error_set(
                        err,
                        kind,
                        -EFBIG,
                        "%s is larger than %d KiB: is it a key file?",
                        what,
                        LIMIT_KEY_FILE_BYTES / 1024);
        *lines = (KeyLines){.at = text, .end = text + size};
        return 0;
}

bool key_lines_next(KeyLines *lines) {
        while (lines->at < lines->end) {
                size_t left = (size_t)(lines->end - lines->at);
                const char *stop = memchr(lines->at, '\n', left);
                size_t size = stop == NULL ? left : (size_t)(stop - lines->at);

                lines->line = lines->at;
                lines->number++;
                lines->at += stop == NULL ? size : size + 1;
                if (size > 0 && lines->line[size - 1] == '\r')
                        size--;
                lines->size = size;
                if (size > 0 && lines->line[0] != '#')
                        return true;
        }
        return false;
}
