/* Known answers, asked once at start: a library that lacks an algorithm or computes another one is
 * found before a backup is made with it. The file was sealed by another implementation (age 1.1)
 * for the identity here, which is used for nothing else; opening it takes X25519, HKDF, HMAC,
 * SHA-256 and ChaCha20-Poly1305. */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "stream/age.h"
#include "stream/base64.h"
#include "stream/digest.h"
#include "stream/kdf.h"

static const char identity[] =
        "AGE-SECRET-KEY-1QMUCY5V0RG5ECZVF2EXSG3TVGS8TD3XVC5M98S5CJFS8PXZUYAQQ9ZHWMU";
static const char file[] =
        "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBtTGp0UUxpUmFvdEk2QWFkcUdIbHh5aWVaclBTY3Qz"
        "c2YwUm1SOHdzeWs0CkJVc1p4WUVmSWJxNGhSNHArVmRpSElTQnhBVndqM2IwOThhQnV2a01VN1kKLS0tIHZZ"
        "NGJHMXNaQi83SGxuajJVKzRqZXlCMnN2dTdNMEtLNmxKWVZUQndBVlkKDWdnXytye8UQSWhqxdZGXGse4qnh"
        "HsRPq4Q7kAbvzTSVsyoOtaUBnalhBg2h";
static const char answer[] = "known answer\n";
static const char md5_answer[] = "25f70402fb229a4f191104de7ca18081";
static const uint8_t scrypt_answer[KDF_BYTES] = {0x16, 0xf2, 0x8f, 0xdd, 0x99, 0x7c, 0x7d, 0x62,
                                                 0x07, 0x37, 0x0c, 0x9b, 0xf7, 0x79, 0x22, 0x5e,
                                                 0xff, 0xcb, 0x02, 0x2f, 0x62, 0x86, 0x74, 0x72,
                                                 0x01, 0x23, 0xf3, 0x71, 0x99, 0xab, 0x91, 0x07};

static int wrong_answer(Error *err, const char *algorithm) {
        return error_set(
                err,
                ERROR_CONFIG,
                -EIO,
                "%s of this OpenSSL does not give the known answer: nothing can be sealed with it",
                algorithm);
}

static int
compare_answer(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        bool *same = userdata;

        *same = offset == 0 && size == strlen(answer) && memcmp(bytes, answer, size) == 0;
        return 0;
}

static int open_file(const AgeIdentities *identities, Error *err) {
        uint8_t bytes[sizeof(file)];
        bool same = false;
        size_t size, offset;
        AgePayload payload;
        int r;

        r = base64_decode(BASE64_UNPADDED, file, strlen(file), bytes, sizeof(bytes), &size);
        if (r == 0)
                r = age_header_open(identities, bytes, size, &payload, &offset, err);
        if (r == 0)
                r = age_segment_open(
                        &(AgeFile){&payload, AGE_CHUNK_BYTES, NULL, offset},
                        &(AgeSealedSegment){0, true, bytes, size},
                        compare_answer,
                        &same,
                        err);
        return r == 0 && !same ? -EIO : r;
}

static int test_age(Error *err) {
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        Error cause = {0};
        int r;

        r = age_identities_parse(identity, strlen(identity), "self-test", &identities, &cause);
        if (r == 0)
                r = open_file(identities, &cause);
        /* What says that an algorithm is missing says it best. */
        if (r < 0 && cause.kind == ERROR_CONFIG) {
                if (err != NULL)
                        *err = cause;
                return r;
        }
        return r < 0 ? wrong_answer(err, "X25519, HKDF, HMAC or ChaCha20-Poly1305") : 0;
}

static int test_scrypt(Error *err) {
        uint8_t key[KDF_BYTES];

        if (scrypt_derive("known answer", 12, "age-encryption.org/v1/scrypt", 28, 10, key) < 0)
                return kdf_error(err, "scrypt");
        return memcmp(key, scrypt_answer, sizeof(key)) == 0 ? 0 : wrong_answer(err, "scrypt");
}

static int test_md5(Error *err) {
        char hex[65];
        int r;

        r = digest_hex(DIGEST_MD5, "known answer", 12, hex, err);
        if (r < 0)
                return r;
        return string_equal(hex, md5_answer) ? 0 : wrong_answer(err, "MD5");
}

int age_selftest(Error *err) {
        int r;

        r = test_age(err);
        if (r == 0)
                r = test_scrypt(err);
        if (r == 0)
                r = test_md5(err);
        return r;
}
