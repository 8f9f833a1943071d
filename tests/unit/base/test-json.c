/* base/json.c */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "unit/test.h"

static Json *parsed(const char *text) {
        Json *json = NULL;
        Error err = {0};

        if (json_parse(
                    text,
                    strlen(text),
                    &(JsonDocument){"record", 1000000, ERROR_INTEGRITY},
                    &json,
                    &err) < 0)
                fail_msg("%s", err.message);
        return json;
}

static void assert_refused(const char *text, size_t size, const char *why) {
        Json *json = NULL;
        Error err = {0};

        assert_true(
                json_parse(
                        text, size, &(JsonDocument){"record", 1000, ERROR_INTEGRITY}, &json, &err) <
                0);
        assert_null(json);
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        if (strstr(err.message, why) == NULL)
                fail_msg("'%s' does not say '%s'", err.message, why);
}

static void bad_documents_are_refused(void **state) {
        char large[1002];

        memset(large, ' ', sizeof(large));
        assert_refused(large, 1001, "record: is larger than 1000 bytes");
        assert_refused("{", 1, "record: is no JSON");
        assert_refused("", 0, "is no JSON");
        assert_refused("3", 1, "is no JSON");
        assert_refused("{\"a\":1,\"a\":2}", 13, "duplicate");
        assert_refused("{\"a\":\"\xff\"}", 9, "unable to decode byte 0xff");
        assert_refused("{\"a\":1}x", 8, "is no JSON");
        assert_refused("{\"a\":\"\\u0000\"}", 14, "is no JSON");
        assert_refused("[9223372036854775808]", 21, "too big integer");
        assert_refused("[1e999]", 7, "real number overflow");
}

static void depth_ends_at_the_limit(void **state) {
        char text[200];
        size_t n = LIMIT_JSON_DEPTH;

        memset(text, '[', n);
        memset(text + n, ']', n);
        text[2 * n] = '\0';
        json_free(parsed(text));
        memset(text, '[', n + 1);
        memset(text + n + 1, ']', n + 1);
        assert_refused(text, 2 * n + 2, "deeper than 16 levels");
        /* Brackets within a text do not count, whatever quotes are in it. */
        json_free(parsed("[\"\\\"[[[[[[[[[[[[[[[[[[[[[[\\\\\",\"{{{{{{{{{{{{{{{{{{{\"]"));
}

static void values_are_read_by_their_type(void **state) {
        CLEANUP(cleanup_json)
        Json *json = parsed("{\"s\":\"t\",\"n\":9223372036854775807,\"b\":true,\"z\":null,"
                            "\"o\":{\"x\":[1,\"y\",[2]]},\"l\":[\"a\",\"b\"],\"e\":[]}");
        const Json *object, *array;
        StringList list = {0};
        const char *string;
        Error err = {0};
        uint64_t number;
        bool boolean;

        assert_int_equal(json_get_string(json, "s", &string, &err), 0);
        assert_string_equal(string, "t");
        assert_int_equal(json_get_uint(json, "n", &number, &err), 0);
        assert_true(number == INT64_MAX);
        assert_int_equal(json_get_bool(json, "b", &boolean, &err), 0);
        assert_true(boolean);
        assert_true(json_is_null(json, "z"));
        assert_true(json_is_null(json, "missing"));
        assert_false(json_is_null(json, "s"));
        assert_int_equal(json_get_object(json, "o", &object, &err), 0);
        assert_true(json_is_object(object));
        assert_int_equal(json_get_array(object, "x", &array, &err), 0);
        assert_int_equal(json_length(array), 3);
        assert_string_equal(json_string_value(json_at(array, 1)), "y");
        assert_null(json_string_value(json_at(array, 0)));
        assert_int_equal(json_length(json_at(array, 2)), 1);
        assert_non_null(json_at(json_at(array, 2), 0));
        assert_null(json_at(array, 3));
        assert_null(json_string_value(NULL));
        assert_false(json_is_object(NULL));
        assert_int_equal(json_get_strings(json, "l", &list, &err), 0);
        assert_int_equal(list.n, 2);
        assert_string_equal(list.items[1], "b");
        string_list_done(&list);
        assert_int_equal(json_get_array(json, "e", &array, &err), 0);
        assert_null(json_at(array, 0));
}

static void an_error_names_the_way_to_the_key(void **state) {
        CLEANUP(cleanup_json)
        Json *json = parsed("{\"databases\":[{\"sid\":\"A\"},{\"dbid\":\"x\",\"scn\":-1,\"f\":1.5,"
                            "\"l\":[\"a\",1]}]}");
        const Json *array, *database, *object;
        StringList list = {0};
        const char *string;
        Error err = {0};
        uint64_t number;
        bool boolean;

        assert_int_equal(json_get_array(json, "databases", &array, &err), 0);
        database = json_at(array, 1);
        assert_int_equal(json_get_uint(database, "dbid", &number, &err), -EINVAL);
        assert_string_equal(
                err.message, "record: databases[1].dbid: is not a whole number of 0 or more");
        assert_int_equal(err.kind, ERROR_INTEGRITY);
        assert_int_equal(json_get_uint(database, "scn", &number, &err), -EINVAL);
        assert_int_equal(json_get_uint(database, "f", &number, &err), -EINVAL);
        assert_int_equal(json_get_uint(database, "sid", &number, &err), -ENODATA);
        assert_string_equal(err.message, "record: databases[1].sid: is missing");
        assert_int_equal(json_get_string(json, "databases", &string, &err), -EINVAL);
        assert_string_equal(err.message, "record: databases: is not a text");
        assert_int_equal(json_get_bool(database, "dbid", &boolean, &err), -EINVAL);
        assert_int_equal(json_get_object(database, "dbid", &object, &err), -EINVAL);
        assert_int_equal(json_get_array(database, "dbid", &object, &err), -EINVAL);
        assert_int_equal(json_get_strings(database, "dbid", &list, &err), -EINVAL);
        assert_int_equal(json_get_strings(database, "l", &list, &err), -EINVAL);
        assert_string_equal(err.message, "record: databases[1].l: holds more than texts");
        assert_int_equal(json_get_strings(database, "none", &list, &err), -ENODATA);
        assert_int_equal(list.n, 0);
        assert_int_equal(json_get_string(array, "x", &string, &err), -EINVAL);
        assert_string_equal(err.message, "record: databases.x: is not within an object");
}

static void the_same_value_gives_the_same_bytes(void **state) {
        CLEANUP(cleanup_json) Json *root = json_new_object();
        Json *list = json_new_array(), *inner = json_new_object();
        CLEANUP(cleanup_free) char *text = NULL;
        Error err = {0};
        size_t size;

        json_set_string(root, "z", "a/\"\xc3\xa9");
        json_set_string(root, "y", NULL);
        json_set_uint(root, "n", INT64_MAX);
        json_set_bool(root, "b", false);
        json_set_null(root, "a");
        json_add_string(list, "one");
        json_add_uint(list, 2);
        json_set(root, "list", list);
        json_add(list, inner); /* a child may still be filled after it was set */
        json_set_uint(inner, "k", 1);
        assert_int_equal(json_print(root, &text, &size, &err), 0);
        assert_string_equal(
                text,
                "{\"a\":null,\"b\":false,\"list\":[\"one\",2,{\"k\":1}],"
                "\"n\":9223372036854775807,\"y\":null,\"z\":\"a/\\\"\xc3\xa9\"}");
        assert_int_equal(size, strlen(text));
}

static void what_was_written_reads_back(void **state) {
        CLEANUP(cleanup_json) Json *root = json_new_object();
        Error err = {0};
        uint64_t n;

        json_set_uint(root, "scn", UINT64_C(281474976710655));
        assert_int_equal(json_get_uint(root, "scn", &n, &err), 0);
        assert_true(n == UINT64_C(281474976710655));
        assert_int_equal(json_get_uint(root, "no", &n, &err), -ENODATA);
        assert_string_equal(err.message, "value: no: is missing");
}

static void a_failed_setter_is_reported_when_printing(void **state) {
        CLEANUP(cleanup_json) Json *root = json_new_object();
        Json *list = json_new_array();
        Error err = {0};
        size_t size;
        char *text;

        json_set(root, "l", list);
        json_add_string(list, "\xff");
        assert_int_equal(json_print(root, &text, &size, &err), -EINVAL);
        json_free(root);
        root = json_new_object();
        json_set_uint(root, "n", (uint64_t)INT64_MAX + 1);
        assert_int_equal(json_print(root, &text, &size, &err), -ERANGE);
        json_free(root);
        root = json_new_object();
        json_set(root, "n", NULL); /* a constructor had no memory */
        assert_int_equal(json_print(root, &text, &size, &err), -ENOMEM);
}

static void a_root_that_could_not_be_made_is_carried_along(void **state) {
        Error err = {0};
        size_t size;
        char *text;

        json_set(NULL, "k", json_new_object());
        json_set_string(NULL, "k", "x");
        json_set_uint(NULL, "k", 1);
        json_add(NULL, json_new_array());
        json_add_string(NULL, "x");
        json_add_uint(NULL, 1);
        json_set_bool(NULL, "k", true);
        json_set_null(NULL, "k");
        assert_int_equal(json_print(NULL, &text, &size, &err), -ENOMEM);
        assert_null(json_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bad_documents_are_refused),
                cmocka_unit_test(depth_ends_at_the_limit),
                cmocka_unit_test(values_are_read_by_their_type),
                cmocka_unit_test(an_error_names_the_way_to_the_key),
                cmocka_unit_test(the_same_value_gives_the_same_bytes),
                cmocka_unit_test(what_was_written_reads_back),
                cmocka_unit_test(a_failed_setter_is_reported_when_printing),
                cmocka_unit_test(a_root_that_could_not_be_made_is_carried_along),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
