/* stream/age-segment.c: arithmetic, sealing in batches, opening. The digests were made with another
 * implementation of ChaCha20-Poly1305. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "stream/age.h"
#include "stream/digest.h"
#include "unit/test.h"

enum { SEGMENT = 2 * AGE_CHUNK_BYTES, SEALED = 2 * AGE_SEALED_CHUNK_BYTES, MANY = 200000 };

static const char header[] = "HEADER";
enum { HEADER_BYTES = 6 };

static AgePayload payload;

static int make_key(void **state) {
        for (size_t i = 0; i < sizeof(payload.key); i++)
                payload.key[i] = (uint8_t)i;
        return 0;
}

static uint8_t pattern(uint64_t i) {
        return (uint8_t)(i * 7 + (i >> 8));
}

static int read_pattern(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err) {
        uint8_t *p = buffer;
        uint64_t *next = userdata;

        if (next != NULL) {
                assert_int_equal(offset, *next);
                *next += size;
        }
        for (size_t i = 0; i < size; i++)
                p[i] = pattern(offset + i);
        return 0;
}

/* Counts what arrives and compares it. */
static int
write_pattern(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        const uint8_t *p = bytes;
        uint64_t *count = userdata;

        for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], pattern(offset + i));
        *count += size;
        return 0;
}

/* Seals a whole file of `size` bytes, all segments as one batch, one behind the other. */
static uint8_t *seal_file(uint64_t size, AgeSegment *segments, size_t *ret_n) {
        uint64_t sealed = age_sealed_size(HEADER_BYTES, size);
        size_t n = (size_t)age_segment_count(size, SEGMENT);
        uint8_t *bytes = malloc((size_t)sealed);

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++) {
                bool last = i + 1 == n;

                segments[i] = (AgeSegment){
                        .index = i,
                        .last = last,
                        .plaintext_size = last ? size - i * SEGMENT : SEGMENT,
                        .read = read_pattern,
                        .buffer = bytes + age_segment_offset(HEADER_BYTES, SEGMENT, i),
                        .buffer_size = (size_t)age_segment_sealed_size(
                                HEADER_BYTES, SEGMENT, i, size, last),
                };
        }
        assert_int_equal(
                age_segments_seal(
                        &(AgeFile){&payload, SEGMENT, header, HEADER_BYTES}, segments, n, NULL),
                0);
        *ret_n = n;
        return bytes;
}

static int
open_segment(uint8_t *bytes, size_t size, uint64_t i, bool last, uint64_t *count, Error *err) {
        *count = 0;
        return age_segment_open(
                &(AgeFile){&payload, SEGMENT, NULL, HEADER_BYTES},
                &(AgeSealedSegment){i, last, bytes, size},
                write_pattern,
                count,
                err);
}

static void lengths_follow_from_the_format(void **state) {
        assert_int_equal(age_sealed_size(100, 0), 116);
        assert_int_equal(age_sealed_size(100, 1), 117);
        assert_int_equal(age_sealed_size(0, 65536), 65552);
        assert_int_equal(age_sealed_size(0, 65537), 65537 + 32);
        assert_int_equal(age_segment_count(0, SEGMENT), 1);
        assert_int_equal(age_segment_count(SEGMENT, SEGMENT), 1);
        assert_int_equal(age_segment_count(SEGMENT + 1, SEGMENT), 2);
        assert_int_equal(age_segment_offset(100, SEGMENT, 0), 0);
        assert_int_equal(age_segment_offset(100, SEGMENT, 3), 100 + 3 * SEALED);
        assert_int_equal(age_segment_sealed_size(100, SEGMENT, 0, 0, true), 116);
        assert_int_equal(age_segment_sealed_size(100, SEGMENT, 0, 0, false), 100 + SEALED);
        assert_int_equal(age_segment_sealed_size(100, SEGMENT, 1, 0, false), SEALED);
        assert_int_equal(age_segment_sealed_size(100, SEGMENT, 1, SEGMENT + 1, true), 17);
        /* Beyond 32 bits. */
        assert_int_equal(
                age_segment_offset(0, (uint64_t)1 << 30, 5000), (uint64_t)5000 * 16384 * 65552);
}

static void sealed_bytes_are_those_of_another_implementation(void **state) {
        static const struct {
                uint64_t size;
                const char *md5;
        } cases[] = {
                {0, "8f75011bf2cfcd106f422c72b3a2916a"},
                {1, "69a5262798ef12f6e52280613b7140ad"},
                {65536, "6e5a4a68cceb9a2e9202c7804b91b879"},
                {65537, "0e11ea3303ad6316c66c711a6760debe"},
                {131072, "e2290090bb5fea0e97c4a73b0974ff7c"},
                {MANY, "6e7af9a87b84c8c7bc79302be55b1b5e"},
        };
        AgeSegment segments[4];
        char md5[65];
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CLEANUP(cleanup_free) uint8_t *bytes = seal_file(cases[i].size, segments, &n);
                size_t size = (size_t)age_sealed_size(HEADER_BYTES, cases[i].size);

                assert_int_equal(digest_hex(DIGEST_MD5, bytes, size, md5, NULL), 0);
                assert_string_equal(md5, cases[i].md5);
        }
        assert_string_equal(segments[0].ret_md5, "ba030b6e27bb17227b93c1a7284db401");
        assert_string_equal(segments[1].ret_md5, "45bc31781ac21f79efd99b6d756a53f3");
}

static void each_segment_opens_by_itself(void **state) {
        static const uint64_t sizes[] = {
                0, 1, 65535, 65536, 65537, SEGMENT - 1, SEGMENT, SEGMENT + 1, MANY};
        AgeSegment segments[4];
        uint64_t count;
        size_t n;

        for (size_t s = 0; s < ELEMENTSOF(sizes); s++) {
                CLEANUP(cleanup_free) uint8_t *bytes = seal_file(sizes[s], segments, &n);

                assert_non_null(bytes);
                for (size_t i = n; i-- > 0;) {
                        assert_int_equal(segments[i].ret_size, segments[i].buffer_size);
                        assert_int_equal(
                                open_segment(
                                        segments[i].buffer,
                                        segments[i].ret_size,
                                        i,
                                        i + 1 == n,
                                        &count,
                                        NULL),
                                0);
                        assert_int_equal(count, segments[i].plaintext_size);
                }
        }
}

static void a_segment_alone_is_sealed_as_in_a_batch(void **state) {
        CLEANUP(cleanup_free) uint8_t *bytes = NULL;
        CLEANUP(cleanup_free) uint8_t *again = malloc(SEALED);
        AgeSegment segments[4], alone;
        uint64_t next = SEGMENT;
        size_t n;

        bytes = seal_file(MANY, segments, &n);
        alone = segments[1];
        alone.buffer = again;
        alone.buffer_size = SEALED;
        alone.userdata = &next;
        assert_int_equal(
                age_segments_seal(
                        &(AgeFile){&payload, SEGMENT, header, HEADER_BYTES}, &alone, 1, NULL),
                0);
        assert_int_equal(next, MANY);
        assert_int_equal(alone.ret_size, segments[1].ret_size);
        assert_memory_equal(again, segments[1].buffer, alone.ret_size);
        assert_string_equal(alone.ret_md5, segments[1].ret_md5);
}

static void a_flipped_bit_stops_before_its_chunk(void **state) {
        AgeSegment segments[4];
        size_t n;

        for (size_t at = HEADER_BYTES; at < HEADER_BYTES + SEALED; at += 4099) {
                CLEANUP(cleanup_free) uint8_t *bytes = seal_file(SEGMENT, segments, &n);
                uint64_t count;
                Error err = {0};

                bytes[at] ^= 0x10;
                assert_int_equal(
                        open_segment(bytes, segments[0].ret_size, 0, true, &count, &err), -EBADMSG);
                assert_int_equal(err.kind, ERROR_INTEGRITY);
                assert_int_equal(
                        count, at < HEADER_BYTES + AGE_SEALED_CHUNK_BYTES ? 0 : AGE_CHUNK_BYTES);
                assert_non_null(strstr(
                        err.message,
                        at < HEADER_BYTES + AGE_SEALED_CHUNK_BYTES ? "chunk 0 " : "chunk 1 "));
        }
}

static void what_is_out_of_place_does_not_open(void **state) {
        CLEANUP(cleanup_free) uint8_t *bytes = NULL;
        CLEANUP(cleanup_free) uint8_t *copy = malloc(HEADER_BYTES + SEALED);
        AgeSegment segments[4];
        uint64_t count;
        size_t n;

        bytes = seal_file(3 * SEGMENT, segments, &n);
        /* Another index, the final flag missing or added. */
        memcpy(copy, segments[1].buffer, SEALED);
        assert_int_equal(open_segment(copy, SEALED, 2, false, &count, NULL), -EBADMSG);
        memcpy(copy, segments[1].buffer, SEALED);
        assert_int_equal(open_segment(copy, SEALED, 1, true, &count, NULL), -EBADMSG);
        assert_int_equal(count, AGE_CHUNK_BYTES);
        memcpy(copy, segments[2].buffer, SEALED);
        assert_int_equal(open_segment(copy, SEALED, 2, false, &count, NULL), -EBADMSG);
        assert_int_equal(count, AGE_CHUNK_BYTES);
        /* Chunks swapped. */
        memcpy(copy, segments[1].buffer + AGE_SEALED_CHUNK_BYTES, AGE_SEALED_CHUNK_BYTES);
        memcpy(copy + AGE_SEALED_CHUNK_BYTES, segments[1].buffer, AGE_SEALED_CHUNK_BYTES);
        assert_int_equal(open_segment(copy, SEALED, 1, false, &count, NULL), -EBADMSG);
        assert_int_equal(count, 0);
}

static void sizes_that_cannot_be_are_refused_unopened(void **state) {
        static const struct {
                uint64_t index;
                bool last;
                size_t size;
                const char *why;
        } cases[] = {
                {1, false, SEALED - 1, "size"},
                {1, false, AGE_SEALED_CHUNK_BYTES, "size"},
                {1, false, SEALED + 1, "size"},
                {1, true, SEALED + 17, "larger"},
                {1, true, 0, "short"},
                {1, true, 15, "short"},
                {1, true, 16, "empty chunk"},
                {1, true, AGE_SEALED_CHUNK_BYTES + 1, "short"},
                {1, true, AGE_SEALED_CHUNK_BYTES + 16, "empty chunk"},
                {0, true, HEADER_BYTES - 1, "short"},
                {0, true, HEADER_BYTES, "short"},
                {0, true, HEADER_BYTES + AGE_SEALED_CHUNK_BYTES + 16, "empty chunk"},
        };
        CLEANUP(cleanup_free) uint8_t *bytes = calloc(1, SEALED + 100);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t count;
                Error err = {0};

                assert_int_equal(
                        open_segment(
                                bytes, cases[i].size, cases[i].index, cases[i].last, &count, &err),
                        -EBADMSG);
                assert_int_equal(err.kind, ERROR_INTEGRITY);
                assert_int_equal(count, 0);
                assert_non_null(strstr(err.message, cases[i].why));
        }
}

static int
fail_second_chunk(void *userdata, uint64_t offset, void *buffer, size_t size, Error *err) {
        memset(buffer, 'p', size);
        if (offset == 0)
                return 0;
        return error_set(err, ERROR_INTEGRITY, -ENODATA, "the file got shorter");
}

static void a_failed_read_leaves_no_plaintext(void **state) {
        CLEANUP(cleanup_free) uint8_t *bytes = calloc(1, HEADER_BYTES + SEALED);
        AgeSegment segment = {
                .last = true,
                .plaintext_size = SEGMENT,
                .read = fail_second_chunk,
                .buffer = bytes,
                .buffer_size = HEADER_BYTES + SEALED,
        };
        Error err = {0};

        assert_int_equal(
                age_segments_seal(
                        &(AgeFile){&payload, SEGMENT, header, HEADER_BYTES}, &segment, 1, &err),
                -ENODATA);
        assert_string_equal(err.message, "the file got shorter");
        assert_null(memmem(bytes, HEADER_BYTES + SEALED, "pppppppp", 8));
}

static int
refuse_to_write(void *userdata, uint64_t offset, const void *bytes, size_t size, Error *err) {
        return error_set(err, ERROR_NO_SPACE, -ENOSPC, "full");
}

static void a_failed_write_ends_the_opening(void **state) {
        CLEANUP(cleanup_free) uint8_t *bytes = NULL;
        AgeSegment segments[4];
        Error err = {0};
        size_t n;

        bytes = seal_file(SEGMENT, segments, &n);
        assert_int_equal(
                age_segment_open(
                        &(AgeFile){&payload, SEGMENT, NULL, HEADER_BYTES},
                        &(AgeSealedSegment){0, true, bytes, segments[0].ret_size},
                        refuse_to_write,
                        NULL,
                        &err),
                -ENOSPC);
        assert_int_equal(err.kind, ERROR_NO_SPACE);
}

static void *seal_and_compare(void *userdata) {
        const uint8_t *expected = userdata;
        AgeSegment segments[4];
        size_t n;

        for (int i = 0; i < 20; i++) {
                CLEANUP(cleanup_free) uint8_t *bytes = seal_file(MANY, segments, &n);

                if (memcmp(bytes, expected, (size_t)age_sealed_size(HEADER_BYTES, MANY)) != 0)
                        return NULL;
        }
        return userdata;
}

static void threads_seal_side_by_side(void **state) {
        CLEANUP(cleanup_free) uint8_t *bytes = NULL;
        AgeSegment segments[4];
        pthread_t threads[4];
        size_t n;

        bytes = seal_file(MANY, segments, &n);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, seal_and_compare, bytes), 0);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++) {
                void *same;

                assert_int_equal(pthread_join(threads[i], &same), 0);
                assert_ptr_equal(same, bytes);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lengths_follow_from_the_format),
                cmocka_unit_test(sealed_bytes_are_those_of_another_implementation),
                cmocka_unit_test(each_segment_opens_by_itself),
                cmocka_unit_test(a_segment_alone_is_sealed_as_in_a_batch),
                cmocka_unit_test(a_flipped_bit_stops_before_its_chunk),
                cmocka_unit_test(what_is_out_of_place_does_not_open),
                cmocka_unit_test(sizes_that_cannot_be_are_refused_unopened),
                cmocka_unit_test(a_failed_read_leaves_no_plaintext),
                cmocka_unit_test(a_failed_write_ends_the_opening),
                cmocka_unit_test(threads_seal_side_by_side),
        };

        return cmocka_run_group_tests(tests, make_key, NULL);
}
