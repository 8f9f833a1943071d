/* stream/age-file.c, age-wrap.c, age-selftest.c: headers made and opened. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/strings.h"
#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/digest.h"
#include "unit/test.h"

enum { HOLDERS = 3 };

typedef struct Holders {
        AgeIdentities *identities[HOLDERS];
        AgeRecipients *recipients; /* all of them */
} Holders;

static int make_holders(void **state) {
        static Holders holders;
        CLEANUP(text_done) Text lines = TEXT_INIT;

        for (int i = 0; i < HOLDERS; i++) {
                CLEANUP(cleanup_free) char *file = NULL;
                CLEANUP(cleanup_free) char *recipient = NULL;

                if (age_keygen(&file, &recipient, NULL) < 0 ||
                    age_identities_parse(file, strlen(file), "key", &holders.identities[i], NULL) <
                            0)
                        return -1;
                text_appendf(&lines, "%s\n", recipient);
        }
        *state = &holders;
        return age_recipients_parse(
                lines.data, lines.length, "recipients", &holders.recipients, NULL);
}

static int free_holders(void **state) {
        Holders *holders = *state;

        for (int i = 0; i < HOLDERS; i++)
                age_identities_free(holders->identities[i]);
        age_recipients_free(holders->recipients);
        return 0;
}

static void a_header_opens_for_each_recipient(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload sealed, opened;
        size_t size, offset;

        assert_int_equal(age_header_make(holders->recipients, &sealed, &header, &size, NULL), 0);
        assert_int_equal(size, 70 + 98 * HOLDERS + AGE_NONCE_BYTES);
        for (int i = 0; i < HOLDERS; i++) {
                memset(&opened, 0, sizeof(opened));
                assert_int_equal(
                        age_header_open(
                                holders->identities[i], header, size, &opened, &offset, NULL),
                        0);
                assert_int_equal(offset, size);
                assert_memory_equal(opened.key, sealed.key, sizeof(sealed.key));
        }
}

static void no_two_headers_share_a_key_or_a_share(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_free) uint8_t *first = NULL;
        CLEANUP(cleanup_free) uint8_t *second = NULL;
        AgePayload a, b;
        size_t size;

        assert_int_equal(age_header_make(holders->recipients, &a, &first, &size, NULL), 0);
        assert_int_equal(age_header_make(holders->recipients, &b, &second, &size, NULL), 0);
        assert_memory_not_equal(a.key, b.key, sizeof(a.key));
        for (size_t i = 0; i < HOLDERS; i++)
                assert_memory_not_equal(first + 22 + 98 * i + 10, second + 22 + 98 * i + 10, 43);
        assert_memory_not_equal(first + size - 16, second + size - 16, 16);
}

static void a_stranger_is_told_so(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_age_identities) AgeIdentities *stranger = NULL;
        CLEANUP(cleanup_free) char *file = NULL;
        CLEANUP(cleanup_free) char *recipient = NULL;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload payload;
        size_t size, offset;
        Error err = {0};

        assert_int_equal(age_keygen(&file, &recipient, NULL), 0);
        assert_int_equal(age_identities_parse(file, strlen(file), "key", &stranger, NULL), 0);
        assert_int_equal(age_header_make(holders->recipients, &payload, &header, &size, NULL), 0);
        assert_int_equal(age_header_open(stranger, header, size, &payload, &offset, &err), -ENOKEY);
        assert_int_equal(err.kind, ERROR_WRONG_IDENTITY);
}

/* Whatever bit of a header changes, it does not open to anything. */
static void a_changed_byte_never_opens(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload payload, opened;
        size_t size, offset;

        assert_int_equal(age_header_make(holders->recipients, &payload, &header, &size, NULL), 0);
        for (size_t i = 0; i < size - AGE_NONCE_BYTES; i++) {
                Error err = {0};
                int r;

                header[i] ^= 1;
                r = age_header_open(holders->identities[0], header, size, &opened, &offset, &err);
                assert_true(r == -EPROTO || r == -EBADMSG || r == -ENOKEY || r == -EAGAIN);
                header[i] ^= 1;
        }
        header[size - 1] ^= 1; /* the nonce gives another payload key */
        assert_int_equal(
                age_header_open(holders->identities[0], header, size, &opened, &offset, NULL), 0);
        assert_memory_not_equal(opened.key, payload.key, sizeof(payload.key));
}

static void a_wrong_mac_is_told_from_a_malformed_header(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload payload;
        size_t size, offset;
        Error err = {0};
        uint8_t *mac;

        assert_int_equal(age_header_make(holders->recipients, &payload, &header, &size, NULL), 0);
        mac = header + size - AGE_NONCE_BYTES - 1 - 43;
        *mac = *mac == 'A' ? 'B' : 'A';
        assert_int_equal(
                age_header_open(holders->identities[2], header, size, &payload, &offset, &err),
                -EBADMSG);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        header[0] = 'A';
        assert_int_equal(
                age_header_open(holders->identities[2], header, size, &payload, &offset, &err),
                -EPROTO);
}

static void an_unusable_share_is_malformed(void **state) {
        const Holders *holders = *state;
        static const char text[] =
                "age-encryption.org/v1\n"
                "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                "EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n"
                "--- Ua0D5XTlSXXnNLgJZVkPEaDFlKHLwyQbbbHp7tbbEIQ\n0123456789abcdef";
        AgePayload payload;
        size_t offset;
        Error err = {0};

        assert_int_equal(
                age_header_open(
                        holders->identities[0], text, strlen(text), &payload, &offset, &err),
                -EPROTO);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void an_unusable_recipient_is_refused(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        uint8_t zero[AGE_KEY_BYTES] = {0}, *header;
        char line[AGE_RECIPIENT_BYTES];
        AgePayload payload;
        Error err = {0};
        size_t size;

        age_recipient_encode(zero, line);
        assert_int_equal(age_recipients_parse(line, strlen(line), "x", &recipients, NULL), 0);
        assert_int_equal(age_header_make(recipients, &payload, &header, &size, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_CONFIG);
}

/* A passphrase header of little work. */
static void make_cheap_header(Text *text, const char *passphrase) {
        uint8_t file_key[AGE_FILE_KEY_BYTES] = {1, 2, 3};
        AgePassphrase phrase;

        assert_int_equal(age_passphrase_init(&phrase, passphrase, strlen(passphrase)), 0);
        age_header_begin(text);
        assert_int_equal(age_wrap_scrypt(text, &phrase, 4, file_key, NULL), 0);
        assert_int_equal(age_header_finish(text, file_key), 0);
        text_append(text, "0123456789abcdef");
        age_passphrase_done(&phrase);
}

static void a_passphrase_opens_and_another_does_not(void **state) {
        const Holders *holders = *state;
        CLEANUP(cleanup_age_identities) AgeIdentities *wrong = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *right = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        AgePayload payload;
        size_t offset;

        make_cheap_header(&text, "correct horse");
        assert_int_equal(age_identities_add_passphrase(&wrong, "battery", 7, NULL), 0);
        assert_int_equal(age_identities_add_passphrase(&right, "battery", 7, NULL), 0);
        assert_int_equal(age_identities_add_passphrase(&right, "correct horse\n", 14, NULL), 0);
        assert_int_equal(
                age_header_open(wrong, text.data, text.length, &payload, &offset, NULL), -ENOKEY);
        assert_int_equal(
                age_header_open(right, text.data, text.length, &payload, &offset, NULL), 0);
        assert_int_equal(offset, text.length);
        assert_int_equal(
                age_header_open(
                        holders->identities[0], text.data, text.length, &payload, &offset, NULL),
                -ENOKEY);
}

static void a_passphrase_header_is_made_with_the_work_of_age(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload sealed, opened;
        size_t size, offset;

        assert_int_equal(age_recipients_from_passphrase("correct horse", 13, &recipients, NULL), 0);
        assert_int_equal(age_header_make(recipients, &sealed, &header, &size, NULL), 0);
        assert_int_equal(size, 150 + AGE_NONCE_BYTES);
        assert_memory_equal(header + 22 + 10 + 22, " 18\n", 4);
        assert_int_equal(age_identities_add_passphrase(&identities, "correct horse", 13, NULL), 0);
        assert_int_equal(age_header_open(identities, header, size, &opened, &offset, NULL), 0);
        assert_memory_equal(sealed.key, opened.key, sizeof(sealed.key));
}

static void the_digest_is_that_of_header_and_nonce(void **state) {
        uint8_t digest[32];
        char hex[65], expected[65];

        assert_int_equal(age_header_digest("abc", 3, digest), 0);
        format_hex(digest, sizeof(digest), hex);
        assert_int_equal(digest_hex(DIGEST_SHA256, "abc", 3, expected, NULL), 0);
        assert_string_equal(hex, expected);
}

static void the_selftest_passes(void **state) {
        Error err = {0};

        if (age_selftest(&err) < 0)
                fail_msg("%s", err.message);
}

static void the_selftest_names_fips_mode(void **state) {
        Error err = {0};

        assert_int_equal(EVP_default_properties_enable_fips(NULL, 1), 1);
        assert_true(age_selftest(&err) < 0);
        assert_int_equal(EVP_default_properties_enable_fips(NULL, 0), 1);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_non_null(strstr(err.message, "FIPS"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_header_opens_for_each_recipient),
                cmocka_unit_test(no_two_headers_share_a_key_or_a_share),
                cmocka_unit_test(a_stranger_is_told_so),
                cmocka_unit_test(a_changed_byte_never_opens),
                cmocka_unit_test(a_wrong_mac_is_told_from_a_malformed_header),
                cmocka_unit_test(an_unusable_share_is_malformed),
                cmocka_unit_test(an_unusable_recipient_is_refused),
                cmocka_unit_test(a_passphrase_opens_and_another_does_not),
                cmocka_unit_test(a_passphrase_header_is_made_with_the_work_of_age),
                cmocka_unit_test(the_digest_is_that_of_header_and_nonce),
                cmocka_unit_test(the_selftest_passes),
                cmocka_unit_test(the_selftest_names_fips_mode),
        };

        return cmocka_run_group_tests(tests, make_holders, free_holders);
}
