/* See delete-plan.h. Used by job/delete. */
#include "job/delete-plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "job/job-internal.h"
#include "job/manager.h"
#include "repository/deletion.h"
#include "stream/sign.h"

void delete_plan_done(DeletePlan *plan) {
        free(plan->members);
        *plan = (DeletePlan){0};
}

/* ---- what is in the way ---- */

static int no_such_backup(const char *id, const FamilyFound *found, Error *err) {
        if (found->elsewhere != NULL)
                return error_set(
                        err,
                        ERROR_NOT_OWNER,
                        -EPERM,
                        "backup %s is of instance %s; only a host of that instance deletes it",
                        id,
                        found->elsewhere);
        return error_set(
                err, ERROR_NO_SUCH_BACKUP, -ENOENT, "there is no backup %s in the store", id);
}

/* A restore needs all ancestors of what it restores, and those of a member's descendants are
 * members or its ancestors; a backup has told which links it needs. */
static int check_jobs(const Service *service, const char *id, Error *err) {
        struct Manager *manager = service->manager;

        for (Job *job = NULL; manager != NULL && (job = manager_next(manager, job)) != NULL;) {
                bool is_needed = job_is_using(job, id) || string_equal(job_backup_id(job), id);
                if (!job_is_live(job) || job_type(job) == JOB_DELETE || !is_needed)
                        continue;
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "backup %s cannot be deleted: job %u (%s%s%s) needs it; wait until it has "
                        "ended, or cancel it",
                        id,
                        job_id(job),
                        job_type_name(job_type(job)),
                        job_backup_id(job)[0] == '\0' ? "" : " of ",
                        job_backup_id(job));
        }
        return 0;
}

static int check_at_work(const Service *service, const FamilyMember *member, Error *err) {
        int r = check_jobs(service, member->id, err);

        if (r < 0 || !member->is_at_work)
                return r;
        return error_set(
                err,
                ERROR_BUSY,
                -EBUSY,
                "backup %s cannot be deleted: it is still being ended, its record or its "
                "failed.json is on the way to the store; try again later",
                member->id);
}

/* A signature that is not trusted may be somebody's whose backup this is. */
static int check_trusted(const FamilyMember *member, Error *err) {
        if (member->state != STATE_UNVERIFIED)
                return 0;
        if (member->signature == TRUST_UNTRUSTED)
                return error_set(
                        err,
                        ERROR_UNTRUSTED,
                        -EKEYREJECTED,
                        "backup %s is signed by %s, which is not trusted for this instance, and is "
                        "not deleted: add the key to the trusted keys, if it is the right one",
                        member->id,
                        member->signer);
        return error_set(
                err,
                ERROR_SIGNATURE,
                -EKEYREJECTED,
                "backup %s: the signature of backup.json is %s, and it is not deleted: look at who "
                "wrote it, and remove the objects below its name in the store by hand if it is "
                "nobody's",
                member->id,
                trust_name(member->signature));
}

static int check_members(const Service *service, const FamilyFound *found, Error *err) {
        int r = check_at_work(service, found->self, err);

        for (size_t i = 0; r >= 0 && i < found->n_descendants; i++)
                r = check_at_work(service, &found->descendants[i], err);
        return r < 0 ? r : check_trusted(found->self, err);
}

static int check_no_children(const FamilyFound *found, Error *err) {
        const char *id = found->self->id;
        CLEANUP(text_done) Text children = TEXT_INIT;

        for (size_t i = 0; i < found->n_descendants; i++)
                if (string_equal(found->descendants[i].parent_id, id))
                        text_appendf(&children, " %s", found->descendants[i].id);
        if (children.failed)
                return error_oom(err);
        if (children.length == 0)
                return 0;
        return error_set(
                err,
                ERROR_HAS_CHILDREN,
                -ENOTEMPTY,
                "backup %s has children:%s; delete them first, or all of them with it (recursive)",
                id,
                text_get(&children));
}

/* ---- the plan ---- */

static int check_all_trusted(const FamilyFound *found, Error *err) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < found->n_descendants; i++)
                r = check_trusted(&found->descendants[i], err);
        return r;
}

int delete_plan_make(
        const Service *service,
        const DeleteRequest *request,
        const FamilyFound *found,
        DeletePlan *ret,
        Error *err) {
        if (found->self == NULL)
                return no_such_backup(request->backup_id, found, err);
        int r = check_members(service, found, err);
        if (r >= 0)
                r = request->recursive ? check_all_trusted(found, err)
                                       : check_no_children(found, err);
        if (r < 0)
                return r;
        FamilyMember *members = calloc(found->n_descendants + 1, sizeof(FamilyMember));
        if (members == NULL)
                return error_oom(err);
        for (size_t i = 0; i < found->n_descendants; i++)
                members[i] = found->descendants[i];
        members[found->n_descendants] = *found->self;
        *ret = (DeletePlan){members, found->n_descendants + 1};
        return 0;
}

/* ---- delete.json ---- */

int delete_source_find(
        const FamilyMember *member, const char *instance, DeleteSource *ret, Error *err) {
        DeleteSource source = {.type = OBJECT_CLAIM};

        if (member->has_deletion)
                source.type = OBJECT_DELETE;
        else if (member->has_record)
                source.type = OBJECT_RECORD;
        else if (member->has_failed)
                source.type = OBJECT_FAILED;
        source.name = source.type == OBJECT_CLAIM ? object_name_claim(instance, member->sequence)
                                                  : object_name(instance, member->id, source.type);
        if (source.name == NULL)
                return error_oom(err);
        *ret = source;
        return 0;
}

static int read_record(const Envelope *envelope, Deletion *ret, Error *err) {
        Record record = {0};
        int r = record_parse(
                envelope->payload, envelope->payload_size, "backup.json", &record, err);

        if (r >= 0 && deletion_of_record(&record, ret) < 0)
                r = error_oom(err);
        record_done(&record);
        return r;
}

static int read_failed(const Envelope *envelope, Deletion *ret, Error *err) {
        Failed failed = {0};
        int r = failed_parse(
                envelope->payload, envelope->payload_size, "failed.json", &failed, err);

        if (r >= 0 && deletion_of_failed(&failed, ret) < 0)
                r = error_oom(err);
        failed_done(&failed);
        return r;
}

static int read_claim(const Envelope *envelope, Deletion *ret, Error *err) {
        Claim claim = {0};
        int r = claim_parse(envelope->payload, envelope->payload_size, "the claim", &claim, err);

        if (r >= 0 && deletion_of_claim(&claim, ret) < 0)
                r = error_oom(err);
        claim_done(&claim);
        return r;
}

static int read_deletion(const Envelope *envelope, Deletion *ret, Error *err) {
        return deletion_parse(envelope->payload, envelope->payload_size, "delete.json", ret, err);
}

static const struct {
        const char *kind;
        int (*read)(const Envelope *envelope, Deletion *ret, Error *err);
} sources[] = {
        [OBJECT_CLAIM] = {"begin", read_claim},
        [OBJECT_RECORD] = {"record", read_record},
        [OBJECT_FAILED] = {"failed", read_failed},
        [OBJECT_DELETE] = {"delete", read_deletion},
};

static int read_source(
        const Service *service,
        const DeleteSource *source,
        const Envelope *envelope,
        Deletion *ret,
        Error *err) {
        const Settings *settings = service->settings;

        if (envelope_trust(envelope, settings->trusted, settings->config->instance) !=
            TRUST_TRUSTED)
                return error_set(
                        err,
                        ERROR_SIGNATURE,
                        -EKEYREJECTED,
                        "%s is no longer signed by a trusted key",
                        source->name);
        return sources[source->type].read(envelope, ret, err);
}

static int
seal(const Service *service, Deletion *deletion, char **ret, size_t *ret_size, Error *err) {
        CLEANUP(cleanup_free) char *payload = NULL;
        size_t size;

        deletion->hostname = strdup(service->hostname);
        deletion->created_usec = clock_realtime_usec();
        if (deletion->hostname == NULL)
                return error_oom(err);
        int r = deletion_print(deletion, &payload, &size, err);
        if (r >= 0)
                r = envelope_seal(
                        service->signing_key,
                        &(EnvelopeContent){"delete", payload, size},
                        ret,
                        ret_size,
                        err);
        return r;
}

static int copy(const char *object, size_t size, char **ret, size_t *ret_size, Error *err) {
        char *bytes = strndup(object, size);

        if (bytes == NULL)
                return error_oom(err);
        *ret = bytes;
        *ret_size = size;
        return 0;
}

int delete_envelope_make(
        const Service *service,
        const DeleteSource *source,
        const StoreReply *object,
        char **ret,
        size_t *ret_size,
        Error *err) {
        const char *text = (const char *)object->data;
        Envelope envelope = {0};
        Deletion deletion = {0};
        const char *kind = sources[source->type].kind;

        int r = envelope_open(text, object->size, kind, source->name, &envelope, err);
        if (r >= 0)
                r = read_source(service, source, &envelope, &deletion, err);
        if (r >= 0)
                r = source->type == OBJECT_DELETE ? copy(text, object->size, ret, ret_size, err)
                                                  : seal(service, &deletion, ret, ret_size, err);
        deletion_done(&deletion);
        envelope_done(&envelope);
        return r;
}
