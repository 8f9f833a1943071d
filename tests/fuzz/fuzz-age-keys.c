/* Any bytes as a recipients file, an identity file and a file of trusted keys. A key that is taken
 * is written back as the same key. */
#include <assert.h>
#include <string.h>

#include "stream/age.h"
#include "stream/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_recipients(const char *text, size_t size) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        Error err = {0};

        if (age_recipients_parse(text, size, "fuzz", &recipients, &err) < 0) {
                assert(err.kind == ERROR_CONFIG);
                return;
        }
        for (size_t i = 0; i < age_recipients_count(recipients); i++) {
                CLEANUP(cleanup_age_recipients) AgeRecipients *again = NULL;
                const char *name = age_recipients_name(recipients, i);
                int r = age_recipients_parse(name, strlen(name), "fuzz", &again, NULL);

                assert(r == 0 && strcmp(age_recipients_name(again, 0), name) == 0);
        }
}

static void parse_identities(const char *text, size_t size) {
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        Error err = {0};

        if (age_identities_parse(text, size, "fuzz", &identities, &err) < 0)
                assert(err.kind == ERROR_WRONG_IDENTITY);
}

static void parse_trusted_keys(const char *text, size_t size) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        Error err = {0};

        if (trusted_keys_new(&keys, NULL) < 0)
                return;
        if (trusted_keys_parse(keys, text, size, "fuzz", &err) < 0)
                assert(err.kind == ERROR_CONFIG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *)data;

        parse_recipients(text, size);
        parse_identities(text, size);
        parse_trusted_keys(text, size);
        return 0;
}
