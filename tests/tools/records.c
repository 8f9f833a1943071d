/* records KEY.pem STORE INSTANCE COUNT: the control objects of many backups, signed, in a directory
 * store. Claims 1 to COUNT; every tenth backup failed, every third is a level 1 on the one before
 * it, all others are level 0 backups; each a second younger than the one before it. The ids end in
 * the number. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "repository/control.h"
#include "repository/names.h"
#include "stream/sign.h"
#include "unit/repository/example.h"

enum { EVERY_FAILED = 10, EVERY_LEVEL_1 = 3, USEC_PER_SEC = 1000000 };
static const uint64_t FIRST_SEC = UINT64_C(1795327844);

typedef struct Maker {
        SigningKey *key;
        const char *store, *instance;
} Maker;

static void id_of(uint64_t number, char ret[37]) {
        (void)snprintf(ret, 37, "00000000-0000-4000-8000-%012" PRIx64, number);
}

static bool is_failed(uint64_t number) {
        return number % EVERY_FAILED == 0;
}

static bool is_level_1(uint64_t number) {
        return number % EVERY_LEVEL_1 == 0 && !is_failed(number) && !is_failed(number - 1);
}

static void replace(char **text, const char *with) {
        free(*text);
        *text = with == NULL ? NULL : example_string(with);
}

static void put(const Maker *maker, const char *kind, char *name, char *payload, size_t size) {
        char *envelope = NULL;
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s", maker->store, name);
        CLEANUP(cleanup_free) char *parent = path_parent(path);
        size_t envelope_size = 0;

        assert_int_equal(
                envelope_seal(
                        maker->key,
                        &(EnvelopeContent){kind, payload, size},
                        &envelope,
                        &envelope_size,
                        NULL),
                0);
        assert_int_equal(directory_make(parent, 0750, NULL), 0);
        FILE *file = fopen(path, "wxe");
        assert_non_null(file);
        assert_int_equal(fwrite(envelope, 1, envelope_size, file), envelope_size);
        assert_int_equal(fclose(file), 0);
        free(envelope);
        free(payload);
        free(name);
}

static void put_claim(const Maker *maker, uint64_t number, const char *id, const char *parent) {
        Claim claim = {
                .id = example_string(id),
                .instance = example_string(maker->instance),
                .hostname = example_string("host1"),
                .name = example_string("nightly"),
                .description = example_string(""),
                .parent_id = parent == NULL ? NULL : example_string(parent),
                .level = parent == NULL ? 0 : 1,
                .sequence = number,
                .created_usec = (FIRST_SEC + number) * USEC_PER_SEC,
        };
        char *payload = NULL;
        size_t size = 0;

        assert_int_equal(string_list_add(&claim.databases, "ORCL"), 0);
        assert_int_equal(claim_print(&claim, &payload, &size, NULL), 0);
        put(maker, "begin", object_name_claim(maker->instance, number), payload, size);
        claim_done(&claim);
}

static void put_failed(const Maker *maker, uint64_t number, const char *id) {
        Failed failed = {
                .id = example_string(id),
                .instance = example_string(maker->instance),
                .hostname = example_string("host1"),
                .sequence = number,
                .created_usec = (FIRST_SEC + number) * USEC_PER_SEC,
                .error = ERROR_NO_SPACE,
                .error_message = example_string("the staging directory is full"),
        };
        char *payload = NULL;
        size_t size = 0;

        assert_int_equal(failed_print(&failed, &payload, &size, NULL), 0);
        put(maker, "failed", object_name(maker->instance, id, OBJECT_FAILED), payload, size);
        failed_done(&failed);
}

static void put_record(const Maker *maker, uint64_t number, const char *id, const char *parent) {
        char *payload = NULL;
        size_t size = 0;
        Record record;

        example_record(&record);
        replace(&record.id, id);
        replace(&record.instance, maker->instance);
        replace(&record.parent_id, parent);
        replace(&record.previous_id, NULL);
        free(record.volume.name);
        record.volume.name = object_name(maker->instance, id, OBJECT_TAR);
        record.level = parent == NULL ? 0 : 1;
        record.sequence = number;
        record.created_usec = (FIRST_SEC + number) * USEC_PER_SEC;
        record.finished_usec = record.created_usec + USEC_PER_SEC;
        assert_int_equal(record_print(&record, &payload, &size, NULL), 0);
        put(maker, "record", object_name(maker->instance, id, OBJECT_RECORD), payload, size);
        record_done(&record);
}

static void make(const Maker *maker, uint64_t number) {
        char id[37], parent[37];
        const char *parent_id = is_level_1(number) ? parent : NULL;

        id_of(number, id);
        id_of(number - 1, parent);
        put_claim(maker, number, id, parent_id);
        if (is_failed(number))
                put_failed(maker, number, id);
        else
                put_record(maker, number, id, parent_id);
}

int main(int argc, char **argv) {
        CLEANUP(cleanup_free) char *pem = NULL;
        CLEANUP(cleanup_signing_key) SigningKey *key = NULL;
        uint64_t count = 0;
        size_t size = 0;

        if (argc != 5 || parse_uint64(argv[4], &count) < 0 || !instance_valid(argv[3])) {
                (void)fprintf(stderr, "usage: %s KEY.pem STORE INSTANCE COUNT\n", argv[0]);
                return EXIT_FAILURE;
        }
        if (file_read(argv[1], LIMIT_KEY_FILE_BYTES, ERROR_CONFIG, &pem, &size, NULL) < 0 ||
            signing_key_parse(pem, size, argv[1], &key, NULL) < 0) {
                (void)fprintf(stderr, "%s is no signing key\n", argv[1]);
                return EXIT_FAILURE;
        }
        Maker maker = {key, argv[2], argv[3]};
        for (uint64_t number = 1; number <= count; number++)
                make(&maker, number);
        return EXIT_SUCCESS;
}
