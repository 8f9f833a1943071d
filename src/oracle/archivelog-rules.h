/* May this database be restarted in ARCHIVELOG mode, and where would its archived logs go? Pure. */
#pragma once

#include "base/error.h"
#include "base/strings.h"
#include "oracle/facts.h"
#include "oracle/rows.h"

/* 0, or the refusal: Oracle (not open), Unsupported (RAC, standby, ASM ..), each with what to do.
 * logfiles: names besides those in the facts. */
int archivelog_judge(
        const char *sid, const DatabaseFacts *facts, const StringList *logfiles, Error *err);

/* Where archived logs go, by the parameters that are in force now (P3A) or that the server
 * parameter file holds (P3S). */
typedef struct ArchiveDestination {
        char *name;             /* for a person: the parameter and its value; NULL: none */
        StringList directories; /* which must be there before the instance is started */
} ArchiveDestination;
void archive_destination_done(ArchiveDestination *destination);

typedef enum ParameterSource { PARAMETERS_IN_FORCE, PARAMETERS_OF_SPFILE } ParameterSource;
/* -ENOENT with Oracle when there is none: Oracle would write them into ?/dbs. The message says what
 * to set. */
int archivelog_destination(
        const char *sid,
        const char *oracle_home,
        const Rows *rows,
        ParameterSource source,
        ArchiveDestination *ret,
        Error *err);
