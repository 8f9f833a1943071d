/* What both drivers and the record's readers compute about segments. In a file of its own: it is
 * linked also where a test's store takes the place of store.c. */
#include <errno.h>
#include <inttypes.h>

#include "base/strings.h"
#include "store/store.h"
#include "stream/digest.h"

char *store_segment_name(const StoreAttempt *attempt, uint64_t index) {
        return string_printf(
                "%s/%s/%s/%08" PRIu64,
                attempt->instance,
                attempt->backup_id,
                attempt->attempt,
                index);
}

int store_large_object_etag(
        const StoreCommitSegment *segments, size_t n, char ret[33], Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        char hex[65];
        int r = digest_new(DIGEST_MD5, &digest, err);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = digest_update(digest, segments[i].md5, 32);
        if (r >= 0)
                r = digest_final_hex(digest, hex);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, r, "MD5 cannot be computed");
        for (size_t i = 0; i < 32; i++)
                ret[i] = hex[i];
        ret[32] = '\0';
        return 0;
}
