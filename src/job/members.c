/* Plain bookkeeping; no I/O. Owned by job/backup. */
#include "job/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void members_done(Members *members) {
        for (size_t i = 0; i < members->n && !members->lent; i++) {
                free(members->items[i].path);
                free(members->items[i].database);
        }
        if (!members->lent)
                free(members->items);
        free(members->confirmed);
        free(members->released);
        *members = (Members){0};
}

static int reserve(Members *members, Error *err) {
        if (members->n >= LIMIT_MEMBERS)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "a backup holds at most %d files",
                        LIMIT_MEMBERS);
        if (members->n < members->n_allocated)
                return 0;
        size_t more = members->n_allocated == 0 ? 32 : members->n_allocated * 2;

        RecordMember *items = reallocarray(members->items, more, sizeof(RecordMember));
        if (items == NULL)
                return error_oom(err);
        members->items = items;
        bool *confirmed = reallocarray(members->confirmed, more, sizeof(bool));
        if (confirmed == NULL)
                return error_oom(err);
        members->confirmed = confirmed;
        bool *released = reallocarray(members->released, more, sizeof(bool));
        if (released == NULL)
                return error_oom(err);
        members->released = released;
        members->n_allocated = more;
        return 0;
}

int members_add(Members *members, const char *path, const RecordMember *member, Error *err) {
        int r = reserve(members, err);
        if (r < 0)
                return r;
        RecordMember *item = &members->items[members->n];
        *item = *member;
        item->path = strdup(path + (path[0] == '/' ? 1 : 0));
        item->database = member->database == NULL ? NULL : strdup(member->database);
        if (item->path == NULL || (member->database != NULL && item->database == NULL)) {
                free(item->path);
                free(item->database);
                return error_oom(err);
        }
        members->confirmed[members->n] = members->released[members->n] = false;
        members->n++;
        return 0;
}

static bool set_holds_datafile(const RunFacts *facts, const PieceFacts *piece) {
        for (size_t i = 0; i < facts->n_datafiles; i++) {
                const BackupDatafileFacts *datafile = &facts->datafiles[i];
                if (datafile->file > 0 && datafile->set_stamp == piece->set_stamp &&
                    datafile->set_count == piece->set_count)
                        return true;
        }
        return false;
}

static PieceContents contents_of(const RunFacts *facts, const PieceFacts *piece) {
        if (string_equal(piece->backup_type, "L"))
                return PIECE_ARCHIVELOG;
        if (set_holds_datafile(facts, piece))
                return PIECE_DATAFILE;
        return piece->controlfile_included ? PIECE_CONTROLFILE : PIECE_SPFILE;
}

static const PieceFacts *find_piece(const RunFacts *facts, const char *path) {
        for (size_t i = 0; i < facts->n_pieces; i++)
                if (string_equal(facts->pieces[i].handle + 1, path))
                        return &facts->pieces[i];
        return NULL;
}

int members_confirm(Members *members, const char *sid, const RunFacts *facts, Error *err) {
        for (size_t i = 0; i < members->n; i++) {
                RecordMember *item = &members->items[i];
                if (item->kind != MEMBER_PIECE || !string_equal(item->database, sid))
                        continue;
                const PieceFacts *piece = find_piece(facts, item->path);
                if (piece == NULL)
                        return error_set(
                                err,
                                ERROR_RMAN_FAILED,
                                -ENOENT,
                                "database %s: piece /%s was announced by RMAN and is not in "
                                "V$BACKUP_PIECE",
                                sid,
                                item->path);
                item->contents = contents_of(facts, piece);
                members->confirmed[i] = true;
        }
        return 0;
}

int members_release(Members *members, uint64_t stored_below, StringList *ret, Error *err) {
        for (size_t i = 0; i < members->n; i++) {
                const RecordMember *item = &members->items[i];
                if (!members->confirmed[i] || members->released[i] ||
                    item->offset + item->size > stored_below)
                        continue;
                CLEANUP(cleanup_free) char *path = string_printf("/%s", item->path);
                if (path == NULL || string_list_add(ret, path) < 0)
                        return error_oom(err);
                members->released[i] = true;
        }
        return 0;
}
