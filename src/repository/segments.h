/* The object `segments`: a line a segment, "<md5 of the ciphertext>  <size> <name>", as md5sum
 * writes them with the size between. Pure.
 *
 * The names follow from instance, backup, attempt and index, so they are written and checked, not
 * kept. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct SegmentLine {
        char md5[33];
        uint64_t size;
} SegmentLine;

/* Whose segments they are. */
typedef struct SegmentsOf {
        const char *instance, *backup_id, *attempt;
} SegmentsOf;

/* Caller frees. */
int segments_print(
        const SegmentsOf *of,
        const SegmentLine *lines,
        size_t n,
        char **ret,
        size_t *ret_size,
        Error *err);
/* Strict: anything but what segments_print() writes is Integrity and names the line. Caller frees.
 */
int segments_parse(
        const SegmentsOf *of,
        const char *text,
        size_t size,
        SegmentLine **ret,
        size_t *ret_n,
        Error *err);
