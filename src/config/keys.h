/* The table of keys, and how a value becomes a field of Config. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

typedef enum KeyType {
        KEY_INSTANCE, /* "" : the default, from the host name */
        KEY_SIDS,
        KEY_PATH,
        KEY_PATH_OPTIONAL,
        KEY_WORD, /* printable, without blanks and quotes; may be empty */
        KEY_URL,  /* of an HTTP server, without secrets; may be empty */
        KEY_CONTAINER,
        KEY_CONTAINER_OPTIONAL,
        KEY_USER, /* "/" or an Oracle user name */
        KEY_GROUP,
        KEY_BOOL,
        KEY_NUMBER,
        KEY_SIZE,
        KEY_DURATION, /* stored in msec */
        KEY_CHOICE,
} KeyType;

/* One word a KEY_CHOICE allows. `later`: the feature behind it is not in this version. */
typedef struct Choice {
        const char *word;
        uint64_t value;
        bool later;
} Choice;

enum { KEY_CHOICES = 4, KEY_NO_FIELD = -1 };

typedef struct Key {
        const char *section, *name;
        KeyType type;
        long offset;         /* of the field in Config; KEY_NO_FIELD: checked, not kept */
        size_t width;        /* of that field */
        const char *value;   /* the default, in the words of the file */
        uint64_t min, max;   /* KEY_NUMBER, KEY_SIZE; KEY_DURATION in msec */
        const char *allowed; /* what an error says is allowed */
        Choice choices[KEY_CHOICES];
        const char *later; /* the feature that is not in this version, NULL: it is */
        const char *idle;  /* the one value that asks nothing of that feature */
} Key;

size_t keys_count(void);
const Key *key_at(size_t index);
const Key *key_find(const char *section, const char *name);
bool key_section_exists(const char *section);

/* Checks the form of value and keeps it in config. 0, -ENOMEM, or -EINVAL with ERROR_CONFIG that
 * says what was found and what is allowed; the caller puts file, line and key before it. */
int key_set(const Key *key, Config *config, const char *value, Error *err);

/* Refuses a value that a file gave for a feature that is not in this version. After key_set(). */
int key_check_built(const Key *key, const char *value, Error *err);

/* Frees what the table's fields hold. */
void keys_done(Config *config);
