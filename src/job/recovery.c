/* See recovery.h. Owned by daemon/.
 *
 * A pass: rows of jobs that no process works at -> owed rows -> wait (longer each time something is
 * left). Only CLAIMING and COMMITTING rows need the store to be settled; the others become owed
 * rows at once. */
#include "job/recovery.h"

#include <errno.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "event/timer.h"
#include "job/backup-end.h"
#include "job/commit.h"
#include "job/cut-off.h"
#include "job/manager.h"
#include "job/owed.h"
#include "job/staging.h"
#include "ledger/db.h"
#include "ledger/run-key.h"
#include "oracle/dbca-response.h"
#include "repository/claim-rules.h"
#include "repository/control.h"
#include "repository/names.h"
#include "stream/digest.h"

enum {
        FIRST_WAIT_MSEC = 5 * 1000,
        LONGEST_WAIT_MSEC = 10 * 60 * 1000,
        READY_WAIT_MSEC = 10 * 1000
};

struct Recovery {
        Service *service;
        void (*on_ready)(void *userdata);
        void *userdata;
        bool is_ready, is_passing, is_nudged;

        LedgerJob *rows;
        size_t n_rows, next;
        size_t n_left; /* of this pass */
        uint64_t wait_msec;

        Timer *timer, *ready_timer;
        StoreRequest *request;
        OwedPass *pass;
        LedgerCall *call;
};

/* A block of its own: it outlives a recovery that is freed. */
typedef struct RecoveryCall {
        Recovery *recovery;
        SigningKey *signing_key;
        const char *hostname;
        LedgerJob *rows;
        size_t n_rows;
        LedgerJob row;    /* the one that is settled; moved here */
        bool adopt_claim; /* the claim is there: the ledger's last one from now on */
        Record record;
        char record_sha256[65];
        bool forget, keep;
} RecoveryCall;

static void next_row(Recovery *recovery);
static void begin_pass(Recovery *recovery);

static LedgerJob *row_of(Recovery *recovery) {
        return &recovery->rows[recovery->next];
}

static void free_rows(LedgerJob *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                ledger_job_done(&rows[i]);
        free(rows);
}

static void call_release(void *userdata) {
        RecoveryCall *call = userdata;

        free_rows(call->rows, call->n_rows);
        ledger_job_done(&call->row);
        record_done(&call->record);
        free(call);
}

static void
log_row(const LedgerJob *row,
        LogLevel level,
        const char *message_id,
        const Error *err,
        const char *what) {
        LogFields fields = {
                .job = row->id,
                .backup = row->backup_id,
                .instance = row->instance,
                .message_id = message_id,
                .error = err,
        };
        log_write(level, &fields, "%s %s %s", row->type, row->backup_id, what);
}

static void report_ready(Recovery *recovery) {
        if (recovery->is_ready)
                return;
        recovery->is_ready = true;
        timer_disarm(recovery->ready_timer);
        recovery->on_ready(recovery->userdata);
}

/* ---- the end of a pass ---- */

static void end_pass(Recovery *recovery) {
        recovery->is_passing = false;
        recovery->pass = owed_pass_free(recovery->pass);
        if (recovery->is_nudged || recovery->n_left == 0)
                recovery->wait_msec = FIRST_WAIT_MSEC;
        if (recovery->is_nudged || recovery->n_left > 0)
                timer_arm(recovery->timer, recovery->wait_msec);
        if (recovery->n_left > 0 && recovery->wait_msec < LONGEST_WAIT_MSEC)
                recovery->wait_msec *= 2;
        recovery->is_nudged = false;
        report_ready(recovery);
}

static void on_owed_done(size_t n_left, const Error *first, void *userdata) {
        Recovery *recovery = userdata;

        recovery->n_left += n_left;
        if (n_left > 0)
                log_warning(
                        &(LogFields){.error = error_is_set(first) ? first : NULL},
                        "%zu things that are owed could not be done and will be tried again",
                        n_left);
        end_pass(recovery);
}

static void do_owed(Recovery *recovery) {
        OwedPassOptions options = {
                .service = recovery->service, .on_done = on_owed_done, .userdata = recovery};
        Error error = {0};

        if (owed_pass_start(&options, &recovery->pass, &error) < 0)
                on_owed_done(1, &error, recovery);
}

/* ---- one row ---- */

static void row_left(Recovery *recovery, const Error *err) {
        log_row(row_of(recovery),
                LOG_LEVEL_WARNING,
                NULL,
                err,
                "cannot be settled yet and will be tried again");
        recovery->n_left++;
        recovery->next++;
        next_row(recovery);
}

static void on_row_settled(int r, const Error *err, void *userdata) {
        RecoveryCall *call = userdata;
        Recovery *recovery = call->recovery;

        recovery->call = NULL;
        *row_of(recovery) = call->row;
        call->row = (LedgerJob){0};
        if (r < 0) {
                row_left(recovery, err);
                return;
        }
        recovery->next++;
        next_row(recovery);
}

static int settle_row(
        Recovery *recovery,
        RecoveryCall *call,
        int (*run)(LedgerDb *, void *, Error *),
        Error *err) {
        LedgerFunctions functions = {
                .run = run, .on_done = on_row_settled, .release = call_release};

        call->recovery = recovery;
        call->signing_key = recovery->service->signing_key;
        call->hostname = recovery->service->hostname;
        call->row = *row_of(recovery);
        *row_of(recovery) = (LedgerJob){0};
        int r = ledger_call(recovery->service->ledger, &functions, call, &recovery->call, err);
        if (r < 0) {
                *row_of(recovery) = call->row;
                call->row = (LedgerJob){0};
                call_release(call);
        }
        return r;
}

static RecoveryCall *call_new(Error *err) {
        RecoveryCall *call = calloc(1, sizeof(RecoveryCall));

        if (call == NULL)
                (void)error_oom(err);
        return call;
}

/* What a restore left on disk: the fetched pieces, and beside them the workplace of its RMAN
 * phases. */
static int owe_restore_directories(LedgerDb *db, const LedgerJob *row, Error *err) {
        CLEANUP(cleanup_free) char *parent = path_parent(row->directory);
        CLEANUP(cleanup_free)
        char *workplace = parent == NULL ? NULL : string_printf("%s/.logs-%u", parent, row->id);

        if (workplace == NULL)
                return error_oom(err);
        int r = staging_owe_removal(db, row->backup_id, row->directory, err);
        if (r >= 0)
                r = ledger_owed_add(
                        db,
                        &(OwedWork){OWED_DIRECTORY, row->backup_id, workplace, NULL, 0},
                        NULL,
                        err);
        return r;
}

static int forget_run(LedgerDb *db, void *userdata, Error *err) {
        const RecoveryCall *call = userdata;
        const LedgerJob *row = &call->row;

        if (row->stage == LEDGER_OTHER && row->directory != NULL) {
                int r = owe_restore_directories(db, row, err);
                if (r < 0)
                        return r;
        }
        return ledger_job_remove(db, row->id, err);
}

static int adopt_claim(LedgerDb *db, const RecoveryCall *call, Error *err) {
        char hostname[256];
        LedgerClaim claim = {.sequence = call->row.sequence, .hostname = hostname};

        (void)snprintf(hostname, sizeof(hostname), "%s", call->hostname);
        (void)snprintf(claim.id, sizeof(claim.id), "%s", call->row.backup_id);
        return ledger_claim_put(db, call->row.instance, &claim, err);
}

static int interrupted_run(LedgerDb *db, void *userdata, Error *err) {
        const RecoveryCall *call = userdata;
        Error cause = {0};
        BackupFailure failure = {call->hostname, call->signing_key, &cause};

        (void)error_set(
                &cause,
                ERROR_INTERRUPTED,
                -EINTR,
                "backup %s was cut off: the service or the host ended during the job",
                call->row.backup_id);
        int r = call->adopt_claim ? adopt_claim(db, call, err) : 0;
        if (r >= 0 && !string_equal(call->row.type, "backup"))
                return ledger_job_remove(db, call->row.id, err);
        return r < 0 ? r : backup_owe_failure(db, &call->row, &failure, err);
}

static int start_interrupted(Recovery *recovery, bool adopt, Error *err) {
        RecoveryCall *call = call_new(err);

        if (call == NULL)
                return -ENOMEM;
        call->adopt_claim = adopt;
        log_row(row_of(recovery),
                LOG_LEVEL_WARNING,
                MESSAGE_ID_BACKUP_FAILED,
                NULL,
                "was cut off and is ended as Interrupted");
        return settle_row(recovery, call, interrupted_run, err);
}

static int start_forget(Recovery *recovery, Error *err) {
        RecoveryCall *call = call_new(err);
        return call == NULL ? -ENOMEM : settle_row(recovery, call, forget_run, err);
}

/* CLAIMING: is the claim there, and is it ours? */
static void on_claim_read(const StoreReply *reply, void *userdata) {
        Recovery *recovery = userdata;
        const LedgerJob *row = row_of(recovery);
        Error error = {0};
        int r;

        recovery->request = NULL;
        if (reply->r < 0 && reply->r != -ENOENT) {
                row_left(recovery, reply->err);
                return;
        }
        if (reply->r == -ENOENT) {
                r = start_forget(recovery, &error);
        } else if (
                reply->size == row->object_size &&
                memcmp(reply->data, row->object, reply->size) == 0) {
                r = start_interrupted(recovery, true, &error);
        } else {
                (void)error_set(
                        &error,
                        ERROR_NOT_OWNER,
                        -EEXIST,
                        "claim %llu of instance %s is another host's",
                        (unsigned long long)row->sequence,
                        row->instance);
                log_row(row, LOG_LEVEL_ERR, MESSAGE_ID_NOT_OWNER, &error, "never began");
                r = start_forget(recovery, &error);
        }
        if (r < 0)
                row_left(recovery, &error);
}

static int start_claiming(Recovery *recovery, Error *err) {
        const LedgerJob *row = row_of(recovery);
        CLEANUP(cleanup_free) char *name = object_name_claim(row->instance, row->sequence);

        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                recovery->service->store,
                name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_claim_read, recovery, &recovery->request},
                err);
}

/* COMMITTING: the same bytes are sent until they are there. */
static int committed_run(LedgerDb *db, void *userdata, Error *err) {
        const RecoveryCall *call = userdata;
        CommitSettled settled = {
                .job = call->row.id,
                .record = &call->record,
                .record_sha256 = call->record_sha256,
                .directory = call->row.directory,
                .forget = call->forget,
                .keep = call->keep,
        };
        return commit_settle(db, &settled, err);
}

static int parse_row_record(const LedgerJob *row, RecoveryCall *call, Error *err) {
        Envelope envelope = {0};

        int r = envelope_open(
                row->object,
                row->object_size,
                "record",
                "the record in the ledger",
                &envelope,
                err);
        if (r >= 0)
                r = record_parse(
                        envelope.payload,
                        envelope.payload_size,
                        "the record in the ledger",
                        &call->record,
                        err);
        if (r >= 0)
                r = digest_hex(
                        DIGEST_SHA256,
                        envelope.payload,
                        envelope.payload_size,
                        call->record_sha256,
                        err);
        envelope_done(&envelope);
        return r;
}

static void on_record_put(const StoreReply *reply, void *userdata) {
        Recovery *recovery = userdata;
        const LedgerJob *row = row_of(recovery);
        Error error = {0};

        recovery->request = NULL;
        if (reply->r < 0) {
                row_left(recovery, reply->err);
                return;
        }
        RecoveryCall *call = call_new(&error);
        int r = call == NULL ? -ENOMEM : parse_row_record(row, call, &error);
        if (r < 0) {
                if (call != NULL)
                        call_release(call);
                row_left(recovery, &error);
                return;
        }
        log_row(row,
                LOG_LEVEL_NOTICE,
                MESSAGE_ID_BACKUP_COMPLETED,
                NULL,
                "completed: its record is in the store");
        const Config *config = recovery->service->settings->config;
        call->forget = config->repository_forget;
        call->keep = config->release == RELEASE_CHAIN;
        if (settle_row(recovery, call, committed_run, &error) < 0)
                row_left(recovery, &error);
}

static int start_committing(Recovery *recovery, Error *err) {
        const LedgerJob *row = row_of(recovery);
        CLEANUP(cleanup_free)
        char *name = object_name(row->instance, row->backup_id, OBJECT_RECORD);

        if (name == NULL)
                return error_oom(err);
        return store_put_object(
                recovery->service->store,
                name,
                row->object,
                row->object_size,
                &(StoreCall){on_record_put, recovery, &recovery->request},
                err);
}

static int start_row(Recovery *recovery, Error *err) {
        switch (row_of(recovery)->stage) {
        case LEDGER_CLAIMING:
                return start_claiming(recovery, err);
        case LEDGER_COMMITTING:
                return start_committing(recovery, err);
        case LEDGER_RUNNING:
        case LEDGER_FAILING:
                return start_interrupted(recovery, false, err);
        case LEDGER_OTHER:
                cut_off_log(row_of(recovery));
                return start_forget(recovery, err);
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "the ledger has a job of an unknown stage");
}

/* A job of this process settles its row itself. */
static bool is_being_worked_at(const Recovery *recovery, const LedgerJob *row) {
        const Job *job = recovery->service->manager == NULL
                                 ? NULL
                                 : manager_find(recovery->service->manager, row->id);
        return job != NULL && (job_state(job) == JOB_QUEUED || job_state(job) == JOB_RUNNING);
}

static void next_row(Recovery *recovery) {
        Error error = {0};

        while (recovery->next < recovery->n_rows && is_being_worked_at(recovery, row_of(recovery)))
                recovery->next++;
        if (recovery->next == recovery->n_rows)
                do_owed(recovery);
        else if (start_row(recovery, &error) < 0)
                row_left(recovery, &error);
}

/* ---- a pass ---- */

static int read_run(LedgerDb *db, void *userdata, Error *err) {
        RecoveryCall *call = userdata;
        return ledger_jobs(db, &call->rows, &call->n_rows, err);
}

static void on_rows_read(int r, const Error *err, void *userdata) {
        RecoveryCall *call = userdata;
        Recovery *recovery = call->recovery;

        recovery->call = NULL;
        if (r < 0) {
                on_owed_done(1, err, recovery);
                return;
        }
        free_rows(recovery->rows, recovery->n_rows);
        recovery->rows = TAKE_PTR(call->rows);
        recovery->n_rows = call->n_rows;
        call->n_rows = 0;
        recovery->next = 0;
        next_row(recovery);
}

static int start_pass(Recovery *recovery, Error *err) {
        static const LedgerFunctions functions = {
                .run = read_run, .on_done = on_rows_read, .release = call_release};
        RecoveryCall *call = call_new(err);

        if (call == NULL)
                return -ENOMEM;
        call->recovery = recovery;
        recovery->is_passing = true;
        recovery->n_left = 0;
        int r = ledger_call(recovery->service->ledger, &functions, call, &recovery->call, err);
        if (r < 0) {
                recovery->is_passing = false;
                call_release(call);
        }
        return r;
}

static void begin_pass(Recovery *recovery) {
        Error error = {0};

        if (start_pass(recovery, &error) < 0)
                on_owed_done(1, &error, recovery);
}

static void on_timer(void *userdata) {
        begin_pass(userdata);
}

static void on_ready_timer(void *userdata) {
        report_ready(userdata);
}

void recovery_nudge(Recovery *recovery) {
        if (recovery == NULL)
                return;
        recovery->is_nudged = recovery->is_passing;
        if (!recovery->is_passing)
                timer_arm(recovery->timer, FIRST_WAIT_MSEC);
}

int recovery_start(
        Service *service,
        void (*on_ready)(void *userdata),
        void *userdata,
        Recovery **ret,
        Error *err) {
        Recovery *recovery = calloc(1, sizeof(Recovery));

        if (recovery == NULL)
                return error_oom(err);
        recovery->service = service;
        recovery->on_ready = on_ready;
        recovery->userdata = userdata;
        recovery->wait_msec = FIRST_WAIT_MSEC;
        /* A key without a job of this process is of no use. */
        int r = run_key_remove_all(service->runtime_directory, err);
        /* Nor is a response file of dbca, which holds the password of SYS. */
        if (r >= 0)
                r = dbca_response_remove_all(service->runtime_directory, err);
        if (r >= 0)
                r = timer_new(service->loop, on_timer, recovery, &recovery->timer, err);
        if (r >= 0)
                r = timer_new(service->loop, on_ready_timer, recovery, &recovery->ready_timer, err);
        if (r >= 0)
                r = start_pass(recovery, err);
        if (r < 0) {
                recovery_free(recovery);
                return r;
        }
        timer_arm(recovery->ready_timer, READY_WAIT_MSEC);
        *ret = recovery;
        return 0;
}

Recovery *recovery_free(Recovery *recovery) {
        if (recovery == NULL)
                return NULL;
        ledger_cancel(recovery->call);
        store_cancel(recovery->request);
        owed_pass_free(recovery->pass);
        timer_free(recovery->timer);
        timer_free(recovery->ready_timer);
        free_rows(recovery->rows, recovery->n_rows);
        free(recovery);
        return NULL;
}
