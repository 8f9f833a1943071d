/* repository/control.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "repository/control.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"

static char id[] = ID, instance[] = "prod-db1", hostname[] = "prod-db1.example.org";
static char text_a[] = "nightly", text_b[] = "before the upgrade", sid[] = "ORCL",
            tag[] = "OB_5C8E6C1E4A53", attempt[] = "0badcafe", name[] = "prod-db1/x/segments",
            parent[] = "0f1e2d3c-4b5a-4968-8776-655443322110",
            message[] = "RMAN-03009: failure of backup command";
static char *sids[] = {sid, NULL}, *attempts[] = {attempt, NULL}, *names[] = {name, NULL};
static ControlTag tags[] = {{sid, 2851745230, tag}};

static const Claim claim = {
        .id = id,
        .instance = instance,
        .hostname = hostname,
        .name = text_a,
        .description = text_b,
        .parent_id = parent,
        .sequence = 17,
        .level = 1,
        .created_usec = UINT64_C(1795327844000000),
        .databases = {sids, 1}};
static const Failed failed = {
        .id = id,
        .instance = instance,
        .hostname = hostname,
        .sequence = 17,
        .created_usec = UINT64_C(1795327844000000),
        .error = ERROR_RMAN_FAILED,
        .error_message = message,
        .attempts = {attempts, 1},
        .tags = tags,
        .n_tags = 1};
static const Deletion deletion = {
        .id = id,
        .instance = instance,
        .hostname = hostname,
        .sequence = 17,
        .created_usec = UINT64_C(1795327844000000),
        .attempts = {attempts, 1},
        .names = {names, 1},
        .tags = tags,
        .n_tags = 1};

static char *golden(const char *file) {
        char path[512], *text;
        size_t size;
        snprintf(path, sizeof(path), "%s/records/%s", TEST_DATA, file);
        assert_int_equal(file_read(path, 1 << 20, ERROR_INTERNAL, &text, &size, NULL), 0);
        text[strcspn(text, "\n")] = '\0';
        return text;
}

static void each_prints_as_its_golden_bytes_and_back(void **state) {
        CLEANUP(cleanup_free) char *begin = golden("begin.json");
        CLEANUP(cleanup_free) char *fail = golden("failed.json");
        CLEANUP(cleanup_free) char *delete = golden("delete.json");
        CLEANUP(cleanup_free) char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL, *f = NULL;
        size_t size;
        Claim parsed_claim;
        Failed parsed_failed;
        Deletion parsed_deletion;
        assert_int_equal(claim_print(&claim, &a, &size, NULL), 0);
        assert_string_equal(a, begin);
        assert_int_equal(claim_parse(a, size, "claim", &parsed_claim, NULL), 0);
        assert_int_equal(claim_print(&parsed_claim, &d, &size, NULL), 0);
        assert_string_equal(d, begin);
        assert_int_equal(failed_print(&failed, &b, &size, NULL), 0);
        assert_string_equal(b, fail);
        assert_int_equal(failed_parse(b, size, "failed.json", &parsed_failed, NULL), 0);
        assert_int_equal(parsed_failed.error, ERROR_RMAN_FAILED);
        assert_int_equal(failed_print(&parsed_failed, &e, &size, NULL), 0);
        assert_string_equal(e, fail);
        assert_int_equal(deletion_print(&deletion, &c, &size, NULL), 0);
        assert_string_equal(c, delete);
        assert_int_equal(deletion_parse(c, size, "delete.json", &parsed_deletion, NULL), 0);
        assert_int_equal(deletion_print(&parsed_deletion, &f, &size, NULL), 0);
        assert_string_equal(f, delete);
        claim_done(&parsed_claim);
        failed_done(&parsed_failed);
        deletion_done(&parsed_deletion);
        free(d);
        free(e);
        free(f);
        free(b);
        free(c);
        b = c = d = e = f = NULL;
}

static int parse(const char *file, const char *text, Error *err) {
        Claim c;
        Failed f;
        Deletion d;
        int r;
        if (string_equal(file, "begin.json")) {
                r = claim_parse(text, strlen(text), file, &c, err);
                if (r == 0)
                        claim_done(&c);
        } else if (string_equal(file, "failed.json")) {
                r = failed_parse(text, strlen(text), file, &f, err);
                if (r == 0)
                        failed_done(&f);
        } else {
                r = deletion_parse(text, strlen(text), file, &d, err);
                if (r == 0)
                        deletion_done(&d);
        }
        return r;
}

static void every_key_is_needed(void **state) {
        static const char *const files[] = {"begin.json", "failed.json", "delete.json"};
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                CLEANUP(cleanup_free) char *text = golden(files[i]);
                for (char *at = text; (at = strstr(at, "\":")) != NULL; at += 2) {
                        char *begin = at;
                        while (begin[-1] != '"')
                                begin--;
                        char saved = *begin;
                        Error err = {0};
                        *begin = '_';
                        int r = parse(files[i], text, &err);
                        *begin = saved;
                        if (strncmp(begin, "parent_id", 9) == 0)
                                assert_int_equal(r, 0);
                        else if (r >= 0 || err.kind != ERROR_INTEGRITY)
                                fail_msg("%s %.30s: %d %s", files[i], begin, r, err.message);
                }
        }
}

static void
refused(const char *file, const char *from, const char *to, ErrorKind kind, const char *where) {
        CLEANUP(cleanup_free) char *text = golden(file);
        CLEANUP(text_done) Text changed = TEXT_INIT;
        Error err = {0};
        const char *at = strstr(text, from);
        assert_non_null(at);
        text_append_bytes(&changed, text, (size_t)(at - text));
        text_append(&changed, to);
        text_append(&changed, at + strlen(from));
        int r = parse(file, text_get(&changed), &err);
        if (r >= 0 || err.kind != kind || strstr(err.message, where) == NULL)
                fail_msg("%s: %s -> %s: %d %s", file, from, to, r, err.message);
}

static void bad_values_are_refused(void **state) {
        refused("begin.json", "\"format\":1", "\"format\":2", ERROR_INCOMPATIBLE, "format");
        refused("begin.json", "\"kind\":\"backup\"", "\"kind\":\"b\"", ERROR_INTEGRITY, "kind");
        refused("begin.json", "\"sequence\":17", "\"sequence\":0", ERROR_INTEGRITY, "sequence");
        refused("begin.json", "[\"ORCL\"]", "[\"OR CL\"]", ERROR_INTEGRITY, "databases");
        refused("begin.json", "\"level\":1", "\"level\":\"1\"", ERROR_INTEGRITY, "level");
        refused("failed.json", "[\"0badcafe\"]", "[\"0bad\"]", ERROR_INTEGRITY, "attempts");
        refused("failed.json", "\"sid\":\"ORCL\"", "\"sid\":\"\"", ERROR_INTEGRITY, "tags[0].sid");
        refused("delete.json", "\"tags\":[{", "\"tags\":[1,{", ERROR_INTEGRITY, "tags: [0]");
        refused("delete.json", "\"created\":\"2026", "\"created\":\"x", ERROR_INTEGRITY, "created");
}

static void an_error_name_of_a_newer_version_is_internal(void **state) {
        CLEANUP(cleanup_free) char *text = golden("failed.json");
        Failed parsed;
        char *at = strstr(text, "RmanFailed");
        assert_non_null(at);
        memcpy(at, "RmanFuture", 10);
        assert_int_equal(failed_parse(text, strlen(text), "failed.json", &parsed, NULL), 0);
        assert_int_equal(parsed.error, ERROR_INTERNAL);
        failed_done(&parsed);
}

static void a_take_over_has_no_parent(void **state) {
        Claim taken = claim, parsed;
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        taken.take_over = true;
        taken.parent_id = NULL;
        assert_int_equal(claim_print(&taken, &text, &size, NULL), 0);
        assert_int_equal(claim_parse(text, size, "claim", &parsed, NULL), 0);
        assert_true(parsed.take_over);
        assert_null(parsed.parent_id);
        claim_done(&parsed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_prints_as_its_golden_bytes_and_back),
                cmocka_unit_test(every_key_is_needed),
                cmocka_unit_test(bad_values_are_refused),
                cmocka_unit_test(an_error_name_of_a_newer_version_is_internal),
                cmocka_unit_test(a_take_over_has_no_parent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
