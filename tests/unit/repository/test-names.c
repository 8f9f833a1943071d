/* repository/names.h, state.h, claim-rules.h, segments.h */
#include <errno.h>
#include <string.h>

#include "repository/claim-rules.h"
#include "repository/names.h"
#include "repository/segments.h"
#include "repository/state.h"
#include "unit/test.h"

#define ID "5c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"
#define ID2 "6c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"

static void names_are_made_and_read_back(void **state) {
        static const ObjectType types[] = {
                OBJECT_TAR, OBJECT_SEGMENTS, OBJECT_RECORD, OBJECT_FAILED, OBJECT_DELETE};
        ObjectName parsed;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                CLEANUP(cleanup_free) char *name = object_name("db1", ID, types[i]);
                object_name_parse(name, &parsed);
                assert_int_equal(parsed.type, types[i]);
                assert_string_equal(parsed.instance, "db1");
                assert_string_equal(parsed.backup_id, ID);
        }
        CLEANUP(cleanup_free) char *claim = object_name_claim("db1", 17);
        assert_string_equal(claim, "db1/begin/0000000017.json");
        object_name_parse(claim, &parsed);
        assert_int_equal(parsed.type, OBJECT_CLAIM);
        assert_int_equal(parsed.sequence, 17);
        assert_string_equal(parsed.backup_id, "");
        assert_null(object_name_claim("db1", 0));
        assert_null(object_name_claim("db1", 10000000000));
        assert_null(object_name("db1", ID, OBJECT_UNKNOWN));
        CLEANUP(cleanup_free) char *all = object_prefix("db1", NULL);
        CLEANUP(cleanup_free) char *one = object_prefix("db1", ID);
        assert_string_equal(all, "db1/");
        assert_string_equal(one, "db1/" ID "/");
}

static void other_names_are_unknown(void **state) {
        static const char *const names[] = {
                "",
                "db1",
                "db1/",
                "/" ID "/backup.json",
                "db1/" ID,
                "db1/" ID "/",
                "db1/" ID "/backup.jso",
                "db1/" ID "/x/backup.json",
                "db1/5C8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11/backup.json",
                "-db/" ID "/backup.json",
                "db1/begin/0000000000.json",
                "db1/begin/17.json",
                "db1/begin/00000000017.json",
                "db1/begin/000000001x.json",
                "db1/begin/0000000017.jsonx",
                "db1/begin/backup.json",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" ID
                "/backup.json",
        };
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                ObjectName parsed;
                object_name_parse(names[i], &parsed);
                assert_int_equal(parsed.type, OBJECT_UNKNOWN);
                assert_string_equal(parsed.instance, "");
        }
}

static void what_exists_is_the_state(void **state) {
        assert_int_equal(backup_state(&(BackupObjects){0}, false, false), STATE_NEW);
        assert_int_equal(
                backup_state(&(BackupObjects){.claim = true}, false, false), STATE_BUILDING);
        assert_int_equal(backup_state(&(BackupObjects){.tar = true}, false, false), STATE_BUILDING);
        assert_int_equal(
                backup_state(&(BackupObjects){.claim = true, .record = true}, true, false),
                STATE_COMPLETED);
        assert_int_equal(
                backup_state(&(BackupObjects){.record = true, .failed = true}, true, false),
                STATE_COMPLETED);
        assert_int_equal(
                backup_state(&(BackupObjects){.record = true}, false, false), STATE_UNVERIFIED);
        assert_int_equal(
                backup_state(&(BackupObjects){.claim = true, .failed = true}, false, false),
                STATE_FAILED);
        assert_int_equal(
                backup_state(&(BackupObjects){.record = true, .deletion = true}, true, true),
                STATE_DELETING);
        assert_int_equal(
                backup_state(&(BackupObjects){.deletion = true}, true, false), STATE_DELETE_FAILED);
        for (BackupState s = STATE_NEW; s <= STATE_UNVERIFIED; s++) {
                BackupState back;
                assert_int_equal(backup_state_from_name(backup_state_name(s), &back), 0);
                assert_int_equal(back, s);
        }
        assert_int_equal(backup_state_from_name("completed", &(BackupState){0}), -EINVAL);
}

static void a_listing_in_any_order_becomes_a_catalogue(void **state) {
        Catalogue catalogue = {0};
        assert_int_equal(catalogue_add(&catalogue, "db1/" ID2 "/failed.json", 10, 70), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/begin/0000000009.json", 10, 5), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/" ID "/segments", 100, 90), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/begin/0000000010.json", 10, 6), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/" ID "/backup.json", 10, 60), 0);
        assert_int_equal(catalogue_add(&catalogue, "other", 10, 60), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/" ID "/backup.tar.age", 4711, 50), 0);
        assert_int_equal(catalogue_add(&catalogue, "db0/begin/0000000099.json", 10, 6), 0);
        assert_int_equal(catalogue_add(&catalogue, "db1/" ID "/delete.json", 4, 40), 0);
        catalogue_finish(&catalogue);
        assert_int_equal(catalogue.n_backups, 2);
        const CatalogueBackup *backup = catalogue_find(&catalogue, ID);
        assert_non_null(backup);
        assert_true(backup->objects.record && backup->objects.segments && backup->objects.tar);
        assert_true(backup->objects.deletion);
        assert_false(backup->objects.failed);
        assert_int_equal(backup->tar_size, 4711);
        assert_int_equal(backup->updated_usec, 60);
        assert_true(catalogue_find(&catalogue, ID2)->objects.failed);
        assert_null(catalogue_find(&catalogue, "7c8e6c1e-4a53-4d31-9b0e-0c5f5d2a7b11"));
        assert_int_equal(catalogue_last_sequence(&catalogue, "db1"), 10);
        assert_int_equal(catalogue_last_sequence(&catalogue, "db2"), 0);
        assert_string_equal(catalogue.claims[0].instance, "db0");
        assert_int_equal(catalogue.claims[1].sequence, 9);
        catalogue_done(&catalogue);
        catalogue_finish(&catalogue);
        assert_null(catalogue_find(&catalogue, ID));
}

static char own_id[] = ID, own_host[] = "alpha", other_id[] = ID2, other_host[] = "beta";
static const Claim own_claim = {.id = own_id, .hostname = own_host, .sequence = 7};
static const Claim other_claim = {
        .id = other_id,
        .hostname = other_host,
        .sequence = 7,
        .created_usec = UINT64_C(1795327844000000)};

static void the_holder_of_the_claims_goes_on(void **state) {
        const ClaimKnown none = {0}, known = {7, ID, "alpha"};
        uint64_t next = 0;
        assert_int_equal(claim_rules_decide("db1", &none, &(ClaimSeen){0}, &next, NULL), 0);
        assert_int_equal(next, 1);
        assert_int_equal(
                claim_rules_decide("db1", &known, &(ClaimSeen){7, &own_claim}, &next, NULL), 0);
        assert_int_equal(next, 8);
        assert_int_equal(claim_rules_decide("db1", &known, &(ClaimSeen){0}, &next, NULL), 0);
        assert_int_equal(next, 8);
        assert_int_equal(claim_rules_first(&none, 0), 1);
        assert_int_equal(claim_rules_first(&known, 3), 7);
        assert_int_equal(claim_rules_first(&known, 9), 9);
        assert_int_equal(claim_rules_after(&known, &(ClaimSeen){9, NULL}), 10);
}

static void anybody_else_is_not_the_owner(void **state) {
        const ClaimKnown none = {0}, known = {7, ID, "alpha"};
        uint64_t next = 0;
        Error err = {0};
        assert_int_equal(
                claim_rules_decide("db1", &known, &(ClaimSeen){8, &other_claim}, &next, &err),
                -EPERM);
        assert_int_equal(err.kind, ERROR_NOT_OWNER);
        assert_non_null(strstr(err.message, "host beta at 2026-11-22T06:10:44Z"));
        assert_int_equal(
                claim_rules_decide("db1", &known, &(ClaimSeen){7, &other_claim}, &next, &err),
                -EPERM);
        assert_int_equal(
                claim_rules_decide("db1", &none, &(ClaimSeen){1, &own_claim}, &next, &err), -EPERM);
        assert_int_equal(
                claim_rules_decide("db1", &known, &(ClaimSeen){8, NULL}, &next, &err), -EPERM);
        assert_non_null(strstr(err.message, "not trusted"));
        assert_int_equal(next, 0);
}

static void a_claim_on_its_way_is_forgotten_ours_or_foreign(void **state) {
        const ClaimKnown own = {7, ID, "alpha"};
        Error err = {0};
        assert_int_equal(
                claim_rules_fate("db1", &own, &(ClaimSeen){6, &other_claim}, &err), CLAIM_FORGET);
        assert_int_equal(
                claim_rules_fate("db1", &own, &(ClaimSeen){7, &own_claim}, &err), CLAIM_OURS);
        assert_false(error_is_set(&err));
        assert_int_equal(
                claim_rules_fate("db1", &own, &(ClaimSeen){7, &other_claim}, &err), CLAIM_FOREIGN);
        assert_int_equal(err.kind, ERROR_NOT_OWNER);
        assert_int_equal(
                claim_rules_fate("db1", &own, &(ClaimSeen){8, &own_claim}, &err), CLAIM_FOREIGN);
}

#define MD5 "0cc175b9c0f1b6a831c399e269772661"
static const SegmentsOf of = {"db1", ID, "0badcafe"};

static void segment_lines_are_written_and_read_back(void **state) {
        const SegmentLine lines[] = {{MD5, 33554632}, {MD5, UINT64_MAX}};
        static const char expected[] = MD5 "  33554632 db1/" ID "/0badcafe/00000000\n" MD5
                                           "  18446744073709551615 db1/" ID "/0badcafe/00000001\n";
        CLEANUP(cleanup_free) char *text = NULL;
        CLEANUP(cleanup_free) SegmentLine *parsed = NULL;
        size_t size, n;
        assert_int_equal(segments_print(&of, lines, 2, &text, &size, NULL), 0);
        assert_string_equal(text, expected);
        assert_int_equal(size, strlen(expected));
        assert_int_equal(segments_parse(&of, text, size, &parsed, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(parsed[1].md5, MD5);
        assert_true(parsed[1].size == UINT64_MAX);
}

static void other_segment_lines_are_refused(void **state) {
        static const char *const texts[] = {
                "",
                "\n",
                MD5 "  1 db1/" ID "/0badcafe/00000000",
                MD5 " 1 db1/" ID "/0badcafe/00000000\n",
                MD5 "  0 db1/" ID "/0badcafe/00000000\n",
                MD5 "  01 db1/" ID "/0badcafe/00000000\n",
                MD5 "  18446744073709551616 db1/" ID "/0badcafe/00000000\n",
                MD5 "  1 db1/" ID "/0badcafe/00000001\n",
                MD5 "  1 db2/" ID "/0badcafe/00000000\n",
                MD5 "  1 db1/" ID "/0badcaff/00000000\n",
                MD5 "  1 db1/" ID "/0badcafe/00000000\r\n",
                "0CC175b9c0f1b6a831c399e269772661  1 db1/" ID "/0badcafe/00000000\n",
                MD5 "  1 db1/" ID "/0badcafe/00000000\n\n",
        };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                SegmentLine *parsed = NULL;
                size_t n;
                Error err = {0};
                assert_int_equal(
                        segments_parse(&of, texts[i], strlen(texts[i]), &parsed, &n, &err),
                        -EINVAL);
                assert_int_equal(err.kind, ERROR_INTEGRITY);
                assert_null(parsed);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_made_and_read_back),
                cmocka_unit_test(other_names_are_unknown),
                cmocka_unit_test(what_exists_is_the_state),
                cmocka_unit_test(a_listing_in_any_order_becomes_a_catalogue),
                cmocka_unit_test(the_holder_of_the_claims_goes_on),
                cmocka_unit_test(anybody_else_is_not_the_owner),
                cmocka_unit_test(a_claim_on_its_way_is_forgotten_ours_or_foreign),
                cmocka_unit_test(segment_lines_are_written_and_read_back),
                cmocka_unit_test(other_segment_lines_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
