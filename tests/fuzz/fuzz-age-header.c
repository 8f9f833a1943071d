/* Any bytes as an age file: the header is measured, opened with an identity and, when it opens, its
 * payload is tried. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/age-header.h"
#include "stream/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus is sealed for it; it is used for nothing else. */
static const char identity[] =
        "AGE-SECRET-KEY-1QMUCY5V0RG5ECZVF2EXSG3TVGS8TD3XVC5M98S5CJFS8PXZUYAQQ9ZHWMU";

static int ignore(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        return 0;
}

static void
open_payload(const AgePayload *payload, const uint8_t *data, size_t size, size_t offset) {
        uint8_t *copy = malloc(size);

        if (copy == NULL)
                return;
        memcpy(copy, data, size);
        (void)age_segment_open(
                &(AgeFile){payload, AGE_CHUNK_BYTES, NULL, offset},
                &(AgeSealedSegment){0, true, copy, size},
                ignore,
                NULL,
                NULL);
        free(copy);
}

static void open_header(const uint8_t *data, size_t size) {
        static AgeIdentities *identities;
        AgePayload payload;
        size_t offset;

        if (identities == NULL &&
            age_identities_parse(identity, strlen(identity), "fuzz", &identities, NULL) < 0)
                abort();
        if (age_header_open(identities, data, size, &payload, &offset, NULL) == 0)
                open_payload(&payload, data, size, offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t offset = 0, again = 0;
        Error err = {0};
        int r;

        r = age_header_measure(data, size, &offset, &err);
        if (r == 0) {
                /* It ends where it says, and not before. */
                assert(offset <= size && offset <= LIMIT_AGE_HEADER_BYTES);
                assert(age_header_measure(data, offset, &again, NULL) == 0 && again == offset);
                assert(age_header_measure(data, offset - 1, &again, NULL) == -EAGAIN);
                open_header(data, size);
        } else {
                assert((r == -EAGAIN) == !error_is_set(&err));
        }
        return 0;
}
