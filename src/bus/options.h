/* Options dictionaries (a{sv}): read by a table of keys. An unknown or repeated key and a wrong
 * type are InvalidArgs that name the key. */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/strings.h"

typedef enum OptionType {
        OPTION_STRING,  /* const char *, of the message; NULL: absent */
        OPTION_STRINGS, /* StringList, the caller's */
        OPTION_BOOL,    /* bool */
        OPTION_UINT32,  /* uint32_t */
        OPTION_UINT64,  /* uint64_t */
        OPTION_HANDLE,  /* int, of the message; set to -1 before reading */
        OPTION_LATER,   /* no value: NotSupported that names the option */
} OptionType;

typedef struct Option {
        const char *key;
        OptionType type;
        size_t offset; /* of the value in the structure that options_read() fills */
} Option;

enum { OPTIONS_MAX = 32 };

/* The message stands before the dictionary. What was read stays valid as long as the message does.
 */
int options_read(
        sd_bus_message *message, const Option *table, size_t n_table, void *ret, Error *err);

/* What a handle holds: a regular file or memfd, from offset 0, at most LIMIT_KEY_FILE_BYTES, else
 * InvalidArgs. Waits for the file: from a worker. The caller wipes and frees. */
int option_handle_read(int fd, const char *key, char **ret, size_t *ret_size, Error *err);
