/* See take-over.h. Owned by the manager.
 *
 * States: claim -> list -> (for each older claim: read it, look for its record, its failed.json and
 * its delete.json by name) -> owe -> pass. A delete that is all but over is finished. What is ended
 * is owed in the ledger first. */
#include "job/take-over.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "job/claim.h"
#include "job/owed.h"
#include "job/recovery.h"
#include "repository/names.h"

typedef struct TakeOver {
        Service *service;
        Settings *settings;
        Job *job;
        Claim claim;
        LedgerJob row;
        ErrorKind stop_reason;

        uint64_t *sequences; /* of the older claims */
        size_t n_sequences, next;
        Claim foreign; /* the one that is looked at */
        ObjectType looked_for;

        Claiming *claiming;
        StoreRequest *request;
        OwedPass *pass;
        bool in_ledger;
} TakeOver;

static void read_next(TakeOver *take_over);

static const char *instance_of(const TakeOver *take_over) {
        return take_over->claim.instance;
}

static void finish(TakeOver *take_over, const Error *err) {
        LogFields fields = {
                .job = job_id(take_over->job), .instance = instance_of(take_over), .error = err};

        if (err == NULL)
                log_notice(
                        &fields,
                        "This host is now the writer of instance %s",
                        instance_of(take_over));
        else
                log_error(&fields, "Instance %s was not taken over", instance_of(take_over));
        recovery_nudge(take_over->service->recovery); /* what is left, if anything is */
        job_finish(take_over->job, err);
}

/* ---- the pass ---- */

static void on_passed(size_t n_left, const Error *first, void *userdata) {
        TakeOver *take_over = userdata;

        take_over->pass = owed_pass_free(take_over->pass);
        if (n_left > 0)
                log_warning(
                        &(LogFields){
                                .instance = instance_of(take_over),
                                .error = error_is_set(first) ? first : NULL},
                        "%zu things of the take-over are still to be done and will be tried again",
                        n_left);
        finish(take_over, NULL);
}

static void start_pass(TakeOver *take_over) {
        OwedPassOptions options = {
                .service = take_over->service, .on_done = on_passed, .userdata = take_over};
        Error error = {0};

        if (owed_pass_start(&options, &take_over->pass, &error) < 0)
                finish(take_over, &error);
}

/* ---- one foreign claim ---- */

/* A block of its own for the ledger's thread. */
typedef struct EndForeign {
        TakeOver *take_over;
        char *backup_id, *name, *envelope;
        size_t envelope_size;
        bool is_ours;     /* unfinished, and the ledger knows how it goes on */
        bool is_deletion; /* what is left of it is the end of a delete */
} EndForeign;

static void release_end(void *userdata) {
        EndForeign *end = userdata;

        free(end->backup_id);
        free(end->name);
        free(end->envelope);
        free(end);
}

/* A backup of this host whose record or failed.json is on its way is nobody else's to end. */
static int look_for_own_row(LedgerDb *db, EndForeign *end, Error *err) {
        LedgerJob *jobs = NULL;
        size_t n = 0;
        int r = ledger_jobs(db, &jobs, &n, err);

        for (size_t i = 0; i < n; i++) {
                end->is_ours = end->is_ours || string_equal(jobs[i].backup_id, end->backup_id);
                ledger_job_done(&jobs[i]);
        }
        free(jobs);
        return r;
}

static int end_run(LedgerDb *db, void *userdata, Error *err) {
        EndForeign *end = userdata;
        int r = look_for_own_row(db, end, err);

        if (r < 0 || end->is_ours)
                return r;
        if (end->is_deletion)
                return ledger_owed_add(
                        db,
                        &(OwedWork){OWED_DELETE, end->backup_id, end->backup_id, NULL, 0},
                        NULL,
                        err);
        r = ledger_owed_add(
                db,
                &(OwedWork){OWED_PUT, end->backup_id, end->name, end->envelope, end->envelope_size},
                NULL,
                err);
        if (r >= 0)
                r = ledger_owed_add(
                        db,
                        &(OwedWork){OWED_SEGMENTS, end->backup_id, end->backup_id, NULL, 0},
                        NULL,
                        err);
        return r;
}

static void on_ended(int r, const Error *err, void *userdata) {
        const EndForeign *end = userdata;
        TakeOver *take_over = end->take_over;

        take_over->in_ledger = false;
        if (r < 0) {
                finish(take_over, err);
                return;
        }
        if (end->is_ours || end->is_deletion) {
                read_next(take_over);
                return;
        }
        JobValue row[] = {
                {.key = "what", .type = JOB_VALUE_STRING, .string = "ended"},
                {.key = "id", .type = JOB_VALUE_STRING, .string = end->backup_id},
        };
        job_add_row(take_over->job, row, ELEMENTSOF(row));
        read_next(take_over);
}

static int print_failed(TakeOver *take_over, EndForeign *end, Error *err) {
        const Claim *foreign = &take_over->foreign;
        CLEANUP(cleanup_free) char *payload = NULL;
        CLEANUP(cleanup_free)
        char *message = string_printf(
                "unfinished backup of host %s, ended when host %s took instance %s over",
                foreign->hostname,
                take_over->service->hostname,
                instance_of(take_over));
        Failed failed = {
                .id = foreign->id,
                .instance = take_over->claim.instance,
                .hostname = take_over->claim.hostname,
                .sequence = foreign->sequence,
                .created_usec = clock_realtime_usec(),
                .error = ERROR_INTERRUPTED,
                .error_message = message,
        };
        size_t size;

        int r = message == NULL ? error_oom(err) : failed_print(&failed, &payload, &size, err);
        if (r >= 0)
                r = envelope_seal(
                        take_over->service->signing_key,
                        &(EnvelopeContent){"failed", payload, size},
                        &end->envelope,
                        &end->envelope_size,
                        err);
        return r;
}

static int end_foreign(TakeOver *take_over, bool is_deletion, Error *err) {
        static const LedgerFunctions functions = {
                .run = end_run, .on_done = on_ended, .release = release_end};
        EndForeign *end = calloc(1, sizeof(EndForeign));

        if (end == NULL)
                return error_oom(err);
        end->take_over = take_over;
        end->is_deletion = is_deletion;
        end->backup_id = strdup(take_over->foreign.id);
        end->name = object_name(instance_of(take_over), take_over->foreign.id, OBJECT_FAILED);
        int r = end->backup_id == NULL || end->name == NULL ? error_oom(err) : 0;
        if (r >= 0 && !is_deletion)
                r = print_failed(take_over, end, err);
        if (r >= 0)
                r = ledger_call(take_over->service->ledger, &functions, end, NULL, err);
        if (r < 0)
                release_end(end);
        else
                take_over->in_ledger = true;
        return r;
}

static int look_for(TakeOver *take_over, ObjectType type, Error *err);

static void on_looked(const StoreReply *reply, void *userdata) {
        TakeOver *take_over = userdata;
        Error error = {0};
        int r = 0;

        take_over->request = NULL;
        if (reply->r == -ENOENT) {
                if (take_over->looked_for == OBJECT_DELETE)
                        r = end_foreign(take_over, false, &error);
                else
                        r = look_for(
                                take_over,
                                take_over->looked_for == OBJECT_RECORD ? OBJECT_FAILED
                                                                       : OBJECT_DELETE,
                                &error);
        } else if (reply->r >= 0 && take_over->looked_for == OBJECT_DELETE) {
                r = end_foreign(take_over, true, &error);
        } else if (reply->r < 0) {
                r = reply->r;
                error = *reply->err;
        } else {
                read_next(take_over); /* it is finished */
        }
        if (r < 0)
                finish(take_over, &error);
}

static int look_for(TakeOver *take_over, ObjectType type, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name(instance_of(take_over), take_over->foreign.id, type);

        if (name == NULL)
                return error_oom(err);
        take_over->looked_for = type;
        return store_stat_object(
                take_over->service->store,
                name,
                &(StoreCall){on_looked, take_over, &take_over->request},
                err);
}

static void on_foreign_read(const StoreReply *reply, void *userdata) {
        TakeOver *take_over = userdata;
        Envelope envelope = {0};
        Error error = {0};
        int r = reply->r;

        take_over->request = NULL;
        claim_done(&take_over->foreign);
        take_over->foreign = (Claim){0};
        if (r == -ENOENT) {
                read_next(take_over);
                return;
        }
        if (r < 0) {
                finish(take_over, reply->err);
                return;
        }
        r = envelope_open(
                (const char *)reply->data, reply->size, "begin", "claim", &envelope, &error);
        if (r >= 0)
                r = claim_parse(
                        envelope.payload,
                        envelope.payload_size,
                        "claim",
                        &take_over->foreign,
                        &error);
        envelope_done(&envelope);
        /* A claim that cannot be read names no backup that could be ended. */
        if (r < 0 || take_over->foreign.take_over) {
                read_next(take_over);
                return;
        }
        if (look_for(take_over, OBJECT_RECORD, &error) < 0)
                finish(take_over, &error);
}

static int read_claim(TakeOver *take_over, uint64_t sequence, Error *err) {
        CLEANUP(cleanup_free) char *name = object_name_claim(instance_of(take_over), sequence);

        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                take_over->service->store,
                name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_foreign_read, take_over, &take_over->request},
                err);
}

static void read_next(TakeOver *take_over) {
        Error error = {0};

        if (take_over->stop_reason != ERROR_NONE) {
                (void)error_set(
                        &error,
                        take_over->stop_reason,
                        -ECANCELED,
                        "the take-over was stopped; it can be asked for again");
                finish(take_over, &error);
        } else if (take_over->next == take_over->n_sequences) {
                start_pass(take_over);
        } else if (read_claim(take_over, take_over->sequences[take_over->next++], &error) < 0) {
                finish(take_over, &error);
        }
}

/* ---- list ---- */

static void on_listed(const StoreReply *reply, void *userdata) {
        TakeOver *take_over = userdata;
        Error error = {0};

        take_over->request = NULL;
        if (reply->r < 0) {
                finish(take_over, reply->err);
                return;
        }
        take_over->sequences = calloc(reply->n_entries + 1, sizeof(uint64_t));
        if (take_over->sequences == NULL) {
                (void)error_oom(&error);
                finish(take_over, &error);
                return;
        }
        for (size_t i = 0; i < reply->n_entries; i++) {
                ObjectName name;
                object_name_parse(reply->entries[i].name, &name);
                if (name.type == OBJECT_CLAIM && name.sequence < take_over->claim.sequence)
                        take_over->sequences[take_over->n_sequences++] = name.sequence;
        }
        job_set_phase(take_over->job, "remove");
        read_next(take_over);
}

static int remove_row(LedgerDb *db, void *userdata, Error *err) {
        const LedgerJob *row = userdata;
        return ledger_job_remove(db, row->id, err);
}

/* ---- claim ---- */

static void on_row_removed(int r, const Error *err, void *userdata) {
        LedgerJob *row = userdata;
        (void)row;
        if (r < 0)
                log_warning(&(LogFields){.error = err}, "The ledger keeps a finished take-over");
}

/* The claim stands: nothing of the job has to outlive a crash but the owed rows. */
static int forget_row(TakeOver *take_over, Error *err) {
        static const LedgerFunctions functions = {
                .run = remove_row, .on_done = on_row_removed, .release = free};
        LedgerJob *row = calloc(1, sizeof(LedgerJob));

        if (row == NULL)
                return error_oom(err);
        row->id = take_over->row.id;
        int r = ledger_call(take_over->service->ledger, &functions, row, NULL, err);
        if (r < 0)
                free(row);
        return r;
}

static void on_claimed(const Error *err, bool sent, void *userdata) {
        TakeOver *take_over = userdata;
        Error error = {0};

        (void)sent;
        take_over->claiming = claiming_free(take_over->claiming);
        if (err != NULL) {
                finish(take_over, err);
                return;
        }
        CLEANUP(cleanup_free) char *prefix = string_printf("%s/begin/", instance_of(take_over));
        int r = prefix == NULL ? error_oom(&error) : forget_row(take_over, &error);
        if (r >= 0)
                r = store_list(
                        take_over->service->store,
                        prefix,
                        &(StoreCall){on_listed, take_over, &take_over->request},
                        &error);
        if (r < 0)
                finish(take_over, &error);
}

static int start(void *work, Job *job, Error *err) {
        TakeOver *take_over = work;
        ClaimingOptions options = {
                .service = take_over->service,
                .settings = take_over->settings,
                .row = &take_over->row,
                .claim = &take_over->claim,
                .take_over = true,
                .on_done = on_claimed,
                .userdata = take_over,
        };
        take_over->job = job;
        take_over->row.id = job_id(job);
        job_set_phase(job, "claim");
        return claiming_start(&options, &take_over->claiming, err);
}

static int cancel(void *work, ErrorKind reason, Error *err) {
        TakeOver *take_over = work;
        Error error = {0};

        (void)err;
        take_over->stop_reason = reason;
        if (take_over->in_ledger ||
            (take_over->claiming != NULL && claiming_is_sending(take_over->claiming)))
                return 0; /* heeded at the next step */
        take_over->claiming = claiming_free(take_over->claiming);
        take_over->pass = owed_pass_free(take_over->pass);
        store_cancel(take_over->request);
        take_over->request = NULL;
        (void)error_set(
                &error,
                reason,
                -ECANCELED,
                "the take-over of instance %s was stopped; it can be asked for again",
                instance_of(take_over));
        finish(take_over, &error);
        return 0;
}

static void *take_over_free(void *work) {
        TakeOver *take_over = work;

        if (take_over == NULL)
                return NULL;
        claiming_free(take_over->claiming);
        store_cancel(take_over->request);
        owed_pass_free(take_over->pass);
        claim_done(&take_over->claim);
        claim_done(&take_over->foreign);
        ledger_job_done(&take_over->row);
        free(take_over->sequences);
        settings_unref(take_over->settings);
        free(take_over);
        return NULL;
}

static int fill_claim(TakeOver *take_over, Error *err) {
        const char *instance = take_over->settings->config->instance;
        Claim *claim = &take_over->claim;
        char id[UUID_BYTES];

        random_uuid(id);
        claim->take_over = true;
        claim->created_usec = clock_realtime_usec();
        claim->id = strdup(id);
        claim->instance = strdup(instance);
        claim->hostname = strdup(take_over->service->hostname);
        claim->name = strdup("");
        claim->description = strdup("");
        if (claim->id == NULL || claim->instance == NULL || claim->hostname == NULL ||
            claim->name == NULL || claim->description == NULL)
                return error_oom(err);
        (void)snprintf(
                take_over->row.type,
                sizeof(take_over->row.type),
                "%s",
                job_type_name(JOB_TAKE_OVER));
        (void)snprintf(take_over->row.backup_id, sizeof(take_over->row.backup_id), "%s", id);
        (void)snprintf(take_over->row.instance, sizeof(take_over->row.instance), "%s", instance);
        take_over->row.started_usec = claim->created_usec;
        return 0;
}

int take_over_new(Service *service, void **ret, Error *err) {
        TakeOver *take_over = calloc(1, sizeof(TakeOver));

        if (take_over == NULL)
                return error_oom(err);
        take_over->service = service;
        take_over->settings = settings_ref(service->settings);
        int r = fill_claim(take_over, err);
        if (r < 0) {
                take_over_free(take_over);
                return r;
        }
        *ret = take_over;
        return 0;
}

const JobFunctions take_over_functions = {.start = start, .cancel = cancel, .free = take_over_free};
