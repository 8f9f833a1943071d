/* What a restore will do: which databases, where each file goes, and what on this host is in the
 * way. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "job/chain.h"
#include "job/download.h"
#include "job/restore.h"
#include "repository/chain.h"

/* A small file that goes from the staging directory to its own place (parameter and password files,
 * network files). */
typedef struct PlacedFile {
        char *staged, *target;
        uint32_t mode;
        bool only_if_absent; /* network files */
} PlacedFile;

typedef struct TargetDatabase {
        const RecordDatabase *record;
        OracleDatabase database; /* where it goes: home, dbs and network directories */
        PlacedFile *files;
        size_t n_files;
        StringList pieces;      /* where its pieces will be */
        StringList directories; /* the directories of its pieces, of each link, for CATALOG START
                                   WITH */
        char *control_file_piece;
        bool has_spfile;
        uint64_t until_scn; /* the link's own end, or what was asked for; 0: until_time */
        char until_time[CHAIN_LOCAL_TIME_BYTES]; /* local time of the source; "": until_scn */
        char *in_the_way; /* what of this database is here already; NULL: nothing */
} TargetDatabase;

/* One backup of the chain. */
typedef struct PlannedLink {
        char *directory; /* <backup_dir>/<backup_id>: staged here */
        bool is_kept;    /* its pieces lie there ([store] release = chain), and stay */
        DownloadFile *downloads;
        size_t n_downloads;
} PlannedLink;

typedef struct RestorePlan {
        char *directory;    /* of the last link, the backup that was asked for; the link's */
        PlannedLink *links; /* as in the chain */
        size_t n_links;
        TargetDatabase *databases;
        size_t n_databases;
        uint64_t bytes, free_bytes; /* needed and free in the staging directory's file system */
} RestorePlan;
void restore_plan_done(RestorePlan *plan);

typedef struct RestorePlanInput {
        const Chain *chain;
        const Config *config;
        const StringList *databases; /* SIDs; empty: all */
        const char *oracle_home;     /* NULL: oratab's, else the recorded one */
        const char *backup_dir;      /* NULL: the configured one */
        bool has_until_scn;
        uint64_t until_scn, until_usec; /* until_usec 0: none */
        const char *state_directory;    /* of marks that restores leave while they are under way */
} RestorePlanInput;

/* Databases, their homes and until where they are recovered: reads oratab. Blocking. NoSuchDatabase
 * names a SID the backup lacks; NotConsistent: no such point in time in this backup. */
int restore_plan_databases(const RestorePlanInput *input, RestorePlan *ret, Error *err);
/* After every home was located (oracle_locate): where each file goes. Pure. */
int restore_plan_files(const RestorePlanInput *input, RestorePlan *plan, Error *err);
/* What is in the way, and room. Blocking. DatabaseExists and NoSpace are the caller's verdict. */
int restore_plan_look(const RestorePlanInput *input, RestorePlan *plan, Error *err);

/* The mark of a restore under way, so that what a failed one left can be named as such. Blocking.
 */
int restore_mark_set(
        const char *state_directory, const char *sid, const char *backup_id, Error *err);
int restore_mark_remove(const char *state_directory, const char *sid, Error *err);

/* Copies the small files of one database to their places (temporary name, fsync, rename). Blocking.
 */
int restore_place_files(const TargetDatabase *target, StringList *notes, Error *err);
