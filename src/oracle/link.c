/* Every comparison is of SCNs, never of tags: after an unchanged file RMAN's own base of it is an
 * older link than the parent. Called by job/plan.c (before) and oracle/backup-phases.c (after). */
#include "oracle/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

const LinkFile *link_find(const LinkFile *files, size_t n, uint32_t file, uint64_t creation_scn) {
        for (size_t i = 0; i < n; i++)
                if (files[i].file == file && files[i].creation_scn == creation_scn)
                        return &files[i];
        return NULL;
}

/* ---- before ---- */

/* An image copy's incarnation is not told, so it counts. */
static bool may_be_base(const BaseFacts *base, const LinkFile *file, uint64_t resetlogs_scn) {
        return base->available && base->file == file->file &&
               base->creation_scn == file->creation_scn &&
               (base->copy || base->resetlogs_scn == resetlogs_scn);
}

static const BaseFacts *newest_base(const LinkFile *file, const DatabaseFacts *facts) {
        const BaseFacts *newest = NULL;

        for (size_t i = 0; i < facts->n_bases; i++) {
                const BaseFacts *base = &facts->bases[i];

                if (may_be_base(base, file, facts->resetlogs_scn) &&
                    (newest == NULL || base->checkpoint_scn > newest->checkpoint_scn))
                        newest = base;
        }
        return newest;
}

static int in_the_way(const char *sid, const LinkFile *file, const BaseFacts *base, Error *err) {
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -ESTALE,
                "database %s: RMAN would base data file %" PRIu32
                " (%s) on %s with tag %s of %s (SCN %" PRIu64
                "), which is not of this chain; the parent is at SCN %" PRIu64
                ": make a level 0, and keep the other job from making incremental backups",
                sid,
                file->file,
                file->name,
                base->copy ? "an image copy" : "a backup",
                base->tag[0] == '\0' ? "-" : base->tag,
                base->completed[0] == '\0' ? "an unknown time" : base->completed,
                base->checkpoint_scn,
                file->base_scn);
}

static int base_is_gone(const char *sid, const LinkFile *file, Error *err) {
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -ENOENT,
                "database %s: RMAN does not know the backup of data file %" PRIu32
                " (%s) at SCN %" PRIu64
                " any more, which the parent ends with; was it taken away by CROSSCHECK and "
                "DELETE EXPIRED, or did its record age out? Make a level 0",
                sid,
                file->file,
                file->name,
                file->base_scn);
}

static int
check_base(const char *sid, const LinkFile *file, const DatabaseFacts *facts, Error *err) {
        const BaseFacts *base = newest_base(file, facts);

        if (base == NULL || base->checkpoint_scn < file->base_scn)
                return base_is_gone(sid, file, err);
        return base->checkpoint_scn > file->base_scn ? in_the_way(sid, file, base, err) : 0;
}

int link_check_bases(
        const char *sid,
        const LinkFile *parent,
        size_t n_parent,
        const DatabaseFacts *facts,
        Error *err) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < facts->n_datafiles; i++) {
                const LinkFile *file = link_find(
                        parent,
                        n_parent,
                        facts->datafiles[i].file,
                        facts->datafiles[i].creation_scn);

                if (file != NULL)
                        r = check_base(sid, file, facts, err);
        }
        return r;
}

/* ---- after ---- */

static int
broken(const LinkRun *run, const DatafileFacts *file, const char *what, uint64_t scn, Error *err) {
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -ESTALE,
                "database %s: data file %" PRIu32 " (%s) %s %" PRIu64
                "; this level 1 cannot be restored with its parent: make a level 0",
                run->sid,
                file->file,
                file->name,
                what,
                scn);
}

/* The row of the file with the lowest checkpoint above `after`. */
static const BackupDatafileFacts *
next_row(const LinkRun *run, const DatafileFacts *file, const BackupDatafileFacts *after) {
        const BackupDatafileFacts *next = NULL;

        for (size_t i = 0; i < run->facts->n_datafiles; i++) {
                const BackupDatafileFacts *row = &run->facts->datafiles[i];

                if (row->file == file->file && row->creation_scn == file->creation_scn &&
                    (after == NULL || row->checkpoint_scn > after->checkpoint_scn) &&
                    (next == NULL || row->checkpoint_scn < next->checkpoint_scn))
                        next = row;
        }
        return next;
}

/* Of a file of the parent every row must go on where the one before it ended. */
static int
check_known(const LinkRun *run, const DatafileFacts *file, uint64_t base_scn, Error *err) {
        for (const BackupDatafileFacts *row = next_row(run, file, NULL); row != NULL;
             row = next_row(run, file, row)) {
                if (!row->has_level || row->level != 1)
                        return broken(
                                run,
                                file,
                                "was taken whole, its base should be SCN",
                                base_scn,
                                err);
                if (row->incremental_scn != base_scn)
                        return broken(
                                run,
                                file,
                                base_scn > row->incremental_scn
                                        ? "was based on a backup older than the parent, at SCN"
                                        : "was based on a backup newer than the parent, at SCN",
                                row->incremental_scn,
                                err);
                base_scn = row->checkpoint_scn;
        }
        return 0;
}

/* A new file begins with a level 0; increments after it go on from there. */
static int check_new(const LinkRun *run, const DatafileFacts *file, Error *err) {
        const BackupDatafileFacts *last = NULL;

        for (const BackupDatafileFacts *row = next_row(run, file, NULL); row != NULL;
             row = next_row(run, file, row)) {
                if (row->level != 0 && last != NULL && row->incremental_scn != last->checkpoint_scn)
                        return broken(
                                run,
                                file,
                                "is new and was based on another backup than its level 0, at SCN",
                                row->incremental_scn,
                                err);
                if (row->level == 0 || last != NULL)
                        last = row;
        }
        return last != NULL ? 0
                            : broken(run,
                                     file,
                                     "is new and has no level 0 in this backup; created at SCN",
                                     file->creation_scn,
                                     err);
}

static bool was_skipped(const LinkRun *run, uint32_t file) {
        for (size_t i = 0; i < run->n_unchanged; i++)
                if (run->unchanged[i] == file)
                        return true;
        return false;
}

static int
check_unchanged(const LinkRun *run, const DatafileFacts *file, uint64_t base_scn, Error *err) {
        if (!was_skipped(run, file->file))
                return broken(run, file, "is not in this backup; it was at SCN", base_scn, err);
        if (file->checkpoint_scn != base_scn)
                return broken(
                        run,
                        file,
                        "was skipped as unchanged, but its checkpoint is not the parent's, SCN",
                        base_scn,
                        err);
        return 0;
}

static int note_dropped(const LinkRun *run, const LinkFile *file, StringList *notes, Error *err) {
        for (size_t i = 0; i < run->facts->n_structure; i++)
                if (run->facts->structure[i].file == file->file &&
                    run->facts->structure[i].creation_scn == file->creation_scn)
                        return 0;
        char *note = string_printf(
                "data file %" PRIu32 " (%s) was dropped since the parent", file->file, file->name);
        int r = note == NULL || string_list_add(notes, note) < 0 ? error_oom(err) : 0;
        free(note);
        return r;
}

int link_check_run(const LinkRun *run, StringList *notes, Error *err) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < run->facts->n_structure; i++) {
                const DatafileFacts *file = &run->facts->structure[i];
                const LinkFile *known =
                        link_find(run->parent, run->n_parent, file->file, file->creation_scn);

                if (known == NULL)
                        r = check_new(run, file, err);
                else if (next_row(run, file, NULL) == NULL)
                        r = check_unchanged(run, file, known->base_scn, err);
                else
                        r = check_known(run, file, known->base_scn, err);
        }
        for (size_t i = 0; r == 0 && i < run->n_parent; i++)
                r = note_dropped(run, &run->parent[i], notes, err);
        return r;
}
