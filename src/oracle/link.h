/* The proof that a level 1 continues its parent, file by file. RMAN bases a level 1 on whatever its
 * control file holds and knows nothing of our chains: so what it would take is compared with the
 * parent before the run, and what it took afterwards. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/facts.h"

/* A data file as the parent's record has it. */
typedef struct LinkFile {
        uint32_t file;
        uint64_t creation_scn, base_scn; /* where a level 1 must start */
        const char *name;
} LinkFile;

/* NULL: not in the parent (a number is used again after a drop, hence the creation SCN). */
const LinkFile *link_find(const LinkFile *files, size_t n, uint32_t file, uint64_t creation_scn);

/* Before RMAN. ChainBroken names the file, and tag and time of what is in the way. A file that the
 * parent lacks is none of its business. */
int link_check_bases(
        const char *sid,
        const LinkFile *parent,
        size_t n_parent,
        const DatabaseFacts *facts,
        Error *err);

typedef struct LinkRun {
        const char *sid;
        const LinkFile *parent;
        size_t n_parent;
        const RunFacts *facts;
        const uint32_t *unchanged; /* what RMAN skipped because it has not changed */
        size_t n_unchanged;
} LinkRun;
/* After RMAN, for every file there is now, exactly one holds: its level 1 starts at the parent's
 * base_scn; it is new and has a level 0 in this run; it is unchanged since the parent. Else
 * ChainBroken. notes: files of the parent that were dropped. */
int link_check_run(const LinkRun *run, StringList *notes, Error *err);
