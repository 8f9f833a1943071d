/* oracle/link.h: what RMAN would take and what it took as the base of a level 1, file by file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oracle/link.h"
#include "unit/test.h"

enum { RESETLOGS = 900 };

/* A parent of two files; the second one is read only and has its base in an older link. */
typedef struct Fixture {
        LinkFile parent[3];
        DatafileFacts files[4];
        BaseFacts bases[6];
        DatabaseFacts facts;
        BackupDatafileFacts rows[6];
        uint32_t unchanged[3];
        RunFacts run_facts;
        LinkRun run;
        StringList notes;
        Error err;
} Fixture;

static char name_1[] = "/u02/one.dbf", name_2[] = "/u02/two.dbf", name_3[] = "/u02/three.dbf";

static void set_base(Fixture *f, uint32_t file, uint64_t scn, const char *tag) {
        BaseFacts *base = &f->bases[f->facts.n_bases++];
        *base = (BaseFacts){
                .file = file,
                .creation_scn = file * 10,
                .resetlogs_scn = RESETLOGS,
                .checkpoint_scn = scn,
                .completed = "2026-11-22T03:00:00",
                .available = true};
        snprintf(base->tag, sizeof(base->tag), "%s", tag);
}

static void set_row(Fixture *f, uint32_t file, uint64_t level, uint64_t start, uint64_t end) {
        f->rows[f->run_facts.n_datafiles++] = (BackupDatafileFacts){
                .file = file,
                .creation_scn = file * 10,
                .resetlogs_scn = RESETLOGS,
                .has_level = true,
                .level = level,
                .incremental_scn = start,
                .checkpoint_scn = end};
}

static void fixture_init(Fixture *f) {
        memset(f, 0, sizeof(*f));
        f->parent[0] = (LinkFile){1, 10, 2000, name_1};
        f->parent[1] = (LinkFile){2, 20, 1000, name_2};
        f->files[0] = (DatafileFacts){.file = 1, .creation_scn = 10, .name = name_1};
        f->files[1] = (DatafileFacts){
                .file = 2, .creation_scn = 20, .checkpoint_scn = 1000, .name = name_2};
        f->facts = (DatabaseFacts){
                .datafiles = f->files,
                .n_datafiles = 2,
                .bases = f->bases,
                .resetlogs_scn = RESETLOGS};
        set_base(f, 1, 1000, "LEVEL0");
        set_base(f, 1, 2000, "LEVEL1");
        set_base(f, 2, 1000, "LEVEL0");
        f->run_facts = (RunFacts){.datafiles = f->rows, .structure = f->files, .n_structure = 2};
        f->run = (LinkRun){
                .sid = "ORCL",
                .parent = f->parent,
                .n_parent = 2,
                .facts = &f->run_facts,
                .unchanged = f->unchanged};
}

static int check_bases(Fixture *f) {
        f->err = (Error){0};
        return link_check_bases("ORCL", f->parent, 2, &f->facts, &f->err);
}

static int check_run(Fixture *f) {
        f->err = (Error){0};
        string_list_done(&f->notes);
        f->notes = (StringList){0};
        return link_check_run(&f->run, &f->notes, &f->err);
}

static void assert_broken(const Fixture *f, int r, const char *part) {
        assert_true(r < 0);
        assert_int_equal(f->err.kind, ERROR_CHAIN_BROKEN);
        if (strstr(f->err.message, part) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", f->err.message, part);
}

/* --- before --- */

static void bases_are_compared_by_scn_and_not_by_tag(void **state) {
        Fixture f;
        fixture_init(&f);
        assert_int_equal(check_bases(&f), 0);
}

static void a_newer_base_of_others_is_named_with_tag_and_time(void **state) {
        Fixture f;
        fixture_init(&f);
        set_base(&f, 1, 2001, "NIGHTLY");
        assert_broken(
                &f, check_bases(&f), "data file 1 (/u02/one.dbf) on a backup with tag NIGHTLY");
        assert_non_null(strstr(f.err.message, "2026-11-22T03:00:00"));
        assert_non_null(strstr(f.err.message, "2000"));
}

static void an_image_copy_of_others_is_a_base(void **state) {
        Fixture f;
        fixture_init(&f);
        set_base(&f, 2, 1500, "COPIES");
        f.bases[3].copy = true;
        f.bases[3].resetlogs_scn = 0;
        assert_broken(&f, check_bases(&f), "an image copy with tag COPIES");
}

static void what_is_not_available_or_of_another_incarnation_is_no_base(void **state) {
        Fixture f;
        fixture_init(&f);
        set_base(&f, 1, 3000, "EXPIRED");
        f.bases[3].available = false;
        set_base(&f, 1, 3000, "ORPHAN");
        f.bases[4].resetlogs_scn = 800;
        set_base(&f, 1, 3000, "DROPPED");
        f.bases[5].creation_scn = 11;
        assert_int_equal(check_bases(&f), 0);
}

static void a_base_that_is_gone_is_found_before_rman(void **state) {
        Fixture f;
        fixture_init(&f);
        f.bases[1].available = false; /* then RMAN would take the level 0 */
        assert_broken(&f, check_bases(&f), "data file 1 (/u02/one.dbf) at SCN 2000 any more");
        f.facts.n_bases = 0;
        assert_broken(&f, check_bases(&f), "DELETE EXPIRED");
}

static void files_that_the_parent_lacks_need_no_base(void **state) {
        Fixture f;
        fixture_init(&f);
        f.files[2] = (DatafileFacts){.file = 3, .creation_scn = 30, .name = name_3};
        f.facts.n_datafiles = 3;
        assert_int_equal(check_bases(&f), 0);
}

/* --- after --- */

static void every_file_goes_on_where_the_parent_ended(void **state) {
        Fixture f;
        fixture_init(&f);
        set_row(&f, 1, 1, 2000, 3000);
        f.unchanged[0] = 2;
        f.run.n_unchanged = 1;
        assert_int_equal(check_run(&f), 0);
        assert_int_equal(f.notes.n, 0);
}

static void another_start_breaks_the_chain_either_way(void **state) {
        static const uint64_t starts[] = {1999, 2001, 0};
        for (size_t i = 0; i < 3; i++) {
                Fixture f;
                fixture_init(&f);
                set_row(&f, 1, 1, starts[i], 3000);
                assert_broken(&f, check_run(&f), starts[i] < 2000 ? "older" : "newer");
        }
}

static void a_known_file_that_was_taken_whole_breaks_the_chain(void **state) {
        Fixture f;
        fixture_init(&f);
        set_row(&f, 1, 0, 0, 3000);
        assert_broken(&f, check_run(&f), "was taken whole");
}

static void a_file_without_a_row_must_have_been_skipped_and_be_unchanged(void **state) {
        Fixture f;
        fixture_init(&f);
        set_row(&f, 1, 1, 2000, 3000);
        assert_broken(&f, check_run(&f), "data file 2 (/u02/two.dbf) is not in this backup");
        f.unchanged[0] = 2;
        f.run.n_unchanged = 1;
        f.files[1].checkpoint_scn = 1001;
        assert_broken(&f, check_run(&f), "skipped as unchanged");
}

static void a_new_file_begins_with_a_level_0_in_this_run(void **state) {
        Fixture f;
        fixture_init(&f);
        set_row(&f, 1, 1, 2000, 3000);
        f.unchanged[0] = 2;
        f.run.n_unchanged = 1;
        f.files[2] = (DatafileFacts){.file = 3, .creation_scn = 30, .name = name_3};
        f.run_facts.n_structure = 3;
        assert_broken(&f, check_run(&f), "data file 3 (/u02/three.dbf) is new and has no level 0");
        set_row(&f, 3, 1, 30, 2500); /* made before its level 0: it does not count */
        assert_broken(&f, check_run(&f), "has no level 0");
        set_row(&f, 3, 0, 0, 2900);
        assert_int_equal(check_run(&f), 0);
        set_row(&f, 3, 1, 2900, 3001);
        assert_int_equal(check_run(&f), 0);
        f.rows[3].incremental_scn = 2899;
        assert_broken(&f, check_run(&f), "another backup than its level 0");
}

static void dropped_files_are_noted(void **state) {
        Fixture f;
        fixture_init(&f);
        set_row(&f, 1, 1, 2000, 3000);
        f.run_facts.n_structure = 1;
        assert_int_equal(check_run(&f), 0);
        assert_int_equal(f.notes.n, 1);
        assert_string_equal(
                f.notes.items[0], "data file 2 (/u02/two.dbf) was dropped since the parent");
        string_list_done(&f.notes);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bases_are_compared_by_scn_and_not_by_tag),
                cmocka_unit_test(a_newer_base_of_others_is_named_with_tag_and_time),
                cmocka_unit_test(an_image_copy_of_others_is_a_base),
                cmocka_unit_test(what_is_not_available_or_of_another_incarnation_is_no_base),
                cmocka_unit_test(a_base_that_is_gone_is_found_before_rman),
                cmocka_unit_test(files_that_the_parent_lacks_need_no_base),
                cmocka_unit_test(every_file_goes_on_where_the_parent_ended),
                cmocka_unit_test(another_start_breaks_the_chain_either_way),
                cmocka_unit_test(a_known_file_that_was_taken_whole_breaks_the_chain),
                cmocka_unit_test(a_file_without_a_row_must_have_been_skipped_and_be_unchanged),
                cmocka_unit_test(a_new_file_begins_with_a_level_0_in_this_run),
                cmocka_unit_test(dropped_files_are_noted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
