/* The preflight of a whole backup: oratab -> each database in turn -> room in the staging
 * directory. Owned by job/backup. */
#include "job/plan.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/files.h"
#include "job/check-memory.h"
#include "oracle/oratab.h"
#include "oracle/preflight.h"
#include "repository/chain.h"

static const uint64_t DAY_USEC = UINT64_C(86400000000);

struct Planner {
        PlannerOptions options;
        BackupPlan plan;
        OracleDatabase *selected;
        size_t n_selected, n_asked;
        uint64_t free_bytes;

        CheckMemory memory;

        /* One of these is under way. What the worker touches outlives a cancelled planner and is a
         * block of its own. */
        Work *work;
        LedgerCall *call;
        Preflight *preflight;
};

typedef struct PlannerWork {
        Planner *planner; /* valid in on_done */
        Settings *settings;
        StringList requested;
        OracleDatabase *selected;
        size_t n_selected;
        uint64_t free_bytes;
        int r;
        Error error;
} PlannerWork;

void backup_plan_done(BackupPlan *plan) {
        for (size_t i = 0; i < plan->n_databases; i++) {
                oracle_database_done(&plan->databases[i].database);
                database_facts_done(&plan->databases[i].facts);
                string_list_done(&plan->databases[i].warnings);
                free(plan->databases[i].parent_files);
                free(plan->databases[i].new_files);
        }
        for (size_t i = 0; i < plan->n_skipped; i++) {
                free(plan->skipped[i].sid);
                free(plan->skipped[i].reason);
        }
        free(plan->databases);
        free(plan->skipped);
        *plan = (BackupPlan){0};
}

static void finish(Planner *planner, const Error *err) {
        planner->options.on_done(
                err == NULL ? &planner->plan : NULL, err, planner->options.userdata);
}

/* ---- selection (worker) ---- */

static int add_selected(const OratabEntry *entry, OracleDatabase *list, size_t *n, Error *err) {
        OracleDatabase *database = &list[*n];

        (void)snprintf(database->sid, sizeof(database->sid), "%s", entry->sid);
        database->oracle_home = strdup(entry->oracle_home);
        if (database->oracle_home == NULL)
                return error_oom(err);
        ++*n;
        return 0;
}

static int
check_all_known(const StringList *wanted, const Oratab *oratab, const char *path, Error *err) {
        for (size_t i = 0; i < wanted->n; i++)
                if (oratab_find(oratab, wanted->items[i]) == NULL)
                        return error_set(
                                err,
                                ERROR_NO_SUCH_DATABASE,
                                -ENOENT,
                                "database %s is not in %s: add it there or leave it out",
                                wanted->items[i],
                                path);
        return 0;
}

static int select_from(
        const Oratab *oratab,
        const StringList *wanted,
        OracleDatabase *list,
        size_t *n,
        Error *err) {
        for (size_t i = 0; i < oratab->n; i++) {
                if (wanted->n > 0 && !string_list_has(wanted, oratab->entries[i].sid))
                        continue;
                int r = add_selected(&oratab->entries[i], list, n, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int select_databases(
        const Config *config,
        const StringList *requested,
        OracleDatabase **ret,
        size_t *ret_n,
        Error *err) {
        const StringList *wanted =
                requested != NULL && requested->n > 0 ? requested : &config->databases;
        Oratab oratab = {0};
        size_t n = 0;

        int r = oratab_read(config->oratab, &oratab, err);
        if (r < 0)
                return r;
        OracleDatabase *list = calloc(oratab.n + 1, sizeof(OracleDatabase));
        r = list == NULL ? error_oom(err) : check_all_known(wanted, &oratab, config->oratab, err);
        if (r >= 0)
                r = select_from(&oratab, wanted, list, &n, err);
        oratab_done(&oratab);
        if (r < 0) {
                for (size_t i = 0; list != NULL && i < n; i++)
                        oracle_database_done(&list[i]);
                free(list);
                return r;
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

static void select_run(void *userdata) {
        PlannerWork *work = userdata;
        const Config *config = work->settings->config;

        work->r = select_databases(
                config, &work->requested, &work->selected, &work->n_selected, &work->error);
        if (work->r >= 0 && work->n_selected == 0)
                work->r = error_set(
                        &work->error,
                        ERROR_NO_SUCH_DATABASE,
                        -ENOENT,
                        "%s names no database that is selected: there is nothing to back up",
                        config->oratab);
        if (work->r >= 0)
                work->r = directory_space(config->backup_dir, &work->free_bytes, &work->error);
}

static void select_release(void *userdata) {
        PlannerWork *work = userdata;

        for (size_t i = 0; i < work->n_selected; i++)
                oracle_database_done(&work->selected[i]);
        free(work->selected);
        string_list_done(&work->requested);
        settings_unref(work->settings);
        free(work);
}

/* ---- one database after the other ---- */

static int keep_skipped(Planner *planner, const char *sid, const Error *reason) {
        BackupPlan *plan = &planner->plan;
        RecordSkipped *skipped = &plan->skipped[plan->n_skipped];

        skipped->sid = strdup(sid);
        skipped->reason = strdup(reason->message);
        plan->n_skipped++;
        return skipped->sid == NULL || skipped->reason == NULL ? -ENOMEM : 0;
}

static bool home_is_new(const BackupPlan *plan, const char *oracle_home) {
        for (size_t i = 0; i + 1 < plan->n_databases; i++)
                if (string_equal(plan->databases[i].database.oracle_home, oracle_home))
                        return false;
        return true;
}

/* Two backups may begin in one second (a crash and a quick start), and a tag is never used twice.
 */
static void make_tag(const PlannerOptions *options, char ret[31]) {
        uint64_t usec = clock_realtime_usec();
        time_t now = (time_t)(usec / 1000000);
        struct tm utc;
        char stamp[20];

        (void)gmtime_r(&now, &utc);
        (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
        (void)snprintf(
                ret,
                31,
                "LEVEL%u-%s-%03u",
                options->parent == NULL ? 0U : 1U,
                stamp,
                (unsigned)(usec / 1000 % 1000));
}

static void ask_next(Planner *planner);

/* ---- level 1: the parent's files ---- */

static int take_parent(PlannedDatabase *planned, const RecordDatabase *parent, Error *err) {
        planned->parent = parent;
        planned->parent_files = calloc(parent->n_datafiles + 1, sizeof(LinkFile));
        planned->new_files = calloc(planned->facts.n_datafiles + 1, sizeof(uint32_t));
        if (planned->parent_files == NULL || planned->new_files == NULL)
                return error_oom(err);
        for (size_t i = 0; i < parent->n_datafiles; i++) {
                const RecordDatafile *file = &parent->datafiles[i];
                planned->parent_files[planned->n_parent_files++] =
                        (LinkFile){file->file, file->creation_scn, file->base_scn, file->name};
        }
        for (size_t i = 0; i < planned->facts.n_datafiles; i++) {
                const DatafileFacts *file = &planned->facts.datafiles[i];
                if (link_find(
                            planned->parent_files,
                            planned->n_parent_files,
                            file->file,
                            file->creation_scn) == NULL)
                        planned->new_files[planned->n_new_files++] = file->file;
        }
        return 0;
}

static int plan_link(Planner *planner, PlannedDatabase *planned, Error *err) {
        const Record *record = planner->options.parent;
        const char *sid = planned->database.sid;

        if (record == NULL)
                return 0;
        const RecordDatabase *parent = chain_find_database(record, sid);
        if (parent == NULL)
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EINVAL,
                        "backup %s cannot be the parent: it does not hold database %s",
                        record->id,
                        sid);
        int r = chain_check_identity(
                parent,
                record->id,
                planned->facts.dbid,
                planned->facts.resetlogs_scn,
                planned->facts.resetlogs_time,
                err);
        if (r >= 0)
                r = take_parent(planned, parent, err);
        return r < 0 ? r
                     : link_check_bases(
                               sid,
                               planned->parent_files,
                               planned->n_parent_files,
                               &planned->facts,
                               err);
}

/* What RMAN will write at most: a level 1 as much as the one before it, as far as there is one. */
static uint64_t expected_bytes(const Planner *planner, const DatabaseFacts *facts) {
        const Record *parent = planner->options.parent;

        if (parent != NULL && parent->level == 1 && parent->volume.size < facts->used_bytes)
                return parent->volume.size;
        return facts->used_bytes;
}

static PlannedDatabase *
keep_planned(Planner *planner, DatabaseFacts *facts, const StringList *warnings) {
        BackupPlan *plan = &planner->plan;
        PlannedDatabase *planned = &plan->databases[plan->n_databases++];

        planned->database = planner->selected[planner->n_asked];
        planner->selected[planner->n_asked] = (OracleDatabase){0};
        planned->facts = *facts;
        *facts = (DatabaseFacts){0};
        if (warnings != NULL)
                (void)string_list_copy(warnings, &planned->warnings);
        planned->with_network_files = home_is_new(plan, planned->database.oracle_home);
        make_tag(&planner->options, planned->tag);
        plan->expected_bytes += expected_bytes(planner, &planned->facts);
        return planned;
}

/* What the database itself refuses; a lack of memory or of a home's programs is no reason to leave
 * it out silently. */
static bool may_be_skipped(const Planner *planner, const Error *err) {
        return planner->options.settings->config->skip_unavailable && err->kind != ERROR_INTERNAL;
}

static void
on_preflight(DatabaseFacts *facts, const StringList *warnings, const Error *err, void *userdata) {
        Planner *planner = userdata;
        const char *sid = planner->selected[planner->n_asked].sid;
        Error error = {0};

        /* A chain that does not go on is never left out: it would end silently. */
        if (err == NULL)
                (void)plan_link(planner, keep_planned(planner, facts, warnings), &error);
        else if (!may_be_skipped(planner, err))
                error = *err;
        else if (keep_skipped(planner, sid, err) < 0)
                (void)error_oom(&error);
        planner->preflight = preflight_free(planner->preflight);
        if (error_is_set(&error)) {
                finish(planner, &error);
                return;
        }
        planner->n_asked++;
        ask_next(planner);
}

/* The store's manifests hold so many segments and no more. Ten per cent on top for what the used
 * blocks do not show: logs, headers, the other files. */
static int check_segments(const Planner *planner, Error *err) {
        uint64_t expected = planner->plan.expected_bytes, most = 0;
        uint64_t segment_size = planner->options.settings->config->segment_size;
        uint64_t max_segments = store_max_segments(planner->options.service->store);

        if (__builtin_mul_overflow(max_segments, segment_size, &most) ||
            __builtin_add_overflow(expected, expected / 10, &expected) || expected <= most)
                return 0;
        return error_set(
                err,
                ERROR_TOO_LARGE,
                -EFBIG,
                "the backup may need %llu bytes and the store holds %llu of one backup (%llu "
                "segments "
                "of %llu bytes): give a larger segment_size, or back up fewer databases at once",
                (unsigned long long)expected,
                (unsigned long long)most,
                (unsigned long long)max_segments,
                (unsigned long long)segment_size);
}

static size_t count_kept(const Planner *planner) {
        size_t n = 0;

        for (size_t i = 0; i < planner->memory.n_owed; i++)
                n += planner->memory.owed[i].type == OWED_STAGED;
        return n;
}

static int check_result(Planner *planner, Error *err) {
        const BackupPlan *plan = &planner->plan;

        if (plan->n_databases == 0)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -ENODEV,
                        "none of the selected databases can be backed up; %s: %s",
                        plan->skipped[0].sid,
                        plan->skipped[0].reason);
        size_t n_kept = count_kept(planner);
        if (plan->expected_bytes > planner->free_bytes && n_kept > 0)
                return error_set(
                        err,
                        ERROR_NO_SPACE,
                        -ENOSPC,
                        "staging directory %s has %llu bytes free and the backup may need %llu: "
                        "the pieces of %zu backups are kept there until the next level 0 is "
                        "complete ([store] release = chain), so there must be room for both",
                        planner->options.settings->config->backup_dir,
                        (unsigned long long)planner->free_bytes,
                        (unsigned long long)plan->expected_bytes,
                        n_kept);
        if (plan->expected_bytes > planner->free_bytes)
                return error_set(
                        err,
                        ERROR_NO_SPACE,
                        -ENOSPC,
                        "staging directory %s has %llu bytes free and the backup may need %llu: "
                        "make room or name another backup_dir",
                        planner->options.settings->config->backup_dir,
                        (unsigned long long)planner->free_bytes,
                        (unsigned long long)plan->expected_bytes);
        return check_segments(planner, err);
}

static uint64_t level0_age_days(const Planner *planner) {
        uint64_t now = clock_realtime_usec(), then = planner->options.level0_usec;

        return planner->options.parent == NULL || then > now ? 0 : (now - then) / DAY_USEC;
}

static void ask_next(Planner *planner) {
        Error error = {0};

        if (planner->n_asked == planner->n_selected) {
                int r = check_result(planner, &error);
                finish(planner, r < 0 ? &error : NULL);
                return;
        }
        OracleDatabase *database = &planner->selected[planner->n_asked];
        PreflightOptions options = {
                .database = database,
                .with_bases = planner->options.parent != NULL,
                .context =
                        {.channels = planner->options.settings->config->channels,
                         .level0_age_days = level0_age_days(planner),
                         .own_deletes = check_memory_deletes(&planner->memory, database->sid),
                         .own_crosschecks =
                                 check_memory_crosschecks(&planner->memory, database->sid),
                         .keeps_pieces =
                                 planner->options.settings->config->release == RELEASE_CHAIN,
                         .forgets = planner->options.settings->config->repository_forget},
                .on_done = on_preflight,
                .userdata = planner};
        planner->options.on_database(database->sid, planner->options.userdata);
        if (preflight_start(
                    &planner->options.service->oracle, &options, &planner->preflight, &error) < 0)
                finish(planner, &error);
}

/* ---- what this host did itself ---- */

typedef struct PlannerMemory {
        Planner *planner;
        CheckMemory memory;
} PlannerMemory;

static int memory_run(LedgerDb *db, void *userdata, Error *err) {
        PlannerMemory *reading = userdata;
        return check_memory_read(db, &reading->memory, err);
}

static void memory_done(int r, const Error *err, void *userdata) {
        PlannerMemory *reading = userdata;
        Planner *planner = reading->planner;

        planner->call = NULL;
        if (r < 0) {
                finish(planner, err);
                return;
        }
        planner->memory = reading->memory;
        reading->memory = (CheckMemory){0};
        ask_next(planner);
}

static void memory_release(void *userdata) {
        PlannerMemory *reading = userdata;

        check_memory_done(&reading->memory);
        free(reading);
}

static int ask_memory(Planner *planner, Error *err) {
        static const LedgerFunctions functions = {
                .run = memory_run, .on_done = memory_done, .release = memory_release};
        PlannerMemory *reading = calloc(1, sizeof(PlannerMemory));

        if (reading == NULL)
                return error_oom(err);
        reading->planner = planner;
        int r = ledger_call(
                planner->options.service->ledger, &functions, reading, &planner->call, err);
        if (r < 0)
                free(reading);
        return r;
}

static int reserve_plan(Planner *planner, Error *err) {
        planner->plan.databases = calloc(planner->n_selected, sizeof(PlannedDatabase));
        planner->plan.skipped = calloc(planner->n_selected, sizeof(RecordSkipped));
        return planner->plan.databases == NULL || planner->plan.skipped == NULL ? error_oom(err)
                                                                                : 0;
}

static void select_done(void *userdata) {
        PlannerWork *work = userdata;
        Planner *planner = work->planner;

        planner->work = NULL;
        planner->selected = TAKE_PTR(work->selected);
        planner->n_selected = work->n_selected;
        work->n_selected = 0;
        planner->free_bytes = work->free_bytes;
        if (work->r >= 0)
                work->r = reserve_plan(planner, &work->error);
        if (work->r >= 0)
                work->r = ask_memory(planner, &work->error);
        if (work->r < 0)
                finish(planner, &work->error);
}

int planner_start(const PlannerOptions *options, Planner **ret, Error *err) {
        static const WorkFunctions functions = {
                .run = select_run, .on_done = select_done, .release = select_release};
        Planner *planner = calloc(1, sizeof(Planner));
        PlannerWork *work = calloc(1, sizeof(PlannerWork));
        int r = planner == NULL || work == NULL ? error_oom(err) : 0;

        if (r >= 0) {
                planner->options = *options;
                work->planner = planner;
                r = string_list_copy(options->databases, &work->requested);
                if (r < 0)
                        (void)error_oom(err);
        }
        if (r >= 0) {
                work->settings = settings_ref(options->settings);
                r = work_start(options->service->files, &functions, work, &planner->work, err);
                if (r < 0)
                        settings_unref(work->settings);
        }
        if (r < 0) {
                if (work != NULL)
                        string_list_done(&work->requested);
                free(work);
                free(planner);
                return r;
        }
        *ret = planner;
        return 0;
}

Planner *planner_free(Planner *planner) {
        if (planner == NULL)
                return NULL;
        work_cancel(planner->work);
        ledger_cancel(planner->call);
        check_memory_done(&planner->memory);
        preflight_free(planner->preflight);
        for (size_t i = 0; i < planner->n_selected; i++)
                oracle_database_done(&planner->selected[i]);
        free(planner->selected);
        backup_plan_done(&planner->plan);
        free(planner);
        return NULL;
}
