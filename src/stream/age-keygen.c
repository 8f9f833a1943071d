/* A new identity, written as age-keygen writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/kdf.h"

static int write_file(
        const uint8_t secret[AGE_KEY_BYTES],
        char **ret_identity_file,
        char **ret_recipient,
        Error *err) {
        CLEANUP(cleanup_free) char *name = NULL;
        char recipient[AGE_RECIPIENT_BYTES], identity[AGE_IDENTITY_BYTES], created[21];
        uint8_t public[AGE_KEY_BYTES];
        char *text;

        if (x25519_public(secret, public) < 0)
                return kdf_error(err, "X25519");
        age_recipient_encode(public, recipient);
        age_identity_encode(secret, identity);
        format_time(clock_realtime_usec(), created);
        name = strdup(recipient);
        text = string_printf("# created: %s\n# public key: %s\n%s\n", created, recipient, identity);
        wipe(identity, sizeof(identity));
        if (name == NULL || text == NULL) {
                free(text);
                return error_oom(err);
        }
        *ret_identity_file = text;
        *ret_recipient = TAKE_PTR(name);
        return 0;
}

int age_keygen(char **ret_identity_file, char **ret_recipient, Error *err) {
        uint8_t secret[AGE_KEY_BYTES];
        int r;

        if (random_secret(secret, sizeof(secret)) < 0)
                return kdf_error(err, "the random generator");
        r = write_file(secret, ret_identity_file, ret_recipient, err);
        wipe(secret, sizeof(secret));
        return r;
}
