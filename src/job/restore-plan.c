/* See restore-plan.h. Called by job/restore, the blocking parts on a files worker. */
#include "job/restore-plan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/limits.h"
#include "oracle/oratab.h"

void restore_plan_done(RestorePlan *plan) {
        for (size_t i = 0; i < plan->n_links; i++) {
                PlannedLink *link = &plan->links[i];

                for (size_t j = 0; j < link->n_downloads; j++)
                        free(link->downloads[j].target);
                free(link->downloads);
                free(link->directory);
        }
        free(plan->links);
        for (size_t i = 0; i < plan->n_databases; i++) {
                TargetDatabase *target = &plan->databases[i];

                oracle_database_done(&target->database);
                for (size_t j = 0; j < target->n_files; j++) {
                        free(target->files[j].staged);
                        free(target->files[j].target);
                }
                free(target->files);
                string_list_done(&target->pieces);
                string_list_done(&target->directories);
                free(target->control_file_piece);
                free(target->in_the_way);
        }
        free(plan->databases);
        *plan = (RestorePlan){0};
}

/* ---- databases ---- */

static const Record *asked_for(const RestorePlanInput *input) {
        return &chain_last(input->chain)->record;
}

static int check_requested(const RestorePlanInput *input, Error *err) {
        const Record *record = asked_for(input);

        for (size_t i = 0; i < input->databases->n; i++)
                if (chain_find_database(record, input->databases->items[i]) == NULL)
                        return error_set(
                                err,
                                ERROR_NO_SUCH_DATABASE,
                                -ENOENT,
                                "backup %s holds no database %s",
                                record->id,
                                input->databases->items[i]);
        return 0;
}

static int set_until(const RestorePlanInput *input, TargetDatabase *target, Error *err) {
        const RecordDatabase *record = target->record;
        int r = 0;

        target->until_scn = record->until_scn;
        if (input->has_until_scn) {
                target->until_scn = input->until_scn;
                r = chain_check_until_scn(record, input->until_scn, err);
        } else if (input->until_usec != 0) {
                target->until_scn = 0;
                r = chain_check_until_time(
                        record, asked_for(input), input->until_usec, target->until_time, err);
        }
        return r;
}

static int fill_target(
        const RestorePlanInput *input,
        const Oratab *oratab,
        const RecordDatabase *record,
        TargetDatabase *target,
        Error *err) {
        const OratabEntry *entry = oratab_find(oratab, record->sid);
        const char *home = input->oracle_home;

        if (home == NULL)
                home = entry != NULL ? entry->oracle_home : record->oracle_home;
        target->record = record;
        (void)snprintf(target->database.sid, sizeof(target->database.sid), "%s", record->sid);
        target->database.oracle_home = strdup(home);
        if (target->database.oracle_home == NULL)
                return error_oom(err);
        return set_until(input, target, err);
}

static int plan_links(const RestorePlanInput *input, RestorePlan *ret, Error *err) {
        const char *backup_dir =
                input->backup_dir == NULL ? input->config->backup_dir : input->backup_dir;

        ret->links = calloc(input->chain->n, sizeof(PlannedLink));
        if (ret->links == NULL)
                return error_oom(err);
        for (size_t i = 0; i < input->chain->n; i++) {
                PlannedLink *link = &ret->links[ret->n_links++];

                link->directory = path_join(backup_dir, input->chain->links[i].record.id);
                if (link->directory == NULL)
                        return error_oom(err);
                ret->directory = link->directory;
        }
        return 0;
}

/* An SCN counts for one database only. */
static int check_until_is_for_one(const RestorePlanInput *input, Error *err) {
        size_t n = input->databases->n > 0 ? input->databases->n : asked_for(input)->n_databases;

        if (!input->has_until_scn || n == 1)
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "until_scn needs exactly one database and backup %s has %zu: name it with "
                "`databases`",
                asked_for(input)->id,
                n);
}

int restore_plan_databases(const RestorePlanInput *input, RestorePlan *ret, Error *err) {
        const Record *record = asked_for(input);
        Oratab oratab = {0};

        int r = check_requested(input, err);
        if (r >= 0)
                r = check_until_is_for_one(input, err);
        if (r >= 0)
                r = plan_links(input, ret, err);
        if (r >= 0)
                r = oratab_read(input->config->oratab, &oratab, err);
        if (r < 0)
                return r;
        ret->databases = calloc(record->n_databases + 1, sizeof(TargetDatabase));
        if (ret->databases == NULL)
                r = error_oom(err);
        for (size_t i = 0; r >= 0 && i < record->n_databases; i++) {
                if (input->databases->n > 0 &&
                    !string_list_has(input->databases, record->databases[i].sid))
                        continue;
                ret->n_databases++;
                r = fill_target(
                        input,
                        &oratab,
                        &record->databases[i],
                        &ret->databases[ret->n_databases - 1],
                        err);
        }
        oratab_done(&oratab);
        return r;
}

/* ---- files ---- */

static TargetDatabase *find_target(RestorePlan *plan, const char *sid) {
        for (size_t i = 0; i < plan->n_databases; i++)
                if (string_equal(plan->databases[i].database.sid, sid))
                        return &plan->databases[i];
        return NULL;
}

/* What is planned now: a member of a link's record, for a database. */
typedef struct Planning {
        const Record *record;
        RestorePlan *plan;
        PlannedLink *link;
        bool is_last; /* the link that was asked for: parameter files and control file are its */
} Planning;

static int add_download(PlannedLink *link, size_t member, char *target) {
        link->downloads[link->n_downloads++] = (DownloadFile){member, target};
        return 0;
}

/* "<path below the recorded backup directory>" of a piece, or an error: RMAN wrote every piece
 * there. */
static int relative_path(const Record *record, const char *path, const char **ret, Error *err) {
        CLEANUP(cleanup_free)
        char *prefix = string_printf("%s/%s/", record->backup_dir + 1, record->id);

        if (prefix == NULL)
                return error_oom(err);
        if (!string_starts_with(path, prefix))
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "piece /%s of backup %s is not below /%s",
                        path,
                        record->id,
                        prefix);
        *ret = path + strlen(prefix);
        return 0;
}

/* The first directory below the staging directory is the database's own (RMAN names it by
 * DB_UNIQUE_NAME): it is what gets cataloged. */
static int add_piece_directory(
        const Planning *planning, TargetDatabase *target, const char *relative, Error *err) {
        const RestorePlan *plan = planning->plan;
        const char *slash = strchr(relative, '/');

        if (slash == NULL)
                return error_set(
                        err,
                        ERROR_INTEGRITY,
                        -EBADMSG,
                        "piece %s lies in no directory of its database",
                        relative);
        CLEANUP(cleanup_free)
        char *directory = string_printf(
                "%s/%.*s", planning->link->directory, (int)(slash - relative), relative);
        if (directory == NULL)
                return error_oom(err);
        for (size_t i = 0; i < plan->n_databases; i++)
                if (&plan->databases[i] != target &&
                    string_list_has(&plan->databases[i].directories, directory))
                        return error_set(
                                err,
                                ERROR_UNSUPPORTED,
                                -ENOTSUP,
                                "databases %s and %s share the directory %s: restore them one by "
                                "one with `databases`",
                                plan->databases[i].database.sid,
                                target->database.sid,
                                directory);
        if (!string_list_has(&target->directories, directory) &&
            string_list_add(&target->directories, directory) < 0)
                return error_oom(err);
        return 0;
}

static int plan_piece(const Planning *planning, TargetDatabase *target, size_t index, Error *err) {
        const Record *record = planning->record;
        const RecordMember *member = &record->members[index];
        const char *relative = NULL;

        int r = relative_path(record, member->path, &relative, err);
        if (r >= 0)
                r = add_piece_directory(planning, target, relative, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_free) char *path = path_join(planning->link->directory, relative);
        if (path == NULL || string_list_add(&target->pieces, path) < 0)
                return error_oom(err);
        if (planning->is_last &&
            string_equal(target->record->control_file_piece + 1, member->path)) {
                target->control_file_piece = strdup(path);
                if (target->control_file_piece == NULL)
                        return error_oom(err);
        }
        return add_download(planning->link, index, TAKE_PTR(path));
}

static bool is_wanted_file(const Record *record, const RecordMember *member) {
        if (member->kind != MEMBER_PFILE)
                return true;
        /* The text of an spfile is for people; it is the parameter file only where there is no
         * spfile. */
        for (size_t i = 0; i < record->n_members; i++)
                if (record->members[i].kind == MEMBER_SPFILE &&
                    string_equal(record->members[i].database, member->database))
                        return false;
        return true;
}

static int plan_file(const Planning *planning, TargetDatabase *target, size_t index, Error *err) {
        const Record *record = planning->record;
        const RecordMember *member = &record->members[index];
        bool network = member->kind == MEMBER_NETWORK;
        PlacedFile *file = &target->files[target->n_files];

        if (!is_wanted_file(record, member))
                return 0;
        target->n_files++;
        target->has_spfile = target->has_spfile || member->kind == MEMBER_SPFILE;
        file->staged = string_printf("%s/.files/%zu", planning->link->directory, index);
        file->target = path_join(
                network ? target->database.network_dir : target->database.dbs_dir,
                path_name(member->path));
        file->mode = member->mode;
        file->only_if_absent = network;
        char *download = file->staged == NULL ? NULL : strdup(file->staged);
        if (file->target == NULL || download == NULL) {
                free(download);
                return error_oom(err);
        }
        return add_download(planning->link, index, download);
}

static int check_target(const Record *record, const TargetDatabase *target, Error *err) {
        if (target->control_file_piece != NULL)
                return 0;
        return error_set(
                err,
                ERROR_INTEGRITY,
                -EBADMSG,
                "backup %s: the control file piece of database %s is not among its members",
                record->id,
                target->database.sid);
}

static int plan_link(const Planning *planning, Error *err) {
        const Record *record = planning->record;
        int r = 0;

        planning->link->downloads = calloc(record->n_members + 1, sizeof(DownloadFile));
        if (planning->link->downloads == NULL)
                return error_oom(err);
        for (size_t i = 0; r >= 0 && i < record->n_members; i++) {
                const RecordMember *member = &record->members[i];
                TargetDatabase *target = find_target(planning->plan, member->database);

                if (target == NULL || (member->kind != MEMBER_PIECE && !planning->is_last))
                        continue;
                planning->plan->bytes += member->size;
                r = member->kind == MEMBER_PIECE ? plan_piece(planning, target, i, err)
                                                 : plan_file(planning, target, i, err);
        }
        return r;
}

int restore_plan_files(const RestorePlanInput *input, RestorePlan *plan, Error *err) {
        const Record *record = asked_for(input);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < plan->n_databases; i++) {
                plan->databases[i].files = calloc(record->n_members + 1, sizeof(PlacedFile));
                if (plan->databases[i].files == NULL)
                        r = error_oom(err);
        }
        for (size_t i = 0; r >= 0 && i < plan->n_links; i++) {
                Planning planning = {
                        .record = &input->chain->links[i].record,
                        .plan = plan,
                        .link = &plan->links[i],
                        .is_last = i + 1 == plan->n_links,
                };
                r = plan_link(&planning, err);
        }
        for (size_t i = 0; r >= 0 && i < plan->n_databases; i++)
                r = check_target(record, &plan->databases[i], err);
        return r;
}

/* ---- what is here ---- */

static char *mark_path(const char *state_directory, const char *sid) {
        return string_printf("%s/restoring/%s", state_directory, sid);
}

int restore_mark_set(
        const char *state_directory, const char *sid, const char *backup_id, Error *err) {
        CLEANUP(cleanup_free) char *path = mark_path(state_directory, sid);
        CLEANUP(cleanup_free) char *parent = path == NULL ? NULL : path_parent(path);

        if (parent == NULL)
                return error_oom(err);
        int r = directory_make(parent, 0750, err);
        return r < 0 ? r : file_write_durably(path, backup_id, strlen(backup_id), 0640, err);
}

int restore_mark_remove(const char *state_directory, const char *sid, Error *err) {
        CLEANUP(cleanup_free) char *path = mark_path(state_directory, sid);

        if (path == NULL)
                return error_oom(err);
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(
                        err, ERROR_INTERNAL, -errno, "mark %s cannot be removed", path);
        return 0;
}

static bool is_there(const char *path) {
        struct stat st;
        return lstat(path, &st) == 0;
}

static int parameter_file_in_the_way(const TargetDatabase *target, char **ret) {

        for (size_t i = 0; i < 2; i++) {
                CLEANUP(cleanup_free)
                char *name = i == 0 ? string_printf("spfile%s.ora", target->database.sid)
                                    : string_printf("init%s.ora", target->database.sid);
                CLEANUP(cleanup_free)
                char *path = name == NULL ? NULL : path_join(target->database.dbs_dir, name);
                if (path == NULL)
                        return -ENOMEM;
                if (is_there(path)) {
                        *ret = string_printf("its parameter file %s is there", path);
                        return *ret == NULL ? -ENOMEM : 1;
                }
        }
        return 0;
}

/* 1 and the words when the file is there. */
static int file_in_the_way(const char *what, const char *path, char **ret) {
        if (!is_there(path))
                return 0;
        *ret = string_printf("its %s %s is there", what, path);
        return *ret == NULL ? -ENOMEM : 1;
}

static int find_in_the_way(const TargetDatabase *target, char **ret) {
        const RecordDatabase *record = target->record;

        if (oracle_instance_runs(target->database.sid)) {
                *ret = string_printf("its instance runs (ora_pmon_%s)", target->database.sid);
                return *ret == NULL ? -ENOMEM : 1;
        }
        int r = parameter_file_in_the_way(target, ret);
        for (size_t i = 0; r == 0 && i < record->n_datafiles; i++)
                r = file_in_the_way("data file", record->datafiles[i].name, ret);
        for (size_t i = 0; r == 0 && i < record->other_files.n; i++)
                r = file_in_the_way(
                        "control, redo or temporary file", record->other_files.items[i], ret);
        return r;
}

static int look_at(const RestorePlanInput *input, TargetDatabase *target, Error *err) {
        CLEANUP(cleanup_free)
        char *found = NULL, *mark = mark_path(input->state_directory, target->database.sid);

        int r = mark == NULL ? -ENOMEM : find_in_the_way(target, &found);
        if (r < 0)
                return error_oom(err);
        if (r == 0)
                return 0;
        CLEANUP(cleanup_free) char *left_by = NULL;
        size_t size;
        if (file_read(mark, 64, ERROR_INTERNAL, &left_by, &size, NULL) >= 0)
                target->in_the_way =
                        string_printf("%s, left by a failed restore of backup %s", found, left_by);
        else
                target->in_the_way = TAKE_PTR(found);
        return target->in_the_way == NULL ? error_oom(err) : 0;
}

int restore_plan_look(const RestorePlanInput *input, RestorePlan *plan, Error *err) {
        int r = directory_space(plan->directory, &plan->free_bytes, err);

        for (size_t i = 0; r >= 0 && i < plan->n_databases; i++)
                r = look_at(input, &plan->databases[i], err);
        return r;
}

/* ---- placing ---- */

static int place_file(const PlacedFile *file, StringList *notes, Error *err) {
        CLEANUP(cleanup_free) char *temporary = string_printf("%s.orabackup", file->target);
        CLEANUP(cleanup_free) char *parent = path_parent(file->target);

        if (temporary == NULL || parent == NULL)
                return error_oom(err);
        if (file->only_if_absent && is_there(file->target)) {
                CLEANUP(cleanup_free)
                char *note = string_printf("%s is there already and was kept", file->target);
                return note == NULL || string_list_add(notes, note) < 0 ? error_oom(err) : 0;
        }
        int r = directory_make(parent, 0750, err);
        if (r < 0)
                return r;
        (void)unlink(temporary);
        r = file_copy(file->staged, temporary, file->mode, LIMIT_SMALL_FILE_BYTES, err);
        if (r < 0)
                return r;
        if (rename(temporary, file->target) < 0) {
                r = error_set_errno(
                        err,
                        ERROR_INTERNAL,
                        -errno,
                        "file %s cannot be put in place",
                        file->target);
                (void)unlink(temporary);
                return r;
        }
        r = fsync_parent(file->target);
        return r < 0 ? error_set_errno(err, ERROR_INTERNAL, r, "directory of %s", file->target) : 0;
}

int restore_place_files(const TargetDatabase *target, StringList *notes, Error *err) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < target->n_files; i++)
                r = place_file(&target->files[i], notes, err);
        return r;
}
