/* config/config.c and keys.c: every key, every mistake, drop-ins, reload. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/keys.h"
#include "unit/test.h"

/* A directory of its own for each test, removed at its end. */
static int set_up(void **state) {
        char template[] = "/tmp/test-config-XXXXXX";
        assert_non_null(mkdtemp(template));
        *state = strdup(template);
        return 0;
}

static int tear_down(void **state) {
        Error err;
        int r = directory_remove_tree(*state, &err);
        free(*state);
        return r;
}

static void write_text(const char *directory, const char *name, const char *text) {
        char *path = path_join(directory, name);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        free(path);
}

static int load_from(const char *directory, Config **ret, Error *err) {
        char *path = path_join(directory, "orabackup.conf");
        *err = (Error){0};
        int r = config_load(path, ret, err);
        free(path);
        return r;
}

static int load(void **state, const char *text, Config **ret, Error *err) {
        write_text(*state, "orabackup.conf", text);
        return load_from(*state, ret, err);
}

static Config *load_good(void **state, const char *text) {
        Config *config = NULL;
        Error err;
        if (load(state, text, &config, &err) < 0)
                fail_msg("refused: %s", err.message);
        return config;
}

static void assert_says(const Error *err, const char *part) {
        if (strstr(err->message, part) == NULL)
                fail_msg("'%s' does not say '%s'", err->message, part);
}

/* Refused as Config, on that line, in those words. */
static void assert_refused(void **state, const char *text, unsigned line, const char *part) {
        Config *config = NULL;
        Error err;
        int r = load(state, text, &config, &err);
        if (r >= 0)
                fail_msg("accepted: %s", text);
        assert_null(config);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_int_equal(err.r, r);
        char *place = string_printf("%s/orabackup.conf:%u: ", (char *)*state, line);
        assert_true(string_starts_with(err.message, place));
        free(place);
        assert_says(&err, part);
}

static void an_empty_file_gives_every_default(void **state) {
        Config *c = load_good(state, "");
        assert_true(instance_valid(c->instance));
        assert_string_equal(c->oratab, "/etc/oratab");
        assert_int_equal(c->databases.n, 0);
        assert_string_equal(c->backup_dir, "/var/lib/orabackup/staging");
        assert_string_equal(c->connect, "/");
        assert_string_equal(c->service, "");
        assert_true(c->compressed);
        assert_int_equal(c->channels, 1);
        assert_int_equal(c->max_piece_size, UINT64_C(4) << 30);
        assert_int_equal(c->parallel_databases, 1);
        assert_int_equal(c->oracle_stall_timeout_msec, 2 * 3600 * 1000);
        assert_int_equal(c->retries, 1);
        assert_false(c->skip_unavailable);
        assert_false(c->repository_forget);
        assert_int_equal(c->store_type, STORE_TYPE_DIRECTORY);
        assert_int_equal(c->segment_size, 32 << 20);
        assert_int_equal(c->concurrency, 4);
        assert_in_range(c->threads, 1, 4);
        assert_int_equal(c->rate_limit, 0);
        assert_true(c->resume);
        assert_int_equal(c->release, RELEASE_COMMITTED);
        assert_int_equal(c->retry_time_msec, 600 * 1000);
        assert_string_equal(c->directory_path, "/var/lib/orabackup/store");
        assert_string_equal(c->recipients_file, "/etc/orabackup/recipients");
        assert_string_equal(c->trusted_keys_file, "/etc/orabackup/trusted-keys");
        assert_string_equal(c->access_group, "dba");
        config_free(c);
}

static void the_defaults_of_later_features_are_silent(void **state) {
        Config *c = load_good(state, "");
        assert_int_equal(c->swift_auth_version, 3);
        assert_string_equal(c->swift_interface, "public");
        assert_string_equal(c->swift_container, "orabackup");
        assert_string_equal(c->swift_segment_container, "orabackup_segments");
        assert_int_equal(c->swift_connect_timeout_msec, 10 * 1000);
        assert_int_equal(c->swift_stall_timeout_msec, 60 * 1000);
        assert_int_equal(c->retention_full, 0);
        assert_int_equal(c->retention_days, 0);
        assert_true(c->on_broken_chain_full);
        config_free(c);
}

static void every_key_of_this_version_is_taken(void **state) {
        Config *c = load_good(
                state,
                "[instance]\nname = db-host.1\n"
                "[oracle]\noratab = /var/opt/oracle/oratab\ndatabases = TESTDB15, TESTDB16\tX$1\n"
                "backup_dir = /u01/staging\nconnect = c##backup\nservice = //localhost:1521/t\n"
                "strategy = rman\ncompressed = no\nchannels = 3\nmax_piece_size = 0\n"
                "parallel_databases = 2\nstall_timeout = 90s\nretries = 0\nunavailable = skip\n"
                "repository = chain\n"
                "[store]\ntype = directory\nsegment_size = 1088K\nconcurrency = 8\nthreads = 2\n"
                "rate_limit = 50M\nresume = no\nrelease = chain\nretry_time = 1m\n"
                "[directory]\npath = /srv/store\n"
                "[encryption]\nrecipients_file = /etc/r\n"
                "[signing]\ntrusted_keys_file = /etc/t\n"
                "[retention]\nfull = 0\ndays = 0\n"
                "[access]\ngroup = backup-operators\n");
        assert_string_equal(c->instance, "db-host.1");
        assert_string_equal(c->oratab, "/var/opt/oracle/oratab");
        assert_int_equal(c->databases.n, 3);
        assert_string_equal(c->databases.items[2], "X$1");
        assert_string_equal(c->backup_dir, "/u01/staging");
        assert_string_equal(c->connect, "c##backup");
        assert_string_equal(c->service, "//localhost:1521/t");
        assert_false(c->compressed);
        assert_int_equal(c->channels, 3);
        assert_int_equal(c->max_piece_size, 0);
        assert_int_equal(c->parallel_databases, 2);
        assert_int_equal(c->oracle_stall_timeout_msec, 90 * 1000);
        assert_int_equal(c->retries, 0);
        assert_true(c->skip_unavailable);
        assert_int_equal(c->segment_size, 1088 * 1024);
        assert_int_equal(c->concurrency, 8);
        assert_int_equal(c->threads, 2);
        assert_int_equal(c->rate_limit, 50 << 20);
        assert_false(c->resume);
        assert_int_equal(c->release, RELEASE_CHAIN);
        assert_int_equal(c->retry_time_msec, 60 * 1000);
        assert_string_equal(c->directory_path, "/srv/store");
        assert_string_equal(c->recipients_file, "/etc/r");
        assert_string_equal(c->trusted_keys_file, "/etc/t");
        assert_string_equal(c->access_group, "backup-operators");
        config_free(c);
}

static const struct {
        const char *section, *name, *value;
} wrong[] = {
        {"instance", "name", "-x"},
        {"instance", "name", "a/b"},
        {"oracle", "oratab", "etc/oratab"},
        {"oracle", "databases", "A;B"},
        {"oracle", "databases", "A A"},
        {"oracle", "databases", "+ASM"},
        {"oracle", "databases", "A1234567890123456789012345678901"},
        {"oracle", "backup_dir", "/a/../b"},
        {"oracle", "backup_dir", ""},
        {"oracle", "connect", "sys as sysdba"},
        {"oracle", "connect", ""},
        {"oracle", "service", "a b"},
        {"oracle", "strategy", "expdp"},
        {"oracle", "compressed", "true"},
        {"oracle", "channels", "0"},
        {"oracle", "channels", "65"},
        {"oracle", "channels", "two"},
        {"oracle", "max_piece_size", "1025"},
        {"oracle", "max_piece_size", "3T"},
        {"oracle", "parallel_databases", "0"},
        {"oracle", "stall_timeout", "0"},
        {"oracle", "stall_timeout", "31d"},
        {"oracle", "retries", "11"},
        {"oracle", "retries", "-1"},
        {"oracle", "unavailable", "ignore"},
        {"oracle", "repository", "keep"},
        {"store", "type", "s3"},
        {"store", "segment_size", "100K"},
        {"store", "segment_size", "1025K"},
        {"store", "segment_size", "5119M"},
        {"store", "segment_size", "99999999999999999999"},
        {"store", "concurrency", "0"},
        {"store", "threads", "65"},
        {"store", "rate_limit", "fast"},
        {"store", "resume", "maybe"},
        {"store", "release", "now"},
        {"store", "retry_time", "8d"},
        {"directory", "path", "store"},
        {"swift", "auth_url", "a b"},
        {"swift", "auth_url", "ftp://keystone"},
        {"swift", "auth_url", "https:///v3"},
        {"swift", "auth_url", "https://user:secret@keystone/v3"},
        {"swift", "auth_url", "https://keystone/v3?token=1"},
        {"swift", "auth_url", "https://keystone/v3#1"},
        {"swift", "container", ""},
        {"swift", "container", "a/b"},
        {"swift", "container", ".."},
        {"swift", "segment_container", "a/b"},
        {"swift", "auth_version", "2"},
        {"swift", "ca_file", "x"},
        {"swift", "connect_timeout", "0s"},
        {"swift", "stall_timeout", "x"},
        {"encryption", "recipients_file", ""},
        {"signing", "trusted_keys_file", "a"},
        {"retention", "full", "all"},
        {"retention", "days", "7d"},
        {"schedule", "on_broken_chain", "stop"},
        {"access", "group", "a b"},
        {"access", "group", ""},
};

static void a_wrong_value_of_every_key_is_refused_by_name(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                char *text = string_printf(
                        "# one\n\n[%s]\n%s = %s\n",
                        wrong[i].section,
                        wrong[i].name,
                        wrong[i].value);
                char *key = string_printf("[%s] %s: found ", wrong[i].section, wrong[i].name);
                assert_refused(state, text, 4, key);
                assert_refused(state, text, 4, ", allowed: ");
                free(key);
                free(text);
        }
}

static const struct {
        const char *section, *name, *value;
} later[] = {
        {"store", "resume", "yes"},
        {"retention", "full", "7"},
        {"retention", "days", "30"},
        {"schedule", "on_broken_chain", "full"},
        {"schedule", "on_broken_chain", "fail"},
};

static void a_value_of_a_feature_not_built_is_refused_by_name(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(later); i++) {
                char *text = string_printf(
                        "[%s]\n%s = %s\n", later[i].section, later[i].name, later[i].value);
                char *key = string_printf("[%s] %s: ", later[i].section, later[i].name);
                assert_refused(state, text, 2, key);
                assert_refused(state, text, 2, "not built yet in this version");
                free(key);
                free(text);
        }
}

#define KEYSTONE "[store]\ntype = swift\n[swift]\nauth_url = https://keystone:5000/v3\n"

static void a_swift_store_is_read_with_what_it_needs(void **state) {
        Config *c = load_good(
                state,
                KEYSTONE "username = backup\nproject_name = db\nregion_name = r1\n"
                         "ca_file = /etc/ca.pem\ncontainer = c\n");
        assert_int_equal(c->store_type, STORE_TYPE_SWIFT);
        assert_string_equal(c->swift_auth_url, "https://keystone:5000/v3");
        assert_string_equal(c->swift_project_name, "db");
        assert_string_equal(c->swift_segment_container, "c_segments");
        config_free(c);
        c = load_good(state, KEYSTONE "application_credential_id = 0a\n");
        assert_string_equal(c->swift_application_credential_id, "0a");
        config_free(c);
        c = load_good(state, KEYSTONE "auth_version = 1\nusername = test:tester\n");
        assert_int_equal(c->swift_auth_version, 1);
        config_free(c);
}

static void a_swift_store_without_what_it_needs_is_refused(void **state) {
        static const struct {
                const char *text, *says;
        } rows[] = {
                {"[store]\ntype = swift\n", "[swift] auth_url: found nothing"},
                {KEYSTONE, "auth_version = 3 needs one of them, and not both"},
                {KEYSTONE "username = u\napplication_credential_id = 0a\nproject_name = p\n",
                 "auth_version = 3 needs one of them, and not both"},
                {KEYSTONE "username = u\n", "[swift] project_name: found nothing"},
                {KEYSTONE "auth_version = 1\n", "auth_version = 1 needs a username"},
                {KEYSTONE "auth_version = 1\nusername = u\napplication_credential_id = 0a\n",
                 "knows no application credentials"},
                {KEYSTONE "application_credential_id = 0a\nsegment_container = orabackup\n",
                 "[swift] container and segment_container: found the same name twice"},
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Config *config = NULL;
                Error err;
                assert_true(load(state, rows[i].text, &config, &err) < 0);
                assert_null(config);
                assert_int_equal(err.kind, ERROR_CONFIG);
                assert_says(&err, "orabackup.conf: [swift] ");
                assert_says(&err, rows[i].says);
        }
}

static void the_smallest_segment_is_that_of_the_build(void **state) {
#ifdef ORABACKUP_TEST_HOOKS
        Config *c = load_good(state, "[store]\nsegment_size = 256K\n");
        assert_int_equal(c->segment_size, 256 * 1024);
        config_free(c);
        assert_refused(state, "[store]\nsegment_size = 192K\n", 2, "[store] segment_size: found");
#else
        assert_refused(state, "[store]\nsegment_size = 960K\n", 2, "[store] segment_size: found");
#endif
}

static void unknown_sections_and_keys_are_refused(void **state) {
        assert_refused(state, "\n[Oracle]\nchannels = 1\n", 2, "unknown section [Oracle]");
        assert_refused(state, "[oracle]\n[none]\n", 2, "unknown section [none], allowed: instance");
        assert_refused(
                state,
                "[oracle]\nchannel = 1\n",
                2,
                "unknown key 'channel' in section [oracle], allowed: oratab, databases,");
        assert_refused(state, "channels = 1\n", 1, "before any [section]");
        assert_refused(state, "[oracle]\n = 1\n", 2, "unknown key ''");
        assert_refused(
                state, "[store]\nchannels = 1\n", 2, "unknown key 'channels' in section [store]");
}

static void a_key_twice_in_a_file_is_refused_with_both_lines(void **state) {
        assert_refused(
                state,
                "[oracle]\nchannels = 1\n[store]\n[oracle]\nchannels = 1\n",
                5,
                "[oracle] channels: found a second time, allowed: once in a file (first on line "
                "2)");
}

static void the_first_mistake_of_a_file_is_the_one_reported(void **state) {
        assert_refused(state, "[oracle]\nchannels = x\njunk\n", 2, "channels");
        assert_refused(
                state, "[oracle]\njunk\nchannels = x\n", 2, "found 'junk', allowed: a [section]");
}

static void connect_and_service_go_together(void **state) {
        Config *config = NULL;
        Error err;
        assert_true(load(state, "[oracle]\nconnect = backup\n", &config, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "[oracle] connect and service: found 'backup' and ''");
        assert_true(load(state, "[oracle]\nservice = x\n", &config, &err) < 0);
        assert_says(&err, "/orabackup.conf:2: [oracle] connect and service: found '/' and 'x'");

        /* Each is fine alone; the last of the two is where it stands. */
        char *directory = path_join(*state, "orabackup.conf.d");
        assert_int_equal(mkdir(directory, 0700), 0);
        write_text(*state, "orabackup.conf", "[oracle]\nconnect = backup\nservice = x\n");
        write_text(directory, "10-a.conf", "[oracle]\n\nconnect = /\n");
        write_text(directory, "20-b.conf", "[oracle]\nchannels = 2\n");
        assert_true(load_from(*state, &config, &err) < 0);
        assert_says(&err, "orabackup.conf.d/10-a.conf:3: [oracle] connect and service: found '/'");
        free(directory);
}

static void more_databases_than_the_limit_are_refused(void **state) {
        Text text = TEXT_INIT;
        text_append(&text, "[oracle]\ndatabases =");
        for (unsigned i = 0; i < LIMIT_DATABASES; i++)
                text_appendf(&text, " D%u", i);
        Config *c = load_good(state, text_get(&text));
        assert_int_equal(c->databases.n, LIMIT_DATABASES);
        config_free(c);
        text_append(&text, " ONEMORE\n");
        assert_refused(state, text_get(&text), 2, "at most 256");
        text_done(&text);
}

static void a_file_of_the_longest_length_is_read_and_one_more_byte_refused(void **state) {
        char *text = malloc(LIMIT_CONFIG_FILE_BYTES + 2);
        Error err = {0};
        Config *c = NULL;
        assert_non_null(text);
        memset(text, '\n', LIMIT_CONFIG_FILE_BYTES + 1);
        text[LIMIT_CONFIG_FILE_BYTES] = '\0';
        config_free(load_good(state, text));
        text[LIMIT_CONFIG_FILE_BYTES] = '\n';
        text[LIMIT_CONFIG_FILE_BYTES + 1] = '\0';
        assert_true(load(state, text, &c, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "orabackup.conf");
        free(text);
}

static void a_path_of_the_longest_length_is_taken(void **state) {
        char line[LIMIT_CONFIG_LINE_BYTES + 64];
        char path[2048];
        memset(path, 'p', sizeof(path));
        path[0] = '/';
        path[1000] = '/';
        path[sizeof(path) - 1] = '\0';
        snprintf(line, sizeof(line), "[directory]\n  path=  %s ; a comment\n", path);
        Config *c = load_good(state, line);
        assert_string_equal(c->directory_path, path);
        config_free(c);
}

static void dropins_are_read_in_name_order_and_the_later_one_wins(void **state) {
        char *directory = path_join(*state, "orabackup.conf.d");
        assert_int_equal(mkdir(directory, 0700), 0);
        write_text(*state, "orabackup.conf", "[oracle]\nchannels = 2\nretries = 2\n");
        write_text(directory, "20-b.conf", "[oracle]\nchannels = 5\n");
        write_text(directory, "10-a.conf", "[oracle]\nchannels = 4\nparallel_databases = 4\n");
        write_text(directory, "30-c.conf.rpmsave", "[oracle]\nchannels = 6\n");
        write_text(directory, ".40-d.conf", "[oracle]\nchannels = 7\n");
        Config *c = NULL;
        Error err;
        assert_int_equal(load_from(*state, &c, &err), 0);
        assert_int_equal(c->channels, 5);
        assert_int_equal(c->parallel_databases, 4);
        assert_int_equal(c->retries, 2);
        config_free(c);

        write_text(directory, "20-b.conf", "[oracle]\n\nchannels = none\n");
        assert_true(load_from(*state, &c, &err) < 0);
        assert_says(&err, "orabackup.conf.d/20-b.conf:3: [oracle] channels: found 'none'");
        free(directory);
}

static void more_dropins_than_the_limit_are_refused(void **state) {
        char *directory = path_join(*state, "orabackup.conf.d");
        assert_int_equal(mkdir(directory, 0700), 0);
        write_text(*state, "orabackup.conf", "");
        char name[32];
        for (unsigned i = 0; i <= LIMIT_CONFIG_DROPINS; i++) {
                snprintf(name, sizeof(name), "%02u.conf", i);
                write_text(directory, name, "");
        }
        Config *c = NULL;
        Error err;
        assert_true(load_from(*state, &c, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "found 65 drop-ins, allowed: 64");
        free(directory);
}

static void a_missing_file_is_named(void **state) {
        Config *c = NULL;
        Error err;
        assert_true(load_from(*state, &c, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "orabackup.conf");
}

static void a_reload_keeps_name_type_and_place(void **state) {
        Config *old = load_good(state, "[instance]\nname = a\n[oracle]\nchannels = 1\n");
        Error err = {0};
        Config *more = load_good(state, "[instance]\nname = a\n[oracle]\nchannels = 2\n");
        assert_int_equal(config_check_reload(old, more, &err), 0);
        config_free(more);

        Config *other = load_good(state, "[instance]\nname = b\n");
        assert_true(config_check_reload(old, other, &err) < 0);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_says(&err, "[instance] name: found 'b'");
        config_free(other);

        Config *moved = load_good(state, "[instance]\nname = a\n[directory]\npath = /x\n");
        assert_true(config_check_reload(old, moved, &err) < 0);
        assert_says(&err, "[directory] path");
        config_free(moved);

        Config *swift = load_good(state, "[instance]\nname = a\n");
        swift->store_type = STORE_TYPE_SWIFT;
        assert_true(config_check_reload(old, swift, &err) < 0);
        assert_says(&err, "[store] type: found 'swift'");
        config_free(swift);

        Config *container = load_good(state, "[instance]\nname = a\n");
        container->swift_container[0] = 'X';
        assert_true(config_check_reload(old, container, &err) < 0);
        assert_says(&err, "[swift] container");
        config_free(container);
        config_free(old);
}

static void each_row_of_the_table_is_whole(void **state) {
        (void)state;
        Config *config = calloc(1, sizeof(*config));
        assert_non_null(config);
        for (size_t i = 0; i < keys_count(); i++) {
                const Key *key = key_at(i);
                Error err;
                assert_non_null(key->allowed);
                assert_ptr_equal(key_find(key->section, key->name), key);
                assert_int_equal(key_set(key, config, key->value, &err), 0);
        }
        config_free(config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
                IN_DIRECTORY(an_empty_file_gives_every_default),
                IN_DIRECTORY(the_defaults_of_later_features_are_silent),
                IN_DIRECTORY(every_key_of_this_version_is_taken),
                IN_DIRECTORY(a_wrong_value_of_every_key_is_refused_by_name),
                IN_DIRECTORY(a_value_of_a_feature_not_built_is_refused_by_name),
                IN_DIRECTORY(a_swift_store_is_read_with_what_it_needs),
                IN_DIRECTORY(a_swift_store_without_what_it_needs_is_refused),
                IN_DIRECTORY(the_smallest_segment_is_that_of_the_build),
                IN_DIRECTORY(unknown_sections_and_keys_are_refused),
                IN_DIRECTORY(a_key_twice_in_a_file_is_refused_with_both_lines),
                IN_DIRECTORY(the_first_mistake_of_a_file_is_the_one_reported),
                IN_DIRECTORY(connect_and_service_go_together),
                IN_DIRECTORY(more_databases_than_the_limit_are_refused),
                IN_DIRECTORY(a_file_of_the_longest_length_is_read_and_one_more_byte_refused),
                IN_DIRECTORY(a_path_of_the_longest_length_is_taken),
                IN_DIRECTORY(dropins_are_read_in_name_order_and_the_later_one_wins),
                IN_DIRECTORY(more_dropins_than_the_limit_are_refused),
                IN_DIRECTORY(a_missing_file_is_named),
                IN_DIRECTORY(a_reload_keeps_name_type_and_place),
                cmocka_unit_test(each_row_of_the_table_is_whole),
        };
        return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
