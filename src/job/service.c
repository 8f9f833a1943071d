/* The settings that jobs share: the configuration with the keys it names, read as one, so that a
 * reload replaces all of it or nothing. Used by daemon/ at the start and at a reload. */
#include "job/service.h"

#include <errno.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/limits.h"

static const char PASSPHRASE_CREDENTIAL[] = "passphrase";

Settings *settings_ref(Settings *settings) {
        settings->users++;
        return settings;
}

Settings *settings_unref(Settings *settings) {
        if (settings == NULL || --settings->users > 0)
                return NULL;
        config_free(settings->config);
        age_recipients_free(settings->recipients);
        trusted_keys_free(settings->trusted);
        free(settings);
        return NULL;
}

static void cleanup_settings(Settings **settings) {
        *settings = settings_unref(*settings);
}

static int read_passphrase(AgeRecipients **ret, Error *err) {
        char *passphrase = NULL;
        size_t size = 0;
        int r = credential_read(PASSPHRASE_CREDENTIAL, &passphrase, &size, err);
        if (r < 0)
                return r;
        r = age_recipients_from_passphrase(passphrase, size, ret, err);
        wipe(passphrase, size);
        free(passphrase);
        return r;
}

int settings_read_recipients(const Config *config, AgeRecipients **ret, Error *err) {
        if (credential_exists(PASSPHRASE_CREDENTIAL))
                return read_passphrase(ret, err);
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;
        const char *path = config->recipients_file;
        int r = file_read(path, LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, &text, &size, err);
        if (r == -ENOENT)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        r,
                        "There is no recipients file %s; put the age recipients of the backups "
                        "there, "
                        "one a line",
                        path);
        if (r < 0)
                return r;
        return age_recipients_parse(text, size, path, ret, err);
}

int settings_read_trusted(
        const Config *config, const StringList *own_keys, TrustedKeys **ret, Error *err) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        int r = trusted_keys_new(&keys, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;
        const char *path = config->trusted_keys_file;
        r = file_read(path, LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, &text, &size, err);
        if (r >= 0)
                r = trusted_keys_parse(keys, text, size, path, err);
        if (r < 0 && r != -ENOENT)
                return r;
        for (size_t i = 0; i < own_keys->n; i++) {
                r = trusted_keys_add(keys, config->instance, own_keys->items[i], "own key", err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(keys);
        return 0;
}

int settings_load(const char *config_path, const StringList *own_keys, Settings **ret, Error *err) {
        CLEANUP(cleanup_settings) Settings *settings = calloc(1, sizeof(*settings));
        if (settings == NULL)
                return error_oom(err);
        settings->users = 1;
        int r = config_load(config_path, &settings->config, err);
        if (r < 0)
                return r;
        r = settings_read_trusted(settings->config, own_keys, &settings->trusted, err);
        if (r < 0)
                return r;
        r = settings_read_recipients(
                settings->config, &settings->recipients, &settings->recipients_error);
        if (r == -ENOMEM)
                return error_oom(err);
        *ret = TAKE_PTR(settings);
        return 0;
}
