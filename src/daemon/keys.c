/* Own signing keys on disk. Used by daemon.c at the start. */
#include "daemon/keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "config/config.h"

enum { KEYS_MAX = 1000 };

static const char CREDENTIAL[] = "signing-key";

void own_keys_done(OwnKeys *keys) {
        signing_key_free(keys->key);
        string_list_done(&keys->public);
        *keys = (OwnKeys){0};
}

static int use_key(OwnKeys *keys, const char *pem, size_t size, const char *what, Error *err) {
        CLEANUP(cleanup_signing_key) SigningKey *key = NULL;
        int r = signing_key_parse(pem, size, what, &key, err);
        if (r < 0)
                return r;
        if (string_list_add(&keys->public, signing_key_public(key)) < 0)
                return error_oom(err);
        signing_key_free(keys->key);
        keys->key = TAKE_PTR(key);
        return 0;
}

static int check_mode(const char *path, Error *err) {
        struct stat st;
        if (stat(path, &st) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", path);
        if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -EPERM,
                "%s holds a secret and is open to others (mode %04o); set it to 0600",
                path,
                (unsigned)(st.st_mode & 07777));
}

static int use_file(OwnKeys *keys, const char *path, Error *err) {
        char *pem = NULL;
        size_t size = 0;
        int r = check_mode(path, err);
        if (r >= 0)
                r = file_read(path, LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, &pem, &size, err);
        if (r < 0)
                return r;
        r = use_key(keys, pem, size, path, err);
        wipe(pem, size);
        free(pem);
        return r;
}

static int is_key_file(const struct dirent *entry) {
        return entry->d_name[0] != '.' && string_ends_with(entry->d_name, ".pem");
}

/* In the order of their names, which are times: the newest is used last, and so is in use. */
static int use_directory(OwnKeys *keys, const char *directory, Error *err) {
        struct dirent **entries = NULL;
        int n = scandir(directory, &entries, is_key_file, alphasort);
        if (n < 0)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(err, ERROR_CONFIG, -errno, "%s", directory);
        int r = 0;
        for (int i = 0; i < n; i++) {
                CLEANUP(cleanup_free) char *path = path_join(directory, entries[i]->d_name);
                free(entries[i]);
                if (r >= 0 && path == NULL)
                        r = error_oom(err);
                if (r >= 0 && i < KEYS_MAX)
                        r = use_file(keys, path, err);
        }
        free(entries);
        return r;
}

static char *new_path(const char *directory) {
        char time[21], compact[21];
        size_t n = 0;
        format_time(clock_realtime_usec(), time);
        for (const char *c = time; *c != '\0'; c++)
                if (*c != '-' && *c != ':')
                        compact[n++] = *c;
        compact[n] = '\0';
        return string_printf("%s/%s.pem", directory, compact);
}

static int make_key(OwnKeys *keys, const char *directory, Error *err) {
        CLEANUP(cleanup_free) char *path = new_path(directory);
        if (path == NULL)
                return error_oom(err);
        int r = directory_make(directory, 0700, err);
        if (r < 0)
                return r;
        char *pem = NULL;
        size_t size = 0;
        r = signing_key_generate(&pem, &size, err);
        if (r < 0)
                return r;
        r = file_write_durably(path, pem, size, 0600, err);
        if (r >= 0)
                r = use_key(keys, pem, size, path, err);
        wipe(pem, size);
        free(pem);
        keys->made = r >= 0;
        return r;
}

static int use_credential(OwnKeys *keys, Error *err) {
        char *pem = NULL;
        size_t size = 0;
        int r = credential_read(CREDENTIAL, &pem, &size, err);
        if (r < 0)
                return r;
        r = use_key(keys, pem, size, "The credential signing-key", err);
        wipe(pem, size);
        free(pem);
        return r;
}

int own_keys_load(const char *state_directory, OwnKeys *ret, Error *err) {
        OwnKeys keys = {0};
        CLEANUP(cleanup_free) char *directory = path_join(state_directory, "signing");
        if (directory == NULL)
                return error_oom(err);
        int r = use_directory(&keys, directory, err);
        if (r >= 0 && credential_exists(CREDENTIAL))
                r = use_credential(&keys, err);
        else if (r >= 0 && keys.key == NULL)
                r = make_key(&keys, directory, err);
        if (r < 0) {
                own_keys_done(&keys);
                return r;
        }
        *ret = keys;
        return 0;
}
