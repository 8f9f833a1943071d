#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/output.h"
#include "unit/test.h"

typedef struct Seen {
        RmanEvent events[64];
        size_t n;
} Seen;

static void on_event(const RmanEvent *event, void *userdata) {
        Seen *seen = userdata;

        assert_true(seen->n < 64);
        seen->events[seen->n++] = *event;
}

static RmanParser *new_parser(RmanPhase phase) {
        RmanParser *parser;

        assert_int_equal(rman_parser_new(phase, &parser, NULL), 0);
        return parser;
}

static void feed(RmanParser *parser, Seen *seen, const char *text) {
        while (*text != '\0') {
                size_t n = strcspn(text, "\n");

                rman_parser_line(parser, text, n, false, on_event, seen);
                text += n + (text[n] == '\n');
        }
}

/* Feeds a text to a new parser; the verdict's kind, ERROR_NONE when it is good. */
static ErrorKind judge(RmanPhase phase, const char *text, Seen *seen, Error *err) {
        RmanParser *parser = new_parser(phase);
        int r;

        memset(seen, 0, sizeof(*seen));
        *err = (Error){0};
        feed(parser, seen, text);
        r = rman_parser_verdict(parser, err);
        assert_int_equal(r < 0, err->kind != ERROR_NONE);
        rman_parser_free(parser);
        return err->kind;
}

#define COMPLETE "\n\nRecovery Manager complete.\n"
#define BACKUP_OK "Starting backup at 1\nFinished backup at 2\n" COMPLETE

static Seen seen;
static Error err;

static void each_code_has_the_kind_of_the_contract(void **state) {
        static const struct {
                const char *code;
                int os_error;
                ErrorKind kind;
        } cases[] = {
                {"ORA-19809", 0, ERROR_NO_SPACE},
                {"ORA-19502", 28, ERROR_NO_SPACE},
                {"ORA-19504", 28, ERROR_NO_SPACE},
                {"ORA-19504", 122, ERROR_NO_SPACE},
                {"ORA-19502", 5, ERROR_RMAN_FAILED},
                {"ORA-19504", 13, ERROR_RMAN_FAILED},
                {"ORA-19602", 0, ERROR_NOT_ARCHIVELOG},
                {"RMAN-06149", 0, ERROR_NOT_ARCHIVELOG},
                {"ORA-01034", 0, ERROR_ORACLE},
                {"RMAN-06403", 0, ERROR_ORACLE},
                {"ORA-01017", 0, ERROR_ORACLE_AUTH},
                {"ORA-01031", 0, ERROR_ORACLE_AUTH},
                {"RMAN-06053", 0, ERROR_NOT_CONSISTENT},
                {"RMAN-06025", 0, ERROR_NOT_CONSISTENT},
                {"ORA-01194", 0, ERROR_NOT_CONSISTENT},
                {"RMAN-06054", 0, ERROR_RMAN_FAILED},
                {"", 28, ERROR_RMAN_FAILED},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(rman_error_kind(cases[i].code, cases[i].os_error), cases[i].kind);
}

static void a_full_disk_is_no_space_by_the_system_error(void **state) {
        const char *text =
                "Starting backup at 1\n"
                "RMAN-03009: failure of backup command on c1 channel at 04/16/2019 04:59:52\n"
                "ORA-19502: write error on file \"/b/p\", block number 1 (block size=8192)\n"
                "ORA-27072: File I/O error\n"
                "Linux-x86_64 Error: 28: No space left on device\n"
                "Additional information: 4\n"
                "continuing other job steps, job failed will not be re-run\n"
                "Finished backup at 2\n" COMPLETE;

        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_NO_SPACE);
        assert_string_equal(err.ora_code, "ORA-19502");
        assert_non_null(strstr(err.message, "/b/p"));
}

static void the_system_error_of_another_stack_does_not_count(void **state) {
        const char *text = "ORA-19504: failed to create file \"/b/p\"\n"
                           "Linux-x86_64 Error: 13: Permission denied\n"
                           "channel c1: starting piece 1 at 3\n"
                           "ORA-27072: File I/O error\n"
                           "Linux-x86_64 Error: 28: No space left on device\n" COMPLETE;

        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_RMAN_FAILED);
        assert_string_equal(err.ora_code, "ORA-19504");
}

static void the_first_stack_decides_unless_it_says_nothing(void **state) {
        const char *first = "RMAN-00569: = ERROR MESSAGE STACK FOLLOWS =\n"
                            "RMAN-03002: failure of backup command at x\n"
                            "ORA-19566: exceeded limit of 0 corrupt blocks\n"
                            "RMAN-00569: = ERROR MESSAGE STACK FOLLOWS =\n"
                            "ORA-01017: invalid username/password; logon denied\n";
        const char *wrapper = "RMAN-03002: failure of backup command at x\n"
                              "something else\n"
                              "ORA-01017: invalid username/password; logon denied\n";

        assert_int_equal(judge(RMAN_PHASE_BACKUP, first, &seen, &err), ERROR_RMAN_FAILED);
        assert_string_equal(err.ora_code, "ORA-19566");
        assert_int_equal(judge(RMAN_PHASE_BACKUP, wrapper, &seen, &err), ERROR_ORACLE_AUTH);
        assert_string_equal(err.ora_code, "ORA-01017");
}

static void a_pair_is_told_once_a_stack(void **state) {
        const char *text = "Oracle Error: \n"
                           "ORA-01194: file 1 needs more recovery to be consistent\n"
                           "ORA-01194: file 1 needs more recovery to be consistent\n"
                           "\n"
                           "RMAN-00571: ====\n"
                           "RMAN-00569: === ERROR MESSAGE STACK FOLLOWS ===\n"
                           "RMAN-00571: ====\n"
                           "ORA-01194: file 1 needs more recovery to be consistent\n"
                           "RMAN-00571: ====\n"
                           "RMAN-00569: === ERROR MESSAGE STACK FOLLOWS ===\n"
                           "ORA-01194: file 1 needs more recovery to be consistent\n";

        assert_int_equal(judge(RMAN_PHASE_RESTORE, text, &seen, &err), ERROR_NOT_CONSISTENT);
        assert_int_equal(seen.n, 2);
}

static void a_stack_of_many_pairs_stays_bounded(void **state) {
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);
        char line[64];

        for (int i = 0; i < 500; i++) {
                seen.n = 0;
                snprintf(line, sizeof(line), "RMAN-06023: no backup of datafile %d", i);
                feed(parser, &seen, line);
                assert_int_equal(seen.n, 1);
        }
        rman_parser_free(parser);
}

static void the_cause_inside_a_message_is_an_event_of_its_own(void **state) {
        const char *text = "RMAN-04005: error from target database: ORA-01031: insufficient "
                           "privileges\nstartup failed: ORA-01078: failure in processing\n"
                           "LRM-00109: could not open parameter file '/x'\n";

        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_ORACLE_AUTH);
        assert_int_equal(seen.n, 4);
        assert_string_equal(seen.events[1].code, "ORA-01031");
        assert_string_equal(seen.events[1].message, "insufficient privileges");
        assert_string_equal(seen.events[2].code, "ORA-01078");
        assert_string_equal(seen.events[3].code, "LRM-00109");
}

static void warnings_are_no_errors_outside_a_frame_only(void **state) {
        const char *text = "RMAN-08120: warning: archived log not deleted\n"
                           "RMAN-06497 warning: control file is not current\n" BACKUP_OK;
        const char *framed = "RMAN-00569: = ERROR MESSAGE STACK FOLLOWS =\n"
                             "RMAN-08120: WARNING: archived log not deleted\n" BACKUP_OK;

        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_NONE);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_WARNING);
        assert_string_equal(seen.events[1].code, "RMAN-06497");
        assert_int_equal(judge(RMAN_PHASE_BACKUP, framed, &seen, &err), ERROR_RMAN_FAILED);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_ERROR);
}

static void copies_give_their_tag_to_bare_handles(void **state) {
        const char *text = "channel c1: finished piece 1 at x with 2 copies and tag T1\n"
                           "piece handle=/a/1 comment=NONE\n"
                           "piece handle=/b/1 comment=NONE\n"
                           "piece handle=/c/1\n";

        judge(RMAN_PHASE_BACKUP, text, &seen, &err);
        assert_int_equal(seen.n, 3);
        assert_string_equal(seen.events[1].handle, "/b/1");
        assert_string_equal(seen.events[1].tag, "T1");
        assert_string_equal(seen.events[2].handle, "/c/1");
}

static void interleaved_channels_keep_their_control_file_apart(void **state) {
        const char *text = "Starting backup at 1\n"
                           "channel c1: sid=28 devtype=DISK\n"
                           "channel c1: starting full datafile backupset\n"
                           "channel c1: specifying datafile(s) in backupset\n"
                           "including current controlfile in backupset\n"
                           "channel c2: starting full datafile backup set\n"
                           "channel c2: specifying datafile(s) in backup set\n"
                           "channel c2: finished piece 1 at 1\n"
                           "piece handle=/2 tag=T comment=NONE\n"
                           "channel c1: finished piece 1 at 1\n"
                           "piece handle=/1 tag=T comment=NONE\n"
                           "channel c1: backupset complete, elapsed time: 00:00:01\n"
                           "channel c2: backup set complete, elapsed time: 00:00:01\n"
                           "Finished backup at 2\n" COMPLETE;

        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_NONE);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_SESSION);
        assert_int_equal(seen.events[0].session, 28);
        assert_string_equal(seen.events[1].handle, "/2");
        assert_int_equal(seen.events[2].type, RMAN_EVENT_PIECE);
        assert_int_equal(seen.events[3].type, RMAN_EVENT_CONTROL_FILE);
        assert_string_equal(seen.events[3].handle, "/1");
}

static void more_channels_than_the_table_holds_do_no_harm(void **state) {
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);
        char line[128];

        seen.n = 0;
        for (int i = 0; i < 200; i++) {
                snprintf(
                        line, sizeof(line), "channel c%d: specifying datafile(s) in backup set", i);
                feed(parser, &seen, line);
        }
        feed(parser, &seen, "including current control file in backup set\npiece handle=/1\n");
        assert_int_equal(seen.n, 2);
        feed(parser,
             &seen,
             "channel without a colon\nchannel "
             "a_name_that_is_longer_than_any_channel_may_be: SID=1\n");
        assert_int_equal(seen.n, 2);
        rman_parser_free(parser);
}

static void an_autobackup_is_flagged_and_no_control_file_of_ours(void **state) {
        const char *text = "channel c1: specifying datafile(s) in backup set\n"
                           "including current control file in backup set\n"
                           "Starting Control File and SPFILE Autobackup at 1\n"
                           "piece handle=/fra/s comment=NONE\n"
                           "RMAN-03009: failure of Control File and SPFILE Autobackup command\n"
                           "Starting backup at 3\n"
                           "piece handle=/1 tag=T comment=NONE\n";

        judge(RMAN_PHASE_BACKUP, text, &seen, &err);
        assert_true(seen.events[0].autobackup);
        assert_string_equal(seen.events[0].tag, "");
        assert_int_equal(seen.events[1].type, RMAN_EVENT_ERROR);
        assert_false(seen.events[2].autobackup);
        assert_int_equal(seen.n, 3);
}

static void a_handle_that_is_empty_cut_or_too_long_is_a_failure(void **state) {
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);
        char line[2000];
        size_t length;

        assert_int_equal(
                judge(RMAN_PHASE_BACKUP,
                      "piece handle= tag=T comment=NONE\n" BACKUP_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
        assert_non_null(strstr(err.message, "handle"));
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        memcpy(line, "piece handle=", 13);
        assert_int_equal(judge(RMAN_PHASE_BACKUP, line, &seen, &err), ERROR_RMAN_FAILED);
        seen.n = 0;
        length = strlen("piece handle=/a");
        rman_parser_line(parser, "piece handle=/a", length, true, on_event, &seen);
        assert_int_equal(seen.n, 0);
        assert_true(rman_parser_verdict(parser, NULL) < 0);
        rman_parser_free(parser);
}

static void a_line_beyond_the_bound_is_cut(void **state) {
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);
        size_t size = 100000;
        char *line = malloc(size);

        assert_non_null(line);
        memset(line, 'x', size);
        memcpy(line, "ORA-00600: ", 11);
        seen.n = 0;
        rman_parser_line(parser, line, size, false, on_event, &seen);
        assert_int_equal(seen.n, 1);
        assert_int_equal(strlen(seen.events[0].message), sizeof(seen.events[0].message) - 1);
        free(line);
        rman_parser_free(parser);
}

static void unchanged_files_are_fine_other_skips_are_not(void **state) {
        assert_int_equal(
                judge(RMAN_PHASE_BACKUP,
                      "RMAN-08056: skipping datafile 00007 because it has not changed\n"
                      "channel c1: starting incremental level 1 datafile backup set\n"
                      "skipping datafile 5 because it has not changed\n"
                      "channel c1: backup cancelled because all files were skipped\n"
                      "skipping archived log of thread 1 with sequence 5; already backed "
                      "up\n" BACKUP_OK,
                      &seen,
                      &err),
                ERROR_NONE);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_UNCHANGED);
        assert_int_equal(seen.events[0].file, 7);
        assert_int_equal(seen.events[1].file, 5);
        assert_string_equal(seen.events[2].what, "archived log");
        assert_int_equal(
                judge(RMAN_PHASE_BACKUP,
                      "skipping datafile 5; already backed up 2 time(s)\n" BACKUP_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(
                judge(RMAN_PHASE_BACKUP, "skipping read only file 5\n" BACKUP_OK, &seen, &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(
                judge(RMAN_PHASE_BACKUP,
                      "file 5 is excluded from whole database backup\nfile x\n" BACKUP_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(seen.events[0].file, 5);
        assert_int_equal(
                judge(RMAN_PHASE_MAINTENANCE,
                      "file 5 is excluded from whole database backup\n",
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
}

static void a_file_without_parent_is_told(void **state) {
        judge(RMAN_PHASE_BACKUP, "no parent backup or copy of datafile 13 found\n", &seen, &err);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_NO_PARENT);
        assert_int_equal(seen.events[0].file, 13);
        judge(RMAN_PHASE_BACKUP,
              "no parent backup or copy of datafile 99999999999 found\n",
              &seen,
              &err);
        assert_int_equal(seen.events[0].file, 0);
}

#define RESTORE_OK                                                                                 \
        "Starting restore at 1\nFinished restore at 2\nStarting recover at 2\n"                    \
        "media recovery complete, elapsed time: 00:00:01\nFinished recover at 3\n" COMPLETE

static void a_restore_that_invents_or_keeps_files_fails(void **state) {
        static const uint32_t allowed[] = {16};
        RmanParser *parser = new_parser(RMAN_PHASE_RESTORE);

        assert_int_equal(judge(RMAN_PHASE_RESTORE, RESTORE_OK, &seen, &err), ERROR_NONE);
        assert_int_equal(
                judge(RMAN_PHASE_RESTORE, "failover to previous backup\n" RESTORE_OK, &seen, &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_FAILOVER);
        assert_int_equal(
                judge(RMAN_PHASE_RESTORE,
                      "skipping datafile 6; already restored to file /u/users01.dbf\n" RESTORE_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(
                judge(RMAN_PHASE_RESTORE,
                      "creating datafile file number=16 name=/u/x.dbf\n" RESTORE_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_CREATING);

        assert_int_equal(rman_parser_allow_created(parser, NULL, 0), 0);
        assert_int_equal(rman_parser_allow_created(parser, allowed, 1), 0);
        feed(parser, &seen, "creating datafile file number=16 name=/u/x.dbf\n" RESTORE_OK);
        assert_int_equal(rman_parser_verdict(parser, NULL), 0);
        feed(parser, &seen, "creating datafile fno=17 name=/u/y.dbf\n");
        assert_true(rman_parser_verdict(parser, NULL) < 0);
        rman_parser_free(parser);
}

static void an_error_behind_a_channel_name_is_one(void **state) {
        judge(RMAN_PHASE_BACKUP,
              "channel c1: ORA-19599: block number 7 is corrupt\n"
              "channel c1: starting datafile copy\n"
              "Starting Control File and SPFILE Autobackup at 1\n"
              "Finished Control File and SPFILE Autobackup at 1\n"
              "piece handle=/a tag=T comment=NONE\n",
              &seen,
              &err);
        assert_string_equal(seen.events[0].code, "ORA-19599");
        assert_int_equal(seen.n, 2);
        assert_false(seen.events[1].autobackup);
        assert_string_equal(err.ora_code, "ORA-19599");
}

static void a_10g_restore_reads_a_piece_and_makes_none(void **state) {
        judge(RMAN_PHASE_RESTORE,
              "Starting restore at 1\npiece handle=/a tag=T\nFinished restore at 2\n",
              &seen,
              &err);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_FINISHED);
}

static void every_phase_wants_its_markers(void **state) {
        static const struct {
                RmanPhase phase;
                const char *text;
                const char *missing; /* NULL: good */
        } cases[] = {
                {RMAN_PHASE_BACKUP, COMPLETE, "Finished backup at"},
                {RMAN_PHASE_BACKUP,
                 "Starting backup at 1\nStarting backup at 2\nFinished backup at 3\n" COMPLETE,
                 "Finished backup at"},
                {RMAN_PHASE_BACKUP,
                 "channel c1: starting full datafile backup set\n" BACKUP_OK,
                 "backup set complete"},
                {RMAN_PHASE_BACKUP,
                 "Starting backup at 1\nFinished backup at 3\n",
                 "Recovery Manager complete."},
                {RMAN_PHASE_BACKUP, BACKUP_OK, NULL},
                {RMAN_PHASE_CONTROLFILE, "Finished restore at 1\n" COMPLETE, "output file name="},
                {RMAN_PHASE_CONTROLFILE, "output filename=/a\n" COMPLETE, "Finished restore at"},
                {RMAN_PHASE_CONTROLFILE,
                 "output file name=/a\nFinished restore at 1\n" COMPLETE,
                 NULL},
                {RMAN_PHASE_CATALOG, COMPLETE, "cataloging done"},
                {RMAN_PHASE_CATALOG,
                 "Starting implicit crosscheck backup at 1\nCrosschecked 4 objects\ncataloging "
                 "done\n" COMPLETE,
                 "cataloging done"},
                {RMAN_PHASE_CATALOG,
                 "crosschecked backup piece: found to be 'AVAILABLE'\nCrosschecked 4 "
                 "objects\n" COMPLETE,
                 NULL},
                {RMAN_PHASE_CATALOG,
                 "no files found to be unknown to the database\n" COMPLETE,
                 NULL},
                {RMAN_PHASE_RESTORE, COMPLETE, "Finished restore at"},
                {RMAN_PHASE_RESTORE, "Finished restore at 1\n" COMPLETE, "media recovery complete"},
                {RMAN_PHASE_RESTORE,
                 "Finished restore at 1\nmedia recovery complete, x\n" COMPLETE,
                 "Finished recover at"},
                {RMAN_PHASE_MAINTENANCE, COMPLETE, "Deleted"},
                {RMAN_PHASE_MAINTENANCE,
                 "specification does not match any backup in the repository\n" COMPLETE,
                 NULL},
                {RMAN_PHASE_MAINTENANCE, "Uncataloged 1 objects\n" COMPLETE, NULL},
                {RMAN_PHASE_MAINTENANCE, "Deleted 1 objects\n", "Recovery Manager complete."},
                {(RmanPhase)99, COMPLETE, "phase"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ErrorKind kind = judge(cases[i].phase, cases[i].text, &seen, &err);

                assert_int_equal(kind, cases[i].missing == NULL ? ERROR_NONE : ERROR_RMAN_FAILED);
                if (cases[i].missing != NULL)
                        assert_non_null(strstr(err.message, cases[i].missing));
        }
}

static void rejected_files_are_errors_of_a_catalog_only(void **state) {
        const char *text = "  RMAN-07529: Reason: catalog is not supported for this file type\n";

        judge(RMAN_PHASE_CATALOG, text, &seen, &err);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_ERROR);
        assert_string_equal(err.ora_code, "RMAN-07529");
        judge(RMAN_PHASE_RESTORE, text, &seen, &err);
        assert_int_equal(seen.events[0].type, RMAN_EVENT_WARNING);
}

static void records_left_behind_make_maintenance_fail(void **state) {
        const char *text = "RMAN-06207: WARNING: 1 objects could not be deleted\n"
                           "RMAN-06208:          to mismatched status.\n"
                           "RMAN-06214: Backup Piece    /x\n"
                           "Deleted 1 objects\n" COMPLETE;

        assert_int_equal(judge(RMAN_PHASE_MAINTENANCE, text, &seen, &err), ERROR_RMAN_FAILED);
        assert_int_equal(seen.n, 2);
        assert_int_equal(judge(RMAN_PHASE_BACKUP, text, &seen, &err), ERROR_RMAN_FAILED);
        assert_string_equal(err.ora_code, "");
}

static void prompts_are_no_text(void **state) {
        judge(RMAN_PHASE_BACKUP,
              "RMAN> 2> 3> Finished backup at 1\r\nRMAN>Finished backup at 2\n12 > x\n",
              &seen,
              &err);
        assert_int_equal(seen.n, 2);
        assert_string_equal(seen.events[0].what, "backup");
}

static void what_looks_like_a_code_but_is_none_is_text(void **state) {
        judge(RMAN_PHASE_BACKUP,
              "ORA-1234: x\nORA-12345x\nRMAN-0000A: y\nORA-123456: z\n",
              &seen,
              &err);
        assert_int_equal(seen.n, 0);
}

static void a_dummy_instance_is_a_failure(void **state) {
        assert_int_equal(
                judge(RMAN_PHASE_BACKUP,
                      "starting Oracle instance without parameter file for retrieval of "
                      "spfile\n" BACKUP_OK,
                      &seen,
                      &err),
                ERROR_RMAN_FAILED);
}

static void ends_are_counted_by_what_ended(void **state) {
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);

        feed(parser, &seen, "Finished backup at 1\nFinished backup at 2\nFinished recover at 1\n");
        assert_int_equal(rman_parser_finished_count(parser, "backup"), 2);
        assert_int_equal(rman_parser_finished_count(parser, "recover"), 1);
        assert_int_equal(rman_parser_finished_count(parser, "restore"), 0);
        assert_int_equal(rman_parser_finished_count(parser, "anything"), 0);
        rman_parser_free(parser);
        assert_null(rman_parser_free(NULL));
}

static void a_nul_byte_does_not_end_a_line(void **state) {
        static const char line[] = "piece handle=/a\0b tag=T";
        RmanParser *parser = new_parser(RMAN_PHASE_BACKUP);

        seen.n = 0;
        rman_parser_line(parser, line, sizeof(line) - 1, false, on_event, &seen);
        assert_string_equal(seen.events[0].handle, "/a b");
        rman_parser_free(parser);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_code_has_the_kind_of_the_contract),
                cmocka_unit_test(a_full_disk_is_no_space_by_the_system_error),
                cmocka_unit_test(the_system_error_of_another_stack_does_not_count),
                cmocka_unit_test(the_first_stack_decides_unless_it_says_nothing),
                cmocka_unit_test(a_pair_is_told_once_a_stack),
                cmocka_unit_test(a_stack_of_many_pairs_stays_bounded),
                cmocka_unit_test(the_cause_inside_a_message_is_an_event_of_its_own),
                cmocka_unit_test(warnings_are_no_errors_outside_a_frame_only),
                cmocka_unit_test(copies_give_their_tag_to_bare_handles),
                cmocka_unit_test(interleaved_channels_keep_their_control_file_apart),
                cmocka_unit_test(more_channels_than_the_table_holds_do_no_harm),
                cmocka_unit_test(an_autobackup_is_flagged_and_no_control_file_of_ours),
                cmocka_unit_test(a_handle_that_is_empty_cut_or_too_long_is_a_failure),
                cmocka_unit_test(a_line_beyond_the_bound_is_cut),
                cmocka_unit_test(unchanged_files_are_fine_other_skips_are_not),
                cmocka_unit_test(a_file_without_parent_is_told),
                cmocka_unit_test(a_restore_that_invents_or_keeps_files_fails),
                cmocka_unit_test(an_error_behind_a_channel_name_is_one),
                cmocka_unit_test(a_10g_restore_reads_a_piece_and_makes_none),
                cmocka_unit_test(every_phase_wants_its_markers),
                cmocka_unit_test(rejected_files_are_errors_of_a_catalog_only),
                cmocka_unit_test(records_left_behind_make_maintenance_fail),
                cmocka_unit_test(prompts_are_no_text),
                cmocka_unit_test(what_looks_like_a_code_but_is_none_is_text),
                cmocka_unit_test(a_dummy_instance_is_a_failure),
                cmocka_unit_test(ends_are_counted_by_what_ended),
                cmocka_unit_test(a_nul_byte_does_not_end_a_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
