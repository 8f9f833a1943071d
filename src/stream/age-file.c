/* A file's header as the callers want it: made with a fresh file key, opened with identities, or
 * only measured. The file key lives in here alone; what leaves is the payload key. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "stream/age-header.h"
#include "stream/age-keys.h"
#include "stream/age.h"
#include "stream/kdf.h"

static int payload_key(
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        const void *nonce,
        AgePayload *ret_payload,
        Error *err) {
        if (hkdf_sha256(
                    file_key,
                    AGE_FILE_KEY_BYTES,
                    nonce,
                    AGE_NONCE_BYTES,
                    "payload",
                    ret_payload->key) < 0)
                return kdf_error(err, "HKDF");
        return 0;
}

static int add_stanzas(
        Text *header,
        const AgeRecipients *recipients,
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        int r = 0;

        if (age_recipients_is_passphrase(recipients))
                return age_wrap_scrypt(
                        header, &recipients->passphrase, AGE_SCRYPT_LOG_N, file_key, err);
        for (size_t i = 0; i < recipients->n && r == 0; i++)
                r = age_wrap_x25519(header, recipients->items[i].key, file_key, err);
        return r;
}

static int write_header(
        Text *header,
        const AgeRecipients *recipients,
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        const uint8_t nonce[AGE_NONCE_BYTES],
        Error *err) {
        int r;

        age_header_begin(header);
        r = add_stanzas(header, recipients, file_key, err);
        if (r < 0)
                return r;
        r = age_header_finish(header, file_key);
        text_append_bytes(header, nonce, AGE_NONCE_BYTES);
        if (r == -ENOMEM || header->failed)
                return error_oom(err);
        return r < 0 ? kdf_error(err, "HMAC") : 0;
}

int age_header_make(
        const AgeRecipients *recipients,
        AgePayload *ret_payload,
        uint8_t **ret_header,
        size_t *ret_size,
        Error *err) {
        CLEANUP(text_done) Text header = TEXT_INIT;
        uint8_t file_key[AGE_FILE_KEY_BYTES], nonce[AGE_NONCE_BYTES];
        int r;

        if (random_secret(file_key, sizeof(file_key)) < 0 ||
            random_secret(nonce, sizeof(nonce)) < 0)
                return kdf_error(err, "the random generator");
        r = write_header(&header, recipients, file_key, nonce, err);
        if (r == 0)
                r = payload_key(file_key, nonce, ret_payload, err);
        wipe(file_key, sizeof(file_key));
        if (r < 0)
                return r;
        *ret_size = header.length;
        *ret_header = (uint8_t *)text_take(&header);
        return 0;
}

/* One stanza against everybody: 0, -ENOKEY, or an error. */
static int try_stanza(
        const AgeIdentities *identities,
        const AgeStanza *stanza,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        AgeStanzaKind kind = age_stanza_kind(stanza);
        int r = -ENOKEY;

        if (kind == AGE_STANZA_X25519)
                for (size_t i = 0; i < identities->n && r == -ENOKEY; i++)
                        r = age_unwrap_x25519(&identities->items[i], stanza, ret_file_key, err);
        if (kind == AGE_STANZA_SCRYPT)
                for (size_t i = 0; i < identities->n_passphrases && r == -ENOKEY; i++)
                        r = age_unwrap_scrypt(
                                &identities->passphrases[i], stanza, ret_file_key, err);
        return r;
}

static int find_file_key(
        const AgeIdentities *identities,
        const AgeHeader *header,
        uint8_t ret_file_key[AGE_FILE_KEY_BYTES],
        Error *err) {
        int r = -ENOKEY;

        for (size_t i = 0; i < header->n_stanzas && r == -ENOKEY; i++)
                r = try_stanza(identities, &header->stanzas[i], ret_file_key, err);
        if (r != -ENOKEY)
                return r;
        return error_set(
                err,
                ERROR_WRONG_IDENTITY,
                -ENOKEY,
                "no given identity or passphrase opens this: it was sealed for other recipients");
}

static int check_mac(
        const AgeHeader *header,
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        const void *bytes,
        Error *err) {
        uint8_t mac[AGE_MAC_BYTES];

        if (age_header_mac(file_key, bytes, header->mac_span, mac) < 0)
                return kdf_error(err, "HMAC");
        if (CRYPTO_memcmp(mac, header->mac, sizeof(mac)) != 0)
                return error_set(
                        err, ERROR_INTEGRITY, -EBADMSG, "the MAC of the age header is wrong");
        return 0;
}

/* Parsed, validated, and followed by its payload nonce. */
static int read_header(const void *bytes, size_t size, AgeHeader *ret, Error *err) {
        int r;

        r = age_header_parse(bytes, size, ret, err);
        if (r < 0)
                return r;
        r = age_header_validate(ret, err);
        if (r < 0)
                return r;
        return size - ret->size < AGE_NONCE_BYTES ? -EAGAIN : 0;
}

int age_header_open(
        const AgeIdentities *identities,
        const void *bytes,
        size_t size,
        AgePayload *ret_payload,
        size_t *ret_payload_offset,
        Error *err) {
        uint8_t file_key[AGE_FILE_KEY_BYTES];
        AgeHeader header;
        int r;

        r = read_header(bytes, size, &header, err);
        if (r < 0)
                return r;
        r = find_file_key(identities, &header, file_key, err);
        if (r == 0)
                r = check_mac(&header, file_key, bytes, err);
        if (r == 0)
                r = payload_key(file_key, (const char *)bytes + header.size, ret_payload, err);
        wipe(file_key, sizeof(file_key));
        if (r == 0)
                *ret_payload_offset = header.size + AGE_NONCE_BYTES;
        return r;
}

int age_header_measure(const void *bytes, size_t size, size_t *ret_payload_offset, Error *err) {
        AgeHeader header;
        int r;

        r = read_header(bytes, size, &header, err);
        if (r == 0)
                *ret_payload_offset = header.size + AGE_NONCE_BYTES;
        return r;
}

int age_header_digest(const void *header, size_t size, uint8_t ret[32]) {
        if (SHA256(header, size, ret) != NULL)
                return 0;
        memset(ret, 0, SHA256_DIGEST_LENGTH);
        return -EIO;
}
