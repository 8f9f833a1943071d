#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oracle/script.h"
#include "unit/test.h"

static const RmanLogStart logs[] = {{1, 258}, {2, 12}};
static const uint32_t files[] = {7, 9};

static RmanBackupScript level0(void) {
        return (RmanBackupScript){
                .tag = "LEVEL0-20261122T061044Z",
                .command_id = "0123abcd",
                .destination = "/backup/x",
                .compressed = true,
                .set_compression = true,
                .channels = 1,
                .max_piece_size = 4ULL << 30,
                .logs = logs,
                .n_logs = 2,
                .has_spfile = true};
}

static void the_level_0_script_is_the_golden_one(void **state) {
        RmanBackupScript script = level0();
        Text text = TEXT_INIT;

        assert_int_equal(rman_script_backup(&script, &text, NULL), 0);
        assert_string_equal(
                text_get(&text),
                "set echo off;\n"
                "connect target /;\n"
                "set compression algorithm 'BASIC';\n"
                "run {\n"
                "  set command id to 'orabackup 0123abcd';\n"
                "  set backup copies = 1;\n"
                "  allocate channel c1 device type disk to destination '/backup/x' maxpiecesize "
                "4G;\n"
                "  backup as compressed backupset incremental level=0 database noexclude force "
                "tag='LEVEL0-20261122T061044Z';\n"
                "  sql 'alter system archive log current';\n"
                "  backup as compressed backupset archivelog from sequence 258 thread 1 force "
                "tag='LEVEL0-20261122T061044Z';\n"
                "  backup as compressed backupset archivelog from sequence 12 thread 2 force "
                "tag='LEVEL0-20261122T061044Z';\n"
                "  backup as compressed backupset spfile tag='LEVEL0-20261122T061044Z';\n"
                "  backup as compressed backupset current controlfile "
                "tag='LEVEL0-20261122T061044Z';\n"
                "}\n"
                "exit;\n");
        assert_int_equal(rman_script_backup_count(&script), 5);
        text_done(&text);
}

static void a_level_1_starts_with_the_new_files(void **state) {
        RmanBackupScript script = level0();
        Text text = TEXT_INIT;
        const char *first, *second;

        script.level = 1;
        script.datafiles = files;
        script.n_datafiles = 2;
        script.compressed = script.has_spfile = script.set_compression = false;
        script.max_piece_size = 0;
        script.channels = 2;
        assert_int_equal(rman_script_backup(&script, &text, NULL), 0);
        first = strstr(
                text.data, "  backup as backupset incremental level=0 datafile 7,9 force tag=");
        second = strstr(text.data, "  backup as backupset incremental level=1 database noexclude");
        assert_true(first != NULL && second > first);
        assert_null(strstr(text.data, "maxpiecesize"));
        assert_null(strstr(text.data, "spfile"));
        assert_null(strstr(text.data, "BASIC"));
        assert_non_null(strstr(text.data, "allocate channel c2 "));
        assert_int_equal(rman_script_backup_count(&script), 5);
        text_done(&text);
}

static void a_supplementary_round_has_no_whole_database(void **state) {
        RmanBackupScript script = level0();
        Text text = TEXT_INIT;

        script.supplementary = true;
        assert_int_equal(rman_script_backup(&script, &text, NULL), 0);
        assert_null(strstr(text.data, "database"));
        assert_null(strstr(text.data, "spfile"));
        assert_int_equal(rman_script_backup_count(&script), 3);
        text_clear(&text);
        script.datafiles = files;
        script.n_datafiles = 1;
        assert_int_equal(rman_script_backup(&script, &text, NULL), 0);
        assert_non_null(strstr(text.data, "level=0 datafile 7 force"));
        assert_int_equal(rman_script_backup_count(&script), 4);
        text_done(&text);
}

static int size_of_piece(uint64_t bytes, Text *text) {
        RmanBackupScript script = level0();

        script.max_piece_size = bytes;
        text_clear(text);
        return rman_script_backup(&script, text, NULL);
}

static void piece_sizes_have_the_suffixes_rman_knows(void **state) {
        Text text = TEXT_INIT;

        assert_int_equal(size_of_piece(1024, &text), 0);
        assert_non_null(strstr(text.data, "maxpiecesize 1K;"));
        assert_int_equal(size_of_piece(1536ULL << 20, &text), 0);
        assert_non_null(strstr(text.data, "maxpiecesize 1536M;"));
        assert_int_equal(size_of_piece(1ULL << 40, &text), 0);
        assert_non_null(strstr(text.data, "maxpiecesize 1024G;"));
        assert_true(size_of_piece(1000, &text) < 0);
        assert_true(size_of_piece((2048ULL << 30) + 1024, &text) < 0);
        text_done(&text);
}

static void what_cannot_be_quoted_is_refused_and_named(void **state) {
        RmanBackupScript script = level0();
        StringList handles = {0};
        Text text = TEXT_INIT;
        Error err = {0};
        char many[2000];

        script.tag = "x'; delete backup";
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "tag \"x'; delete"));
        script.tag = "A234567890123456789012345678901";
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        script = level0();
        script.command_id = "a b";
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        script = level0();
        script.destination = "/a\nb";
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        assert_non_null(strstr(err.message, "destination"));
        script = level0();
        script.level = 2;
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        script = level0();
        script.n_logs = 0;
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        script = level0();
        script.channels = 0;
        assert_true(rman_script_backup(&script, &text, &err) < 0);
        memset(many, 'x', sizeof(many) - 1);
        many[sizeof(many) - 1] = '\0';
        string_list_add(&handles, many);
        assert_true(rman_script_uncatalog(NULL, &handles, &text, &err) < 0);
        string_list_done(&handles);
        assert_true(rman_script_restore_controlfile(1, "", &text, &err) < 0);
        assert_true(rman_script_restore(&(RmanUntil){.scn = 1}, "\xff", 1, &text, &err) < 0);
        assert_true(rman_script_restore(&(RmanUntil){.scn = 1}, "/x", 65, &text, &err) < 0);
        assert_true(rman_script_delete_tag(NULL, "", &text, &err) < 0);
        string_list_add(&handles, "/a/../b");
        assert_true(rman_script_catalog(0, &handles, &text, &err) < 0);
        string_list_done(&handles);
        text_done(&text);
}

static void a_password_goes_to_the_script_only_when_it_can(void **state) {
        RmanConnect connect = {"sys", "p'w&d ", "db1.example:1521/s"};
        Text text = TEXT_INIT;
        Error err = {0};

        assert_int_equal(rman_script_delete_tag(&connect, "T-1", &text, &err), 0);
        assert_string_equal(
                text.data,
                "set echo off;\n"
                "connect target sys/\"p'w&d \"@db1.example:1521/s;\n"
                "delete force noprompt backup tag='T-1' device type disk;\n"
                "exit;\n");
        text_clear(&text);
        connect.password = "a\"b";
        assert_true(rman_script_delete_tag(&connect, "T-1", &text, &err) < 0);
        assert_null(strstr(err.message, "a\"b")); /* never in a message */
        connect.password = NULL;
        assert_true(rman_script_delete_tag(&connect, "T-1", &text, &err) < 0);
        connect = (RmanConnect){"sys;", "x", NULL};
        assert_true(rman_script_delete_tag(&connect, "T-1", &text, &err) < 0);
        connect = (RmanConnect){"sys", "x", "a b"};
        assert_true(rman_script_delete_tag(&connect, "T-1", &text, &err) < 0);
        text_done(&text);
}

static void a_log_cure_restores_backs_up_and_deletes(void **state) {
        RmanLogCure cure = {
                .tag = "T-1",
                .command_id = "ab",
                .destination = "/d",
                .log_directory = "/l'x",
                .compressed = true,
                .set_compression = true,
                .thread = 1,
                .first_sequence = 8,
                .last_sequence = 9};
        Text text = TEXT_INIT;

        assert_int_equal(rman_script_log_cure(&cure, &text, NULL), 0);
        assert_non_null(strstr(
                text.data,
                "  set archivelog destination to '/l''x';\n"
                "  restore archivelog from sequence 8 until sequence 9 thread 1;\n"
                "  backup as compressed backupset archivelog from sequence 8 until sequence 9 "
                "thread 1 force tag='T-1' delete input;\n"
                "  backup as compressed backupset current controlfile tag='T-1';\n}\n"));
        text_clear(&text);
        cure.log_directory = "";
        assert_true(rman_script_log_cure(&cure, &text, NULL) < 0);
        cure.tag = "";
        assert_true(rman_script_log_cure(&cure, &text, NULL) < 0);
        text_done(&text);
}

static void the_restore_scripts_are_the_golden_ones(void **state) {
        StringList directories = {0};
        Text text = TEXT_INIT;

        assert_int_equal(rman_script_restore_controlfile(3970467183, "/b/cf.bkp", &text, NULL), 0);
        assert_string_equal(
                text.data,
                "set echo off;\nconnect target /;\nset dbid 3970467183;\n"
                "restore controlfile from '/b/cf.bkp';\nexit;\n");
        text_clear(&text);
        string_list_add(&directories, "/b/1");
        string_list_add(&directories, "/b/2");
        assert_int_equal(rman_script_catalog(2, &directories, &text, NULL), 0);
        assert_string_equal(
                text.data,
                "set echo off;\nconnect target /;\nreset database to incarnation 2;\n"
                "catalog start with '/b/1/' noprompt;\ncatalog start with '/b/2/' noprompt;\n"
                "allocate channel for maintenance device type disk;\ncrosscheck backup;\n"
                "crosscheck copy;\ncrosscheck archivelog all;\nexit;\n");
        string_list_done(&directories);
        text_clear(&text);
        assert_int_equal(
                rman_script_restore(&(RmanUntil){.scn = 1346593}, "/b/.logs-7", 1, &text, NULL), 0);
        assert_string_equal(
                text.data,
                "set echo off;\nconnect target /;\nrun {\n"
                "  allocate channel c1 device type disk;\n"
                "  set until scn 1346593;\n"
                "  set archivelog destination to '/b/.logs-7';\n"
                "  restore database force;\n"
                "  recover database delete archivelog maxsize 10G;\n}\nexit;\n");
        text_done(&text);
}

static void a_time_takes_the_place_of_the_scn(void **state) {
        static const char *const bad[] = {"2026-11-22", "2026-11-22T07:10:44'", "x"};
        Text text = TEXT_INIT;
        Error err = {0};
        RmanUntil until = {.scn = 5, .time = "2026-11-22T07:10:44"};

        assert_int_equal(rman_script_restore(&until, "/b/.logs-7", 1, &text, NULL), 0);
        assert_non_null(
                strstr(text.data,
                       "  set until time \"to_date('2026-11-22 07:10:44',"
                       "'YYYY-MM-DD HH24:MI:SS')\";\n"));
        assert_null(strstr(text.data, "until scn"));
        for (size_t i = 0; i < 3; i++) {
                until.time = bad[i];
                assert_true(rman_script_restore(&until, "/b/.logs-7", 1, &text, &err) < 0);
                assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        }
        text_done(&text);
}

static void handles_are_uncataloged_fifty_a_command(void **state) {
        StringList handles = {0};
        Text text = TEXT_INIT;
        char name[32];
        const char *p;
        int commands = 0;

        for (int i = 0; i < 51; i++) {
                snprintf(name, sizeof(name), "/b/%d", i);
                string_list_add(&handles, name);
        }
        assert_int_equal(rman_script_uncatalog(NULL, &handles, &text, NULL), 0);
        for (p = text.data; (p = strstr(p, "change backuppiece ")) != NULL; p++)
                commands++;
        assert_int_equal(commands, 2);
        assert_non_null(
                strstr(text.data, "  '/b/49' uncatalog;\nchange backuppiece '/b/50' uncatalog;\n"));
        string_list_done(&handles);
        text_done(&text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_level_0_script_is_the_golden_one),
                cmocka_unit_test(a_level_1_starts_with_the_new_files),
                cmocka_unit_test(a_supplementary_round_has_no_whole_database),
                cmocka_unit_test(piece_sizes_have_the_suffixes_rman_knows),
                cmocka_unit_test(what_cannot_be_quoted_is_refused_and_named),
                cmocka_unit_test(a_password_goes_to_the_script_only_when_it_can),
                cmocka_unit_test(a_log_cure_restores_backs_up_and_deletes),
                cmocka_unit_test(the_restore_scripts_are_the_golden_ones),
                cmocka_unit_test(a_time_takes_the_place_of_the_scn),
                cmocka_unit_test(handles_are_uncataloged_fifty_a_command),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
