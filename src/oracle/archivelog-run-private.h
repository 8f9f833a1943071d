/* The parts of a restart in ARCHIVELOG mode, shared by archivelog-run.c (states, failures, the end)
 * and archivelog-steps.c (what each state asks and how its answer is judged). */
#pragma once

#include "oracle/archivelog-rules.h"
#include "oracle/archivelog-run.h"
#include "oracle/step.h"

typedef enum ArchState {
        ARCH_LOCATE,
        ARCH_INSTANCE,
        ARCH_DATABASE,
        ARCH_LOOK, /* directories and parameter files */
        ARCH_SHUTDOWN,
        ARCH_GONE, /* no process of the instance is left */
        ARCH_MOUNT,
        ARCH_MODE,
        ARCH_OPEN,
        ARCH_PDBS,
        ARCH_VERIFY,
        ARCH_STATE,  /* it failed: what is it now? */
        ARCH_REOPEN, /* and open it again, */
        ARCH_REOPEN_PDBS,
        ARCH_ENDED,
        ARCH_N_STATES,
} ArchState;

struct ArchivelogRun {
        const Oracle *oracle;
        ArchivelogRunOptions options;
        OracleDatabase database;
        OracleLocate *locate;
        ArchState state;
        Step step;
        DatabaseFacts facts;
        StringList logfiles, read_only_pdbs, closed_pdbs, notes;
        ArchiveDestination destination;
        char *pfile; /* it is started with this one; NULL: as the dbs directory has it */
        bool already, stopping;
        /* After a failure. */
        ArchState failed_in;
        char now[16]; /* OPEN MOUNTED STARTED DOWN "SHUTTING DOWN"; "": not known */
        bool mode_is_known;
        Error cause;
};

const char *arch_sid(const ArchivelogRun *run);
__attribute__((format(printf, 2, 3))) void arch_note(ArchivelogRun *run, const char *format, ...);

/* archivelog-steps.c */
int arch_begin_step(ArchivelogRun *run, Error *err); /* of the present state */
int arch_judge(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err);
int arch_find_closed_pdbs(ArchivelogRun *run, const Rows *rows, Error *err);
bool arch_has_line(const Rows *rows, const char *start);
