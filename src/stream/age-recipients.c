/* Whom a backup is sealed for: X25519 recipients, or one passphrase. */
#include <errno.h>
#include <stdlib.h>

#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/key-lines.h"

static int refuse_line(const KeyLines *lines, const char *what, Error *err) {
        if (age_looks_like_identity(lines->line, lines->size))
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -EINVAL,
                        "%s, line %u: this is an identity (a secret key), which must not lie on "
                        "this host; put its recipient (age1...) here",
                        what,
                        lines->number);
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "%s, line %u: not an age recipient (age1...)",
                what,
                lines->number);
}

static int add(AgeRecipients *recipients, const KeyLines *lines, const char *what, Error *err) {
        struct AgeRecipient *item = &recipients->items[recipients->n];

        if (recipients->n == LIMIT_RECIPIENTS)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -E2BIG,
                        "%s, line %u: more than %d recipients",
                        what,
                        lines->number,
                        LIMIT_RECIPIENTS);
        if (age_recipient_decode(lines->line, lines->size, item->key) < 0)
                return refuse_line(lines, what, err);
        age_recipient_encode(item->key, item->name);
        recipients->n++;
        return 0;
}

int age_recipients_parse(
        const char *text, size_t size, const char *what, AgeRecipients **ret, Error *err) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        KeyLines lines;
        int r;

        r = key_lines_init(&lines, text, size, what, ERROR_CONFIG, err);
        if (r < 0)
                return r;
        recipients = calloc(1, sizeof(AgeRecipients));
        if (recipients == NULL)
                return error_oom(err);
        while (key_lines_next(&lines)) {
                r = add(recipients, &lines, what, err);
                if (r < 0)
                        return r;
        }
        if (recipients->n == 0)
                return error_set(
                        err,
                        ERROR_CONFIG,
                        -ENODATA,
                        "%s names no recipient: put an age recipient (age1...) on a line",
                        what);
        *ret = TAKE_PTR(recipients);
        return 0;
}

int age_recipients_from_passphrase(
        const void *passphrase, size_t size, AgeRecipients **ret, Error *err) {
        CLEANUP(cleanup_age_recipients) AgeRecipients *recipients = NULL;
        int r;

        recipients = calloc(1, sizeof(AgeRecipients));
        if (recipients == NULL)
                return error_oom(err);
        r = age_passphrase_init(&recipients->passphrase, passphrase, size);
        if (r == -EINVAL)
                return error_set(err, ERROR_CONFIG, r, "the passphrase is empty");
        if (r < 0)
                return error_oom(err);
        *ret = TAKE_PTR(recipients);
        return 0;
}

AgeRecipients *age_recipients_free(AgeRecipients *recipients) {
        if (recipients == NULL)
                return NULL;
        age_passphrase_done(&recipients->passphrase);
        free(recipients);
        return NULL;
}

size_t age_recipients_count(const AgeRecipients *recipients) {
        return recipients->n;
}

const char *age_recipients_name(const AgeRecipients *recipients, size_t i) {
        return recipients->items[i].name;
}

bool age_recipients_is_passphrase(const AgeRecipients *recipients) {
        return recipients->passphrase.bytes != NULL;
}
