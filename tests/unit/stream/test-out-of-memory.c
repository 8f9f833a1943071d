/* Every allocation of src/stream fails once: each call then reports it, leaks nothing (the
 * sanitizer sees that) and works when called again. OpenSSL is given the same by its own means. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/digest.h"
#include "stream/kdf.h"
#include "stream/sign.h"
#include "stream/tar.h"
#include "unit/out-of-memory.h"
#include "unit/test.h"

#define RECIPIENT "age1g6q086cc06rgsez9tcwxpdmyrr3flqusksephy583wme4z3aefaquwwjcr"
#define IDENTITY "AGE-SECRET-KEY-1QMUCY5V0RG5ECZVF2EXSG3TVGS8TD3XVC5M98S5CJFS8PXZUYAQQ9ZHWMU"
#define PUBLIC "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="

static unsigned fail_openssl;

WRAP(void *, tsearch, (const void *key, void **root, __compar_fn_t compare), (key, root, compare));
WRAP(struct archive *, archive_write_new, (void), ());
WRAP(struct archive_entry *, archive_entry_new, (void), ());

static void *openssl_malloc(size_t size, const char *file, int line) {
        return fails(&fail_openssl) ? NULL : __real_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line) {
        return fails(&fail_openssl) ? NULL : __real_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line) {
        free(p);
}

static int seal_and_open_header(Error *err) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload payload;
        size_t size, offset;
        int r;

        r = age_recipients_parse(RECIPIENT, strlen(RECIPIENT), "x", &recipients, err);
        if (r == 0)
                r = age_identities_parse(IDENTITY, strlen(IDENTITY), "x", &identities, err);
        if (r == 0)
                r = age_header_make(recipients, &payload, &header, &size, err);
        if (r == 0)
                r = age_header_open(identities, header, size, &payload, &offset, err);
        return r;
}

static int use_passphrases(Error *err) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        uint8_t file_key[AGE_FILE_KEY_BYTES] = {1};
        AgePayload payload;
        size_t offset;
        int r;

        r = age_recipients_from_passphrase("phrase", 6, &recipients, err);
        if (r == 0)
                r = age_identities_add_passphrase(&identities, "phrase", 6, err);
        if (r < 0)
                return r;
        age_header_begin(&text);
        r = age_wrap_scrypt(&text, &recipients->passphrase, 2, file_key, err);
        if (r == 0)
                r = age_header_finish(&text, file_key);
        if (r < 0)
                return error_is_set(err) ? r : error_oom(err);
        text_append(&text, "0123456789abcdef");
        if (text.failed)
                return error_oom(err);
        return age_header_open(identities, text.data, text.length, &payload, &offset, err);
}

static int read_zeros(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err) {
        memset(buffer, 0, size);
        return 0;
}

static int
write_nothing(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        return 0;
}

static int seal_and_open_segment(Error *err) {
        const AgePayload payload = {{1}};
        uint8_t buffer[1000 + AGE_TAG_BYTES];
        AgeSegment segment = {
                .last = true,
                .plaintext_size = 1000,
                .read = read_zeros,
                .buffer = buffer,
                .buffer_size = sizeof(buffer),
        };
        int r;

        r = age_segments_seal(&(AgeFile){&payload, AGE_CHUNK_BYTES, "", 0}, &segment, 1, err);
        if (r == 0)
                r = age_segment_open(
                        &(AgeFile){&payload, AGE_CHUNK_BYTES, NULL, 0},
                        &(AgeSealedSegment){0, true, buffer, sizeof(buffer)},
                        write_nothing,
                        NULL,
                        err);
        return r;
}

static int make_identity(Error *err) {
        CLEANUP(cleanup_free) char *file = NULL;
        CLEANUP(cleanup_free) char *recipient = NULL;

        return age_keygen(&file, &recipient, err);
}

static int compute_digests(Error *err) {
        char hex[65];
        int r;

        r = digest_hex(DIGEST_MD5, "abc", 3, hex, err);
        return r < 0 ? r : digest_hex(DIGEST_SHA256, "abc", 3, hex, err);
}

static int open_envelope(const SigningKey *key, const char *text, size_t size, Error *err) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        CLEANUP(envelope_done) Envelope envelope = {0};
        static const char lines[] = "db1 " PUBLIC "\ndb2 " PUBLIC;
        int r;

        r = trusted_keys_new(&keys, err);
        if (r == 0)
                r = trusted_keys_parse(keys, lines, strlen(lines), "x", err);
        if (r == 0)
                r = trusted_keys_add(keys, "db", signing_key_public(key), NULL, err);
        if (r == 0)
                r = envelope_open(text, size, "record", "x", &envelope, err);
        if (r == 0)
                assert_int_equal(
                        envelope_trust(&envelope, keys, "db"),
                        envelope.signature_valid ? TRUST_TRUSTED : TRUST_INVALID);
        return r;
}

static int sign_and_verify(Error *err) {
        CLEANUP(cleanup_free) char *pem = NULL;
        CLEANUP(cleanup_free) char *text = NULL;
        CLEANUP(cleanup_signing_key) SigningKey *key = NULL;
        size_t size;
        int r;

        r = signing_key_generate(&pem, &size, err);
        if (r == 0)
                r = signing_key_parse(pem, size, "x", &key, err);
        if (r == 0)
                r = envelope_seal(key, &(EnvelopeContent){"record", "{}", 2}, &text, &size, err);
        return r < 0 ? r : open_envelope(key, text, size, err);
}

static int refuse_trusted_key(Error *err) {
        CLEANUP(cleanup_trusted_keys) TrustedKeys *keys = NULL;
        int r;

        r = trusted_keys_new(&keys, err);
        if (r < 0)
                return r;
        r = trusted_keys_parse(keys, "db1 x", 5, "x", err);
        return r == -EINVAL ? 0 : r;
}

static int lay_out(Error *err) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        CLEANUP(cleanup_free) TarExtent *extents = NULL;
        uint64_t offset;
        size_t n;
        int r;

        r = tar_layout_new(&layout, err);
        for (unsigned i = 0; i < 10 && r == 0; i++) {
                char path[8];
                TarMember member = {path, "/s", 1, 0600, 1};

                snprintf(path, sizeof(path), "p%u", i);
                r = tar_layout_add(layout, &member, &offset, err);
        }
        if (r == 0)
                r = tar_layout_close(layout);
        if (r == 0)
                r = tar_layout_extents(layout, 0, tar_layout_size(layout), &extents, &n, err);
        return r;
}

static const Scenario scenarios[] = {
        seal_and_open_header,
        use_passphrases,
        seal_and_open_segment,
        make_identity,
        compute_digests,
        sign_and_verify,
        refuse_trusted_key,
        lay_out,
        age_selftest,
};

static Scenario scenario;

static int with_a_clean_queue(Error *err) {
        int r = scenario(err);

        ERR_clear_error();
        return r;
}

static void every_failed_allocation_is_an_error(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(scenarios); i++) {
                scenario = scenarios[i];
                fail_each(with_a_clean_queue, &fail_own, true);
        }
}

/* OpenSSL can do without some of its memory; where it cannot, the call says so. */
static void every_failure_within_openssl_is_seen(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(scenarios); i++) {
                scenario = scenarios[i];
                fail_each(with_a_clean_queue, &fail_openssl, false);
        }
}

/* What OpenSSL sets up once is set up before anything fails. */
static int warm_up(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(scenarios); i++) {
                Error err = {0};

                if (scenarios[i](&err) < 0)
                        return -1;
        }
        return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_failed_allocation_is_an_error),
                cmocka_unit_test(every_failure_within_openssl_is_seen),
        };

        if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
                return EXIT_FAILURE;
        return cmocka_run_group_tests(tests, warm_up, NULL);
}
