/* What makes records a chain: a level 0, then level 1 backups, each on the one before it. Pure.
 *
 * A chain never forks, covers the same databases in the same incarnation, and each record names its
 * parent by the digest of the parent's bytes, so that no other record can take its place. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"
#include "repository/record.h"

const RecordDatabase *chain_find_database(const Record *record, const char *sid); /* NULL: none */
/* A file is its number and its creation SCN: a number is used again after a drop. NULL: none. */
const RecordDatafile *
chain_find_datafile(const RecordDatabase *database, uint32_t file, uint64_t creation_scn);

/* May a level 1 of this instance and these databases be based on it? InvalidParent. databases
 * empty: the parent's own. */
int chain_check_parent(
        const Record *parent, const char *instance, const StringList *databases, Error *err);

/* A database as it is now, against what the parent recorded: InvalidParent. */
int chain_check_identity(
        const RecordDatabase *parent,
        const char *parent_id,
        uint64_t dbid,
        uint64_t resetlogs_scn,
        const char *resetlogs_time, /* NULL: not known */
        Error *err);

/* Two neighbours of a chain as they are in the store: ChainBroken names both. parent_sha256: of the
 * parent's payload. */
int chain_check_link(
        const Record *parent, const char *parent_sha256, const Record *child, Error *err);

/* A point in time within a link: fuzzy_scn < scn <= until_scn, else NotConsistent with the range.
 */
int chain_check_until_scn(const RecordDatabase *database, uint64_t scn, Error *err);

enum { CHAIN_LOCAL_TIME_BYTES = 20 };
/* The same by the clock of the source: fuzzy_time < time <= until_time, converted with the recorded
 * offset; ret "YYYY-MM-DDTHH:MM:SS", local time of the source. NotConsistent with the range, also
 * when the source's clock changed its offset meanwhile or its times are not known. */
int chain_check_until_time(
        const RecordDatabase *database,
        const Record *record,
        uint64_t realtime_usec,
        char ret[CHAIN_LOCAL_TIME_BYTES],
        Error *err);
