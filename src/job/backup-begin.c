/* How a backup begins: the parent of a level 1, then the plan. Nothing exists yet. Part of
 * job/backup. */
#include <errno.h>
#include <string.h>

#include "base/message-ids.h"
#include "job/backup-internal.h"
#include "job/manager.h"

/* ---- plan ---- */

static void on_database_asked(const char *sid, void *userdata) {
        Backup *backup = userdata;
        job_set_database(backup->job, sid);
}

static void on_planned(BackupPlan *plan, const Error *err, void *userdata) {
        Backup *backup = userdata;

        if (err != NULL)
                backup_fail(backup, err, NULL);
        else
                backup_planned(backup, plan);
}

static int start_planning(Backup *backup, Error *err) {
        PlannerOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .databases = &backup->requested,
                .parent = backup->claim.level == 0 ? NULL : &backup->parent.record,
                .level0_usec = backup->level0_usec,
                .backup_id = backup->claim.id,
                .on_database = on_database_asked,
                .on_done = on_planned,
                .userdata = backup,
        };
        return planner_start(&options, &backup->planner, err);
}

/* ---- the parent of a level 1 ---- */

/* No delete may take a link away while it is needed; one that has begun comes first. */
static int use_chain(Backup *backup, const Chain *chain, Error *err) {
        for (size_t i = 0; i < chain->n; i++) {
                const char *id = chain->links[i].record.id;
                struct Manager *manager = backup->service->manager;
                const Job *deleting = manager == NULL ? NULL : manager_deletes(manager, id);
                if (deleting != NULL)
                        return error_set(
                                err,
                                ERROR_INVALID_PARENT,
                                -EBUSY,
                                "backup %s cannot be the parent: backup %s is being deleted by job "
                                "%u",
                                chain_last(chain)->record.id,
                                id,
                                job_id(deleting));
                if (job_use(backup->job, id) < 0)
                        return error_oom(err);
        }
        return 0;
}

/* A child takes its parent's databases. */
static int adopt_parent(Backup *backup, Error *err) {
        const Record *parent = &backup->parent.record;

        backup->claim.parent_id = strdup(parent->id);
        if (backup->claim.parent_id == NULL)
                return error_oom(err);
        job_set_parent(backup->job, parent->id);
        for (size_t i = 0; i < parent->n_databases; i++)
                if (!string_list_has(&backup->requested, parent->databases[i].sid) &&
                    string_list_add(&backup->requested, parent->databases[i].sid) < 0)
                        return error_oom(err);
        return start_planning(backup, err);
}

static void on_parent(const ParentFound *found, const Error *err, void *userdata) {
        Backup *backup = userdata;
        Error error = {0};

        if (err != NULL) {
                error = *err;
        } else if (use_chain(backup, found->chain, &error) >= 0) {
                backup->level0_usec = found->chain->links[0].record.created_usec;
                backup->parent = *found->parent;
                *found->parent = (Source){0};
        }
        backup->search = parent_search_free(backup->search);
        if (!error_is_set(&error))
                (void)adopt_parent(backup, &error);
        if (error_is_set(&error))
                backup_fail(backup, &error, NULL);
}

int backup_begin(Backup *backup, Error *err) {
        ParentOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .parent = backup->wanted_parent,
                .databases = &backup->requested,
                .own_id = backup->claim.id,
                .on_done = on_parent,
                .userdata = backup,
        };
        if (backup->wanted_parent == NULL)
                return start_planning(backup, err);
        if (backup->settings->config->repository_forget)
                return error_set(
                        err,
                        ERROR_INVALID_PARENT,
                        -EOPNOTSUPP,
                        "no level 1 with [oracle] repository = forget: RMAN is made to forget our "
                        "backups, so that none of them can be a base; make a level 0");
        return parent_search_start(&options, &backup->search, err);
}

/* ---- for the operator ---- */

void backup_say_chain_ends(const Backup *backup) {
        LogFields fields = backup_log_fields(backup);
        bool is_broken = backup->cause.kind == ERROR_CHAIN_BROKEN;

        if (!is_broken && backup->cause.kind != ERROR_INVALID_PARENT &&
            backup->cause.kind != ERROR_PARENT_HAS_CHILD)
                return;
        fields.database = backup->cause_sid;
        fields.error = &backup->cause;
        fields.message_id = is_broken ? MESSAGE_ID_CHAIN_BROKEN : MESSAGE_ID_PARENT_REFUSED;
        log_warning(
                &fields,
                is_broken ? "Backup %s cannot continue its chain"
                          : "Backup %s cannot be based on that parent",
                backup->claim.id);
}
