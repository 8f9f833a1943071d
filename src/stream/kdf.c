/* Key derivation by OpenSSL. Every function returns 0 or -EIO when OpenSSL refuses. */
#include "stream/kdf.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/cleanup.h"

/* OpenSSL's parameters take pointers to values they only read. */
static OSSL_PARAM octets(const char *key, const void *bytes, size_t size) {
        union {
                const void *in;
                void *out;
        } pointer = {.in = bytes};

        return OSSL_PARAM_construct_octet_string(key, pointer.out, size);
}

static int derive(const char *algorithm, const OSSL_PARAM *params, uint8_t ret[KDF_BYTES]) {
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, algorithm, NULL);
        EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
        int ok = context != NULL && EVP_KDF_derive(context, ret, KDF_BYTES, params) == 1;

        EVP_KDF_CTX_free(context);
        EVP_KDF_free(kdf);
        return ok ? 0 : -EIO;
}

int hkdf_sha256(
        const void *key,
        size_t key_size,
        const void *salt,
        size_t salt_size,
        const char *info,
        uint8_t ret[KDF_BYTES]) {
        char digest[] = "SHA256";
        OSSL_PARAM params[5];
        size_t n = 0;

        params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
        params[n++] = octets(OSSL_KDF_PARAM_KEY, key, key_size);
        params[n++] = octets(OSSL_KDF_PARAM_INFO, info, strlen(info));
        /* An empty salt is no parameter: OpenSSL takes one of size 0 for an error. */
        if (salt_size > 0)
                params[n++] = octets(OSSL_KDF_PARAM_SALT, salt, salt_size);
        params[n] = OSSL_PARAM_construct_end();
        return derive("HKDF", params, ret);
}

int hmac_sha256(
        const uint8_t key[KDF_BYTES], const void *bytes, size_t size, uint8_t ret[KDF_BYTES]) {
        size_t n = 0;

        if (EVP_Q_mac(
                    NULL,
                    "HMAC",
                    NULL,
                    "SHA256",
                    NULL,
                    key,
                    KDF_BYTES,
                    bytes,
                    size,
                    ret,
                    KDF_BYTES,
                    &n) == NULL)
                return -EIO;
        return n == KDF_BYTES ? 0 : -EIO;
}

int scrypt_derive(
        const void *passphrase,
        size_t passphrase_size,
        const void *salt,
        size_t salt_size,
        unsigned log_n,
        uint8_t ret[KDF_BYTES]) {
        uint64_t n = (uint64_t)1 << log_n;
        uint32_t block = 8, lanes = 1;
        /* 128 * N * r bytes, and a little; without this OpenSSL stops at 32 MiB. */
        uint64_t max_memory = 128 * n * block + 1024 * 1024;
        const OSSL_PARAM params[] = {
                octets(OSSL_KDF_PARAM_PASSWORD, passphrase, passphrase_size),
                octets(OSSL_KDF_PARAM_SALT, salt, salt_size),
                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &block),
                OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &lanes),
                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_memory),
                OSSL_PARAM_construct_end(),
        };

        return derive("SCRYPT", params, ret);
}

int x25519_public(const uint8_t secret[KDF_BYTES], uint8_t ret[KDF_BYTES]) {
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, secret, KDF_BYTES);
        size_t size = KDF_BYTES;
        int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, ret, &size) == 1;

        EVP_PKEY_free(key);
        return ok ? 0 : -EIO;
}

static int derive_shared(EVP_PKEY *own, EVP_PKEY *peer, uint8_t ret[KDF_BYTES]) {
        static const uint8_t zero[KDF_BYTES];
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        size_t size = KDF_BYTES;
        int ok = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
                 EVP_PKEY_derive_set_peer(context, peer) == 1;
        /* OpenSSL refuses the all-zero result itself; looked at again since age rests on it. */
        int usable = ok && EVP_PKEY_derive(context, ret, &size) == 1 &&
                     CRYPTO_memcmp(ret, zero, KDF_BYTES) != 0;

        EVP_PKEY_CTX_free(context);
        if (!ok)
                return -EIO;
        return usable ? 0 : -EBADMSG;
}

int x25519_derive(
        const uint8_t secret[KDF_BYTES], const uint8_t peer[KDF_BYTES], uint8_t ret[KDF_BYTES]) {
        EVP_PKEY *own = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, secret, KDF_BYTES);
        EVP_PKEY *other = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer, KDF_BYTES);
        int r = -EIO;

        if (own != NULL && other != NULL)
                r = derive_shared(own, other, ret);
        EVP_PKEY_free(own);
        EVP_PKEY_free(other);
        return r;
}

int random_secret(void *ret, size_t size) {
        return RAND_priv_bytes_ex(NULL, ret, size, 0) == 1 ? 0 : -EIO;
}

int kdf_error(Error *err, const char *algorithm) {
        return error_set(
                err,
                ERROR_CONFIG,
                -EOPNOTSUPP,
                "%s failed in OpenSSL, and age needs it: encryption is not available in FIPS mode",
                algorithm);
}
