/* A record of two databases with every field in use. */
#pragma once

#include <string.h>

#include "repository/record.h"
#include "unit/test.h"

#define EXAMPLE_ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define EXAMPLE_PARENT_ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define EXAMPLE_SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static char *example_string(const char *string) {
        char *copy = strdup(string);
        assert_non_null(copy);
        return copy;
}

static void example_database(RecordDatabase *database, const char *sid, const char *piece) {
        *database = (RecordDatabase){
                .sid = example_string(sid),
                .oracle_home = example_string("/u01/app/oracle/product/19.0.0/dbhome_1"),
                .dbs_dir = example_string("/u01/app/oracle/product/19.0.0/dbhome_1/dbs"),
                .db_name = example_string(sid),
                .db_unique_name = example_string(sid),
                .dbid = 2851745230,
                .version = example_string("19.22.0.0.0"),
                .edition = example_string("EE"),
                .cdb = true,
                .resetlogs_scn = 1920977,
                .time_zone = example_string("Europe/Berlin"),
                .utc_offset = example_string("+01:00"),
                .tag = example_string("OB_5C8E6C1E4A53"),
                .control_file_piece = example_string(piece),
                .low_scn = 2200000,
                .fuzzy_scn = 2200100,
                .until_scn = INT64_MAX,
                .fuzzy_time = example_string("2026-11-22T07:10:30"),
                .until_time = example_string("2026-11-22T07:10:44"),
                .tempfiles = 2,
                .force_logging = true,
                .block_change_tracking = example_string("/u02/oradata/bct.f"),
        };
        assert_int_equal(string_list_add(&database->open_pdbs, "ORCLPDB1"), 0);
        assert_int_equal(string_list_add(&database->restore_points, "BEFORE_UPGRADE"), 0);
        assert_int_equal(string_list_add(&database->other_files, "/oradata/redo01.log"), 0);
        assert_int_equal(string_list_add(&database->notes, "NOLOGGING changes in file 4"), 0);
        database->n_datafiles = 2;
        database->datafiles = calloc(2, sizeof(RecordDatafile));
        assert_non_null(database->datafiles);
        database->datafiles[0] = (RecordDatafile){
                .file = 1,
                .name = example_string("/u02/oradata/system01.dbf"),
                .bytes = 1073741824,
                .creation_scn = 7,
                .has_incremental_scn = true,
                .incremental_scn = 2100000,
                .base_scn = 2200010,
        };
        database->datafiles[1] = (RecordDatafile){
                .file = 4,
                .name = example_string("/u02/oradata/users 01.dbf"),
                .bytes = 5242880,
                .creation_scn = 32000,
                .base_scn = 2200020,
                .unchanged = true,
                .created_in_logs = true,
        };
        database->n_archived_logs = 1;
        database->archived_logs = calloc(1, sizeof(RecordLogs));
        assert_non_null(database->archived_logs);
        database->archived_logs[0] = (RecordLogs){1, 17, 19, 2199000, 2200500};
        database->n_directories = 1;
        database->directories = calloc(1, sizeof(RecordDirectory));
        assert_non_null(database->directories);
        database->directories[0] = (RecordDirectory){
                example_string("/u01/app/oracle/admin/adump"), 0750, example_string("oinstall")};
}

static void example_members(Record *record) {
        static const struct {
                const char *path;
                MemberKind kind;
                const char *sid;
                uint64_t offset, size;
                PieceContents contents;
        } rows[] = {
                {"backup/a.bkp", MEMBER_PIECE, "ORCL", 512, 1000, PIECE_DATAFILE},
                {"backup/a.ctl", MEMBER_PIECE, "ORCL", 2048, 512, PIECE_CONTROLFILE},
                {"backup/b.ctl", MEMBER_PIECE, "TEST", 3072, 0, PIECE_CONTROLFILE},
                {"u01/dbs/spfileORCL.ora", MEMBER_SPFILE, "ORCL", 3584, 1, 0},
                {"u01/network/tnsnames.ora", MEMBER_NETWORK, "", 4608, 513, 0},
        };

        record->n_members = sizeof(rows) / sizeof(rows[0]);
        record->members = calloc(record->n_members, sizeof(RecordMember));
        assert_non_null(record->members);
        for (size_t i = 0; i < record->n_members; i++)
                record->members[i] = (RecordMember){
                        .path = example_string(rows[i].path),
                        .kind = rows[i].kind,
                        .database = example_string(rows[i].sid),
                        .offset = rows[i].offset,
                        .size = rows[i].size,
                        .mode = 0640,
                        .mtime = 1795327844,
                        .contents = rows[i].contents,
                };
}

/* The tar: 4608 + 1024 of the last member, orabackup.json 512 + 1024, two blocks: 8192 bytes. */
static void example_volume(Record *record) {
        RecordVolume *volume = &record->volume;
        volume->name = example_string("prod-db1/" EXAMPLE_ID "/backup.tar.age");
        volume->size = 200 + 8192 + 16;
        strcpy(volume->etag, "0cc175b9c0f1b6a831c399e269772661");
        volume->segment_size = 1048576;
        strcpy(volume->attempt, "0badcafe");
        volume->segment_count = 1;
        volume->segments_size = 107;
        strcpy(volume->segments_sha256, EXAMPLE_SHA256);
}

static void example_record(Record *record) {
        *record = (Record){
                .id = example_string(EXAMPLE_ID),
                .name = example_string("prod-db1-L1-20261122T061044Z"),
                .description = example_string("nightly"),
                .instance = example_string("prod-db1"),
                .hostname = example_string("prod-db1.example.org"),
                .sequence = 17,
                .created_usec = UINT64_C(1795327844000000),
                .finished_usec = UINT64_C(1795328844000000),
                .level = 1,
                .parent_id = example_string(EXAMPLE_PARENT_ID),
                .parent_sha256 = EXAMPLE_SHA256,
                .previous_id = example_string(EXAMPLE_PARENT_ID),
                .previous_sequence = 16,
                .previous_sha256 = EXAMPLE_SHA256,
                .datastore_version = example_string("19.22.0.0.0"),
                .backup_dir = example_string("/backup"),
                .payload_offset = 200,
                .header_sha256 = EXAMPLE_SHA256,
        };
        record->n_databases = 2;
        record->databases = calloc(2, sizeof(RecordDatabase));
        assert_non_null(record->databases);
        example_database(&record->databases[0], "ORCL", "/backup/a.ctl");
        example_database(&record->databases[1], "TEST", "/backup/b.ctl");
        record->n_skipped = 1;
        record->skipped = calloc(1, sizeof(RecordSkipped));
        assert_non_null(record->skipped);
        record->skipped[0] = (RecordSkipped){example_string("DOWN"), example_string("not open")};
        assert_int_equal(string_list_add(&record->recipients, "age1examplerecipient"), 0);
        example_members(record);
        example_volume(record);
}
