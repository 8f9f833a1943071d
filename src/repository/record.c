/* The record as data: its words, its end, and what follows from it. Printing and parsing are in
 * record-print.c and record-parse.c. */
#include "repository/record.h"

#include "repository/record-internal.h"
#include "stream/age.h"

static const char *const kind_names[] = {
        [MEMBER_PIECE] = "piece",
        [MEMBER_SPFILE] = "spfile",
        [MEMBER_PFILE] = "pfile",
        [MEMBER_ORAPW] = "orapw",
        [MEMBER_NETWORK] = "network",
};

static const char *const contents_names[] = {
        [PIECE_NONE] = NULL,
        [PIECE_DATAFILE] = "datafile",
        [PIECE_ARCHIVELOG] = "archivelog",
        [PIECE_CONTROLFILE] = "controlfile",
        [PIECE_SPFILE] = "spfile",
};

const char *member_kind_name(MemberKind kind) {
        return kind_names[kind];
}

const char *piece_contents_name(PieceContents contents) {
        return contents_names[contents];
}

bool member_kind_from_name(const char *name, MemberKind *ret) {
        for (size_t i = 0; i < ELEMENTSOF(kind_names); i++)
                if (string_equal(kind_names[i], name)) {
                        *ret = (MemberKind)i;
                        return true;
                }
        return false;
}

bool piece_contents_from_name(const char *name, PieceContents *ret) {
        for (size_t i = PIECE_DATAFILE; i < ELEMENTSOF(contents_names); i++)
                if (string_equal(contents_names[i], name)) {
                        *ret = (PieceContents)i;
                        return true;
                }
        return false;
}

static void database_free_strings(RecordDatabase *database) {
        free(database->sid);
        free(database->oracle_home);
        free(database->dbs_dir);
        free(database->db_name);
        free(database->db_unique_name);
        free(database->version);
        free(database->edition);
        free(database->resetlogs_time);
        free(database->time_zone);
        free(database->utc_offset);
        free(database->tag);
        free(database->control_file_piece);
        free(database->fuzzy_time);
        free(database->until_time);
        free(database->block_change_tracking);
        string_list_done(&database->open_pdbs);
        string_list_done(&database->restore_points);
        string_list_done(&database->other_files);
        string_list_done(&database->notes);
}

void record_database_done(RecordDatabase *database) {
        database_free_strings(database);
        for (size_t i = 0; i < database->n_datafiles; i++)
                free(database->datafiles[i].name);
        free(database->datafiles);
        free(database->archived_logs);
        for (size_t i = 0; i < database->n_directories; i++) {
                free(database->directories[i].path);
                free(database->directories[i].group);
        }
        free(database->directories);
        *database = (RecordDatabase){0};
}

static void lists_done(Record *record) {
        for (size_t i = 0; i < record->n_databases; i++)
                record_database_done(&record->databases[i]);
        free(record->databases);
        for (size_t i = 0; i < record->n_skipped; i++) {
                free(record->skipped[i].sid);
                free(record->skipped[i].reason);
        }
        free(record->skipped);
        for (size_t i = 0; i < record->n_members; i++) {
                free(record->members[i].path);
                free(record->members[i].database);
        }
        free(record->members);
}

void record_done(Record *record) {
        lists_done(record);
        free(record->id);
        free(record->name);
        free(record->description);
        free(record->instance);
        free(record->hostname);
        free(record->parent_id);
        free(record->previous_id);
        free(record->datastore_version);
        free(record->backup_dir);
        string_list_done(&record->recipients);
        free(record->volume.name);
        *record = (Record){0};
}

/* Each chunk of the payload carries a tag; the last one may be short. */
uint64_t record_plaintext_size(const Record *record) {
        if (record->volume.size <= record->payload_offset)
                return 0;
        uint64_t payload = record->volume.size - record->payload_offset;
        uint64_t chunks = payload / AGE_SEALED_CHUNK_BYTES;
        uint64_t rest = payload % AGE_SEALED_CHUNK_BYTES;
        if (rest > 0 && rest <= AGE_TAG_BYTES)
                return 0; /* a chunk without content: only an empty file has one */
        return payload - (chunks + (rest > 0 ? 1 : 0)) * AGE_TAG_BYTES;
}
