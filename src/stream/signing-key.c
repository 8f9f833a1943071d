/* The key that signs control objects: Ed25519 and nothing else, whatever a file says. */
#include "stream/signing-key.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "stream/base64.h"
#include "stream/digest.h"

struct SigningKey {
        EVP_PKEY *pkey;
        char public[PUBLIC_KEY_BYTES];
};

static const char public_prefix[] = "ed25519:";

enum { PUBLIC_PREFIX_LENGTH = sizeof(public_prefix) - 1 };

void public_key_encode(const uint8_t raw[ED25519_KEY_BYTES], char ret[PUBLIC_KEY_BYTES]) {
        memcpy(ret, public_prefix, PUBLIC_PREFIX_LENGTH);
        base64_encode(BASE64_PADDED, raw, ED25519_KEY_BYTES, ret + PUBLIC_PREFIX_LENGTH);
}

int public_key_decode(const char *text, size_t size, uint8_t ret[ED25519_KEY_BYTES]) {
        uint8_t raw[ED25519_KEY_BYTES];
        size_t n;
        int r;

        if (size != PUBLIC_KEY_BYTES - 1 || memcmp(text, public_prefix, PUBLIC_PREFIX_LENGTH) != 0)
                return -EINVAL;
        r = base64_decode(
                BASE64_PADDED,
                text + PUBLIC_PREFIX_LENGTH,
                size - PUBLIC_PREFIX_LENGTH,
                raw,
                sizeof(raw),
                &n);
        if (r < 0 || n != sizeof(raw))
                return -EINVAL;
        memcpy(ret, raw, sizeof(raw));
        return 0;
}

int public_key_id(const uint8_t raw[ED25519_KEY_BYTES], char ret[KEY_ID_BYTES], Error *err) {
        return digest_hex(DIGEST_SHA256, raw, ED25519_KEY_BYTES, ret, err);
}

int public_key_verify(
        const uint8_t raw[ED25519_KEY_BYTES],
        const uint8_t signature[ED25519_SIGNATURE_BYTES],
        const void *bytes,
        size_t size,
        Error *err) {
        EVP_PKEY *pkey =
                EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw, ED25519_KEY_BYTES);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool able = pkey != NULL && context != NULL &&
                    EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, pkey, NULL) == 1;
        bool valid = able && EVP_DigestVerify(
                                     context, signature, ED25519_SIGNATURE_BYTES, bytes, size) == 1;

        EVP_MD_CTX_free(context);
        EVP_PKEY_free(pkey);
        if (!able)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EOPNOTSUPP,
                        "OpenSSL does not verify Ed25519: signatures are not available in FIPS "
                        "mode");
        return valid;
}

int signing_key_sign(
        const SigningKey *key,
        const void *bytes,
        size_t size,
        uint8_t ret[ED25519_SIGNATURE_BYTES],
        Error *err) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        size_t n = ED25519_SIGNATURE_BYTES;
        bool ok = context != NULL &&
                  EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
                  EVP_DigestSign(context, ret, &n, bytes, size) == 1 &&
                  n == ED25519_SIGNATURE_BYTES;

        EVP_MD_CTX_free(context);
        return ok ? 0 : error_set(err, ERROR_INTERNAL, -EIO, "signing failed in OpenSSL");
}

/* The memory of a BIO is cleared when it is freed. */
static int write_pem(EVP_PKEY *pkey, char **ret_pem, size_t *ret_size) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL, *copy = NULL;
        long size = 0;

        if (bio != NULL &&
            PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
                size = BIO_get_mem_data(bio, &data);
                copy = strndup(data, (size_t)size);
        }
        BIO_free(bio);
        if (copy == NULL)
                return -ENOMEM;
        *ret_pem = copy;
        *ret_size = (size_t)size;
        return 0;
}

int signing_key_generate(char **ret_pem, size_t *ret_size, Error *err) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        int r;

        if (pkey == NULL)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EOPNOTSUPP,
                        "OpenSSL makes no Ed25519 key: signing is not available in FIPS mode");
        r = write_pem(pkey, ret_pem, ret_size);
        EVP_PKEY_free(pkey);
        return r < 0 ? error_oom(err) : 0;
}

/* Never asks for a password on a terminal: an encrypted key is refused. */
static int no_password(char *buffer, int size, int writing, void *userdata) {
        return -1;
}

static EVP_PKEY *read_pem(const char *pem, size_t size) {
        BIO *bio = BIO_new_mem_buf(pem, (int)size);
        EVP_PKEY *pkey = NULL;

        if (bio != NULL)
                pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, no_password, NULL, NULL, NULL);
        BIO_free(bio);
        return pkey;
}

int signing_key_parse(
        const char *pem, size_t size, const char *what, SigningKey **ret, Error *err) {
        CLEANUP(cleanup_signing_key) SigningKey *key = calloc(1, sizeof(SigningKey));
        uint8_t raw[ED25519_KEY_BYTES];
        size_t n = sizeof(raw);

        if (key == NULL)
                return error_oom(err);
        if (size <= LIMIT_KEY_FILE_BYTES)
                key->pkey = read_pem(pem, size);
        if (key->pkey == NULL)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "%s is not an unencrypted private key in PEM",
                        what);
        if (!EVP_PKEY_is_a(key->pkey, "ED25519") ||
            EVP_PKEY_get_raw_public_key(key->pkey, raw, &n) != 1)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "%s is a key of another kind: signing takes Ed25519 only",
                        what);
        public_key_encode(raw, key->public);
        *ret = TAKE_PTR(key);
        return 0;
}

SigningKey *signing_key_free(SigningKey *key) {
        if (key == NULL)
                return NULL;
        EVP_PKEY_free(key->pkey);
        free(key);
        return NULL;
}

const char *signing_key_public(const SigningKey *key) {
        return key->public;
}
