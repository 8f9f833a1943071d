/* backup.json: what a completed backup is, as data (contract: "backup.json and the other control
 * objects"). Pure: structures and JSON.
 *
 * All strings are owned by the record and freed by record_done(). Parsing refuses a higher format
 * and unknown features (Incompatible), ignores unknown keys, and checks every name, path, size and
 * offset before it returns (Integrity names the key). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct RecordDatafile {
        uint32_t file;
        char *name;
        uint64_t bytes;
        uint64_t creation_scn;
        bool has_incremental_scn;
        uint64_t incremental_scn;
        uint64_t base_scn; /* where a level 1 must start */
        bool unchanged;
        bool created_in_logs;
} RecordDatafile;

typedef struct RecordLogs {
        uint32_t thread;
        uint64_t first_sequence, last_sequence, first_scn, next_scn;
} RecordLogs;

typedef struct RecordDirectory {
        char *path;
        uint32_t mode;
        char *group;
} RecordDirectory;

typedef struct RecordDatabase {
        char *sid, *oracle_home, *dbs_dir, *db_name, *db_unique_name;
        uint64_t dbid;
        char *version, *edition;
        bool cdb;
        StringList open_pdbs;
        uint64_t resetlogs_scn;
        char *resetlogs_time; /* local, NULL: not known */
        char *time_zone, *utc_offset;
        char *tag;
        char *control_file_piece; /* handle: the absolute path at the source */
        uint64_t low_scn, fuzzy_scn, until_scn;
        char *fuzzy_time, *until_time; /* local time of the source, "YYYY-MM-DDTHH:MM:SS" */
        uint64_t tempfiles;
        StringList restore_points;
        StringList other_files; /* control, redo and temporary files; added later: may be empty */
        bool force_logging, tde;
        char *block_change_tracking; /* file name, NULL: off */
        RecordDatafile *datafiles;
        size_t n_datafiles;
        RecordLogs *archived_logs;
        size_t n_archived_logs;
        RecordDirectory *directories;
        size_t n_directories;
        StringList notes;
} RecordDatabase;

typedef struct RecordSkipped {
        char *sid, *reason;
} RecordSkipped;

typedef enum MemberKind {
        MEMBER_PIECE,
        MEMBER_SPFILE,
        MEMBER_PFILE,
        MEMBER_ORAPW,
        MEMBER_NETWORK
} MemberKind;
typedef enum PieceContents {
        PIECE_NONE,
        PIECE_DATAFILE,
        PIECE_ARCHIVELOG,
        PIECE_CONTROLFILE,
        PIECE_SPFILE
} PieceContents;
const char *member_kind_name(MemberKind kind);
const char *piece_contents_name(PieceContents contents); /* NULL for PIECE_NONE */

typedef struct RecordMember {
        char *path; /* in the tar: the path of origin without the leading '/' */
        MemberKind kind;
        char *database;
        uint64_t offset; /* of the content in the plaintext */
        uint64_t size;
        uint32_t mode;
        int64_t mtime;
        PieceContents contents; /* pieces only */
} RecordMember;

typedef struct RecordVolume {
        char *name; /* "<instance>/<id>/backup.tar.age" */
        uint64_t size;
        char etag[33];
        uint64_t segment_size;
        char attempt[9];
        uint64_t segment_count;
        uint64_t segments_size; /* of the object `segments` */
        char segments_sha256[65];
} RecordVolume;

typedef struct Record {
        char *id, *name, *description, *instance, *hostname;
        uint64_t sequence;
        uint64_t created_usec, finished_usec; /* whole seconds in the JSON */
        unsigned level;
        char *parent_id; /* NULL: none */
        char parent_sha256[65];
        char *previous_id; /* NULL: none */
        uint64_t previous_sequence;
        char previous_sha256[65];
        char *datastore_version; /* type is "oracle" */
        char *backup_dir;
        RecordDatabase *databases;
        size_t n_databases;
        RecordSkipped *skipped;
        size_t n_skipped;
        RecordMember *members;
        size_t n_members;
        bool passphrase; /* encryption mode scrypt */
        StringList recipients;
        uint64_t payload_offset;
        char header_sha256[65];
        RecordVolume volume; /* exactly one in format 1 */
} Record;

void record_done(Record *record);
void record_database_done(RecordDatabase *database);
int record_print(
        const Record *record,
        char **ret,
        size_t *ret_size,
        Error *err); /* the payload; caller frees */
int record_parse(const char *payload, size_t size, const char *what, Record *ret, Error *err);

/* orabackup.json, the member for a person who lost backup.json. Caller frees. */
int record_print_summary(const Record *record, char **ret, size_t *ret_size, Error *err);

/* The plaintext's total size follows from the members: the last member is orabackup.json and not
 * listed; so the record's volume decides. */
uint64_t record_plaintext_size(const Record *record);
