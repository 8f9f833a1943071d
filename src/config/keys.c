/* The table of keys. A key is one row here and one field in config.h; reading, defaults, bounds and
 * error texts all follow from the row. config.c is the only caller. */
#include "config/keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"

#define FIELD(member)                                                                              \
        .offset = (long)offsetof(Config, member), .width = sizeof(((Config *)0)->member)
#define SIZE_MIB (UINT64_C(1) << 20)
#define SIZE_GIB (UINT64_C(1) << 30)
#define SECONDS UINT64_C(1000)
/* Tests reach the cluster's limits with less. */
#ifdef ORABACKUP_TEST_HOOKS
#define SEGMENT_SIZE_MIN (SIZE_MIB / 4)
#else
#define SEGMENT_SIZE_MIN SIZE_MIB
#endif
#define DAYS (24 * 3600 * SECONDS)

enum { CONTAINER_BYTES = 256 }; /* Swift's own bound */

static const char TIMERS[] = "the timer of incremental backups";
static const char RETENTION[] = "retention";

#define ALLOWED_TEXT "text without blanks and quotes"
#define ALLOWED_PATH "an absolute path without . or .. or control characters"
#define ALLOWED_URL "http://... or https://... without a user, a query or blanks"
#define ALLOWED_CONTAINER "1 to 256 bytes of text without / blanks and quotes"
#define SWIFT_KEY(key_name, key_type, member, default_value, allowed_text)                         \
        {                                                                                          \
                .section = "swift", .name = key_name, .type = key_type, FIELD(member),             \
                .value = default_value, .allowed = allowed_text                                    \
        }

static const Key keys[] = {
        {.section = "instance",
         .name = "name",
         .type = KEY_INSTANCE,
         FIELD(instance),
         .value = "",
         .allowed = "1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit"},

        {.section = "oracle",
         .name = "oratab",
         .type = KEY_PATH,
         FIELD(oratab),
         .value = "/etc/oratab",
         .allowed = ALLOWED_PATH},
        {.section = "oracle",
         .name = "databases",
         .type = KEY_SIDS,
         FIELD(databases),
         .value = "",
         .allowed = "SIDs between blanks or commas, each once, each 1 to 30 of A-Z a-z 0-9 _ $ #, "
                    "at most 256"},
        {.section = "oracle",
         .name = "backup_dir",
         .type = KEY_PATH,
         FIELD(backup_dir),
         .value = "/var/lib/orabackup/staging",
         .allowed = ALLOWED_PATH},
        {.section = "oracle",
         .name = "connect",
         .type = KEY_USER,
         FIELD(connect),
         .value = "/",
         .allowed = "/ or a user name of A-Z a-z 0-9 _ $ # beginning with a letter"},
        {.section = "oracle",
         .name = "service",
         .type = KEY_WORD,
         FIELD(service),
         .value = "",
         .allowed = ALLOWED_TEXT},
        {.section = "oracle",
         .name = "strategy",
         .type = KEY_CHOICE,
         .offset = KEY_NO_FIELD,
         .value = "rman",
         .allowed = "rman",
         .choices = {{"rman", 0, false}}},
        {.section = "oracle",
         .name = "compressed",
         .type = KEY_BOOL,
         FIELD(compressed),
         .value = "yes",
         .allowed = "yes or no"},
        {.section = "oracle",
         .name = "channels",
         .type = KEY_NUMBER,
         FIELD(channels),
         .value = "1",
         .min = 1,
         .max = 64,
         .allowed = "a number from 1 to 64"},
        {.section = "oracle",
         .name = "max_piece_size",
         .type = KEY_SIZE,
         FIELD(max_piece_size),
         .value = "4G",
         .max = 2048 * SIZE_GIB,
         .allowed = "0 (no limit) or whole kilobytes up to 2048G"},
        {.section = "oracle",
         .name = "parallel_databases",
         .type = KEY_NUMBER,
         FIELD(parallel_databases),
         .value = "1",
         .min = 1,
         .max = 64,
         .allowed = "a number from 1 to 64"},
        {.section = "oracle",
         .name = "stall_timeout",
         .type = KEY_DURATION,
         FIELD(oracle_stall_timeout_msec),
         .value = "2h",
         .min = SECONDS,
         .max = 30 * DAYS,
         .allowed = "a time from 1s to 30d"},
        {.section = "oracle",
         .name = "retries",
         .type = KEY_NUMBER,
         FIELD(retries),
         .value = "1",
         .max = 10,
         .allowed = "a number from 0 to 10"},
        {.section = "oracle",
         .name = "unavailable",
         .type = KEY_CHOICE,
         FIELD(skip_unavailable),
         .value = "fail",
         .allowed = "fail or skip",
         .choices = {{"fail", false, false}, {"skip", true, false}}},
        {.section = "oracle",
         .name = "repository",
         .type = KEY_CHOICE,
         FIELD(repository_forget),
         .value = "chain",
         .allowed = "chain or forget",
         .choices = {{"chain", false, false}, {"forget", true, false}}},

        {.section = "store",
         .name = "type",
         .type = KEY_CHOICE,
         FIELD(store_type),
         .value = "directory",
         .allowed = "directory or swift",
         .choices =
                 {{"directory", STORE_TYPE_DIRECTORY, false}, {"swift", STORE_TYPE_SWIFT, false}}},
        {.section = "store",
         .name = "segment_size",
         .type = KEY_SIZE,
         FIELD(segment_size),
         .value = "32M",
         .min = SEGMENT_SIZE_MIN,
         .max = 5 * SIZE_GIB - 2 * SIZE_MIB,
         .allowed = "a multiple of 64K from 1M to 5118M"},
        {.section = "store",
         .name = "concurrency",
         .type = KEY_NUMBER,
         FIELD(concurrency),
         .value = "4",
         .min = 1,
         .max = 64,
         .allowed = "a number from 1 to 64"},
        {.section = "store",
         .name = "threads",
         .type = KEY_NUMBER,
         FIELD(threads),
         .value = "0",
         .max = 64,
         .allowed = "a number from 0 to 64"},
        {.section = "store",
         .name = "rate_limit",
         .type = KEY_SIZE,
         FIELD(rate_limit),
         .value = "0",
         .max = INT64_MAX,
         .allowed = "0 (no limit) or bytes a second, such as 50M"},
        {.section = "store",
         .name = "resume",
         .type = KEY_BOOL,
         FIELD(resume),
         .value = "yes",
         .allowed = "yes or no",
         .later = "resuming after a stop",
         .idle = "no"},
        {.section = "store",
         .name = "release",
         .type = KEY_CHOICE,
         FIELD(release),
         .value = "committed",
         .allowed = "committed, stored or chain",
         .choices =
                 {{"committed", RELEASE_COMMITTED, false},
                  {"stored", RELEASE_STORED, false},
                  {"chain", RELEASE_CHAIN, false}}},
        {.section = "store",
         .name = "retry_time",
         .type = KEY_DURATION,
         FIELD(retry_time_msec),
         .value = "10m",
         .min = SECONDS,
         .max = 7 * DAYS,
         .allowed = "a time from 1s to 7d"},

        {.section = "directory",
         .name = "path",
         .type = KEY_PATH,
         FIELD(directory_path),
         .value = "/var/lib/orabackup/store",
         .allowed = ALLOWED_PATH},

        SWIFT_KEY("auth_url", KEY_URL, swift_auth_url, "", ALLOWED_URL),
        {.section = "swift",
         .name = "auth_version",
         .type = KEY_CHOICE,
         FIELD(swift_auth_version),
         .value = "3",
         .allowed = "3 or 1",
         .choices = {{"3", 3, false}, {"1", 1, false}}},
        SWIFT_KEY("username", KEY_WORD, swift_username, "", ALLOWED_TEXT),
        SWIFT_KEY(
                "application_credential_id",
                KEY_WORD,
                swift_application_credential_id,
                "",
                ALLOWED_TEXT),
        SWIFT_KEY("project_name", KEY_WORD, swift_project_name, "", ALLOWED_TEXT),
        SWIFT_KEY("project_domain_name", KEY_WORD, swift_project_domain_name, "", ALLOWED_TEXT),
        SWIFT_KEY("user_domain_name", KEY_WORD, swift_user_domain_name, "", ALLOWED_TEXT),
        SWIFT_KEY("region_name", KEY_WORD, swift_region_name, "", ALLOWED_TEXT),
        SWIFT_KEY("interface", KEY_WORD, swift_interface, "public", ALLOWED_TEXT),
        SWIFT_KEY("container", KEY_CONTAINER, swift_container, "orabackup", ALLOWED_CONTAINER),
        SWIFT_KEY(
                "segment_container",
                KEY_CONTAINER_OPTIONAL,
                swift_segment_container,
                "",
                ALLOWED_CONTAINER),
        SWIFT_KEY("ca_file", KEY_PATH_OPTIONAL, swift_ca_file, "", ALLOWED_PATH),
        {.section = "swift",
         .name = "connect_timeout",
         .type = KEY_DURATION,
         FIELD(swift_connect_timeout_msec),
         .value = "10s",
         .min = SECONDS,
         .max = DAYS,
         .allowed = "a time from 1s to 1d"},
        {.section = "swift",
         .name = "stall_timeout",
         .type = KEY_DURATION,
         FIELD(swift_stall_timeout_msec),
         .value = "60s",
         .min = SECONDS,
         .max = DAYS,
         .allowed = "a time from 1s to 1d"},

        {.section = "encryption",
         .name = "recipients_file",
         .type = KEY_PATH,
         FIELD(recipients_file),
         .value = "/etc/orabackup/recipients",
         .allowed = ALLOWED_PATH},
        {.section = "signing",
         .name = "trusted_keys_file",
         .type = KEY_PATH,
         FIELD(trusted_keys_file),
         .value = "/etc/orabackup/trusted-keys",
         .allowed = ALLOWED_PATH},

        {.section = "retention",
         .name = "full",
         .type = KEY_NUMBER,
         FIELD(retention_full),
         .value = "0",
         .max = 100000,
         .allowed = "a number from 0 to 100000",
         .later = RETENTION,
         .idle = "0"},
        {.section = "retention",
         .name = "days",
         .type = KEY_NUMBER,
         FIELD(retention_days),
         .value = "0",
         .max = 100000,
         .allowed = "a number from 0 to 100000",
         .later = RETENTION,
         .idle = "0"},
        {.section = "schedule",
         .name = "on_broken_chain",
         .type = KEY_CHOICE,
         FIELD(on_broken_chain_full),
         .value = "full",
         .allowed = "full or fail",
         .choices = {{"full", true, false}, {"fail", false, false}},
         .later = TIMERS},

        {.section = "access",
         .name = "group",
         .type = KEY_GROUP,
         FIELD(access_group),
         .value = "dba",
         .allowed = "a group name: 1 to 32 of A-Z a-z 0-9 . _ -"},
};

size_t keys_count(void) {
        return ELEMENTSOF(keys);
}

const Key *key_at(size_t index) {
        return &keys[index];
}

const Key *key_find(const char *section, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (string_equal(keys[i].section, section) && string_equal(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

bool key_section_exists(const char *section) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (string_equal(keys[i].section, section))
                        return true;
        return false;
}

static void *field_of(const Key *key, Config *config) {
        return (char *)config + key->offset;
}

static int refuse(const Key *key, const char *value, Error *err) {
        if (value[0] == '\0')
                return error_set(
                        err, ERROR_CONFIG, -EINVAL, "found nothing, allowed: %s", key->allowed);
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "found '%.80s', allowed: %s",
                text_is_printable(value) ? value : "text with control characters or not UTF-8",
                key->allowed);
}

static int keep_string(const Key *key, Config *config, const char *value, Error *err) {
        char *copy = strdup(value);
        if (copy == NULL)
                return error_oom(err);
        char **field = field_of(key, config);
        free(*field);
        *field = copy;
        return 0;
}

/* The field is a bool, an enum, an unsigned or an uint64_t; the table's bounds fit it. */
static void keep_number(const Key *key, Config *config, uint64_t number) {
        if (key->offset == KEY_NO_FIELD)
                return;
        void *field = field_of(key, config);
        if (key->width == sizeof(bool))
                *(bool *)field = number != 0;
        else if (key->width == sizeof(unsigned))
                *(unsigned *)field = (unsigned)number;
        else
                *(uint64_t *)field = number;
}

static bool all_of(const char *value, const char *also) {
        for (const char *p = value; *p != '\0'; p++)
                if (!isascii(*p) || (!isalnum((unsigned char)*p) && strchr(also, *p) == NULL))
                        return false;
        return true;
}

static bool user_valid(const char *value) {
        if (string_equal(value, "/"))
                return true;
        size_t length = strlen(value);
        return length >= 1 && length <= 128 && isascii(value[0]) &&
               isalpha((unsigned char)value[0]) && all_of(value, "_$#");
}

static bool group_valid(const char *value) {
        size_t length = strlen(value);
        return length >= 1 && length <= 32 && value[0] != '-' && all_of(value, "._-");
}

static bool word_valid(const char *value) {
        return text_is_printable(value) && strpbrk(value, " \t\"'`\\") == NULL;
}

/* A user or a query in it would be a secret in a message. */
static bool url_valid(const char *value) {
        const char *host = string_starts_with(value, "http://")    ? value + 7
                           : string_starts_with(value, "https://") ? value + 8
                                                                   : NULL;
        return host != NULL && *host != '\0' && *host != '/' && *host != ':' &&
               strpbrk(host, "@?#") == NULL && word_valid(value);
}

static bool container_valid(const char *value) {
        size_t length = strlen(value);
        return length >= 1 && length <= CONTAINER_BYTES && strchr(value, '/') == NULL &&
               !string_equal(value, ".") && !string_equal(value, "..") && word_valid(value);
}

static bool path_valid(const char *value) {
        return strlen(value) <= LIMIT_PATH_BYTES && path_is_clean(value);
}

static int set_string(const Key *key, Config *config, const char *value, bool valid, Error *err) {
        if (!valid)
                return refuse(key, value, err);
        return keep_string(key, config, value, err);
}

static int set_sids(const Key *key, Config *config, const char *value, Error *err) {
        CLEANUP(cleanup_free) char *copy = strdup(value);
        if (copy == NULL)
                return error_oom(err);
        StringList sids = {0};
        int r = 0;
        char *rest = NULL;
        for (char *sid = strtok_r(copy, " \t,", &rest); sid != NULL && r == 0;
             sid = strtok_r(NULL, " \t,", &rest)) {
                if (!sid_valid(sid) || string_list_has(&sids, sid) || sids.n == LIMIT_DATABASES)
                        r = refuse(key, sid, err);
                else if (string_list_add(&sids, sid) < 0)
                        r = error_oom(err);
        }
        if (r < 0) {
                string_list_done(&sids);
                return r;
        }
        StringList *field = field_of(key, config);
        string_list_done(field);
        *field = sids;
        return 0;
}

static int set_bool(const Key *key, Config *config, const char *value, Error *err) {
        if (!string_equal(value, "yes") && !string_equal(value, "no"))
                return refuse(key, value, err);
        keep_number(key, config, string_equal(value, "yes"));
        return 0;
}

static int set_number(const Key *key, Config *config, const char *value, Error *err) {
        uint64_t number = 0;
        int r = key->type == KEY_NUMBER ? parse_uint64(value, &number)
                : key->type == KEY_SIZE ? parse_size(value, &number)
                                        : parse_duration(value, &number);
        if (r < 0 || number < key->min || number > key->max)
                return refuse(key, value, err);
        keep_number(key, config, number);
        return 0;
}

static int set_choice(const Key *key, Config *config, const char *value, Error *err) {
        for (size_t i = 0; i < KEY_CHOICES && key->choices[i].word != NULL; i++) {
                if (!string_equal(key->choices[i].word, value))
                        continue;
                keep_number(key, config, key->choices[i].value);
                return 0;
        }
        return refuse(key, value, err);
}

/* What a bound alone does not say. */
static int check_shape(const Key *key, const Config *config, const char *value, Error *err) {
        if (string_equal(key->name, "segment_size") && config->segment_size % (64 * 1024) != 0)
                return refuse(key, value, err);
        if (string_equal(key->name, "max_piece_size") && config->max_piece_size % 1024 != 0)
                return refuse(key, value, err);
        return 0;
}

int key_set(const Key *key, Config *config, const char *value, Error *err) {
        switch (key->type) {
        case KEY_INSTANCE:
                return set_string(
                        key, config, value, value[0] == '\0' || instance_valid(value), err);
        case KEY_SIDS:
                return set_sids(key, config, value, err);
        case KEY_PATH:
                return set_string(key, config, value, path_valid(value), err);
        case KEY_PATH_OPTIONAL:
                return set_string(key, config, value, value[0] == '\0' || path_valid(value), err);
        case KEY_WORD:
                return set_string(key, config, value, word_valid(value), err);
        case KEY_URL:
                return set_string(key, config, value, value[0] == '\0' || url_valid(value), err);
        case KEY_CONTAINER:
                return set_string(key, config, value, container_valid(value), err);
        case KEY_CONTAINER_OPTIONAL:
                return set_string(
                        key, config, value, value[0] == '\0' || container_valid(value), err);
        case KEY_USER:
                return set_string(key, config, value, user_valid(value), err);
        case KEY_GROUP:
                return set_string(key, config, value, group_valid(value), err);
        case KEY_BOOL:
                return set_bool(key, config, value, err);
        case KEY_NUMBER:
        case KEY_SIZE:
        case KEY_DURATION: {
                int r = set_number(key, config, value, err);
                return r < 0 ? r : check_shape(key, config, value, err);
        }
        case KEY_CHOICE:
                return set_choice(key, config, value, err);
        }
        return -EINVAL;
}

int key_check_built(const Key *key, const char *value, Error *err) {
        if (key->later != NULL && !(key->idle != NULL && string_equal(key->idle, value)))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EOPNOTSUPP,
                        "found '%.80s', but %s is not built yet in this version: leave the key out",
                        value,
                        key->later);
        for (size_t i = 0; i < KEY_CHOICES && key->choices[i].word != NULL; i++)
                if (key->choices[i].later && string_equal(key->choices[i].word, value))
                        return error_set(
                                err,
                                ERROR_CONFIG,
                                -EOPNOTSUPP,
                                "found '%s', but '%s = %s' is not built yet in this version; "
                                "allowed now: %s",
                                value,
                                key->name,
                                value,
                                key->value);
        return 0;
}

static bool holds_string(KeyType type) {
        switch (type) {
        case KEY_INSTANCE:
        case KEY_PATH:
        case KEY_PATH_OPTIONAL:
        case KEY_WORD:
        case KEY_URL:
        case KEY_CONTAINER:
        case KEY_CONTAINER_OPTIONAL:
        case KEY_USER:
        case KEY_GROUP:
                return true;
        case KEY_SIDS:
        case KEY_BOOL:
        case KEY_NUMBER:
        case KEY_SIZE:
        case KEY_DURATION:
        case KEY_CHOICE:
                return false;
        }
        return false;
}

void keys_done(Config *config) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (holds_string(keys[i].type)) {
                        char **field = field_of(&keys[i], config);
                        free(*field);
                        *field = NULL;
                } else if (keys[i].type == KEY_SIDS)
                        string_list_done(field_of(&keys[i], config));
        }
}
