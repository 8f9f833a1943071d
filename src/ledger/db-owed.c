/* Owed work, and what this host last knew of its instance. Called by job/ through ledger_call(). */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/database.h"
#include "ledger/db.h"

void owed_done(Owed *owed) {
        free(owed->name);
        free(owed->data);
        *owed = (Owed){0};
}

int ledger_owed_add(LedgerDb *db, const OwedWork *work, uint64_t *ret_id, Error *err) {
        Statement statement = statement_begin(
                db,
                "INSERT INTO owed (type, backup_id, name, data, since_usec)"
                " VALUES (?, ?, ?, ?, ?)");
        statement_bind_uint(&statement, (uint64_t)work->type);
        statement_bind_text(&statement, work->backup_id);
        statement_bind_text(&statement, work->name);
        statement_bind_bytes(&statement, work->data, work->size);
        statement_bind_uint(&statement, clock_realtime_usec());
        int r = statement_run(&statement, err);
        if (r == 0 && ret_id != NULL)
                *ret_id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
        return r;
}

int ledger_owed_remove(LedgerDb *db, uint64_t id, Error *err) {
        Statement statement = statement_begin(db, "DELETE FROM owed WHERE id = ?");
        statement_bind_uint(&statement, id);
        return statement_run(&statement, err);
}

static int read_owed(const Statement *statement, Owed *ret) {
        ret->id = statement_uint(statement, 0);
        ret->type = (OwedType)statement_uint(statement, 1);
        statement_copy(statement, 2, ret->backup_id, sizeof(ret->backup_id));
        ret->since_usec = statement_uint(statement, 5);
        int r = statement_text(statement, 3, &ret->name);
        return r < 0 ? r : statement_bytes(statement, 4, &ret->data, &ret->size);
}

static void owed_free(Owed *owed, size_t n) {
        for (size_t i = 0; i < n; i++)
                owed_done(&owed[i]);
        free(owed);
}

int ledger_owed(LedgerDb *db, Owed **ret, size_t *ret_n, Error *err) {
        void *owed = NULL;
        size_t n = 0;
        int r;
        Statement statement = statement_begin(
                db, "SELECT id, type, backup_id, name, data, since_usec FROM owed ORDER BY id");
        while ((r = statement_step(&statement, err)) > 0) {
                Owed *one = array_extend(&owed, &n, sizeof(Owed));
                if (one == NULL || read_owed(&statement, one) < 0) {
                        r = error_oom(err);
                        break;
                }
        }
        statement_end(&statement);
        if (r < 0) {
                owed_free(owed, n);
                return r;
        }
        *ret = owed;
        *ret_n = n;
        return 0;
}

void ledger_claim_done(LedgerClaim *claim) {
        free(claim->hostname);
        *claim = (LedgerClaim){0};
}

int ledger_claim_get(LedgerDb *db, const char *instance, LedgerClaim *ret, Error *err) {
        LedgerClaim claim = {0};
        Statement statement =
                statement_begin(db, "SELECT sequence, id, hostname FROM claim WHERE instance = ?");
        statement_bind_text(&statement, instance);
        int r = statement_step(&statement, err);
        if (r > 0) {
                claim.sequence = statement_uint(&statement, 0);
                statement_copy(&statement, 1, claim.id, sizeof(claim.id));
                r = statement_text(&statement, 2, &claim.hostname);
                if (r < 0)
                        r = error_oom(err);
        }
        statement_end(&statement);
        if (r < 0)
                return r;
        *ret = claim;
        return 0;
}

int ledger_claim_put(LedgerDb *db, const char *instance, const LedgerClaim *claim, Error *err) {
        Statement statement =
                statement_begin(db, "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)");
        statement_bind_text(&statement, instance);
        statement_bind_uint(&statement, claim->sequence);
        statement_bind_text(&statement, claim->id);
        statement_bind_text(&statement, claim->hostname);
        return statement_run(&statement, err);
}

int ledger_previous_get(LedgerDb *db, const char *instance, LedgerPrevious *ret, Error *err) {
        LedgerPrevious previous = {0};
        Statement statement = statement_begin(
                db, "SELECT id, sequence, record_sha256 FROM previous WHERE instance = ?");
        statement_bind_text(&statement, instance);
        int r = statement_step(&statement, err);
        if (r > 0) {
                statement_copy(&statement, 0, previous.id, sizeof(previous.id));
                previous.sequence = statement_uint(&statement, 1);
                statement_copy(
                        &statement, 2, previous.record_sha256, sizeof(previous.record_sha256));
        }
        statement_end(&statement);
        if (r < 0)
                return r;
        *ret = previous;
        return 0;
}

int ledger_previous_put(
        LedgerDb *db, const char *instance, const LedgerPrevious *previous, Error *err) {
        Statement statement =
                statement_begin(db, "INSERT OR REPLACE INTO previous VALUES (?, ?, ?, ?)");
        statement_bind_text(&statement, instance);
        statement_bind_text(&statement, previous->id);
        statement_bind_uint(&statement, previous->sequence);
        statement_bind_text(&statement, previous->record_sha256);
        return statement_run(&statement, err);
}
