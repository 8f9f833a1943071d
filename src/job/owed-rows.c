/* What is owed, as rows of the ledger: see owed.h. */
#include <string.h>

#include "job/owed.h"

int owe_tag(LedgerDb *db, const char *backup_id, const LedgerTag *tag, Error *err) {
        CLEANUP(cleanup_free)
        char *data = string_printf(
                "%s\n%llu\n%s", tag->oracle_home, (unsigned long long)tag->dbid, tag->tag);
        if (data == NULL)
                return error_oom(err);
        return ledger_owed_add(
                db,
                &(OwedWork){OWED_CLEAN_TAG, backup_id, tag->sid, data, strlen(data)},
                NULL,
                err);
}

int owe_uncatalog(
        LedgerDb *db,
        const char *backup_id,
        const char *sid,
        const char *oracle_home,
        const StringList *handles,
        Error *err) {
        Text text = TEXT_INIT;

        if (handles->n == 0)
                return 0;
        text_append(&text, oracle_home);
        for (size_t i = 0; i < handles->n; i++)
                text_appendf(&text, "\n%s", handles->items[i]);
        int r = text.failed
                        ? error_oom(err)
                        : ledger_owed_add(
                                  db,
                                  &(OwedWork){
                                          OWED_UNCATALOG, backup_id, sid, text.data, text.length},
                                  NULL,
                                  err);
        text_done(&text);
        return r;
}

static int handles_to_uncatalog(
        const Record *record, const char *sid, bool forget, StringList *ret, Error *err) {
        for (size_t i = 0; i < record->n_members; i++) {
                const RecordMember *member = &record->members[i];
                if (member->kind != MEMBER_PIECE ||
                    (!forget && member->contents == PIECE_DATAFILE) ||
                    !string_equal(member->database, sid))
                        continue;
                CLEANUP(cleanup_free) char *handle = string_printf("/%s", member->path);
                if (handle == NULL || string_list_add(ret, handle) < 0)
                        return error_oom(err);
        }
        return 0;
}

int owe_uncatalog_of_record(LedgerDb *db, const Record *record, bool forget, Error *err) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < record->n_databases; i++) {
                const RecordDatabase *database = &record->databases[i];
                StringList handles = {0};

                r = handles_to_uncatalog(record, database->sid, forget, &handles, err);
                if (r >= 0)
                        r = owe_uncatalog(
                                db,
                                record->id,
                                database->sid,
                                database->oracle_home,
                                &handles,
                                err);
                string_list_done(&handles);
        }
        return r;
}
