/* May this database be backed up? Pure judgement on facts: the refusals, each with what to do, and
 * the warnings for the journal and the record's notes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/facts.h"
#include "oracle/rows.h"

typedef struct PreflightContext {
        const char *sid;
        unsigned channels;
        uint64_t level0_age_days;   /* of the chain a level 1 would continue; 0 for a level 0 */
        const StringList *logfiles; /* names besides those in the facts; NULL: none */
} PreflightContext;

/* 0, or the refusal: Oracle (not open), NotArchivelog, Unsupported. */
int preflight_judge(const PreflightContext *context, const DatabaseFacts *facts, Error *err);
int preflight_warnings(
        const PreflightContext *context, const DatabaseFacts *facts, StringList *ret, Error *err);

/* After the run, for the record's notes: files changed without redo since low_scn, corrupt blocks.
 */
int preflight_run_warnings(
        const char *sid, const RunFacts *run, uint64_t low_scn, StringList *ret, Error *err);

/* An SQL*Plus run that failed: Oracle or OracleAuth, naming the SID and the line that says why. r:
 * what the process ended with is up to the caller. */
int preflight_sql_error(const char *sid, const Rows *rows, Error *err);
