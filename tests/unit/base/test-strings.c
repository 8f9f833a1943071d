/* base/strings.c */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "unit/test.h"

static void a_text_grows_as_it_is_written(void **state) {
        Text text = TEXT_INIT;

        assert_string_equal(text_get(&text), "");
        for (int i = 0; i < 1000; i++)
                text_appendf(&text, "%d,", i % 10);
        text_append(&text, "end");
        text_append_bytes(&text, "\0x", 2);
        assert_false(text.failed);
        assert_int_equal(text.length, 2005);
        assert_memory_equal(text.data + 1998, "9,end\0x", 8);
        text_clear(&text);
        assert_string_equal(text_get(&text), "");
        text_append(&text, "again");
        assert_string_equal(text_get(&text), "again");
        text_done(&text);
        assert_null(text.data);
}

static void quotes_within_a_quoted_text_are_doubled(void **state) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        text_append_quoted(&text, "it's '");
        text_append_quoted(&text, "");
        assert_string_equal(text_get(&text), "'it''s '''''");
}

static void a_taken_text_belongs_to_the_taker(void **state) {
        Text text = TEXT_INIT;
        char *taken;

        taken = text_take(&text);
        assert_string_equal(taken, "");
        free(taken);
        text_append(&text, "abc");
        taken = text_take(&text);
        assert_string_equal(taken, "abc");
        assert_string_equal(text_get(&text), "");
        free(taken);
}

static void a_text_that_failed_stays_failed(void **state) {
        Text text = TEXT_INIT;

        text_append(&text, "abc");
        text_append_bytes(&text, "", SIZE_MAX - 2);
        assert_true(text.failed);
        text_append(&text, "more");
        text_appendf(&text, "%d", 1);
        assert_null(text_get(&text));
        assert_null(text_take(&text));
        text_done(&text);
}

static void a_wiped_text_is_empty(void **state) {
        Text text = TEXT_INIT;

        text_append(&text, "secret");
        text_wipe(&text);
        assert_null(text.data);
        assert_int_equal(text.length, 0);
}

static void wiping_overwrites(void **state) {
        char secret[8] = "tokens!";
        const char zeros[8] = {0};

        wipe(secret, sizeof(secret));
        assert_memory_equal(secret, zeros, sizeof(zeros));
        wipe(NULL, 0);
}

static void a_list_keeps_order_and_ends_with_null(void **state) {
        StringList list = {0}, copy = {0};
        char item[16];

        assert_false(string_list_has(&list, "0"));
        for (int i = 0; i < 100; i++) {
                snprintf(item, sizeof(item), "%d", i);
                assert_int_equal(string_list_add(&list, item), 0);
                assert_int_equal(list.n, i + 1);
                assert_null(list.items[list.n]);
        }
        assert_string_equal(list.items[63], "63");
        assert_true(string_list_has(&list, "99"));
        assert_false(string_list_has(&list, "100"));
        assert_int_equal(string_list_copy(&list, &copy), 0);
        string_list_done(&list);
        assert_int_equal(list.n, 0);
        assert_int_equal(copy.n, 100);
        assert_string_equal(copy.items[99], "99");
        string_list_done(&copy);
        assert_int_equal(string_list_copy(&list, &copy), 0);
        assert_int_equal(copy.n, 0);
}

static void strings_are_compared_whole_and_by_their_ends(void **state) {
        assert_true(string_equal("a", "a"));
        assert_false(string_equal("a", "b"));
        assert_true(string_equal(NULL, NULL));
        assert_false(string_equal(NULL, ""));
        assert_true(string_starts_with("piece handle=x", "piece "));
        assert_false(string_starts_with("pie", "piece"));
        assert_true(string_ends_with("a.json", ".json"));
        assert_false(string_ends_with("json", ".json"));
}

static void a_formatted_string_is_allocated(void **state) {
        char *string = string_printf("%s-%d", "a", 7);

        assert_string_equal(string, "a-7");
        free(string);
}

static char *give(char **from) {
        CLEANUP(cleanup_free) char *mine = *from;

        return TAKE_PTR(mine);
}

static void ownership_can_be_taken_out_of_a_cleaned_variable(void **state) {
        char *string = strdup("x"), *same;
        int fd = 5;

        same = give(&string);
        assert_string_equal(same, "x");
        assert_int_equal(TAKE_FD(fd), 5);
        assert_int_equal(fd, -1);
        free(same);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_grows_as_it_is_written),
                cmocka_unit_test(quotes_within_a_quoted_text_are_doubled),
                cmocka_unit_test(a_taken_text_belongs_to_the_taker),
                cmocka_unit_test(a_text_that_failed_stays_failed),
                cmocka_unit_test(a_wiped_text_is_empty),
                cmocka_unit_test(wiping_overwrites),
                cmocka_unit_test(a_list_keeps_order_and_ends_with_null),
                cmocka_unit_test(strings_are_compared_whole_and_by_their_ends),
                cmocka_unit_test(a_formatted_string_is_allocated),
                cmocka_unit_test(ownership_can_be_taken_out_of_a_cleaned_variable),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
