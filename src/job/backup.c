/* The states of a backup. One cause of failure is kept, the first; everything that was begun is
 * brought to rest before the next thing is done. Owned by the manager. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "base/random.h"
#include "job/backup-internal.h"
#include "job/recovery.h"

#define TO(phase) (1u << (phase))
static const uint32_t MOVES[_BACKUP_PHASE_MAX] = {
        [BACKUP_NEW] = TO(BACKUP_PREFLIGHT),
        [BACKUP_PREFLIGHT] = TO(BACKUP_CLAIM) | TO(BACKUP_STOPPING),
        [BACKUP_CLAIM] = TO(BACKUP_PREPARE) | TO(BACKUP_STOPPING),
        [BACKUP_PREPARE] = TO(BACKUP_RMAN) | TO(BACKUP_STOPPING),
        [BACKUP_RMAN] = TO(BACKUP_FILES) | TO(BACKUP_STOPPING),
        [BACKUP_FILES] = TO(BACKUP_UPLOAD) | TO(BACKUP_STOPPING),
        [BACKUP_UPLOAD] = TO(BACKUP_COMMIT) | TO(BACKUP_STOPPING),
        [BACKUP_COMMIT] = TO(BACKUP_CLEANUP) | TO(BACKUP_STOPPING) | TO(BACKUP_OVER),
        [BACKUP_CLEANUP] = TO(BACKUP_OVER),
        [BACKUP_STOPPING] = TO(BACKUP_RETRY) | TO(BACKUP_FAILING) | TO(BACKUP_OVER),
        [BACKUP_RETRY] = TO(BACKUP_PREPARE) | TO(BACKUP_STOPPING),
        [BACKUP_FAILING] = TO(BACKUP_OVER),
};

/* The phases of the contract; NULL: the last one goes on being shown. */
static const char *const SHOWN[_BACKUP_PHASE_MAX] = {
        [BACKUP_PREFLIGHT] = "preflight",
        [BACKUP_CLAIM] = "claim",
        [BACKUP_RMAN] = "rman",
        [BACKUP_UPLOAD] = "upload",
        [BACKUP_COMMIT] = "commit",
        [BACKUP_CLEANUP] = "cleanup",
        [BACKUP_FAILING] = "cleanup",
};

void backup_enter(Backup *backup, BackupPhase phase) {
        assert(MOVES[backup->phase] & TO(phase));
        backup->phase = phase;
        if (SHOWN[phase] != NULL)
                job_set_phase(backup->job, SHOWN[phase]);
}

LogFields backup_log_fields(const Backup *backup) {
        return (LogFields){
                .job = job_id(backup->job),
                .backup = backup->claim.id,
                .instance = backup->claim.instance,
                .phase = job_phase(backup->job),
        };
}

/* ---- the end ---- */

void backup_over(Backup *backup, const Error *err) {
        LogFields fields = backup_log_fields(backup);

        backup_enter(backup, BACKUP_OVER);
        fields.error = err;
        if (err == NULL) {
                fields.message_id = MESSAGE_ID_BACKUP_COMPLETED;
                fields.bytes = backup->record.volume.size;
                log_notice(&fields, "Backup %s completed", backup->claim.id);
        } else {
                fields.message_id = MESSAGE_ID_BACKUP_FAILED;
                fields.database = backup->cause_sid;
                log_error(&fields, "Backup %s failed", backup->claim.id);
        }
        job_finish(backup->job, err);
}

static bool is_worth_another_attempt(const Backup *backup) {
        return backup->has_failed_in_rman && backup->stop_reason == ERROR_NONE &&
               backup->attempts <= backup->settings->config->retries &&
               oracle_error_is_transient(&backup->cause);
}

static void on_upload_stopped(void *userdata) {
        Backup *backup = userdata;

        backup->upload = upload_free(backup->upload);
        backup_settle(backup);
}

void backup_settle(Backup *backup) {
        if (backup->search != NULL || backup->planner != NULL || backup->runs != NULL ||
            backup->upload != NULL || backup->claiming != NULL || backup->commit != NULL ||
            backup->pass != NULL || backup->n_steps > 0)
                return;
        if (!backup->claimed) {
                backup_over(backup, &backup->cause);
        } else if (is_worth_another_attempt(backup)) {
                backup_enter(backup, BACKUP_RETRY);
                backup_end_attempt(backup);
        } else {
                backup_enter(backup, BACKUP_FAILING);
                backup_end_failed(backup);
        }
}

/* Brings to rest what can be brought to rest now; callbacks of the others end in backup_settle().
 */
static void stop_everything(Backup *backup) {
        backup->search = parent_search_free(backup->search);
        backup->planner = planner_free(backup->planner);
        backup->pass = owed_pass_free(backup->pass);
        backup->commit = commit_free(backup->commit);
        timer_disarm(backup->retry_timer);
        if (backup->claiming != NULL && !claiming_is_sending(backup->claiming))
                backup->claiming = claiming_free(backup->claiming);
        if (backup->runs != NULL)
                runs_stop(backup->runs);
        if (backup->upload != NULL)
                upload_stop(backup->upload, on_upload_stopped, backup);
        backup_settle(backup);
}

void backup_fail(Backup *backup, const Error *err, const char *sid) {
        if (backup->phase == BACKUP_STOPPING)
                return;
        backup->cause = *err;
        backup->has_failed_in_rman = sid != NULL;
        (void)snprintf(backup->cause_sid, sizeof(backup->cause_sid), "%s", sid == NULL ? "" : sid);
        backup_say_chain_ends(backup);
        backup_enter(backup, BACKUP_STOPPING);
        stop_everything(backup);
}

/* ---- commit ---- */

static void on_committed(const Error *err, bool final, void *userdata) {
        Backup *backup = userdata;

        backup->commit = commit_free(backup->commit);
        if (err == NULL) {
                backup->upload = upload_free(backup->upload);
                backup_enter(backup, BACKUP_CLEANUP);
                backup_clean_up(backup);
        } else if (final) {
                LogFields fields = backup_log_fields(backup);
                log_warning(
                        &fields,
                        "The record of backup %s is owed: it is sent again until the store takes "
                        "it",
                        backup->claim.id);
                recovery_nudge(backup->service->recovery);
                backup_over(backup, err);
        } else {
                backup_fail(backup, err, NULL);
        }
}

static void commit(Backup *backup) {
        Error error = {0};

        upload_result(backup->upload, &backup->upload_result);
        backup_enter(backup, BACKUP_COMMIT);
        CommitOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .job = job_id(backup->job),
                .record = &backup->record,
                .upload = &backup->upload_result,
                .attempt = backup->attempt,
                .claim = backup->row.object,
                .claim_size = backup->row.object_size,
                .parent = backup->claim.level == 0 ? NULL : &backup->parent,
                .directory = backup->directory,
                .on_done = on_committed,
                .userdata = backup,
        };
        if (commit_start(&options, &backup->commit, &error) < 0)
                backup_fail(backup, &error, NULL);
}

/* ---- upload ---- */

void backup_show_progress(Backup *backup) {
        JobProgress progress = {
                .bytes_expected = backup->plan.expected_bytes,
                .bytes_staged = backup->staged_bytes,
                .pieces_staged = backup->pieces_staged,
        };

        if (backup->upload != NULL) {
                progress.bytes_stored = upload_stored_bytes(backup->upload);
                progress.segments_stored = upload_stored_segments(backup->upload);
                if (tar_layout_is_closed(upload_layout(backup->upload)))
                        progress.bytes_expected = upload_sealed_size(backup->upload);
        }
        job_set_progress(backup->job, &progress);
}

static void on_upload_progress(void *userdata) {
        Backup *backup = userdata;

        backup_show_progress(backup);
        if (backup->settings->config->release == RELEASE_STORED)
                backup_release_pieces(backup);
}

static void on_upload_done(const Error *err, void *userdata) {
        Backup *backup = userdata;

        if (err != NULL) {
                backup_fail(backup, err, NULL);
                return;
        }
        backup_show_progress(backup);
        /* The last segment may be acknowledged before the step that closed the layout has been
         * heard of: UPLOAD is entered first, always. */
        assert(backup->phase == BACKUP_UPLOAD);
        commit(backup);
}

void backup_staged(Backup *backup) {
        Error error = {0};

        backup_enter(backup, BACKUP_UPLOAD);
        if (upload_close(backup->upload, &error) < 0)
                backup_fail(backup, &error, NULL);
        else
                backup_show_progress(backup);
}

static void on_upload_ready(void *userdata) {
        Backup *backup = userdata;
        Error error = {0};

        backup_enter(backup, BACKUP_RMAN);
        if (backup_stage_start(backup, &error) < 0)
                backup_fail(backup, &error, NULL);
}

/* ---- prepare ---- */

static int make_directories(BackupStep *step, LedgerDb *db, Error *err) {
        const Backup *backup = step->backup;
        CLEANUP(cleanup_free) char *files = path_join(backup->directory, ".files");

        (void)db;
        int r = directory_make(backup->directory, 0750, err);
        if (r >= 0)
                r = files == NULL ? error_oom(err) : directory_make(files, 0700, err);
        return r;
}

static int write_attempt(BackupStep *step, LedgerDb *db, Error *err) {
        const Backup *backup = step->backup;
        uint32_t job = backup->row.id;

        int r = ledger_attempt_add(db, job, backup->attempt, err);
        for (size_t i = 0; r >= 0 && i < backup->plan.n_databases; i++) {
                const PlannedDatabase *planned = &backup->plan.databases[i];
                LedgerTag tag = {
                        .oracle_home = planned->database.oracle_home, .dbid = planned->facts.dbid};

                (void)snprintf(tag.sid, sizeof(tag.sid), "%s", planned->database.sid);
                (void)snprintf(tag.tag, sizeof(tag.tag), "%s", planned->tag);
                r = ledger_tag_add(db, job, &tag, err);
        }
        if (r >= 0)
                r = ledger_previous_get(db, backup->claim.instance, &step->backup->previous, err);
        return r;
}

static void on_attempt_written(Backup *backup) {
        Error error = {0};
        UploadOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .backup_id = backup->claim.id,
                .attempt = backup->attempt,
                .max_segments = store_max_segments(backup->service->store),
                .on_ready = on_upload_ready,
                .on_progress = on_upload_progress,
                .on_done = on_upload_done,
                .userdata = backup,
        };
        if (upload_start(&options, &backup->upload, &error) < 0)
                backup_fail(backup, &error, NULL);
}

static void on_directories_made(Backup *backup) {
        Error error = {0};

        if (backup_step_ledger(backup, write_attempt, on_attempt_written, &error) < 0)
                backup_fail(backup, &error, NULL);
}

/* Tags are never used twice: another attempt's end in "-2", "-3", .. */
static void number_tags(Backup *backup) {
        for (size_t i = 0; i < backup->plan.n_databases; i++) {
                char *tag = backup->plan.databases[i].tag;
                char *number = strchr(strchr(tag, '-') + 1, '-');
                size_t length = number == NULL ? strlen(tag) : (size_t)(number - tag);

                if (backup->attempts > 1)
                        (void)snprintf(
                                tag + length,
                                sizeof(backup->plan.databases[i].tag) - length,
                                "-%u",
                                backup->attempts);
        }
}

void backup_prepare(Backup *backup) {
        Error error = {0};

        backup_enter(backup, BACKUP_PREPARE);
        backup->attempts++;
        random_hex8(backup->attempt);
        number_tags(backup);
        if (backup_step_files(backup, make_directories, on_directories_made, &error) < 0)
                backup_fail(backup, &error, NULL);
}

/* ---- claim ---- */

static void on_claimed(const Error *err, bool sent, void *userdata) {
        Backup *backup = userdata;
        Error error = {0};

        backup->claiming = claiming_free(backup->claiming);
        if (err != NULL) {
                /* If it was sent, it may be there: the ledger's row stays, and the next look at the
                 * store settles it (job/recovery). */
                if (sent)
                        recovery_nudge(backup->service->recovery);
                if (backup->phase == BACKUP_STOPPING)
                        backup_settle(backup);
                else
                        backup_fail(backup, err, NULL);
                return;
        }
        backup->claimed = true;
        if (backup->stop_reason != ERROR_NONE) {
                (void)error_set(
                        &error,
                        backup->stop_reason,
                        -ECANCELED,
                        "backup %s was stopped",
                        backup->claim.id);
                backup_fail(backup, &error, NULL);
                return;
        }
        LogFields fields = backup_log_fields(backup);
        fields.message_id = MESSAGE_ID_BACKUP_STARTED;
        log_notice(
                &fields,
                "Backup %s started as number %llu of instance %s",
                backup->claim.id,
                (unsigned long long)backup->claim.sequence,
                backup->claim.instance);
        backup_prepare(backup);
}

static int claim_databases(Backup *backup, Error *err) {
        for (size_t i = 0; i < backup->plan.n_databases; i++)
                if (string_list_add(
                            &backup->claim.databases, backup->plan.databases[i].database.sid) < 0)
                        return error_oom(err);
        return 0;
}

void backup_planned(Backup *backup, BackupPlan *plan) {
        Error error = {0};

        backup->plan = *plan;
        *plan = (BackupPlan){0};
        backup->planner = planner_free(backup->planner);
        job_set_database(backup->job, "");
        backup_enter(backup, BACKUP_CLAIM);
        int r = claim_databases(backup, &error);
        ClaimingOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .row = &backup->row,
                .claim = &backup->claim,
                .on_done = on_claimed,
                .userdata = backup,
        };
        if (r >= 0)
                r = claiming_start(&options, &backup->claiming, &error);
        if (r < 0)
                backup_fail(backup, &error, NULL);
}

/* ---- preflight ---- */

static void on_retry(void *userdata) {
        backup_prepare(userdata);
}

static int fill_row(Backup *backup, Error *err) {
        backup->row.id = job_id(backup->job);
        backup->row.started_usec = backup->claim.created_usec;
        (void)snprintf(backup->row.type, sizeof(backup->row.type), "%s", job_type_name(JOB_BACKUP));
        (void)snprintf(
                backup->row.backup_id, sizeof(backup->row.backup_id), "%s", backup->claim.id);
        (void)snprintf(
                backup->row.instance, sizeof(backup->row.instance), "%s", backup->claim.instance);
        backup->directory = path_join(backup->settings->config->backup_dir, backup->claim.id);
        backup->row.directory = backup->directory == NULL ? NULL : strdup(backup->directory);
        return backup->row.directory == NULL ? error_oom(err) : 0;
}

static int start(void *work, Job *job, Error *err) {
        Backup *backup = work;

        backup->job = job;
        if (backup->settings->recipients == NULL) {
                *err = backup->settings->recipients_error;
                return error_prefix(err, "nothing to encrypt backup %s to", backup->claim.id);
        }
        int r = fill_row(backup, err);
        if (r >= 0)
                r = timer_new(backup->service->loop, on_retry, backup, &backup->retry_timer, err);
        if (r < 0)
                return r;
        backup_enter(backup, BACKUP_PREFLIGHT);
        return backup_begin(backup, err);
}

/* ---- cancel ---- */

/* The service ends while only what is owed is left to do: it stays owed. */
static void leave(Backup *backup, const Error *reason) {
        if (backup->phase == BACKUP_CLEANUP && backup->pass != NULL) {
                backup->pass = owed_pass_free(backup->pass);
                backup_over(backup, NULL);
        } else if (backup->phase == BACKUP_FAILING && backup->pass != NULL) {
                backup->pass = owed_pass_free(backup->pass);
                backup_over(backup, &backup->cause);
        } else if (backup->phase == BACKUP_COMMIT && commit_leave(backup->commit)) {
                backup->commit = commit_free(backup->commit);
                backup_over(backup, reason);
        }
        /* Else a ledger call is about to end, and what it comes to decides. */
}

static bool is_final(const Backup *backup) {
        return backup->phase == BACKUP_CLEANUP ||
               (backup->commit != NULL && commit_is_final(backup->commit));
}

static bool ends_by_itself(const Backup *backup) {
        return backup->phase == BACKUP_STOPPING || backup->phase == BACKUP_OVER ||
               (backup->claiming != NULL && claiming_is_sending(backup->claiming));
}

static int cancel(void *work, ErrorKind reason, Error *err) {
        Backup *backup = work;
        Error error = {0};

        if (is_final(backup) && reason == ERROR_CANCELLED)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "backup %s is complete already: delete it instead",
                        backup->claim.id);
        (void)error_set(
                &error,
                reason,
                -ECANCELED,
                reason == ERROR_CANCELLED ? "backup %s was cancelled"
                                          : "backup %s was cut off: the service ended",
                backup->claim.id);
        backup->stop_reason = reason;
        if (ends_by_itself(backup))
                return 0;
        if (!is_final(backup) && backup->phase != BACKUP_FAILING)
                backup_fail(backup, &error, NULL);
        else if (reason == ERROR_INTERRUPTED)
                leave(backup, &error);
        return 0;
}

/* ---- new, free ---- */

static void *backup_free(void *work) {
        Backup *backup = work;

        if (backup == NULL)
                return NULL;
        parent_search_free(backup->search);
        planner_free(backup->planner);
        claiming_free(backup->claiming);
        commit_free(backup->commit);
        owed_pass_free(backup->pass);
        runs_free(backup->runs);
        upload_free(backup->upload);
        timer_free(backup->retry_timer);
        backup_plan_done(&backup->plan);
        source_done(&backup->parent);
        free(backup->wanted_parent);
        members_done(&backup->members);
        record_done(&backup->record);
        claim_done(&backup->claim);
        string_list_done(&backup->requested);
        ledger_job_done(&backup->row);
        free(backup->directory);
        settings_unref(backup->settings);
        free(backup);
        return NULL;
}

static int fill_claim(Backup *backup, const BackupRequest *request, Error *err) {
        Claim *claim = &backup->claim;
        const char *instance = backup->settings->config->instance;
        char created[24];

        claim->created_usec = clock_realtime_usec();
        claim->level = request->parent == NULL ? 0 : 1;
        if (request->parent != NULL) {
                backup->wanted_parent = strdup(request->parent);
                if (backup->wanted_parent == NULL)
                        return error_oom(err);
        }
        format_time(claim->created_usec, created);
        claim->id = strdup(request->backup_id);
        claim->instance = strdup(instance);
        claim->hostname = strdup(backup->service->hostname);
        claim->name = request->name != NULL
                              ? strdup(request->name)
                              : string_printf("%s-L%u-%s", instance, claim->level, created);
        claim->description = strdup(request->description == NULL ? "" : request->description);
        if (claim->id == NULL || claim->instance == NULL || claim->hostname == NULL ||
            claim->name == NULL || claim->description == NULL)
                return error_oom(err);
        return 0;
}

int backup_new(Service *service, const BackupRequest *request, void **ret, Error *err) {
        Backup *backup = calloc(1, sizeof(Backup));

        if (backup == NULL)
                return error_oom(err);
        backup->service = service;
        backup->settings = settings_ref(service->settings);
        int r = fill_claim(backup, request, err);
        if (r >= 0 && request->databases != NULL &&
            string_list_copy(request->databases, &backup->requested) < 0)
                r = error_oom(err);
        if (r < 0) {
                backup_free(backup);
                return r;
        }
        *ret = backup;
        return 0;
}

const JobFunctions backup_functions = {.start = start, .cancel = cancel, .free = backup_free};
