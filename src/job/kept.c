/* See kept.h. Called by job/commit in the transaction that settles a backup. */
#include "job/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/strings.h"
#include "repository/chain.h"

static int
keep_row(LedgerDb *db, const char *backup_id, const char *directory, const Text *sids, Error *err) {
        if (sids->failed)
                return error_oom(err);
        return ledger_owed_add(
                db,
                &(OwedWork){OWED_KEPT, backup_id, directory, sids->data, sids->length},
                NULL,
                err);
}

int kept_add(LedgerDb *db, const Record *record, const char *directory, Error *err) {
        CLEANUP(cleanup_free) char *files = path_join(directory, ".files");
        Text sids = TEXT_INIT;

        if (files == NULL)
                return error_oom(err);
        for (size_t i = 0; i < record->n_databases; i++)
                text_appendf(&sids, "%s\n", record->databases[i].sid);
        int r = keep_row(db, record->id, directory, &sids, err);
        if (r >= 0)
                r = ledger_owed_add(
                        db, &(OwedWork){OWED_DIRECTORY, record->id, files, NULL, 0}, NULL, err);
        text_done(&sids);
        return r;
}

/* The databases of a row that the level 0 does not hold. */
static int remaining_sids(const Owed *kept, const Record *level0, Text *ret, Error *err) {
        CLEANUP(cleanup_free) char *sids = strndup(kept->data, kept->size);
        char *state = NULL;

        for (char *sid = sids == NULL ? NULL : strtok_r(sids, "\n", &state); sid != NULL;
             sid = strtok_r(NULL, "\n", &state))
                if (chain_find_database(level0, sid) == NULL)
                        text_appendf(ret, "%s\n", sid);
        return sids == NULL || ret->failed ? error_oom(err) : 0;
}

/* It goes now. */
static int owe_removal(LedgerDb *db, const Owed *kept, const char *backup_id, Error *err) {
        int r = ledger_owed_remove(db, kept->id, err);
        return r < 0 ? r
                     : ledger_owed_add(
                               db,
                               &(OwedWork){OWED_DIRECTORY, backup_id, kept->name, NULL, 0},
                               NULL,
                               err);
}

static int release_row(LedgerDb *db, const Owed *kept, const Record *level0, Error *err) {
        Text sids = TEXT_INIT;

        int r = remaining_sids(kept, level0, &sids, err);
        if (r >= 0 && sids.length == 0) {
                r = owe_removal(db, kept, level0->id, err);
        } else if (r >= 0 && sids.length < kept->size) {
                r = ledger_owed_remove(db, kept->id, err);
                if (r >= 0)
                        r = keep_row(db, kept->backup_id, kept->name, &sids, err);
        }
        text_done(&sids);
        return r;
}

/* Either of the level 0 or of the backup that goes. */
static int release_rows(LedgerDb *db, const Record *level0, const char *backup_id, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;

        int r = ledger_owed(db, &owed, &n, err);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0 && owed[i].type == OWED_KEPT && level0 != NULL)
                        r = release_row(db, &owed[i], level0, err);
                else if (
                        r >= 0 && owed[i].type == OWED_KEPT &&
                        string_equal(owed[i].backup_id, backup_id))
                        r = owe_removal(db, &owed[i], backup_id, err);
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

int kept_release(LedgerDb *db, const Record *level0, Error *err) {
        return release_rows(db, level0, NULL, err);
}

int kept_release_backup(LedgerDb *db, const char *backup_id, Error *err) {
        return release_rows(db, NULL, backup_id, err);
}
