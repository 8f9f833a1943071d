/* The grammar of an age header. It has one way to be written, and this accepts that one only: then
 * the bytes read are the bytes the MAC was made over. */
#include "stream/age-header.h"

#include <errno.h>
#include <string.h>

#include "stream/age.h"
#include "stream/base64.h"
#include "stream/kdf.h"

static const char first_line[] = "age-encryption.org/v1\n";

enum { FIRST_LINE_BYTES = sizeof(first_line) - 1, BODY_COLUMNS = 64, BODY_LINE_BYTES = 48 };

typedef struct Reader {
        const char *data;
        size_t size, at;
        Error *err;
} Reader;

static int malformed(Error *err, const char *why) {
        return error_set(err, ERROR_INTEGRITY, -EPROTO, "malformed age header: %s", why);
}

/* The next line without its end. */
static int read_line(Reader *reader, AgeSlice *ret) {
        const char *begin = reader->data + reader->at;
        size_t left = reader->size - reader->at;
        const char *end = memchr(begin, '\n', left);

        if (end == NULL && reader->size >= LIMIT_AGE_HEADER_BYTES)
                return malformed(reader->err, "it does not end within 64 KiB");
        if (end == NULL)
                return -EAGAIN;
        *ret = (AgeSlice){begin, (size_t)(end - begin)};
        reader->at += ret->size + 1;
        return 0;
}

static bool slice_is(const AgeSlice *slice, const char *string) {
        return slice->size == strlen(string) && memcmp(slice->data, string, slice->size) == 0;
}

static bool slice_begins(const AgeSlice *slice, const char *string) {
        size_t n = strlen(string);

        return slice->size >= n && memcmp(slice->data, string, n) == 0;
}

static int read_first_line(Reader *reader) {
        size_t have = reader->size < FIRST_LINE_BYTES ? reader->size : FIRST_LINE_BYTES;

        if (memcmp(reader->data, first_line, have) != 0)
                return error_set(
                        reader->err,
                        ERROR_INTEGRITY,
                        -EPROTO,
                        "not an age file: it does not begin with \"age-encryption.org/v1\"");
        if (have < FIRST_LINE_BYTES)
                return -EAGAIN;
        reader->at = FIRST_LINE_BYTES;
        return 0;
}

static void keep_argument(AgeStanza *stanza, const char *begin, size_t size) {
        if (stanza->n_args < AGE_ARGS_KEPT)
                stanza->args[stanza->n_args] = (AgeSlice){begin, size};
        stanza->n_args++;
}

/* `line` is "-> " and the arguments. */
static int parse_arguments(const AgeSlice *line, AgeStanza *stanza, Error *err) {
        const char *p = line->data + 3, *end = line->data + line->size;
        const char *begin = p;

        for (; p < end; p++) {
                if (*p == ' ' && p > begin) {
                        keep_argument(stanza, begin, (size_t)(p - begin));
                        begin = p + 1;
                        continue;
                }
                if (*p < 0x21 || *p > 0x7e)
                        return malformed(err, "a stanza's argument is empty or not printable");
        }
        if (begin == end)
                return malformed(err, "a stanza's argument is empty");
        keep_argument(stanza, begin, (size_t)(end - begin));
        return 0;
}

static void keep_body(AgeStanza *stanza, const uint8_t *bytes, size_t size) {
        if (stanza->body_size < sizeof(stanza->body)) {
                size_t room = sizeof(stanza->body) - stanza->body_size;

                memcpy(stanza->body + stanza->body_size, bytes, size < room ? size : room);
        }
        stanza->body_size += size;
}

/* Lines of 64 columns, then a shorter one, which may be empty. */
static int read_body(Reader *reader, AgeStanza *stanza) {
        AgeSlice line = {0};
        int r;

        do {
                uint8_t bytes[BODY_LINE_BYTES];
                size_t size;

                r = read_line(reader, &line);
                if (r < 0)
                        return r;
                if (line.size > BODY_COLUMNS)
                        return malformed(reader->err, "a stanza's line is too long");
                r = base64_decode(
                        BASE64_UNPADDED, line.data, line.size, bytes, sizeof(bytes), &size);
                if (r < 0)
                        return malformed(reader->err, "a stanza's body is not canonical base64");
                keep_body(stanza, bytes, size);
        } while (line.size == BODY_COLUMNS);
        return 0;
}

static int read_mac(const AgeSlice *line, AgeHeader *header, Error *err) {
        size_t size;
        int r;

        if (!slice_begins(line, "--- "))
                return malformed(err, "neither a stanza nor the MAC where one must be");
        r = base64_decode(
                BASE64_UNPADDED,
                line->data + 4,
                line->size - 4,
                header->mac,
                sizeof(header->mac),
                &size);
        if (r < 0 || size != sizeof(header->mac))
                return malformed(err, "the MAC is not 32 bytes in canonical base64");
        return 0;
}

static int read_stanza(Reader *reader, const AgeSlice *line, AgeHeader *header) {
        AgeStanza *stanza = &header->stanzas[header->n_stanzas];
        int r;

        if (header->n_stanzas == LIMIT_AGE_STANZAS)
                return malformed(reader->err, "more than 256 stanzas");
        *stanza = (AgeStanza){0};
        r = parse_arguments(line, stanza, reader->err);
        if (r == 0)
                r = read_body(reader, stanza);
        header->n_stanzas += r == 0;
        return r;
}

int age_header_parse(const void *bytes, size_t size, AgeHeader *ret, Error *err) {
        Reader reader = {.data = bytes, .size = size, .err = err};
        AgeSlice line = {0};
        int r;

        ret->n_stanzas = 0;
        r = read_first_line(&reader);
        if (r < 0)
                return r;
        for (;;) {
                r = read_line(&reader, &line);
                if (r < 0)
                        return r;
                if (!slice_begins(&line, "-> "))
                        break;
                r = read_stanza(&reader, &line, ret);
                if (r < 0)
                        return r;
        }
        r = read_mac(&line, ret, err);
        if (r < 0)
                return r;
        if (ret->n_stanzas == 0)
                return malformed(err, "no stanza");
        ret->mac_span = (size_t)(line.data - reader.data) + 3;
        ret->size = reader.at;
        if (ret->size + AGE_NONCE_BYTES > LIMIT_AGE_HEADER_BYTES)
                return malformed(err, "it does not end within 64 KiB");
        return 0;
}

AgeStanzaKind age_stanza_kind(const AgeStanza *stanza) {
        if (slice_is(&stanza->args[0], "X25519"))
                return AGE_STANZA_X25519;
        if (slice_is(&stanza->args[0], "scrypt"))
                return AGE_STANZA_SCRYPT;
        return AGE_STANZA_OTHER;
}

static bool decodes_to(const AgeSlice *slice, uint8_t *ret, size_t size) {
        size_t n;

        return base64_decode(BASE64_UNPADDED, slice->data, slice->size, ret, size, &n) == 0 &&
               n == size;
}

void age_stanza_share(const AgeStanza *stanza, uint8_t ret[32]) {
        (void)decodes_to(&stanza->args[1], ret, 32);
}

void age_stanza_salt(const AgeStanza *stanza, uint8_t ret[16]) {
        (void)decodes_to(&stanza->args[1], ret, 16);
}

/* 0 when it is no number we accept: one or two digits suffice for everything below the limit. */
unsigned age_stanza_log_n(const AgeStanza *stanza) {
        const AgeSlice *arg = &stanza->args[2];
        unsigned value = 0;

        if (arg->size > 2 || arg->data[0] == '0')
                return 0;
        for (size_t i = 0; i < arg->size; i++) {
                if (arg->data[i] < '0' || arg->data[i] > '9')
                        return 0;
                value = value * 10 + (unsigned)(arg->data[i] - '0');
        }
        return value <= LIMIT_SCRYPT_LOG_N ? value : 0;
}

static int validate_x25519(const AgeStanza *stanza, Error *err) {
        uint8_t share[32];

        if (stanza->n_args != 2 || !decodes_to(&stanza->args[1], share, sizeof(share)))
                return malformed(err, "an X25519 stanza without its one share of 32 bytes");
        if (stanza->body_size != AGE_WRAPPED_KEY_BYTES)
                return malformed(err, "an X25519 stanza whose body is not 32 bytes");
        return 0;
}

static int validate_scrypt(const AgeHeader *header, const AgeStanza *stanza, Error *err) {
        uint8_t salt[16];

        if (header->n_stanzas != 1)
                return malformed(err, "a passphrase stanza beside others");
        if (stanza->n_args != 3 || !decodes_to(&stanza->args[1], salt, sizeof(salt)))
                return malformed(
                        err, "a passphrase stanza without salt of 16 bytes and work factor");
        if (age_stanza_log_n(stanza) == 0)
                return malformed(err, "a passphrase stanza whose work factor is not 1 to 20");
        if (stanza->body_size != AGE_WRAPPED_KEY_BYTES)
                return malformed(err, "a passphrase stanza whose body is not 32 bytes");
        return 0;
}

int age_header_validate(const AgeHeader *header, Error *err) {
        int r = 0;

        for (size_t i = 0; i < header->n_stanzas && r == 0; i++) {
                const AgeStanza *stanza = &header->stanzas[i];

                switch (age_stanza_kind(stanza)) {
                case AGE_STANZA_X25519:
                        r = validate_x25519(stanza, err);
                        break;
                case AGE_STANZA_SCRYPT:
                        r = validate_scrypt(header, stanza, err);
                        break;
                case AGE_STANZA_OTHER:
                        break;
                }
        }
        return r;
}

int age_header_mac(
        const uint8_t file_key[AGE_FILE_KEY_BYTES],
        const void *bytes,
        size_t size,
        uint8_t ret[AGE_MAC_BYTES]) {
        uint8_t key[KDF_BYTES];
        int r;

        r = hkdf_sha256(file_key, AGE_FILE_KEY_BYTES, NULL, 0, "header", key);
        if (r == 0)
                r = hmac_sha256(key, bytes, size, ret);
        wipe(key, sizeof(key));
        return r;
}

void age_header_begin(Text *text) {
        text_append(text, first_line);
}

void age_header_add(Text *text, const char *args, const uint8_t body[AGE_WRAPPED_KEY_BYTES]) {
        char line[BODY_COLUMNS];

        base64_encode(BASE64_UNPADDED, body, AGE_WRAPPED_KEY_BYTES, line);
        text_appendf(text, "-> %s\n%s\n", args, line);
}

int age_header_finish(Text *text, const uint8_t file_key[AGE_FILE_KEY_BYTES]) {
        uint8_t mac[AGE_MAC_BYTES];
        char line[BODY_COLUMNS];
        int r;

        text_append(text, "---");
        if (text->failed)
                return -ENOMEM;
        r = age_header_mac(file_key, text->data, text->length, mac);
        if (r < 0)
                return r;
        base64_encode(BASE64_UNPADDED, mac, sizeof(mac), line);
        text_appendf(text, " %s\n", line);
        return text->failed ? -ENOMEM : 0;
}
