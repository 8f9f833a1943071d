/* See deleting.h.
 *
 * intent (ledger) -> send (delete.json; another that verifies counts as ours) -> owe (tags and
 * staged files) -> remove (one object after the other) -> claim (is there a later one?) -> last
 * (claim, delete.json) -> forget (ledger). */
#include "job/deleting.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "job/owed.h"
#include "job/staging.h"
#include "job/summary-load.h"
#include "ledger/db.h"
#include "oracle/oratab.h"
#include "repository/deletion.h"
#include "repository/names.h"

typedef enum DeletingState {
        DELETING_INTENT,
        DELETING_SEND,
        DELETING_OWE,
        DELETING_REMOVE,
        DELETING_CLAIM,
        DELETING_LAST,
        DELETING_FORGET,
        DELETING_OVER,
        _DELETING_STATE_MAX,
} DeletingState;

static const bool moves[_DELETING_STATE_MAX][_DELETING_STATE_MAX] = {
        [DELETING_INTENT] = {[DELETING_SEND] = true, [DELETING_OVER] = true},
        [DELETING_SEND] = {[DELETING_OWE] = true, [DELETING_FORGET] = true, [DELETING_OVER] = true},
        [DELETING_OWE] = {[DELETING_REMOVE] = true, [DELETING_OVER] = true},
        [DELETING_REMOVE] = {[DELETING_CLAIM] = true, [DELETING_OVER] = true},
        [DELETING_CLAIM] = {[DELETING_LAST] = true, [DELETING_OVER] = true},
        [DELETING_LAST] = {[DELETING_FORGET] = true, [DELETING_OVER] = true},
        [DELETING_FORGET] = {[DELETING_OVER] = true},
};

struct Deleting {
        DeletingOptions options;
        DeletingState state;
        char backup_id[37], instance[65];
        char *envelope, *oratab_path, *directory;
        size_t envelope_size;
        bool begun; /* delete.json is in the store, or may be */
        Deletion deletion;
        DeletionSteps steps;
        size_t next;
        Oratab oratab;
        bool may_free_claim;
        int oratab_r;
        Error error; /* of what runs on another thread, or of what failed before delete.json */

        StoreRequest *request;
        LedgerCall *call;
        Work *work;
        unsigned n_out; /* blocks that other threads may still touch */
        bool orphan;    /* freed meanwhile */
};

static void enter(Deleting *deleting, DeletingState state) {
        assert(moves[deleting->state][state]);
        deleting->state = state;
}

static void destroy(Deleting *deleting) {
        deletion_done(&deleting->deletion);
        deletion_steps_done(&deleting->steps);
        oratab_done(&deleting->oratab);
        free(deleting->envelope);
        free(deleting->oratab_path);
        free(deleting->directory);
        free(deleting);
}

static void release_out(void *userdata) {
        Deleting *deleting = userdata;

        if (--deleting->n_out == 0 && deleting->orphan)
                destroy(deleting);
}

static void finish(Deleting *deleting, const Error *err) {
        Error error = {0};

        if (err != NULL)
                error = *err;
        enter(deleting, DELETING_OVER);
        deleting->options.on_done(
                err == NULL ? NULL : &error, deleting->begun, deleting->options.userdata);
}

typedef int (*LedgerRun)(LedgerDb *db, void *userdata, Error *err);
typedef void (*LedgerOnDone)(int r, const Error *err, void *userdata);

static int call_ledger(Deleting *deleting, LedgerRun run, LedgerOnDone on_done, Error *err) {
        LedgerFunctions functions = {.run = run, .on_done = on_done, .release = release_out};
        int r = ledger_call(
                deleting->options.service->ledger, &functions, deleting, &deleting->call, err);

        if (r >= 0)
                deleting->n_out++;
        return r;
}

/* ---- rows ---- */

/* Adds it unless the backup has one of that type and name; the data of a tag's rows tell two tags
 * apart. */
static int owe_once(LedgerDb *db, const OwedWork *work, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;
        bool there = false;
        int r = ledger_owed(db, &owed, &n, err);

        for (size_t i = 0; i < n; i++) {
                bool same_data = work->type != OWED_CLEAN_TAG ||
                                 (owed[i].size == work->size &&
                                  memcmp(owed[i].data, work->data, work->size) == 0);
                there = there || (owed[i].type == work->type &&
                                  string_equal(owed[i].backup_id, work->backup_id) &&
                                  string_equal(owed[i].name, work->name) && same_data);
                owed_done(&owed[i]);
        }
        free(owed);
        if (r < 0 || there)
                return r;
        return ledger_owed_add(db, work, NULL, err);
}

/* Those of type OWED_DELETE and of another. */
static int drop_rows(LedgerDb *db, const char *backup_id, OwedType other, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &owed, &n, err);

        for (size_t i = 0; i < n; i++) {
                if (r >= 0 && (owed[i].type == OWED_DELETE || owed[i].type == other) &&
                    string_equal(owed[i].backup_id, backup_id))
                        r = ledger_owed_remove(db, owed[i].id, err);
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

/* ---- the end of one that never began ---- */

static int drop_run(LedgerDb *db, void *userdata, Error *err) {
        const Deleting *deleting = userdata;
        return drop_rows(db, deleting->backup_id, OWED_DELETE, err);
}

static void on_dropped(int r, const Error *err, void *userdata) {
        Deleting *deleting = userdata;
        Error error = deleting->error;

        deleting->call = NULL;
        if (r < 0)
                log_warning(
                        &(LogFields){.backup = deleting->backup_id, .error = err},
                        "The ledger keeps a delete of backup %s that did not begin",
                        deleting->backup_id);
        finish(deleting, &error);
}

/* As long as delete.json is not known to be there, the backup is as it was and nobody goes on. */
static void fail(Deleting *deleting, const Error *err) {
        Error error = *err;

        deleting->error = error;
        if (deleting->begun || deleting->options.is_owed ||
            call_ledger(deleting, drop_run, on_dropped, NULL) < 0)
                finish(deleting, &error);
}

/* ---- forget ---- */

static int forget_run(LedgerDb *db, void *userdata, Error *err) {
        const Deleting *deleting = userdata;
        return drop_rows(db, deleting->backup_id, OWED_CLAIM, err);
}

static void on_forgotten(int r, const Error *err, void *userdata) {
        Deleting *deleting = userdata;

        deleting->call = NULL;
        finish(deleting, r < 0 ? err : NULL);
}

static int forget(Deleting *deleting, Error *err) {
        enter(deleting, DELETING_FORGET);
        (void)fault_point("delete-forget");
        return call_ledger(deleting, forget_run, on_forgotten, err);
}

/* ---- removing ---- */

static int remove_next(Deleting *deleting, Error *err);

static void on_removed(const StoreReply *reply, void *userdata) {
        Deleting *deleting = userdata;
        const DeletionStep *step = &deleting->steps.steps[deleting->next];
        Error error = {0};

        deleting->request = NULL;
        if (reply->r < 0) {
                fail(deleting, reply->err);
                return;
        }
        if (step->type == DELETION_OBJECT)
                summary_forget(deleting->options.service, step->name);
        deleting->next++;
        if (remove_next(deleting, &error) < 0)
                fail(deleting, &error);
}

static int remove_one(Deleting *deleting, const DeletionStep *step, Error *err) {
        Store *store = deleting->options.service->store;
        StoreAttempt attempt = {
                deleting->instance, deleting->backup_id, step->name[0] == '\0' ? NULL : step->name};

        switch (step->type) {
        case DELETION_OBJECT:
                return store_remove_object(
                        store,
                        step->name,
                        &(StoreCall){on_removed, deleting, &deleting->request},
                        err);
        case DELETION_LARGE_OBJECT:
                return store_remove_large_object(
                        store,
                        deleting->instance,
                        deleting->backup_id,
                        &(StoreCall){on_removed, deleting, &deleting->request},
                        err);
        case DELETION_SEGMENTS:
                return store_remove_segments(
                        store,
                        &attempt,
                        &(StoreCall){on_removed, deleting, &deleting->request},
                        err);
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "a delete has an unknown step");
}

/* The claim may go when there is a later one. Else it holds the number, and delete.json says for
 * whom; both are owed. */
static int claim_run(LedgerDb *db, void *userdata, Error *err) {
        Deleting *deleting = userdata;
        const DeletionStep *step = &deleting->steps.steps[deleting->steps.n_data];
        LedgerClaim last = {0};

        int r = ledger_claim_get(db, deleting->instance, &last, err);
        deleting->may_free_claim = last.sequence > deleting->deletion.sequence;
        ledger_claim_done(&last);
        if (r < 0 || deleting->may_free_claim)
                return r;
        r = owe_once(db, &(OwedWork){OWED_CLAIM, deleting->backup_id, step->name, NULL, 0}, err);
        return r < 0 ? r : drop_rows(db, deleting->backup_id, OWED_DELETE, err);
}

static void on_claim_judged(int r, const Error *err, void *userdata) {
        Deleting *deleting = userdata;
        Error error = {0};

        deleting->call = NULL;
        if (r < 0) {
                fail(deleting, err);
        } else if (!deleting->may_free_claim) {
                finish(deleting, NULL);
        } else {
                enter(deleting, DELETING_LAST);
                if (remove_next(deleting, &error) < 0)
                        fail(deleting, &error);
        }
}

static int remove_next(Deleting *deleting, Error *err) {
        const DeletionSteps *steps = &deleting->steps;

        if (deleting->state == DELETING_REMOVE && deleting->next == steps->n_data) {
                enter(deleting, DELETING_CLAIM);
                return call_ledger(deleting, claim_run, on_claim_judged, err);
        }
        if (deleting->next == steps->n)
                return forget(deleting, err);
        return remove_one(deleting, &steps->steps[deleting->next], err);
}

/* ---- what RMAN and the staging area hold ---- */

static int owe_one_tag(LedgerDb *db, const Deleting *deleting, const ControlTag *tag, Error *err) {
        const OratabEntry *entry = oratab_find(&deleting->oratab, tag->sid);

        if (entry == NULL)
                return 0; /* no control file of it on this host */
        CLEANUP(cleanup_free)
        char *data = string_printf(
                "%s\n%llu\n%s", entry->oracle_home, (unsigned long long)tag->dbid, tag->tag);
        if (data == NULL)
                return error_oom(err);
        return owe_once(
                db,
                &(OwedWork){OWED_CLEAN_TAG, deleting->backup_id, tag->sid, data, strlen(data)},
                err);
}

/* Of a deletion only the claim is left: its tags have been owed, and a level 1 does not wait for
 * them once more. */
static int is_only_claim_left(LedgerDb *db, const Deleting *deleting, bool *ret, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &owed, &n, err);

        *ret = false;
        for (size_t i = 0; i < n; i++) {
                *ret = *ret || (owed[i].type == OWED_CLAIM &&
                                string_equal(owed[i].backup_id, deleting->backup_id));
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

static int owe_run(LedgerDb *db, void *userdata, Error *err) {
        const Deleting *deleting = userdata;
        OwedWork directory = {OWED_DIRECTORY, deleting->backup_id, deleting->directory, NULL, 0};
        bool is_over = false;
        int r = is_only_claim_left(db, deleting, &is_over, err);

        if (r < 0 || is_over)
                return r;
        r = staging_release(db, deleting->backup_id, err);
        if (r >= 0)
                r = owe_once(db, &directory, err);

        for (size_t i = 0; r >= 0 && i < deleting->deletion.n_tags; i++)
                r = owe_one_tag(db, deleting, &deleting->deletion.tags[i], err);
        return r;
}

static void on_owed(int r, const Error *err, void *userdata) {
        Deleting *deleting = userdata;
        Error error = {0};

        deleting->call = NULL;
        if (r < 0) {
                fail(deleting, err);
                return;
        }
        enter(deleting, DELETING_REMOVE);
        if (remove_next(deleting, &error) < 0)
                fail(deleting, &error);
}

static void read_oratab(void *userdata) {
        Deleting *deleting = userdata;
        deleting->oratab_r =
                oratab_read(deleting->oratab_path, &deleting->oratab, &deleting->error);
}

static void on_oratab(void *userdata) {
        Deleting *deleting = userdata;
        Error error = deleting->error;

        deleting->work = NULL;
        if (deleting->oratab_r >= 0)
                (void)call_ledger(deleting, owe_run, on_owed, &error);
        if (error_is_set(&error))
                fail(deleting, &error);
}

static int begin_owing(Deleting *deleting, Error *err) {
        static const WorkFunctions functions = {
                .run = read_oratab, .on_done = on_oratab, .release = release_out};

        enter(deleting, DELETING_OWE);
        int r = work_start(
                deleting->options.service->files, &functions, deleting, &deleting->work, err);
        if (r >= 0)
                deleting->n_out++;
        return r;
}

/* ---- delete.json ---- */

static int check_identity(const Deleting *deleting, Error *err) {
        const Deletion *deletion = &deleting->deletion;

        if (string_equal(deletion->id, deleting->backup_id) &&
            string_equal(deletion->instance, deleting->instance))
                return 0;
        return error_set(
                err,
                ERROR_INTEGRITY,
                -EBADMSG,
                "delete.json of backup %s is that of backup %s of instance %s",
                deleting->backup_id,
                deletion->id,
                deletion->instance);
}

/* From here on the backup is being deleted. */
static int use_envelope(Deleting *deleting, const char *text, size_t size, Error *err) {
        Settings *settings = deleting->options.service->settings;
        Envelope envelope = {0};

        int r = envelope_open(text, size, "delete", "delete.json", &envelope, err);
        if (r >= 0 &&
            envelope_trust(&envelope, settings->trusted, deleting->instance) != TRUST_TRUSTED)
                r = error_set(
                        err,
                        ERROR_SIGNATURE,
                        -EKEYREJECTED,
                        "delete.json of backup %s is in the store and is not signed by us: remove "
                        "it there if it is nobody's",
                        deleting->backup_id);
        if (r >= 0)
                r = deletion_parse(
                        envelope.payload,
                        envelope.payload_size,
                        "delete.json",
                        &deleting->deletion,
                        err);
        envelope_done(&envelope);
        if (r >= 0)
                r = check_identity(deleting, err);
        if (r < 0)
                return r;
        deleting->begun = true;
        if (deletion_steps(&deleting->deletion, &deleting->steps) < 0)
                return error_oom(err);
        return begin_owing(deleting, err);
}

static void on_read(const StoreReply *reply, void *userdata) {
        Deleting *deleting = userdata;
        Error error = {0};

        deleting->request = NULL;
        if (reply->r == -ENOENT && deleting->envelope == NULL)
                (void)forget(deleting, &error);
        else if (reply->r < 0)
                error = *reply->err;
        else
                (void)use_envelope(deleting, (const char *)reply->data, reply->size, &error);
        if (error_is_set(&error))
                fail(deleting, &error);
}

static int read_envelope(Deleting *deleting, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name(deleting->instance, deleting->backup_id, OBJECT_DELETE);

        if (name == NULL)
                return error_oom(err);
        return store_get_object(
                deleting->options.service->store,
                name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_read, deleting, &deleting->request},
                err);
}

static void on_sent(const StoreReply *reply, void *userdata) {
        Deleting *deleting = userdata;
        Error error = {0};

        deleting->request = NULL;
        if (reply->r == -EEXIST)
                (void)read_envelope(deleting, &error);
        else if (reply->r < 0)
                error = *reply->err;
        else
                (void)use_envelope(deleting, deleting->envelope, deleting->envelope_size, &error);
        if (error_is_set(&error))
                fail(deleting, &error);
}

static int send_envelope(Deleting *deleting, Error *err) {
        CLEANUP(cleanup_free)
        char *name = object_name(deleting->instance, deleting->backup_id, OBJECT_DELETE);

        if (name == NULL)
                return error_oom(err);
        return store_put_object(
                deleting->options.service->store,
                name,
                deleting->envelope,
                deleting->envelope_size,
                &(StoreCall){on_sent, deleting, &deleting->request},
                err);
}

/* ---- intent ---- */

static int intent_run(LedgerDb *db, void *userdata, Error *err) {
        const Deleting *deleting = userdata;
        OwedWork work = {
                OWED_DELETE,
                deleting->backup_id,
                deleting->backup_id,
                deleting->envelope,
                deleting->envelope_size};
        return owe_once(db, &work, err);
}

static void on_intent(int r, const Error *err, void *userdata) {
        Deleting *deleting = userdata;
        Error error = {0};

        deleting->call = NULL;
        if (r < 0) {
                finish(deleting, err);
                return;
        }
        enter(deleting, DELETING_SEND);
        (void)fault_point("delete-in-ledger");
        r = deleting->envelope == NULL ? read_envelope(deleting, &error)
                                       : send_envelope(deleting, &error);
        if (r < 0)
                fail(deleting, &error);
}

/* ---- birth and death ---- */

bool deleting_has_begun(const Deleting *deleting) {
        return deleting->begun;
}

static int fill(Deleting *deleting, Error *err) {
        const Config *config = deleting->options.service->settings->config;
        const DeletingOptions *options = &deleting->options;

        (void)snprintf(deleting->backup_id, sizeof(deleting->backup_id), "%s", options->backup_id);
        (void)snprintf(deleting->instance, sizeof(deleting->instance), "%s", config->instance);
        deleting->oratab_path = strdup(config->oratab);
        deleting->directory = string_printf("%s/%s", config->backup_dir, deleting->backup_id);
        if (options->envelope != NULL)
                deleting->envelope = strndup(options->envelope, options->envelope_size);
        deleting->envelope_size = options->envelope_size;
        if (deleting->oratab_path == NULL || deleting->directory == NULL ||
            (options->envelope != NULL && deleting->envelope == NULL))
                return error_oom(err);
        return 0;
}

int deleting_start(const DeletingOptions *options, Deleting **ret, Error *err) {
        Deleting *deleting = calloc(1, sizeof(Deleting));

        if (deleting == NULL)
                return error_oom(err);
        deleting->options = *options;
        int r = fill(deleting, err);
        if (r >= 0)
                r = call_ledger(deleting, intent_run, on_intent, err);
        if (r < 0) {
                destroy(deleting);
                return r;
        }
        *ret = deleting;
        return 0;
}

Deleting *deleting_free(Deleting *deleting) {
        if (deleting == NULL)
                return NULL;
        ledger_cancel(deleting->call);
        store_cancel(deleting->request);
        work_cancel(deleting->work);
        deleting->orphan = true;
        if (deleting->n_out == 0)
                destroy(deleting);
        return NULL;
}

/* The last block of a deleting that is abandoned: it runs after whatever is queued before it. */
Deleting *deleting_abandon(Deleting *deleting) {
        Error error = {0};

        if (deleting == NULL)
                return NULL;
        if (call_ledger(deleting, drop_run, NULL, &error) < 0)
                log_warning(
                        &(LogFields){.backup = deleting->backup_id, .error = &error},
                        "The delete of backup %s goes on by itself",
                        deleting->backup_id);
        return deleting_free(deleting);
}
