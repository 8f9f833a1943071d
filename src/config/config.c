/* Reads the configuration: defaults, the file, its drop-ins in name order, then what depends on
 * more than one key. Called at start-up and by Reload (on a worker thread: it may wait for a disk).
 */
#include "config/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "config/keys.h"
#include "config/reader.h"

enum { KEYS_MAX = 128, THREADS_BY_DEFAULT = 4, HOST_NAME_BYTES = 255 };

/* One file on its way into a Config. */
typedef struct Loading {
        Config *config;
        const char *path;
        Text *login;             /* "<file>:<line>" of the last of [oracle] connect and service */
        unsigned seen[KEYS_MAX]; /* line of each key of this file; 0: not there yet */
} Loading;

Config *config_free(Config *config) {
        if (config == NULL)
                return NULL;
        keys_done(config);
        free(config);
        return NULL;
}

static size_t key_index(const Key *key) {
        return (size_t)(key - key_at(0));
}

static int check_section(const char *section, Error *err) {
        if (key_section_exists(section))
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "unknown section [%.80s], allowed: instance, oracle, store, directory, swift, "
                "encryption, signing, retention, schedule, access",
                section);
}

static int find_key(const char *section, const char *name, const Key **ret, Error *err) {
        if (section[0] == '\0')
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "found key '%s' before any [section], allowed: keys within one",
                        name);
        const Key *key = key_find(section, name);
        if (key != NULL) {
                *ret = key;
                return 0;
        }
        Text known = TEXT_INIT;
        for (size_t i = 0; i < keys_count(); i++)
                if (string_equal(key_at(i)->section, section))
                        text_appendf(&known, "%s%s", known.length > 0 ? ", " : "", key_at(i)->name);
        int r = error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "unknown key '%s' in section [%s], allowed: %s",
                name,
                section,
                known.failed ? "see the manual" : text_get(&known));
        text_done(&known);
        return r;
}

static int
on_key(const char *section,
       const char *name,
       const char *value,
       unsigned line,
       void *userdata,
       Error *err) {
        Loading *loading = userdata;
        const Key *key = NULL;
        if (name == NULL)
                return check_section(section, err);
        int r = find_key(section, name, &key, err);
        if (r < 0)
                return r;
        unsigned *seen = &loading->seen[key_index(key)];
        if (*seen != 0)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "[%s] %s: found a second time, allowed: once in a file (first on line %u)",
                        section,
                        name,
                        *seen);
        *seen = line;
        r = key_set(key, loading->config, value, err);
        if (r >= 0)
                r = key_check_built(key, value, err);
        if (r < 0)
                return error_prefix(err, "[%s] %s", section, name);
        if (string_equal(section, "oracle") &&
            (string_equal(name, "connect") || string_equal(name, "service"))) {
                text_done(loading->login);
                text_appendf(loading->login, "%s:%u", loading->path, line);
        }
        return 0;
}

static int load_file(Config *config, const char *path, Text *login, Error *err) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;
        int r = file_read(path, LIMIT_CONFIG_FILE_BYTES, ERROR_CONFIG, &text, &size, err);
        if (r < 0)
                return r;
        Loading loading = {.config = config, .path = path, .login = login};
        return reader_parse(text, size, path, on_key, &loading, err);
}

static int is_dropin(const struct dirent *entry) {
        return entry->d_name[0] != '.' && string_ends_with(entry->d_name, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int
load_dropin(Config *config, const char *directory, const char *name, Text *login, Error *err) {
        CLEANUP(cleanup_free) char *path = path_join(directory, name);
        if (path == NULL)
                return error_oom(err);
        return load_file(config, path, login, err);
}

static int load_dropins(Config *config, const char *path, Text *login, Error *err) {
        CLEANUP(cleanup_free) char *directory = string_printf("%s.d", path);
        if (directory == NULL)
                return error_oom(err);
        struct dirent **entries = NULL;
        int n = scandir(directory, &entries, is_dropin, by_name);
        if (n < 0 && errno == ENOENT)
                return 0;
        if (n < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "cannot read %s", directory);
        int r = 0;
        if (n > LIMIT_CONFIG_DROPINS)
                r = error_set(
                        err,
                        ERROR_CONFIG,
                        -E2BIG,
                        "%s: found %d drop-ins, allowed: %d",
                        directory,
                        n,
                        LIMIT_CONFIG_DROPINS);
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = load_dropin(config, directory, entries[i]->d_name, login, err);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int set_defaults(Config *config, Error *err) {
        for (size_t i = 0; i < keys_count(); i++) {
                int r = key_set(key_at(i), config, key_at(i)->value, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The host name in the letters of an instance name. */
static int name_after_host(Config *config, Error *err) {
        char name[HOST_NAME_BYTES + 1] = "";
        if (gethostname(name, sizeof(name) - 1) < 0)
                return error_set_errno(
                        err, ERROR_CONFIG, -errno, "the host has no name: give [instance] name");
        name[LIMIT_INSTANCE_BYTES] = '\0';
        for (char *p = name; *p != '\0'; p++)
                if (!isascii(*p) || (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL))
                        *p = '-';
        if (!instance_valid(name))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "the host name '%s' makes no instance name: give [instance] name",
                        name);
        char *copy = strdup(name);
        if (copy == NULL)
                return error_oom(err);
        free(config->instance);
        config->instance = copy;
        return 0;
}

static int swift_refused(const char *path, const char *keys, const char *rule, Error *err) {
        return error_set(err, ERROR_CONFIG, -EINVAL, "%s: [swift] %s: %s", path, keys, rule);
}

/* What [store] type = swift asks of the keys of [swift] together. */
static int check_swift(const Config *config, const char *path, Error *err) {
        bool has_user = config->swift_username[0] != '\0';
        bool has_credential = config->swift_application_credential_id[0] != '\0';
        if (config->swift_auth_url[0] == '\0')
                return swift_refused(
                        path,
                        "auth_url",
                        "found nothing, allowed: the address of Keystone or of "
                        "Swift's own authentication",
                        err);
        if (config->swift_auth_version == 1 && (!has_user || has_credential))
                return swift_refused(
                        path,
                        "username and application_credential_id",
                        "auth_version = 1 needs a username and knows no application credentials",
                        err);
        if (config->swift_auth_version == 3 && has_user == has_credential)
                return swift_refused(
                        path,
                        "username and application_credential_id",
                        "auth_version = 3 needs one of them, and not both",
                        err);
        if (config->swift_auth_version == 3 && has_user && config->swift_project_name[0] == '\0')
                return swift_refused(
                        path,
                        "project_name",
                        "found nothing, allowed: the project whose containers these are (a "
                        "username has no scope of its own)",
                        err);
        if (string_equal(config->swift_container, config->swift_segment_container))
                return swift_refused(
                        path,
                        "container and segment_container",
                        "found the same name twice, allowed: two containers",
                        err);
        return 0;
}

static int name_segment_container(Config *config, Error *err) {
        char *name = string_printf("%s_segments", config->swift_container);
        if (name == NULL)
                return error_oom(err);
        free(config->swift_segment_container);
        config->swift_segment_container = name;
        return 0;
}

/* Defaults that are not constants, and what two keys say together. */
static int complete(Config *config, const char *path, const Text *login, Error *err) {
        int r = 0;
        if (config->instance[0] == '\0')
                r = name_after_host(config, err);
        if (r >= 0 && config->swift_segment_container[0] == '\0')
                r = name_segment_container(config, err);
        if (r < 0)
                return error_prefix(err, "%s", path);
        if (config->store_type == STORE_TYPE_SWIFT) {
                r = check_swift(config, path, err);
                if (r < 0)
                        return r;
        }
        if (config->threads == 0) {
                long cores = sysconf(_SC_NPROCESSORS_ONLN);
                config->threads = cores < 1                    ? 1
                                  : cores < THREADS_BY_DEFAULT ? (unsigned)cores
                                                               : THREADS_BY_DEFAULT;
        }
        bool as_user = !string_equal(config->connect, "/");
        if (as_user != (config->service[0] != '\0'))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "%s: [oracle] connect and service: found '%s' and '%s', allowed: connect = "
                        "/ without a service, or a user name with one",
                        text_get(login),
                        config->connect,
                        config->service);
        return 0;
}

int config_load(const char *path, Config **ret, Error *err) {
        CLEANUP(cleanup_config) Config *config = calloc(1, sizeof(*config));
        CLEANUP(text_done) Text login = TEXT_INIT;
        if (config == NULL)
                return error_oom(err);
        int r = set_defaults(config, err);
        if (r >= 0)
                r = load_file(config, path, &login, err);
        if (r >= 0)
                r = load_dropins(config, path, &login, err);
        if (r >= 0)
                r = complete(config, path, &login, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(config);
        return 0;
}

static int refuse_change(const char *key, const char *old, const char *new, Error *err) {
        if (string_equal(old, new))
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -EBUSY,
                "%s: found '%s', allowed without a restart: '%s', as it is now",
                key,
                new,
                old);
}

int config_check_reload(const Config *old, const Config *new, Error *err) {
        static const char *const types[] = {
                [STORE_TYPE_DIRECTORY] = "directory", [STORE_TYPE_SWIFT] = "swift"};
        int r = refuse_change("[instance] name", old->instance, new->instance, err);
        if (r >= 0)
                r = refuse_change(
                        "[store] type", types[old->store_type], types[new->store_type], err);
        if (r >= 0)
                r = refuse_change(
                        "[swift] container", old->swift_container, new->swift_container, err);
        if (r >= 0)
                r = refuse_change(
                        "[swift] segment_container",
                        old->swift_segment_container,
                        new->swift_segment_container,
                        err);
        /* The directory is what the container is for Swift. */
        if (r >= 0)
                r = refuse_change(
                        "[directory] path", old->directory_path, new->directory_path, err);
        return r;
}
