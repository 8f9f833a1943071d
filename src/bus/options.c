/* Reads options dictionaries for the methods of bus/. */
#include "bus/options.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/limits.h"

static const char *const signatures[] = {
        [OPTION_STRING] = "s",
        [OPTION_STRINGS] = "as",
        [OPTION_BOOL] = "b",
        [OPTION_UINT32] = "u",
        [OPTION_UINT64] = "t",
        [OPTION_HANDLE] = "h",
};

static int malformed(int r, Error *err) {
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                r == 0 ? -EBADMSG : r,
                "The options are not a dictionary of strings and variants");
}

static int unknown_key(const char *key, const Option *table, size_t n_table, Error *err) {
        Text known = TEXT_INIT;
        for (size_t i = 0; i < n_table; i++)
                if (table[i].type != OPTION_LATER)
                        text_appendf(&known, "%s%s", known.length == 0 ? "" : ", ", table[i].key);
        int r = error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                known.length == 0 ? "There is no option \"%s\" here; there are none%s"
                                  : "There is no option \"%s\" here; there are %s",
                key,
                known.length == 0 ? "" : text_get(&known));
        text_done(&known);
        return r;
}

static int
find_option(const char *key, const Option *table, size_t n_table, size_t *ret, Error *err) {
        for (size_t i = 0; i < n_table; i++)
                if (strcmp(table[i].key, key) == 0) {
                        *ret = i;
                        return 0;
                }
        return unknown_key(key, table, n_table, err);
}

static int read_bool(sd_bus_message *message, bool *ret) {
        int value = 0;
        int r = sd_bus_message_read(message, "b", &value);
        if (r > 0)
                *ret = value != 0;
        return r;
}

static int read_strings(sd_bus_message *message, StringList *ret) {
        int r = sd_bus_message_enter_container(message, 'a', "s");
        const char *item;
        while (r >= 0 && (r = sd_bus_message_read(message, "s", &item)) > 0) {
                r = string_list_add(ret, item);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_value(sd_bus_message *message, const Option *option, void *ret) {
        void *place = (char *)ret + option->offset;
        switch (option->type) {
        case OPTION_STRING:
                return sd_bus_message_read(message, "s", place);
        case OPTION_STRINGS:
                return read_strings(message, place);
        case OPTION_BOOL:
                return read_bool(message, place);
        case OPTION_UINT32:
                return sd_bus_message_read(message, "u", place);
        case OPTION_UINT64:
                return sd_bus_message_read(message, "t", place);
        case OPTION_HANDLE:
                return sd_bus_message_read(message, "h", place);
        case OPTION_LATER:
                break;
        }
        return -EINVAL;
}

static int check_type(sd_bus_message *message, const Option *option, Error *err) {
        const char *contents = NULL;
        if (option->type == OPTION_LATER)
                return error_set(
                        err,
                        ERROR_NOT_SUPPORTED,
                        -EOPNOTSUPP,
                        "Option \"%s\" is not supported yet",
                        option->key);
        int r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r <= 0)
                return malformed(r, err);
        const char *wanted = signatures[option->type];
        if (strcmp(contents, wanted) == 0)
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Option \"%s\" must have type '%s', not '%s'",
                option->key,
                wanted,
                contents);
}

static int read_entry(
        sd_bus_message *message,
        const Option *table,
        size_t n_table,
        uint32_t *seen,
        void *ret,
        Error *err) {
        const char *key = NULL;
        size_t i = 0;
        int r = sd_bus_message_read(message, "s", &key);
        if (r <= 0)
                return malformed(r, err);
        r = find_option(key, table, n_table, &i, err);
        if (r < 0)
                return r;
        if (*seen & (UINT32_C(1) << i))
                return error_set(
                        err, ERROR_INVALID_ARGS, -EINVAL, "Option \"%s\" is given twice", key);
        *seen |= UINT32_C(1) << i;
        r = check_type(message, &table[i], err);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(message, 'v', signatures[table[i].type]);
        if (r > 0)
                r = read_value(message, &table[i], ret);
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? malformed(r, err) : 0;
}

int options_read(
        sd_bus_message *message, const Option *table, size_t n_table, void *ret, Error *err) {
        assert(n_table <= OPTIONS_MAX);
        uint32_t seen = 0;
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r <= 0)
                return malformed(r, err);
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_entry(message, table, n_table, &seen, ret, err);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return malformed(r, err);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        return r < 0 ? malformed(r, err) : 0;
}

int option_handle_read(int fd, const char *key, char **ret, size_t *ret_size, Error *err) {
        Error error = {0};
        int r = file_read_fd(
                fd,
                &(FileExpected){key, LIMIT_KEY_FILE_BYTES, ERROR_INVALID_ARGS},
                ret,
                ret_size,
                &error);
        if (r >= 0)
                return r;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                r,
                "Option \"%s\" must be a handle of a regular file or memfd of at most %d bytes: %s",
                key,
                (int)LIMIT_KEY_FILE_BYTES,
                error.message);
}
