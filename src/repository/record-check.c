/* What a record's fields say about each other: links, databases, members within the tar, and the
 * volume that holds them. After this a restore may do arithmetic with them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "repository/record-internal.h"
#include "stream/age.h"

/* After the last member come the header and at least one block of orabackup.json, and two zero
 * blocks. */
enum { TAR_TAIL = 4 * RECORD_TAR_BLOCK };

static void check_links(Fields *fields, const Record *record) {
        if (record->level > 0 && record->parent_id == NULL)
                fields_refuse(fields, "parent", "level %u needs one", record->level);
        if (record->level == 0 && record->parent_id != NULL)
                fields_refuse(fields, "parent", "level 0 has none");
        if (record->parent_id != NULL && string_equal(record->parent_id, record->id))
                fields_refuse(fields, "parent", "the backup itself");
        if (record->previous_id != NULL && record->previous_sequence >= record->sequence)
                fields_refuse(fields, "previous", "not before the backup itself");
}

static size_t count_sid(const Record *record, const char *sid) {
        size_t n = 0;
        for (size_t i = 0; i < record->n_databases; i++)
                n += string_equal(record->databases[i].sid, sid) ? 1 : 0;
        for (size_t i = 0; i < record->n_skipped; i++)
                n += string_equal(record->skipped[i].sid, sid) ? 1 : 0;
        return n;
}

static bool has_database(const Record *record, const char *sid) {
        for (size_t i = 0; i < record->n_databases; i++)
                if (string_equal(record->databases[i].sid, sid))
                        return true;
        return false;
}

static void check_databases(Fields *fields, const Record *record) {
        if (record->n_databases == 0)
                fields_refuse(fields, "databases", "a backup has at least one");
        for (size_t i = 0; fields->r == 0 && i < record->n_databases; i++)
                if (count_sid(record, record->databases[i].sid) > 1)
                        fields_refuse(
                                fields, "databases", "%s is there twice", record->databases[i].sid);
}

/* "u01/backup/x": what stands behind the root in a clean absolute path. */
static bool member_path_is_clean(const char *path) {
        char absolute[LIMIT_PATH_BYTES + 1];
        int n = snprintf(absolute, sizeof(absolute), "/%s", path);
        return n > 1 && (size_t)n < sizeof(absolute) && path_is_clean(absolute) &&
               !string_equal(path, "orabackup.json");
}

static void
check_member(Fields *fields, const Record *record, const RecordMember *member, uint64_t *end) {
        uint64_t first, next;
        if (!member_path_is_clean(member->path))
                fields_refuse(fields, "path", "not a clean relative path");
        bool of_home = member->kind == MEMBER_NETWORK && *member->database == '\0';
        if (!of_home && !has_database(record, member->database))
                fields_refuse(fields, "database", "not one of the backup");
        if (member->offset % RECORD_TAR_BLOCK != 0)
                fields_refuse(
                        fields,
                        "offset",
                        "%" PRIu64 " is not a multiple of %d",
                        member->offset,
                        RECORD_TAR_BLOCK);
        if (__builtin_add_overflow(*end, RECORD_TAR_BLOCK, &first) || member->offset < first)
                fields_refuse(
                        fields,
                        "offset",
                        "%" PRIu64 " leaves no room for a header after %" PRIu64,
                        member->offset,
                        *end);
        if (__builtin_add_overflow(member->offset, member->size, &next) ||
            __builtin_add_overflow(next, RECORD_TAR_BLOCK - 1, &next))
                fields_refuse(fields, "size", "too large to be true");
        else
                *end = next - next % RECORD_TAR_BLOCK;
}

static int compare_paths(const void *a, const void *b) {
        const char *const *left = a, *const *right = b;
        return strcmp(*left, *right);
}

static void check_paths_differ(Fields *fields, const Record *record) {
        if (fields->r < 0 || record->n_members == 0)
                return;
        const char **paths = calloc(record->n_members, sizeof(*paths));
        if (paths == NULL) {
                fields->r = error_oom(fields->err);
                return;
        }
        for (size_t i = 0; i < record->n_members; i++)
                paths[i] = record->members[i].path;
        qsort(paths, record->n_members, sizeof(*paths), compare_paths);
        for (size_t i = 1; i < record->n_members; i++)
                if (string_equal(paths[i - 1], paths[i]))
                        fields_refuse(fields, "members", "%.512s is there twice", paths[i]);
        free(paths);
}

static void check_members(Fields *fields, const Record *record, uint64_t *ret_end) {
        *ret_end = 0;
        for (size_t i = 0; fields->r == 0 && i < record->n_members; i++) {
                Fields one = {.what = fields->what, .err = fields->err};
                snprintf(one.path, sizeof(one.path), "members[%zu].", i);
                check_member(&one, record, &record->members[i], ret_end);
                fields_leave(fields, &one);
        }
        check_paths_differ(fields, record);
}

static bool is_control_file_piece(const Record *record, const RecordDatabase *database) {
        for (size_t i = 0; i < record->n_members; i++) {
                const RecordMember *member = &record->members[i];
                if (member->kind == MEMBER_PIECE && member->contents == PIECE_CONTROLFILE &&
                    string_equal(member->path, database->control_file_piece + 1) &&
                    string_equal(member->database, database->sid))
                        return true;
        }
        return false;
}

/* A restore begins with this piece. */
static void check_control_files(Fields *fields, const Record *record) {
        for (size_t i = 0; fields->r == 0 && i < record->n_databases; i++)
                if (!is_control_file_piece(record, &record->databases[i]))
                        fields_refuse(
                                fields,
                                "databases",
                                "[%zu].control_file_piece is no control file piece among the "
                                "members",
                                i);
}

static void check_volume_name(Fields *fields, const Record *record) {
        char name[128];
        snprintf(name, sizeof(name), "%s/%s/backup.tar.age", record->instance, record->id);
        if (!string_equal(record->volume.name, name))
                fields_refuse(fields, "volumes", "[0].name is not %s", name);
}

static void check_volume(Fields *fields, const Record *record, uint64_t end) {
        const RecordVolume *volume = &record->volume;
        uint64_t plaintext = record_plaintext_size(record), least;
        if (fields->r < 0)
                return;
        check_volume_name(fields, record);
        if (volume->segment_size % AGE_CHUNK_BYTES != 0)
                fields_refuse(
                        fields,
                        "volumes",
                        "[0].segment_size is not a multiple of %d",
                        AGE_CHUNK_BYTES);
        if (plaintext == 0 || plaintext % RECORD_TAR_BLOCK != 0 ||
            __builtin_add_overflow(end, TAR_TAIL, &least) || plaintext < least)
                fields_refuse(
                        fields,
                        "volumes",
                        "[0].size %" PRIu64 " does not hold the members",
                        volume->size);
        else if (
                volume->segment_count !=
                plaintext / volume->segment_size + (plaintext % volume->segment_size > 0 ? 1 : 0))
                fields_refuse(
                        fields,
                        "volumes",
                        "[0].segments.count %" PRIu64 " does not go with the size",
                        volume->segment_count);
}

void record_check(Fields *fields, const Record *record) {
        uint64_t end = 0;
        if (fields->r < 0)
                return;
        check_links(fields, record);
        check_databases(fields, record);
        check_members(fields, record, &end);
        check_control_files(fields, record);
        check_volume(fields, record, end);
}
