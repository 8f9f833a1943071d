/* The commit of one backup. Owned by job/backup.
 *
 * States: manifest -> list -> list read back -> claim read back -> ledger -> record -> settle; each
 * step's callback begins the next. */
#include "job/commit.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "job/children.h"
#include "job/owed.h"
#include "job/staging.h"
#include "repository/names.h"
#include "repository/segments.h"
#include "stream/digest.h"

struct Commit {
        CommitOptions options;
        char *list; /* the object `segments` */
        size_t list_size;
        char *list_name, *record_name;
        char *envelope; /* backup.json */
        size_t envelope_size;
        char record_sha256[65];
        bool final, leaving;

        StoreRequest *request;
        Children *children;
        LedgerCall *call;
        bool in_ledger,
                orphan; /* a call that has not been released keeps the memory; freed meanwhile */
};

static void destroy(Commit *commit) {
        children_free(commit->children);
        free(commit->list);
        free(commit->list_name);
        free(commit->record_name);
        free(commit->envelope);
        free(commit);
}

static void release_call(void *userdata) {
        Commit *commit = userdata;

        commit->in_ledger = false;
        if (commit->orphan)
                destroy(commit);
}

typedef int (*LedgerRun)(LedgerDb *db, void *userdata, Error *err);
typedef void (*LedgerOnDone)(int r, const Error *err, void *userdata);

static int call_ledger(Commit *commit, LedgerRun run, LedgerOnDone on_done, Error *err) {
        LedgerFunctions functions = {.run = run, .on_done = on_done, .release = release_call};
        int r = ledger_call(
                commit->options.service->ledger, &functions, commit, &commit->call, err);

        commit->in_ledger = commit->in_ledger || r >= 0;
        return r;
}

static void finish(Commit *commit, const Error *err) {
        commit->options.on_done(err, commit->final, commit->options.userdata);
}

static Store *store_of(const Commit *commit) {
        return commit->options.service->store;
}

/* ---- settle ---- */

int commit_settle(LedgerDb *db, const CommitSettled *settled, Error *err) {
        const Record *record = settled->record;
        LedgerPrevious previous = {.sequence = record->sequence};

        (void)snprintf(previous.id, sizeof(previous.id), "%s", record->id);
        (void)snprintf(
                previous.record_sha256,
                sizeof(previous.record_sha256),
                "%s",
                settled->record_sha256);
        int r = ledger_previous_put(db, record->instance, &previous, err);
        if (r >= 0)
                r = owe_uncatalog_of_record(db, record, settled->forget, err);
        if (r >= 0)
                r = staging_settle(db, record, settled->directory, settled->keep, err);
        if (r >= 0)
                r = ledger_job_remove(db, settled->job, err);
        return r;
}

static int settle_run(LedgerDb *db, void *userdata, Error *err) {
        const Commit *commit = userdata;
        const CommitOptions *options = &commit->options;
        CommitSettled settled = {
                .job = options->job,
                .record = options->record,
                .record_sha256 = commit->record_sha256,
                .directory = options->directory,
                .forget = options->settings->config->repository_forget,
                .keep = options->settings->config->release == RELEASE_CHAIN,
        };
        return commit_settle(db, &settled, err);
}

static void on_settled(int r, const Error *err, void *userdata) {
        Commit *commit = userdata;

        commit->call = NULL;
        finish(commit, r < 0 ? err : NULL);
}

static void on_record_stored(const StoreReply *reply, void *userdata) {
        Commit *commit = userdata;
        Error error = {0};

        commit->request = NULL;
        if (reply->r < 0) {
                finish(commit, reply->err);
                return;
        }
        (void)fault_point("commit-record-stored");
        if (call_ledger(commit, settle_run, on_settled, &error) < 0)
                finish(commit, &error);
}

/* ---- the record ---- */

static int stage_run(LedgerDb *db, void *userdata, Error *err) {
        const Commit *commit = userdata;
        return ledger_job_stage(
                db,
                commit->options.job,
                LEDGER_COMMITTING,
                commit->envelope,
                commit->envelope_size,
                err);
}

static void on_staged(int r, const Error *err, void *userdata) {
        Commit *commit = userdata;
        Error error = {0};

        commit->call = NULL;
        if (r < 0) {
                commit->final = false;
                finish(commit, err);
                return;
        }
        (void)fault_point("commit-record-in-ledger");
        if (commit->leaving) {
                (void)error_set(
                        &error,
                        ERROR_INTERRUPTED,
                        -ECANCELED,
                        "backup %s was cut off: the service ended",
                        commit->options.record->id);
                finish(commit, &error);
                return;
        }
        r = store_put_object(
                store_of(commit),
                commit->record_name,
                commit->envelope,
                commit->envelope_size,
                &(StoreCall){on_record_stored, commit, &commit->request},
                &error);
        if (r < 0)
                finish(commit, &error);
}

static int fill_record(Commit *commit, Error *err) {
        const UploadResult *upload = commit->options.upload;
        Record *record = commit->options.record;
        RecordVolume *volume = &record->volume;

        record->finished_usec = clock_realtime_usec();
        record->payload_offset = upload->payload_offset;
        memcpy(record->header_sha256, upload->header_sha256, sizeof(record->header_sha256));
        volume->size = upload->size;
        volume->segment_size = commit->options.settings->config->segment_size;
        volume->segment_count = upload->n_segments;
        volume->segments_size = commit->list_size;
        (void)snprintf(volume->attempt, sizeof(volume->attempt), "%s", commit->options.attempt);
        volume->name = object_name(record->instance, record->id, OBJECT_TAR);
        if (volume->name == NULL)
                return error_oom(err);
        return digest_hex(
                DIGEST_SHA256, commit->list, commit->list_size, volume->segments_sha256, err);
}

/* A record that a restore would refuse is found here, not when it is needed. */
static int check_record(const char *payload, size_t size, Error *err) {
        Record record = {0};
        int r = record_parse(payload, size, "the record to be stored", &record, err);

        record_done(&record);
        return r;
}

static int seal_record(Commit *commit, Error *err) {
        CLEANUP(cleanup_free) char *payload = NULL;
        size_t size;

        int r = fill_record(commit, err);
        if (r >= 0)
                r = record_print(commit->options.record, &payload, &size, err);
        if (r >= 0)
                r = check_record(payload, size, err);
        if (r >= 0)
                r = digest_hex(DIGEST_SHA256, payload, size, commit->record_sha256, err);
        if (r >= 0)
                r = envelope_seal(
                        commit->options.service->signing_key,
                        &(EnvelopeContent){"record", payload, size},
                        &commit->envelope,
                        &commit->envelope_size,
                        err);
        return r;
}

static int seal_and_stage(Commit *commit, Error *err) {
        int r = seal_record(commit, err);
        if (r < 0)
                return r;
        commit->final = true;
        r = call_ledger(commit, stage_run, on_staged, err);
        commit->final = r >= 0;
        return r;
}

/* ---- the parent of a level 1, once more ---- */

static void on_children(const Error *err, void *userdata) {
        Commit *commit = userdata;
        Error error = {0};

        /* *err belongs to what the receiver frees. */
        if (err != NULL)
                error = *err;
        else
                (void)seal_and_stage(commit, &error);
        if (error_is_set(&error))
                finish(commit, &error);
}

static int ask_parent(Commit *commit, Error *err) {
        const Record *parent = &commit->options.parent->record;
        ChildrenOptions options = {
                .service = commit->options.service,
                .settings = commit->options.settings,
                .parent_id = parent->id,
                .own_id = commit->options.record->id,
                .parent_sequence = parent->sequence,
                .on_done = on_children,
                .userdata = commit,
        };
        return children_start(&options, &commit->children, err);
}

static void on_claim_read(const StoreReply *reply, void *userdata) {
        Commit *commit = userdata;
        const CommitOptions *options = &commit->options;
        Error error = {0};

        commit->request = NULL;
        int r = reply->r;
        if (r < 0)
                error = *reply->err;
        else if (
                reply->size != options->claim_size ||
                memcmp(reply->data, options->claim, reply->size) != 0)
                r = error_set(
                        &error,
                        ERROR_NOT_OWNER,
                        -EEXIST,
                        "claim %llu of instance %s is no longer ours: another host writes under "
                        "this name",
                        (unsigned long long)options->record->sequence,
                        options->record->instance);
        if (r >= 0)
                r = options->parent == NULL ? seal_and_stage(commit, &error)
                                            : ask_parent(commit, &error);
        if (r < 0)
                finish(commit, &error);
}

static int read_claim(Commit *commit, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name_claim(
                commit->options.record->instance, commit->options.record->sequence);
        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                store_of(commit),
                name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_claim_read, commit, &commit->request},
                err);
}

/* ---- the large object and the list of its segments ---- */

static void on_list_read(const StoreReply *reply, void *userdata) {
        Commit *commit = userdata;
        Error error = {0};

        commit->request = NULL;
        int r = reply->r;
        if (r < 0)
                error = *reply->err;
        else if (
                reply->size != commit->list_size ||
                memcmp(reply->data, commit->list, reply->size) != 0)
                r = error_set(
                        &error,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "%s reads back with other bytes than were stored",
                        commit->list_name);
        if (r >= 0)
                r = read_claim(commit, &error);
        if (r < 0)
                finish(commit, &error);
}

static void on_list_stored(const StoreReply *reply, void *userdata) {
        Commit *commit = userdata;
        Error error = {0};

        commit->request = NULL;
        if (reply->r < 0) {
                finish(commit, reply->err);
                return;
        }
        int r = store_get_object(
                store_of(commit),
                commit->list_name,
                commit->list_size + 1,
                &(StoreCall){on_list_read, commit, &commit->request},
                &error);
        if (r < 0)
                finish(commit, &error);
}

static int print_list(Commit *commit, Error *err) {
        const CommitOptions *options = &commit->options;
        SegmentsOf of = {options->record->instance, options->record->id, options->attempt};
        size_t n = options->upload->n_segments;
        SegmentLine *lines = calloc(n, sizeof(SegmentLine));

        if (lines == NULL)
                return error_oom(err);
        for (size_t i = 0; i < n; i++) {
                lines[i].size = options->upload->segments[i].size;
                memcpy(lines[i].md5, options->upload->segments[i].md5, sizeof(lines[i].md5));
        }
        int r = segments_print(&of, lines, n, &commit->list, &commit->list_size, err);
        free(lines);
        return r;
}

static int put_list(Commit *commit, Error *err) {
        int r = print_list(commit, err);
        if (r < 0)
                return r;
        return store_put_object(
                store_of(commit),
                commit->list_name,
                commit->list,
                commit->list_size,
                &(StoreCall){on_list_stored, commit, &commit->request},
                err);
}

static void on_committed(const StoreReply *reply, void *userdata) {
        Commit *commit = userdata;
        RecordVolume *volume = &commit->options.record->volume;
        Error error = {0};

        commit->request = NULL;
        int r = reply->r;
        if (r < 0)
                error = *reply->err;
        else if (reply->object_size != commit->options.upload->size)
                r = error_set(
                        &error,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "the stored backup has %llu bytes where %llu were sent",
                        (unsigned long long)reply->object_size,
                        (unsigned long long)commit->options.upload->size);
        if (r >= 0) {
                (void)snprintf(volume->etag, sizeof(volume->etag), "%s", reply->etag);
                (void)fault_point("commit-manifest-stored");
                r = put_list(commit, &error);
        }
        if (r < 0)
                finish(commit, &error);
}

bool commit_is_final(const Commit *commit) {
        return commit->final;
}

bool commit_leave(Commit *commit) {
        commit->leaving = true;
        return commit->call == NULL;
}

int commit_start(const CommitOptions *options, Commit **ret, Error *err) {
        const Record *record = options->record;
        StoreAttempt attempt = {record->instance, record->id, options->attempt};
        Commit *commit = calloc(1, sizeof(Commit));

        if (commit == NULL)
                return error_oom(err);
        commit->options = *options;
        commit->list_name = object_name(record->instance, record->id, OBJECT_SEGMENTS);
        commit->record_name = object_name(record->instance, record->id, OBJECT_RECORD);
        int r = commit->list_name == NULL || commit->record_name == NULL ? error_oom(err) : 0;
        if (r >= 0)
                r = store_commit(
                        store_of(commit),
                        &attempt,
                        options->upload->segments,
                        options->upload->n_segments,
                        &(StoreCall){on_committed, commit, &commit->request},
                        err);
        if (r < 0) {
                commit_free(commit);
                return r;
        }
        *ret = commit;
        return 0;
}

Commit *commit_free(Commit *commit) {
        if (commit == NULL)
                return NULL;
        store_cancel(commit->request);
        ledger_cancel(commit->call);
        commit->children = children_free(commit->children);
        commit->orphan = true;
        if (!commit->in_ledger)
                destroy(commit);
        return NULL;
}
