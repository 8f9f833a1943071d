/* init.ora: logical lines (a value may go on in the next line behind '\', within quotes' commas or
 * parentheses), "*.name=value", 'quoted', lists. Called by oracle/restore-run.c. */
#include "oracle/pfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/files.h"

void pfile_done(Pfile *pfile) {
        for (size_t i = 0; i < pfile->n; i++) {
                free(pfile->parameters[i].name);
                string_list_done(&pfile->parameters[i].values);
        }
        free(pfile->parameters);
        *pfile = (Pfile){0};
}

typedef struct Logical {
        const char *start, *end; /* in the text, with line ends */
        Text text;               /* joined, without comments */
        unsigned number;         /* of its first line */
        bool open;               /* a quote does not end */
} Logical;

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

static char last_visible(const Text *text) {
        size_t n = text->length;

        while (n > 0 && is_blank(text->data[n - 1]))
                n--;
        return n > 0 ? text->data[n - 1] : '\0';
}

typedef struct LineState {
        char quote;
        int depth;
} LineState;

/* One physical line, without a comment; keeps quotes. */
static void append_line(const char *p, const char *stop, LineState *state, Text *ret) {
        for (; p < stop; p++) {
                if (state->quote != '\0') {
                        if (*p == state->quote)
                                state->quote = '\0';
                } else if (*p == '#')
                        return;
                else if (*p == '\'' || *p == '"')
                        state->quote = *p;
                else if (*p == '(')
                        state->depth++;
                else if (*p == ')')
                        state->depth--;
                text_append_bytes(ret, p, 1);
        }
}

/* Does the value go on in the next line? */
static bool goes_on(Text *text, const LineState *state) {
        char last = last_visible(text);

        if (state->quote != '\0' || text->failed)
                return false;
        if (last == '\\') {
                while (text->data[text->length - 1] != '\\')
                        text->length--;
                text->data[--text->length] = '\0';
                return true;
        }
        return state->depth > 0 || last == ',' || last == '=';
}

/* The next logical line; false at the end. */
static bool next_logical(const char **p, const char *end, unsigned *number, Logical *ret) {
        LineState state = {0};

        if (*p >= end)
                return false;
        text_clear(&ret->text);
        ret->start = *p;
        ret->number = *number;
        do {
                const char *newline = memchr(*p, '\n', (size_t)(end - *p));
                const char *stop = newline == NULL ? end : newline;

                append_line(*p, stop, &state, &ret->text);
                *p = newline == NULL ? end : newline + 1;
                (*number)++;
        } while (goes_on(&ret->text, &state) && *p < end);
        ret->end = *p;
        ret->open = state.quote != '\0';
        return true;
}

static int add_value(StringList *values, Text *value, bool quoted) {
        int r = 0;

        while (!quoted && value->length > 0 && is_blank(value->data[value->length - 1]))
                value->data[--value->length] = '\0';
        if (value->failed)
                return -ENOMEM;
        if (quoted || value->length > 0)
                r = string_list_add(values, text_get(value));
        text_clear(value);
        return r;
}

/* 'a', "b", c  or (a, b): quotes and the outer parentheses go away. A value that begins with '('
 * and holds '=' is an address and stays whole. */
static int split_values(const char *p, StringList *values) {
        CLEANUP(text_done) Text value = TEXT_INIT;
        bool address = *p == '(' && strchr(p, '=') != NULL, quoted = false;
        char quote = '\0';
        int r = 0;

        if (address)
                return string_list_add(values, p);
        for (; *p != '\0' && r == 0; p++) {
                bool doubled = quote != '\0' && *p == quote && p[1] == quote;
                bool plain = strchr("()'\",", *p) == NULL && !(is_blank(*p) && value.length == 0) &&
                             !quoted;
                if (doubled)
                        p++;
                if (doubled || (quote != '\0' && *p != quote) || (quote == '\0' && plain))
                        text_append_bytes(&value, p, 1);
                else if (quote != '\0')
                        quote = '\0';
                else if (*p == '\'' || *p == '"') {
                        quote = *p;
                        quoted = true;
                } else if (*p == ',') {
                        r = add_value(values, &value, quoted);
                        quoted = false;
                }
        }
        return r < 0 ? r : add_value(values, &value, quoted);
}

/* "*.name", "SID.name", "name": the parts; false when it is no name. */
static bool split_name(const char *text, size_t length, const char **ret_dot) {
        *ret_dot = memchr(text, '.', length);
        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)text[i]) && strchr("_.*$#", text[i]) == NULL)
                        return false;
        return length > 0;
}

typedef struct Name {
        const char *sid; /* "*" or "" for all; not terminated */
        size_t sid_length;
        const char *name;
        size_t length;
        const char *value;
} Name;

/* Of a logical line: 1 a parameter, 0 empty, -1 neither. */
static int parse_name(const char *line, Name *ret) {
        const char *equals, *dot, *end;

        while (is_blank(*line))
                line++;
        if (*line == '\0')
                return 0;
        equals = strchr(line, '=');
        if (equals == NULL)
                return -1;
        end = equals;
        while (end > line && is_blank(end[-1]))
                end--;
        if (!split_name(line, (size_t)(end - line), &dot))
                return -1;
        ret->sid = line;
        ret->sid_length = dot == NULL ? 0 : (size_t)(dot - line);
        ret->name = dot == NULL ? line : dot + 1;
        ret->length = (size_t)(end - ret->name);
        ret->value = equals + 1;
        while (is_blank(*ret->value))
                ret->value++;
        return ret->length > 0 ? 1 : -1;
}

static int add_parameter(Pfile *pfile, const Name *name, bool of_sid, Error *err) {
        PfileParameter *more =
                reallocarray(pfile->parameters, pfile->n + 1, sizeof(PfileParameter));
        PfileParameter *parameter;

        if (more == NULL)
                return error_oom(err);
        pfile->parameters = more;
        parameter = &more[pfile->n++];
        *parameter = (PfileParameter){.of_sid = of_sid};
        parameter->name = strndup(name->name, name->length);
        if (parameter->name == NULL || split_values(name->value, &parameter->values) < 0)
                return error_oom(err);
        for (char *p = parameter->name; *p != '\0'; p++)
                *p = (char)tolower((unsigned char)*p);
        return 0;
}

static int
parse_logical(const Logical *line, const char *what, const char *sid, Pfile *pfile, Error *err) {
        Name name = {0};
        bool of_sid;
        int kind = line->open ? -1 : parse_name(text_get(&line->text), &name);

        if (kind == 0)
                return 0;
        if (kind < 0)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "%s line %u: %s",
                        what,
                        line->number,
                        line->open ? "a quote does not end" : "name=value is expected");
        of_sid = name.sid_length > 0 && *name.sid != '*';
        if (of_sid &&
            (strlen(sid) != name.sid_length || strncmp(name.sid, sid, name.sid_length) != 0))
                return 0;
        return add_parameter(pfile, &name, of_sid, err);
}

int pfile_parse(
        const char *text, size_t size, const char *what, const char *sid, Pfile *ret, Error *err) {
        const char *end = text + size;
        Logical line = {0};
        Pfile pfile = {0};
        unsigned number = 1;
        int r = 0;

        if (memchr(text, '\0', size) != NULL)
                return error_set(err, ERROR_UNSUPPORTED, -EINVAL, "%s holds a NUL byte", what);
        while (r == 0 && next_logical(&text, end, &number, &line))
                r = line.text.failed ? error_oom(err)
                                     : parse_logical(&line, what, sid, &pfile, err);
        text_done(&line.text);
        if (r < 0) {
                pfile_done(&pfile);
                return r;
        }
        *ret = pfile;
        return 0;
}

const StringList *pfile_get(const Pfile *pfile, const char *name) {
        const PfileParameter *found = NULL;

        for (size_t i = 0; i < pfile->n; i++) {
                const PfileParameter *parameter = &pfile->parameters[i];

                /* the last one counts, and one of the SID before one of all */
                if (string_equal(parameter->name, name) &&
                    (found == NULL || parameter->of_sid || !found->of_sid))
                        found = parameter;
        }
        return found == NULL ? NULL : &found->values;
}

static bool is_numbered(const char *name, const char *prefix) {
        const char *rest = name + strlen(prefix);

        return string_starts_with(name, prefix) && *rest != '\0' &&
               strspn(rest, "0123456789") == strlen(rest);
}

typedef enum DirectoryKind {
        DIRECTORY_ITSELF,
        DIRECTORY_PARENT,
        DIRECTORY_LOCATION, /* LOCATION=/path, or the path */
} DirectoryKind;

static const struct {
        const char *name;
        bool numbered;
        DirectoryKind kind;
} directory_parameters[] = {
        {"control_files", false, DIRECTORY_PARENT},
        {"audit_file_dest", false, DIRECTORY_ITSELF},
        {"diagnostic_dest", false, DIRECTORY_ITSELF},
        {"core_dump_dest", false, DIRECTORY_ITSELF},
        {"background_dump_dest", false, DIRECTORY_ITSELF},
        {"user_dump_dest", false, DIRECTORY_ITSELF},
        {"db_create_file_dest", false, DIRECTORY_ITSELF},
        {"db_create_online_log_dest_", true, DIRECTORY_ITSELF},
        {"db_recovery_file_dest", false, DIRECTORY_ITSELF},
        {"log_archive_dest", false, DIRECTORY_LOCATION},
        {"log_archive_duplex_dest", false, DIRECTORY_LOCATION},
        {"log_archive_dest_", true, DIRECTORY_LOCATION},
        {"wallet_root", false, DIRECTORY_ITSELF},
};

/* What stands behind "<key>=" in an attribute list; NULL: it is not there. Caller frees. */
static char *attribute(const char *value, const char *key) {
        const char *p = strcasestr(value, key);
        size_t length;

        if (p == NULL || (p > value && (isalnum((unsigned char)p[-1]) || p[-1] == '_')))
                return NULL;
        p += strlen(key);
        p += strspn(p, " ");
        if (*p++ != '=')
                return NULL;
        p += strspn(p, " ");
        if (*p == '"')
                length = strcspn(++p, "\"");
        else
                length = strcspn(p, " ,)");
        return strndup(p, length);
}

static char *directory_of(const char *value, DirectoryKind kind) {
        if (kind == DIRECTORY_PARENT)
                return path_parent(value);
        if (kind == DIRECTORY_LOCATION && *value != '/')
                return attribute(value, "LOCATION");
        return strdup(value);
}

static int add_directory(const char *value, DirectoryKind kind, StringList *ret) {
        CLEANUP(cleanup_free) char *directory = directory_of(value, kind);
        size_t length = directory == NULL ? 0 : strlen(directory);

        while (length > 1 && directory[length - 1] == '/')
                directory[--length] = '\0';
        /* '?' and '@' stand for places of the Oracle home, which is there */
        if (length == 0 || *directory != '/' || string_list_has(ret, directory))
                return 0;
        return string_list_add(ret, directory);
}

int pfile_directories(const Pfile *pfile, StringList *ret) {
        for (size_t i = 0; i < pfile->n; i++) {
                const PfileParameter *parameter = &pfile->parameters[i];

                for (size_t j = 0; j < ELEMENTSOF(directory_parameters); j++) {
                        const char *name = directory_parameters[j].name;
                        bool fits = directory_parameters[j].numbered
                                            ? is_numbered(parameter->name, name)
                                            : string_equal(parameter->name, name);

                        for (size_t k = 0; fits && k < parameter->values.n; k++)
                                if (add_directory(
                                            parameter->values.items[k],
                                            directory_parameters[j].kind,
                                            ret) < 0)
                                        return -ENOMEM;
                }
        }
        return 0;
}

int pfile_asm_names(const Pfile *pfile, StringList *ret) {
        for (size_t i = 0; i < pfile->n; i++) {
                const StringList *values = &pfile->parameters[i].values;

                for (size_t j = 0; j < values->n; j++) {
                        CLEANUP(cleanup_free) char *place = attribute(values->items[j], "LOCATION");
                        const char *value = place != NULL ? place : values->items[j];

                        if (*value == '+' && string_list_add(ret, value) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

int pfile_remote_destinations(const Pfile *pfile, StringList *ret) {
        for (size_t i = 0; i < pfile->n; i++) {
                const PfileParameter *parameter = &pfile->parameters[i];

                if (!is_numbered(parameter->name, "log_archive_dest_") ||
                    string_list_has(ret, parameter->name))
                        continue;
                for (size_t j = 0; j < parameter->values.n; j++) {
                        CLEANUP(cleanup_free)
                        char *service = attribute(parameter->values.items[j], "SERVICE");

                        if (service != NULL && string_list_add(ret, parameter->name) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

int pfile_aliases(const Pfile *pfile, const char *parameter, StringList *ret) {
        const StringList *values = pfile_get(pfile, parameter);

        for (size_t i = 0; values != NULL && i < values->n; i++) {
                const char *value = values->items[i];
                CLEANUP(cleanup_free) char *listener = NULL;

                if (*value == '(') {
                        listener = attribute(value, "LISTENER");
                        value = listener;
                }
                if (value == NULL || *value == '\0' || strpbrk(value, "(:/") != NULL)
                        continue;
                if (string_list_add(ret, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

bool pfile_uses_omf(const Pfile *pfile) {
        const StringList *values = pfile_get(pfile, "db_create_file_dest");

        return values != NULL && values->n > 0 && *values->items[0] != '\0';
}

void pfile_reset(const char *text, size_t size, const char *parameter, Text *ret) {
        const char *end = text + size;
        Logical line = {0};
        unsigned number = 1;

        while (next_logical(&text, end, &number, &line)) {
                Name name = {0};

                if (!line.open && parse_name(text_get(&line.text), &name) > 0 &&
                    strlen(parameter) == name.length &&
                    strncasecmp(name.name, parameter, name.length) == 0)
                        continue;
                text_append_bytes(ret, line.start, (size_t)(line.end - line.start));
        }
        text_done(&line.text);
}
