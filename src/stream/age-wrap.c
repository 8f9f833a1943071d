/* The file key wrapped for a holder and unwrapped by one. A wrapping key is used for one message,
 * so its nonce is zero. */
#include <errno.h>
#include <string.h>

#include "stream/aead.h"
#include "stream/age-keys.h"
#include "stream/base64.h"
#include "stream/kdf.h"

enum { SALT_BYTES = 16, ENCODED_BYTES = 44 };

static const char x25519_info[] = "age-encryption.org/v1/X25519";
static const char scrypt_label[] = "age-encryption.org/v1/scrypt";
static const uint8_t zero_nonce[AEAD_NONCE_BYTES];

static int seal_file_key(
        const uint8_t wrap[KDF_BYTES],
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        uint8_t ret[AGE_WRAPPED_KEY_BYTES],
        Error *err) {
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        int r;

        r = aead_new(wrap, &aead, err);
        if (r < 0)
                return r;
        memcpy(ret, file_key, AGE_FILE_KEY_BYTES);
        return aead_seal(aead, zero_nonce, ret, AGE_FILE_KEY_BYTES, err);
}

static int open_file_key(
        const uint8_t wrap[KDF_BYTES],
        const AgeStanza *stanza,
        uint8_t ret[AGE_FILE_KEY_BYTES],
        Error *err) {
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        uint8_t body[AGE_WRAPPED_KEY_BYTES];
        int r;

        r = aead_new(wrap, &aead, err);
        if (r < 0)
                return r;
        memcpy(body, stanza->body, sizeof(body));
        r = aead_open(aead, zero_nonce, body, sizeof(body), err);
        if (r == 0)
                memcpy(ret, body, AGE_FILE_KEY_BYTES);
        wipe(body, sizeof(body));
        return r == -EBADMSG ? -ENOKEY : r;
}

/* HKDF of the shared secret, bound to share and recipient. */
static int x25519_wrap_key(
        const uint8_t shared[KDF_BYTES],
        const uint8_t share[KDF_BYTES],
        const uint8_t recipient[KDF_BYTES],
        uint8_t ret[KDF_BYTES]) {
        uint8_t salt[2 * KDF_BYTES];

        memcpy(salt, share, KDF_BYTES);
        memcpy(salt + KDF_BYTES, recipient, KDF_BYTES);
        return hkdf_sha256(shared, KDF_BYTES, salt, sizeof(salt), x25519_info, ret);
}

/* Each stanza has a secret of its own, gone when this returns. */
static int
agree(const uint8_t recipient[KDF_BYTES], uint8_t ret_share[KDF_BYTES], uint8_t ret[KDF_BYTES]) {
        uint8_t secret[KDF_BYTES], shared[KDF_BYTES];
        int r;

        r = random_secret(secret, sizeof(secret));
        if (r == 0)
                r = x25519_public(secret, ret_share);
        if (r == 0)
                r = x25519_derive(secret, recipient, shared);
        if (r == 0)
                r = x25519_wrap_key(shared, ret_share, recipient, ret);
        wipe(secret, sizeof(secret));
        wipe(shared, sizeof(shared));
        return r;
}

int age_wrap_x25519(
        Text *header,
        const uint8_t recipient[AGE_KEY_BYTES],
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        uint8_t share[KDF_BYTES], wrap[KDF_BYTES], body[AGE_WRAPPED_KEY_BYTES];
        char encoded[ENCODED_BYTES], args[ENCODED_BYTES + 8];
        int r;

        r = agree(recipient, share, wrap);
        if (r == -EBADMSG)
                return error_set(
                        err, ERROR_CONFIG, -EINVAL, "a recipient is not a usable public key");
        if (r < 0)
                return kdf_error(err, "X25519");
        r = seal_file_key(wrap, file_key, body, err);
        wipe(wrap, sizeof(wrap));
        if (r < 0)
                return r;
        base64_encode(BASE64_UNPADDED, share, sizeof(share), encoded);
        snprintf(args, sizeof(args), "X25519 %.43s", encoded);
        age_header_add(header, args, body);
        return 0;
}

static int scrypt_wrap_key(
        const AgePassphrase *passphrase,
        const uint8_t salt[SALT_BYTES],
        unsigned log_n,
        uint8_t ret[KDF_BYTES]) {
        uint8_t label[sizeof(scrypt_label) - 1 + SALT_BYTES];

        memcpy(label, scrypt_label, sizeof(scrypt_label) - 1);
        memcpy(label + sizeof(scrypt_label) - 1, salt, SALT_BYTES);
        return scrypt_derive(passphrase->bytes, passphrase->size, label, sizeof(label), log_n, ret);
}

int age_wrap_scrypt(
        Text *header,
        const AgePassphrase *passphrase,
        unsigned log_n,
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        uint8_t salt[SALT_BYTES], wrap[KDF_BYTES], body[AGE_WRAPPED_KEY_BYTES];
        char encoded[ENCODED_BYTES], args[ENCODED_BYTES + 16];
        int r;

        r = random_secret(salt, sizeof(salt));
        if (r == 0)
                r = scrypt_wrap_key(passphrase, salt, log_n, wrap);
        if (r < 0)
                return kdf_error(err, "scrypt");
        r = seal_file_key(wrap, file_key, body, err);
        wipe(wrap, sizeof(wrap));
        if (r < 0)
                return r;
        base64_encode(BASE64_UNPADDED, salt, sizeof(salt), encoded);
        snprintf(args, sizeof(args), "scrypt %.22s %u", encoded, log_n);
        age_header_add(header, args, body);
        return 0;
}

int age_unwrap_x25519(
        const AgeIdentity *identity,
        const AgeStanza *stanza,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        uint8_t share[KDF_BYTES], shared[KDF_BYTES], wrap[KDF_BYTES];
        int r;

        age_stanza_share(stanza, share);
        r = x25519_derive(identity->secret, share, shared);
        if (r == -EBADMSG)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EPROTO,
                        "malformed age header: the share of an X25519 stanza is not usable");
        if (r == 0)
                r = x25519_wrap_key(shared, share, identity->public, wrap);
        wipe(shared, sizeof(shared));
        if (r < 0)
                return kdf_error(err, "X25519");
        r = open_file_key(wrap, stanza, ret_file_key, err);
        wipe(wrap, sizeof(wrap));
        return r;
}

int age_unwrap_scrypt(
        const AgePassphrase *passphrase,
        const AgeStanza *stanza,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        uint8_t salt[SALT_BYTES], wrap[KDF_BYTES];
        int r;

        age_stanza_salt(stanza, salt);
        r = scrypt_wrap_key(passphrase, salt, age_stanza_log_n(stanza), wrap);
        if (r < 0)
                return kdf_error(err, "scrypt");
        r = open_file_key(wrap, stanza, ret_file_key, err);
        wipe(wrap, sizeof(wrap));
        return r;
}
