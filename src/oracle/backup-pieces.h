/* The pieces of a backup run as RMAN announces them: each is looked at on disk (a worker), then
 * handed on, in RMAN's order. After the run they are held against the control file's own list. */
#pragma once

#include "oracle/facts.h"
#include "oracle/oracle.h"

typedef struct BackupPieces BackupPieces;

typedef struct BackupPiecesOptions {
        const char *sid;
        const char *destination; /* every piece must lie below */
        const char *tag;         /* every piece must carry it */
        /* idle: nothing else that was announced waits. */
        void (*on_piece)(
                const char *handle,
                uint64_t size,
                uint32_t mode,
                int64_t mtime,
                bool idle,
                void *userdata);
        /* A piece that is not what was announced. Nothing is handed on afterwards. */
        void (*on_error)(const Error *err, void *userdata);
        void *userdata;
} BackupPiecesOptions;
int backup_pieces_new(
        WorkPool *files, const BackupPiecesOptions *options, BackupPieces **ret, Error *err);
BackupPieces *backup_pieces_free(BackupPieces *pieces);

/* A `piece handle=` line: refused when it is elsewhere, has another tag or was there before. */
int backup_pieces_announce(BackupPieces *pieces, const char *handle, const char *tag, Error *err);
bool backup_pieces_are_idle(const BackupPieces *pieces);

/* Every announced handle is in the control file and nothing more, each set has its pieces 1..n, the
 * sizes fit. RmanFailed that names the piece. */
int backup_pieces_check(const BackupPieces *pieces, const RunFacts *facts, Error *err);
