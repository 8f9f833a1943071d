/* repository/record.h: the record's bytes, and what a reader refuses. */
#include <errno.h>
#include <stdio.h>

#include "base/files.h"
#include "base/limits.h"
#include "repository/record-internal.h"
#include "unit/repository/example.h"

static char *printed(void) {
        Record record;
        char *text;
        size_t size;
        Error err = {0};
        example_record(&record);
        int r = record_print(&record, &text, &size, &err);
        if (r < 0)
                fail_msg("%s", err.message);
        assert_int_equal(size, strlen(text));
        record_done(&record);
        return text;
}

static int parse(const char *text, Error *err) {
        Record record = {0};
        int r = record_parse(text, strlen(text), "record", &record, err);
        if (r == 0)
                record_done(&record);
        return r;
}

static char *golden(const char *name) {
        char path[512], *text;
        size_t size;
        snprintf(path, sizeof(path), "%s/records/%s", TEST_DATA, name);
        assert_int_equal(file_read(path, 1 << 20, ERROR_INTERNAL, &text, &size, NULL), 0);
        text[strcspn(text, "\n")] = '\0';
        return text;
}

static void a_record_prints_as_the_golden_bytes(void **state) {
        CLEANUP(cleanup_free) char *text = printed();
        CLEANUP(cleanup_free) char *expected = golden("record.json");
        assert_string_equal(text, expected);
}

static void the_summary_prints_as_the_golden_bytes(void **state) {
        CLEANUP(cleanup_free) char *expected = golden("orabackup.json");
        CLEANUP(cleanup_free) char *text = NULL;
        Record record;
        size_t size;
        example_record(&record);
        assert_int_equal(record_print_summary(&record, &text, &size, NULL), 0);
        assert_string_equal(text, expected);
        record_done(&record);
}

static void a_parsed_record_prints_the_same(void **state) {
        CLEANUP(cleanup_free) char *expected = golden("record.json");
        CLEANUP(cleanup_free) char *text = NULL;
        Record record = {0};
        Error err = {0};
        size_t size;
        if (record_parse(expected, strlen(expected), "record", &record, &err) < 0)
                fail_msg("%s", err.message);
        assert_int_equal(record.databases[0].until_scn, INT64_MAX);
        assert_true(record.databases[1].datafiles[0].has_incremental_scn);
        assert_false(record.databases[1].datafiles[1].has_incremental_scn);
        assert_int_equal(record.members[1].contents, PIECE_CONTROLFILE);
        assert_int_equal(record_plaintext_size(&record), 8192);
        assert_int_equal(record_print(&record, &text, &size, NULL), 0);
        assert_string_equal(text, expected);
        record_done(&record);
}

/* Replaces the first `from` of a fresh record; the result must be refused and name `where`. */
static void
refused_at(const char *from, const char *to, ErrorKind kind, const char *where, int line) {
        CLEANUP(cleanup_free) char *text = printed();
        CLEANUP(text_done) Text changed = TEXT_INIT;
        Error err = {0};
        const char *at = strstr(text, from);
        if (at == NULL)
                fail_msg("line %d: no %s", line, from);
        else {
                text_append_bytes(&changed, text, (size_t)(at - text));
                text_append(&changed, to);
                text_append(&changed, at + strlen(from));
        }
        int r = parse(text_get(&changed), &err);
        if (r >= 0 || err.kind != kind || strstr(err.message, where) == NULL)
                fail_msg("line %d: %s -> %s: %d %s", line, from, to, r, err.message);
}
#define refused(from, to, where) refused_at(from, to, ERROR_INTEGRITY, where, __LINE__)
#define incompatible(from, to, where) refused_at(from, to, ERROR_INCOMPATIBLE, where, __LINE__)

static void newer_records_are_incompatible(void **state) {
        incompatible("\"format\":1,", "\"format\":2,", "format");
        incompatible("\"features\":[]", "\"features\":[\"logs\"]", "'logs'");
        incompatible("\"type\":\"oracle\"", "\"type\":\"mysql\"", "datastore.type");
        incompatible("encryption.org/v1", "encryption.org/v2", "encryption.format");
        incompatible("\"mode\":\"x25519\"", "\"mode\":\"pq\"", "encryption.mode");
}

static void unknown_keys_are_ignored(void **state) {
        CLEANUP(cleanup_free) char *text = printed();
        CLEANUP(text_done) Text changed = TEXT_INIT;
        Error err = {0};
        text_appendf(&changed, "{\"zzz\":{\"a\":[1]},%s", text + 1);
        if (parse(text_get(&changed), &err) < 0)
                fail_msg("%s", err.message);
}

static void too_large_payloads_are_refused(void **state) {
        Record record = {0};
        Error err = {0};
        CLEANUP(cleanup_free) char *text = malloc(LIMIT_RECORD_BYTES + 1);
        assert_non_null(text);
        memset(text, ' ', LIMIT_RECORD_BYTES + 1);
        assert_int_equal(
                record_parse(text, LIMIT_RECORD_BYTES + 1, "record", &record, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        example_record(&record);
        free(record.description);
        text[LIMIT_RECORD_BYTES] = '\0';
        record.description = text;
        text = NULL;
        char *ret;
        size_t size;
        assert_int_equal(record_print(&record, &ret, &size, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
        record_done(&record);
}

static void more_data_files_than_the_limit_are_refused(void **state) {
        CLEANUP(cleanup_free) char *text = printed();
        CLEANUP(text_done) Text changed = TEXT_INIT;
        Error err = {0};
        const char *at = strstr(text, "\"datafiles\":["), *end = strchr(at, ']');
        text_append_bytes(&changed, text, (size_t)(at - text));
        text_append(&changed, "\"datafiles\":[");
        for (unsigned i = 0; i < LIMIT_DATAFILES; i++)
                text_append(&changed, "{},");
        text_appendf(&changed, "{}%s", end);
        assert_true(parse(text_get(&changed), &err) < 0);
        assert_non_null(strstr(err.message, "65534 elements, at most 65533"));
        refused("\"file\":4,", "\"file\":65534,", "databases[0].datafiles[1].file");
}

static void links_are_checked(void **state) {
        refused("\"parent\":{\"id\":\"0f1e", "\"parent\":{\"id\":\"0F1e", "parent.id");
        refused("\"id\":\"" EXAMPLE_PARENT_ID "\",\"record_sha256\"",
                "\"id\":\"" EXAMPLE_ID "\",\"record_sha256\"",
                "parent: the backup itself");
        refused("\"level\":1,", "\"level\":0,", "parent: level 0 has none");
        refused("\"level\":1,", "\"level\":2,", "level");
        refused("\"sequence\":16}", "\"sequence\":17}", "previous");
        refused("\"record_sha256\":\"9f86", "\"record_sha256\":\"9F86", "parent.record_sha256");
}

static void names_and_paths_are_checked(void **state) {
        refused("\"instance\":\"prod-db1\"", "\"instance\":\"../db1\"", "instance");
        refused("\"backup_dir\":\"/backup\"", "\"backup_dir\":\"/backup/..\"", "backup_dir");
        refused("\"sid\":\"ORCL\"", "\"sid\":\"OR/CL\"", "databases[0].sid");
        refused("\"sid\":\"ORCL\"", "\"sid\":\"TEST\"", "TEST is there twice");
        refused("\"sid\":\"DOWN\"", "\"sid\":\"TEST\"", "TEST is there twice");
        refused("\"name\":\"/u02/oradata/system01.dbf\"",
                "\"name\":\"system01.dbf\"",
                "databases[0].datafiles[0].name");
        refused("\"file\":4,", "\"file\":1,", "databases[0].datafiles[1].file");
        refused("\"utc_offset\":\"+01:00\"", "\"utc_offset\":\"CET\"", "databases[0].utc_offset");
        refused("\"until_time\":\"2026-11-22T",
                "\"until_time\":\"2026-11-22 ",
                "databases[0].until_time");
        refused("\"until_time\":\"2026-", "\"until_time\":\"02026-", "databases[0].until_time");
        refused("\"control_file_piece\":\"/backup/a.ctl\"",
                "\"control_file_piece\":\"/backup/a.bkp\"",
                "databases: [0].control_file_piece");
        refused("\"tag\":\"OB_5C8E6C1E4A53\"", "\"tag\":\"a'b\"", "databases[0].tag");
        refused("\"last_sequence\":19", "\"last_sequence\":16", "archived_logs[0].last_sequence");
        refused("\"path\":\"/u01/app/oracle/admin/adump\"",
                "\"path\":\"adump\"",
                "directories[0].path");
        refused("\"mode\":488", "\"mode\":4096", "directories[0].mode");
        refused("/" EXAMPLE_ID "/backup.tar.age",
                "/" EXAMPLE_PARENT_ID "/backup.tar.age",
                "volumes: [0].name");
}

static void an_element_that_is_no_object_is_refused(void **state) {
        refused("\"archived_logs\":[{", "\"archived_logs\":[7,{", "archived_logs: [0] is not");
        refused("\"directories\":[{", "\"directories\":[[],{", "directories: [0] is not");
        refused("\"skipped\":[{", "\"skipped\":[null,{", "skipped: [0] is not");
}

static void no_more_elements_than_the_limit_are_taken(void **state) {
        CLEANUP(text_done) Text many = TEXT_INIT;
        text_append(&many, "\"skipped\":[");
        for (unsigned i = 0; i < LIMIT_DATABASES; i++)
                text_appendf(&many, "{\"sid\":\"S%u\",\"reason\":\"r\"},", i);
        text_append(&many, "{");
        refused("\"skipped\":[{", text_get(&many), "skipped: 257 elements, at most 256");
}

static void a_backup_of_nothing_is_refused(void **state) {
        Record record;
        Error err = {0};
        CLEANUP(cleanup_free) char *none = NULL, *no_files = NULL;
        size_t size, n_files;
        example_record(&record);
        size_t n = record.n_databases;
        record.n_databases = 0;
        assert_int_equal(record_print(&record, &none, &size, NULL), 0);
        record.n_databases = n;
        n_files = record.databases[0].n_datafiles;
        record.databases[0].n_datafiles = 0;
        assert_int_equal(record_print(&record, &no_files, &size, NULL), 0);
        record.databases[0].n_datafiles = n_files;
        record_done(&record);
        assert_true(parse(none, &err) < 0);
        assert_non_null(strstr(err.message, "databases: a backup has at least one"));
        assert_true(parse(no_files, &err) < 0);
        assert_non_null(strstr(err.message, "databases[0].datafiles: a database has at least one"));
}

/* JSON holds no number as large; what a caller computes may be. */
static void a_member_beyond_every_number_is_refused(void **state) {
        Record record;
        Error err = {0};
        Fields fields = {.what = "record", .err = &err};
        example_record(&record);
        record.members[0].offset = UINT64_MAX - 511;
        record_check(&fields, &record);
        assert_true(fields.r < 0);
        assert_non_null(strstr(err.message, "members[0].size: too large to be true"));
        record_done(&record);
}

static void members_are_checked(void **state) {
        refused("\"path\":\"backup/a.bkp\"", "\"path\":\"/backup/a.bkp\"", "members[0].path");
        refused("\"path\":\"backup/a.bkp\"", "\"path\":\"backup/../a.bkp\"", "members[0].path");
        refused("\"path\":\"backup/a.bkp\"", "\"path\":\"orabackup.json\"", "members[0].path");
        refused("\"path\":\"backup/a.bkp\"",
                "\"path\":\"backup/a.ctl\"",
                "backup/a.ctl is there twice");
        refused("\"kind\":\"piece\"", "\"kind\":\"pieces\"", "members[0].kind");
        refused("\"contents\":\"datafile\"", "\"contents\":\"data\"", "members[0].contents");
        refused("\"contents\":\"datafile\",\"database\":\"ORCL\"",
                "\"contents\":\"datafile\",\"database\":\"DOWN\"",
                "members[0].database");
        refused("\"offset\":2048", "\"offset\":2047", "members[1].offset");
        refused("\"offset\":2048", "\"offset\":1536", "members[1].offset");
        refused("\"offset\":512,", "\"offset\":0,", "members[0].offset");
        refused("\"size\":1000}", "\"size\":9223372036854775807}", "members[1].offset");
        refused("\"size\":1000}", "\"size\":9223372036854775808}", "is no JSON");
        refused("\"size\":1000}", "\"size\":-1}", "members[0].size");
        refused("\"offset\":4608,", "\"offset\":9223372036854775296,", "volumes");
        refused("\"mode\":416,\"mtime\"", "\"mode\":1024,\"mtime\"", "members[0].mode");
}

static void the_volume_is_checked(void **state) {
        refused("\"payload_offset\":200", "\"payload_offset\":0", "encryption.payload_offset");
        refused("\"payload_offset\":200", "\"payload_offset\":201", "does not hold the members");
        refused("\"payload_offset\":200", "\"payload_offset\":60000", "does not hold the members");
        refused("\"size\":8408}", "\"size\":7384}", "does not hold the members");
        refused("\"count\":1,", "\"count\":2,", "segments.count");
        refused("\"segment_size\":1048576", "\"segment_size\":1048577", "segment_size");
        refused("\"attempt\":\"0badcafe\"", "\"attempt\":\"0badcaf\"", "attempt");
        refused("\"recipients\":[\"age1examplerecipient\"]", "\"recipients\":[]", "recipients");
        refused("\"mode\":\"x25519\"", "\"mode\":\"scrypt\"", "recipients");
        refused("\"volumes\":[{", "\"volumes\":[{},{", "volumes");
        refused("\"etag\":\"0cc1", "\"etag\":\"0CC1", "etag");
}

/* Every key of the golden record: renamed it is missing, with null it has no type. */
static void every_key_is_needed_and_has_a_type(void **state) {
        static const char *const nullable[] = {
                "block_change_tracking", "incremental_scn", "previous", "parent", "other_files"};
        CLEANUP(cleanup_free) char *text = printed();
        size_t n = 0;
        for (char *at = text; (at = strstr(at, "\":")) != NULL; at += 2) {
                char *begin = at;
                while (begin[-1] != '"')
                        begin--;
                char saved = *begin;
                Error err = {0};
                *begin = '_';
                int r = parse(text, &err);
                *begin = saved;
                bool may_miss = false;
                for (size_t i = 0; i < ELEMENTSOF(nullable); i++)
                        may_miss |= strncmp(begin, nullable[i], strlen(nullable[i])) == 0;
                if (may_miss && strncmp(begin, "parent", 6) != 0)
                        continue;
                if (r >= 0 || err.kind != ERROR_INTEGRITY)
                        fail_msg("%.30s: %d %s", begin, r, err.message);
                n++;
        }
        assert_true(n > 100);
}

static void a_file_from_before_1970_is_refused(void **state) {
        Record record;
        Error err = {0};
        char *text;
        size_t size;
        example_record(&record);
        record.members[0].mtime = -1;
        assert_int_equal(record_print(&record, &text, &size, &err), -ERANGE);
        assert_non_null(strstr(err.message, "backup/a.bkp"));
        assert_int_equal(record_print_summary(&record, &text, &size, &err), -ERANGE);
        record_done(&record);
}

static void the_plaintext_of_many_chunks_is_measured(void **state) {
        Record record = {.payload_offset = 216};
        record.volume.size = 216 + 3 * (65536 + 16);
        assert_int_equal(record_plaintext_size(&record), 3 * 65536);
        record.volume.size += 17;
        assert_int_equal(record_plaintext_size(&record), 3 * 65536 + 1);
        record.volume.size -= 1;
        assert_int_equal(record_plaintext_size(&record), 0);
        record.volume.size = 216;
        assert_int_equal(record_plaintext_size(&record), 0);
}

static void a_first_full_backup_has_no_links(void **state) {
        Record record, parsed = {0};
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        Error err = {0};
        example_record(&record);
        free(record.parent_id);
        free(record.previous_id);
        record.parent_id = record.previous_id = NULL;
        record.level = 0;
        record.passphrase = true;
        string_list_done(&record.recipients);
        assert_int_equal(record_print(&record, &text, &size, NULL), 0);
        if (record_parse(text, size, "record", &parsed, &err) < 0)
                fail_msg("%s", err.message);
        assert_null(parsed.parent_id);
        assert_null(parsed.previous_id);
        assert_true(parsed.passphrase);
        record_done(&parsed);
        record_done(&record);
}

/* It is not there in a record of a database whose time nobody asked for. */
static void the_time_of_resetlogs_is_kept(void **state) {
        Record record, again = {0};
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        example_record(&record);
        assert_null(record.databases[0].resetlogs_time);
        record.databases[0].resetlogs_time = strdup("2026-11-20T03:00:00");
        assert_int_equal(record_print(&record, &text, &size, NULL), 0);
        assert_int_equal(record_parse(text, size, "backup.json", &again, NULL), 0);
        assert_string_equal(again.databases[0].resetlogs_time, "2026-11-20T03:00:00");
        assert_null(again.databases[1].resetlogs_time);
        record_done(&again);
        record_done(&record);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_prints_as_the_golden_bytes),
                cmocka_unit_test(the_summary_prints_as_the_golden_bytes),
                cmocka_unit_test(a_parsed_record_prints_the_same),
                cmocka_unit_test(newer_records_are_incompatible),
                cmocka_unit_test(unknown_keys_are_ignored),
                cmocka_unit_test(too_large_payloads_are_refused),
                cmocka_unit_test(more_data_files_than_the_limit_are_refused),
                cmocka_unit_test(links_are_checked),
                cmocka_unit_test(names_and_paths_are_checked),
                cmocka_unit_test(an_element_that_is_no_object_is_refused),
                cmocka_unit_test(no_more_elements_than_the_limit_are_taken),
                cmocka_unit_test(a_backup_of_nothing_is_refused),
                cmocka_unit_test(a_member_beyond_every_number_is_refused),
                cmocka_unit_test(members_are_checked),
                cmocka_unit_test(the_volume_is_checked),
                cmocka_unit_test(every_key_is_needed_and_has_a_type),
                cmocka_unit_test(a_file_from_before_1970_is_refused),
                cmocka_unit_test(the_plaintext_of_many_chunks_is_measured),
                cmocka_unit_test(a_first_full_backup_has_no_links),
                cmocka_unit_test(the_time_of_resetlogs_is_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
