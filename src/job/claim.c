/* One claim. Owned by job/backup and job/take-over.
 *
 * States: ledger -> listing -> known claim -> later claims by name (presence only) -> ledger row ->
 * PUT -> [a while later: read back] -> ledger claim. */
#include "job/claim.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"
#include "event/timer.h"
#include "job/recovery.h"
#include "repository/claim-rules.h"
#include "repository/names.h"

struct Claiming {
        ClaimingOptions options;
        LedgerClaim known;
        StringList unsettled; /* ids of our own backups whose claim may or may not be there */
        uint64_t probe;       /* the sequence that is asked for by name, at last the one to claim */
        uint64_t seen;        /* the highest that is there; 0: none */
        Claim seen_claim;     /* zeroed: it is none that verifies */
        char *name;
        char *envelope;
        size_t envelope_size;
        bool sending;
        bool frees_claims; /* a claim that had to stay may go now that there is a later one */
        char instance[65];
        Error refusal; /* another host was faster */

        Timer *settling;
        StoreRequest *request;
        LedgerCall *call;
        bool in_ledger,
                orphan; /* a call that has not been released keeps the memory; freed meanwhile */
};

static void destroy(Claiming *claiming) {
        ledger_claim_done(&claiming->known);
        claim_done(&claiming->seen_claim);
        timer_free(claiming->settling);
        string_list_done(&claiming->unsettled);
        free(claiming->name);
        free(claiming->envelope);
        free(claiming);
}

static void release_call(void *userdata) {
        Claiming *claiming = userdata;

        claiming->in_ledger = false;
        if (claiming->orphan)
                destroy(claiming);
}

typedef int (*LedgerRun)(LedgerDb *db, void *userdata, Error *err);
typedef void (*LedgerOnDone)(int r, const Error *err, void *userdata);

static int call_ledger(Claiming *claiming, LedgerRun run, LedgerOnDone on_done, Error *err) {
        LedgerFunctions functions = {.run = run, .on_done = on_done, .release = release_call};
        int r = ledger_call(
                claiming->options.service->ledger, &functions, claiming, &claiming->call, err);

        claiming->in_ledger = claiming->in_ledger || r >= 0;
        return r;
}

static void finish(Claiming *claiming, const Error *err) {
        bool sent = claiming->sending;

        claiming->sending = false;
        claiming->options.on_done(err, sent, claiming->options.userdata);
}

static Store *store_of(const Claiming *claiming) {
        return claiming->options.service->store;
}

static const char *instance_of(const Claiming *claiming) {
        return claiming->instance;
}

/* ---- the PUT ---- */

static int look_for_claims(LedgerDb *db, bool *ret, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &owed, &n, err);

        for (size_t i = 0; i < n; i++) {
                *ret = *ret || owed[i].type == OWED_CLAIM;
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

static int acknowledge_run(LedgerDb *db, void *userdata, Error *err) {
        Claiming *claiming = userdata;
        const Claim *claim = claiming->options.claim;
        LedgerClaim known = {.sequence = claim->sequence, .hostname = claim->hostname};

        (void)snprintf(known.id, sizeof(known.id), "%s", claim->id);
        int r = ledger_claim_put(db, claim->instance, &known, err);
        if (r >= 0)
                r = ledger_job_stage(db, claiming->options.row->id, LEDGER_RUNNING, NULL, 0, err);
        if (r >= 0)
                r = look_for_claims(db, &claiming->frees_claims, err);
        return r;
}

static void on_acknowledged(int r, const Error *err, void *userdata) {
        Claiming *claiming = userdata;

        claiming->call = NULL;
        if (r >= 0 && claiming->frees_claims)
                recovery_nudge(claiming->options.service->recovery);
        finish(claiming, r < 0 ? err : NULL);
}

static int forget_run(LedgerDb *db, void *userdata, Error *err) {
        const Claiming *claiming = userdata;
        return ledger_job_remove(db, claiming->options.row->id, err);
}

static void on_forgotten(int r, const Error *err, void *userdata) {
        Claiming *claiming = userdata;

        (void)r; /* a row that stays is forgotten by the next look at the store */
        (void)err;
        claiming->call = NULL;
        claiming->sending = false;
        finish(claiming, &claiming->refusal);
}

static int refuse(Claiming *claiming, Error *err) {
        (void)error_set(
                &claiming->refusal,
                ERROR_NOT_OWNER,
                -EEXIST,
                "another host has just taken claim %llu of instance %s: one of the two must use "
                "another instance name, or TakeOver",
                (unsigned long long)claiming->options.claim->sequence,
                instance_of(claiming));
        return call_ledger(claiming, forget_run, on_forgotten, err);
}

/* Of two writers that were both told that they made it, the store keeps the bytes of one. */
static void on_read_back(const StoreReply *reply, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};
        int r;

        claiming->request = NULL;
        if (reply->r < 0) {
                r = reply->r;
                error = *reply->err;
        } else if (
                reply->size == claiming->envelope_size &&
                memcmp(reply->data, claiming->envelope, reply->size) == 0) {
                r = call_ledger(claiming, acknowledge_run, on_acknowledged, &error);
        } else {
                r = refuse(claiming, &error);
        }
        if (r < 0)
                finish(claiming, &error);
}

static void on_settled(void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};

        int r = store_get_object(
                store_of(claiming),
                claiming->name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_read_back, claiming, &claiming->request},
                &error);
        if (r < 0)
                finish(claiming, &error);
}

static int settle(Claiming *claiming, Error *err) {
        uint64_t msec = store_settle_msec(store_of(claiming));

        if (msec == 0)
                return call_ledger(claiming, acknowledge_run, on_acknowledged, err);
        timer_arm(claiming->settling, msec);
        return 0;
}

static void on_put(const StoreReply *reply, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};
        int r = reply->r;

        claiming->request = NULL;
        if (r == -EEXIST) {
                r = refuse(claiming, &error);
        } else if (r < 0) {
                error = *reply->err;
        } else {
                (void)fault_point("claim-stored");
                r = settle(claiming, &error);
        }
        if (r < 0)
                finish(claiming, &error);
}

static int row_run(LedgerDb *db, void *userdata, Error *err) {
        Claiming *claiming = userdata;
        return ledger_job_put(db, claiming->options.row, err);
}

static void on_row_written(int r, const Error *err, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};

        claiming->call = NULL;
        if (r < 0) {
                claiming->sending = false;
                finish(claiming, err);
                return;
        }
        (void)fault_point("claim-in-ledger");
        r = store_put_object(
                store_of(claiming),
                claiming->name,
                claiming->envelope,
                claiming->envelope_size,
                &(StoreCall){on_put, claiming, &claiming->request},
                &error);
        if (r < 0)
                finish(claiming, &error);
}

static int set_name(Claiming *claiming, uint64_t sequence, Error *err) {
        free(claiming->name);
        claiming->name = object_name_claim(instance_of(claiming), sequence);
        return claiming->name == NULL ? error_oom(err) : 0;
}

static int send_claim(Claiming *claiming, Error *err) {
        LedgerJob *row = claiming->options.row;
        CLEANUP(cleanup_free) char *payload = NULL;
        size_t size;

        claiming->options.claim->sequence = claiming->probe;
        int r = claim_print(claiming->options.claim, &payload, &size, err);
        if (r >= 0)
                r = envelope_seal(
                        claiming->options.service->signing_key,
                        &(EnvelopeContent){"begin", payload, size},
                        &claiming->envelope,
                        &claiming->envelope_size,
                        err);
        if (r < 0)
                return r;

        row->stage = LEDGER_CLAIMING;
        row->sequence = claiming->probe;
        free(row->object);
        row->object = malloc(claiming->envelope_size);
        if (row->object == NULL)
                return error_oom(err);
        memcpy(row->object, claiming->envelope, claiming->envelope_size);
        row->object_size = claiming->envelope_size;
        claiming->sending = true;
        return call_ledger(claiming, row_run, on_row_written, err);
}

/* ---- what is there ---- */

static int read_probe(Claiming *claiming, Error *err);

static ClaimKnown known_of(const Claiming *claiming) {
        return (ClaimKnown){claiming->known.sequence, claiming->known.id, claiming->known.hostname};
}

/* A claim of ours whose acknowledgement was lost is known as well. */
static void adopt_unsettled(Claiming *claiming) {
        const Claim *seen = &claiming->seen_claim;

        if (seen->id == NULL || !string_list_has(&claiming->unsettled, seen->id))
                return;
        char *hostname = strdup(seen->hostname);
        if (hostname == NULL)
                return;
        free(claiming->known.hostname);
        claiming->known.hostname = hostname;
        claiming->known.sequence = seen->sequence;
        (void)snprintf(claiming->known.id, sizeof(claiming->known.id), "%s", seen->id);
}

static int decide(Claiming *claiming, Error *err) {
        ClaimSeen seen = {
                claiming->seen, claiming->seen_claim.id == NULL ? NULL : &claiming->seen_claim};

        adopt_unsettled(claiming);
        ClaimKnown known = known_of(claiming);
        if (!claiming->options.take_over)
                return claim_rules_decide(
                        instance_of(claiming), &known, &seen, &claiming->probe, err);
        claiming->probe = claim_rules_after(&known, &seen);
        return 0;
}

static int known_run(LedgerDb *db, void *userdata, Error *err);

static void on_known_again(int r, const Error *err, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};

        claiming->call = NULL;
        if (r < 0)
                error = *err;
        else
                (void)decide(claiming, &error);
        finish(claiming, error_is_set(&error) ? &error : NULL);
}

/* Nothing is there any more. A check looks into the ledger once more: a job that claims beside it
 * writes there first. */
static int end_search(Claiming *claiming, Error *err) {
        if (claiming->options.only_check)
                return call_ledger(claiming, known_run, on_known_again, err);
        int r = decide(claiming, err);
        return r < 0 ? r : send_claim(claiming, err);
}

/* What does not verify is a claim all the same, only nobody's that we know. */
static void keep_seen(Claiming *claiming, const StoreReply *reply) {
        Envelope envelope = {0};
        Claim claim = {0};

        claim_done(&claiming->seen_claim);
        claiming->seen_claim = (Claim){0};
        claiming->seen = claiming->probe;
        int r = envelope_open(
                (const char *)reply->data, reply->size, "begin", claiming->name, &envelope, NULL);
        if (r >= 0 &&
            envelope_trust(&envelope, claiming->options.settings->trusted, instance_of(claiming)) ==
                    TRUST_TRUSTED)
                r = claim_parse(
                        envelope.payload, envelope.payload_size, claiming->name, &claim, NULL);
        if (r >= 0)
                claiming->seen_claim = claim;
        envelope_done(&envelope);
}

static void on_claim_read(const StoreReply *reply, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};
        int r;

        claiming->request = NULL;
        if (reply->r >= 0) {
                keep_seen(claiming, reply);
                claiming->probe++;
                r = read_probe(claiming, &error);
        } else if (reply->r == -ENOENT) {
                r = end_search(claiming, &error);
        } else {
                r = reply->r;
                error = *reply->err;
        }
        if (r < 0)
                finish(claiming, &error);
}

static int read_probe(Claiming *claiming, Error *err) {
        int r = set_name(claiming, claiming->probe, err);
        if (r < 0)
                return r;
        return store_get_object(
                store_of(claiming),
                claiming->name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_claim_read, claiming, &claiming->request},
                err);
}

static void on_listed(const StoreReply *reply, void *userdata) {
        Claiming *claiming = userdata;
        ClaimKnown known = known_of(claiming);
        uint64_t listed = 0;
        Error error = {0};

        claiming->request = NULL;
        if (reply->r < 0) {
                finish(claiming, reply->err);
                return;
        }
        for (size_t i = 0; i < reply->n_entries; i++) {
                ObjectName name;
                object_name_parse(reply->entries[i].name, &name);
                if (name.type == OBJECT_CLAIM && name.sequence > listed)
                        listed = name.sequence;
        }
        claiming->probe = claim_rules_first(&known, listed);
        if (read_probe(claiming, &error) < 0)
                finish(claiming, &error);
}

/* ---- what is known ---- */

static int known_run(LedgerDb *db, void *userdata, Error *err) {
        Claiming *claiming = userdata;
        LedgerJob *jobs = NULL;
        size_t n = 0;

        ledger_claim_done(&claiming->known);
        int r = ledger_claim_get(db, instance_of(claiming), &claiming->known, err);
        if (r >= 0)
                r = ledger_jobs(db, &jobs, &n, err);
        for (size_t i = 0; i < n; i++) {
                if (r >= 0 && jobs[i].stage == LEDGER_CLAIMING &&
                    string_list_add(&claiming->unsettled, jobs[i].backup_id) < 0)
                        r = error_oom(err);
                ledger_job_done(&jobs[i]);
        }
        free(jobs);
        return r;
}

static void on_known(int r, const Error *err, void *userdata) {
        Claiming *claiming = userdata;
        Error error = {0};

        claiming->call = NULL;
        if (r < 0) {
                finish(claiming, err);
                return;
        }
        CLEANUP(cleanup_free) char *prefix = string_printf("%s/begin/", instance_of(claiming));
        r = prefix == NULL ? error_oom(&error)
                           : store_list(
                                     store_of(claiming),
                                     prefix,
                                     &(StoreCall){on_listed, claiming, &claiming->request},
                                     &error);
        if (r < 0)
                finish(claiming, &error);
}

bool claiming_is_sending(const Claiming *claiming) {
        return claiming->sending;
}

uint64_t claiming_last(const Claiming *claiming) {
        return claiming->known.sequence > claiming->seen ? claiming->known.sequence
                                                         : claiming->seen;
}

int claiming_start(const ClaimingOptions *options, Claiming **ret, Error *err) {
        Claiming *claiming = calloc(1, sizeof(Claiming));

        if (claiming == NULL)
                return error_oom(err);
        claiming->options = *options;
        (void)snprintf(
                claiming->instance,
                sizeof(claiming->instance),
                "%s",
                options->settings->config->instance);
        int r = timer_new(options->service->loop, on_settled, claiming, &claiming->settling, err);
        if (r == 0)
                r = call_ledger(claiming, known_run, on_known, err);
        if (r < 0) {
                destroy(claiming);
                return r;
        }
        *ret = claiming;
        return 0;
}

Claiming *claiming_free(Claiming *claiming) {
        if (claiming == NULL)
                return NULL;
        ledger_cancel(claiming->call);
        store_cancel(claiming->request);
        timer_disarm(claiming->settling);
        claiming->orphan = true;
        if (!claiming->in_ledger)
                destroy(claiming);
        return NULL;
}
