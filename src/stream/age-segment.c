/* The payload by segments. Chunks of 64 KiB are sealed one by one with their index as the nonce, so
 * a segment is sealed or opened without its neighbours. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "stream/aead.h"
#include "stream/age.h"
#include "stream/digest.h"

static uint64_t chunks_of(uint64_t plaintext_size) {
        uint64_t n = plaintext_size / AGE_CHUNK_BYTES + (plaintext_size % AGE_CHUNK_BYTES != 0);

        return n > 0 ? n : 1;
}

uint64_t age_sealed_size(uint64_t payload_offset, uint64_t plaintext_size) {
        return payload_offset + plaintext_size + AGE_TAG_BYTES * chunks_of(plaintext_size);
}

uint64_t age_segment_count(uint64_t plaintext_size, uint64_t segment_size) {
        uint64_t n = plaintext_size / segment_size + (plaintext_size % segment_size != 0);

        return n > 0 ? n : 1;
}

uint64_t age_segment_offset(uint64_t payload_offset, uint64_t segment_size, uint64_t i) {
        if (i == 0)
                return 0;
        return payload_offset + segment_size / AGE_CHUNK_BYTES * AGE_SEALED_CHUNK_BYTES * i;
}

uint64_t age_segment_sealed_size(
        uint64_t payload_offset,
        uint64_t segment_size,
        uint64_t i,
        uint64_t plaintext_size,
        bool last) {
        return age_sealed_size(
                i == 0 ? payload_offset : 0,
                last ? plaintext_size - i * segment_size : segment_size);
}

/* 11 bytes of index, big-endian, then the flag of the last chunk. */
static void chunk_nonce(uint64_t index, bool final, uint8_t ret[AEAD_NONCE_BYTES]) {
        memset(ret, 0, AEAD_NONCE_BYTES);
        for (unsigned i = 0; i < 8; i++)
                ret[10 - i] = (uint8_t)(index >> 8 * i);
        ret[11] = final ? 1 : 0;
}

typedef struct Chunk {
        uint64_t index; /* in the file */
        bool final;
        size_t size; /* of its plaintext */
        uint8_t *at; /* where its ciphertext lies */
} Chunk;

typedef struct Sealer {
        Aead *aead;
        Digest *digest;
} Sealer;

/* Reads a chunk's plaintext to where its ciphertext goes, seals it there, and takes it into the
 * digest while it is in the cache. */
static int seal_chunk(Sealer *sealer, const AgeSegment *segment, const Chunk *chunk, Error *err) {
        uint8_t nonce[AEAD_NONCE_BYTES];
        int r = 0;

        if (chunk->size > 0)
                r = segment->read(
                        segment->userdata,
                        chunk->index * AGE_CHUNK_BYTES,
                        chunk->at,
                        chunk->size,
                        err);
        if (r == 0) {
                chunk_nonce(chunk->index, chunk->final, nonce);
                r = aead_seal(sealer->aead, nonce, chunk->at, chunk->size, err);
        }
        if (r < 0) {
                /* What lies there may be plaintext. */
                wipe(chunk->at, chunk->size);
                return r;
        }
        return digest_update(sealer->digest, chunk->at, chunk->size + AGE_TAG_BYTES);
}

static int
seal_segment(Sealer *sealer, uint64_t segment_size, AgeSegment *segment, uint8_t *to, Error *err) {
        uint64_t first = segment->index * (segment_size / AGE_CHUNK_BYTES);
        uint64_t n = chunks_of(segment->plaintext_size);
        char md5[65];
        int r;

        for (uint64_t i = 0; i < n; i++) {
                bool end = i + 1 == n;
                Chunk chunk = {
                        .index = first + i,
                        .final = end && segment->last,
                        .size = end ? (size_t)(segment->plaintext_size - i * AGE_CHUNK_BYTES)
                                    : AGE_CHUNK_BYTES,
                        .at = to,
                };

                r = seal_chunk(sealer, segment, &chunk, err);
                if (r < 0)
                        return r;
                to += chunk.size + AGE_TAG_BYTES;
        }
        r = digest_final_hex(sealer->digest, md5);
        if (r < 0)
                return error_set(err, ERROR_INTERNAL, r, "MD5 failed in OpenSSL");
        memcpy(segment->ret_md5, md5, sizeof(segment->ret_md5));
        segment->ret_size = (size_t)(to - segment->buffer);
        return 0;
}

/* A segment that is not whole, empty or too small a buffer would be a mistake of the caller, and
 * one that may seal two plaintexts under one nonce. */
static void assert_segment(const AgeSegment *segment, uint64_t segment_size, uint64_t header_size) {
        uint64_t before = segment->index == 0 ? header_size : 0;

        assert(segment_size > 0 && segment_size % AGE_CHUNK_BYTES == 0);
        assert(segment->plaintext_size <= segment_size);
        assert(segment->last || segment->plaintext_size == segment_size);
        assert(segment->plaintext_size > 0 || segment->index == 0);
        assert(age_sealed_size(before, segment->plaintext_size) <= segment->buffer_size);
}

int age_segments_seal(const AgeFile *file, AgeSegment *segments, size_t n, Error *err) {
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        CLEANUP(cleanup_digest) Digest *digest = NULL;
        int r;

        r = aead_new(file->payload->key, &aead, err);
        if (r == 0)
                r = digest_new(DIGEST_MD5, &digest, err);
        for (size_t i = 0; i < n && r == 0; i++) {
                AgeSegment *segment = &segments[i];
                Sealer sealer = {aead, digest};
                uint8_t *to = segment->buffer;

                assert_segment(segment, file->segment_size, file->header_size);
                if (segment->index == 0) {
                        memcpy(to, file->header, file->header_size);
                        to += file->header_size;
                        r = digest_update(digest, file->header, file->header_size);
                }
                if (r == 0)
                        r = seal_segment(&sealer, file->segment_size, segment, to, err);
        }
        return r;
}

static int bad_segment(uint64_t index, const char *why, Error *err) {
        return error_set(
                err, ERROR_INTEGRITY, -EBADMSG, "segment %llu %s", (unsigned long long)index, why);
}

/* The sealed bytes of segment `index` can be cut into chunks as the format wants them. */
static int
check_size(uint64_t segment_size, uint64_t index, bool last, uint64_t sealed_size, Error *err) {
        uint64_t whole = segment_size / AGE_CHUNK_BYTES * AGE_SEALED_CHUNK_BYTES;
        uint64_t rest = sealed_size % AGE_SEALED_CHUNK_BYTES;
        bool empty_file = index == 0 && sealed_size == AGE_TAG_BYTES;

        if (!last && sealed_size != whole)
                return bad_segment(index, "does not have the size of a whole segment", err);
        if (sealed_size > whole)
                return bad_segment(index, "is larger than a segment", err);
        if (sealed_size == 0 || (rest > 0 && rest < AGE_TAG_BYTES))
                return bad_segment(index, "is cut short", err);
        if (rest == AGE_TAG_BYTES && !empty_file)
                return bad_segment(index, "ends with an empty chunk", err);
        return 0;
}

static int open_chunk(Aead *aead, const Chunk *chunk, AgeWrite write, void *userdata, Error *err) {
        uint8_t nonce[AEAD_NONCE_BYTES];
        int r;

        chunk_nonce(chunk->index, chunk->final, nonce);
        r = aead_open(aead, nonce, chunk->at, chunk->size + AGE_TAG_BYTES, err);
        if (r == -EBADMSG)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        r,
                        "chunk %llu (plaintext offset %llu) is damaged, out of place, or not of "
                        "this file",
                        (unsigned long long)chunk->index,
                        (unsigned long long)chunk->index * AGE_CHUNK_BYTES);
        if (r < 0 || chunk->size == 0)
                return r;
        return write(userdata, chunk->index * AGE_CHUNK_BYTES, chunk->at, chunk->size, err);
}

int age_segment_open(
        const AgeFile *file,
        const AgeSealedSegment *segment,
        AgeWrite write,
        void *userdata,
        Error *err) {
        CLEANUP(cleanup_aead) Aead *aead = NULL;
        size_t skip = segment->index == 0 ? file->header_size : 0;
        Chunk chunk = {.index = segment->index * (file->segment_size / AGE_CHUNK_BYTES)};
        int r;

        if (segment->size < skip)
                return bad_segment(segment->index, "is cut short", err);
        r = check_size(
                file->segment_size, segment->index, segment->last, segment->size - skip, err);
        if (r == 0)
                r = aead_new(file->payload->key, &aead, err);
        for (size_t at = skip; at < segment->size && r == 0; chunk.index++) {
                size_t left = segment->size - at;
                size_t sealed = left < AGE_SEALED_CHUNK_BYTES ? left : AGE_SEALED_CHUNK_BYTES;

                chunk.at = segment->bytes + at;
                chunk.size = sealed - AGE_TAG_BYTES;
                chunk.final = segment->last && sealed == left;
                r = open_chunk(aead, &chunk, write, userdata, err);
                at += sealed;
        }
        return r;
}
