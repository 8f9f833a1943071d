/* Rules over whole records; no I/O. Called by job/ before a level 1 is made, when its record is
 * about to be stored, and before a restore changes anything. */
#include "repository/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* SCN_TO_TIMESTAMP is exact to a few seconds; clocks of host and database are the same. */
enum { USEC_PER_SEC = 1000000, CLOCK_SLACK_SEC = 900 };

const RecordDatabase *chain_find_database(const Record *record, const char *sid) {
        for (size_t i = 0; i < record->n_databases; i++)
                if (string_equal(record->databases[i].sid, sid))
                        return &record->databases[i];
        return NULL;
}

const RecordDatafile *
chain_find_datafile(const RecordDatabase *database, uint32_t file, uint64_t creation_scn) {
        for (size_t i = 0; i < database->n_datafiles; i++)
                if (database->datafiles[i].file == file &&
                    database->datafiles[i].creation_scn == creation_scn)
                        return &database->datafiles[i];
        return NULL;
}

int chain_check_parent(
        const Record *parent, const char *instance, const StringList *databases, Error *err) {
        if (!string_equal(parent->instance, instance))
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EINVAL,
                        "backup %s cannot be a parent here: it is of instance %s, not of %s",
                        parent->id,
                        parent->instance,
                        instance);
        for (size_t i = 0; i < databases->n; i++)
                if (chain_find_database(parent, databases->items[i]) == NULL)
                        return error_set(
                                err,
                                ERROR_INVALID_PARENT,
                                -EINVAL,
                                "backup %s cannot be the parent: it does not hold database %s",
                                parent->id,
                                databases->items[i]);
        for (size_t i = 0; databases->n > 0 && i < parent->n_databases; i++)
                if (!string_list_has(databases, parent->databases[i].sid))
                        return error_set(
                                err,
                                ERROR_INVALID_PARENT,
                                -EINVAL,
                                "backup %s cannot be the parent: it holds database %s, which this "
                                "backup would leave out; name the same databases, or none",
                                parent->id,
                                parent->databases[i].sid);
        return 0;
}

/* Two restores to one point begin two incarnations at one SCN: their times tell them apart. */
static bool is_same_time(const char *one, const char *other) {
        return one == NULL || other == NULL || string_equal(one, other);
}

int chain_check_identity(
        const RecordDatabase *parent,
        const char *parent_id,
        uint64_t dbid,
        uint64_t resetlogs_scn,
        const char *resetlogs_time,
        Error *err) {
        if (parent->dbid != dbid)
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EINVAL,
                        "backup %s cannot be the parent: its database %s has DBID %" PRIu64
                        ", the one of that name here has %" PRIu64 "; make a level 0",
                        parent_id,
                        parent->sid,
                        parent->dbid,
                        dbid);
        if (parent->resetlogs_scn != resetlogs_scn)
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EINVAL,
                        "backup %s cannot be the parent: database %s was opened with RESETLOGS "
                        "since (at SCN %" PRIu64 ", in the backup it was %" PRIu64
                        "); a new incarnation begins with a level 0",
                        parent_id,
                        parent->sid,
                        resetlogs_scn,
                        parent->resetlogs_scn);
        if (!is_same_time(parent->resetlogs_time, resetlogs_time))
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EINVAL,
                        "backup %s cannot be the parent: database %s was opened with RESETLOGS "
                        "since, at the same SCN (%s, in the backup it was %s); a new incarnation "
                        "begins with a level 0",
                        parent_id,
                        parent->sid,
                        resetlogs_time,
                        parent->resetlogs_time);
        return 0;
}

/* ---- neighbours ---- */

static int
broken(const Record *parent, const Record *child, const char *what, const char *name, Error *err) {
        return error_set(
                err,
                ERROR_CHAIN_BROKEN,
                -EBADMSG,
                "backup %s is not what backup %s was based on: %s%s",
                parent->id,
                child->id,
                what,
                name);
}

static int check_database_link(
        const Record *parent, const Record *child, const RecordDatabase *database, Error *err) {
        const RecordDatabase *before = chain_find_database(parent, database->sid);

        if (before == NULL)
                return broken(parent, child, "it does not hold database ", database->sid, err);
        if (before->dbid != database->dbid)
                return broken(parent, child, "another DBID of database ", database->sid, err);
        if (before->resetlogs_scn != database->resetlogs_scn ||
            !is_same_time(before->resetlogs_time, database->resetlogs_time))
                return broken(
                        parent, child, "another incarnation of database ", database->sid, err);
        return 0;
}

int chain_check_link(
        const Record *parent, const char *parent_sha256, const Record *child, Error *err) {
        int r = 0;

        if (!string_equal(parent->id, child->parent_id))
                return broken(parent, child, "it names another parent", "", err);
        if (!string_equal(parent_sha256, child->parent_sha256))
                return broken(
                        parent,
                        child,
                        "its record has another digest than the one that was noted, "
                        "sha256 ",
                        child->parent_sha256,
                        err);
        if (!string_equal(parent->instance, child->instance))
                return broken(parent, child, "it is of instance ", parent->instance, err);
        if (parent->sequence >= child->sequence)
                return broken(parent, child, "it is the younger one", "", err);
        for (size_t i = 0; r == 0 && i < child->n_databases; i++)
                r = check_database_link(parent, child, &child->databases[i], err);
        return r;
}

/* ---- points in time ---- */

int chain_check_until_scn(const RecordDatabase *database, uint64_t scn, Error *err) {
        if (scn > database->fuzzy_scn && scn <= database->until_scn)
                return 0;
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -ERANGE,
                "database %s of this backup can be recovered to SCN %" PRIu64 " up to %" PRIu64
                ", not to %" PRIu64,
                database->sid,
                database->fuzzy_scn + 1,
                database->until_scn,
                scn);
}

/* Seconds east of UTC of "+02:00". */
static int64_t offset_seconds(const char *offset) {
        int hours = (offset[1] - '0') * 10 + offset[2] - '0';
        int minutes = (offset[4] - '0') * 10 + offset[5] - '0';
        int64_t seconds = (hours * 60 + minutes) * 60;

        return offset[0] == '-' ? -seconds : seconds;
}

static int64_t utc_of_local(const char *local, const char *offset) {
        struct tm tm = {0};

        (void)strptime(local, "%Y-%m-%dT%H:%M:%S", &tm);
        return (int64_t)timegm(&tm) - offset_seconds(offset);
}

static int no_times(const RecordDatabase *database, const char *why, Error *err) {
        return error_set(
                err,
                ERROR_NOT_CONSISTENT,
                -ERANGE,
                "until_time cannot be used for database %s of this backup: %s; use until_scn, "
                "%" PRIu64 " up to %" PRIu64,
                database->sid,
                why,
                database->fuzzy_scn + 1,
                database->until_scn);
}

/* When the offset changed during the run, its local times do not lie where they should on the
 * host's own clock, and one local time may mean two moments. */
static bool is_ambiguous(const Record *record, int64_t first, int64_t last) {
        int64_t created = (int64_t)(record->created_usec / USEC_PER_SEC);
        int64_t finished = (int64_t)(record->finished_usec / USEC_PER_SEC);

        return last < first || first < created - CLOCK_SLACK_SEC ||
               last > finished + CLOCK_SLACK_SEC;
}

static void format_local(int64_t utc, const char *offset, char ret[CHAIN_LOCAL_TIME_BYTES]) {
        time_t local = (time_t)(utc + offset_seconds(offset));
        struct tm tm;

        (void)gmtime_r(&local, &tm);
        (void)strftime(ret, CHAIN_LOCAL_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
}

int chain_check_until_time(
        const RecordDatabase *database,
        const Record *record,
        uint64_t realtime_usec,
        char ret[CHAIN_LOCAL_TIME_BYTES],
        Error *err) {
        char local[CHAIN_LOCAL_TIME_BYTES];

        if (*database->fuzzy_time == '\0' || *database->until_time == '\0')
                return no_times(
                        database,
                        "its record holds no times, since Oracle did not know them or the clock of "
                        "its host changed its offset while it was backed up",
                        err);
        int64_t first = utc_of_local(database->fuzzy_time, database->utc_offset);
        int64_t last = utc_of_local(database->until_time, database->utc_offset);
        int64_t wanted = (int64_t)(realtime_usec / USEC_PER_SEC);
        if (is_ambiguous(record, first, last))
                return no_times(
                        database,
                        "the clock of its host changed its offset while it was backed up, so that "
                        "a local time is ambiguous",
                        err);
        format_local(wanted, database->utc_offset, local);
        if (wanted <= first || wanted > last)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -ERANGE,
                        "database %s of this backup can be recovered to a time after %s%s and up "
                        "to %s%s, not to %s%s",
                        database->sid,
                        database->fuzzy_time,
                        database->utc_offset,
                        database->until_time,
                        database->utc_offset,
                        local,
                        database->utc_offset);
        memcpy(ret, local, sizeof(local));
        return 0;
}
