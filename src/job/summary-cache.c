/* Summaries by object name: a hash table whose entries also stand in a queue by age. Owned by
 * daemon/, used by the List and Get methods. */
#include <stdlib.h>
#include <string.h>

#include "job/summary.h"

enum { BUCKETS = 4096 };

typedef struct Entry Entry;
struct Entry {
        Entry *next_in_bucket, *next_younger;
        char *name;
        Summary *summary;
        size_t bytes;
};

struct SummaryCache {
        size_t max_bytes, bytes, n;
        Entry *oldest, *youngest;
        Entry *buckets[BUCKETS];
};

/* FNV-1a */
static size_t bucket_of(const char *name) {
        uint64_t hash = 14695981039346656037u;
        for (; *name != '\0'; name++)
                hash = (hash ^ (uint8_t)*name) * 1099511628211u;
        return (size_t)(hash % BUCKETS);
}

static Entry *find(const SummaryCache *cache, const char *name) {
        Entry *entry = cache->buckets[bucket_of(name)];
        while (entry != NULL && strcmp(entry->name, name) != 0)
                entry = entry->next_in_bucket;
        return entry;
}

static void entry_free(Entry *entry) {
        summary_free(entry->summary);
        free(entry->name);
        free(entry);
}

static void take_from_bucket(SummaryCache *cache, const Entry *entry) {
        Entry **link = &cache->buckets[bucket_of(entry->name)];
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the entry is in its bucket
        while (*link != entry)
                link = &(*link)->next_in_bucket;
        *link = entry->next_in_bucket;
}

/* `place` points to it in the queue by age, `older` is the one before it. */
static void drop(SummaryCache *cache, Entry **place, Entry *older) {
        Entry *entry = *place;
        take_from_bucket(cache, entry);
        *place = entry->next_younger;
        if (cache->youngest == entry)
                cache->youngest = older;
        cache->bytes -= entry->bytes;
        cache->n--;
        entry_free(entry);
}

static void drop_oldest(SummaryCache *cache) {
        drop(cache, &cache->oldest, NULL);
}

void summary_cache_remove(SummaryCache *cache, const char *object_name) {
        Entry *entry = cache == NULL ? NULL : find(cache, object_name);
        Entry **place, *older = NULL;
        if (entry == NULL)
                return;
        for (place = &cache->oldest; *place != entry; place = &(*place)->next_younger)
                older = *place;
        drop(cache, place, older);
}

const Summary *summary_cache_get(const SummaryCache *cache, const char *object_name) {
        const Entry *entry = cache == NULL ? NULL : find(cache, object_name);
        return entry == NULL ? NULL : entry->summary;
}

static size_t size_of(const char *name, const Summary *summary) {
        return sizeof(Entry) + sizeof(Summary) + strlen(name) + strlen(summary->name) +
               strlen(summary->description) + strlen(summary->hostname) +
               strlen(summary->error_message) + 5;
}

static void insert(SummaryCache *cache, Entry *entry) {
        Entry **bucket = &cache->buckets[bucket_of(entry->name)];
        entry->next_in_bucket = *bucket;
        *bucket = entry;
        if (cache->youngest == NULL)
                cache->oldest = entry;
        else
                cache->youngest->next_younger = entry;
        cache->youngest = entry;
        cache->bytes += entry->bytes;
        cache->n++;
        while (cache->oldest != NULL && cache->bytes > cache->max_bytes)
                drop_oldest(cache);
}

/* Without memory the object is simply read again the next time. */
void summary_cache_put(SummaryCache *cache, const char *object_name, const Summary *summary) {
        if (cache == NULL || find(cache, object_name) != NULL)
                return;
        Entry *entry = calloc(1, sizeof(*entry));
        if (entry == NULL)
                return;
        entry->name = strdup(object_name);
        entry->summary = summary_copy(summary);
        entry->bytes = size_of(object_name, summary);
        if (entry->name == NULL || entry->summary == NULL) {
                entry_free(entry);
                return;
        }
        insert(cache, entry);
}

size_t summary_cache_count(const SummaryCache *cache) {
        return cache->n;
}

SummaryCache *summary_cache_free(SummaryCache *cache) {
        if (cache == NULL)
                return NULL;
        while (cache->oldest != NULL)
                drop_oldest(cache);
        free(cache);
        return NULL;
}

SummaryCache *summary_cache_new(size_t max_bytes) {
        SummaryCache *cache = calloc(1, sizeof(*cache));
        if (cache != NULL)
                cache->max_bytes = max_bytes;
        return cache;
}
