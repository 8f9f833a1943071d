/* Oracle behind the asynchronous calls of src/oracle (preflight.h, backup-run.h, maintenance.h,
 * restore-run.h, oracle.h): link tests/fakes/oracle.c (oracle_fake_sources) and it stands for them.
 *
 * Every call is answered from the loop, in small steps, and can be scripted: to fail, to be held.
 * A backup run writes real files, so that what is uploaded and restored can be compared. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/strings.h"
#include "event/loop.h"

typedef enum FakeOracleType {
        FAKE_PREFLIGHT,
        FAKE_SURVEY,
        FAKE_BACKUP_RUN, /* held and failed at its end, after its pieces */
        FAKE_DELETE_TAG,
        FAKE_UNCATALOG,
        FAKE_LOCATE,
        FAKE_OVERWRITE,
        FAKE_RESTORE_RUN, /* held and failed at restore_phase */
        FAKE_CREATE_RUN,  /* held and failed at 40 % */
        FAKE_ARCHIVELOG,
        _FAKE_ORACLE_MAX,
} FakeOracleType;

/* What is the same for every database; set after fake_oracle_init(). */
typedef struct FakeOracle {
        Loop *loop;
        unsigned n_pieces;    /* of a backup run, the last is the control file's; 3 */
        size_t piece_size;    /* 150000 */
        const char *home_dir; /* small files of a run are written here, dbs_dir is <home_dir>/dbs */
        bool without_control; /* the run names a control file piece that is not among its pieces */
        bool unknown_piece;   /* V$BACKUP_PIECE lacks an announced piece */
        bool instance_runs;   /* ora_pmon_<SID> */
        const char *restore_phase; /* "restore" */
        uint64_t used_bytes;       /* of a preflight; 1000 */
        bool is_restarting;        /* a restart in ARCHIVELOG mode cannot be stopped any more */
        StringList log; /* "delete-tag DB1 LEVEL0-..", "uncatalog DB1 /..", "run DB1 <tag>", .. */
} FakeOracle;
extern FakeOracle fake_oracle;

/* The code of an error that oracle_error_is_transient() takes for passing. */
extern const char FAKE_TRANSIENT_CODE[];

void fake_oracle_init(Loop *loop);
void fake_oracle_done(void); /* asserts that every call was freed */

/* The next `times` calls of this kind (of this SID; NULL: any) fail so. code: "" or an ORA- code.
 */
void fake_oracle_fail(
        FakeOracleType type, const char *sid, unsigned times, ErrorKind kind, const char *code);
void fake_oracle_hold(FakeOracleType type);
void fake_oracle_let_go(FakeOracleType type);
unsigned fake_oracle_held(FakeOracleType type);
unsigned fake_oracle_calls(FakeOracleType type); /* so far */
unsigned fake_oracle_log_count(const char *beginning);
