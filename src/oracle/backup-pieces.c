/* A queue of announced pieces with one look at a disk at a time, so that pieces are handed on in
 * the order in which RMAN finished them. Owned by a BackupRun. */
#include "oracle/backup-pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "oracle/consistency.h"

typedef struct Announced {
        char *handle;
        uint64_t size;
} Announced;

/* One look, on a worker. */
typedef struct PieceLook {
        BackupPieces *pieces;
        char *handle;
        int r;
        struct stat st;
} PieceLook;

struct BackupPieces {
        WorkPool *files;
        BackupPiecesOptions options;
        char *sid, *destination, *tag;
        Announced *items;
        size_t n, capacity;
        size_t n_seen; /* looked at and handed on */
        Work *work;
        bool failed;
};

static int pieces_look_next(BackupPieces *pieces, Error *err);

static int
pieces_refuse(const BackupPieces *pieces, const char *handle, const char *why, Error *err) {
        return error_set(
                err,
                ERROR_RMAN_FAILED,
                -EBADMSG,
                "RMAN on %s announced piece \"%s\", which %s",
                pieces->sid,
                handle,
                why);
}

static void pieces_fail(BackupPieces *pieces, const Error *err) {
        pieces->failed = true;
        pieces->options.on_error(err, pieces->options.userdata);
}

static void look_run(void *userdata) {
        PieceLook *look = userdata;
        look->r = lstat(look->handle, &look->st) < 0 ? -errno : 0;
}

static int look_judge(const PieceLook *look, Error *err) {
        if (look->r == -ENOENT)
                return pieces_refuse(look->pieces, look->handle, "is not there", err);
        if (look->r < 0)
                return error_set_errno(
                        err, ERROR_RMAN_FAILED, look->r, "piece \"%s\"", look->handle);
        if (!S_ISREG(look->st.st_mode) || look->st.st_size == 0)
                return pieces_refuse(
                        look->pieces, look->handle, "is empty or no regular file", err);
        return 0;
}

static void look_done(void *userdata) {
        const PieceLook *look = userdata;
        BackupPieces *pieces = look->pieces;
        Error error = {0};
        pieces->work = NULL;
        if (look_judge(look, &error) < 0) {
                pieces_fail(pieces, &error);
                return;
        }
        pieces->items[pieces->n_seen++].size = (uint64_t)look->st.st_size;
        /* The next look comes first: what is called out to may free us. */
        if (pieces_look_next(pieces, &error) < 0) {
                pieces_fail(pieces, &error);
                return;
        }
        bool idle = backup_pieces_are_idle(pieces);
        const BackupPiecesOptions options = pieces->options;
        options.on_piece(
                look->handle,
                (uint64_t)look->st.st_size,
                look->st.st_mode & 0777,
                look->st.st_mtim.tv_sec,
                idle,
                options.userdata);
}

static void look_release(void *userdata) {
        PieceLook *look = userdata;
        free(look->handle);
        free(look);
}

static int pieces_look(BackupPieces *pieces, const char *handle, Error *err) {
        static const WorkFunctions functions = {look_run, look_done, look_release};
        PieceLook *look = calloc(1, sizeof *look);
        if (look == NULL)
                return error_oom(err);
        look->pieces = pieces;
        look->handle = strdup(handle);
        int r = look->handle != NULL
                        ? work_start(pieces->files, &functions, look, &pieces->work, err)
                        : error_oom(err);
        if (r < 0)
                look_release(look);
        return r;
}

static int pieces_look_next(BackupPieces *pieces, Error *err) {
        if (pieces->failed || pieces->work != NULL || pieces->n_seen == pieces->n)
                return 0;
        return pieces_look(pieces, pieces->items[pieces->n_seen].handle, err);
}

bool backup_pieces_are_idle(const BackupPieces *pieces) {
        return pieces->n_seen == pieces->n;
}

static const Announced *pieces_find(const BackupPieces *pieces, const char *handle) {
        for (size_t i = 0; i < pieces->n; i++)
                if (strcmp(pieces->items[i].handle, handle) == 0)
                        return &pieces->items[i];
        return NULL;
}

static int
pieces_admit(const BackupPieces *pieces, const char *handle, const char *tag, Error *err) {
        size_t length = strlen(pieces->destination);
        if (strncmp(handle, pieces->destination, length) != 0 || handle[length] != '/' ||
            !path_is_clean(handle))
                return pieces_refuse(pieces, handle, "does not lie in the run's directory", err);
        if (strcmp(tag, pieces->tag) != 0)
                return pieces_refuse(pieces, handle, "does not carry the tag of the run", err);
        if (pieces_find(pieces, handle) != NULL)
                return pieces_refuse(pieces, handle, "it had announced before", err);
        if (pieces->n == LIMIT_MEMBERS)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "RMAN on %s made more than %d pieces; set a larger max_piece_size",
                        pieces->sid,
                        LIMIT_MEMBERS);
        return 0;
}

static int pieces_append(BackupPieces *pieces, const char *handle, Error *err) {
        if (pieces->n == pieces->capacity) {
                size_t capacity = pieces->capacity != 0 ? pieces->capacity * 2 : 64;
                Announced *items = reallocarray(pieces->items, capacity, sizeof *items);
                if (items == NULL)
                        return error_oom(err);
                pieces->items = items;
                pieces->capacity = capacity;
        }
        char *copy = strdup(handle);
        if (copy == NULL)
                return error_oom(err);
        pieces->items[pieces->n++] = (Announced){.handle = copy};
        return 0;
}

int backup_pieces_announce(BackupPieces *pieces, const char *handle, const char *tag, Error *err) {
        int r = pieces_admit(pieces, handle, tag, err);
        if (r >= 0)
                r = pieces_append(pieces, handle, err);
        return r >= 0 ? pieces_look_next(pieces, err) : r;
}

/* --- the control file's own list --- */

static const PieceFacts *facts_find(const RunFacts *facts, const char *handle) {
        for (size_t i = 0; i < facts->n_pieces; i++)
                if (strcmp(facts->pieces[i].handle, handle) == 0)
                        return &facts->pieces[i];
        return NULL;
}

static int check_announced(
        const BackupPieces *pieces, const Announced *item, const RunFacts *facts, Error *err) {
        const PieceFacts *known = facts_find(facts, item->handle);
        if (known == NULL)
                return pieces_refuse(pieces, item->handle, "the control file does not know", err);
        if (strcmp(known->status, "A") != 0)
                return pieces_refuse(
                        pieces, item->handle, "the control file does not call available", err);
        if (!piece_size_plausible(known, item->size))
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -EBADMSG,
                        "piece \"%s\" has %llu bytes, the control file says %llu in blocks of %llu",
                        item->handle,
                        (unsigned long long)item->size,
                        (unsigned long long)known->bytes,
                        (unsigned long long)known->block_size);
        return 0;
}

static bool set_has_piece(const RunFacts *facts, const PieceFacts *of, uint64_t piece) {
        for (size_t i = 0; i < facts->n_pieces; i++)
                if (facts->pieces[i].set_stamp == of->set_stamp &&
                    facts->pieces[i].set_count == of->set_count && facts->pieces[i].piece == piece)
                        return true;
        return false;
}

static int check_known(
        const BackupPieces *pieces, const RunFacts *facts, const PieceFacts *known, Error *err) {
        if (pieces_find(pieces, known->handle) == NULL)
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -EBADMSG,
                        "the control file of %s knows piece \"%s\" of this run, which RMAN did not "
                        "announce",
                        pieces->sid,
                        known->handle);
        for (uint64_t i = 1; known->piece == 1 && i <= known->pieces; i++)
                if (!set_has_piece(facts, known, i))
                        return error_set(
                                err,
                                ERROR_RMAN_FAILED,
                                -EBADMSG,
                                "the backup set of piece \"%s\" lacks its piece %llu of %llu",
                                known->handle,
                                (unsigned long long)i,
                                (unsigned long long)known->pieces);
        if (!set_has_piece(facts, known, 1))
                return pieces_refuse(
                        pieces, known->handle, "belongs to a set without a first piece", err);
        return 0;
}

int backup_pieces_check(const BackupPieces *pieces, const RunFacts *facts, Error *err) {
        for (size_t i = 0; i < pieces->n; i++) {
                int r = check_announced(pieces, &pieces->items[i], facts, err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < facts->n_pieces; i++) {
                int r = check_known(pieces, facts, &facts->pieces[i], err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- birth and death --- */

int backup_pieces_new(
        WorkPool *files, const BackupPiecesOptions *options, BackupPieces **ret, Error *err) {
        BackupPieces *pieces = calloc(1, sizeof *pieces);
        if (pieces == NULL)
                return error_oom(err);
        pieces->files = files;
        pieces->options = *options;
        pieces->sid = strdup(options->sid);
        pieces->destination = strdup(options->destination);
        pieces->tag = strdup(options->tag);
        if (pieces->sid == NULL || pieces->destination == NULL || pieces->tag == NULL) {
                backup_pieces_free(pieces);
                return error_oom(err);
        }
        *ret = pieces;
        return 0;
}

BackupPieces *backup_pieces_free(BackupPieces *pieces) {
        if (pieces == NULL)
                return NULL;
        work_cancel(pieces->work);
        for (size_t i = 0; i < pieces->n; i++)
                free(pieces->items[i].handle);
        free(pieces->items);
        free(pieces->sid);
        free(pieces->destination);
        free(pieces->tag);
        free(pieces);
        return NULL;
}
