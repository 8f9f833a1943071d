/* What becomes of staged pieces once their backup is COMPLETED ([store] release). With `chain` they
 * stay in <backup_dir>/<backup_id>, where RMAN's records of them say they are, until a level 0 of
 * the same databases is COMPLETED: rows of type OWED_STAGED in the ledger, which no pass touches.
 *
 * All but the last are for the ledger's thread. */
#pragma once

#include <stdbool.h>

#include "ledger/db.h"
#include "repository/record.h"

/* At COMPLETED. keep: these pieces stay. Older ones go (they are owed for removal with this
 * backup) when this is a level 0 of all their databases, or when nothing is kept any more. */
int staging_settle(
        LedgerDb *db, const Record *record, const char *directory, bool keep, Error *err);
/* The backup is deleted: its pieces are owed for removal. None: success. */
int staging_release(LedgerDb *db, const char *backup_id, Error *err);

int staging_is_kept(LedgerDb *db, const char *directory, bool *ret, Error *err);
/* What a restore fetched into `directory` is owed for removal with `backup_id`; kept pieces, which
 * it has renewed, are not. */
int staging_owe_removal(LedgerDb *db, const char *backup_id, const char *directory, Error *err);

/* What a restore that was cut off left among kept pieces goes: partial files and small files.
 * Blocking. */
int staging_tidy(const char *directory, Error *err);
