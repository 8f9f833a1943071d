/* The one cipher of age. The key is set once, each message gives only its nonce: that is what makes
 * chunk after chunk as fast as the cipher itself. */
#include "stream/aead.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct Aead {
        EVP_CIPHER *cipher;
        EVP_CIPHER_CTX *context;
};

int aead_new(const uint8_t key[AEAD_KEY_BYTES], Aead **ret, Error *err) {
        CLEANUP(cleanup_aead) Aead *aead = calloc(1, sizeof(Aead));

        if (aead == NULL)
                return error_oom(err);
        aead->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
        if (aead->cipher == NULL)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EOPNOTSUPP,
                        "OpenSSL offers no ChaCha20-Poly1305, which age needs: encryption is not "
                        "available in FIPS mode");
        aead->context = EVP_CIPHER_CTX_new();
        if (aead->context == NULL ||
            EVP_CipherInit_ex2(aead->context, aead->cipher, key, NULL, 1, NULL) != 1)
                return error_oom(err);
        *ret = TAKE_PTR(aead);
        return 0;
}

Aead *aead_free(Aead *aead) {
        if (aead == NULL)
                return NULL;
        EVP_CIPHER_CTX_free(aead->context);
        EVP_CIPHER_free(aead->cipher);
        free(aead);
        return NULL;
}

static int failed(Error *err) {
        return error_set(err, ERROR_INTERNAL, -EIO, "ChaCha20-Poly1305 failed in OpenSSL");
}

int aead_seal(
        Aead *aead,
        const uint8_t nonce[AEAD_NONCE_BYTES],
        uint8_t *bytes,
        size_t size,
        Error *err) {
        uint8_t end[EVP_MAX_BLOCK_LENGTH];
        int n = 0;

        if (size > INT_MAX || EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce, 1, NULL) != 1 ||
            EVP_CipherUpdate(aead->context, bytes, &n, bytes, (int)size) != 1 ||
            EVP_CipherFinal_ex(aead->context, end, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(
                    aead->context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, bytes + size) != 1)
                return failed(err);
        return 0;
}

int aead_open(
        Aead *aead,
        const uint8_t nonce[AEAD_NONCE_BYTES],
        uint8_t *bytes,
        size_t size,
        Error *err) {
        uint8_t end[EVP_MAX_BLOCK_LENGTH];
        size_t text_size = size - AEAD_TAG_BYTES;
        int n = 0;

        if (size < AEAD_TAG_BYTES)
                return -EBADMSG;
        if (text_size > INT_MAX ||
            EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce, 0, NULL) != 1 ||
            EVP_CIPHER_CTX_ctrl(
                    aead->context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, bytes + text_size) != 1)
                return failed(err);
        if (EVP_CipherUpdate(aead->context, bytes, &n, bytes, (int)text_size) == 1 &&
            EVP_CipherFinal_ex(aead->context, end, &n) == 1)
                return 0;
        /* The text is decrypted by now, whether it is authentic or not. */
        OPENSSL_cleanse(bytes, text_size);
        return -EBADMSG;
}
