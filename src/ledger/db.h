/* The tables of the ledger, as functions on the ledger's thread (see ledger.h). Times are
 * CLOCK_REALTIME microseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"
#include "ledger/ledger.h"

/* How far a backup came; decides what the next start does (architecture: crash table). */
typedef enum LedgerStage {
        LEDGER_CLAIMING = 1, /* claim bytes are here, its PUT may be on its way */
        LEDGER_RUNNING,      /* claimed; RMAN or the upload is under way */
        LEDGER_COMMITTING,   /* the record's bytes are here: never FAILED from here on */
        LEDGER_FAILING,      /* failed.json's bytes are here; cleaning */
        LEDGER_OTHER,        /* a job that is no backup (restore, take-over, ..) */
} LedgerStage;

typedef struct LedgerJob {
        uint32_t id;
        char type[32];
        LedgerStage stage;
        char backup_id[37]; /* "" when none */
        char instance[65];
        uint64_t sequence; /* of the claim; 0: none */
        uint64_t started_usec;
        char *directory; /* of its files on this host, NULL: none; removed when it is cleaned */
        void *object;    /* bytes of the claim, record or failed.json, by stage; NULL: none */
        size_t object_size;
} LedgerJob;
void ledger_job_done(LedgerJob *job);

int ledger_next_job_id(LedgerDb *db, uint32_t *ret, Error *err);    /* ids are never used again */
int ledger_job_put(LedgerDb *db, const LedgerJob *job, Error *err); /* insert or replace */
int ledger_job_stage(
        LedgerDb *db, uint32_t id, LedgerStage stage, const void *object, size_t size, Error *err);
int ledger_job_remove(
        LedgerDb *db, uint32_t id, Error *err); /* with its attempts, tags and members */
int ledger_jobs(
        LedgerDb *db,
        LedgerJob **ret,
        size_t *ret_n,
        Error *err); /* unfinished ones, by id; caller frees with ledger_job_done and free */

int ledger_attempt_add(LedgerDb *db, uint32_t job, const char *attempt, Error *err);
int ledger_attempts(LedgerDb *db, uint32_t job, StringList *ret, Error *err);

typedef struct LedgerTag {
        char sid[31];
        char *oracle_home;
        uint64_t dbid;
        char tag[31];
} LedgerTag;
void ledger_tag_done(LedgerTag *tag);
/* Tags of a job: written before RMAN starts with them. */
int ledger_tag_add(LedgerDb *db, uint32_t job, const LedgerTag *tag, Error *err);
int ledger_tags(LedgerDb *db, uint32_t job, LedgerTag **ret, size_t *ret_n, Error *err);

/* A finished piece or file of the backup, with its header bytes in the tar. */
typedef struct LedgerMember {
        const char *path, *source;
        uint64_t offset, size;
        const void *header;
        size_t header_size;
} LedgerMember;
int ledger_member_add(LedgerDb *db, uint32_t job, const LedgerMember *member, Error *err);

/* Owed work: done at start and again later until it works. */
typedef enum OwedType {
        OWED_PUT,       /* name: the object; data: its bytes (record, failed.json) */
        OWED_CLEAN_TAG, /* name: sid; data: "<oracle_home>\n<dbid>\n<tag>": leaves the control file
                           by tag, with FORCE and with proof */
        OWED_UNCATALOG, /* name: sid; data: "<oracle_home>\n<handle>\n..": log, control file and
                           spfile pieces after COMPLETED */
        OWED_SEGMENTS,  /* name: backup_id; data: attempt: segments to remove */
        OWED_DIRECTORY, /* name: a directory of ours to remove */
        OWED_STAGED,    /* name: a directory of staged pieces that stays until a new level 0 (or its
                           backup's deletion) makes it an OWED_DIRECTORY; data: "<sid>\n.." */
        OWED_DELETE, /* name: backup_id; data: delete.json (none: the one in the store): the backup
                        is taken out of the store */
        OWED_CLAIM,  /* name: the claim of a deleted backup, which goes with its delete.json as soon
                        as there is a later claim */
} OwedType;
typedef struct Owed {
        uint64_t id;
        OwedType type;
        char *name;
        void *data;
        size_t size;
        uint64_t since_usec;
        char backup_id[37];
} Owed;
void owed_done(Owed *owed);
/* The same before it has a row. */
typedef struct OwedWork {
        OwedType type;
        const char *backup_id;
        const char *name;
        const void *data; /* NULL: none */
        size_t size;
} OwedWork;
int ledger_owed_add(LedgerDb *db, const OwedWork *work, uint64_t *ret_id, Error *err);
int ledger_owed_remove(LedgerDb *db, uint64_t id, Error *err);
int ledger_owed(LedgerDb *db, Owed **ret, size_t *ret_n, Error *err);

/* The last claim this host knows of its instance (id and host as in the claim). */
typedef struct LedgerClaim {
        uint64_t sequence; /* 0: none */
        char id[37];
        char *hostname;
} LedgerClaim;
void ledger_claim_done(LedgerClaim *claim);
int ledger_claim_get(LedgerDb *db, const char *instance, LedgerClaim *ret, Error *err);
int ledger_claim_put(LedgerDb *db, const char *instance, const LedgerClaim *claim, Error *err);

/* The last COMPLETED backup of this instance: what a record's `previous` names. */
typedef struct LedgerPrevious {
        char id[37]; /* "": none */
        uint64_t sequence;
        char record_sha256[65];
} LedgerPrevious;
int ledger_previous_get(LedgerDb *db, const char *instance, LedgerPrevious *ret, Error *err);
int ledger_previous_put(
        LedgerDb *db, const char *instance, const LedgerPrevious *previous, Error *err);

/* How often we ran an operation of RMAN in a database, by days; what is older than a month and a
 * bit is forgotten. V$RMAN_STATUS has them beside everybody else's. */
typedef enum LedgerOperation { LEDGER_DELETE, LEDGER_CROSSCHECK } LedgerOperation;
typedef struct LedgerOperations {
        char sid[31];
        uint64_t deletes, crosschecks; /* of the last 32 days */
} LedgerOperations;
int ledger_operation_add(
        LedgerDb *db, LedgerOperation operation, const char *sid, uint64_t count, Error *err);
int ledger_operations(LedgerDb *db, LedgerOperations **ret, size_t *ret_n, Error *err);
