/* Configuration, recipients, identity, credentials, keys. Called by job/check on a worker. */
#include "job/check-host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "job/check-keys.h"

/* What the checks of one run share: the configuration as it is in the file, as far as it can be
 * read, else the running one. */
typedef struct Reading {
        const HostCheck *check;
        const Config *config;
} Reading;

static void judge_configuration(const HostCheck *check, Config **ret) {
        Error error = {0};
        Config *config = NULL;
        int r = config_load(check->config_path, &config, &error);

        if (r >= 0 && config_check_reload(check->config, config, &error) < 0) {
                advice_bad(
                        check->rows,
                        "configuration",
                        NULL,
                        ADVICE_ERROR,
                        "%s; a reload would refuse that: restart the service, or set it back",
                        error.message);
                config_free(config);
        } else if (r < 0) {
                advice_bad(
                        check->rows,
                        "configuration",
                        NULL,
                        ADVICE_ERROR,
                        "%s; correct it, then Reload",
                        error.message);
        } else {
                advice_good(
                        check->rows,
                        "configuration",
                        NULL,
                        "%s is valid; Reload makes it hold where it was changed",
                        check->config_path);
                *ret = config;
        }
}

/* ---- recipients and identity ---- */

static void judge_recipients(const Reading *reading, AgeRecipients **ret) {
        AdviceList *rows = reading->check->rows;
        AgeRecipients *recipients = NULL;
        Error error = {0};

        if (settings_read_recipients(reading->config, &recipients, &error) < 0)
                advice_bad(
                        rows,
                        "recipients",
                        NULL,
                        ADVICE_ERROR,
                        "%s; no backup can be made before that is settled",
                        error.message);
        else if (age_recipients_is_passphrase(recipients))
                advice_good(rows, "recipients", NULL, "backups are encrypted with a passphrase");
        else if (age_recipients_count(recipients) == 1)
                advice_bad(
                        rows,
                        "recipients",
                        NULL,
                        ADVICE_WARNING,
                        "there is one recipient (%s): when its identity is lost, so is every "
                        "backup; add a second one whose identity is kept elsewhere",
                        age_recipients_name(recipients, 0));
        else
                advice_good(
                        rows,
                        "recipients",
                        NULL,
                        "backups can be opened with each of %zu identities",
                        age_recipients_count(recipients));
        *ret = recipients;
}

static int
try_identity(const AgeRecipients *recipients, const AgeIdentities *identities, Error *err) {
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload made = {0}, opened = {0};
        size_t size, offset;
        int r = age_header_make(recipients, &made, &header, &size, err);

        if (r >= 0)
                r = age_header_open(identities, header, size, &opened, &offset, err);
        if (r >= 0 && memcmp(made.key, opened.key, sizeof(made.key)) != 0)
                r = error_set(err, ERROR_INTEGRITY, -EBADMSG, "the header opens with another key");
        wipe(&made, sizeof(made));
        wipe(&opened, sizeof(opened));
        return r;
}

/* A credential that cannot be read is another row's matter. */
static AgeIdentities *credential_identities(Error *err) {
        AgeIdentities *identities = NULL;
        char *text = NULL;
        size_t size = 0;

        if (credential_read("identity", &text, &size, NULL) < 0)
                return NULL;
        (void)age_identities_parse(text, size, "the credential identity", &identities, err);
        wipe(text, size);
        free(text);
        return identities;
}

static void judge_identity(const Reading *reading, const AgeRecipients *recipients) {
        AdviceList *rows = reading->check->rows;
        const AgeIdentities *identities = reading->check->identities;
        AgeIdentities *own = NULL;
        Error error = {0};

        if (identities == NULL)
                identities = own = credential_identities(&error);
        if (error_is_set(&error))
                advice_bad(
                        rows,
                        "identity",
                        NULL,
                        ADVICE_ERROR,
                        "%s; give the file that age-keygen wrote",
                        error.message);
        else if (identities != NULL && recipients != NULL) {
                if (try_identity(recipients, identities, &error) < 0)
                        advice_bad(
                                rows,
                                "identity",
                                NULL,
                                ADVICE_ERROR,
                                "the identity does not open what is made for the recipients (%s); "
                                "give the one that belongs to one of them",
                                error.message);
                else
                        advice_good(
                                rows, "identity", NULL, "the identity opens what backups will be");
        }
        age_identities_free(own);
}

/* ---- credentials ---- */

static const char *const CREDENTIALS[] = {
        "swift-password",
        "swift-application-credential-secret",
        "oracle-password",
        "sys-password",
        "passphrase",
        "identity",
        "signing-key",
};

static bool is_set(const char *value) {
        return value != NULL && value[0] != '\0';
}

static bool is_needed(const Config *config, const char *name) {
        bool swift = config->store_type == STORE_TYPE_SWIFT;
        bool application = is_set(config->swift_application_credential_id);

        if (string_equal(name, "oracle-password"))
                return !string_equal(config->connect, "/");
        if (string_equal(name, "swift-application-credential-secret"))
                return swift && application;
        return string_equal(name, "swift-password") && swift && !application;
}

static void judge_credentials(const Reading *reading) {
        AdviceList *rows = reading->check->rows;
        Error error = {0};
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(CREDENTIALS); i++) {
                char *text = NULL;
                size_t size = 0;

                if (!credential_exists(CREDENTIALS[i]) &&
                    !is_needed(reading->config, CREDENTIALS[i]))
                        continue;
                if (credential_read(CREDENTIALS[i], &text, &size, &error) < 0) {
                        advice_bad(
                                rows,
                                "credentials",
                                NULL,
                                ADVICE_ERROR,
                                "%s; then restart the service",
                                error.message);
                        return;
                }
                wipe(text, size);
                free(text);
                n++;
        }
        advice_good(rows, "credentials", NULL, "%zu credentials are there and closed to others", n);
}

/* ---- trusted keys ---- */

static void judge_trusted_keys(const Reading *reading) {
        AdviceList *rows = reading->check->rows;
        const char *path = reading->config->trusted_keys_file;
        TrustedKeys *keys = NULL;
        Error error = {0};

        if (settings_read_trusted(reading->config, reading->check->own_keys, &keys, &error) < 0)
                advice_bad(
                        rows,
                        "trusted_keys",
                        NULL,
                        ADVICE_ERROR,
                        "%s; correct it: the service does not start with it",
                        error.message);
        else
                advice_good(
                        rows,
                        "trusted_keys",
                        NULL,
                        access(path, F_OK) == 0 ? "%s can be read"
                                                : "there is no %s: records of this host alone are "
                                                  "trusted",
                        path);
        trusted_keys_free(keys);
}

void check_host(const HostCheck *check) {
        Config *fresh = NULL;
        AgeRecipients *recipients = NULL;

        judge_configuration(check, &fresh);
        const Reading reading = {check, fresh != NULL ? fresh : check->config};
        judge_recipients(&reading, &recipients);
        judge_identity(&reading, recipients);
        judge_credentials(&reading);
        judge_trusted_keys(&reading);
        check_signing_key(check);
        age_recipients_free(recipients);
        config_free(fresh);
}
