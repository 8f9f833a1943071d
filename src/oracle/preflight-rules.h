/* May this database be backed up? Pure judgement on facts: the refusals, each with what to do, and
 * the warnings for the journal and the record's notes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/advice.h"
#include "oracle/facts.h"
#include "oracle/rows.h"

/* What a backup refuses, in this order. */
typedef struct PreflightRefusal {
        const char *check; /* the row of a check */
        bool (*holds)(const DatabaseFacts *facts);
        ErrorKind kind;
        const char *sentence; /* what is so and what to do */
        const char *good;     /* what is so otherwise */
        bool of_open;         /* can be judged of an open database only */
} PreflightRefusal;
const PreflightRefusal *preflight_refusals(size_t *ret_n);
/* A data file that RESETLOGS would lose, NULL: none. */
const DatafileFacts *preflight_lost_file(const DatabaseFacts *facts);

/* 0, or the refusal: Oracle (not open), NotArchivelog, Unsupported. */
int preflight_judge(const AdviceContext *context, const DatabaseFacts *facts, Error *err);
int preflight_warnings(
        const AdviceContext *context, const DatabaseFacts *facts, StringList *ret, Error *err);

/* After the run, for the record's notes: files changed without redo since low_scn, corrupt blocks.
 */
int preflight_run_warnings(
        const char *sid, const RunFacts *run, uint64_t low_scn, StringList *ret, Error *err);

/* An SQL*Plus run that failed: Oracle or OracleAuth, naming the SID and the line that says why. r:
 * what the process ended with is up to the caller. */
int preflight_sql_error(const char *sid, const Rows *rows, Error *err);
