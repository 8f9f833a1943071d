/* Digests by OpenSSL. MD5 is what Swift computes over each object; a system in FIPS mode hides it
 * from a plain fetch, and this use is not a security use, so the property that says just that is
 * tried next. */
#include "stream/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/strings.h"

struct Digest {
        EVP_MD *md;
        EVP_MD_CTX *context;
};

static const char *type_name(DigestType type) {
        return type == DIGEST_MD5 ? "MD5" : "SHA256";
}

static int fetch(DigestType type, EVP_MD **ret, Error *err) {
        EVP_MD *md = EVP_MD_fetch(NULL, type_name(type), NULL);

        if (md == NULL && type == DIGEST_MD5)
                md = EVP_MD_fetch(NULL, "MD5", "-fips");
        if (md == NULL && type == DIGEST_MD5)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EOPNOTSUPP,
                        "OpenSSL offers no MD5, which Swift's ETag is made with: is the system in "
                        "FIPS mode without the default provider?");
        if (md == NULL)
                return error_set(err, ERROR_CONFIG, -EOPNOTSUPP, "OpenSSL offers no SHA-256");
        *ret = md;
        return 0;
}

int digest_new(DigestType type, Digest **ret, Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = calloc(1, sizeof(Digest));
        int r;

        if (digest == NULL)
                return error_oom(err);
        r = fetch(type, &digest->md, err);
        if (r < 0)
                return r;
        digest->context = EVP_MD_CTX_new();
        if (digest->context == NULL || EVP_DigestInit_ex2(digest->context, digest->md, NULL) != 1)
                return error_oom(err);
        *ret = TAKE_PTR(digest);
        return 0;
}

Digest *digest_free(Digest *digest) {
        if (digest == NULL)
                return NULL;
        EVP_MD_CTX_free(digest->context);
        EVP_MD_free(digest->md);
        free(digest);
        return NULL;
}

int digest_update(Digest *digest, const void *bytes, size_t size) {
        return EVP_DigestUpdate(digest->context, bytes, size) == 1 ? 0 : -EIO;
}

int digest_final_hex(Digest *digest, char ret[65]) {
        uint8_t value[EVP_MAX_MD_SIZE];
        unsigned size = 0;

        if (EVP_DigestFinal_ex(digest->context, value, &size) != 1 ||
            EVP_DigestInit_ex2(digest->context, digest->md, NULL) != 1)
                return -EIO;
        format_hex(value, size, ret);
        return 0;
}

int digest_hex(DigestType type, const void *bytes, size_t size, char ret[65], Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        int r;

        r = digest_new(type, &digest, err);
        if (digest == NULL)
                return r;
        r = digest_update(digest, bytes, size);
        if (r == 0)
                r = digest_final_hex(digest, ret);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, r, "%s failed", type_name(type));
        return 0;
}
