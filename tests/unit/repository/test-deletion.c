/* repository/deletion.h and repository/descendants.h */
#include <stdlib.h>
#include <string.h>

#include "repository/deletion.h"
#include "repository/descendants.h"
#include "unit/repository/example.h"

/* ---- what is known, and in which order it goes ---- */

static void
assert_step(const DeletionSteps *steps, size_t index, DeletionStepType type, const char *name) {
        assert_true(index < steps->n);
        assert_int_equal(steps->steps[index].type, type);
        assert_string_equal(steps->steps[index].name, name);
}

static void a_record_goes_first_and_delete_json_last(void **state) {
        Record record;
        Deletion deletion = {0};
        DeletionSteps steps = {0};
        const char *base = "prod-db1/" EXAMPLE_ID;

        example_record(&record);
        assert_int_equal(deletion_of_record(&record, &deletion), 0);
        assert_int_equal(deletion_steps(&deletion, &steps), 0);
        assert_int_equal(steps.n, 8);
        assert_int_equal(steps.n_data, 6);
        assert_step(&steps, 0, DELETION_OBJECT, "prod-db1/" EXAMPLE_ID "/backup.json");
        assert_step(&steps, 1, DELETION_LARGE_OBJECT, "prod-db1/" EXAMPLE_ID "/backup.tar.age");
        assert_step(&steps, 2, DELETION_SEGMENTS, "0badcafe");
        assert_step(&steps, 3, DELETION_SEGMENTS, "");
        assert_step(&steps, 4, DELETION_OBJECT, "prod-db1/" EXAMPLE_ID "/segments");
        assert_step(&steps, 5, DELETION_OBJECT, "prod-db1/" EXAMPLE_ID "/failed.json");
        assert_step(&steps, 6, DELETION_OBJECT, "prod-db1/begin/0000000017.json");
        assert_step(&steps, 7, DELETION_OBJECT, "prod-db1/" EXAMPLE_ID "/delete.json");
        assert_int_equal(deletion.names.n, 6);
        assert_true(string_starts_with(deletion.names.items[0], base));
        assert_int_equal(deletion.n_tags, 2);
        assert_string_equal(deletion.tags[1].sid, "TEST");
        assert_int_equal(deletion.tags[1].dbid, 2851745230);
        assert_string_equal(deletion.tags[1].tag, "OB_5C8E6C1E4A53");
        deletion_steps_done(&steps);
        deletion_done(&deletion);
        record_done(&record);
}

static char id[] = EXAMPLE_ID, instance[] = "db", attempt[] = "1badcafe", other[] = "2badcafe",
            sid[] = "ORCL", tag[] = "LEVEL0-X", host[] = "h", message[] = "m";

static void every_attempt_of_a_failed_backup_is_named(void **state) {
        char *attempts[] = {attempt, other, NULL};
        ControlTag tags[] = {{sid, 5, tag}};
        const Failed failed = {
                .id = id,
                .instance = instance,
                .hostname = host,
                .sequence = 3,
                .error_message = message,
                .attempts = {attempts, 2},
                .tags = tags,
                .n_tags = 1};
        Deletion deletion = {0};
        DeletionSteps steps = {0};

        assert_int_equal(deletion_of_failed(&failed, &deletion), 0);
        assert_int_equal(deletion_steps(&deletion, &steps), 0);
        assert_step(&steps, 2, DELETION_SEGMENTS, attempt);
        assert_step(&steps, 3, DELETION_SEGMENTS, other);
        assert_step(&steps, 4, DELETION_SEGMENTS, "");
        assert_int_equal(deletion.attempts.n, 2);
        assert_string_equal(deletion.tags[0].tag, tag);
        deletion_steps_done(&steps);
        deletion_done(&deletion);
}

static void of_a_claim_alone_every_attempt_goes(void **state) {
        const Claim claim = {.id = id, .instance = instance, .hostname = host, .sequence = 4};
        Deletion deletion = {0};
        DeletionSteps steps = {0};

        assert_int_equal(deletion_of_claim(&claim, &deletion), 0);
        assert_int_equal(deletion_steps(&deletion, &steps), 0);
        assert_int_equal(steps.n, 7);
        assert_step(&steps, 2, DELETION_SEGMENTS, "");
        assert_step(&steps, 5, DELETION_OBJECT, "db/begin/0000000004.json");
        deletion_steps_done(&steps);
        deletion_done(&deletion);
}

/* What is made is what can be read again. */
static void what_is_known_is_printed_and_parsed(void **state) {
        Record record;
        Deletion deletion = {0}, again = {0};
        char *payload = NULL;
        size_t size = 0;

        example_record(&record);
        assert_int_equal(deletion_of_record(&record, &deletion), 0);
        deletion.hostname = example_string("h");
        deletion.created_usec = record.created_usec;
        assert_int_equal(deletion_print(&deletion, &payload, &size, NULL), 0);
        assert_int_equal(deletion_parse(payload, size, "delete.json", &again, NULL), 0);
        assert_int_equal(again.names.n, deletion.names.n);
        assert_int_equal(again.n_tags, 2);
        free(payload);
        deletion_done(&again);
        deletion_done(&deletion);
        record_done(&record);
}

/* ---- descendants ---- */

static void assert_order(const Kin *kin, size_t n, const char *of, const char *wanted) {
        size_t *found = NULL, n_found = 0;
        char order[64] = "";

        assert_int_equal(descendants_find(kin, n, of, &found, &n_found), 0);
        for (size_t i = 0; i < n_found; i++)
                strcat(order, kin[found[i]].id);
        assert_string_equal(order, wanted);
        free(found);
}

static void descendants_come_the_youngest_first(void **state) {
        const Kin kin[] = {
                {"a", "", 1},
                {"b", "a", 2},
                {"x", "", 3},
                {"c", "b", 4},
                {"y", "x", 5},
                {"d", "c", 6},
        };
        assert_order(kin, ELEMENTSOF(kin), "a", "dcb");
        assert_order(kin, ELEMENTSOF(kin), "c", "d");
        assert_order(kin, ELEMENTSOF(kin), "d", "");
        assert_order(kin, ELEMENTSOF(kin), "x", "y");
        assert_order(kin, ELEMENTSOF(kin), "nobody", "");
        assert_order(kin, 0, "a", "");
}

/* A chain does not fork and numbers grow with it, but what is in a store may be anything. */
static void forks_and_circles_and_odd_numbers_end(void **state) {
        const Kin kin[] = {
                {"d", "c", 1},
                {"c", "b", 2},
                {"b", "a", 3},
                {"e", "a", 4},
                {"f", "g", 5},
                {"g", "f", 6},
                {"a", "d", 7},
        };
        assert_order(kin, ELEMENTSOF(kin), "a", "ebcd");
        assert_order(kin, ELEMENTSOF(kin), "f", "g");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_record_goes_first_and_delete_json_last),
                cmocka_unit_test(every_attempt_of_a_failed_backup_is_named),
                cmocka_unit_test(of_a_claim_alone_every_attempt_goes),
                cmocka_unit_test(what_is_known_is_printed_and_parsed),
                cmocka_unit_test(descendants_come_the_youngest_first),
                cmocka_unit_test(forks_and_circles_and_odd_numbers_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
