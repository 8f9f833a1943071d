/* The plain parts of src/job: members, slab, segment table, extents and slices */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "job/extents.h"
#include "job/members.h"
#include "job/segment-table.h"
#include "job/slab.h"
#include "job/slices.h"
#include "unit/test.h"

/* ---- slab ---- */

static void buffers_are_taken_until_none_is_left(void **state) {
        Slab *slab;
        uint8_t *buffers[3];

        assert_int_equal(slab_new(3, 5000, &slab, NULL), 0);
        assert_int_equal(slab_available(slab), 3);
        assert_true(slab_buffer_size(slab) >= 5000);
        for (size_t i = 0; i < 3; i++) {
                buffers[i] = slab_take(slab);
                memset(buffers[i], (int)i, slab_buffer_size(slab));
        }
        assert_null(slab_take(slab));
        assert_int_equal(slab_available(slab), 0);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(buffers[i][0], i); /* they do not overlap */
                assert_int_equal(buffers[i][slab_buffer_size(slab) - 1], i);
                slab_give_back(slab, buffers[i]);
        }
        assert_ptr_equal(slab_take(slab), buffers[2]);
        slab_give_back(slab, buffers[2]);
        assert_null(slab_free(slab));
        assert_null(slab_free(NULL));
}

static void more_memory_than_there_can_be_is_an_error(void **state) {
        Slab *slab;
        Error error = {0};

        assert_true(slab_new(SIZE_MAX / 4096, 5000, &slab, &error) < 0);
        assert_true(slab_new(2, SIZE_MAX - 10, &slab, &error) < 0);
        error = (Error){0};
        assert_true(slab_new(1, SIZE_MAX / 4, &slab, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTERNAL);
}

/* ---- segment table ---- */

static void the_stored_prefix_waits_for_the_first_gap(void **state) {
        SegmentTable table = {0};

        assert_int_equal(segment_table_reserve(&table, 3, NULL), 0);
        for (size_t i = 0; i < 3; i++)
                table.segments[i].size = 10 + i;
        segment_table_mark_stored(&table, 2);
        assert_int_equal(table.stored_prefix, 0);
        segment_table_mark_stored(&table, 0);
        assert_int_equal(table.stored_prefix, 1);
        segment_table_mark_stored(&table, 1);
        assert_int_equal(table.stored_prefix, 3);
        assert_int_equal(table.n_stored, 3);
        assert_int_equal(table.stored_bytes, 33);
        segment_table_done(&table);
}

static void a_table_grows_and_keeps_what_it_has(void **state) {
        SegmentTable table = {0};

        assert_int_equal(segment_table_reserve(&table, 64, NULL), 0);
        for (uint64_t i = 0; i < 64; i++)
                segment_table_mark_stored(&table, i);
        assert_int_equal(segment_table_reserve(&table, 100000, NULL), 0);
        assert_true(table.n_allocated >= 100000);
        assert_int_equal(table.stored_prefix, 64);
        assert_false(table.stored[99999]);
        assert_int_equal(table.segments[99999].size, 0);
        segment_table_done(&table);
}

/* ---- members ---- */

static int add_piece(Members *members, const char *path, const char *sid, uint64_t offset) {
        char database[31];
        RecordMember member = {.kind = MEMBER_PIECE, .database = database, .offset = offset};

        snprintf(database, sizeof(database), "%s", sid);
        member.size = 100;
        return members_add(members, path, &member, NULL);
}

static void a_member_is_listed_without_its_leading_slash(void **state) {
        Members members = {0};

        assert_int_equal(add_piece(&members, "/u01/b/p1", "DB1", 512), 0);
        assert_string_equal(members.items[0].path, "u01/b/p1");
        assert_string_equal(members.items[0].database, "DB1");
        members_done(&members);
        assert_int_equal(members.n, 0);
}

static void a_backup_holds_only_so_many_files(void **state) {
        Members members = {0};
        Error error = {0};
        RecordMember member = {.kind = MEMBER_NETWORK};

        for (size_t i = 0; i < LIMIT_MEMBERS; i++)
                assert_int_equal(members_add(&members, "/p", &member, NULL), 0);
        assert_int_equal(members_add(&members, "/p", &member, &error), -EFBIG);
        assert_int_equal(error.kind, ERROR_TOO_LARGE);
        members_done(&members);
}

typedef struct Facts {
        RunFacts run;
        PieceFacts pieces[4];
        BackupDatafileFacts datafiles[2];
        char handles[4][16];
} Facts;

/* A data file piece, logs, the control file with the spfile, and an spfile alone. */
static void fill_facts(Facts *facts) {
        const char *const types[] = {"I", "L", "D", "D"};

        *facts = (Facts){0};
        for (unsigned i = 0; i < 4; i++) {
                snprintf(facts->handles[i], sizeof(facts->handles[i]), "/u01/b/p%u", i + 1);
                facts->pieces[i] = (PieceFacts){
                        .handle = facts->handles[i], .set_stamp = 1, .set_count = i + 1};
                strcpy(facts->pieces[i].backup_type, types[i]);
        }
        facts->pieces[2].controlfile_included = true;
        facts->datafiles[0] = (BackupDatafileFacts){.file = 1, .set_stamp = 1, .set_count = 1};
        facts->datafiles[1] = (BackupDatafileFacts){.file = 0, .set_stamp = 1, .set_count = 3};
        facts->run = (RunFacts){
                .pieces = facts->pieces,
                .n_pieces = 4,
                .datafiles = facts->datafiles,
                .n_datafiles = 2};
}

static void the_run_says_what_each_piece_holds(void **state) {
        Members members = {0};
        Facts facts;

        fill_facts(&facts);
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(add_piece(&members, facts.handles[i], "DB1", i * 1024), 0);
        assert_int_equal(add_piece(&members, "/u01/b/of-another", "DB2", 8192), 0);
        assert_int_equal(members_confirm(&members, "DB1", &facts.run, NULL), 0);
        assert_int_equal(members.items[0].contents, PIECE_DATAFILE);
        assert_int_equal(members.items[1].contents, PIECE_ARCHIVELOG);
        assert_int_equal(members.items[2].contents, PIECE_CONTROLFILE);
        assert_int_equal(members.items[3].contents, PIECE_SPFILE);
        assert_true(members.confirmed[3]);
        assert_false(members.confirmed[4]);
        members_done(&members);
}

static void rule_1_a_piece_the_run_does_not_know_is_an_error(void **state) {
        Members members = {0};
        Error error = {0};
        Facts facts;

        fill_facts(&facts);
        assert_int_equal(add_piece(&members, "/u01/b/stray", "DB1", 512), 0);
        assert_true(members_confirm(&members, "DB1", &facts.run, &error) < 0);
        assert_int_equal(error.kind, ERROR_RMAN_FAILED);
        assert_non_null(strstr(error.message, "/u01/b/stray"));
        assert_non_null(strstr(error.message, "DB1"));
        members_done(&members);
}

static void a_piece_is_released_once_confirmed_and_wholly_stored(void **state) {
        Members members = {0};
        StringList paths = {0};
        Facts facts;

        fill_facts(&facts);
        assert_int_equal(add_piece(&members, "/u01/b/p1", "DB1", 512), 0);
        assert_int_equal(add_piece(&members, "/u01/b/p2", "DB1", 1024), 0);
        assert_int_equal(members_release(&members, 9999, &paths, NULL), 0);
        assert_int_equal(paths.n, 0); /* not confirmed */
        assert_int_equal(members_confirm(&members, "DB1", &facts.run, NULL), 0);
        assert_int_equal(members_release(&members, 611, &paths, NULL), 0);
        assert_int_equal(paths.n, 0); /* a byte is missing */
        assert_int_equal(members_release(&members, 612, &paths, NULL), 0);
        assert_int_equal(paths.n, 1);
        assert_string_equal(paths.items[0], "/u01/b/p1");
        assert_int_equal(members_release(&members, 9999, &paths, NULL), 0);
        assert_int_equal(paths.n, 2); /* the first is not told twice */
        string_list_done(&paths);
        members_done(&members);
}

/* ---- extents and slices ---- */

enum { N_FILES = 5 };
static const size_t SIZES[N_FILES] = {0, 1, 512, 70001, 3000};

typedef struct Tar {
        char directory[64], sources[N_FILES][128], targets[N_FILES][128];
        TarLayout *from, *to; /* the same members, read from sources and written to targets */
        uint8_t *plaintext;
        size_t size;
} Tar;

static int setup(void **state) {
        Tar *tar = calloc(1, sizeof(*tar));

        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        strcpy(tar->directory, "/tmp/orabackup-parts-XXXXXX");
        assert_non_null(mkdtemp(tar->directory));
        assert_int_equal(tar_layout_new(&tar->from, NULL), 0);
        assert_int_equal(tar_layout_new(&tar->to, NULL), 0);
        for (size_t i = 0; i < N_FILES; i++) {
                uint8_t *bytes = malloc(SIZES[i] + 1);
                char path[16];
                uint64_t offset;

                for (size_t j = 0; j < SIZES[i]; j++)
                        bytes[j] = (uint8_t)(j * 13 + i);
                snprintf(path, sizeof(path), "b/p%zu", i);
                snprintf(tar->sources[i], 128, "%s/s%zu", tar->directory, i);
                snprintf(tar->targets[i], 128, "%s/t%zu", tar->directory, i);
                assert_int_equal(
                        file_write_durably(tar->sources[i], bytes, SIZES[i], 0600, NULL), 0);
                assert_int_equal(file_write_durably(tar->targets[i], "", 0, 0600, NULL), 0);
                TarMember member = {path, tar->sources[i], SIZES[i], 0640, 1700000000};
                assert_int_equal(tar_layout_add(tar->from, &member, &offset, NULL), 0);
                member.source = i == 2 ? "" : tar->targets[i]; /* one is not wanted */
                assert_int_equal(tar_layout_add(tar->to, &member, &offset, NULL), 0);
                free(bytes);
        }
        assert_int_equal(tar_layout_close(tar->from), 0);
        tar->size = (size_t)tar_layout_size(tar->from);
        tar->plaintext = malloc(tar->size);
        *state = tar;
        return 0;
}

static int teardown(void **state) {
        Tar *tar = *state;

        tar_layout_free(tar->from);
        tar_layout_free(tar->to);
        free(tar->plaintext);
        assert_int_equal(directory_remove_tree(tar->directory, NULL), 0);
        free(tar);
        return 0;
}

/* The plaintext in reads of `step` bytes that begin anywhere within the extents. */
static int read_all(Tar *tar, size_t step, Error *err) {
        ExtentReader reader = {0};
        TarExtent *extents;
        int r = 0;

        assert_int_equal(tar_layout_extents(tar->from, 0, tar->size, &extents, &reader.n, NULL), 0);
        reader.extents = extents;
        for (size_t at = 0; r >= 0 && at < tar->size; at += step) {
                size_t size = tar->size - at < step ? tar->size - at : step;
                r = extent_read(&reader, at, tar->plaintext + at, size, err);
        }
        free(extents);
        return r;
}

/* The plaintext in segments of `step` bytes, each taken apart by itself, in chunks. */
static int write_all_slices(Tar *tar, size_t step, Error *err) {
        uint64_t covered = tar_layout_size(tar->to);
        int r = 0;

        for (size_t at = 0; r >= 0 && at < tar->size; at += step) {
                size_t size = tar->size - at < step ? tar->size - at : step;
                SliceWriter writer = {.start = at, .fd = -1};
                TarExtent *extents = NULL;

                if (at < covered)
                        assert_int_equal(
                                tar_layout_extents(
                                        tar->to,
                                        at,
                                        covered - at < size ? covered - at : size,
                                        &extents,
                                        &writer.n,
                                        NULL),
                                0);
                writer.extents = extents;
                for (size_t part = 0; r >= 0 && part < size; part += 1000)
                        r = slice_write(
                                &writer,
                                at + part,
                                tar->plaintext + at + part,
                                size - part < 1000 ? size - part : 1000,
                                err);
                slice_writer_done(&writer);
                free(extents);
        }
        return r;
}

static void assert_files_are_back(Tar *tar) {
        for (size_t i = 0; i < N_FILES; i++) {
                CLEANUP(cleanup_free) char *source = NULL, *target = NULL;
                size_t size, target_size;

                assert_int_equal(
                        file_read(tar->sources[i], 1 << 20, ERROR_INTERNAL, &source, &size, NULL),
                        0);
                assert_int_equal(
                        file_read(
                                tar->targets[i],
                                1 << 20,
                                ERROR_INTERNAL,
                                &target,
                                &target_size,
                                NULL),
                        0);
                assert_int_equal(target_size, i == 2 ? 0 : size);
                assert_memory_equal(source, target, target_size);
        }
}

static void any_segmentation_gives_the_files_back(void **state) {
        static const size_t steps[] = {1 << 20, 65536, 1024, 513, 512, 511, 77};
        Tar *tar = *state;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                memset(tar->plaintext, 0xaa, tar->size);
                assert_int_equal(read_all(tar, steps[i], NULL), 0);
                assert_int_equal(write_all_slices(tar, steps[ELEMENTSOF(steps) - 1 - i], NULL), 0);
                assert_files_are_back(tar);
        }
}

static void every_byte_of_a_header_and_of_the_padding_counts(void **state) {
        Tar *tar = *state;

        assert_int_equal(read_all(tar, 65536, NULL), 0);
        /* the headers of the first two members, and the padding after one byte of content */
        for (size_t at = 0; at < 3 * 512; at++) {
                Error error = {0};
                bool content = at == 1024;

                tar->plaintext[at] ^= 1;
                int r = write_all_slices(tar, 65536, &error);
                tar->plaintext[at] ^= 1;
                if (content) {
                        assert_int_equal(r, 0);
                        continue;
                }
                assert_int_equal(r, -EBADMSG);
                assert_int_equal(error.kind, ERROR_INTEGRITY);
        }
}

static void a_staged_file_of_another_size_is_an_integrity_error(void **state) {
        Tar *tar = *state;
        Error error = {0};

        assert_int_equal(truncate(tar->sources[3], 70000), 0);
        assert_true(read_all(tar, 65536, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTEGRITY);
        assert_non_null(strstr(error.message, tar->sources[3]));
}

static void a_staged_file_that_is_a_link_is_not_followed(void **state) {
        Tar *tar = *state;
        Error error = {0};

        assert_int_equal(unlink(tar->sources[3]), 0);
        assert_int_equal(symlink(tar->sources[4], tar->sources[3]), 0);
        assert_true(read_all(tar, 65536, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTEGRITY);
}

static void rule_11_a_target_that_became_a_link_is_not_written_through(void **state) {
        Tar *tar = *state;
        Error error = {0};

        assert_int_equal(read_all(tar, 65536, NULL), 0);
        assert_int_equal(unlink(tar->targets[3]), 0);
        assert_int_equal(symlink(tar->sources[4], tar->targets[3]), 0);
        assert_true(write_all_slices(tar, 65536, &error) < 0);
        assert_non_null(strstr(error.message, tar->targets[3]));
}

static void a_read_beyond_the_extents_is_our_mistake_and_said(void **state) {
        ExtentReader reader = {0};
        uint8_t byte;
        Error error = {0};

        assert_true(extent_read(&reader, 0, &byte, 1, &error) < 0);
        assert_int_equal(error.kind, ERROR_INTERNAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(buffers_are_taken_until_none_is_left),
                cmocka_unit_test(more_memory_than_there_can_be_is_an_error),
                cmocka_unit_test(the_stored_prefix_waits_for_the_first_gap),
                cmocka_unit_test(a_table_grows_and_keeps_what_it_has),
                cmocka_unit_test(a_member_is_listed_without_its_leading_slash),
                cmocka_unit_test(a_backup_holds_only_so_many_files),
                cmocka_unit_test(the_run_says_what_each_piece_holds),
                cmocka_unit_test(rule_1_a_piece_the_run_does_not_know_is_an_error),
                cmocka_unit_test(a_piece_is_released_once_confirmed_and_wholly_stored),
                cmocka_unit_test_setup_teardown(
                        any_segmentation_gives_the_files_back, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        every_byte_of_a_header_and_of_the_padding_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_staged_file_of_another_size_is_an_integrity_error, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_staged_file_that_is_a_link_is_not_followed, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        rule_11_a_target_that_became_a_link_is_not_written_through,
                        setup,
                        teardown),
                cmocka_unit_test(a_read_beyond_the_extents_is_our_mistake_and_said),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
