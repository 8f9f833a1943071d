/* The plaintext of a backup: a POSIX tar whose bytes are a pure function of its list of members
 * (formats.md of the contract: ustar, pax only for 8 GiB and more or a long path, uid = gid = 0, no
 * names, whole seconds, mode & 0777, two zero blocks, no record padding).
 *
 * While the layout is open it only grows; what a range of it consists of never changes once it is
 * there. No I/O here but libarchive's formatting into memory; must run under LC_CTYPE C.UTF-8 (the
 * daemon sets it at start). Not thread-safe: the loop thread owns the layout and hands extents to
 * workers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct TarLayout TarLayout;

typedef struct TarMember {
        const char *path; /* in the tar: relative, clean, valid UTF-8 without control characters */
        const char *source; /* absolute path where the content is read */
        uint64_t size;
        uint32_t mode; /* & 0777 */
        int64_t mtime; /* seconds */
} TarMember;

/* A run of bytes of the plaintext. */
typedef enum TarExtentType { TAR_EXTENT_BYTES, TAR_EXTENT_FILE, TAR_EXTENT_ZERO } TarExtentType;
typedef struct TarExtent {
        TarExtentType type;
        uint64_t size;
        const uint8_t *bytes; /* BYTES: belongs to the layout */
        const char *source;   /* FILE: belongs to the layout */
        uint64_t offset;      /* FILE: where in it */
        uint64_t file_size;   /* FILE: what its size must still be */
} TarExtent;

int tar_layout_new(TarLayout **ret, Error *err);
TarLayout *tar_layout_free(TarLayout *layout);
DEFINE_CLEANUP(TarLayout, tar_layout);

/* Appends a member; *ret_content_offset is where its content begins in the plaintext, *ret_header
 * its header bytes (the layout's) for the ledger. A path twice, an unclean path, or a warning of
 * libarchive is an error that names the path. */
int tar_layout_add(
        TarLayout *layout, const TarMember *member, uint64_t *ret_content_offset, Error *err);
int tar_layout_close(
        TarLayout *layout); /* appends the two zero blocks; nothing can be added any more */
bool tar_layout_is_closed(const TarLayout *layout);
uint64_t tar_layout_size(const TarLayout *layout); /* bytes covered so far */
size_t tar_layout_member_count(const TarLayout *layout);
const uint8_t *tar_layout_header(
        const TarLayout *layout, size_t member, size_t *ret_size); /* header blocks of a member */

/* What [offset, offset + size) consists of; the range must lie within tar_layout_size(). The caller
 * frees the array. The extents stay valid as long as the layout, also while it grows. */
int tar_layout_extents(
        const TarLayout *layout,
        uint64_t offset,
        uint64_t size,
        TarExtent **ret,
        size_t *ret_n,
        Error *err);

/* The header bytes of one member as a pure function (what tar_layout_add uses; restore compares
 * with the plaintext). Caller frees. */
int tar_header(const TarMember *member, uint8_t **ret, size_t *ret_size, Error *err);
