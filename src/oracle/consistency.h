/* Does this run stand alone? The arithmetic of the backup rules, on every number, in C. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/facts.h"

typedef struct LogRange {
        uint32_t thread;
        uint64_t first_sequence, last_sequence, first_scn, next_scn;
} LogRange;

/* A file number is used again after a drop; with its creation SCN it is one file. */
typedef struct FileKey {
        uint32_t file;
        uint64_t creation_scn; /* 0: not known (an unchanged file) */
} FileKey;

typedef struct Consistency {
        uint64_t low_scn, fuzzy_scn, until_scn;
        LogRange *logs; /* one per thread, contiguous */
        size_t n_logs;
        /* Where the run is not whole yet, without being wrong: a supplementary round can mend it.
         */
        uint32_t *missing_files; /* of the structure, not in the backup (created meanwhile, or too
                                    late for until_scn) */
        size_t n_missing_files;
        FileKey *dropped; /* in the backup, but not in the structure any more */
        size_t n_dropped;
        bool needs_round; /* files added or dropped: another round of datafiles, logs, control file
                           */
} Consistency;
void consistency_done(Consistency *consistency);

typedef struct LogHole {
        uint32_t thread;
        uint64_t first_sequence, last_sequence;
} LogHole;

typedef struct ConsistencyInput {
        const RunFacts *run;
        const ThreadFacts *threads; /* enabled threads, from the preflight */
        size_t n_threads;
        /* Of a level 1: the files of its parent. Any other file needs a level 0 in this run. */
        bool is_level1;
        const FileKey *parent_files;
        size_t n_parent_files;
        const uint32_t *unchanged; /* files RMAN skipped because they have not changed (level 1) */
        size_t n_unchanged;
        /* What an earlier round found dropped: the logs and the control file of this round are
         * newer than the drop, so these need no further one. */
        const FileKey *known_dropped;
        size_t n_known_dropped;
        uint64_t dbid, resetlogs_scn;
} ConsistencyInput;
/* 0: whole (see needs_round). -ENODATA with NotConsistent and *ret_hole: a hole in the logs, which
 * may be cured once. Other: NotConsistent, final. */
int consistency_check(
        const ConsistencyInput *input, Consistency *ret, LogHole *ret_hole, Error *err);

/* The size rule: a piece's file is BYTES + BLOCK_SIZE or BYTES. */
bool piece_size_plausible(const PieceFacts *piece, uint64_t file_size);
