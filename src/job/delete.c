/* See delete.h. Owned by the manager.
 *
 * owner (is this host the writer?) -> family (what is there, what is based on it) -> for each, the
 * youngest first: read (what is known of it) -> remove (job/deleting) -> clean (its tags leave the
 * control files, as far as that can be done now) -> over. */
#include "job/delete.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "event/timer.h"
#include "job/claim.h"
#include "job/delete-plan.h"
#include "job/deleting.h"
#include "job/owed.h"
#include "job/recovery.h"

typedef enum DeleteState {
        DELETE_NEW,
        DELETE_OWNER,
        DELETE_FAMILY,
        DELETE_READ,
        DELETE_REMOVE,
        DELETE_CLEAN,
        DELETE_OVER,
        _DELETE_STATE_MAX,
} DeleteState;

static const bool moves[_DELETE_STATE_MAX][_DELETE_STATE_MAX] = {
        [DELETE_NEW] = {[DELETE_OWNER] = true},
        [DELETE_OWNER] = {[DELETE_FAMILY] = true, [DELETE_OVER] = true},
        [DELETE_FAMILY] = {[DELETE_READ] = true, [DELETE_OVER] = true},
        [DELETE_READ] = {[DELETE_REMOVE] = true, [DELETE_OVER] = true},
        [DELETE_REMOVE] = {[DELETE_CLEAN] = true, [DELETE_OVER] = true},
        [DELETE_CLEAN] = {[DELETE_READ] = true, [DELETE_OVER] = true},
};

typedef struct Delete {
        Service *service;
        Settings *settings;
        Job *job;
        DeleteRequest request;
        DeleteState state;
        DeletePlan plan;
        size_t next;
        bool begun; /* the one in work, or one before it: DELETE_FAILED, or gone */
        DeleteSource source;

        Claiming *claiming;
        Family *family;
        StoreRequest *store_request;
        Deleting *deleting;
        OwedPass *pass;
        Timer *next_timer;
} Delete;

static void enter(Delete *delete, DeleteState state) {
        assert(moves[delete->state][state]);
        delete->state = state;
}

static const FamilyMember *member_of(const Delete *delete) {
        return &delete->plan.members[delete->next];
}

static void log_end(const Delete *delete, const Error *err) {
        LogFields fields = {
                .job = job_id(delete->job),
                .backup = delete->begun && delete->next < delete->plan.n
                                  ? member_of(delete)->id
                                  : delete->request.backup_id,
                .instance = delete->settings->config->instance,
                .error = err,
        };

        if (err == NULL) {
                log_notice(
                        &fields,
                        "Backup %s is deleted%s",
                        delete->request.backup_id,
                        delete->plan.n > 1 ? ", and all that was based on it" : "");
                return;
        }
        if (delete->begun)
                fields.message_id = MESSAGE_ID_DELETE_FAILED;
        else if (err->kind == ERROR_NOT_OWNER)
                fields.message_id = MESSAGE_ID_NOT_OWNER;
        log_error(
                &fields,
                delete->begun ? "Backup %s was not deleted to the end"
                              : "Backup %s was not deleted, nothing of it was removed",
                fields.backup);
}

static void finish(Delete *delete, const Error *err) {
        Error error = {0};

        if (err != NULL)
                error = *err;
        enter(delete, DELETE_OVER);
        log_end(delete, err == NULL ? NULL : &error);
        recovery_nudge(delete->service->recovery); /* what is left, if anything is */
        job_finish(delete->job, err == NULL ? NULL : &error);
}

/* ---- one backup ---- */

static int read_member(Delete *delete, Error *err);

static void on_next(void *userdata) {
        Delete *delete = userdata;
        Error error = {0};

        delete->deleting = deleting_free(delete->deleting);
        delete->pass = owed_pass_free(delete->pass);
        delete->next++;
        if (delete->next == delete->plan.n)
                finish(delete, NULL);
        else if (read_member(delete, &error) < 0)
                finish(delete, &error);
}

static void on_cleaned(size_t n_left, const Error *first, void *userdata) {
        Delete *delete = userdata;

        if (n_left > 0)
                log_warning(
                        &(LogFields){
                                .job = job_id(delete->job),
                                .backup = member_of(delete)->id,
                                .error = error_is_set(first) ? first : NULL},
                        "Backup %s is deleted; %zu things are still to be done for it and will be "
                        "tried again",
                        member_of(delete)->id,
                        n_left);
        timer_arm(delete->next_timer, 0);
}

static int start_cleaning(Delete *delete, Error *err) {
        OwedPassOptions options = {
                .service = delete->service,
                .backup_id = member_of(delete)->id,
                .on_done = on_cleaned,
                .userdata = delete,
        };

        enter(delete, DELETE_CLEAN);
        return owed_pass_start(&options, &delete->pass, err);
}

static void on_deleted(const Error *err, bool begun, void *userdata) {
        Delete *delete = userdata;
        JobValue row[] = {
                {.key = "what", .type = JOB_VALUE_STRING, .string = "backup"},
                {.key = "id", .type = JOB_VALUE_STRING, .string = member_of(delete)->id},
        };
        Error error = {0};

        delete->begun = delete->begun || begun;
        if (err != NULL) {
                finish(delete, err);
                return;
        }
        job_add_row(delete->job, row, ELEMENTSOF(row));
        if (start_cleaning(delete, &error) < 0)
                finish(delete, &error);
}

static int start_removing(Delete *delete, const StoreReply *reply, Error *err) {
        CLEANUP(cleanup_free) char *envelope = NULL;
        DeletingOptions options = {
                .service = delete->service,
                .backup_id = member_of(delete)->id,
                .on_done = on_deleted,
                .userdata = delete,
        };
        int r = delete_envelope_make(
                delete->service, &delete->source, reply, &envelope, &options.envelope_size, err);
        if (r < 0)
                return r;
        options.envelope = envelope;
        enter(delete, DELETE_REMOVE);
        delete->begun = delete->begun || delete->source.type == OBJECT_DELETE;
        return deleting_start(&options, &delete->deleting, err);
}

static void on_read(const StoreReply *reply, void *userdata) {
        Delete *delete = userdata;
        Error error = {0};

        delete->store_request = NULL;
        if (reply->r < 0)
                error = *reply->err;
        else
                (void)start_removing(delete, reply, &error);
        if (error_is_set(&error))
                finish(delete, &error);
}

static int read_member(Delete *delete, Error *err) {
        const char *instance = delete->settings->config->instance;

        enter(delete, DELETE_READ);
        free(delete->source.name);
        delete->source = (DeleteSource){0};
        int r = delete_source_find(member_of(delete), instance, &delete->source, err);
        if (r < 0)
                return r;
        return store_get_object(
                delete->service->store,
                delete->source.name,
                (size_t)2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_read, delete, &delete->store_request},
                err);
}

/* ---- plan ---- */

/* From here on no job begins that needs one of them. */
static int announce(Delete *delete, Error *err) {
        for (size_t i = 0; i < delete->plan.n; i++)
                if (job_use(delete->job, delete->plan.members[i].id) < 0)
                        return error_oom(err);
        job_set_phase(delete->job, "remove");
        return read_member(delete, err);
}

static void on_family(const FamilyFound *found, const Error *err, void *userdata) {
        Delete *delete = userdata;
        Error error = {0};

        if (err != NULL)
                error = *err;
        else if (
                delete_plan_make(delete->service, &delete->request, found, &delete->plan, &error) >=
                0)
                (void)announce(delete, &error);
        delete->family = family_free(delete->family);
        if (error_is_set(&error))
                finish(delete, &error);
}

static void on_owner(const Error *err, bool sent, void *userdata) {
        Delete *delete = userdata;
        FamilyOptions options = {
                .service = delete->service,
                .settings = delete->settings,
                .backup_id = delete->request.backup_id,
                .last_claim = claiming_last(delete->claiming),
                .on_done = on_family,
                .userdata = delete,
        };
        Error error = {0};

        (void)sent;
        if (err != NULL) {
                error = *err;
        } else {
                enter(delete, DELETE_FAMILY);
                (void)family_start(&options, &delete->family, &error);
        }
        delete->claiming = claiming_free(delete->claiming);
        if (error_is_set(&error))
                finish(delete, &error);
}

/* ---- the job ---- */

static int start(void *work, Job *job, Error *err) {
        Delete *delete = work;
        ClaimingOptions options = {
                .service = delete->service,
                .settings = delete->settings,
                .only_check = true,
                .on_done = on_owner,
                .userdata = delete,
        };

        delete->job = job;
        job_set_phase(job, "plan");
        enter(delete, DELETE_OWNER);
        return claiming_start(&options, &delete->claiming, err);
}

static void stop_all(Delete *delete) {
        claiming_free(delete->claiming);
        family_free(delete->family);
        store_cancel(delete->store_request);
        owed_pass_free(delete->pass);
        timer_disarm(delete->next_timer);
        delete->claiming = NULL;
        delete->family = NULL;
        delete->store_request = NULL;
        delete->pass = NULL;
}

/* A person who cancels wants no more of it, until it is asked for again; the end of the service
 * only puts it off. */
static int cancel(void *work, ErrorKind reason, Error *err) {
        Delete *delete = work;
        Error error = {0};

        (void)err;
        stop_all(delete);
        delete->begun =
                delete->begun || (delete->deleting != NULL && deleting_has_begun(delete->deleting));
        delete->deleting = reason == ERROR_CANCELLED ? deleting_abandon(delete->deleting)
                                                     : deleting_free(delete->deleting);
        (void)error_set(
                &error,
                reason,
                -ECANCELED,
                "the delete of backup %s was stopped; %s",
                delete->request.backup_id,
                delete->begun ? "it can be asked for again" : "nothing was removed");
        finish(delete, &error);
        return 0;
}

static void *delete_free(void *work) {
        Delete *delete = work;

        if (delete == NULL)
                return NULL;
        if (delete->next_timer != NULL)
                stop_all(delete);
        deleting_free(delete->deleting);
        timer_free(delete->next_timer);
        delete_plan_done(&delete->plan);
        free(delete->source.name);
        settings_unref(delete->settings);
        free(delete);
        return NULL;
}

int delete_new(Service *service, const DeleteRequest *request, void **ret, Error *err) {
        Delete *delete = calloc(1, sizeof(Delete));

        if (delete == NULL)
                return error_oom(err);
        delete->service = service;
        delete->settings = settings_ref(service->settings);
        delete->request = *request;
        int r = timer_new(service->loop, on_next, delete, &delete->next_timer, err);
        if (r < 0) {
                delete_free(delete);
                return r;
        }
        *ret = delete;
        return 0;
}

const JobFunctions delete_functions = {.start = start, .cancel = cancel, .free = delete_free};
