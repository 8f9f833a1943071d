/* tnsnames.ora and sqlnet.ora, as much of them as says which names are defined: NAME[, NAME..] =
 * (...) at parenthesis depth 0; '#' begins a comment. Called by oracle/restore-run.c. */
#include "oracle/tns.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES_MAX = 256 };

typedef struct Scanner {
        const char *p, *end;
        int depth;
        bool comment, quoted;
} Scanner;

/* The next byte that matters: comments are blanks, a quoted byte and one within parentheses is
 * NUL. -1 at the end. */
static int next_byte(Scanner *scanner) {
        char c;

        if (scanner->p == scanner->end)
                return -1;
        c = *scanner->p++;
        if (c == '\n')
                scanner->comment = false;
        else if (scanner->comment)
                return ' ';
        if (c == '#' && !scanner->quoted) {
                scanner->comment = true;
                return ' ';
        }
        if (c == '"')
                scanner->quoted = !scanner->quoted;
        else if (scanner->quoted)
                return 0;
        if (c == '(')
                scanner->depth++;
        else if (c == ')' && scanner->depth > 0)
                scanner->depth--;
        return scanner->depth > 0 || c == ')' || c == '"' ? 0 : (unsigned char)c;
}

static bool same_name(const char *name, size_t length, const char *wanted) {
        return strlen(wanted) == length && strncasecmp(name, wanted, length) == 0;
}

/* A name that was just read, with '=' or ',' behind it. */
typedef struct Search {
        const char *alias, *qualified;
        bool found, includes;
} Search;

static void judge_name(Search *search, const char *name, size_t length) {
        if (same_name(name, length, search->alias) ||
            (search->qualified != NULL && same_name(name, length, search->qualified)))
                search->found = true;
        if (same_name(name, length, "IFILE"))
                search->includes = true;
}

static void search_names(const char *text, size_t size, Search *search) {
        Scanner scanner = {.p = text, .end = text + size};
        char name[NAME_BYTES_MAX];
        size_t length = 0;
        int c;

        while ((c = next_byte(&scanner)) >= 0) {
                if (c == '=' || c == ',') {
                        judge_name(search, name, length);
                        length = 0;
                } else if (c == 0 || (c == '\n' && length > 0 && search->includes))
                        length = 0;
                else if (!isspace(c) && length < sizeof(name))
                        name[length++] = (char)c;
        }
}

TnsAnswer tns_defined(const char *tnsnames, size_t size, const char *alias, const char *domain) {
        char *qualified = NULL;
        Search search = {.alias = alias};

        if (strchr(alias, '(') != NULL || strchr(alias, ':') != NULL || strchr(alias, '/') != NULL)
                return TNS_DEFINED;
        if (domain != NULL && strchr(alias, '.') == NULL)
                qualified = string_printf("%s.%s", alias, domain);
        search.qualified = qualified;
        search_names(tnsnames, size, &search);
        free(qualified);
        if (search.found)
                return TNS_DEFINED;
        return search.includes ? TNS_UNKNOWN : TNS_UNDEFINED;
}

static bool is_value_byte(char c) {
        return isalnum((unsigned char)c) || strchr("._-", c) != NULL;
}

char *tns_default_domain(const char *sqlnet, size_t size) {
        static const char key[] = "NAMES.DEFAULT_DOMAIN";
        const char *end = sqlnet + size;

        while (sqlnet < end) {
                const char *newline = memchr(sqlnet, '\n', (size_t)(end - sqlnet));
                const char *stop = newline == NULL ? end : newline, *p = sqlnet;

                sqlnet = newline == NULL ? end : newline + 1;
                while (p < stop && isspace((unsigned char)*p))
                        p++;
                if ((size_t)(stop - p) < strlen(key) || strncasecmp(p, key, strlen(key)) != 0)
                        continue;
                p += strlen(key);
                while (p < stop && (isspace((unsigned char)*p) || *p == '=' || *p == '('))
                        p++;
                const char *value = p;

                while (p < stop && *p != '\0' && is_value_byte(*p))
                        p++;
                return p > value ? strndup(value, (size_t)(p - value)) : NULL;
        }
        return NULL;
}
