/* Who may open: identities from a file of lines, and passphrases. All of it is secret and wiped. */
#include <errno.h>
#include <stdlib.h>

#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/kdf.h"
#include "stream/key-lines.h"

static int refuse_line(const KeyLines *lines, const char *what, Error *err) {
        if (age_looks_like_recipient(lines->line, lines->size))
                return error_set(
                        err,
                        ERROR_WRONG_IDENTITY,
                        -EINVAL,
                        "%s, line %u: this is a recipient (a public key), which opens nothing; "
                        "give its identity (AGE-SECRET-KEY-1...)",
                        what,
                        lines->number);
        return error_set(
                err,
                ERROR_WRONG_IDENTITY,
                -EINVAL,
                "%s, line %u: not an age identity (AGE-SECRET-KEY-1...)",
                what,
                lines->number);
}

static int decode(const KeyLines *lines, const char *what, AgeIdentity *ret, Error *err) {
        if (age_identity_decode(lines->line, lines->size, ret->secret) < 0)
                return refuse_line(lines, what, err);
        if (x25519_public(ret->secret, ret->public) < 0)
                return kdf_error(err, "X25519");
        return 0;
}

static size_t count_lines(KeyLines lines) {
        size_t n = 0;

        while (key_lines_next(&lines))
                n++;
        return n;
}

int age_identities_parse(
        const char *text, size_t size, const char *what, AgeIdentities **ret, Error *err) {
        CLEANUP(cleanup_age_identities) AgeIdentities *identities = NULL;
        KeyLines lines;
        size_t n;
        int r;

        r = key_lines_init(&lines, text, size, what, ERROR_WRONG_IDENTITY, err);
        if (r < 0)
                return r;
        n = count_lines(lines);
        if (n == 0)
                return error_set(
                        err,
                        ERROR_WRONG_IDENTITY,
                        -ENODATA,
                        "%s holds no identity (AGE-SECRET-KEY-1...)",
                        what);
        identities = calloc(1, sizeof(AgeIdentities));
        if (identities == NULL)
                return error_oom(err);
        /* All at once: growing would leave copies of secrets behind. */
        identities->items = calloc(n, sizeof(AgeIdentity));
        if (identities->items == NULL)
                return error_oom(err);
        identities->n = n;
        for (size_t i = 0; key_lines_next(&lines); i++) {
                r = decode(&lines, what, &identities->items[i], err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(identities);
        return 0;
}

static int append_passphrase(AgeIdentities *identities, const void *passphrase, size_t size) {
        AgePassphrase *grown = reallocarray(
                identities->passphrases, identities->n_passphrases + 1, sizeof(AgePassphrase));
        int r;

        if (grown == NULL)
                return -ENOMEM;
        identities->passphrases = grown;
        r = age_passphrase_init(&grown[identities->n_passphrases], passphrase, size);
        if (r == 0)
                identities->n_passphrases++;
        return r;
}

int age_identities_add_passphrase(
        AgeIdentities **identities, const void *passphrase, size_t size, Error *err) {
        CLEANUP(cleanup_age_identities) AgeIdentities *made = NULL;
        AgeIdentities *to = *identities;
        int r;

        if (to == NULL) {
                to = made = calloc(1, sizeof(AgeIdentities));
                if (made == NULL)
                        return error_oom(err);
        }
        r = append_passphrase(to, passphrase, size);
        if (r == -EINVAL)
                return error_set(err, ERROR_WRONG_IDENTITY, r, "the passphrase is empty");
        if (r < 0)
                return error_oom(err);
        if (made != NULL)
                *identities = TAKE_PTR(made);
        return 0;
}

AgeIdentities *age_identities_free(AgeIdentities *identities) {
        if (identities == NULL)
                return NULL;
        for (size_t i = 0; i < identities->n_passphrases; i++)
                age_passphrase_done(&identities->passphrases[i]);
        free(identities->passphrases);
        if (identities->items != NULL)
                wipe(identities->items, identities->n * sizeof(AgeIdentity));
        free(identities->items);
        free(identities);
        return NULL;
}
