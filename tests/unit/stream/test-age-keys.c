/* stream/age-keys.c, age-recipients.c, age-identities.c, age-keygen.c, key-lines.c. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "stream/age-keys.h"
#include "stream/age.h"
#include "unit/test.h"

#define RECIPIENT "age1g6q086cc06rgsez9tcwxpdmyrr3flqusksephy583wme4z3aefaquwwjcr"
#define IDENTITY "AGE-SECRET-KEY-1QMUCY5V0RG5ECZVF2EXSG3TVGS8TD3XVC5M98S5CJFS8PXZUYAQQ9ZHWMU"

static int parse_recipients(const char *text, AgeRecipients **ret, Error *err) {
        return age_recipients_parse(text, strlen(text), "recipients", ret, err);
}

static int parse_identities(const char *text, AgeIdentities **ret, Error *err) {
        return age_identities_parse(text, strlen(text), "key.txt", ret, err);
}

static void assert_says(const Error *err, const char *word) {
        if (strstr(err->message, word) == NULL)
                fail_msg("\"%s\" lacks \"%s\"", err->message, word);
}

static void recipients_are_read_line_by_line(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;

        assert_int_equal(
                parse_recipients(
                        "# operations\n\n" RECIPIENT "\r\n#\n\r\n"
                        "AGE1G6Q086CC06RGSEZ9TCWXPDMYRR3FLQUSKSEPHY583WME4Z3AEFAQUWWJCR",
                        &recipients,
                        NULL),
                0);
        assert_int_equal(age_recipients_count(recipients), 2);
        assert_string_equal(age_recipients_name(recipients, 0), RECIPIENT);
        assert_string_equal(age_recipients_name(recipients, 1), RECIPIENT);
        assert_false(age_recipients_is_passphrase(recipients));
}

static void a_bad_recipient_is_named_by_line_and_never_shown(void **state) {
        static const char *const bad[] = {
                RECIPIENT "\n\n" RECIPIENT "x\n",
                "# c\r\n#\n " RECIPIENT,
                "\n\nage1hello",
                "\n\n" RECIPIENT "\r\r\n",
                "\n\n" RECIPIENT " comment\n",
                "\n\nssh-ed25519 AAAA",
        };
        AgeRecipients *recipients;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Error err = {0};

                assert_int_equal(parse_recipients(bad[i], &recipients, &err), -EINVAL);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_says(&err, "recipients, line 3");
                assert_null(strstr(err.message, "g6q086"));
                assert_null(strstr(err.message, "hello"));
        }
}

static void an_identity_among_recipients_has_its_own_message(void **state) {
        AgeRecipients *recipients;
        Error err = {0};

        assert_int_equal(parse_recipients(RECIPIENT "\n" IDENTITY, &recipients, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "line 2");
        assert_says(&err, "secret key");
        assert_null(strstr(err.message, "QMUCY"));
}

static void without_recipients_there_is_nothing_to_seal_for(void **state) {
        AgeRecipients *recipients;
        Error err = {0};

        assert_int_equal(parse_recipients("", &recipients, &err), -ENODATA);
        assert_int_equal(parse_recipients("# none\n\n", &recipients, &err), -ENODATA);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "recipients names no recipient");
}

static void the_limits_of_a_key_file_are_reached(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        AgeIdentities *identities;
        Error err = {0};

        for (int i = 0; i < LIMIT_RECIPIENTS; i++)
                text_append(&text, RECIPIENT "\n");
        assert_int_equal(parse_recipients(text.data, &recipients, NULL), 0);
        assert_int_equal(age_recipients_count(recipients), LIMIT_RECIPIENTS);
        text_append(&text, RECIPIENT "\n");
        recipients = age_recipients_free(recipients);
        assert_int_equal(parse_recipients(text.data, &recipients, &err), -E2BIG);
        assert_says(&err, "line 65");
        text_clear(&text);
        text_append(&text, "#");
        while (text.length < LIMIT_KEY_FILE_BYTES)
                text_append(&text, "x");
        assert_int_equal(parse_recipients(text.data, &recipients, NULL), -ENODATA);
        text_append(&text, "x");
        assert_int_equal(parse_recipients(text.data, &recipients, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_int_equal(parse_identities(text.data, &identities, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_WRONG_IDENTITY);
}

static void identities_are_read_and_refused_alike(void **state) {
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        AgeIdentities *none;
        Error err = {0};

        assert_int_equal(
                parse_identities("# created\n" IDENTITY "\n\n" IDENTITY "\r\n", &identities, NULL),
                0);
        assert_int_equal(identities->n, 2);
        assert_int_equal(parse_identities("#\n\n", &none, &err), -ENODATA);
        assert_int_equal(err.kind, ERROR_WRONG_IDENTITY);
        assert_says(&err, "key.txt holds no identity");
        assert_int_equal(parse_identities(IDENTITY "\n" RECIPIENT, &none, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_WRONG_IDENTITY);
        assert_says(&err, "key.txt, line 2");
        assert_says(&err, "public key");
        assert_int_equal(
                parse_identities(IDENTITY "\nAGE-SECRET-KEY-1QMUCY", &none, &err), -EINVAL);
        assert_says(&err, "key.txt, line 2");
        assert_null(strstr(err.message, "QMUCY"));
}

static void a_passphrase_loses_one_line_end_and_is_not_empty(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        AgeRecipients *none;
        AgeIdentities *nobody = NULL;
        Error err = {0};

        assert_int_equal(age_recipients_from_passphrase("word\n", 5, &recipients, NULL), 0);
        assert_true(age_recipients_is_passphrase(recipients));
        assert_int_equal(age_recipients_count(recipients), 0);
        assert_int_equal(recipients->passphrase.size, 4);
        assert_int_equal(age_identities_add_passphrase(&identities, "one", 3, NULL), 0);
        assert_int_equal(age_identities_add_passphrase(&identities, "two\n\n", 5, NULL), 0);
        assert_int_equal(identities->n_passphrases, 2);
        assert_int_equal(identities->passphrases[1].size, 4);
        assert_int_equal(age_recipients_from_passphrase("\n", 1, &none, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_int_equal(age_identities_add_passphrase(&nobody, "", 0, &err), -EINVAL);
        assert_int_equal(err.kind, ERROR_WRONG_IDENTITY);
        assert_null(nobody);
        assert_int_equal(age_identities_add_passphrase(&identities, "\n", 1, &err), -EINVAL);
        assert_int_equal(identities->n_passphrases, 2);
}

static void a_made_identity_opens_what_is_sealed_for_its_recipient(void **state) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        CLEANUP(cleanup_free) char *file = NULL;
        CLEANUP(cleanup_free) char *recipient = NULL;
        CLEANUP(cleanup_free) char *comment = NULL;
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        AgePayload sealed, opened;
        size_t size, offset;

        assert_int_equal(age_keygen(&file, &recipient, NULL), 0);
        comment = string_printf("Z\n# public key: %s\nAGE-SECRET-KEY-1", recipient);
        assert_true(string_starts_with(file, "# created: 20"));
        assert_non_null(strstr(file, comment));
        assert_int_equal(parse_identities(file, &identities, NULL), 0);
        assert_int_equal(parse_recipients(recipient, &recipients, NULL), 0);
        assert_string_equal(age_recipients_name(recipients, 0), recipient);
        assert_int_equal(age_header_make(recipients, &sealed, &header, &size, NULL), 0);
        assert_int_equal(age_header_open(identities, header, size, &opened, &offset, NULL), 0);
        assert_int_equal(offset, size);
        assert_memory_equal(sealed.key, opened.key, sizeof(sealed.key));
}

static void free_takes_null(void **state) {
        AgePassphrase none = {0};

        assert_null(age_recipients_free(NULL));
        assert_null(age_identities_free(NULL));
        age_passphrase_done(&none);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(recipients_are_read_line_by_line),
                cmocka_unit_test(a_bad_recipient_is_named_by_line_and_never_shown),
                cmocka_unit_test(an_identity_among_recipients_has_its_own_message),
                cmocka_unit_test(without_recipients_there_is_nothing_to_seal_for),
                cmocka_unit_test(the_limits_of_a_key_file_are_reached),
                cmocka_unit_test(identities_are_read_and_refused_alike),
                cmocka_unit_test(a_passphrase_loses_one_line_end_and_is_not_empty),
                cmocka_unit_test(a_made_identity_opens_what_is_sealed_for_its_recipient),
                cmocka_unit_test(free_takes_null),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
