/* CheckConfiguration: host -> ledger -> store -> claims -> backups -> databases -> room; the rows
 * are shown at the end. What cannot be asked gives its row, and the next step comes. Owned by the
 * manager. */
#include "job/check.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "event/timer.h"
#include "job/check-databases.h"
#include "job/check-host.h"
#include "job/check-memory.h"
#include "job/check-store.h"
#include "job/claim.h"
#include "job/manager.h"
#include "job/query.h"

static const uint64_t DAY_USEC = UINT64_C(86400000000);

typedef struct Check {
        Service *service;
        Settings *settings;
        Job *job;
        AgeIdentities *identities;
        AdviceList rows;

        Work *work;
        LedgerCall *call;
        StoreProbe *probe;
        Claiming *claiming;
        Query *query;
        DatabaseCheck *databases;
        StoreRequest *request;

        CheckMemory memory;
        bool store_answers;
        Record newest; /* the newest backup; zeroed: none */
        uint64_t level0_usec;
        uint64_t expected_bytes;
        ErrorKind stop_reason;
} Check;

/* ---- the end ---- */

static void show_row(Check *check, const Advice *row) {
        const JobValue values[] = {
                {.key = "check", .type = JOB_VALUE_STRING, .string = row->check},
                {.key = "database", .type = JOB_VALUE_STRING, .string = row->database},
                {.key = "ok", .type = JOB_VALUE_BOOL, .number = row->ok},
                {.key = "severity",
                 .type = JOB_VALUE_STRING,
                 .string = advice_severity_name(row->severity)},
                {.key = "detail", .type = JOB_VALUE_STRING, .string = row->detail},
        };
        job_add_row(check->job, values, ELEMENTSOF(values));
}

/* With very many databases not everything fits: then what is well is left out, but never what is
 * not. */
static void show_rows(Check *check) {
        bool all = check->rows.n <= LIMIT_RESULT_ROWS;

        for (size_t i = 0; i < check->rows.n; i++)
                if (all || !check->rows.items[i].ok || check->rows.items[i].database[0] == '\0')
                        show_row(check, &check->rows.items[i]);
}

static void finish(Check *check, const Error *err) {
        Error error = {0};

        if (err == NULL && check->rows.failed) {
                (void)error_oom(&error);
                err = &error;
        }
        if (err == NULL)
                show_rows(check);
        job_finish(check->job, err);
}

static void finish_stopped(Check *check) {
        Error error = {0};

        (void)error_set(
                &error, check->stop_reason, -ECANCELED, "the check was stopped; ask for it again");
        finish(check, &error);
}

/* ---- room ---- */

/* What crosses to a worker and back: the rows are its own meanwhile. */
typedef struct CheckWork {
        Check *check;
        void (*run)(struct CheckWork *work);
        void (*on_done)(Check *check);
        Settings *settings;
        StringList own_keys;
        AgeIdentities *identities;
        const SigningKey *signing_key;
        const char *config_path, *state_directory;
        StringList recovery_areas, homes;
        uint64_t expected_bytes;
        AdviceList rows;
} CheckWork;

static void work_run(void *userdata) {
        CheckWork *work = userdata;
        work->run(work);
}

static void take_rows(Check *check, AdviceList *rows) {
        for (size_t i = 0; i < rows->n; i++) {
                const Advice *row = &rows->items[i];

                if (row->ok)
                        advice_good(&check->rows, row->check, NULL, "%s", row->detail);
                else
                        advice_bad(
                                &check->rows, row->check, NULL, row->severity, "%s", row->detail);
        }
        check->rows.failed |= rows->failed;
}

static void work_done(void *userdata) {
        CheckWork *work = userdata;
        Check *check = work->check;

        check->work = NULL;
        take_rows(check, &work->rows);
        work->on_done(check);
}

static void work_release(void *userdata) {
        CheckWork *work = userdata;

        settings_unref(work->settings);
        string_list_done(&work->own_keys);
        string_list_done(&work->recovery_areas);
        string_list_done(&work->homes);
        age_identities_free(work->identities);
        advice_list_done(&work->rows);
        free(work);
}

static CheckWork *
work_new(Check *check, void (*run)(CheckWork *work), void (*on_done)(Check *check)) {
        CheckWork *work = calloc(1, sizeof(CheckWork));

        if (work == NULL)
                return NULL;
        work->check = check;
        work->run = run;
        work->on_done = on_done;
        work->settings = settings_ref(check->settings);
        return work;
}

static int work_begin(Check *check, CheckWork *work, Error *err) {
        static const WorkFunctions functions = {
                .run = work_run, .on_done = work_done, .release = work_release};
        int r = work_start(check->service->files, &functions, work, &check->work, err);

        if (r < 0)
                work_release(work);
        return r;
}

static void on_space(const StoreReply *reply, void *userdata) {
        Check *check = userdata;

        check->request = NULL;
        if (reply->r < 0)
                advice_bad(
                        &check->rows,
                        "store_space",
                        NULL,
                        ADVICE_ERROR,
                        "%s; see the row store",
                        reply->err->message);
        else if (reply->object_size == UINT64_MAX)
                advice_good(
                        &check->rows,
                        "store_space",
                        NULL,
                        "the store does not tell its room; a quota shows when it is reached");
        else if (reply->object_size < check->expected_bytes)
                advice_bad(
                        &check->rows,
                        "store_space",
                        NULL,
                        ADVICE_ERROR,
                        "the store has %" PRIu64
                        " bytes free and the next full backup may need %" PRIu64
                        ": make room there",
                        reply->object_size,
                        check->expected_bytes);
        else
                advice_good(
                        &check->rows,
                        "store_space",
                        NULL,
                        "the store has room for the next full backup");
        finish(check, NULL);
}

static void ask_space(Check *check) {
        Error error = {0};

        if (!check->store_answers)
                finish(check, NULL);
        else if (
                store_space(
                        check->service->store,
                        &(StoreCall){on_space, check, &check->request},
                        &error) < 0)
                finish(check, &error);
}

static void room_run(CheckWork *work) {
        const RoomCheck room = {
                .config = work->settings->config,
                .recovery_areas = &work->recovery_areas,
                .homes = &work->homes,
                .expected_bytes = work->expected_bytes,
                .rows = &work->rows,
        };
        check_room(&room);
}

/* ---- databases ---- */

static void on_database(const char *sid, void *userdata) {
        Check *check = userdata;
        job_set_database(check->job, sid);
}

static int start_room(Check *check, const DatabaseCheckResult *result, Error *err) {
        CheckWork *work = work_new(check, room_run, ask_space);

        if (work == NULL)
                return error_oom(err);
        check->expected_bytes = work->expected_bytes = result->expected_bytes;
        if (string_list_copy(&result->recovery_areas, &work->recovery_areas) < 0 ||
            string_list_copy(&result->homes, &work->homes) < 0) {
                work_release(work);
                return error_oom(err);
        }
        return work_begin(check, work, err);
}

static void on_databases(const DatabaseCheckResult *result, const Error *err, void *userdata) {
        Check *check = userdata;
        Error error = {0};

        if (err != NULL)
                error = *err;
        else
                (void)start_room(check, result, &error);
        check->databases = database_check_free(check->databases);
        job_set_database(check->job, "");
        if (error_is_set(&error))
                finish(check, &error);
}

static uint64_t days_since(uint64_t usec) {
        uint64_t now = clock_realtime_usec();
        return usec == 0 || usec > now ? 0 : (now - usec) / DAY_USEC;
}

static void start_databases(Check *check) {
        DatabaseCheckOptions options = {
                .service = check->service,
                .settings = check->settings,
                .memory = &check->memory,
                .newest = check->newest.id == NULL ? NULL : &check->newest,
                .rows = &check->rows,
                .level0_age_days = days_since(check->level0_usec),
                .on_database = on_database,
                .on_done = on_databases,
                .userdata = check,
        };
        Error error = {0};

        if (database_check_start(&options, &check->databases, &error) < 0)
                finish(check, &error);
}

/* ---- the backups there are: how old is the chain, where did the newest begin ---- */

static void on_newest(const BackupView *views, size_t n, const Error *err, void *userdata) {
        Check *check = userdata;

        /* Only the rows about the newest backup lack something to compare with. */
        if (err == NULL && n == 1 && views[0].has_record) {
                check->newest = views[0].record;
                ((BackupView *)(uintptr_t)views)->record = (Record){0};
        }
        check->query = query_free(check->query);
        start_databases(check);
}

static void on_listed(const BackupView *views, size_t n, const Error *err, void *userdata) {
        Check *check = userdata;
        char id[37] = "";
        Error error = {0};

        for (size_t i = 0; err == NULL && i < n; i++) {
                if (id[0] == '\0')
                        memcpy(id, views[i].id, sizeof(id));
                if (views[i].level > 0)
                        continue;
                check->level0_usec = views[i].created_usec;
                break;
        }
        check->query = query_free(check->query);
        if (id[0] == '\0')
                start_databases(check);
        else if (query_get(check->service, id, on_newest, check, &check->query, &error) < 0)
                finish(check, &error);
}

static void list_backups(Check *check) {
        ListOptions options = {
                .instance = check->settings->config->instance,
                .has_state = true,
                .state = STATE_COMPLETED,
        };
        Error error = {0};

        if (!check->store_answers)
                start_databases(check);
        else if (query_list(check->service, &options, on_listed, check, &check->query, &error) < 0)
                finish(check, &error);
}

/* ---- claims ---- */

static void on_claims(const Error *err, bool sent, void *userdata) {
        Check *check = userdata;

        (void)sent;
        if (err == NULL)
                advice_good(
                        &check->rows,
                        "claims",
                        NULL,
                        "this host is the writer of instance %s",
                        check->settings->config->instance);
        else
                advice_bad(
                        &check->rows,
                        "claims",
                        NULL,
                        ADVICE_ERROR,
                        "%s%s",
                        err->message,
                        err->kind == ERROR_NOT_OWNER ? "; TakeOver makes this host the writer again"
                                                     : "; see the row store");
        check->claiming = claiming_free(check->claiming);
        list_backups(check);
}

static void look_at_claims(Check *check) {
        ClaimingOptions options = {
                .service = check->service,
                .settings = check->settings,
                .only_check = true,
                .on_done = on_claims,
                .userdata = check,
        };
        Error error = {0};

        if (!check->store_answers)
                list_backups(check);
        else if (claiming_start(&options, &check->claiming, &error) < 0)
                finish(check, &error);
}

/* ---- the store ---- */

static void on_probed(const StoreProbeResult *result, void *userdata) {
        Check *check = userdata;

        check->store_answers = !error_is_set(&result->error);
        store_probe_judge(result, store_describe(check->service->store), &check->rows);
        check->probe = store_probe_free(check->probe);
        if (check->stop_reason != ERROR_NONE)
                finish_stopped(check);
        else
                look_at_claims(check);
}

static void start_probe(Check *check) {
        StoreProbeOptions options = {
                .service = check->service,
                .instance = check->settings->config->instance,
                .on_done = on_probed,
                .userdata = check,
        };
        Error error = {0};

        if (store_probe_start(&options, &check->probe, &error) < 0)
                finish(check, &error);
}

/* ---- the ledger ---- */

typedef struct Remember {
        Check *check;
        CheckMemory memory;
} Remember;

static int remember_run(LedgerDb *db, void *userdata, Error *err) {
        Remember *remember = userdata;
        return check_memory_read(db, &remember->memory, err);
}

static void remember_done(int r, const Error *err, void *userdata) {
        Remember *remember = userdata;
        Check *check = remember->check;

        check->call = NULL;
        if (r < 0) {
                finish(check, err);
                return;
        }
        check->memory = remember->memory;
        remember->memory = (CheckMemory){0};
        check_memory_judge(&check->memory, check->service->manager, &check->rows);
        start_probe(check);
}

static void remember_release(void *userdata) {
        Remember *remember = userdata;

        check_memory_done(&remember->memory);
        free(remember);
}

static void ask_ledger(Check *check) {
        static const LedgerFunctions functions = {
                .run = remember_run, .on_done = remember_done, .release = remember_release};
        Remember *remember = calloc(1, sizeof(Remember));
        Error error = {0};
        int r = remember == NULL ? error_oom(&error) : 0;

        if (r >= 0) {
                remember->check = check;
                r = ledger_call(check->service->ledger, &functions, remember, &check->call, &error);
                if (r < 0)
                        free(remember);
        }
        if (r < 0)
                finish(check, &error);
}

/* ---- the host ---- */

static void host_run(CheckWork *work) {
        const HostCheck host = {
                .config_path = work->config_path,
                .config = work->settings->config,
                .trusted = work->settings->trusted,
                .own_keys = &work->own_keys,
                .signing_key = work->signing_key,
                .state_directory = work->state_directory,
                .identities = work->identities,
                .rows = &work->rows,
        };
        check_host(&host);
}

static int start(void *userdata, Job *job, Error *err) {
        Check *check = userdata;
        const Service *service = check->service;
        CheckWork *work = work_new(check, host_run, ask_ledger);

        check->job = job;
        if (work == NULL)
                return error_oom(err);
        job_set_phase(job, "check");
        work->identities = TAKE_PTR(check->identities);
        work->signing_key = service->signing_key;
        work->config_path = service->config_path;
        work->state_directory = service->state_directory;
        if (string_list_copy(service->own_keys, &work->own_keys) < 0) {
                work_release(work);
                return error_oom(err);
        }
        return work_begin(check, work, err);
}

static int cancel(void *userdata, ErrorKind reason, Error *err) {
        Check *check = userdata;

        (void)err;
        if (check->stop_reason != ERROR_NONE)
                return 0;
        check->stop_reason = reason;
        if (check->probe != NULL) { /* its object goes first */
                store_probe_stop(check->probe);
                return 0;
        }
        work_cancel(check->work);
        check->work = NULL;
        ledger_cancel(check->call);
        check->call = NULL;
        check->claiming = claiming_free(check->claiming);
        check->query = query_free(check->query);
        check->databases = database_check_free(check->databases);
        store_cancel(check->request);
        check->request = NULL;
        finish_stopped(check);
        return 0;
}

static void *check_free(void *userdata) {
        Check *check = userdata;

        if (check == NULL)
                return NULL;
        work_cancel(check->work);
        ledger_cancel(check->call);
        store_probe_free(check->probe);
        claiming_free(check->claiming);
        query_free(check->query);
        database_check_free(check->databases);
        store_cancel(check->request);
        check_memory_done(&check->memory);
        record_done(&check->newest);
        advice_list_done(&check->rows);
        age_identities_free(check->identities);
        settings_unref(check->settings);
        free(check);
        return NULL;
}

int check_new(Service *service, CheckRequest *request, void **ret, Error *err) {
        Check *check = calloc(1, sizeof(Check));

        if (check == NULL)
                return error_oom(err);
        check->service = service;
        check->settings = settings_ref(service->settings);
        check->identities = TAKE_PTR(request->identities);
        *ret = check;
        return 0;
}

const JobFunctions check_functions = {.start = start, .cancel = cancel, .free = check_free};
