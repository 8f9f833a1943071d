/* Small questions about a line of RMAN's output. Called by output.c and output-stack.c. */
#include "oracle/output-text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { CODE_DIGITS = 5 };

void rman_copy(char *ret, size_t size, const char *text, size_t length) {
        if (length >= size)
                length = size - 1;
        memcpy(ret, text, length);
        ret[length] = '\0';
}

static bool digits(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isdigit((unsigned char)text[i]))
                        return false;
        return true;
}

const char *rman_parse_code(const char *text, char ret_code[ERROR_CODE_BYTES]) {
        static const char *const facilities[] = {"RMAN-", "ORA-", "LRM-", "TNS-", "PLS-"};

        for (size_t i = 0; i < ELEMENTSOF(facilities); i++) {
                size_t length = strlen(facilities[i]);

                if (strncmp(text, facilities[i], length) != 0 ||
                    !digits(text + length, CODE_DIGITS))
                        continue;
                length += CODE_DIGITS;
                if (text[length] != ':' && text[length] != ' ')
                        return NULL;
                rman_copy(ret_code, ERROR_CODE_BYTES, text, length);
                text += length + 1;
                return text + strspn(text, " ");
        }
        return NULL;
}

const char *rman_last_of(const char *text, size_t length, const char *word) {
        const char *found = NULL, *p = text;

        while ((p = memmem(p, length - (size_t)(p - text), word, strlen(word))) != NULL)
                found = p++;
        return found;
}

uint32_t rman_number_at(const char *text) {
        unsigned long long n = isdigit((unsigned char)*text) ? strtoull(text, NULL, 10) : 0;

        return n > UINT32_MAX ? 0 : (uint32_t)n;
}

const char *rman_strip_prompts(const char *line) {
        for (;;) {
                size_t n = strspn(line, "0123456789");

                if (strncmp(line, "RMAN>", 5) == 0)
                        n = 4;
                if (n == 0 || line[n] != '>')
                        return line;
                line += n + 1;
                line += *line == ' ';
        }
}
