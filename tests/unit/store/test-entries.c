/* store/entries.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "store/entries.h"
#include "unit/test.h"

static int add(StoreEntries *entries, const char *name, Error *err) {
        return store_entries_add(
                entries, &(StoreEntry){.name = name, .size = 7}, "The container b", err);
}

static void entries_are_copied_and_sorted_by_bytes(void **state) {
        static const char *const names[] = {"b", "a/2", "B", "a", "a/1"};
        static const char *const sorted[] = {"B", "a", "a/1", "a/2", "b"};
        StoreEntries entries = {0};
        char name[8];
        store_entries_sort(&entries);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                strcpy(name, names[i]);
                assert_int_equal(add(&entries, name, NULL), 0);
        }
        store_entries_sort(&entries);
        assert_int_equal(entries.n, ELEMENTSOF(sorted));
        for (size_t i = 0; i < ELEMENTSOF(sorted); i++) {
                assert_string_equal(entries.items[i].name, sorted[i]);
                assert_int_equal(entries.items[i].size, 7);
        }
        store_entries_done(&entries);
        assert_int_equal(entries.n, 0);
}

static void rule_13_a_listing_has_at_most_so_many_names(void **state) {
        StoreEntries entries = {0};
        Error err = {0};
        char name[16];
        for (int i = 0; i < LIMIT_LISTING_NAMES; i++) {
                snprintf(name, sizeof(name), "%d", i);
                assert_int_equal(add(&entries, name, &err), 0);
        }
        assert_int_equal(add(&entries, "one more", &err), -E2BIG);
        assert_int_equal(err.kind, ERROR_TOO_LARGE);
        assert_non_null(strstr(err.message, "The container b has more than 500000 objects"));
        assert_int_equal(entries.n, LIMIT_LISTING_NAMES);
        store_entries_done(&entries);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entries_are_copied_and_sorted_by_bytes),
                cmocka_unit_test(rule_13_a_listing_has_at_most_so_many_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
