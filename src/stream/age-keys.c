/* The text forms of keys, and passphrases. */
#include "stream/age-keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stream/bech32.h"

static const char recipient_prefix[] = "age";
static const char identity_prefix[] = "age-secret-key-";

int age_passphrase_init(AgePassphrase *passphrase, const void *bytes, size_t size) {
        const uint8_t *p = bytes;

        if (size > 0 && p[size - 1] == '\n')
                size--;
        if (size == 0)
                return -EINVAL;
        passphrase->bytes = malloc(size);
        if (passphrase->bytes == NULL)
                return -ENOMEM;
        memcpy(passphrase->bytes, bytes, size);
        passphrase->size = size;
        return 0;
}

void age_passphrase_done(AgePassphrase *passphrase) {
        if (passphrase->bytes != NULL)
                wipe(passphrase->bytes, passphrase->size);
        free(passphrase->bytes);
        *passphrase = (AgePassphrase){0};
}

int age_recipient_decode(const char *line, size_t size, uint8_t ret[AGE_KEY_BYTES]) {
        return bech32_decode(line, size, recipient_prefix, ret, AGE_KEY_BYTES);
}

int age_identity_decode(const char *line, size_t size, uint8_t ret[AGE_KEY_BYTES]) {
        return bech32_decode(line, size, identity_prefix, ret, AGE_KEY_BYTES);
}

static bool begins_with(const char *line, size_t size, const char *prefix) {
        size_t n = strlen(prefix);

        return size > n && strncasecmp(line, prefix, n) == 0;
}

bool age_looks_like_identity(const char *line, size_t size) {
        return begins_with(line, size, "AGE-SECRET-KEY-");
}

bool age_looks_like_recipient(const char *line, size_t size) {
        return begins_with(line, size, "age1");
}

void age_recipient_encode(const uint8_t key[AGE_KEY_BYTES], char ret[AGE_RECIPIENT_BYTES]) {
        (void)bech32_encode(recipient_prefix, key, AGE_KEY_BYTES, ret, AGE_RECIPIENT_BYTES);
}

void age_identity_encode(const uint8_t secret[AGE_KEY_BYTES], char ret[AGE_IDENTITY_BYTES]) {
        (void)bech32_encode(identity_prefix, secret, AGE_KEY_BYTES, ret, AGE_IDENTITY_BYTES);
        for (char *p = ret; *p != '\0'; p++)
                *p = (char)toupper((unsigned char)*p);
}
