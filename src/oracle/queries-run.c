/* Rows about a run, about a restored control file and about sessions -> facts. Called by the runs
 * of this folder. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/queries-fill.h"
#include "oracle/queries.h"

static const Field thread_fields[] = {
        FIELD(ThreadFacts, 0, FIELD_U32, thread),
        FIELD(ThreadFacts, 3, FIELD_U64, sequence),
        FIELD(ThreadFacts, 4, FIELD_U64, first_scn),
};
static const Field piece_fields[] = {
        FIELD(PieceFacts, 0, FIELD_STRING, handle),
        FIELD(PieceFacts, 1, FIELD_U64, bytes),
        FIELD(PieceFacts, 2, FIELD_U64_OR_0, block_size),
        FIELD(PieceFacts, 3, FIELD_U64, piece),
        FIELD(PieceFacts, 4, FIELD_U64, copy),
        FIELD(PieceFacts, 5, FIELD_U64, pieces),
        FIELD(PieceFacts, 6, FIELD_CHARS, status),
        FIELD(PieceFacts, 7, FIELD_CHARS, device),
        FIELD(PieceFacts, 8, FIELD_YES, in_recovery_area),
        FIELD(PieceFacts, 9, FIELD_CHARS, backup_type),
        FIELD(PieceFacts, 11, FIELD_YES, controlfile_included),
        FIELD(PieceFacts, 12, FIELD_U64, set_stamp),
        FIELD(PieceFacts, 13, FIELD_U64, set_count),
};
static const Field backup_datafile_fields[] = {
        FIELD(BackupDatafileFacts, 0, FIELD_U32, file),
        FIELD(BackupDatafileFacts, 1, FIELD_U64_OR_0, creation_scn),
        FIELD(BackupDatafileFacts, 2, FIELD_U64, resetlogs_scn),
        FIELD(BackupDatafileFacts, 3, FIELD_U64_OR_0, level),
        FIELD(BackupDatafileFacts, 4, FIELD_U64_OR_0, incremental_scn),
        FIELD(BackupDatafileFacts, 5, FIELD_U64, checkpoint_scn),
        FIELD(BackupDatafileFacts, 6, FIELD_U64_OR_0, fuzzy_scn),
        FIELD(BackupDatafileFacts, 10, FIELD_U64_OR_0, datafile_blocks),
        FIELD(BackupDatafileFacts, 11, FIELD_U64_OR_0, blocks),
        FIELD(BackupDatafileFacts, 12, FIELD_U64_OR_0, block_size),
        FIELD(BackupDatafileFacts, 13, FIELD_U64, set_stamp),
        FIELD(BackupDatafileFacts, 14, FIELD_U64, set_count),
};
static const Field log_fields[] = {
        FIELD(BackupLogFacts, 0, FIELD_U32, thread),
        FIELD(BackupLogFacts, 1, FIELD_U64, sequence),
        FIELD(BackupLogFacts, 2, FIELD_U64, resetlogs_scn),
        FIELD(BackupLogFacts, 3, FIELD_U64, first_scn),
        FIELD(BackupLogFacts, 4, FIELD_U64, next_scn),
};
static const Field session_fields[] = {
        FIELD(SessionFacts, 0, FIELD_U32, sid),
        FIELD(SessionFacts, 1, FIELD_U32, serial),
};
static const Field base_fields[] = {
        FIELD(BaseFacts, 0, FIELD_U32, file),
        FIELD(BaseFacts, 1, FIELD_U64, creation_scn),
        FIELD(BaseFacts, 2, FIELD_U64, resetlogs_scn),
        FIELD(BaseFacts, 3, FIELD_U64, level),
        FIELD(BaseFacts, 4, FIELD_U64, checkpoint_scn),
        FIELD(BaseFacts, 5, FIELD_CHARS, tag),
        FIELD(BaseFacts, 10, FIELD_CHARS, completed),
};
static const Field copy_fields[] = {
        FIELD(BaseFacts, 0, FIELD_U32, file),
        FIELD(BaseFacts, 1, FIELD_U64, creation_scn),
        FIELD(BaseFacts, 2, FIELD_U64, checkpoint_scn),
        FIELD(BaseFacts, 3, FIELD_U64, level),
        FIELD(BaseFacts, 4, FIELD_CHARS, tag),
        FIELD(BaseFacts, 6, FIELD_CHARS, completed),
};

static int more_of_backup_datafile(const Row *row, void *item, Error *err) {
        BackupDatafileFacts *file = item;
        const char *level = "";
        int r;

        r = row_string(row, 3, &level, err);
        file->has_level = *level != '\0';
        for (size_t i = 7; i <= 9 && r == 0; i++) {
                uint64_t n = 0;

                r = row_uint_or(row, i, 0, &n, err);
                file->corrupt += n;
        }
        return r;
}

static int more_of_base(const Row *row, void *item, Error *err) {
        const char *low = "", *high = "";
        int r;

        r = row_string(row, 8, &low, err);
        if (r == 0)
                r = row_string(row, 9, &high, err);
        ((BaseFacts *)item)->available = string_equal(low, "A") && string_equal(high, "A");
        return r;
}

static int more_of_copy(const Row *row, void *item, Error *err) {
        ((BaseFacts *)item)->copy = ((BaseFacts *)item)->available = true;
        return 0;
}

int queries_count(const Rows *rows, const char *label, uint64_t *ret, Error *err) {
        const Row *row = NULL;
        int r;

        r = rows_only(rows, label, &row, err);
        return r < 0 ? r : row_uint(row, 0, ret, err);
}

static int read_run_arrays(const Rows *rows, RunFacts *ret, Error *err) {
        void *array = NULL;
        int r;

        r = facts_read_array(
                rows, READER("A1", piece_fields, PieceFacts, NULL), &array, &ret->n_pieces, err);
        ret->pieces = TAKE_PTR(array);
        if (r < 0)
                return r;
        r = facts_read_array(
                rows,
                READER("A2", backup_datafile_fields, BackupDatafileFacts, more_of_backup_datafile),
                &array,
                &ret->n_datafiles,
                err);
        ret->datafiles = TAKE_PTR(array);
        if (r < 0)
                return r;
        r = facts_read_array(
                rows, READER("A3", log_fields, BackupLogFacts, NULL), &array, &ret->n_logs, err);
        ret->logs = TAKE_PTR(array);
        return r;
}

static int read_names(const Rows *rows, const char *label, StringList *ret, Error *err) {
        const char *name = "";
        int r = 0;

        for (size_t i = 0; i < rows->n && r == 0; i++) {
                if (!string_equal(rows->rows[i].label, label))
                        continue;
                r = row_string(&rows->rows[i], 0, &name, err);
                if (r == 0 && *name != '\0' && string_list_add(ret, name) < 0)
                        r = error_oom(err);
        }
        return r;
}

static int read_run(const Rows *rows, RunFacts *facts, Error *err) {
        const char *offset = "";
        const Row *row = NULL;
        int r;

        r = rows_only(rows, "P2", &row, err);
        if (r == 0)
                r = row_uint(row, 0, &facts->dbid, err);
        if (r == 0)
                r = row_uint(row, 9, &facts->resetlogs_scn, err);
        if (r == 0)
                r = row_string(row, 11, &offset, err);
        if (r == 0)
                r = facts_set(&facts->utc_offset, offset, err);
        if (r == 0)
                r = read_run_arrays(rows, facts, err);
        if (r == 0)
                r = facts_read_datafiles(rows, &facts->structure, &facts->n_structure, err);
        if (r == 0)
                r = read_names(rows, "A4N", &facts->structure_files, err);
        return r < 0 ? r : queries_count(rows, "A5", &facts->corrupt_blocks, err);
}

int queries_run(const Rows *rows, RunFacts *ret, Error *err) {
        RunFacts facts = {0};
        int r;

        r = read_run(rows, &facts, err);
        if (r < 0) {
                run_facts_done(&facts);
                return r;
        }
        *ret = facts;
        return 0;
}

int queries_times(const Rows *rows, RunFacts *facts, Error *err) {
        const char *fuzzy = "", *until = "";
        const Row *row = NULL;
        int r;

        r = rows_only(rows, "A6", &row, err);
        if (r == 0)
                r = row_string(row, 0, &fuzzy, err);
        if (r == 0)
                r = row_string(row, 1, &until, err);
        if (r == 0)
                r = facts_set(&facts->fuzzy_time, fuzzy, err);
        return r < 0 ? r : facts_set(&facts->until_time, until, err);
}

int queries_threads(const Rows *rows, ThreadFacts **ret, size_t *ret_n, Error *err) {
        void *array = NULL;
        size_t n = 0;
        int r;

        r = facts_read_array(rows, READER("P5", thread_fields, ThreadFacts, NULL), &array, &n, err);
        if (r == 0 && n == 0)
                r = error_set(err, ERROR_ORACLE, -EBADMSG, "SQL*Plus printed no row P5 (V$THREAD)");
        if (r < 0) {
                free(array);
                return r;
        }
        *ret = array;
        *ret_n = n;
        return 0;
}

int queries_sessions(const Rows *rows, SessionFacts **ret, size_t *ret_n, Error *err) {
        void *array = NULL;
        size_t n = 0;
        int r;

        r = facts_read_array(
                rows, READER("S1", session_fields, SessionFacts, NULL), &array, &n, err);
        if (r < 0) {
                free(array);
                return r;
        }
        *ret = array;
        *ret_n = n;
        return 0;
}

int queries_bases(const Rows *rows, BaseFacts **ret, size_t *ret_n, Error *err) {
        void *bases = NULL, *copies = NULL;
        BaseFacts *all = NULL;
        size_t n = 0, n_copies = 0;
        int r;

        r = facts_read_array(
                rows, READER("P8", base_fields, BaseFacts, more_of_base), &bases, &n, err);
        if (r == 0)
                r = facts_read_array(
                        rows,
                        READER("P8C", copy_fields, BaseFacts, more_of_copy),
                        &copies,
                        &n_copies,
                        err);
        if (r >= 0) {
                all = reallocarray(bases, n + n_copies + 1, sizeof(BaseFacts));
                if (all == NULL)
                        r = error_oom(err);
        }
        if (r < 0) {
                free(bases);
                free(copies);
                return r;
        }
        if (n_copies > 0)
                memcpy(all + n, copies, n_copies * sizeof(BaseFacts));
        free(copies);
        *ret = all;
        *ret_n = n + n_copies;
        return 0;
}

typedef struct Incarnation {
        uint64_t number, resetlogs_scn;
        const char *status, *resetlogs_time;
} Incarnation;

static int read_incarnation(const Row *row, Incarnation *ret, Error *err) {
        int r = row_uint(row, 0, &ret->number, err);
        if (r == 0)
                r = row_uint(row, 1, &ret->resetlogs_scn, err);
        if (r == 0)
                r = row_string(row, 2, &ret->status, err);
        return r == 0 ? row_string(row, 3, &ret->resetlogs_time, err) : r;
}

int queries_incarnation(
        const Rows *rows,
        uint64_t resetlogs_scn,
        const char *resetlogs_time,
        uint64_t *ret,
        Error *err) {
        size_t n_scn = 0;
        for (size_t i = 0; i < rows->n; i++) {
                Incarnation one = {0};
                if (!string_equal(rows->rows[i].label, "I1"))
                        continue;
                int r = read_incarnation(&rows->rows[i], &one, err);
                if (r < 0)
                        return r;
                if (one.resetlogs_scn != resetlogs_scn)
                        continue;
                bool current = string_equal(one.status, "CURRENT");
                bool exact = resetlogs_time != NULL
                                     ? string_equal(one.resetlogs_time, resetlogs_time)
                                     : current;
                if (exact || n_scn == 0)
                        *ret = current ? 0 : one.number;
                if (exact)
                        return 0;
                n_scn++;
        }
        if (n_scn == 1)
                return 0;
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -ENODATA,
                "the control file knows %s incarnation with resetlogs SCN %" PRIu64 "%s%s",
                n_scn == 0 ? "no" : "more than one",
                resetlogs_scn,
                n_scn > 0 && resetlogs_time != NULL ? ", none of " : "",
                n_scn > 0 && resetlogs_time != NULL ? resetlogs_time : "");
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int queries_missing_pieces(
        const Rows *rows, const StringList *pieces, StringList *ret_missing, Error *err) {
        StringList known = {0};
        int r;

        r = read_names(rows, "R5", &known, err);
        if (r == 0 && known.n > 0)
                qsort(known.items, known.n, sizeof(char *), compare_strings);
        for (size_t i = 0; i < pieces->n && r == 0; i++) {
                bool found = known.n > 0 && bsearch(&pieces->items[i],
                                                    known.items,
                                                    known.n,
                                                    sizeof(char *),
                                                    compare_strings) != NULL;

                if (!found && string_list_add(ret_missing, pieces->items[i]) < 0)
                        r = error_oom(err);
        }
        string_list_done(&known);
        return r;
}

static int check_header(const Row *row, uint64_t until_scn, StringList *warnings, Error *err) {
        uint64_t file = 0, checkpoint = 0;
        const char *error = "", *fuzzy = "";
        char line[160];
        int r;

        r = row_uint(row, 0, &file, err);
        if (r == 0)
                r = row_string(row, 2, &error, err);
        if (r == 0)
                r = row_string(row, 4, &fuzzy, err);
        if (r == 0)
                r = row_uint_or(row, 5, 0, &checkpoint, err);
        if (r < 0)
                return r;
        if (*error != '\0' || string_equal(fuzzy, "YES"))
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -EIO,
                        "data file %" PRIu64 " cannot be opened after recovery: %s",
                        file,
                        *error != '\0' ? error : "its header is fuzzy");
        if (until_scn == 0 || checkpoint == until_scn)
                return 0;
        snprintf(
                line,
                sizeof(line),
                "data file %" PRIu64 " is at SCN %" PRIu64 " after recovery until %" PRIu64,
                file,
                checkpoint,
                until_scn);
        return string_list_add(warnings, line) < 0 ? error_oom(err) : 0;
}

int queries_headers(const Rows *rows, uint64_t until_scn, StringList *warnings, Error *err) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < rows->n && r == 0; i++) {
                if (!string_equal(rows->rows[i].label, "R7"))
                        continue;
                r = check_header(&rows->rows[i], until_scn, warnings, err);
                n++;
        }
        if (r == 0 && n == 0)
                r = error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "SQL*Plus printed no row R7 (V$DATAFILE_HEADER)");
        return r;
}

int queries_remote_destinations(const Rows *rows, StringList *ret, Error *err) {
        for (size_t i = 0; i < rows->n; i++) {
                const Row *row = &rows->rows[i];
                const char *name = "", *target = "";
                int r;

                if (!string_equal(row->label, "P6D"))
                        continue;
                r = row_string(row, 0, &name, err);
                if (r == 0)
                        r = row_string(row, 2, &target, err);
                if (r < 0)
                        return r;
                if ((string_equal(target, "STANDBY") || string_equal(target, "REMOTE")) &&
                    string_list_add(ret, name) < 0)
                        return error_oom(err);
        }
        return 0;
}
