/* repository/chain.h: who may be a parent, whether two records are neighbours, points in time. */
#include <errno.h>
#include <stdlib.h>

#include "repository/chain.h"
#include "unit/repository/example.h"

/* A level 1 of ORCL and TEST, and the level 0 it is based on. */
typedef struct Fixture {
        Record parent, child;
        StringList databases;
        Error err;
} Fixture;

static void replace(char **string, const char *value) {
        free(*string);
        *string = example_string(value);
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        assert_non_null(f);
        example_record(&f->child);
        example_record(&f->parent);
        replace(&f->parent.id, EXAMPLE_PARENT_ID);
        f->parent.sequence = 16;
        f->parent.level = 0;
        free(f->parent.parent_id);
        f->parent.parent_id = NULL;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;
        record_done(&f->parent);
        record_done(&f->child);
        string_list_done(&f->databases);
        free(f);
        return 0;
}

static void assert_refused(const Fixture *f, int r, ErrorKind kind, const char *part) {
        assert_true(r < 0);
        assert_int_equal(f->err.kind, kind);
        if (strstr(f->err.message, part) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", f->err.message, part);
}

static void a_parent_of_this_instance_and_these_databases_is_taken(void **state) {
        Fixture *f = *state;
        assert_int_equal(chain_check_parent(&f->parent, "prod-db1", &f->databases, NULL), 0);
        string_list_add(&f->databases, "TEST");
        string_list_add(&f->databases, "ORCL");
        assert_int_equal(chain_check_parent(&f->parent, "prod-db1", &f->databases, NULL), 0);
}

static void a_parent_of_another_instance_is_refused(void **state) {
        Fixture *f = *state;
        int r = chain_check_parent(&f->parent, "other", &f->databases, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "instance prod-db1, not of other");
}

static void other_databases_are_refused_both_ways(void **state) {
        Fixture *f = *state;
        string_list_add(&f->databases, "ORCL");
        int r = chain_check_parent(&f->parent, "prod-db1", &f->databases, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "holds database TEST");
        string_list_add(&f->databases, "TEST");
        string_list_add(&f->databases, "DOWN"); /* it was skipped in the parent */
        r = chain_check_parent(&f->parent, "prod-db1", &f->databases, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "does not hold database DOWN");
}

static void dbid_and_incarnation_must_be_the_parents(void **state) {
        Fixture *f = *state;
        const RecordDatabase *database = chain_find_database(&f->parent, "ORCL");
        const char *id = f->parent.id;

        assert_int_equal(chain_check_identity(database, id, 2851745230, 1920977, NULL, NULL), 0);
        int r = chain_check_identity(database, id, 1, 1920977, NULL, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "DBID 2851745230");
        r = chain_check_identity(database, id, 2851745230, 1920978, NULL, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "RESETLOGS");
}

#define MORNING "2026-11-22T06:10:44"
#define EVENING "2026-11-22T18:10:44"

static void of_two_incarnations_that_began_at_one_scn_the_time_tells(void **state) {
        Fixture *f = *state;
        RecordDatabase *before = &f->parent.databases[0], *after = &f->child.databases[0];
        const char *id = f->parent.id;
        uint64_t dbid = before->dbid, scn = before->resetlogs_scn;

        replace(&before->resetlogs_time, MORNING);
        assert_int_equal(chain_check_identity(before, id, dbid, scn, MORNING, NULL), 0);
        assert_int_equal(chain_check_identity(before, id, dbid, scn, NULL, NULL), 0);
        int r = chain_check_identity(before, id, dbid, scn, EVENING, &f->err);
        assert_refused(f, r, ERROR_INVALID_PARENT, "at the same SCN (" EVENING);
        assert_int_equal(chain_check_link(&f->parent, EXAMPLE_SHA256, &f->child, NULL), 0);
        replace(&after->resetlogs_time, MORNING);
        assert_int_equal(chain_check_link(&f->parent, EXAMPLE_SHA256, &f->child, NULL), 0);
        replace(&after->resetlogs_time, EVENING);
        r = chain_check_link(&f->parent, EXAMPLE_SHA256, &f->child, &f->err);
        assert_refused(f, r, ERROR_CHAIN_BROKEN, "another incarnation");
}

static void neighbours_are_linked_by_the_digest_of_the_parent(void **state) {
        Fixture *f = *state;
        assert_int_equal(chain_check_link(&f->parent, EXAMPLE_SHA256, &f->child, NULL), 0);
        int r = chain_check_link(
                &f->parent,
                "0000000000000000000000000000000000000000000000000000000000000000",
                &f->child,
                &f->err);
        assert_refused(f, r, ERROR_CHAIN_BROKEN, "another digest");
        assert_non_null(strstr(f->err.message, EXAMPLE_PARENT_ID));
        assert_non_null(strstr(f->err.message, EXAMPLE_ID));
}

static void check_spoilt(Fixture *f, const char *part) {
        assert_refused(
                f,
                chain_check_link(&f->parent, EXAMPLE_SHA256, &f->child, &f->err),
                ERROR_CHAIN_BROKEN,
                part);
}

static void records_that_do_not_go_together_break_the_chain(void **state) {
        Fixture *f = *state;
        f->parent.databases[1].resetlogs_scn++;
        check_spoilt(f, "another incarnation of database TEST");
        f->parent.databases[1].dbid++;
        check_spoilt(f, "another DBID of database TEST");
        replace(&f->parent.databases[1].sid, "GONE");
        check_spoilt(f, "does not hold database TEST");
        f->parent.sequence = f->child.sequence;
        check_spoilt(f, "the younger one");
        replace(&f->parent.instance, "other");
        check_spoilt(f, "instance other");
        replace(&f->child.parent_id, EXAMPLE_ID);
        check_spoilt(f, "names another parent");
}

static void a_file_is_its_number_and_its_creation(void **state) {
        Fixture *f = *state;
        const RecordDatabase *database = &f->parent.databases[0];
        assert_ptr_equal(chain_find_datafile(database, 4, 32000), &database->datafiles[1]);
        assert_null(chain_find_datafile(database, 4, 32001));
        assert_null(chain_find_datafile(database, 5, 32000));
}

static void an_scn_must_lie_behind_fuzzy_and_up_to_until(void **state) {
        Fixture *f = *state;
        RecordDatabase *database = &f->child.databases[0];
        database->until_scn = 2200500;
        assert_int_equal(chain_check_until_scn(database, 2200101, NULL), 0);
        assert_int_equal(chain_check_until_scn(database, 2200500, NULL), 0);
        int r = chain_check_until_scn(database, 2200100, &f->err);
        assert_refused(f, r, ERROR_NOT_CONSISTENT, "2200101 up to 2200500");
        r = chain_check_until_scn(database, 2200501, &f->err);
        assert_refused(f, r, ERROR_NOT_CONSISTENT, "2200101 up to 2200500");
}

/* The run: 07:10:30 to 07:10:44 at +01:00. */
enum { FUZZY_SEC = 1795327830, UNTIL_SEC = 1795327844 };

static int until_time(Fixture *f, uint64_t seconds, char ret[CHAIN_LOCAL_TIME_BYTES]) {
        return chain_check_until_time(
                &f->child.databases[0], &f->child, seconds * 1000000, ret, &f->err);
}

static void a_time_is_converted_with_the_sources_offset(void **state) {
        Fixture *f = *state;
        char local[CHAIN_LOCAL_TIME_BYTES];
        assert_int_equal(until_time(f, UNTIL_SEC, local), 0);
        assert_string_equal(local, "2026-11-22T07:10:44");
        assert_int_equal(until_time(f, FUZZY_SEC + 1, local), 0);
        assert_string_equal(local, "2026-11-22T07:10:31");
        replace(&f->child.databases[0].utc_offset, "-05:30");
        f->child.created_usec +=
                UINT64_C(23400000000); /* the same clock on the wall, further west */
        f->child.finished_usec += UINT64_C(23400000000);
        assert_int_equal(until_time(f, UNTIL_SEC + 23400, local), 0);
        assert_string_equal(local, "2026-11-22T07:10:44");
}

static void a_time_outside_is_refused_with_the_range(void **state) {
        Fixture *f = *state;
        char local[CHAIN_LOCAL_TIME_BYTES];
        assert_refused(f, until_time(f, FUZZY_SEC, local), ERROR_NOT_CONSISTENT, "07:10:30+01:00");
        assert_refused(
                f, until_time(f, UNTIL_SEC + 1, local), ERROR_NOT_CONSISTENT, "07:10:44+01:00");
}

static void an_ambiguous_or_unknown_time_is_refused(void **state) {
        Fixture *f = *state;
        RecordDatabase *database = &f->child.databases[0];
        char local[CHAIN_LOCAL_TIME_BYTES];
        replace(&database->until_time, "2026-11-22T06:10:44"); /* the clock went back meanwhile */
        assert_refused(f, until_time(f, UNTIL_SEC, local), ERROR_NOT_CONSISTENT, "ambiguous");
        replace(&database->until_time, "2026-11-22T08:10:44"); /* .. or forward */
        assert_refused(f, until_time(f, UNTIL_SEC, local), ERROR_NOT_CONSISTENT, "ambiguous");
        replace(&database->until_time, "");
        assert_refused(f, until_time(f, UNTIL_SEC, local), ERROR_NOT_CONSISTENT, "use until_scn");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_parent_of_this_instance_and_these_databases_is_taken),
                TEST(a_parent_of_another_instance_is_refused),
                TEST(other_databases_are_refused_both_ways),
                TEST(dbid_and_incarnation_must_be_the_parents),
                TEST(of_two_incarnations_that_began_at_one_scn_the_time_tells),
                TEST(neighbours_are_linked_by_the_digest_of_the_parent),
                TEST(records_that_do_not_go_together_break_the_chain),
                TEST(a_file_is_its_number_and_its_creation),
                TEST(an_scn_must_lie_behind_fuzzy_and_up_to_until),
                TEST(a_time_is_converted_with_the_sources_offset),
                TEST(a_time_outside_is_refused_with_the_range),
                TEST(an_ambiguous_or_unknown_time_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
