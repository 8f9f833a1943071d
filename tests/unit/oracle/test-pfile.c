#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/pfile.h"
#include "oracle/tns.h"
#include "unit/test.h"

static const char text[] =
        "TESTDB15.__db_cache_size=117440512\n"
        "OTHER.audit_file_dest='/no'\n"
        "# a comment\n"
        "TESTDB15.__oracle_base='/u01/app/oracle'#ORACLE_BASE set from environment\n"
        "*.audit_file_dest='/u01/app/oracle/admin/TESTDB15/adump'\n"
        "*.control_files='/u02/oradata/TESTDB15/control01.ctl','/u03/it''s/control02.ctl'#Restore\n"
        "*.DB_Recovery_File_Dest=\"/u03/fra/\"\n"
        "db_create_online_log_dest_1=/u04/redo\n"
        "*.db_create_file_dest='+DATA'\n"
        "*.log_archive_dest_1='LOCATION=\"/u05/arch\" MANDATORY'\n"
        "*.log_archive_dest_2='SERVICE=stby LGWR ASYNC VALID_FOR=(ONLINE_LOGFILES,PRIMARY_ROLE)'\n"
        "*.log_archive_dest_3='location=USE_DB_RECOVERY_FILE_DEST'\n"
        "*.log_archive_dest_4='LOCATION=+FRA'\n"
        "*.log_archive_dest_state_2='ENABLE'\n"
        "*.local_listener='LISTENER_TESTDB15',\n"
        "  '(ADDRESS=(PROTOCOL=TCP)(HOST=h)(PORT=1521))'\n"
        "*.dispatchers='(PROTOCOL=TCP) (SERVICE=TESTDB15XDB)'\n"
        "*.remote_listener=scan:1521\n"
        "*.core_dump_dest = \\\n"
        "   /u06/core\n"
        "*.user_dump_dest='?/log'\n"
        "*.control_files_x=(a, b,\n c)\n"
        "*.open_cursors=300\n"
        "TESTDB15.open_cursors=400\n";

static void list_is(const StringList *list, const char *const *expected, size_t n) {
        assert_int_equal(list->n, n);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(list->items[i], expected[i]);
}

#define LIST_IS(list, ...)                                                                         \
        list_is(list,                                                                              \
                (const char *const[]){__VA_ARGS__},                                                \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void parameters_are_read_as_oracle_reads_them(void **state) {
        Pfile pfile;

        assert_int_equal(pfile_parse(text, strlen(text), "x", "TESTDB15", &pfile, NULL), 0);
        LIST_IS(pfile_get(&pfile, "control_files"),
                "/u02/oradata/TESTDB15/control01.ctl",
                "/u03/it's/control02.ctl");
        LIST_IS(pfile_get(&pfile, "control_files_x"), "a", "b", "c");
        LIST_IS(pfile_get(&pfile, "open_cursors"), "400");
        LIST_IS(pfile_get(&pfile, "core_dump_dest"), "/u06/core");
        LIST_IS(pfile_get(&pfile, "local_listener"),
                "LISTENER_TESTDB15",
                "(ADDRESS=(PROTOCOL=TCP)(HOST=h)(PORT=1521))");
        assert_null(pfile_get(&pfile, "nothing"));
        assert_true(pfile_uses_omf(&pfile));
        pfile_done(&pfile);
}

static void what_must_exist_before_the_start_is_listed(void **state) {
        StringList list = {0};
        Pfile pfile;

        assert_int_equal(pfile_parse(text, strlen(text), "x", "TESTDB15", &pfile, NULL), 0);
        assert_int_equal(pfile_directories(&pfile, &list), 0);
        LIST_IS(&list,
                "/u01/app/oracle/admin/TESTDB15/adump",
                "/u02/oradata/TESTDB15",
                "/u03/it's",
                "/u03/fra",
                "/u04/redo",
                "/u05/arch",
                "/u06/core");
        string_list_done(&list);
        assert_int_equal(pfile_asm_names(&pfile, &list), 0);
        LIST_IS(&list, "+DATA", "+FRA");
        string_list_done(&list);
        assert_int_equal(pfile_remote_destinations(&pfile, &list), 0);
        LIST_IS(&list, "log_archive_dest_2");
        string_list_done(&list);
        assert_int_equal(pfile_aliases(&pfile, "local_listener", &list), 0);
        LIST_IS(&list, "LISTENER_TESTDB15");
        string_list_done(&list);
        assert_int_equal(pfile_aliases(&pfile, "remote_listener", &list), 0);
        assert_int_equal(pfile_aliases(&pfile, "dispatchers", &list), 0);
        assert_int_equal(pfile_aliases(&pfile, "nothing", &list), 0);
        assert_int_equal(list.n, 0);
        pfile_done(&pfile);
}

static void a_parameter_is_reset_with_all_its_lines(void **state) {
        static const char in[] = "*.a=1\n*.LOCAL_listener='X',\n 'Y'\nS.local_listener=Z\n"
                                 "*.local_listener_x=1\n# local_listener=1\n*.b=2";
        Text out = TEXT_INIT;

        pfile_reset(in, strlen(in), "local_listener", &out);
        assert_string_equal(
                text_get(&out), "*.a=1\n*.local_listener_x=1\n# local_listener=1\n*.b=2");
        text_done(&out);
}

static void what_is_no_parameter_is_refused_with_its_line(void **state) {
        Error err = {0};
        Pfile pfile;

        assert_true(pfile_parse("a=1\n\nwrong\n", 11, "init.ora", "S", &pfile, &err) < 0);
        assert_int_equal(err.kind, ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "init.ora line 3"));
        assert_true(pfile_parse("a='1\n", 5, "init.ora", "S", &pfile, &err) < 0);
        assert_non_null(strstr(err.message, "quote"));
        assert_true(pfile_parse("a\0=1", 4, "init.ora", "S", &pfile, &err) < 0);
        assert_true(pfile_parse("=1", 2, "init.ora", "S", &pfile, &err) < 0);
        assert_true(pfile_parse("a!=1", 4, "init.ora", "S", &pfile, &err) < 0);
        assert_true(pfile_parse("*.=1", 4, "init.ora", "S", &pfile, &err) < 0);
        assert_int_equal(pfile_parse("", 0, "init.ora", "S", &pfile, &err), 0);
        assert_false(pfile_uses_omf(&pfile));
        pfile_done(&pfile);
}

static TnsAnswer defined(const char *names, const char *alias, const char *domain) {
        return tns_defined(names, strlen(names), alias, domain);
}

static void aliases_are_found_as_the_net_library_does(void **state) {
        static const char names[] =
                "# GONE = (DESCRIPTION=)\n"
                "Listener_TestDB15 =\n  (ADDRESS = (PROTOCOL = TCP)(INNER = x))\n"
                "one, TWO.world = (DESCRIPTION = (A = \")\"))\n";

        assert_int_equal(defined(names, "LISTENER_TESTDB15", NULL), TNS_DEFINED);
        assert_int_equal(defined(names, "one", NULL), TNS_DEFINED);
        assert_int_equal(defined(names, "two", NULL), TNS_UNDEFINED);
        assert_int_equal(defined(names, "two", "WORLD"), TNS_DEFINED);
        assert_int_equal(defined(names, "inner", NULL), TNS_UNDEFINED);
        assert_int_equal(defined(names, "gone", NULL), TNS_UNDEFINED);
        assert_int_equal(defined(names, "h:1521/s", NULL), TNS_DEFINED);
        assert_int_equal(defined("", "x", NULL), TNS_UNDEFINED);
        assert_int_equal(defined("IFILE=/x/y.ora\nb=(c=d)\n", "a", NULL), TNS_UNKNOWN);
        assert_int_equal(defined("IFILE=/x/y.ora\nb=(c=d)\n", "b", NULL), TNS_DEFINED);
}

static void the_default_domain_is_read(void **state) {
        static const char net[] =
                "#NAMES.DEFAULT_DOMAIN=no\n names.default_domain = example.org \n";
        char *domain = tns_default_domain(net, strlen(net));

        assert_string_equal(domain, "example.org");
        free(domain);
        assert_null(tns_default_domain("NAMES.DEFAULT_DOMAIN=", 21));
        assert_null(tns_default_domain("", 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parameters_are_read_as_oracle_reads_them),
                cmocka_unit_test(what_must_exist_before_the_start_is_listed),
                cmocka_unit_test(a_parameter_is_reset_with_all_its_lines),
                cmocka_unit_test(what_is_no_parameter_is_refused_with_its_line),
                cmocka_unit_test(aliases_are_found_as_the_net_library_does),
                cmocka_unit_test(the_default_domain_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
