/* See staging.h. Called at the commit, at a restore, by job/recovery, and when a backup is deleted.
 *
 * A row OWED_STAGED: name is the directory, data the SIDs whose chain still needs it, one a line.
 */
#include "job/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/strings.h"

enum { DEPTH_MAX = 16 };

/* ---- rows ---- */

static void free_rows(Owed *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                owed_done(&rows[i]);
        free(rows);
}

static int owe_directory(LedgerDb *db, const char *backup_id, const char *directory, Error *err) {
        return ledger_owed_add(
                db, &(OwedWork){OWED_DIRECTORY, backup_id, directory, NULL, 0}, NULL, err);
}

static int owe_small_files(LedgerDb *db, const char *backup_id, const char *directory, Error *err) {
        CLEANUP(cleanup_free) char *files = path_join(directory, ".files");
        return files == NULL ? error_oom(err) : owe_directory(db, backup_id, files, err);
}

static int replace(LedgerDb *db, const Owed *row, const char *owner, Error *err) {
        int r = ledger_owed_remove(db, row->id, err);
        return r < 0 ? r : owe_directory(db, owner, row->name, err);
}

static bool holds(const Record *record, const char *sid) {
        for (size_t i = 0; i < record->n_databases; i++)
                if (string_equal(record->databases[i].sid, sid))
                        return true;
        return false;
}

/* The SIDs of the row that the new level 0 does not hold. */
static int left_of(const Owed *row, const Record *record, Text *ret, Error *err) {
        CLEANUP(cleanup_free) char *sids = strndup(row->data == NULL ? "" : row->data, row->size);
        char *state = NULL;

        for (char *sid = sids == NULL ? NULL : strtok_r(sids, "\n", &state); sid != NULL;
             sid = strtok_r(NULL, "\n", &state))
                if (!holds(record, sid))
                        text_appendf(ret, "%s\n", sid);
        return sids == NULL || ret->failed ? error_oom(err) : 0;
}

static int
keep_row(LedgerDb *db, const char *backup_id, const char *directory, const Text *sids, Error *err) {
        return ledger_owed_add(
                db,
                &(OwedWork){OWED_STAGED, backup_id, directory, sids->data, sids->length},
                NULL,
                err);
}

/* A chain ends for the databases that have a new level 0; of the others nothing may go. */
static int settle_row(LedgerDb *db, const Owed *row, const Record *record, bool keep, Error *err) {
        CLEANUP(text_done) Text left = TEXT_INIT;

        if (keep && record->level > 0)
                return 0;
        int r = left_of(row, record, &left, err);
        if (r < 0)
                return r;
        if (!keep || left.length == 0)
                return replace(db, row, record->id, err);
        r = ledger_owed_remove(db, row->id, err);
        return r < 0 ? r : keep_row(db, row->backup_id, row->name, &left, err);
}

static int add_row(LedgerDb *db, const Record *record, const char *directory, Error *err) {
        CLEANUP(text_done) Text sids = TEXT_INIT;

        for (size_t i = 0; i < record->n_databases; i++)
                text_appendf(&sids, "%s\n", record->databases[i].sid);
        if (sids.failed)
                return error_oom(err);
        int r = keep_row(db, record->id, directory, &sids, err);
        return r < 0 ? r : owe_small_files(db, record->id, directory, err);
}

int staging_settle(
        LedgerDb *db, const Record *record, const char *directory, bool keep, Error *err) {
        Owed *rows = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &rows, &n, err);

        for (size_t i = 0; r >= 0 && i < n; i++)
                if (rows[i].type == OWED_STAGED)
                        r = settle_row(db, &rows[i], record, keep, err);
        free_rows(rows, n);
        if (r < 0 || directory == NULL)
                return r;
        return keep ? add_row(db, record, directory, err)
                    : owe_directory(db, record->id, directory, err);
}

int staging_release(LedgerDb *db, const char *backup_id, Error *err) {
        Owed *rows = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &rows, &n, err);

        for (size_t i = 0; r >= 0 && i < n; i++)
                if (rows[i].type == OWED_STAGED && string_equal(rows[i].backup_id, backup_id))
                        r = replace(db, &rows[i], backup_id, err);
        free_rows(rows, n);
        return r;
}

int staging_is_kept(LedgerDb *db, const char *directory, bool *ret, Error *err) {
        Owed *rows = NULL;
        size_t n = 0;
        bool kept = false;
        int r = ledger_owed(db, &rows, &n, err);

        for (size_t i = 0; r >= 0 && i < n; i++)
                kept |= rows[i].type == OWED_STAGED && string_equal(rows[i].name, directory);
        free_rows(rows, n);
        if (r >= 0)
                *ret = kept;
        return r;
}

int staging_owe_removal(LedgerDb *db, const char *backup_id, const char *directory, Error *err) {
        bool kept = false;
        int r = staging_is_kept(db, directory, &kept, err);

        if (r < 0)
                return r;
        return kept ? owe_small_files(db, backup_id, directory, err)
                    : owe_directory(db, backup_id, directory, err);
}

/* ---- partial files ---- */

static int tidy(int directory, const char *path, unsigned depth, Error *err);

static int
tidy_entry(int directory, const char *path, const char *name, unsigned depth, Error *err) {
        CLEANUP(cleanup_free) char *below = path_join(path, name);
        struct stat st;

        if (below == NULL)
                return error_oom(err);
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0
                                       : error_set_errno(err, ERROR_INTERNAL, -errno, "%s", below);
        if (S_ISDIR(st.st_mode) && string_equal(name, ".files"))
                return directory_remove_tree(below, err);
        if (S_ISDIR(st.st_mode)) {
                int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                return fd < 0 ? error_set_errno(err, ERROR_INTERNAL, -errno, "%s", below)
                              : tidy(fd, below, depth + 1, err);
        }
        if (string_ends_with(name, ".part") && unlinkat(directory, name, 0) < 0 && errno != ENOENT)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "%s", below);
        return 0;
}

/* Takes the descriptor. */
static int tidy(int directory, const char *path, unsigned depth, Error *err) {
        DIR *stream = depth > DEPTH_MAX ? NULL : fdopendir(directory);
        int r = 0;

        if (stream == NULL) {
                r = error_set_errno(
                        err, ERROR_INTERNAL, depth > DEPTH_MAX ? -ELOOP : -errno, "%s", path);
                close(directory);
                return r;
        }
        for (const struct dirent *entry = readdir(stream); entry != NULL && r >= 0;
             entry = readdir(stream))
                if (!string_equal(entry->d_name, ".") && !string_equal(entry->d_name, ".."))
                        r = tidy_entry(dirfd(stream), path, entry->d_name, depth, err);
        closedir(stream);
        return r;
}

int staging_tidy(const char *directory, Error *err) {
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(err, ERROR_INTERNAL, -errno, "%s", directory);
        return tidy(fd, directory, 0, err);
}
