/* The layout of the plaintext: which bytes lie where. It owns the headers, paths and sources of its
 * members; the loop thread grows it, and hands out extents that point into it. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/strings.h"
#include "stream/tar.h"

enum { BLOCK_BYTES = 512, END_BYTES = 2 * BLOCK_BYTES };

typedef struct Member {
        char *path, *source;
        uint8_t *header;
        size_t header_size;
        uint64_t offset; /* of its header in the plaintext */
        uint64_t size;   /* of its content */
} Member;

struct TarLayout {
        Member *members;
        size_t n, capacity;
        void *paths; /* tsearch(3) tree over the members' paths */
        uint64_t size;
        bool closed;
};

/* The extents of a range while they are gathered. */
typedef struct Gather {
        uint64_t from, to; /* the range */
        uint64_t at;       /* where the next part begins in the plaintext */
        TarExtent *extents;
        size_t n, capacity;
} Gather;

int tar_layout_new(TarLayout **ret, Error *err) {
        TarLayout *layout = calloc(1, sizeof(TarLayout));

        if (layout == NULL)
                return error_oom(err);
        *ret = layout;
        return 0;
}

static void member_done(Member *member) {
        free(member->path);
        free(member->source);
        free(member->header);
}

/* The tree's keys belong to the members. */
static void keep_key(void *key) {
}

TarLayout *tar_layout_free(TarLayout *layout) {
        if (layout == NULL)
                return NULL;
        tdestroy(layout->paths, keep_key);
        for (size_t i = 0; i < layout->n; i++)
                member_done(&layout->members[i]);
        free(layout->members);
        free(layout);
        return NULL;
}

static int compare_paths(const void *a, const void *b) {
        return strcmp(a, b);
}

static uint64_t padding(uint64_t size) {
        return (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
}

static int reserve(TarLayout *layout) {
        size_t capacity = layout->capacity == 0 ? 64 : layout->capacity * 2;
        Member *grown;

        if (layout->n < layout->capacity)
                return 0;
        grown = reallocarray(layout->members, capacity, sizeof(Member));
        if (grown == NULL)
                return -ENOMEM;
        layout->members = grown;
        layout->capacity = capacity;
        return 0;
}

static int check_member(const TarLayout *layout, const TarMember *member, Error *err) {
        if (layout->closed)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -EROFS,
                        "the layout is closed to \"%s\"",
                        member->path);
        if (layout->n == LIMIT_MEMBERS)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -E2BIG,
                        "a backup holds at most %d files; no place for \"%s\"",
                        LIMIT_MEMBERS,
                        member->path);
        if (tfind(member->path, &layout->paths, compare_paths) != NULL)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -EEXIST,
                        "\"%s\" would be in the backup twice",
                        member->path);
        return 0;
}

static int fill_member(Member *ret, const TarLayout *layout, const TarMember *member, Error *err) {
        int r;

        *ret = (Member){.offset = layout->size, .size = member->size};
        r = tar_header(member, &ret->header, &ret->header_size, err);
        if (r < 0)
                return r;
        ret->path = strdup(member->path);
        ret->source = strdup(member->source);
        if (ret->path == NULL || ret->source == NULL)
                return error_oom(err);
        return 0;
}

/* Where the layout ends behind this member. */
static int member_end(const Member *member, uint64_t *ret, Error *err) {
        uint64_t end;

        if (__builtin_add_overflow(member->offset, member->header_size, &end) ||
            __builtin_add_overflow(end, member->size, &end) ||
            __builtin_add_overflow(end, padding(member->size) + END_BYTES, &end) || end > INT64_MAX)
                return error_set(err, ERROR_TOO_LARGE, -EFBIG, "no place for \"%s\"", member->path);
        *ret = end - END_BYTES;
        return 0;
}

int tar_layout_add(
        TarLayout *layout, const TarMember *member, uint64_t *ret_content_offset, Error *err) {
        CLEANUP(member_done) Member made = {0};
        uint64_t end = 0;
        int r;

        r = check_member(layout, member, err);
        if (r == 0)
                r = fill_member(&made, layout, member, err);
        if (r == 0)
                r = member_end(&made, &end, err);
        if (r < 0)
                return r;
        if (reserve(layout) < 0 || tsearch(made.path, &layout->paths, compare_paths) == NULL)
                return error_oom(err);
        layout->members[layout->n++] = made;
        layout->size = end;
        *ret_content_offset = made.offset + made.header_size;
        made = (Member){0};
        return 0;
}

int tar_layout_close(TarLayout *layout) {
        if (layout->closed)
                return -EALREADY;
        layout->closed = true;
        layout->size += END_BYTES;
        return 0;
}

bool tar_layout_is_closed(const TarLayout *layout) {
        return layout->closed;
}

uint64_t tar_layout_size(const TarLayout *layout) {
        return layout->size;
}

size_t tar_layout_member_count(const TarLayout *layout) {
        return layout->n;
}

const uint8_t *tar_layout_header(const TarLayout *layout, size_t member, size_t *ret_size) {
        *ret_size = layout->members[member].header_size;
        return layout->members[member].header;
}

/* Adds what of the next `part.size` bytes lies in the range. */
static int gather(Gather *gather, TarExtent part) {
        uint64_t begin = gather->at, end = begin + part.size;
        uint64_t from = begin > gather->from ? begin : gather->from;
        uint64_t to = end < gather->to ? end : gather->to;

        gather->at = end;
        if (from >= to)
                return 0;
        if (gather->n == gather->capacity) {
                size_t capacity = gather->capacity == 0 ? 8 : gather->capacity * 2;
                TarExtent *grown = reallocarray(gather->extents, capacity, sizeof(TarExtent));

                if (grown == NULL)
                        return -ENOMEM;
                gather->extents = grown;
                gather->capacity = capacity;
        }
        part.size = to - from;
        if (part.type == TAR_EXTENT_BYTES)
                part.bytes += from - begin;
        if (part.type == TAR_EXTENT_FILE)
                part.offset = from - begin;
        gather->extents[gather->n++] = part;
        return 0;
}

static int gather_member(Gather *to, const Member *member) {
        int r;

        to->at = member->offset;
        r =
                gather(to,
                       (TarExtent){
                               .type = TAR_EXTENT_BYTES,
                               .size = member->header_size,
                               .bytes = member->header,
                       });
        if (r == 0)
                r =
                        gather(to,
                               (TarExtent){
                                       .type = TAR_EXTENT_FILE,
                                       .size = member->size,
                                       .source = member->source,
                                       .file_size = member->size,
                               });
        if (r == 0)
                r = gather(to, (TarExtent){.type = TAR_EXTENT_ZERO, .size = padding(member->size)});
        return r;
}

/* The last member that begins at or before offset; 0 when there is none. */
static size_t find_member(const TarLayout *layout, uint64_t offset) {
        size_t low = 0, high = layout->n;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (layout->members[middle].offset <= offset)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

int tar_layout_extents(
        const TarLayout *layout,
        uint64_t offset,
        uint64_t size,
        TarExtent **ret,
        size_t *ret_n,
        Error *err) {
        Gather to = {.from = offset, .to = offset + size};
        size_t i = find_member(layout, offset);
        int r = 0;

        if (size > layout->size || offset > layout->size - size)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -ERANGE,
                        "%llu bytes from %llu are not in the layout yet",
                        (unsigned long long)size,
                        (unsigned long long)offset);
        for (; r == 0 && i < layout->n && layout->members[i].offset < to.to; i++)
                r = gather_member(&to, &layout->members[i]);
        if (r == 0 && layout->closed) {
                to.at = layout->size - END_BYTES;
                r = gather(&to, (TarExtent){.type = TAR_EXTENT_ZERO, .size = END_BYTES});
        }
        if (r < 0) {
                free(to.extents);
                return error_oom(err);
        }
        *ret = to.extents;
        *ret_n = to.n;
        return 0;
}
