/* Encrypts and decrypts as age(1) does, with the project's own code and nothing else: for people
 * without age, and for tests that set the two against each other.
 *
 *   age -e -r RECIPIENT [-r ..]     age -d -i IDENTITY-FILE     age -e|-d -p PASSPHRASE-FILE
 *
 * From stdin to stdout. Exit status: 0 done, 1 the header is malformed, 2 no identity matches, 3
 * its MAC is wrong, 4 the payload is damaged, 64 usage or a bad key, 74 reading or writing failed.
 * Only authenticated plaintext is written. */
#include "stream/age.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"

enum {
        EXIT_HEADER = 1,
        EXIT_NO_MATCH = 2,
        EXIT_MAC = 3,
        EXIT_PAYLOAD = 4,
        EXIT_USAGE = 64,
        EXIT_IO = 74,
        SEGMENT_BYTES = 16 * AGE_CHUNK_BYTES,
        SEALED_SEGMENT_BYTES = 16 * AGE_SEALED_CHUNK_BYTES,
};

typedef struct Options {
        int mode; /* 'e' or 'd' */
        Text recipients;
        const char *identity_file, *passphrase_file;
} Options;

/* Bytes read ahead of what is processed: the last segment is known by nothing following it. */
typedef struct Input {
        uint8_t *bytes;
        size_t size, capacity;
        bool ended;
} Input;

static _Noreturn void fail(int status, const Error *err) {
        fprintf(stderr, "age: %s\n", err->message);
        exit(status);
}

static _Noreturn void fail_io(const char *what) {
        perror(what);
        exit(EXIT_IO);
}

static void input_fill(Input *input) {
        while (!input->ended && input->size < input->capacity) {
                ssize_t n = read(
                        STDIN_FILENO, input->bytes + input->size, input->capacity - input->size);

                if (n < 0 && errno != EINTR)
                        fail_io("stdin");
                input->ended = n == 0;
                input->size += n > 0 ? (size_t)n : 0;
        }
}

static void input_consume(Input *input, size_t size) {
        memmove(input->bytes, input->bytes + size, input->size - size);
        input->size -= size;
}

static void input_init(Input *input, size_t capacity) {
        *input = (Input){.bytes = malloc(capacity), .capacity = capacity};
        if (input->bytes == NULL)
                fail_io("memory");
}

static int write_out(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        if (write_all(STDOUT_FILENO, bytes, size) < 0)
                fail_io("stdout");
        return 0;
}

/* Plaintext of the segment that begins at the input's first byte. */
static int read_plaintext(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err) {
        const Input *input = userdata;

        memcpy(buffer, input->bytes + offset % SEGMENT_BYTES, size);
        return 0;
}

static char *read_key_file(const char *path, size_t *ret_size) {
        Error err = {0};
        char *text;

        if (file_read(path, LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, &text, ret_size, &err) < 0)
                fail(EXIT_USAGE, &err);
        return text;
}

static AgeRecipients *load_recipients(const Options *options) {
        AgeRecipients *recipients = NULL;
        Error err = {0};
        int r;

        if (options->passphrase_file != NULL) {
                size_t size;
                char *text = read_key_file(options->passphrase_file, &size);

                r = age_recipients_from_passphrase(text, size, &recipients, &err);
                wipe(text, size);
                free(text);
        } else {
                r = age_recipients_parse(
                        options->recipients.data,
                        options->recipients.length,
                        "-r",
                        &recipients,
                        &err);
        }
        if (r < 0)
                fail(EXIT_USAGE, &err);
        return recipients;
}

static AgeIdentities *load_identities(const Options *options) {
        bool passphrase = options->passphrase_file != NULL;
        const char *path = passphrase ? options->passphrase_file : options->identity_file;
        AgeIdentities *identities = NULL;
        Error err = {0};
        size_t size;
        char *text = read_key_file(path, &size);
        int r;

        r = passphrase ? age_identities_add_passphrase(&identities, text, size, &err)
                       : age_identities_parse(text, size, path, &identities, &err);
        wipe(text, size);
        free(text);
        if (r < 0)
                fail(EXIT_USAGE, &err);
        return identities;
}

static void encrypt_segments(AgePayload *payload, const uint8_t *header, size_t header_size) {
        size_t room = header_size + SEALED_SEGMENT_BYTES;
        uint8_t *sealed = malloc(room);
        Error err = {0};
        Input input;

        input_init(&input, SEGMENT_BYTES + 1);
        if (sealed == NULL)
                fail_io("memory");
        for (uint64_t i = 0;; i++) {
                AgeSegment segment = {
                        .index = i,
                        .read = read_plaintext,
                        .userdata = &input,
                        .buffer = sealed,
                        .buffer_size = room,
                };

                input_fill(&input);
                segment.last = input.size <= SEGMENT_BYTES;
                segment.plaintext_size = segment.last ? input.size : SEGMENT_BYTES;
                if (age_segments_seal(
                            &(AgeFile){payload, SEGMENT_BYTES, header, header_size},
                            &segment,
                            1,
                            &err) < 0)
                        fail(EXIT_IO, &err);
                write_out(NULL, 0, sealed, segment.ret_size, &err);
                if (segment.last)
                        break;
                input_consume(&input, SEGMENT_BYTES);
        }
        wipe(input.bytes, input.capacity);
        free(input.bytes);
        free(sealed);
}

static void encrypt(const Options *options) {
        AgeRecipients *recipients = load_recipients(options);
        Error err = {0};
        AgePayload payload;
        uint8_t *header;
        size_t size;

        if (age_header_make(recipients, &payload, &header, &size, &err) < 0)
                fail(EXIT_USAGE, &err);
        encrypt_segments(&payload, header, size);
        wipe(&payload, sizeof(payload));
        free(header);
        age_recipients_free(recipients);
}

static int header_status(int r) {
        if (r == -ENOKEY)
                return EXIT_NO_MATCH;
        return r == -EBADMSG ? EXIT_MAC : EXIT_HEADER;
}

/* Leaves the input at the first chunk. */
static void open_header(const AgeIdentities *identities, Input *input, AgePayload *ret) {
        Error err = {0};
        size_t offset;
        int r;

        input_fill(input);
        r = age_header_open(identities, input->bytes, input->size, ret, &offset, &err);
        if (r == -EAGAIN)
                error_set(&err, ERROR_INTEGRITY, -EPROTO, "the age header is cut short");
        if (r < 0)
                fail(header_status(r), &err);
        input_consume(input, offset);
}

static void decrypt(const Options *options) {
        AgeIdentities *identities = load_identities(options);
        AgePayload payload;
        Error err = {0};
        Input input;
        bool last;

        input_init(&input, SEALED_SEGMENT_BYTES + 1);
        open_header(identities, &input, &payload);
        age_identities_free(identities);
        for (uint64_t i = 0;; i++) {
                size_t size;

                input_fill(&input);
                last = input.size <= SEALED_SEGMENT_BYTES;
                size = last ? input.size : SEALED_SEGMENT_BYTES;
                if (age_segment_open(
                            &(AgeFile){&payload, SEGMENT_BYTES, NULL, 0},
                            &(AgeSealedSegment){i, last, input.bytes, size},
                            write_out,
                            NULL,
                            &err) < 0)
                        fail(EXIT_PAYLOAD, &err);
                if (last)
                        break;
                input_consume(&input, size);
        }
        wipe(&payload, sizeof(payload));
        wipe(input.bytes, input.capacity);
        free(input.bytes);
}

static bool options_are_whole(const Options *options) {
        bool recipients = options->recipients.length > 0;
        bool identity = options->identity_file != NULL;
        bool passphrase = options->passphrase_file != NULL;

        if (options->mode == 'e')
                return recipients != passphrase && !identity;
        return options->mode == 'd' && identity != passphrase && !recipients;
}

static void parse_options(int argc, char **argv, Options *ret) {
        bool wrong = false;
        int option;

        while ((option = getopt(argc, argv, "edr:i:p:")) != -1) {
                switch (option) {
                case 'r':
                        text_appendf(&ret->recipients, "%s\n", optarg);
                        break;
                case 'i':
                        ret->identity_file = optarg;
                        break;
                case 'p':
                        ret->passphrase_file = optarg;
                        break;
                case 'e':
                case 'd':
                        wrong |= ret->mode != 0 && ret->mode != option;
                        ret->mode = option;
                        break;
                default:
                        wrong = true;
                }
        }
        if (wrong || optind < argc || !options_are_whole(ret)) {
                fprintf(stderr,
                        "usage: age -e -r RECIPIENT.. | -d -i IDENTITY-FILE | -e|-d -p "
                        "PASSPHRASE-FILE  (stdin to stdout)\n");
                exit(EXIT_USAGE);
        }
}

int main(int argc, char **argv) {
        Options options = {0};

        parse_options(argc, argv, &options);
        if (options.mode == 'e')
                encrypt(&options);
        else
                decrypt(&options);
        text_done(&options.recipients);
        return EXIT_SUCCESS;
}
