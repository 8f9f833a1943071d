/* job/query.c, picture*.c and summary*.c: lists of a store in memory, with signed objects */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "event/timer.h"
#include "fakes/clock.h"
#include "fakes/job-work.h"
#include "fakes/store.h"
#include "job/manager.h"
#include "job/query.h"
#include "job/summary.h"
#include "ledger/cache.h"
#include "ledger/db.h"
#include "repository/control.h"
#include "unit/repository/example.h"
#include "unit/test.h"

#define OTHER_ID "11111111-1111-4111-8111-111111111111"
#define THIRD_ID "22222222-2222-4222-8222-222222222222"
#define INSTANCE "prod-db1"

static const uint64_t EARLY_USEC = UINT64_C(1795300000000000);
static const uint64_t LATE_USEC = UINT64_C(1795400000000000);

typedef struct Fixture {
        char directory[64];
        Service service;
        Settings settings;
        Config config;
        SigningKey *stranger;
        Timer *timer;
        Query *query;
        /* the answer */
        unsigned n_answers;
        Error error;
        size_t n;
        char ids[8][37];
        BackupState states[8];
        Trust signatures[8];
        char names[8][64];
        char errors[8][64];
        size_t n_members, n_children;
        char location[128];
} Fixture;

static SigningKey *make_key(void) {
        SigningKey *key = NULL;
        char *pem = NULL;
        size_t size = 0;
        assert_int_equal(signing_key_generate(&pem, &size, NULL), 0);
        assert_int_equal(signing_key_parse(pem, size, "key", &key, NULL), 0);
        free(pem);
        return key;
}

static void stop(void *userdata) {
        Fixture *f = userdata;
        loop_stop(f->service.loop, 0);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));
        Service *service = &f->service;
        *state = f;
        fake_works = (FakeWorks){0};
        fake_works.cancel_finishes = true;
        clock_fake_set(1000000000, LATE_USEC);
        strcpy(f->directory, "/tmp/test-query-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        f->config.instance = example_string(INSTANCE);
        f->settings = (Settings){.users = 1, .config = &f->config};
        service->settings = &f->settings;
        service->signing_key = make_key();
        f->stranger = make_key();
        assert_int_equal(trusted_keys_new(&f->settings.trusted, NULL), 0);
        assert_int_equal(
                trusted_keys_add(
                        f->settings.trusted,
                        INSTANCE,
                        signing_key_public(service->signing_key),
                        "",
                        NULL),
                0);
        assert_int_equal(loop_new(&service->loop, NULL), 0);
        assert_int_equal(work_pool_new(service->loop, "files", 2, 64, &service->files, NULL), 0);
        assert_int_equal(ledger_new(service->loop, f->directory, &service->ledger, NULL), 0);
        assert_int_equal(fake_store_new(service->loop, &service->store, NULL), 0);
        assert_int_equal(timer_new(service->loop, stop, f, &f->timer, NULL), 0);
        service->summaries = summary_cache_new(1024 * 1024);
        assert_non_null(service->summaries);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        Service *service = &f->service;
        query_free(f->query);
        timer_free(f->timer);
        summary_cache_free(service->summaries);
        store_free(service->store);
        work_pool_free(service->files);
        ledger_free(service->ledger);
        loop_free(service->loop);
        trusted_keys_free(f->settings.trusted);
        signing_key_free(service->signing_key);
        signing_key_free(f->stranger);
        directory_remove_tree(f->directory, NULL);
        free(f->config.instance);
        free(f);
        return 0;
}

/* --- the store's objects --- */

static void put_sealed(
        Fixture *f,
        const SigningKey *key,
        const char *kind,
        const char *name,
        const char *payload) {
        char *envelope = NULL;
        size_t size = 0;
        assert_int_equal(
                envelope_seal(
                        key,
                        &(EnvelopeContent){kind, payload, strlen(payload)},
                        &envelope,
                        &size,
                        NULL),
                0);
        fake_store_put(f->service.store, name, envelope, size);
        free(envelope);
}

static void put_claim(Fixture *f, const SigningKey *key, const char *id, uint64_t sequence) {
        char *payload = NULL;
        size_t size = 0;
        Claim claim = {
                .id = example_string(id),
                .instance = example_string(INSTANCE),
                .hostname = example_string("h"),
                .name = example_string("claimed"),
                .description = example_string("why"),
                .sequence = sequence,
                .created_usec = EARLY_USEC};
        CLEANUP(cleanup_free) char *name = object_name_claim(INSTANCE, sequence);
        assert_int_equal(string_list_add(&claim.databases, "ORCL"), 0);
        assert_int_equal(claim_print(&claim, &payload, &size, NULL), 0);
        put_sealed(f, key, "begin", name, payload);
        claim_done(&claim);
        free(payload);
}

static void put_failed(Fixture *f, const SigningKey *key, const char *id, uint64_t sequence) {
        char *payload = NULL;
        size_t size = 0;
        Failed failed = {
                .id = example_string(id),
                .instance = example_string(INSTANCE),
                .hostname = example_string("h"),
                .sequence = sequence,
                .created_usec = EARLY_USEC,
                .error = ERROR_NO_SPACE,
                .error_message = example_string("The disk is full")};
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, id, OBJECT_FAILED);
        assert_int_equal(failed_print(&failed, &payload, &size, NULL), 0);
        put_sealed(f, key, "failed", name, payload);
        failed_done(&failed);
        free(payload);
}

/* The example's record, in its place or below another id. */
static void put_record(Fixture *f, const SigningKey *key, const char *id) {
        char *payload = NULL;
        size_t size = 0;
        Record record = {0};
        example_record(&record);
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, id, OBJECT_RECORD);
        assert_int_equal(record_print(&record, &payload, &size, NULL), 0);
        put_sealed(f, key, "record", name, payload);
        record_done(&record);
        free(payload);
}

/* --- asking --- */

static void on_views(const BackupView *views, size_t n, const Error *err, void *userdata) {
        Fixture *f = userdata;
        f->n_answers++;
        f->n = n;
        if (err != NULL)
                f->error = *err;
        for (size_t i = 0; i < n; i++) {
                strcpy(f->ids[i], views[i].id);
                f->states[i] = views[i].state;
                f->signatures[i] = views[i].signature;
                snprintf(f->names[i], sizeof(f->names[i]), "%s", views[i].name);
                snprintf(f->errors[i], sizeof(f->errors[i]), "%s", views[i].error.message);
                snprintf(f->location, sizeof(f->location), "%s", views[i].location);
                f->n_members = views[i].record.n_members;
                f->n_children = views[i].children.n;
        }
        loop_stop(f->service.loop, 0);
}

static void list(Fixture *f, const ListOptions *options) {
        static const ListOptions all = {0};
        f->query = query_free(f->query);
        f->error = (Error){0};
        f->n_answers = 0;
        assert_int_equal(
                query_list(
                        &f->service,
                        options == NULL ? &all : options,
                        on_views,
                        f,
                        &f->query,
                        NULL),
                0);
        loop_run(f->service.loop);
        assert_int_equal(f->n_answers, 1);
}

static void get(Fixture *f, const char *id) {
        f->query = query_free(f->query);
        f->error = (Error){0};
        f->n_answers = 0;
        assert_int_equal(query_get(&f->service, id, on_views, f, &f->query, NULL), 0);
        loop_run(f->service.loop);
        assert_int_equal(f->n_answers, 1);
}

static void an_empty_store_lists_nothing(void **state) {
        Fixture *f = *state;
        list(f, NULL);
        assert_int_equal(f->n, 0);
        assert_false(error_is_set(&f->error));
}

static void objects_become_states_newest_first(void **state) {
        Fixture *f = *state;
        const SigningKey *key = f->service.signing_key;
        put_claim(f, key, EXAMPLE_ID, 17);
        put_record(f, key, EXAMPLE_ID);
        put_claim(f, key, OTHER_ID, 18);
        put_failed(f, key, OTHER_ID, 18);
        put_claim(f, key, THIRD_ID, 19);
        list(f, NULL);
        assert_int_equal(f->n, 3);
        assert_string_equal(f->ids[0], EXAMPLE_ID);
        assert_int_equal(f->states[0], STATE_COMPLETED);
        /* of one second: the later claim is the newer one */
        assert_string_equal(f->ids[1], THIRD_ID);
        assert_int_equal(f->states[1], STATE_BUILDING);
        assert_string_equal(f->ids[2], OTHER_ID);
        assert_int_equal(f->states[2], STATE_FAILED);
        assert_string_equal(f->names[2], "claimed");
        assert_string_equal(f->errors[2], "The disk is full");
}

static void a_second_list_reads_no_object_again(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        put_claim(f, f->service.signing_key, OTHER_ID, 18);
        list(f, NULL);
        size_t n = fake_store_call_count(f->service.store, STORE_GET_OBJECT);
        assert_int_equal(n, 2);
        list(f, NULL);
        assert_int_equal(f->n, 2);
        assert_int_equal(fake_store_call_count(f->service.store, STORE_GET_OBJECT), n);
}

static void a_record_of_a_stranger_is_unverified(void **state) {
        Fixture *f = *state;
        put_record(f, f->stranger, EXAMPLE_ID);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_UNVERIFIED);
        assert_int_equal(f->signatures[0], TRUST_UNTRUSTED);
}

static void what_is_no_record_is_unverified_and_invalid(void **state) {
        Fixture *f = *state;
        fake_store_put(f->service.store, INSTANCE "/" EXAMPLE_ID "/backup.json", "garbage", 7);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_UNVERIFIED);
        assert_int_equal(f->signatures[0], TRUST_INVALID);
}

static void a_record_copied_to_another_id_is_invalid(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, OTHER_ID);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_string_equal(f->ids[0], OTHER_ID);
        assert_int_equal(f->states[0], STATE_UNVERIFIED);
        assert_int_equal(f->signatures[0], TRUST_INVALID);
}

static void failures_and_claims_of_a_stranger_change_nothing(void **state) {
        Fixture *f = *state;
        put_claim(f, f->service.signing_key, OTHER_ID, 18);
        put_failed(f, f->stranger, OTHER_ID, 18);
        put_claim(f, f->stranger, THIRD_ID, 19);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_string_equal(f->ids[0], OTHER_ID);
        assert_int_equal(f->states[0], STATE_BUILDING);
}

static void pages_follow_each_other(void **state) {
        Fixture *f = *state;
        const SigningKey *key = f->service.signing_key;
        put_record(f, key, EXAMPLE_ID);
        put_claim(f, key, OTHER_ID, 18);
        put_claim(f, key, THIRD_ID, 19);
        list(f, &(ListOptions){.limit = 2});
        assert_int_equal(f->n, 2);
        assert_string_equal(f->ids[1], THIRD_ID);
        list(f, &(ListOptions){.limit = 2, .marker = THIRD_ID});
        assert_int_equal(f->n, 1);
        assert_string_equal(f->ids[0], OTHER_ID);
        list(f, &(ListOptions){.has_state = true, .state = STATE_BUILDING});
        assert_int_equal(f->n, 2);
        list(f, &(ListOptions){.instance = "elsewhere"});
        assert_int_equal(f->n, 0);
        list(f, &(ListOptions){.other_datastore = true});
        assert_int_equal(f->n, 0);
}

static void a_marker_that_is_gone_is_an_invalid_argument(void **state) {
        Fixture *f = *state;
        list(f, &(ListOptions){.marker = OTHER_ID});
        assert_int_equal(f->error.kind, ERROR_INVALID_ARGS);
        assert_non_null(strstr(f->error.message, OTHER_ID));
}

static void one_backup_comes_with_its_whole_record(void **state) {
        Fixture *f = *state;
        put_claim(f, f->service.signing_key, EXAMPLE_ID, 17);
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        get(f, EXAMPLE_ID);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->n_members, 5);
        assert_true(string_ends_with(f->location, "/" INSTANCE "/" EXAMPLE_ID "/backup.tar.age"));
        get(f, OTHER_ID);
        assert_int_equal(f->error.kind, ERROR_NO_SUCH_BACKUP);
}

static void a_backup_names_its_children(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        put_claim(f, f->service.signing_key, EXAMPLE_PARENT_ID, 16);
        get(f, EXAMPLE_PARENT_ID);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_BUILDING);
        assert_int_equal(f->n_children, 1);
        assert_int_equal(f->n_members, 0);
}

static void an_error_of_the_store_is_the_answer(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        fake_store_fail(f->service.store, STORE_LIST, NULL, 1, ERROR_STORE_UNAVAILABLE, -EIO);
        list(f, NULL);
        assert_int_equal(f->error.kind, ERROR_STORE_UNAVAILABLE);
        fake_store_fail(f->service.store, STORE_GET_OBJECT, NULL, 1, ERROR_STORE_AUTH, -EACCES);
        list(f, NULL);
        assert_int_equal(f->error.kind, ERROR_STORE_AUTH);
}

static void a_query_is_cancelled_at_any_time(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        for (unsigned msec = 0; msec < 6; msec++) {
                assert_int_equal(
                        query_list(&f->service, &(ListOptions){0}, on_views, f, &f->query, NULL),
                        0);
                timer_arm(f->timer, msec);
                loop_run(f->service.loop);
                f->query = query_free(f->query);
                timer_disarm(f->timer);
        }
}

static void ignore_job(Job *job, void *userdata) {
}

static void ignore_id(uint32_t id, void *userdata) {
}

static void a_backup_before_its_claim_is_new(void **state) {
        Fixture *f = *state;
        const ManagerEvents events = {
                .on_new = ignore_job,
                .on_changed = ignore_job,
                .on_removed = ignore_job,
                .on_gone = ignore_id};
        BackupRequest request = {.name = "mine"};
        Manager *manager = NULL;
        Job *job = NULL;
        assert_int_equal(manager_new(&f->service, &events, &manager, NULL), 0);
        f->service.manager = manager;
        assert_int_equal(manager_create_backup(manager, &request, &job, NULL), 0);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_string_equal(f->ids[0], request.backup_id);
        assert_int_equal(f->states[0], STATE_NEW);
        assert_string_equal(f->names[0], "mine");
        put_claim(f, f->service.signing_key, request.backup_id, 1);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_BUILDING);
        assert_int_equal(manager_cancel(manager, job_id(job), NULL), 0);
        timer_arm(f->timer, 10);
        loop_run(f->service.loop);
        manager_free(manager);
}

static void put_deletion(Fixture *f, const SigningKey *key, const char *id, uint64_t sequence) {
        char *payload = NULL;
        size_t size = 0;
        Deletion deletion = {
                .id = example_string(id),
                .instance = example_string(INSTANCE),
                .hostname = example_string("h"),
                .sequence = sequence,
                .created_usec = LATE_USEC};
        CLEANUP(cleanup_free) char *name = object_name(INSTANCE, id, OBJECT_DELETE);
        assert_int_equal(deletion_print(&deletion, &payload, &size, NULL), 0);
        put_sealed(f, key, "delete", name, payload);
        deletion_done(&deletion);
        free(payload);
}

static void a_delete_that_nobody_is_at_has_failed(void **state) {
        Fixture *f = *state;
        put_claim(f, f->service.signing_key, EXAMPLE_ID, 17);
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        put_deletion(f, f->stranger, EXAMPLE_ID, 17);
        list(f, NULL);
        assert_int_equal(f->states[0], STATE_COMPLETED); /* what does not verify changes nothing */
        fake_store_drop_object(f->service.store, INSTANCE "/" EXAMPLE_ID "/delete.json");
        summary_cache_remove(f->service.summaries, INSTANCE "/" EXAMPLE_ID "/delete.json");
        put_deletion(f, f->service.signing_key, EXAMPLE_ID, 17);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_DELETE_FAILED);
        /* The record is gone: the claim says what it was. */
        fake_store_drop_object(f->service.store, INSTANCE "/" EXAMPLE_ID "/backup.json");
        fake_store_put(f->service.store, INSTANCE "/" EXAMPLE_ID "/segments", "x", 1);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_DELETE_FAILED);
        assert_string_equal(f->names[0], "claimed");
}

static void of_a_deleted_one_the_claim_may_be_left(void **state) {
        Fixture *f = *state;
        put_claim(f, f->service.signing_key, EXAMPLE_ID, 17);
        put_deletion(f, f->service.signing_key, EXAMPLE_ID, 17);
        list(f, NULL);
        assert_int_equal(f->n, 0);
        get(f, EXAMPLE_ID);
        assert_int_equal(f->error.kind, ERROR_NO_SUCH_BACKUP);
}

static int owe_delete(LedgerDb *db, void *userdata, Error *err) {
        return ledger_owed_add(
                db, &(OwedWork){OWED_DELETE, EXAMPLE_ID, EXAMPLE_ID, "x", 1}, NULL, err);
}

static void a_delete_of_ours_counts_before_the_listing_shows_it(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        assert_int_equal(ledger_call_now(f->service.ledger, owe_delete, NULL, NULL), 0);
        list(f, NULL);
        assert_int_equal(f->n, 1);
        assert_int_equal(f->states[0], STATE_DELETE_FAILED);
}

static void summaries_are_the_same_after_they_were_text(void **state) {
        Fixture *f = *state;
        put_record(f, f->stranger, EXAMPLE_ID);
        put_failed(f, f->service.signing_key, OTHER_ID, 18);
        const char *const names[] = {
                INSTANCE "/" EXAMPLE_ID "/backup.json", INSTANCE "/" OTHER_ID "/failed.json"};
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t size = 0, again_size = 0;
                CLEANUP(cleanup_free) char *text = NULL, *again_text = NULL;
                const void *data = fake_store_data(f->service.store, names[i], &size);
                CLEANUP(cleanup_summary) Summary *one = summary_read(names[i], data, size);
                assert_int_equal(summary_print(one, &text, &size), 0);
                CLEANUP(cleanup_summary) Summary *again = summary_parse(text, size);
                assert_non_null(again);
                assert_int_equal(summary_print(again, &again_text, &again_size), 0);
                assert_string_equal(again_text, text);
                assert_string_equal(again->signer, one->signer);
                assert_int_equal(again->error, one->error);
                assert_int_equal(
                        summary_trust(again, f->settings.trusted),
                        summary_trust(one, f->settings.trusted));
                assert_null(summary_parse(text, size - 1));
        }
        assert_null(summary_parse("{}", 2));
        assert_null(summary_parse("{\"type\":99,\"level\":0,\"error\":0}", 32));
}

static void with_a_cache_on_disk_a_restart_reads_no_object_again(void **state) {
        Fixture *f = *state;
        put_record(f, f->service.signing_key, EXAMPLE_ID);
        put_claim(f, f->service.signing_key, OTHER_ID, 18);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(
                        cache_new(f->service.loop, f->directory, &f->service.cache, NULL), 0);
                list(f, NULL);
                assert_int_equal(f->n, 2);
                assert_int_equal(fake_store_call_count(f->service.store, STORE_GET_OBJECT), 2);
                f->query = query_free(f->query);
                f->service.cache = cache_free(f->service.cache);
                summary_cache_free(f->service.summaries);
                f->service.summaries = summary_cache_new(1024 * 1024);
        }
}

static void what_is_removed_leaves_the_cache(void **state) {
        CLEANUP(cleanup_summary_cache) SummaryCache *cache = summary_cache_new(4096);
        CLEANUP(cleanup_summary) Summary *summary = summary_read("x", "", 0);
        summary_cache_put(cache, "a", summary);
        summary_cache_put(cache, "b", summary);
        summary_cache_put(cache, "c", summary);
        summary_cache_remove(cache, "c");
        summary_cache_put(cache, "d", summary);
        summary_cache_remove(cache, "a");
        summary_cache_remove(cache, "nobody");
        assert_int_equal(summary_cache_count(cache), 2);
        assert_non_null(summary_cache_get(cache, "b"));
        assert_non_null(summary_cache_get(cache, "d"));
        summary_cache_remove(cache, "b");
        summary_cache_remove(cache, "d");
        assert_int_equal(summary_cache_count(cache), 0);
        summary_cache_put(cache, "e", summary);
        assert_int_equal(summary_cache_count(cache), 1);
        summary_cache_remove(NULL, "e");
}

static void the_cache_stays_within_its_bound(void **state) {
        CLEANUP(cleanup_summary_cache) SummaryCache *cache = summary_cache_new(4096);
        CLEANUP(cleanup_summary) Summary *summary = summary_read("x", "", 0);
        assert_non_null(summary);
        for (unsigned i = 0; i < 100; i++) {
                char name[16];
                snprintf(name, sizeof(name), "n%u", i);
                summary_cache_put(cache, name, summary);
        }
        assert_in_range(summary_cache_count(cache), 1, 12);
        assert_null(summary_cache_get(cache, "n0"));
        assert_non_null(summary_cache_get(cache, "n99"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(an_empty_store_lists_nothing),
                CASE(objects_become_states_newest_first),
                CASE(a_second_list_reads_no_object_again),
                CASE(a_record_of_a_stranger_is_unverified),
                CASE(what_is_no_record_is_unverified_and_invalid),
                CASE(a_record_copied_to_another_id_is_invalid),
                CASE(failures_and_claims_of_a_stranger_change_nothing),
                CASE(pages_follow_each_other),
                CASE(a_marker_that_is_gone_is_an_invalid_argument),
                CASE(one_backup_comes_with_its_whole_record),
                CASE(a_backup_names_its_children),
                CASE(an_error_of_the_store_is_the_answer),
                CASE(a_query_is_cancelled_at_any_time),
                CASE(a_backup_before_its_claim_is_new),
                CASE(a_delete_that_nobody_is_at_has_failed),
                CASE(of_a_deleted_one_the_claim_may_be_left),
                CASE(a_delete_of_ours_counts_before_the_listing_shows_it),
                CASE(summaries_are_the_same_after_they_were_text),
                CASE(with_a_cache_on_disk_a_restart_reads_no_object_again),
                cmocka_unit_test(what_is_removed_leaves_the_cache),
                cmocka_unit_test(the_cache_stays_within_its_bound),
        };
        return cmocka_run_group_tests_name("job/query", tests, NULL, NULL);
}
