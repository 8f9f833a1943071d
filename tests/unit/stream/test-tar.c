/* stream/tar-header.c, stream/tar-layout.c. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "stream/tar.h"
#include "unit/test.h"

enum { BLOCK = 512, PAX_BLOCKS = 3 * BLOCK };

#define GIB ((uint64_t)1 << 30)
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X100 X50 X50
#define DIR154 "dir/" X50 "/" X50 "/" X10 X10 X10 X10 "xxxxxxxx"
#define UMLAUT "\xc3\xa4"
#define DIAERESIS "\xcc\x88" /* combining */
#define KANJI "\xe8\xa1\xa8"

typedef struct Case {
        const char *name; /* of the golden file in TEST_DATA/tar */
        TarMember member;
        size_t header_size;
} Case;

static const Case cases[] = {
        {"plain", {"oradata/o1_mf_data.bkp", "/s", 123456789, 0640, 1763791844}, BLOCK},
        {"empty", {"orabackup.json", "/s", 0, 0600, 0}, BLOCK},
        {"mode", {"a", "/s", 1, 0107777, 1}, BLOCK},
        {"utf8", {"b" UMLAUT "ckup/" KANJI ".bkp", "/s", 5, 0644, 1763791844}, BLOCK},
        {"nfd", {"ba" DIAERESIS "ckup/x.bkp", "/s", 5, 0644, 1763791844}, BLOCK},
        {"name-100", {X100, "/s", 5, 0644, 1763791844}, BLOCK},
        {"name-101", {X100 "y", "/s", 5, 0644, 1763791844}, PAX_BLOCKS},
        {"split-101", {"d/" X50 X10 X10 X10 X10 "xxxxxxxxx", "/s", 5, 0644, 1}, BLOCK},
        {"split-256", {DIR154 "x/" X100, "/s", 5, 0644, 1763791844}, BLOCK},
        {"split-257", {DIR154 "xx/" X100, "/s", 5, 0644, 1763791844}, PAX_BLOCKS},
        {"split-name-101", {"d/" X100 "y", "/s", 5, 0644, 1763791844}, PAX_BLOCKS},
        {"utf8-long", {X100 KANJI UMLAUT "a" DIAERESIS, "/s", 5, 0644, 1763791844}, PAX_BLOCKS},
        {"8gib-less-1", {"big.bkp", "/s", 8 * GIB - 1, 0640, 1763791844}, BLOCK},
        {"8gib", {"big.bkp", "/s", 8 * GIB, 0640, 1763791844}, PAX_BLOCKS},
        {"8gib-utf8", {"b" UMLAUT "g.bkp", "/s", 8 * GIB + 1, 0640, 1763791844}, PAX_BLOCKS},
        {"100gib-long", {X100 "/" X100 "y", "/s", 100 * GIB, 0640, 1763791844}, PAX_BLOCKS},
        {"before-1970", {"old", "/s", 5, 0640, -1}, BLOCK},
        {"after-2038", {"new", "/s", 5, 0640, 0x80000000}, BLOCK},
        {"after-ustar", {"newest", "/s", 5, 0640, (int64_t)1 << 40}, BLOCK},
};

static int set_locale(void **state) {
        return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

static void headers_are_the_golden_bytes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CLEANUP(cleanup_free) uint8_t *header = NULL;
                CLEANUP(cleanup_free) char *golden = NULL;
                CLEANUP(cleanup_free)
                char *path = string_printf(TEST_DATA "/tar/%s.header", cases[i].name);
                size_t size, golden_size;
                Error err = {0};

                if (tar_header(&cases[i].member, &header, &size, &err) < 0)
                        fail_msg("%s", err.message);
                assert_int_equal(size, cases[i].header_size);
                assert_int_equal(
                        file_read(path, 65536, ERROR_CONFIG, &golden, &golden_size, NULL), 0);
                assert_int_equal(size, golden_size);
                if (memcmp(header, golden, size) != 0)
                        fail_msg("%s differs", path);
        }
}

static void unclean_paths_are_refused_by_name(void **state) {
        static const char *const bad[] = {
                "",
                "/",
                "/abs",
                "a//b",
                "a/",
                ".",
                "..",
                "a/../b",
                "./a",
                "a/.",
                "a\nb",
                "a\x7f",
                "\xff",
                "\xc0\xaf"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                TarMember member = {.path = bad[i], .source = "/s"};
                uint8_t *header;
                size_t size;
                Error err = {0};

                assert_int_equal(tar_header(&member, &header, &size, &err), -EINVAL);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_non_null(strstr(err.message, "cannot hold a file named \""));
        }
}

static void a_warning_of_libarchive_is_an_error(void **state) {
        TarMember member = {.path = X100 KANJI, .source = "/s", .size = 1};
        uint8_t *header;
        size_t size;
        Error err = {0};

        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_int_equal(tar_header(&member, &header, &size, &err), -EIO);
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        assert_non_null(strstr(err.message, X100));
}

static void a_size_beyond_63_bits_is_too_large(void **state) {
        TarMember member = {.path = "a", .source = "/s", .size = (uint64_t)1 << 63};
        uint8_t *header;
        size_t size;
        Error err = {0};

        assert_int_equal(tar_header(&member, &header, &size, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
}

/* A generator with a fixed seed: the same test each time. */
static uint64_t next_random(uint64_t *state) {
        *state = *state * 6364136223846793005 + 1442695040888963407;
        return *state >> 33;
}

/* Content of the file `source` at `offset`: depends on both. */
static uint8_t content(const char *source, uint64_t offset) {
        return (uint8_t)(offset * 31 + (offset >> 8) + (uint64_t)strlen(source) + (uint8_t)source[1]);
}

static uint64_t add_random_member(TarLayout *layout, uint64_t *seed, unsigned number, Text *whole) {
        static const uint64_t sizes[] = {0, 1, 511, 512, 513, 1024, 5000, 66000};
        uint64_t size = next_random(seed) % 3 == 0 ? sizes[next_random(seed) % ELEMENTSOF(sizes)]
                                                   : next_random(seed) % 3000;
        bool is_long = next_random(seed) % 4 == 0;
        CLEANUP(cleanup_free)
        char *path = string_printf("p/%s%u", is_long ? X100 UMLAUT : "", number);
        CLEANUP(cleanup_free)
        char *source = string_printf("/%c%u", (int)('a' + number % 26), number);
        TarMember member = {path, source, size, 0640, 1763791844};
        CLEANUP(cleanup_free) uint8_t *header = NULL;
        size_t header_size;
        uint64_t offset;

        assert_int_equal(tar_header(&member, &header, &header_size, NULL), 0);
        text_append_bytes(whole, header, header_size);
        assert_int_equal(tar_layout_add(layout, &member, &offset, NULL), 0);
        assert_int_equal(offset, whole->length);
        for (uint64_t i = 0; i < size; i++) {
                uint8_t byte = content(source, i);

                text_append_bytes(whole, &byte, 1);
        }
        while (whole->length % BLOCK != 0)
                text_append_bytes(whole, "", 1);
        return size;
}

static void append_extent(Text *text, const TarExtent *extent) {
        assert_true(extent->size > 0);
        for (uint64_t i = 0; i < extent->size; i++) {
                uint8_t byte = 0;

                if (extent->type == TAR_EXTENT_BYTES)
                        byte = extent->bytes[i];
                if (extent->type == TAR_EXTENT_FILE) {
                        assert_true(extent->offset + i < extent->file_size);
                        byte = content(extent->source, extent->offset + i);
                }
                text_append_bytes(text, &byte, 1);
        }
}

static void
compare_range(const TarLayout *layout, const Text *whole, uint64_t from, uint64_t size) {
        CLEANUP(cleanup_free) TarExtent *extents = NULL;
        CLEANUP(text_done) Text text = TEXT_INIT;
        size_t n;

        assert_int_equal(tar_layout_extents(layout, from, size, &extents, &n, NULL), 0);
        for (size_t i = 0; i < n; i++)
                append_extent(&text, &extents[i]);
        assert_int_equal(text.length, size);
        assert_memory_equal(text_get(&text), whole->data + from, (size_t)size);
}

static void compare_random_ranges(const TarLayout *layout, const Text *whole, uint64_t *seed) {
        uint64_t total = tar_layout_size(layout);

        assert_int_equal(total, whole->length);
        for (int i = 0; i < 30; i++) {
                uint64_t from = next_random(seed) % (total + 1);
                uint64_t size = next_random(seed) % (total - from + 1);

                compare_range(layout, whole, from, i % 2 == 0 ? size : size % 700);
        }
}

static void any_range_is_the_slice_of_the_whole(void **state) {
        for (uint64_t round = 1; round <= 12; round++) {
                CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
                CLEANUP(text_done) Text whole = TEXT_INIT;
                uint64_t seed = round;
                unsigned n = (unsigned)(round * round);

                assert_int_equal(tar_layout_new(&layout, NULL), 0);
                for (unsigned i = 0; i < n; i++)
                        add_random_member(layout, &seed, i, &whole);
                compare_random_ranges(layout, &whole, &seed);
                assert_int_equal(tar_layout_close(layout), 0);
                for (int i = 0; i < 2 * BLOCK; i++)
                        text_append_bytes(&whole, "", 1);
                compare_random_ranges(layout, &whole, &seed);
                compare_range(layout, &whole, 0, tar_layout_size(layout));
                assert_int_equal(tar_layout_member_count(layout), n);
        }
}

static void what_was_laid_out_stays_while_the_layout_grows(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        CLEANUP(cleanup_free) TarExtent *extents = NULL;
        CLEANUP(text_done) Text whole = TEXT_INIT;
        CLEANUP(text_done) Text text = TEXT_INIT;
        uint64_t seed = 7, size;
        size_t n;

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        add_random_member(layout, &seed, 0, &whole);
        size = tar_layout_size(layout);
        assert_int_equal(tar_layout_extents(layout, 0, size, &extents, &n, NULL), 0);
        for (unsigned i = 1; i < 500; i++)
                add_random_member(layout, &seed, i, &whole);
        for (size_t i = 0; i < n; i++)
                append_extent(&text, &extents[i]);
        assert_memory_equal(text.data, whole.data, (size_t)size);
}

static void an_empty_layout_is_two_zero_blocks(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        CLEANUP(cleanup_free) TarExtent *extents = NULL;
        size_t n;

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        assert_int_equal(tar_layout_size(layout), 0);
        assert_false(tar_layout_is_closed(layout));
        assert_int_equal(tar_layout_extents(layout, 0, 0, &extents, &n, NULL), 0);
        assert_int_equal(n, 0);
        assert_int_equal(tar_layout_close(layout), 0);
        assert_true(tar_layout_is_closed(layout));
        assert_int_equal(tar_layout_extents(layout, 0, 1024, &extents, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(extents[0].type, TAR_EXTENT_ZERO);
        assert_int_equal(extents[0].size, 1024);
}

static void ranges_beyond_the_layout_are_refused(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        TarExtent *extents;
        size_t n;

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        assert_int_equal(tar_layout_close(layout), 0);
        assert_int_equal(tar_layout_extents(layout, 0, 1025, &extents, &n, NULL), -ERANGE);
        assert_int_equal(tar_layout_extents(layout, 1024, 1, &extents, &n, NULL), -ERANGE);
        assert_int_equal(tar_layout_extents(layout, UINT64_MAX, 2, &extents, &n, NULL), -ERANGE);
}

static void a_path_is_in_a_backup_once(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        TarMember member = {"dir/piece.bkp", "/s", 1, 0600, 1};
        uint64_t offset;
        Error err = {0};

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        assert_int_equal(tar_layout_add(layout, &member, &offset, NULL), 0);
        assert_int_equal(offset, BLOCK);
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -EEXIST);
        assert_non_null(strstr(err.message, "dir/piece.bkp"));
        member.path = "dir/../x";
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -EINVAL);
        assert_non_null(strstr(err.message, "dir/../x"));
        assert_int_equal(tar_layout_member_count(layout), 1);
        assert_int_equal(tar_layout_size(layout), 2 * BLOCK);
}

static void a_closed_layout_takes_nothing(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        TarMember member = {"a", "/s", 1, 0600, 1};
        uint64_t offset;
        Error err = {0};

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        assert_int_equal(tar_layout_close(layout), 0);
        assert_int_equal(tar_layout_close(layout), -EALREADY);
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -EROFS);
}

static void sizes_do_not_overflow(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        TarMember member = {"a", "/s", INT64_MAX - 4096, 0600, 1};
        uint64_t offset;
        Error err = {0};

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        assert_int_equal(tar_layout_add(layout, &member, &offset, NULL), 0);
        member.path = "b";
        member.size = 4096;
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -EFBIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
        assert_int_equal(tar_layout_member_count(layout), 1);
        /* The tree of paths does not hold what was refused. */
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -EFBIG);
}

static void a_layout_holds_100000_members(void **state) {
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        TarMember member = {"last", "/s", 1, 0600, 1};
        uint64_t offset;
        Error err = {0};
        size_t size;

        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        for (unsigned i = 0; i < LIMIT_MEMBERS; i++) {
                char path[32];
                TarMember each = {path, "/s", 1, 0600, 1};

                snprintf(path, sizeof(path), "p%u", i);
                assert_int_equal(tar_layout_add(layout, &each, &offset, NULL), 0);
        }
        assert_int_equal(tar_layout_add(layout, &member, &offset, &err), -E2BIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
        assert_memory_equal(tar_layout_header(layout, LIMIT_MEMBERS - 1, &size), "p99999", 7);
        assert_int_equal(size, BLOCK);
}

/* All cases in one sparse file: what has content is a hole. */
static void write_archive(const TarLayout *layout, const char *path) {
        CLEANUP(cleanup_free) TarExtent *extents = NULL;
        CLEANUP(cleanup_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t at = 0;
        size_t n;

        assert_true(fd >= 0);
        assert_int_equal(
                tar_layout_extents(layout, 0, tar_layout_size(layout), &extents, &n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
                if (extents[i].type == TAR_EXTENT_BYTES)
                        assert_int_equal(
                                pwrite_all(fd, extents[i].bytes, (size_t)extents[i].size, at), 0);
                at += extents[i].size;
        }
        assert_int_equal(ftruncate(fd, (off_t)at), 0);
}

static void append_expected(Text *names, const TarMember *member) {
        int64_t mtime = member->mtime < 0 ? 0 : member->mtime;

        if (mtime >= (int64_t)1 << 33)
                mtime = ((int64_t)1 << 33) - 1;
        text_appendf(
                names,
                "%s %llu %o %lld 0 0\n",
                member->path,
                (unsigned long long)member->size,
                member->mode & 0777,
                (long long)mtime);
}

static void gnu_tar_and_python_read_it(void **state) {
        static const char python[] =
                "import sys, tarfile\n"
                "with tarfile.open(sys.argv[1]) as t, open(sys.argv[2], encoding='utf-8') as f:\n"
                "    got = [f'{m.name} {m.size} {m.mode:o} {int(m.mtime)} {m.uid} {m.gid}' for m "
                "in t]\n"
                "    assert all(m.isreg() and m.uname == m.gname == '' for m in t)\n"
                "assert got == open(sys.argv[2], encoding='utf-8').read().splitlines(), got\n";
        CLEANUP(cleanup_tar_layout) TarLayout *layout = NULL;
        CLEANUP(text_done) Text expected = TEXT_INIT;
        char directory[] = "/tmp/test-tar-XXXXXX";
        CLEANUP(cleanup_free) char *archive = NULL;
        CLEANUP(cleanup_free) char *list = NULL;
        CLEANUP(cleanup_free) char *script = NULL;
        CLEANUP(cleanup_free) char *command = NULL;
        uint64_t offset;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(tar_layout_new(&layout, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TarMember member = cases[i].member;

                /* Some cases share a path. */
                if (strcmp(cases[i].name, "8gib") == 0)
                        member.path = "8gib.bkp";
                assert_int_equal(tar_layout_add(layout, &member, &offset, NULL), 0);
                append_expected(&expected, &member);
        }
        assert_int_equal(tar_layout_close(layout), 0);
        archive = path_join(directory, "t.tar");
        list = path_join(directory, "expected");
        script = path_join(directory, "read.py");
        write_archive(layout, archive);
        assert_int_equal(file_write_durably(list, expected.data, expected.length, 0600, NULL), 0);
        assert_int_equal(file_write_durably(script, python, strlen(python), 0600, NULL), 0);
        command = string_printf(
                "cut -d' ' -f1 %s > %s.names && LC_ALL=C.UTF-8 tar --quoting-style=literal -tf %s "
                "2>&1 | cmp - %s.names && PYTHONUTF8=1 /usr/bin/python3 %s %s %s",
                list,
                list,
                archive,
                list,
                script,
                archive,
                list);
        assert_int_equal(system(command), 0);
        assert_int_equal(directory_remove_tree(directory, NULL), 0);
}

static void free_takes_null(void **state) {
        assert_null(tar_layout_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers_are_the_golden_bytes),
                cmocka_unit_test(unclean_paths_are_refused_by_name),
                cmocka_unit_test(a_warning_of_libarchive_is_an_error),
                cmocka_unit_test(a_size_beyond_63_bits_is_too_large),
                cmocka_unit_test(any_range_is_the_slice_of_the_whole),
                cmocka_unit_test(what_was_laid_out_stays_while_the_layout_grows),
                cmocka_unit_test(an_empty_layout_is_two_zero_blocks),
                cmocka_unit_test(ranges_beyond_the_layout_are_refused),
                cmocka_unit_test(a_path_is_in_a_backup_once),
                cmocka_unit_test(a_closed_layout_takes_nothing),
                cmocka_unit_test(sizes_do_not_overflow),
                cmocka_unit_test(a_layout_holds_100000_members),
                cmocka_unit_test(gnu_tar_and_python_read_it),
                cmocka_unit_test(free_takes_null),
        };

        return cmocka_run_group_tests(tests, set_locale, NULL);
}
