/* Staged pieces that outlive their backup ([store] release = chain): they stay where RMAN's records
 * say they are until a level 0 of each of their databases is COMPLETED. A row of the ledger stands
 * for each directory. For use on the ledger's thread. */
#pragma once

#include "ledger/db.h"
#include "repository/record.h"

/* What is left below `directory` (the pieces, not the small files) is kept. */
int kept_add(LedgerDb *db, const Record *record, const char *directory, Error *err);
/* A level 0 is COMPLETED: directories kept for its databases only are owed for removal, as rows of
 * that backup. */
int kept_release(LedgerDb *db, const Record *level0, Error *err);
/* The backup itself goes: what was kept of it is owed for removal, as a row of its own. */
int kept_release_backup(LedgerDb *db, const char *backup_id, Error *err);
