/* Rows of SQL*Plus as facts: the reading side of oracle/sql.h. Pure. Every failure is Oracle and
 * names the row and the column. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/facts.h"
#include "oracle/rows.h"

/* SQL_INSTANCE (P1, P1V). What is there already is replaced. */
int queries_instance(const Rows *rows, DatabaseFacts *facts, Error *err);
/* SQL_DATABASE (P2), and SQL_VERSION_FULL (P1F) where it was asked. */
int queries_identity(const Rows *rows, DatabaseFacts *facts, Error *err);
/* All questions of the preflight but P1 and P5: SQL_VERSION_FULL, SQL_DATABASE, SQL_PARAMETERS,
 * SQL_CONTROL_FILES, SQL_DATAFILES, SQL_TABLESPACES, SQL_DESTINATIONS, SQL_RECOVERY_AREA,
 * SQL_CHANGE_TRACKING, SQL_RESTORE_POINTS, SQL_PDBS, SQL_RMAN_CONFIGURATION, SQL_WALLET,
 * SQL_TEMPFILES, SQL_FOREIGN_BACKUPS, SQL_SIZE, SQL_LOGFILES, and of a check SQL_REDO
 * and SQL_CORRUPTION. A question that was not asked leaves its facts
 * empty, but P2 and P4 must be there. */
int queries_database(const Rows *rows, DatabaseFacts *facts, Error *err);
/* SQL_THREADS: all threads that are not disabled. Caller frees. */
int queries_threads(const Rows *rows, ThreadFacts **ret, size_t *ret_n, Error *err);
/* SQL_DATABASE, the tag questions A1 to A3, SQL_DATAFILES, SQL_STRUCTURE, SQL_CORRUPTION. */
int queries_run(const Rows *rows, RunFacts *ret, Error *err);
/* A6, asked in a process of its own. */
int queries_times(const Rows *rows, RunFacts *facts, Error *err);

/* The single number of a count (P6T, A5, L1). */
int queries_count(const Rows *rows, const char *label, uint64_t *ret, Error *err);
/* A value of SQL_PARAMETERS (P3); NULL when it is not there or empty. Belongs to rows. */
const char *queries_parameter(const Rows *rows, const char *name);

/* I1: the incarnation of resetlogs_scn and resetlogs_time ("YYYY-MM-DDTHH:MM:SS"); 0 when it is the
 * current one already. One backup restored twice makes two with the same SCN: the time tells them
 * apart, or, when it is not known (NULL), which one is current. NotConsistent when the control file
 * knows none, or several and none of this time. */
int queries_incarnation(
        const Rows *rows,
        uint64_t resetlogs_scn,
        const char *resetlogs_time,
        uint64_t *ret,
        Error *err);
/* R5: those of `pieces` that are not AVAILABLE. */
int queries_missing_pieces(
        const Rows *rows, const StringList *pieces, StringList *ret_missing, Error *err);
/* R7: after recovery. NotConsistent names the file that has an error or is fuzzy; a read-write file
 * whose checkpoint is not until_scn (0: not known) is a warning, OPEN judges. */
int queries_headers(const Rows *rows, uint64_t until_scn, StringList *warnings, Error *err);
/* P6D: names of destinations that ship redo elsewhere. */
int queries_remote_destinations(const Rows *rows, StringList *ret, Error *err);
/* S1. */
typedef struct SessionFacts {
        uint32_t sid, serial;
} SessionFacts;
int queries_sessions(const Rows *rows, SessionFacts **ret, size_t *ret_n, Error *err);

/* SQL_BASES (P8, P8C). Caller frees. */
int queries_bases(const Rows *rows, BaseFacts **ret, size_t *ret_n, Error *err);
