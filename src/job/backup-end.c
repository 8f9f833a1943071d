/* How a backup ends: what is left to do goes into the ledger in one transaction, then it is done as
 * far as it can be done now. Part of job/backup. */
#include "job/backup-end.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/backup-internal.h"
#include "job/recovery.h"
#include "ledger/run-key.h"
#include "repository/names.h"

/* ---- rows: what a failed backup leaves to be done (also for job/recovery) ---- */

static int copy_tags(const LedgerTag *tags, size_t n, Failed *failed, Error *err) {
        failed->tags = calloc(n + 1, sizeof(ControlTag));
        if (failed->tags == NULL)
                return error_oom(err);
        for (size_t i = 0; i < n; i++) {
                failed->tags[i] =
                        (ControlTag){strdup(tags[i].sid), tags[i].dbid, strdup(tags[i].tag)};
                failed->n_tags++;
                if (failed->tags[i].sid == NULL || failed->tags[i].tag == NULL)
                        return error_oom(err);
        }
        return 0;
}

static int
owe_failed_object(LedgerDb *db, const Failed *failed, const SigningKey *key, Error *err) {
        CLEANUP(cleanup_free) char *payload = NULL, *envelope = NULL, *name = NULL;
        size_t payload_size, envelope_size;

        int r = failed_print(failed, &payload, &payload_size, err);
        if (r >= 0)
                r = envelope_seal(
                        key,
                        &(EnvelopeContent){"failed", payload, payload_size},
                        &envelope,
                        &envelope_size,
                        err);
        if (r < 0)
                return r;
        name = object_name(failed->instance, failed->id, OBJECT_FAILED);
        if (name == NULL)
                return error_oom(err);
        return ledger_owed_add(
                db, &(OwedWork){OWED_PUT, failed->id, name, envelope, envelope_size}, NULL, err);
}

static int
owe_all(LedgerDb *db,
        const LedgerJob *row,
        const BackupFailure *failure,
        Failed *failed,
        Error *err) {
        LedgerTag *tags = NULL;
        size_t n = 0;

        int r = ledger_tags(db, row->id, &tags, &n, err);
        if (r >= 0)
                r = copy_tags(tags, n, failed, err);
        if (r >= 0)
                r = owe_failed_object(db, failed, failure->signing_key, err);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        r = owe_tag(db, row->backup_id, &tags[i], err);
                ledger_tag_done(&tags[i]);
        }
        free(tags);
        if (r >= 0)
                r = ledger_owed_add(
                        db,
                        &(OwedWork){OWED_SEGMENTS, row->backup_id, row->backup_id, NULL, 0},
                        NULL,
                        err);
        if (r >= 0 && row->directory != NULL)
                r = ledger_owed_add(
                        db,
                        &(OwedWork){OWED_DIRECTORY, row->backup_id, row->directory, NULL, 0},
                        NULL,
                        err);
        return r;
}

/* failed.json comes first, so that nothing is removed while the backup still looks as if it were
 * being made. */
int backup_owe_failure(
        LedgerDb *db, const LedgerJob *row, const BackupFailure *failure, Error *err) {
        Failed failed = {
                .id = strdup(row->backup_id),
                .instance = strdup(row->instance),
                .hostname = strdup(failure->hostname),
                .sequence = row->sequence,
                .created_usec = clock_realtime_usec(),
                .error = failure->cause->kind,
                .error_message = strdup(failure->cause->message),
        };
        int r = failed.id == NULL || failed.instance == NULL || failed.hostname == NULL ||
                                failed.error_message == NULL
                        ? error_oom(err)
                        : ledger_attempts(db, row->id, &failed.attempts, err);

        if (r >= 0)
                r = owe_all(db, row, failure, &failed, err);
        if (r >= 0)
                r = ledger_job_remove(db, row->id, err);
        failed_done(&failed);
        return r;
}

/* ---- the pass over them ---- */

static int start_pass(
        Backup *backup,
        void (*on_done)(size_t n_left, const Error *first, void *userdata),
        Error *err) {
        ErrorKind kind = backup->cause.kind;
        OwedPassOptions options = {
                .service = backup->service,
                .backup_id = backup->claim.id,
                .skip_store = kind == ERROR_STORE_UNAVAILABLE || kind == ERROR_STORE_AUTH,
                .skip_oracle = backup->stop_reason == ERROR_INTERRUPTED,
                .on_done = on_done,
                .userdata = backup,
        };
        return owed_pass_start(&options, &backup->pass, err);
}

static void note_owed(Backup *backup, size_t n_left, const Error *first) {
        LogFields fields = backup_log_fields(backup);

        if (n_left == 0)
                return;
        fields.error = error_is_set(first) ? first : NULL;
        log_warning(
                &fields,
                "%zu things are still to be done for backup %s and will be tried again",
                n_left,
                backup->claim.id);
        recovery_nudge(backup->service->recovery);
}

/* The key of an ended attempt is of no use any more; its file is in a tmpfs, so this does not wait.
 */
static void drop_key(Backup *backup) {
        if (backup->attempt[0] != '\0')
                (void)run_key_remove(
                        backup->service->runtime_directory,
                        backup->claim.id,
                        backup->attempt,
                        NULL);
}

/* ---- FAILING ---- */

static void on_failure_done(size_t n_left, const Error *first, void *userdata) {
        Backup *backup = userdata;

        note_owed(backup, n_left, first);
        backup->pass = owed_pass_free(backup->pass);
        backup_over(backup, &backup->cause);
}

static int failure_run(BackupStep *step, LedgerDb *db, Error *err) {
        const Backup *backup = step->backup;
        BackupFailure failure = {
                backup->service->hostname, backup->service->signing_key, &backup->cause};
        return backup_owe_failure(db, &backup->row, &failure, err);
}

static void on_failure_owed(Backup *backup) {
        Error error = {0};

        if (start_pass(backup, on_failure_done, &error) < 0)
                backup_over(backup, &backup->cause);
}

void backup_end_failed(Backup *backup) {
        Error error = {0};

        drop_key(backup);
        /* A ledger that cannot be written leaves the job's row, which the next start takes up. */
        if (backup_step_ledger(backup, failure_run, on_failure_owed, &error) < 0)
                backup_over(backup, &backup->cause);
}

/* ---- RETRY ---- */

static int attempt_run(BackupStep *step, LedgerDb *db, Error *err) {
        const Backup *backup = step->backup;
        const char *id = backup->claim.id;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < backup->plan.n_databases; i++) {
                const PlannedDatabase *planned = &backup->plan.databases[i];
                LedgerTag tag = {
                        .oracle_home = planned->database.oracle_home, .dbid = planned->facts.dbid};

                (void)snprintf(tag.sid, sizeof(tag.sid), "%s", planned->database.sid);
                (void)snprintf(tag.tag, sizeof(tag.tag), "%s", planned->tag);
                r = owe_tag(db, id, &tag, err);
        }
        if (r >= 0)
                r = ledger_owed_add(
                        db,
                        &(OwedWork){
                                OWED_SEGMENTS, id, id, backup->attempt, strlen(backup->attempt)},
                        NULL,
                        err);
        if (r >= 0)
                r = ledger_owed_add(
                        db, &(OwedWork){OWED_DIRECTORY, id, backup->directory, NULL, 0}, NULL, err);
        return r;
}

static void on_attempt_cleaned(size_t n_left, const Error *first, void *userdata) {
        Backup *backup = userdata;
        LogFields fields = backup_log_fields(backup);
        Error cause = backup->cause;

        note_owed(backup, n_left, first);
        backup->pass = owed_pass_free(backup->pass);
        if (n_left > 0) {
                backup_fail(backup, &cause, NULL);
                return;
        }
        fields.error = &cause;
        log_warning(
                &fields,
                "Attempt %u of backup %s failed for a passing reason, another one begins in %llu s",
                backup->attempts,
                backup->claim.id,
                (unsigned long long)backup->service->retry_delay_msec / 1000);
        backup->cause = (Error){0};
        timer_arm(backup->retry_timer, backup->service->retry_delay_msec);
}

static void on_attempt_owed(Backup *backup) {
        Error error = {0};

        if (start_pass(backup, on_attempt_cleaned, &error) < 0)
                backup_fail(backup, &error, NULL);
}

void backup_end_attempt(Backup *backup) {
        Error error = {0};

        drop_key(backup);
        members_done(&backup->members);
        record_done(&backup->record);
        backup->record = (Record){0};
        backup->staged_bytes = 0;
        backup->pieces_staged = 0;
        backup_show_progress(backup);
        if (backup_step_ledger(backup, attempt_run, on_attempt_owed, &error) < 0)
                backup_fail(backup, &error, NULL);
}

/* ---- CLEANUP ---- */

static void on_cleaned_up(size_t n_left, const Error *first, void *userdata) {
        Backup *backup = userdata;

        note_owed(backup, n_left, first);
        backup->pass = owed_pass_free(backup->pass);
        backup_over(backup, NULL);
}

void backup_clean_up(Backup *backup) {
        Error error = {0};

        drop_key(backup);
        backup->cause = (Error){0};
        if (start_pass(backup, on_cleaned_up, &error) < 0)
                backup_over(backup, NULL);
}
