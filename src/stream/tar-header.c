/* The header blocks of one member, by libarchive. Format and result depend on the member alone:
 * ustar where it fits, else pax, chosen here and not by trial, so that every libarchive from 3.5 on
 * gives the same bytes. (But for an order: in a pax header that holds a size and a time from 2038
 * on 3.5 writes the size first, later ones the time.) */
#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "stream/tar.h"

enum {
        USTAR_NAME_BYTES = 100,
        USTAR_PREFIX_BYTES = 155,
        TAR_BLOCK_BYTES = 512,
};

static const uint64_t ustar_max_size = ((uint64_t)1 << 33) - 1;
static const int64_t ustar_max_mtime = ((int64_t)1 << 33) - 1;

/* Where ustar splits a long path into prefix and name: at the first slash that leaves a name of at
 * most 100 bytes. */
static bool path_fits_ustar(const char *path) {
        size_t length = strlen(path);
        const char *slash;

        if (length <= USTAR_NAME_BYTES)
                return true;
        slash = strchr(path + length - USTAR_NAME_BYTES - 1, '/');
        return slash != NULL && slash - path <= USTAR_PREFIX_BYTES;
}

static int path_check(const char *path, Error *err) {
        CLEANUP(cleanup_free) char *absolute = string_printf("/%s", path);

        if (absolute == NULL)
                return error_oom(err);
        if (path_is_clean(absolute) && path[0] != '\0')
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                -EINVAL,
                "a backup cannot hold a file named \"%s\": the path has an empty, \".\" or \"..\" "
                "component, control characters or invalid UTF-8; rename it",
                path);
}

/* Where libarchive writes to. Once the header is there nothing more is taken, so that closing does
 * not write the content as zeros. (Giving the archive up
 * by archive_write_fail() would leak, and so would a failed write before.) */
typedef struct Sink {
        Text text;
        bool ended;
} Sink;

static void sink_done(Sink *sink) {
        text_done(&sink->text);
}

static la_ssize_t
on_write(struct archive *archive, void *userdata, const void *bytes, size_t size) {
        Sink *sink = userdata;

        if (sink->ended)
                return -1;
        text_append_bytes(&sink->text, bytes, size);
        return (la_ssize_t)size;
}

static struct archive_entry *make_entry(const TarMember *member) {
        struct archive_entry *entry = archive_entry_new();
        int64_t mtime = member->mtime;

        if (entry == NULL)
                return NULL;
        /* A time that ustar cannot hold is no reason to refuse a backup. */
        if (mtime < 0)
                mtime = 0;
        if (mtime > ustar_max_mtime)
                mtime = ustar_max_mtime;
        archive_entry_copy_pathname(entry, member->path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, (mode_t)(member->mode & 0777));
        archive_entry_set_size(entry, (la_int64_t)member->size);
        archive_entry_set_mtime(entry, (time_t)mtime, 0);
        archive_entry_set_uid(entry, 0);
        archive_entry_set_gid(entry, 0);
        return entry;
}

static int write_header(struct archive *archive, const TarMember *member, Sink *sink) {
        bool fits = member->size <= ustar_max_size && path_fits_ustar(member->path);
        struct archive_entry *entry = make_entry(member);
        int r;

        if (entry == NULL)
                return ARCHIVE_FATAL;
        r = fits ? archive_write_set_format_ustar(archive)
                 : archive_write_set_format_pax_restricted(archive);
        if (r == ARCHIVE_OK)
                r = archive_write_set_bytes_per_block(archive, 0);
        if (r == ARCHIVE_OK)
                r = archive_write_open(archive, sink, NULL, on_write, NULL);
        if (r == ARCHIVE_OK)
                r = archive_write_header(archive, entry);
        archive_entry_free(entry);
        return r;
}

static int refused_by_libarchive(struct archive *archive, const TarMember *member, Error *err) {
        const char *why = archive_error_string(archive);

        return error_set(
                err,
                ERROR_INTERNAL,
                -EIO,
                "no tar header for \"%s\": %s",
                member->path,
                why == NULL ? "libarchive gives no reason" : why);
}

int tar_header(const TarMember *member, uint8_t **ret, size_t *ret_size, Error *err) {
        CLEANUP(sink_done) Sink sink = {0};
        struct archive *archive;
        int r;

        r = path_check(member->path, err);
        if (r < 0)
                return r;
        if (member->size > INT64_MAX)
                return error_set(err, ERROR_TOO_LARGE, -EFBIG, "\"%s\" is too large", member->path);
        archive = archive_write_new();
        if (archive == NULL)
                return error_oom(err);
        r = write_header(archive, member, &sink);
        if (r != ARCHIVE_OK)
                r = refused_by_libarchive(archive, member, err);
        sink.ended = true;
        archive_write_free(archive);
        if (r < 0)
                return r;
        if (sink.text.failed)
                return error_oom(err);
        assert(sink.text.length > 0 && sink.text.length % TAR_BLOCK_BYTES == 0);
        *ret_size = sink.text.length;
        *ret = (uint8_t *)text_take(&sink.text);
        return 0;
}
