/* Is the key that signs still there for the next start, its own, and trusted? Called by
 * job/check-host on a worker. */
#include "job/check-keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/limits.h"

static const char CREDENTIAL[] = "signing-key";
static const char PAYLOAD[] = "{}";

static int is_key_file(const struct dirent *entry) {
        return entry->d_name[0] != '.' && string_ends_with(entry->d_name, ".pem");
}

/* The path of the key that the next start would use: names are times, the newest counts. */
static int newest_file(const char *state_directory, char **ret, Error *err) {
        CLEANUP(cleanup_free) char *directory = path_join(state_directory, "signing");
        struct dirent **entries = NULL;
        int r = 0;

        if (directory == NULL)
                return error_oom(err);
        int n = scandir(directory, &entries, is_key_file, alphasort);
        if (n < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", directory);
        if (n == 0) {
                r = error_set(
                        err,
                        ERROR_CONFIG,
                        -ENOENT,
                        "there is no key in %s any more: the next start makes a new one",
                        directory);
        } else {
                *ret = path_join(directory, entries[n - 1]->d_name);
                r = *ret == NULL ? error_oom(err) : 0;
        }
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
        return r;
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
                "%s is open to others (mode %04o); set it to 0600",
                path,
                (unsigned)(st.st_mode & 07777));
}

static int read_key(const HostCheck *check, char **ret, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_free) char *path = NULL;

        if (credential_exists(CREDENTIAL))
                return credential_read(CREDENTIAL, ret, ret_size, err);
        int r = newest_file(check->state_directory, &path, err);
        if (r >= 0)
                r = check_mode(path, err);
        return r < 0 ? r : file_read(path, LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, ret, ret_size, err);
}

static int compare_key(const HostCheck *check, const SigningKey *key, Error *err) {
        if (string_equal(signing_key_public(key), signing_key_public(check->signing_key)))
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -ESTALE,
                "the next start signs with %s, this one signs with %s",
                signing_key_public(key),
                signing_key_public(check->signing_key));
}

static int check_stored(const HostCheck *check, Error *err) {
        CLEANUP(cleanup_signing_key) SigningKey *key = NULL;
        char *pem = NULL;
        size_t size = 0;
        int r = read_key(check, &pem, &size, err);

        if (r >= 0)
                r = signing_key_parse(pem, size, "the signing key", &key, err);
        if (pem != NULL)
                wipe(pem, size);
        free(pem);
        return r < 0 ? r : compare_key(check, key, err);
}

/* What it signs is what a restore on this host would take. */
static int check_trust(const HostCheck *check, Error *err) {
        CLEANUP(cleanup_free) char *text = NULL;
        Envelope envelope = {0};
        size_t size = 0;
        int r = envelope_seal(
                check->signing_key,
                &(EnvelopeContent){"begin", PAYLOAD, sizeof(PAYLOAD) - 1},
                &text,
                &size,
                err);

        if (r >= 0)
                r = envelope_open(text, size, "begin", "what the key signed", &envelope, err);
        if (r >= 0 &&
            envelope_trust(&envelope, check->trusted, check->config->instance) != TRUST_TRUSTED)
                r = error_set(
                        err,
                        ERROR_UNTRUSTED,
                        -EPERM,
                        "its own key %s is not trusted for instance %s",
                        signing_key_public(check->signing_key),
                        check->config->instance);
        envelope_done(&envelope);
        return r;
}

void check_signing_key(const HostCheck *check) {
        Error error = {0};
        int r = check_stored(check, &error);

        if (r >= 0)
                r = check_trust(check, &error);
        if (r < 0)
                advice_bad(
                        check->rows,
                        "signing_key",
                        NULL,
                        ADVICE_ERROR,
                        "%s; put the key back, or trust the new one wherever these backups are "
                        "restored",
                        error.message);
        else
                advice_good(
                        check->rows,
                        "signing_key",
                        NULL,
                        "%s signs and is trusted; a bare host needs that line",
                        signing_key_public(check->signing_key));
}
