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

static int
digest_of(Digest *digest, const StoreCommitSegment *segments, size_t n, char ret[33], Error *err) {
        char hex[65];
        int r = 0;
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

int store_large_object_etag(
        const StoreCommitSegment *segments, size_t n, size_t max, char ret[33], Error *err) {
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        CLEANUP(cleanup_free) StoreCommitSegment *sub = NULL;
        int r = digest_new(DIGEST_MD5, &digest, err);
        if (r < 0)
                return r;
        if (max == 0 || max >= n)
                return digest_of(digest, segments, n, ret, err);
        size_t n_sub = (n + max - 1) / max;
        sub = calloc(n_sub, sizeof(*sub));
        if (sub == NULL)
                return error_oom(err);
        for (size_t i = 0; r == 0 && i < n_sub; i++) {
                size_t left = n - i * max;
                r = digest_of(digest, segments + i * max, left < max ? left : max, sub[i].md5, err);
        }
        return r < 0 ? r : digest_of(digest, sub, n_sub, ret, err);
}
