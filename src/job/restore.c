/* The states of a restore. Nothing is changed before restore_checked(). Owned by the manager. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/message-ids.h"
#include "job/recovery.h"
#include "job/restore-internal.h"
#include "job/staging.h"

#define TO(phase) (1u << (phase))
static const uint32_t MOVES[_RESTORE_PHASE_MAX] = {
        [RESTORE_NEW] = TO(RESTORE_SOURCE),
        [RESTORE_SOURCE] = TO(RESTORE_TARGETS) | TO(RESTORE_STOPPING),
        [RESTORE_TARGETS] = TO(RESTORE_HEADER) | TO(RESTORE_STOPPING),
        [RESTORE_HEADER] = TO(RESTORE_SEGMENTS) | TO(RESTORE_STOPPING),
        [RESTORE_SEGMENTS] = TO(RESTORE_DOWNLOAD) | TO(RESTORE_OVER) | TO(RESTORE_STOPPING),
        [RESTORE_DOWNLOAD] = TO(RESTORE_OVERWRITE) | TO(RESTORE_PLACE) | TO(RESTORE_STOPPING),
        [RESTORE_OVERWRITE] = TO(RESTORE_PLACE) | TO(RESTORE_STOPPING),
        [RESTORE_PLACE] = TO(RESTORE_ORACLE) | TO(RESTORE_STOPPING),
        [RESTORE_ORACLE] = TO(RESTORE_OVERWRITE) | TO(RESTORE_PLACE) | TO(RESTORE_CLEANUP) |
                           TO(RESTORE_STOPPING),
        [RESTORE_CLEANUP] = TO(RESTORE_OVER),
        [RESTORE_STOPPING] = TO(RESTORE_FAILING) | TO(RESTORE_OVER),
        [RESTORE_FAILING] = TO(RESTORE_OVER),
};

void restore_enter(Restore *restore, RestorePhase phase) {
        assert(MOVES[restore->phase] & TO(phase));
        restore->phase = phase;
        if (phase == RESTORE_SOURCE)
                job_set_phase(restore->job, "plan");
        else if (phase == RESTORE_DOWNLOAD)
                job_set_phase(restore->job, "download");
}

LogFields restore_log_fields(const Restore *restore) {
        return (LogFields){
                .job = job_id(restore->job),
                .backup = restore->backup_id,
                .instance = restore->settings->config->instance,
                .phase = job_phase(restore->job),
        };
}

RestorePlanInput restore_plan_input(const Restore *restore) {
        return (RestorePlanInput){
                .chain = &restore->chain,
                .config = restore->settings->config,
                .databases = &restore->requested,
                .oracle_home = restore->oracle_home,
                .backup_dir = restore->backup_dir,
                .has_until_scn = restore->has_until_scn,
                .until_scn = restore->until_scn,
                .until_usec = restore->until_usec,
                .state_directory = restore->service->state_directory,
        };
}

/* ---- steps off the loop ---- */

static void step_end(RestoreStep *step) {
        Restore *restore = step->restore;

        restore->n_steps--;
        if (restore->phase == RESTORE_STOPPING)
                restore_settle(restore);
        else if (step->r < 0)
                restore_fail(restore, &step->error);
        else
                step->on_done(restore);
}

static int step_ledger_run(LedgerDb *db, void *userdata, Error *err) {
        RestoreStep *step = userdata;
        return step->run(step->restore, db, err);
}

static void step_ledger_done(int r, const Error *err, void *userdata) {
        RestoreStep *step = userdata;

        step->r = r;
        if (r < 0)
                step->error = *err;
        step_end(step);
}

static void step_files_run(void *userdata) {
        RestoreStep *step = userdata;
        step->r = step->run(step->restore, NULL, &step->error);
}

static void step_files_done(void *userdata) {
        step_end(userdata);
}

int restore_step_ledger(
        Restore *restore, RestoreStepRun run, void (*on_done)(Restore *), Error *err) {
        static const LedgerFunctions functions = {
                .run = step_ledger_run, .on_done = step_ledger_done, .release = free};
        RestoreStep *step = calloc(1, sizeof(RestoreStep));

        if (step == NULL)
                return error_oom(err);
        *step = (RestoreStep){.restore = restore, .run = run, .on_done = on_done};
        int r = ledger_call(restore->service->ledger, &functions, step, NULL, err);
        if (r < 0)
                free(step);
        else
                restore->n_steps++;
        return r;
}

int restore_step_files(
        Restore *restore, RestoreStepRun run, void (*on_done)(Restore *), Error *err) {
        static const WorkFunctions functions = {
                .run = step_files_run, .on_done = step_files_done, .release = free};
        RestoreStep *step = calloc(1, sizeof(RestoreStep));

        if (step == NULL)
                return error_oom(err);
        *step = (RestoreStep){.restore = restore, .run = run, .on_done = on_done};
        int r = work_start(restore->service->files, &functions, step, NULL, err);
        if (r < 0)
                free(step);
        else
                restore->n_steps++;
        return r;
}

/* ---- the end ---- */

/* What went wrong first, if anything did. */
static const Error *outcome(const Restore *restore, const Error *later) {
        return error_is_set(&restore->cause) ? &restore->cause : later;
}

static void over(Restore *restore, const Error *err) {
        LogFields fields = restore_log_fields(restore);

        restore_enter(restore, RESTORE_OVER);
        fields.error = err;
        fields.message_id = err == NULL ? MESSAGE_ID_RESTORE_COMPLETED : MESSAGE_ID_RESTORE_FAILED;
        if (err != NULL)
                log_error(&fields, "Restore of backup %s failed", restore->backup_id);
        else if (restore->dry_run)
                log_notice(
                        &(LogFields){.job = fields.job, .backup = fields.backup},
                        "Restore of backup %s was tried and would work",
                        restore->backup_id);
        else
                log_notice(&fields, "Restore of backup %s completed", restore->backup_id);
        job_finish(restore->job, err);
}

static void on_passed(size_t n_left, const Error *first, void *userdata) {
        Restore *restore = userdata;
        LogFields fields = restore_log_fields(restore);

        restore->pass = owed_pass_free(restore->pass);
        if (n_left > 0) {
                fields.error = error_is_set(first) ? first : NULL;
                log_warning(
                        &fields,
                        "%zu things are still to be done after the restore and will be tried again",
                        n_left);
                recovery_nudge(restore->service->recovery);
        }
        over(restore, outcome(restore, NULL));
}

/* What was fetched is owed for removal; the job itself has nothing left that a crash could leave
 * behind. */
static int owe_removal(Restore *restore, LedgerDb *db, Error *err) {
        bool failed = error_is_set(&restore->cause);
        int r = 0;

        for (size_t i = 0; r >= 0 && !failed && i < restore->plan.n_databases; i++) {
                const TargetDatabase *target = &restore->plan.databases[i];
                r = owe_uncatalog(
                        db,
                        restore->backup_id,
                        target->database.sid,
                        target->database.oracle_home,
                        &target->pieces,
                        err);
                if (r >= 0)
                        r = ledger_operation_add(
                                db,
                                LEDGER_CROSSCHECK,
                                target->database.sid,
                                RESTORE_CROSSCHECKS,
                                err);
        }
        if (r >= 0)
                r = staging_owe_removal(db, restore->backup_id, restore->plan.directory, err);
        if (r >= 0)
                r = ledger_job_remove(db, job_id(restore->job), err);
        return r;
}

static void start_pass(Restore *restore) {
        Error error = {0};
        OwedPassOptions options = {
                .service = restore->service,
                .backup_id = restore->backup_id,
                .skip_oracle = restore->stop_reason == ERROR_INTERRUPTED,
                .on_done = on_passed,
                .userdata = restore,
        };
        if (owed_pass_start(&options, &restore->pass, &error) < 0)
                on_passed(1, &error, restore);
}

static void end(Restore *restore) {
        Error error = {0};

        if (!restore->row_written) {
                over(restore, outcome(restore, NULL));
                return;
        }
        restore_enter(restore, error_is_set(&restore->cause) ? RESTORE_FAILING : RESTORE_CLEANUP);
        if (restore_step_ledger(restore, owe_removal, start_pass, &error) < 0)
                over(restore, outcome(restore, &error));
}

void restore_finished(Restore *restore) {
        end(restore);
}

static void fetch_link(Restore *restore);

static void on_download_stopped(void *userdata) {
        Restore *restore = userdata;

        restore->download = download_free(restore->download);
        restore->download_is_stopping = false;
        if (restore->phase == RESTORE_STOPPING) {
                restore_settle(restore);
                return;
        }
        const Source *fetched = &restore->chain.links[restore->link++];
        restore->bytes_fetched += fetched->record.volume.size;
        restore->segments_fetched += (uint32_t)fetched->n_segments;
        if (restore->link < restore->chain.n)
                fetch_link(restore);
        else
                restore_next_database(restore);
}

static void stop_download(Restore *restore) {
        if (restore->download == NULL || restore->download_is_stopping)
                return;
        restore->download_is_stopping = true;
        download_stop(restore->download, on_download_stopped, restore);
}

void restore_settle(Restore *restore) {
        if (restore->download == NULL && restore->overwrite_run == NULL && restore->run == NULL &&
            restore->n_steps == 0)
                end(restore);
}

void restore_fail(Restore *restore, const Error *err) {
        if (restore->phase == RESTORE_STOPPING)
                return;
        if (restore->phase == RESTORE_CLEANUP || restore->phase == RESTORE_FAILING) {
                over(restore, outcome(restore, err)); /* the ledger does not take what is owed: its
                                       row stays for the next start */
                return;
        }
        restore->cause = *err;
        restore_enter(restore, RESTORE_STOPPING);
        restore_stop_checks(restore);
        stop_download(restore);
        if (restore->run != NULL)
                restore_run_stop(restore->run);
        restore->overwrite_run = overwrite_run_free(restore->overwrite_run);
        restore_settle(restore);
}

/* ---- download ---- */

static void on_progress(uint64_t bytes, uint32_t segments, void *userdata) {
        Restore *restore = userdata;
        JobProgress progress = {
                .bytes_expected = restore->bytes_expected,
                .bytes_staged = restore->bytes_fetched + bytes,
                .bytes_stored = restore->bytes_fetched + bytes,
                .segments_stored = restore->segments_fetched + segments,
        };
        job_set_progress(restore->job, &progress);
}

static void on_downloaded(const Error *err, void *userdata) {
        Restore *restore = userdata;

        if (err != NULL)
                restore_fail_at_link(restore, err);
        else
                stop_download(restore);
}

static void fetch_link(Restore *restore) {
        Error error = {0};
        const PlannedLink *link = &restore->plan.links[restore->link];
        DownloadOptions options = {
                .service = restore->service,
                .settings = restore->settings,
                .source = &restore->chain.links[restore->link],
                .payload = &restore->payloads[restore->link],
                .files = link->downloads,
                .n_files = link->n_downloads,
                .on_progress = on_progress,
                .on_done = on_downloaded,
                .userdata = restore,
        };
        if (download_start(&options, &restore->download, &error) < 0)
                restore_fail(restore, &error);
}

/* What an earlier job left there is of no use: its backup is in the store. Pieces that are kept for
 * RMAN are fetched all the same, since only what was verified against the signed record is
 * restored, and each verified one replaces the one that lies there. */
static int empty_directory(Restore *restore, LedgerDb *db, Error *err) {
        int r = 0;

        (void)db;
        for (size_t i = 0; r >= 0 && i < restore->plan.n_links; i++) {
                const PlannedLink *link = &restore->plan.links[i];
                r = link->is_kept ? staging_tidy(link->directory, err)
                                  : directory_remove_tree(link->directory, err);
        }
        return r;
}

static void on_row_written(Restore *restore) {
        Error error = {0};

        if (restore_step_files(restore, empty_directory, fetch_link, &error) < 0)
                restore_fail(restore, &error);
}

/* The names of the databases, for the journal of the next start. */
static void name_databases(const Restore *restore, Text *ret) {
        for (size_t i = 0; i < restore->plan.n_databases; i++)
                text_appendf(
                        ret, "%s%s", i == 0 ? "" : " ", restore->plan.databases[i].database.sid);
}

/* What is fetched of ancestors is owed for removal from the start, so that a crash does not leave
 * it: rows of a job that runs are left to the job. */
static int owe_ancestors(Restore *restore, LedgerDb *db, Error *err) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < restore->plan.n_links; i++) {
                PlannedLink *link = &restore->plan.links[i];

                r = staging_is_kept(db, link->directory, &link->is_kept, err);
                if (r >= 0 && i + 1 < restore->plan.n_links)
                        r = staging_owe_removal(db, restore->backup_id, link->directory, err);
        }
        return r;
}

static int write_row(Restore *restore, LedgerDb *db, Error *err) {
        Text names = TEXT_INIT;

        name_databases(restore, &names);
        LedgerJob row = {
                .id = job_id(restore->job),
                .stage = LEDGER_OTHER,
                .started_usec = clock_realtime_usec(),
                .directory = restore->plan.directory,
                .object = names.data,
                .object_size = names.length,
        };
        (void)snprintf(row.type, sizeof(row.type), "%s", job_type_name(JOB_RESTORE));
        (void)snprintf(row.backup_id, sizeof(row.backup_id), "%s", restore->backup_id);
        (void)snprintf(
                row.instance, sizeof(row.instance), "%s", restore->settings->config->instance);
        int r = names.failed ? error_oom(err) : ledger_job_put(db, &row, err);
        text_done(&names);
        return r < 0 ? r : owe_ancestors(restore, db, err);
}

static void show_plan(Restore *restore) {
        const RestorePlan *plan = &restore->plan;

        for (size_t i = 0; i < plan->n_databases; i++) {
                const TargetDatabase *target = &plan->databases[i];
                const char *in_the_way = target->in_the_way == NULL ? "" : target->in_the_way;
                char created[24];
                format_time(chain_last(&restore->chain)->record.created_usec, created);
                JobValue row[] = {
                        {.key = "sid", .type = JOB_VALUE_STRING, .string = target->database.sid},
                        {.key = "db_name",
                         .type = JOB_VALUE_STRING,
                         .string = target->record->db_name},
                        {.key = "dbid", .type = JOB_VALUE_UINT, .number = target->record->dbid},
                        {.key = "oracle_home",
                         .type = JOB_VALUE_STRING,
                         .string = target->database.oracle_home},
                        {.key = "until_scn", .type = JOB_VALUE_UINT, .number = target->until_scn},
                        {.key = "links", .type = JOB_VALUE_UINT, .number = plan->n_links},
                        {.key = "pieces", .type = JOB_VALUE_UINT, .number = target->pieces.n},
                        {.key = "directory", .type = JOB_VALUE_STRING, .string = plan->directory},
                        {.key = "bytes", .type = JOB_VALUE_UINT, .number = plan->bytes},
                        {.key = "free_bytes", .type = JOB_VALUE_UINT, .number = plan->free_bytes},
                        {.key = "overwrites", .type = JOB_VALUE_STRING, .string = in_the_way},
                        {.key = "lost_since",
                         .type = JOB_VALUE_STRING,
                         .string = target->in_the_way == NULL ? "" : created},
                };
                job_add_row(restore->job, row, ELEMENTSOF(row));
        }
}

void restore_checked(Restore *restore) {
        LogFields fields = restore_log_fields(restore);
        Error error = {0};

        job_set_database(restore->job, "");
        if (restore->dry_run) {
                show_plan(restore);
                over(restore, NULL);
                return;
        }
        fields.message_id = MESSAGE_ID_RESTORE_STARTED;
        log_notice(
                &fields,
                "Restore of backup %s started: everything it needs is there",
                restore->backup_id);
        restore_enter(restore, RESTORE_DOWNLOAD);
        /* A stop may overtake the step: from here on the row may be there. */
        restore->row_written = true;
        for (size_t i = 0; i < restore->chain.n; i++)
                restore->bytes_expected += restore->chain.links[i].record.volume.size;
        if (restore_step_ledger(restore, write_row, on_row_written, &error) < 0)
                restore_fail(restore, &error);
}

/* ---- start, cancel, new, free ---- */

static int start(void *work, Job *job, Error *err) {
        Restore *restore = work;

        restore->job = job;
        return restore_check_start(restore, err);
}

static int cancel(void *work, ErrorKind reason, Error *err) {
        Restore *restore = work;
        Error error = {0};

        (void)err;
        restore->stop_reason = reason;
        (void)error_set(
                &error,
                reason,
                -ECANCELED,
                reason == ERROR_CANCELLED
                        ? "the restore of backup %s was cancelled"
                        : "the restore of backup %s was cut off: the service ended",
                restore->backup_id);
        if ((restore->phase == RESTORE_CLEANUP || restore->phase == RESTORE_FAILING) &&
            reason == ERROR_INTERRUPTED && restore->pass != NULL) {
                restore->pass = owed_pass_free(restore->pass);
                over(restore, outcome(restore, NULL));
        } else if (restore->phase < RESTORE_CLEANUP) {
                restore_fail(restore, &error);
        }
        return 0;
}

static void *restore_free(void *work) {
        Restore *restore = work;

        if (restore == NULL)
                return NULL;
        restore_stop_checks(restore);
        owed_pass_free(restore->pass);
        overwrite_run_free(restore->overwrite_run);
        restore_run_free(restore->run);
        download_free(restore->download);
        restore_plan_done(&restore->plan);
        if (restore->payloads != NULL)
                wipe(restore->payloads, restore->chain.n * sizeof(AgePayload));
        free(restore->payloads);
        chain_done(&restore->chain);
        age_identities_free(restore->identities);
        trusted_keys_free(restore->extra_trust);
        free(restore->first_segment);
        string_list_done(&restore->requested);
        string_list_done(&restore->notes);
        free(restore->oracle_home);
        free(restore->backup_dir);
        free(restore->save_directory);
        settings_unref(restore->settings);
        free(restore);
        return NULL;
}

static int copy_string(const char *from, char **to) {
        if (from == NULL)
                return 0;
        *to = strdup(from);
        return *to == NULL ? -ENOMEM : 0;
}

static int copy_request(Restore *restore, const RestoreRequest *request, Error *err) {
        (void)snprintf(restore->backup_id, sizeof(restore->backup_id), "%s", request->backup_id);
        restore->accept_unsigned = request->accept_unsigned;
        restore->overwrite = request->overwrite;
        restore->dry_run = request->dry_run;
        restore->has_until_scn = request->has_until_scn;
        restore->until_scn = request->until_scn;
        restore->until_usec = request->until_usec;
        if ((request->databases != NULL &&
             string_list_copy(request->databases, &restore->requested) < 0) ||
            copy_string(request->oracle_home, &restore->oracle_home) < 0 ||
            copy_string(request->backup_dir, &restore->backup_dir) < 0)
                return error_oom(err);
        return 0;
}

/* The key that was given counts for this call only, for whatever instance the backup is of. */
static int trust_for_this_call(Restore *restore, const char *key, Error *err) {
        if (key == NULL)
                return 0;
        int r = trusted_keys_new(&restore->extra_trust, err);
        return r < 0 ? r
                     : trusted_keys_add(restore->extra_trust, "*", key, "given with the call", err);
}

int restore_new(Service *service, const RestoreRequest *request, void **ret, Error *err) {
        Restore *restore = calloc(1, sizeof(Restore));

        if (restore == NULL)
                return error_oom(err);
        restore->service = service;
        restore->settings = settings_ref(service->settings);
        int r = copy_request(restore, request, err);
        if (r >= 0)
                r = trust_for_this_call(restore, request->trust, err);
        if (r < 0) {
                restore_free(restore);
                return r;
        }
        restore->identities = request->identities;
        *ret = restore;
        return 0;
}

const JobFunctions restore_functions = {.start = start, .cancel = cancel, .free = restore_free};
