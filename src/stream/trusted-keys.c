/* Which key may sign for which instance: lines `<instance or glob> <ed25519:..> [comment]`. */
#include "stream/trusted-keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "stream/key-lines.h"
#include "stream/signing-key.h"

typedef struct TrustedKey {
        char *glob;
        char public[PUBLIC_KEY_BYTES];
} TrustedKey;

struct TrustedKeys {
        TrustedKey *items;
        size_t n;
};

typedef struct Field {
        const char *data;
        size_t size;
} Field;

int trusted_keys_new(TrustedKeys **ret, Error *err) {
        TrustedKeys *keys = calloc(1, sizeof(TrustedKeys));

        if (keys == NULL)
                return error_oom(err);
        *ret = keys;
        return 0;
}

TrustedKeys *trusted_keys_free(TrustedKeys *keys) {
        if (keys == NULL)
                return NULL;
        for (size_t i = 0; i < keys->n; i++)
                free(keys->items[i].glob);
        free(keys->items);
        free(keys);
        return NULL;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* The next field of [*at, end), empty at its end. */
static Field next_field(const char **at, const char *end) {
        const char *begin = *at, *stop;

        while (begin < end && is_blank(*begin))
                begin++;
        stop = begin;
        while (stop < end && !is_blank(*stop))
                stop++;
        *at = stop;
        return (Field){begin, (size_t)(stop - begin)};
}

/* What an instance name may hold, and what a pattern for one may. */
static bool glob_is_valid(const Field *glob) {
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*?[]!^";

        for (size_t i = 0; i < glob->size; i++)
                if (glob->data[i] == '\0' || strchr(allowed, glob->data[i]) == NULL)
                        return false;
        return glob->size > 0;
}

static int append(TrustedKeys *keys, const Field *glob, const Field *public_key) {
        uint8_t raw[ED25519_KEY_BYTES];
        TrustedKey *grown;
        char *copy;

        if (!glob_is_valid(glob))
                return -ENAMETOOLONG;
        if (public_key_decode(public_key->data, public_key->size, raw) < 0)
                return -EINVAL;
        grown = reallocarray(keys->items, keys->n + 1, sizeof(TrustedKey));
        if (grown == NULL)
                return -ENOMEM;
        keys->items = grown;
        copy = strndup(glob->data, glob->size);
        if (copy == NULL)
                return -ENOMEM;
        grown[keys->n].glob = copy;
        public_key_encode(raw, grown[keys->n].public);
        keys->n++;
        return 0;
}

static int refuse(Error *err, int r, const char *where) {
        if (r == -ENOMEM)
                return error_oom(err);
        if (r == -ENAMETOOLONG)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "%s: not an instance name or a pattern for one",
                        where);
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "%s: not an Ed25519 public key (ed25519: and 44 characters of base64)",
                where);
}

static void truncate_to(TrustedKeys *keys, size_t n) {
        while (keys->n > n)
                free(keys->items[--keys->n].glob);
}

int trusted_keys_parse(
        TrustedKeys *keys, const char *text, size_t size, const char *what, Error *err) {
        size_t before = keys->n;
        KeyLines lines;
        int r;

        r = key_lines_init(&lines, text, size, what, ERROR_CONFIG, err);
        if (r < 0)
                return r;
        while (key_lines_next(&lines)) {
                const char *at = lines.line, *end = at + lines.size;
                Field glob = next_field(&at, end), key = next_field(&at, end);
                CLEANUP(cleanup_free) char *where = NULL;

                if (glob.size == 0)
                        continue;
                r = append(keys, &glob, &key);
                if (r == 0)
                        continue;
                truncate_to(keys, before);
                where = string_printf("%s, line %u", what, lines.number);
                return refuse(err, where == NULL ? -ENOMEM : r, where);
        }
        return 0;
}

int trusted_keys_add(
        TrustedKeys *keys,
        const char *instance_glob,
        const char *public_key,
        const char *comment,
        Error *err) {
        Field glob = {instance_glob, strlen(instance_glob)};
        Field key = {public_key, strlen(public_key)};
        int r;

        r = append(keys, &glob, &key);
        return r < 0 ? refuse(err, r, "trusted key") : 0;
}

bool trusted_keys_allow(const TrustedKeys *keys, const char *public_key, const char *instance) {
        for (size_t i = 0; i < keys->n; i++)
                if (string_equal(keys->items[i].public, public_key) &&
                    glob_matches(keys->items[i].glob, instance))
                        return true;
        return false;
}
