/* Every allocation of src/repository and of jansson below it fails once: each call then says that
 * there is no memory, and nothing else; it leaks nothing (the sanitizer sees that) and works when
 * called again. */
#include "base/files.h"
#include "base/limits.h"
#include "repository/control.h"
#include "repository/deletion.h"
#include "repository/descendants.h"
#include "repository/record.h"
#include "repository/segments.h"
#include "repository/state.h"
#include "unit/out-of-memory.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"

/* The golden objects, read before anything fails. */
static char *record_text, *claim_text, *failed_text, *deletion_text;

static char *golden(const char *file) {
        char path[512], *text;
        size_t size;
        snprintf(path, sizeof(path), "%s/records/%s", TEST_DATA, file);
        assert_int_equal(file_read(path, 1 << 20, ERROR_INTERNAL, &text, &size, NULL), 0);
        text[strcspn(text, "\n")] = '\0';
        return text;
}

static int parse_and_print_record(Error *err) {
        Record record = {0};
        CLEANUP(cleanup_free) char *text = NULL, *summary = NULL;
        size_t size;
        int r = record_parse(record_text, strlen(record_text), "backup.json", &record, err);
        if (r == 0)
                r = record_print(&record, &text, &size, err);
        if (r == 0)
                r = record_print_summary(&record, &summary, &size, err);
        if (r == 0)
                assert_string_equal(text, record_text);
        record_done(&record);
        return r;
}

static int parse_and_print_claim(Error *err) {
        Claim claim = {0};
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        int r = claim_parse(claim_text, strlen(claim_text), "begin", &claim, err);
        if (r == 0)
                r = claim_print(&claim, &text, &size, err);
        if (r == 0)
                assert_string_equal(text, claim_text);
        claim_done(&claim);
        return r;
}

static int parse_and_print_failure(Error *err) {
        Failed failure = {0};
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        int r = failed_parse(failed_text, strlen(failed_text), "failed.json", &failure, err);
        if (r == 0)
                r = failed_print(&failure, &text, &size, err);
        if (r == 0)
                assert_string_equal(text, failed_text);
        failed_done(&failure);
        return r;
}

static int parse_and_print_deletion(Error *err) {
        Deletion deletion = {0};
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        int r = deletion_parse(deletion_text, strlen(deletion_text), "delete.json", &deletion, err);
        if (r == 0)
                r = deletion_print(&deletion, &text, &size, err);
        if (r == 0)
                assert_string_equal(text, deletion_text);
        deletion_done(&deletion);
        return r;
}

/* What is parsed is whole; only what is made of it has the memory fail. */
static Record whole_record;
static Failed whole_failure;

static int plan(int made, Deletion *deletion, Error *err) {
        DeletionSteps steps = {0};
        int r = made == 0 ? deletion_steps(deletion, &steps) : made;
        if (made == 0)
                deletion_done(deletion);
        deletion_steps_done(&steps);
        return r < 0 ? error_oom(err) : 0;
}

static int delete_a_record(Error *err) {
        Deletion deletion = {0};
        return plan(deletion_of_record(&whole_record, &deletion), &deletion, err);
}

static int delete_a_failure(Error *err) {
        Deletion deletion = {0};
        return plan(deletion_of_failed(&whole_failure, &deletion), &deletion, err);
}

static int find_descendants(Error *err) {
        static const Kin kin[] = {{"a", "", 1}, {"b", "a", 2}};
        CLEANUP(cleanup_free) size_t *found = NULL;
        size_t n = 0;
        int r = descendants_find(kin, 2, "a", &found, &n);
        if (r == 0)
                assert_int_equal(n, 1);
        return r < 0 ? error_oom(err) : 0;
}

static int list_segments(Error *err) {
        static const SegmentsOf of = {"db1", ID, "0badcafe"};
        static const SegmentLine line = {"900150983cd24fb0d6963f7d28e17f72", 3};
        CLEANUP(cleanup_free) char *text = NULL, *empty = NULL;
        CLEANUP(cleanup_free) SegmentLine *lines = NULL;
        size_t size = 0, n;
        int r = segments_print(&of, &line, 1, &text, &size, err);
        if (r == 0)
                r = segments_parse(&of, text, size, &lines, &n, err);
        if (r == 0)
                r = segments_print(&of, NULL, 0, &empty, &size, err);
        return r;
}

static int read_listing(Error *err) {
        static const char *const names[] = {
                "db1/begin/0000000001.json",
                "db1/begin/0000000002.json",
                "db1/" ID "/backup.tar.age",
                "db1/" ID "/delete.json",
        };
        Catalogue catalogue = {0};
        int r = 0;
        for (size_t i = 0; i < ELEMENTSOF(names) && r == 0; i++)
                r = catalogue_add(&catalogue, names[i], 1, i);
        if (r == 0) {
                catalogue_finish(&catalogue);
                assert_int_equal(catalogue.n_backups, 1);
                assert_true(catalogue.backups[0].objects.deletion);
        }
        catalogue_done(&catalogue);
        return r < 0 ? error_oom(err) : 0;
}

static const Scenario scenarios[] = {
        parse_and_print_record,
        parse_and_print_claim,
        parse_and_print_failure,
        parse_and_print_deletion,
        delete_a_record,
        delete_a_failure,
        find_descendants,
        list_segments,
        read_listing,
};

static Scenario scenario;

/* No object is called damaged because memory is short. */
static int says_so(Error *err) {
        int r = scenario(err);
        if (r < 0 && err->r != -ENOMEM)
                fail_msg("%s", err->message);
        return r;
}

static void every_failed_allocation_is_an_error(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(scenarios); i++) {
                scenario = scenarios[i];
                fail_each(says_so, &fail_own, true);
        }
}

/* A listing that no memory could hold: its size is not even a number. */
static void a_catalogue_beyond_every_number_is_an_error(void **state) {
        Catalogue catalogue = {.n_claims = (size_t)1 << 62};
        assert_int_equal(catalogue_add(&catalogue, "db1/begin/0000000001.json", 1, 1), -ENOMEM);
}

static int read_golden(void **state) {
        record_text = golden("record.json");
        claim_text = golden("begin.json");
        failed_text = golden("failed.json");
        deletion_text = golden("delete.json");
        assert_int_equal(
                record_parse(record_text, strlen(record_text), "backup.json", &whole_record, NULL),
                0);
        assert_int_equal(
                failed_parse(failed_text, strlen(failed_text), "failed.json", &whole_failure, NULL),
                0);
        return 0;
}

static int free_golden(void **state) {
        record_done(&whole_record);
        failed_done(&whole_failure);
        free(record_text);
        free(claim_text);
        free(failed_text);
        free(deletion_text);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_failed_allocation_is_an_error),
                cmocka_unit_test(a_catalogue_beyond_every_number_is_an_error),
        };
        return cmocka_run_group_tests(tests, read_golden, free_golden);
}
