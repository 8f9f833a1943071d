/* What a list needs of a control object: a small view, read and verified once and kept in memory,
 * because control objects are immutable. Trust is not in it: it follows from the keys of the day.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "repository/names.h"
#include "stream/sign.h"

typedef struct Summary {
        ObjectType type; /* OBJECT_CLAIM, _RECORD, _FAILED or _DELETE */
        bool readable; /* the envelope and its payload could be read and are of the object's name */
        bool signature_present, signature_valid;
        char signer[64];
        bool take_over; /* claims */
        char id[37], instance[65], parent_id[37];
        char etag[33]; /* records */
        unsigned level;
        uint64_t sequence, created_usec, size;
        char *name, *description, *hostname,
                *error_message; /* never NULL; "" where there is none */
        ErrorKind error;        /* of failed.json */
} Summary;

/* Never fails but for memory (NULL): what cannot be read gives a summary that says so. Plain
 * computation on up to 4 MiB of JSON and a signature: call it from a worker. */
Summary *summary_read(const char *object_name, const void *bytes, size_t size);
Summary *summary_copy(const Summary *summary); /* NULL: no memory */
Summary *summary_free(Summary *summary);
DEFINE_CLEANUP(Summary, summary);
/* As text and back; NULL: it is none. 0 or negative: no memory. Caller frees. */
int summary_print(const Summary *summary, char **ret, size_t *ret_size);
Summary *summary_parse(const char *text, size_t size);
Trust summary_trust(const Summary *summary, const TrustedKeys *keys);

/* Summaries by object name, within a bound of bytes: when it is reached the oldest go. Loop thread
 * only. */
typedef struct SummaryCache SummaryCache;
SummaryCache *summary_cache_new(size_t max_bytes); /* NULL: no memory */
SummaryCache *summary_cache_free(SummaryCache *cache);
DEFINE_CLEANUP(SummaryCache, summary_cache);
/* What it returns is the cache's, until the next summary_cache_put(). NULL: not there. */
const Summary *summary_cache_get(const SummaryCache *cache, const char *object_name);
void summary_cache_put(SummaryCache *cache, const char *object_name, const Summary *summary);
void summary_cache_remove(SummaryCache *cache, const char *object_name); /* absent: nothing */
size_t summary_cache_count(const SummaryCache *cache);
