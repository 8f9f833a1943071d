/* The members of a backup as the record lists them, in the order in which they joined the tar. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/backup-run.h"
#include "repository/record.h"

typedef struct Members {
        RecordMember *items;
        bool lent;       /* the items are the record's, which frees them; nothing is added then */
        bool *confirmed; /* the database's run has checked the piece against V$BACKUP_PIECE */
        bool *released;  /* its staged file is gone */
        size_t n, n_allocated;
} Members;
void members_done(Members *members);

/* path is absolute; the tar's has no leading '/'. `member` gives the rest; its strings are copied.
 */
int members_add(Members *members, const char *path, const RecordMember *member, Error *err);

/* After a database's run: what each of its pieces holds, and that it is confirmed. RmanFailed
 * names a piece that the run does not know. */
int members_confirm(Members *members, const char *sid, const RunFacts *facts, Error *err);

/* Pieces that need not stay staged: confirmed, and wholly below what the store holds. Marks them;
 * gives their absolute paths. */
int members_release(Members *members, uint64_t stored_below, StringList *ret, Error *err);
