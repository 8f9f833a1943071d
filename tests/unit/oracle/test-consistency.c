#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oracle/consistency.h"
#include "unit/test.h"

enum { DBID = 42, RESETLOGS = 900 };

/* A database of two files, one of them read only since long, one thread, three logs: whole. */
typedef struct Fixture {
        RunFacts run;
        DatafileFacts structure[4];
        BackupDatafileFacts rows[6];
        BackupLogFacts logs[6];
        ThreadFacts threads[2];
        uint32_t unchanged[2];
        FileKey known[2];
        ConsistencyInput input;
        Consistency result;
        LogHole hole;
        Error err;
} Fixture;

static void
set_log(Fixture *f, size_t i, uint32_t thread, uint64_t sequence, uint64_t first, uint64_t next) {
        f->logs[i] = (BackupLogFacts){thread, sequence, RESETLOGS, first, next};
}

static void set_file(Fixture *f, size_t i, uint32_t file, uint64_t creation, uint64_t checkpoint) {
        f->structure[i] = (DatafileFacts){
                .file = file,
                .creation_scn = creation,
                .checkpoint_scn = checkpoint,
                .status = "ONLINE"};
}

static void
set_row(Fixture *f,
        size_t i,
        uint32_t file,
        uint64_t creation,
        uint64_t checkpoint,
        uint64_t fuzzy) {
        f->rows[i] = (BackupDatafileFacts){
                .file = file,
                .creation_scn = creation,
                .resetlogs_scn = RESETLOGS,
                .checkpoint_scn = checkpoint,
                .fuzzy_scn = fuzzy};
}

static void fixture_init(Fixture *f) {
        memset(f, 0, sizeof(*f));
        set_file(f, 0, 1, 10, 5000);
        set_file(f, 1, 2, 20, 1000);
        f->structure[1].settled = true;
        set_row(f, 0, 1, 10, 2000, 2100);
        set_row(f, 1, 2, 20, 1000, 0);
        set_row(f, 2, 0, 0, 2500, 0); /* the control file */
        set_log(f, 0, 1, 7, 1900, 2050);
        set_log(f, 1, 1, 8, 2050, 2080);
        set_log(f, 2, 1, 9, 2080, 2200);
        f->threads[0] = (ThreadFacts){.thread = 1, .sequence = 7, .first_scn = 1900};
        f->run = (RunFacts){
                .datafiles = f->rows,
                .n_datafiles = 3,
                .logs = f->logs,
                .n_logs = 3,
                .structure = f->structure,
                .n_structure = 2,
                .dbid = DBID,
                .resetlogs_scn = RESETLOGS};
        f->input = (ConsistencyInput){
                .run = &f->run,
                .threads = f->threads,
                .n_threads = 1,
                .unchanged = f->unchanged,
                .known_dropped = f->known,
                .dbid = DBID,
                .resetlogs_scn = RESETLOGS};
}

static int check(Fixture *f) {
        consistency_done(&f->result);
        f->err = (Error){0};
        f->hole = (LogHole){0};
        return consistency_check(&f->input, &f->result, &f->hole, &f->err);
}

static void a_whole_run_has_its_scns_and_logs(void **state) {
        Fixture f;

        fixture_init(&f);
        assert_int_equal(check(&f), 0);
        assert_int_equal(f.result.low_scn, 2000);
        assert_int_equal(f.result.fuzzy_scn, 2100);
        assert_int_equal(f.result.until_scn, 2200);
        assert_int_equal(f.result.n_logs, 1);
        assert_int_equal(f.result.logs[0].first_sequence, 7);
        assert_int_equal(f.result.logs[0].last_sequence, 9);
        assert_false(f.result.needs_round);
        consistency_done(&f.result);
}

static void until_must_be_beyond_fuzzy_not_at_it(void **state) {
        Fixture f;

        fixture_init(&f);
        f.rows[0].fuzzy_scn = 2199;
        assert_int_equal(check(&f), 0);
        f.rows[0].fuzzy_scn = 2200;
        assert_int_equal(check(&f), -EIO);
        assert_int_equal(f.err.kind, ERROR_NOT_CONSISTENT);
        assert_non_null(strstr(f.err.message, "2200"));
        consistency_done(&f.result);
}

static void a_read_only_file_counts_only_if_it_was_so_when_backed_up(void **state) {
        Fixture f;

        fixture_init(&f);
        f.rows[1].checkpoint_scn = 950; /* backed up, then changed, then set read only */
        assert_true(check(&f) < 0);
        assert_int_equal(f.err.kind, ERROR_NOT_CONSISTENT);
        fixture_init(&f);
        f.structure[1].settled = false;
        assert_true(check(&f) < 0);
        consistency_done(&f.result);
}

static void a_hole_is_named_by_thread_and_sequences(void **state) {
        Fixture f;

        fixture_init(&f);
        f.logs[1] = f.logs[2];
        f.run.n_logs = 2;
        assert_int_equal(check(&f), -ENODATA);
        assert_int_equal(f.hole.thread, 1);
        assert_int_equal(f.hole.first_sequence, 8);
        assert_int_equal(f.hole.last_sequence, 8);
        assert_int_equal(f.err.kind, ERROR_NOT_CONSISTENT);
        assert_non_null(strstr(f.err.message, "thread 1, sequence 8 to 8"));
}

static void a_missing_beginning_is_a_hole_from_where_the_thread_stood(void **state) {
        Fixture f;

        fixture_init(&f);
        f.threads[0].sequence = 6;
        f.rows[0].checkpoint_scn = 1800;
        assert_int_equal(check(&f), -ENODATA);
        assert_int_equal(f.hole.first_sequence, 6);
        assert_int_equal(f.hole.last_sequence, 6);
        f.run.n_logs = 0;
        assert_int_equal(check(&f), -ENODATA);
        assert_int_equal(f.hole.first_sequence, 6);
        fixture_init(&f);
        f.rows[0].checkpoint_scn = 1899; /* before all logs, though none is missing */
        assert_int_equal(check(&f), -EIO);
}

static void logs_that_do_not_join_are_final(void **state) {
        Fixture f;

        fixture_init(&f);
        f.logs[1].first_scn = 2051;
        assert_int_equal(check(&f), -EIO);
        assert_non_null(strstr(f.err.message, "2051"));
}

static void foreign_incarnations_open_logs_and_doubles_do_not_count(void **state) {
        Fixture f;

        fixture_init(&f);
        set_log(&f, 3, 1, 10, 2200, 281474976710655ULL);
        set_log(&f, 4, 1, 3, 100, 200);
        f.logs[4].resetlogs_scn = 1;
        f.logs[5] = f.logs[1]; /* the log cure backed it up once more */
        f.run.n_logs = 6;
        set_row(&f, 3, 1, 10, 100, 9999);
        f.rows[3].resetlogs_scn = 1;
        assert_int_equal(check(&f), 0);
        assert_int_equal(f.result.until_scn, 2200);
        assert_int_equal(f.result.fuzzy_scn, 2100);
        consistency_done(&f.result);
}

static void the_slowest_thread_decides_until(void **state) {
        Fixture f;

        fixture_init(&f);
        f.threads[1] = (ThreadFacts){.thread = 2, .sequence = 4, .first_scn = 1950};
        f.input.n_threads = 2;
        set_log(&f, 3, 2, 4, 1950, 2150);
        f.run.n_logs = 4;
        assert_int_equal(check(&f), 0);
        assert_int_equal(f.result.until_scn, 2150);
        assert_int_equal(f.result.n_logs, 2);
        f.run.n_logs = 3;
        assert_int_equal(check(&f), -ENODATA);
        assert_int_equal(f.hole.thread, 2);
        f.input.n_threads = 0;
        assert_int_equal(check(&f), -EIO);
}

static void another_dbid_or_incarnation_is_final(void **state) {
        Fixture f;

        fixture_init(&f);
        f.run.dbid = 43;
        assert_int_equal(check(&f), -EIO);
        fixture_init(&f);
        f.run.resetlogs_scn = 2000;
        assert_int_equal(check(&f), -EIO);
        assert_non_null(strstr(f.err.message, "RESETLOGS"));
}

static void a_file_created_meanwhile_needs_a_round(void **state) {
        Fixture f;

        fixture_init(&f);
        set_file(&f, 2, 3, 2150, 2160);
        f.run.n_structure = 3;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.n_missing_files, 1);
        assert_int_equal(f.result.missing_files[0], 3);
        /* held, but younger than the last log: only later logs are needed */
        set_row(&f, 3, 3, 2250, 2260, 0);
        f.structure[2].creation_scn = 2250;
        f.structure[2].settled = true;
        f.structure[2].checkpoint_scn = 2260;
        f.run.n_datafiles = 4;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.n_missing_files, 0);
        consistency_done(&f.result);
}

static void a_dropped_file_needs_one_round_and_no_more(void **state) {
        Fixture f;

        fixture_init(&f);
        set_row(&f, 3, 9, 30, 2010, 9999); /* its SCNs must not count */
        f.run.n_datafiles = 4;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.n_dropped, 1);
        assert_int_equal(f.result.dropped[0].file, 9);
        f.known[0] = f.result.dropped[0];
        f.input.n_known_dropped = 1;
        assert_int_equal(check(&f), 0);
        assert_false(f.result.needs_round);
        consistency_done(&f.result);
}

static void a_number_used_again_is_another_file(void **state) {
        Fixture f;

        fixture_init(&f);
        f.structure[0].creation_scn = 2050;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.missing_files[0], 1);
        assert_int_equal(f.result.dropped[0].creation_scn, 10);
        consistency_done(&f.result);
}

static void unchanged_files_of_a_level_1_are_held(void **state) {
        Fixture f;

        fixture_init(&f);
        f.rows[1] = f.rows[2];
        f.run.n_datafiles = 2;
        f.unchanged[0] = 2;
        f.input.n_unchanged = 1;
        assert_int_equal(check(&f), 0);
        assert_false(f.result.needs_round);
        f.unchanged[1] = 8; /* dropped meanwhile */
        f.input.n_unchanged = 2;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        consistency_done(&f.result);
}

static void without_any_changed_file_the_thread_decides(void **state) {
        Fixture f;

        fixture_init(&f);
        f.rows[0] = f.rows[2];
        f.run.n_datafiles = 1;
        f.unchanged[0] = 1;
        f.unchanged[1] = 2;
        f.input.n_unchanged = 2;
        assert_int_equal(check(&f), 0);
        assert_int_equal(f.result.low_scn, 1900);
        assert_int_equal(f.result.fuzzy_scn, 1900);
        consistency_done(&f.result);
}

static void a_level_1_needs_a_level_0_of_each_file_its_parent_lacks(void **state) {
        static const FileKey parent[] = {{1, 10}};
        Fixture f;

        fixture_init(&f);
        f.input.is_level1 = true;
        f.input.parent_files = parent;
        f.input.n_parent_files = 1;
        f.rows[0].level = f.rows[1].level = 1;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.n_missing_files, 1);
        assert_int_equal(f.result.missing_files[0], 2);
        f.rows[1].level = 0;
        assert_int_equal(check(&f), 0);
        assert_false(f.result.needs_round);
        consistency_done(&f.result);
}

static void a_skipped_number_that_is_a_new_file_by_now_is_not_held(void **state) {
        static const FileKey parent[] = {{1, 10}, {2, 20}};
        Fixture f;

        fixture_init(&f);
        f.input.is_level1 = true;
        f.input.parent_files = parent;
        f.input.n_parent_files = 2;
        f.run.n_datafiles = 1;
        f.unchanged[0] = 2;
        f.input.n_unchanged = 1;
        assert_int_equal(check(&f), 0);
        assert_false(f.result.needs_round);
        f.structure[1].creation_scn = 1500;
        assert_int_equal(check(&f), 0);
        assert_true(f.result.needs_round);
        assert_int_equal(f.result.missing_files[0], 2);
        consistency_done(&f.result);
}

static void a_piece_may_have_one_header_block(void **state) {
        PieceFacts piece = {.bytes = 81920, .block_size = 16384};

        assert_true(piece_size_plausible(&piece, 98304));
        assert_true(piece_size_plausible(&piece, 81920));
        assert_false(piece_size_plausible(&piece, 98303));
        assert_false(piece_size_plausible(&piece, 0));
        piece.bytes = UINT64_MAX;
        assert_false(piece_size_plausible(&piece, UINT64_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_whole_run_has_its_scns_and_logs),
                cmocka_unit_test(until_must_be_beyond_fuzzy_not_at_it),
                cmocka_unit_test(a_read_only_file_counts_only_if_it_was_so_when_backed_up),
                cmocka_unit_test(a_hole_is_named_by_thread_and_sequences),
                cmocka_unit_test(a_missing_beginning_is_a_hole_from_where_the_thread_stood),
                cmocka_unit_test(logs_that_do_not_join_are_final),
                cmocka_unit_test(foreign_incarnations_open_logs_and_doubles_do_not_count),
                cmocka_unit_test(the_slowest_thread_decides_until),
                cmocka_unit_test(another_dbid_or_incarnation_is_final),
                cmocka_unit_test(a_file_created_meanwhile_needs_a_round),
                cmocka_unit_test(a_dropped_file_needs_one_round_and_no_more),
                cmocka_unit_test(a_number_used_again_is_another_file),
                cmocka_unit_test(unchanged_files_of_a_level_1_are_held),
                cmocka_unit_test(without_any_changed_file_the_thread_decides),
                cmocka_unit_test(a_level_1_needs_a_level_0_of_each_file_its_parent_lacks),
                cmocka_unit_test(a_skipped_number_that_is_a_new_file_by_now_is_not_held),
                cmocka_unit_test(a_piece_may_have_one_header_block),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
