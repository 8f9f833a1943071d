/* Does a run stand alone? Arithmetic on every number of the run: which files count, where the redo
 * must begin and end, whether the logs are contiguous, and whether the structure has changed
 * meanwhile. Pure; called by oracle/backup-run.c after RMAN ended. */
#include "oracle/consistency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* NEXT_CHANGE# of a log that is still written (2^48 - 1). */
static const uint64_t SCN_NONE = 281474976710655;

void consistency_done(Consistency *consistency) {
        free(consistency->logs);
        free(consistency->missing_files);
        free(consistency->dropped);
        *consistency = (Consistency){0};
}

static const DatafileFacts *structure_find(const RunFacts *run, uint32_t file) {
        for (size_t i = 0; i < run->n_structure; i++)
                if (run->structure[i].file == file)
                        return &run->structure[i];
        return NULL;
}

/* Cleanly stopped when it was backed up, and since: recovery needs no redo for it, so its old
 * checkpoint must not count. */
static bool was_settled(const DatafileFacts *file, const BackupDatafileFacts *row) {
        return file != NULL && file->settled && file->checkpoint_scn == row->checkpoint_scn &&
               row->fuzzy_scn <= row->checkpoint_scn;
}

/* A row whose file is still the same file, of this incarnation. */
static bool row_counts(const ConsistencyInput *input, const BackupDatafileFacts *row) {
        const DatafileFacts *file = structure_find(input->run, row->file);

        return row->file > 0 && row->resetlogs_scn == input->resetlogs_scn && file != NULL &&
               file->creation_scn == row->creation_scn;
}

static int check_identity(const ConsistencyInput *input, Error *err) {
        const RunFacts *run = input->run;

        if (run->dbid != input->dbid)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EIO,
                        "the DBID changed during the run, from %" PRIu64 " to %" PRIu64,
                        input->dbid,
                        run->dbid);
        if (run->resetlogs_scn != input->resetlogs_scn)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EIO,
                        "the database was opened with RESETLOGS during the run (resetlogs SCN "
                        "%" PRIu64 ", before %" PRIu64 ")",
                        run->resetlogs_scn,
                        input->resetlogs_scn);
        return 0;
}

/* low_scn and fuzzy_scn. A level 1 in which nothing has changed has no row: then the logs alone
 * decide, from where the threads stood before RMAN. */
static void compute_file_scns(const ConsistencyInput *input, Consistency *result) {
        const RunFacts *run = input->run;
        bool any = false;

        for (size_t i = 0; i < run->n_datafiles; i++) {
                const BackupDatafileFacts *row = &run->datafiles[i];
                uint64_t end =
                        row->checkpoint_scn > row->fuzzy_scn ? row->checkpoint_scn : row->fuzzy_scn;

                if (!row_counts(input, row) || was_settled(structure_find(run, row->file), row))
                        continue;
                if (!any || row->checkpoint_scn < result->low_scn)
                        result->low_scn = row->checkpoint_scn;
                if (!any || end > result->fuzzy_scn)
                        result->fuzzy_scn = end;
                any = true;
        }
        if (any)
                return;
        for (size_t i = 0; i < input->n_threads; i++)
                if (input->threads[i].first_scn > result->low_scn)
                        result->low_scn = result->fuzzy_scn = input->threads[i].first_scn;
}

static int compare_logs(const void *a, const void *b) {
        const BackupLogFacts *x = a, *y = b;

        return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The logs of one thread and this incarnation, by sequence, each once. Caller frees. */
static int collect_logs(
        const ConsistencyInput *input,
        uint32_t thread,
        BackupLogFacts **ret,
        size_t *ret_n,
        Error *err) {
        const RunFacts *run = input->run;
        BackupLogFacts *logs = calloc(run->n_logs + 1, sizeof(BackupLogFacts));
        size_t n = 0, unique = 0;

        if (logs == NULL)
                return error_oom(err);
        for (size_t i = 0; i < run->n_logs; i++)
                if (run->logs[i].thread == thread && run->logs[i].next_scn < SCN_NONE &&
                    run->logs[i].resetlogs_scn == input->resetlogs_scn)
                        logs[n++] = run->logs[i];
        qsort(logs, n, sizeof(BackupLogFacts), compare_logs);
        for (size_t i = 0; i < n; i++)
                if (unique == 0 || logs[unique - 1].sequence != logs[i].sequence)
                        logs[unique++] = logs[i];
        *ret = logs;
        *ret_n = unique;
        return 0;
}

static int hole(uint32_t thread, uint64_t first, uint64_t last, LogHole *ret_hole, Error *err) {
        if (ret_hole != NULL)
                *ret_hole = (LogHole){thread, first, last};
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -ENODATA,
                "archived logs of thread %" PRIu32 ", sequence %" PRIu64 " to %" PRIu64
                " are not in the backup",
                thread,
                first,
                last);
}

static int check_contiguous(const BackupLogFacts *logs, size_t n, LogHole *ret_hole, Error *err) {
        for (size_t i = 1; i < n; i++) {
                if (logs[i].sequence != logs[i - 1].sequence + 1)
                        return hole(
                                logs[i].thread,
                                logs[i - 1].sequence + 1,
                                logs[i].sequence - 1,
                                ret_hole,
                                err);
                if (logs[i].first_scn != logs[i - 1].next_scn)
                        return error_set(
                                err,
                                ERROR_NOT_CONSISTENT,
                                -EIO,
                                "archived log %" PRIu64 " of thread %" PRIu32
                                " begins at SCN %" PRIu64 ", its predecessor ends at %" PRIu64,
                                logs[i].sequence,
                                logs[i].thread,
                                logs[i].first_scn,
                                logs[i - 1].next_scn);
        }
        return 0;
}

/* The logs must begin at or before the first block that was read. */
static int check_beginning(
        const ThreadFacts *thread,
        const BackupLogFacts *logs,
        size_t n,
        uint64_t low_scn,
        LogHole *ret_hole,
        Error *err) {
        if (n == 0)
                return hole(thread->thread, thread->sequence, thread->sequence, ret_hole, err);
        if (logs[0].first_scn <= low_scn)
                return 0;
        if (logs[0].sequence > thread->sequence)
                return hole(thread->thread, thread->sequence, logs[0].sequence - 1, ret_hole, err);
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -EIO,
                "the archived logs of thread %" PRIu32 " begin at SCN %" PRIu64
                ", after the first data file's checkpoint %" PRIu64
                " (is a tablespace in backup mode?)",
                thread->thread,
                logs[0].first_scn,
                low_scn);
}

static int check_thread(
        const ConsistencyInput *input,
        const ThreadFacts *thread,
        Consistency *result,
        LogHole *ret_hole,
        Error *err) {
        BackupLogFacts *logs = NULL;
        size_t n = 0;
        int r;

        r = collect_logs(input, thread->thread, &logs, &n, err);
        if (r < 0)
                return r;
        r = check_beginning(thread, logs, n, result->low_scn, ret_hole, err);
        if (r == 0)
                r = check_contiguous(logs, n, ret_hole, err);
        if (r == 0) {
                const BackupLogFacts *last = &logs[n - 1];

                result->logs[result->n_logs++] = (LogRange){
                        thread->thread,
                        logs[0].sequence,
                        last->sequence,
                        logs[0].first_scn,
                        last->next_scn};
                if (result->n_logs == 1 || last->next_scn < result->until_scn)
                        result->until_scn = last->next_scn;
        }
        free(logs);
        return r;
}

static int
check_logs(const ConsistencyInput *input, Consistency *result, LogHole *ret_hole, Error *err) {
        int r = 0;

        if (input->n_threads == 0)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EIO,
                        "no redo thread of the database is enabled");
        result->logs = calloc(input->n_threads, sizeof(LogRange));
        if (result->logs == NULL)
                return error_oom(err);
        for (size_t i = 0; i < input->n_threads && r == 0; i++)
                r = check_thread(input, &input->threads[i], result, ret_hole, err);
        return r;
}

static bool is_of_parent(const ConsistencyInput *input, const DatafileFacts *file) {
        for (size_t i = 0; i < input->n_parent_files; i++)
                if (input->parent_files[i].file == file->file &&
                    input->parent_files[i].creation_scn == file->creation_scn)
                        return true;
        return false;
}

/* What RMAN skipped counts only for a file of the parent: a number may be that of a new file by
 * now. */
static bool is_unchanged(const ConsistencyInput *input, const DatafileFacts *file) {
        for (size_t i = 0; i < input->n_unchanged; i++)
                if (input->unchanged[i] == file->file)
                        return !input->is_level1 || is_of_parent(input, file);
        return false;
}

/* A chain holds a level 0 of each of its files: a file the parent lacks must have one here. */
static bool has_row(const ConsistencyInput *input, const DatafileFacts *file) {
        const RunFacts *run = input->run;
        bool any_level = !input->is_level1 || is_of_parent(input, file);

        for (size_t i = 0; i < run->n_datafiles; i++) {
                const BackupDatafileFacts *row = &run->datafiles[i];

                if (row->file == file->file && row_counts(input, row) &&
                    (any_level || row->level == 0))
                        return true;
        }
        return false;
}

static bool is_known(const ConsistencyInput *input, const FileKey *key) {
        for (size_t i = 0; i < input->n_known_dropped; i++)
                if (input->known_dropped[i].file == key->file &&
                    input->known_dropped[i].creation_scn == key->creation_scn)
                        return true;
        return false;
}

static void add_dropped(const ConsistencyInput *input, Consistency *result, FileKey key) {
        for (size_t i = 0; i < result->n_dropped; i++)
                if (result->dropped[i].file == key.file &&
                    result->dropped[i].creation_scn == key.creation_scn)
                        return;
        result->dropped[result->n_dropped++] = key;
        if (!is_known(input, &key))
                result->needs_round = true;
}

/* Files of the structure that the backup lacks, or that are younger than its last change. */
static void find_missing(const ConsistencyInput *input, Consistency *result) {
        const RunFacts *run = input->run;

        for (size_t i = 0; i < run->n_structure; i++) {
                const DatafileFacts *file = &run->structure[i];
                bool held = has_row(input, file) || is_unchanged(input, file);

                if (held && file->creation_scn < result->until_scn)
                        continue;
                /* one that is held but too young needs later logs only */
                if (!held)
                        result->missing_files[result->n_missing_files++] = file->file;
                result->needs_round = true;
        }
}

/* Files of the backup that are gone, or gone and made again. */
static void find_dropped(const ConsistencyInput *input, Consistency *result) {
        const RunFacts *run = input->run;

        for (size_t i = 0; i < run->n_datafiles; i++) {
                const BackupDatafileFacts *row = &run->datafiles[i];

                if (row->file > 0 && !row_counts(input, row))
                        add_dropped(input, result, (FileKey){row->file, row->creation_scn});
        }
        for (size_t i = 0; i < input->n_unchanged; i++)
                if (structure_find(run, input->unchanged[i]) == NULL)
                        add_dropped(input, result, (FileKey){input->unchanged[i], 0});
}

static int compare_structure(const ConsistencyInput *input, Consistency *result, Error *err) {
        const RunFacts *run = input->run;

        result->missing_files = calloc(run->n_structure + 1, sizeof(uint32_t));
        result->dropped = calloc(run->n_datafiles + input->n_unchanged + 1, sizeof(FileKey));
        if (result->missing_files == NULL || result->dropped == NULL)
                return error_oom(err);
        find_missing(input, result);
        find_dropped(input, result);
        return 0;
}

static int
check(const ConsistencyInput *input, Consistency *result, LogHole *ret_hole, Error *err) {
        int r;

        r = check_identity(input, err);
        if (r < 0)
                return r;
        compute_file_scns(input, result);
        r = check_logs(input, result, ret_hole, err);
        if (r < 0)
                return r;
        /* UNTIL SCN is exclusive: the change at fuzzy_scn itself must be applied, too */
        if (result->until_scn <= result->fuzzy_scn)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EIO,
                        "the archived logs end at SCN %" PRIu64
                        ", the data files need them beyond %" PRIu64,
                        result->until_scn,
                        result->fuzzy_scn);
        return compare_structure(input, result, err);
}

int consistency_check(
        const ConsistencyInput *input, Consistency *ret, LogHole *ret_hole, Error *err) {
        Consistency result = {0};
        int r;

        r = check(input, &result, ret_hole, err);
        if (r < 0) {
                consistency_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}

bool piece_size_plausible(const PieceFacts *piece, uint64_t file_size) {
        uint64_t with_header;

        if (__builtin_add_overflow(piece->bytes, piece->block_size, &with_header))
                return false;
        return file_size > 0 && (file_size == piece->bytes || file_size == with_header);
}
