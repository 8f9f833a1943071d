/* Which staged pieces stay, and which are owed for removal, as rows of the ledger. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/check-memory.h"
#include "job/staging.h"
#include "unit/job/job-fixture.h"

/* A backup of these databases that is COMPLETED now. */
typedef struct Settled {
        const char *id, *directory;
        unsigned level;
        const char *sids[3];
        bool keep;
} Settled;

static int settle(LedgerDb *db, void *userdata, Error *err) {
        const Settled *settled = userdata;
        RecordDatabase databases[3] = {0};
        Record record = {
                .id = (char *)(uintptr_t)settled->id,
                .level = settled->level,
                .databases = databases,
        };

        while (record.n_databases < 3 && settled->sids[record.n_databases] != NULL) {
                databases[record.n_databases].sid =
                        (char *)(uintptr_t)settled->sids[record.n_databases];
                record.n_databases++;
        }
        return staging_settle(db, &record, settled->directory, settled->keep, err);
}

static void complete(JobFixture *f, Settled settled) {
        ledger_do(f, settle, &settled);
}

typedef struct Question {
        const char *directory;
        bool kept, owed;
} Question;

static int ask(LedgerDb *db, void *userdata, Error *err) {
        Question *question = userdata;
        Owed *rows = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &rows, &n, err);

        for (size_t i = 0; i < n; i++) {
                question->owed |= rows[i].type == OWED_DIRECTORY &&
                                  string_equal(rows[i].name, question->directory);
                owed_done(&rows[i]);
        }
        free(rows);
        return r < 0 ? r : staging_is_kept(db, question->directory, &question->kept, err);
}

static void assert_kept(JobFixture *f, const char *directory) {
        Question question = {.directory = directory};
        ledger_do(f, ask, &question);
        assert_true(question.kept && !question.owed);
}

static void assert_owed(JobFixture *f, const char *directory) {
        Question question = {.directory = directory};
        ledger_do(f, ask, &question);
        assert_true(question.owed && !question.kept);
}

static void without_the_option_everything_goes_at_once(void **state) {
        JobFixture *f = *state;

        complete(f, (Settled){ID, "/s/one", 0, {"A", NULL}, false});
        assert_owed(f, "/s/one");
        assert_int_equal(ledger_owed_of(f, OWED_STAGED), 0);
}

static void a_chain_stays_until_a_new_level_0(void **state) {
        JobFixture *f = *state;

        complete(f, (Settled){ID, "/s/one", 0, {"A", "B", NULL}, true});
        complete(f, (Settled){OTHER_ID, "/s/two", 1, {"A", "B", NULL}, true});
        assert_kept(f, "/s/one");
        assert_kept(f, "/s/two");
        assert_owed(f, "/s/one/.files"); /* passwords and the like do not stay */
        assert_owed(f, "/s/two/.files");
        complete(f, (Settled){"third", "/s/three", 0, {"B", "A", NULL}, true});
        assert_owed(f, "/s/one");
        assert_owed(f, "/s/two");
        assert_kept(f, "/s/three");
}

static void only_what_is_new_of_every_database_ends_it(void **state) {
        JobFixture *f = *state;

        complete(f, (Settled){ID, "/s/one", 0, {"A", "B", "C"}, true});
        complete(f, (Settled){OTHER_ID, "/s/two", 0, {"A", "C", NULL}, true});
        assert_kept(f, "/s/one");
        complete(f, (Settled){"third", "/s/three", 0, {"A", NULL}, true});
        assert_kept(f, "/s/one");
        assert_kept(f, "/s/two");
        complete(f, (Settled){"fourth", "/s/four", 0, {"B", NULL}, true});
        assert_owed(f, "/s/one");
        assert_kept(f, "/s/two");
        assert_kept(f, "/s/three");
        assert_kept(f, "/s/four");
}

static void switched_off_all_of_it_goes(void **state) {
        JobFixture *f = *state;

        complete(f, (Settled){ID, "/s/one", 0, {"A", NULL}, true});
        complete(f, (Settled){OTHER_ID, "/s/two", 1, {"B", NULL}, false});
        assert_owed(f, "/s/one");
        assert_owed(f, "/s/two");
}

static int release_one(LedgerDb *db, void *userdata, Error *err) {
        return staging_release(db, userdata, err);
}

static void a_deleted_backup_gives_its_pieces_up(void **state) {
        JobFixture *f = *state;
        char id[] = OTHER_ID;

        complete(f, (Settled){ID, "/s/one", 0, {"A", NULL}, true});
        complete(f, (Settled){OTHER_ID, "/s/two", 1, {"A", NULL}, true});
        ledger_do(f, release_one, id);
        assert_kept(f, "/s/one");
        assert_owed(f, "/s/two");
        ledger_do(f, release_one, id); /* nothing is left to give up */
        assert_int_equal(ledger_owed_of(f, OWED_STAGED), 1);
}

static int owe_removal(LedgerDb *db, void *userdata, Error *err) {
        return staging_owe_removal(db, OTHER_ID, userdata, err);
}

static void a_restore_removes_what_is_not_kept(void **state) {
        JobFixture *f = *state;
        char kept[] = "/s/one", fetched[] = "/s/fetched";

        complete(f, (Settled){ID, kept, 0, {"A", NULL}, true});
        ledger_do(f, owe_removal, kept);
        assert_kept(f, kept);
        ledger_do(f, owe_removal, fetched);
        assert_owed(f, fetched);
}

static int read_memory(LedgerDb *db, void *userdata, Error *err) {
        return check_memory_read(db, userdata, err);
}

static void what_is_kept_is_not_owed(void **state) {
        JobFixture *f = *state;
        CheckMemory memory = {0};
        AdviceList rows = {0};

        complete(f, (Settled){ID, "/s/one", 0, {"A", NULL}, true});
        ledger_do(f, read_memory, &memory);
        check_memory_judge(&memory, NULL, &rows);
        assert_int_equal(rows.n, 1);
        assert_non_null(strstr(rows.items[0].detail, "1 things")); /* the small files */
        assert_non_null(strstr(rows.items[0].detail, "/s/one/.files"));
        advice_list_done(&rows);
        check_memory_done(&memory);
}

static void write_below(JobFixture *f, const char *name) {
        CLEANUP(cleanup_free) char *path = path_of(f, name);
        CLEANUP(cleanup_free) char *parent = path_parent(path);
        assert_int_equal(directory_make(parent, 0750, NULL), 0);
        assert_int_equal(file_write_durably(path, "x", 1, 0600, NULL), 0);
}

static bool is_there(JobFixture *f, const char *name) {
        CLEANUP(cleanup_free) char *path = path_of(f, name);
        return access(path, F_OK) == 0;
}

static void partial_and_small_files_are_tidied_away(void **state) {
        JobFixture *f = *state;
        CLEANUP(cleanup_free) char *kept = path_of(f, "kept");
        CLEANUP(cleanup_free) char *link = path_of(f, "kept/A/link");
        CLEANUP(cleanup_free) char *outside = path_of(f, "outside");
        CLEANUP(cleanup_free) char *absent = path_of(f, "absent");

        write_below(f, "kept/A/backupset/one.bkp");
        write_below(f, "kept/A/backupset/one.bkp.part");
        write_below(f, "kept/.files/0");
        write_below(f, "outside/two.part");
        assert_int_equal(symlink(outside, link), 0);
        assert_int_equal(staging_tidy(kept, NULL), 0);
        assert_true(is_there(f, "kept/A/backupset/one.bkp"));
        assert_false(is_there(f, "kept/A/backupset/one.bkp.part"));
        assert_false(is_there(f, "kept/.files"));
        assert_true(is_there(f, "outside/two.part")); /* no link is followed */
        assert_int_equal(staging_tidy(absent, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOB_TEST(without_the_option_everything_goes_at_once),
                JOB_TEST(a_chain_stays_until_a_new_level_0),
                JOB_TEST(only_what_is_new_of_every_database_ends_it),
                JOB_TEST(switched_off_all_of_it_goes),
                JOB_TEST(a_deleted_backup_gives_its_pieces_up),
                JOB_TEST(a_restore_removes_what_is_not_kept),
                JOB_TEST(what_is_kept_is_not_owed),
                JOB_TEST(partial_and_small_files_are_tidied_away),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
