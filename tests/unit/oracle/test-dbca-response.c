/* oracle/dbca-response.c */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "oracle/dbca-response.h"
#include "unit/test.h"

static char *text_of(unsigned version, const DbcaChoices *choices) {
        Text text = TEXT_INIT;
        assert_int_equal(dbca_response_text("NEWDB", version, choices, "Pass_1", &text, NULL), 0);
        return text_take(&text);
}

static void the_file_of_19c_is_the_golden_one(void **state) {
        const DbcaChoices choices = {
                .pdb = "SALES",
                .recovery_area = "/u03/fra",
                .data_directory = "/u02/oradata",
                .memory_percentage = 30,
        };
        CLEANUP(cleanup_free) char *text = text_of(1900, &choices);
        assert_string_equal(
                text,
                "responseFileVersion=/oracle/assistants/rspfmt_dbca_response_schema_v19.0.0\n"
                "gdbName=NEWDB\n"
                "sid=NEWDB\n"
                "databaseConfigType=SI\n"
                "createAsContainerDatabase=true\n"
                "numberOfPDBs=1\n"
                "pdbName=SALES\n"
                "pdbAdminPassword=Pass_1\n"
                "templateName=General_Purpose.dbc\n"
                "sysPassword=Pass_1\n"
                "systemPassword=Pass_1\n"
                "emConfiguration=NONE\n"
                "storageType=FS\n"
                "datafileDestination=/u02/oradata\n"
                "recoveryAreaDestination=/u03/fra\n"
                "characterSet=AL32UTF8\n"
                "automaticMemoryManagement=FALSE\n"
                "memoryPercentage=30\n");
}

static void the_file_of_11_2_is_the_golden_one(void **state) {
        const DbcaChoices choices = {
                .template_name = "Data_Warehouse.dbc",
                .charset = "WE8MSWIN1252",
                .recovery_area = "/u03/fra",
        };
        CLEANUP(cleanup_free) char *text = text_of(1102, &choices);
        assert_string_equal(
                text,
                "[GENERAL]\n"
                "RESPONSEFILE_VERSION = \"11.2.0\"\n"
                "OPERATION_TYPE = \"createDatabase\"\n"
                "[CREATEDATABASE]\n"
                "GDBNAME = \"NEWDB\"\n"
                "SID = \"NEWDB\"\n"
                "TEMPLATENAME = \"Data_Warehouse.dbc\"\n"
                "SYSPASSWORD = \"Pass_1\"\n"
                "SYSTEMPASSWORD = \"Pass_1\"\n"
                "EMCONFIGURATION = \"NONE\"\n"
                "STORAGETYPE = \"FS\"\n"
                "RECOVERYAREADESTINATION = \"/u03/fra\"\n"
                "CHARACTERSET = \"WE8MSWIN1252\"\n"
                "AUTOMATICMEMORYMANAGEMENT = \"FALSE\"\n");
}

static void a_container_database_needs_12_1(void **state) {
        const DbcaChoices choices = {.pdb = "SALES"};
        Text text = TEXT_INIT;
        Error error = {0};
        assert_true(dbca_response_text("NEWDB", 1102, &choices, "x", &text, &error) < 0);
        assert_int_equal(error.kind, ERROR_UNSUPPORTED);
        text_wipe(&text);
        CLEANUP(cleanup_free) char *old = text_of(1201, &choices);
        assert_non_null(strstr(old, "RESPONSEFILE_VERSION = \"12.1.0\""));
        assert_non_null(strstr(old, "CREATEASCONTAINERDATABASE = \"true\"\n"));
        assert_non_null(strstr(old, "PDBADMINPASSWORD = \"Pass_1\"\n"));
}

static void only_12_2_and_later_can_archive_by_themselves(void **state) {
        const char *arguments[DBCA_ARGUMENTS];
        assert_false(dbca_can_archive(1102) || dbca_can_archive(1201));
        assert_true(dbca_can_archive(1202) && dbca_can_archive(1900));
        dbca_arguments(1201, "/run/x", arguments);
        assert_string_equal(arguments[0], "-silent");
        assert_string_equal(arguments[1], "-responseFile");
        assert_string_equal(arguments[2], "/run/x");
        assert_null(arguments[3]);
        dbca_arguments(1202, "/run/x", arguments);
        assert_string_equal(arguments[1], "-createDatabase");
        assert_string_equal(arguments[3], "/run/x");
        assert_string_equal(arguments[4], "-enableArchive");
        assert_string_equal(arguments[5], "true");
        assert_null(arguments[6]);
}

static void assert_choice(DbcaChoices choices, const char *word) {
        Error error = {0};
        int r = dbca_check_choices(&choices, &error);
        if (word == NULL) {
                assert_int_equal(r, 0);
                return;
        }
        assert_true(r < 0);
        assert_int_equal(error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(error.message, word));
}

static void choices_are_what_both_forms_can_hold(void **state) {
        char name[200];
        assert_choice((DbcaChoices){0}, NULL);
        assert_choice(
                (DbcaChoices){
                        .template_name = "/opt/t/My-1.dbc",
                        .charset = "AL32UTF8",
                        .pdb = "P_1",
                        .data_directory = "/u02/a b",
                        .recovery_area = "/u03/fra",
                        .memory_percentage = 90},
                "data_directory");
        assert_choice((DbcaChoices){.template_name = "-x"}, "template");
        assert_choice((DbcaChoices){.template_name = ""}, "template");
        assert_choice((DbcaChoices){.template_name = "x\"y"}, "template");
        assert_choice((DbcaChoices){.template_name = "a/b"}, "template");
        assert_choice((DbcaChoices){.charset = ""}, "charset");
        assert_choice((DbcaChoices){.charset = "AL_32"}, "charset");
        assert_choice((DbcaChoices){.memory_percentage = 91}, "memory_percentage");
        assert_choice((DbcaChoices){.pdb = "a.b"}, "pdb");
        assert_choice((DbcaChoices){.pdb = ""}, "pdb");
        assert_choice((DbcaChoices){.recovery_area = "/u03/../x"}, "recovery_area");
        assert_choice((DbcaChoices){.recovery_area = "/u03/a b"}, "recovery_area");
        /* the longest names */
        memset(name, 'x', sizeof(name));
        name[128] = '\0';
        assert_choice((DbcaChoices){.template_name = name}, NULL);
        name[128] = 'x';
        name[129] = '\0';
        assert_choice((DbcaChoices){.template_name = name}, "template");
        name[30] = '\0';
        assert_choice((DbcaChoices){.pdb = name, .charset = name}, NULL);
        name[30] = 'x';
        name[31] = '\0';
        assert_choice((DbcaChoices){.pdb = name}, "pdb");
        assert_choice((DbcaChoices){.charset = name}, "charset");
}

static void a_password_that_would_be_read_otherwise_is_refused(void **state) {
        static const char *const bad[] = {
                "",
                "a b",
                "a\"b",
                "a'b",
                "a\\b",
                "a{b}",
                "a\nb",
                "p\xc3\xa4ss",
                "1234567890123456789012345678901"};
        static const char *const good[] = {
                "x", "Oracle_1", "a#b$c!d@e/f=g", "123456789012345678901234567890"};
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Error error = {0};
                assert_true(dbca_check_password(bad[i], &error) < 0);
                assert_int_equal(error.kind, ERROR_INVALID_ARGS);
                assert_true(*bad[i] == '\0' || strstr(error.message, bad[i]) == NULL);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_int_equal(dbca_check_password(good[i], NULL), 0);
}

static void the_file_is_the_owners_and_goes_with_all_others(void **state) {
        char directory[] = "/tmp/test-response-XXXXXX";
        struct stat st;
        Error error = {0};
        assert_non_null(mkdtemp(directory));
        CLEANUP(cleanup_free) char *path = dbca_response_path(directory, 7);
        CLEANUP(cleanup_free) char *other = path_join(directory, "other.rsp");
        assert_true(string_ends_with(path, "/dbca-7.rsp"));
        assert_int_equal(dbca_response_write(path, "secret", NULL), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 6);
        /* What is there is never written to. */
        assert_int_equal(dbca_response_write(path, "x", &error), -EEXIST);
        assert_non_null(strstr(error.message, path));
        assert_int_equal(file_write_durably(other, "x", 1, 0600, NULL), 0);
        assert_int_equal(dbca_response_remove_all(directory, NULL), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(other, F_OK), 0);
        assert_int_equal(dbca_response_remove(path, NULL), 0);
        assert_int_equal(directory_remove_tree(directory, NULL), 0);
        assert_int_equal(dbca_response_remove_all(directory, NULL), 0);
        /* A file that cannot go is told. */
        assert_true(dbca_response_remove("/proc/self/status", &error) < 0);
        assert_non_null(strstr(error.message, "by hand"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_file_of_19c_is_the_golden_one),
                cmocka_unit_test(the_file_of_11_2_is_the_golden_one),
                cmocka_unit_test(a_container_database_needs_12_1),
                cmocka_unit_test(only_12_2_and_later_can_archive_by_themselves),
                cmocka_unit_test(choices_are_what_both_forms_can_hold),
                cmocka_unit_test(a_password_that_would_be_read_otherwise_is_refused),
                cmocka_unit_test(the_file_is_the_owners_and_goes_with_all_others),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
