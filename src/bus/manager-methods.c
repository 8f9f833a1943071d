/* Methods of org.orabackup1.Manager that begin, show and end jobs: read arguments, call job/,
 * reply.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "bus/options.h"
#include "bus/server-internal.h"
#include "oracle/oratab.h"

enum { NAME_BYTES = 255, DESCRIPTION_BYTES = 4096 };

static int no_arguments(int r, Error *err) {
        return error_set(
                err, ERROR_INVALID_ARGS, r == 0 ? -EBADMSG : r, "The arguments are malformed");
}

static int read_string(sd_bus_message *message, const char **ret, Error *err) {
        int r = sd_bus_message_read(message, "s", ret);
        return r <= 0 ? no_arguments(r, err) : 0;
}

static int check_backup_id(const char *id, Error *err) {
        if (backup_id_valid(id))
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "\"%.40s\" is no backup id (a UUID in lower case)",
                id);
}

int manager_read_backup_id(sd_bus_message *message, const char **ret, Error *err) {
        int r = read_string(message, ret, err);
        return r < 0 ? r : check_backup_id(*ret, err);
}

static int check_databases(const StringList *databases, Error *err) {
        if (databases->n > LIMIT_DATABASES)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -E2BIG,
                        "Option \"databases\" may name at most %d databases",
                        (int)LIMIT_DATABASES);
        for (size_t i = 0; i < databases->n; i++)
                if (!sid_valid(databases->items[i]))
                        return error_set(
                                err,
                                ERROR_INVALID_ARGS,
                                -EINVAL,
                                "Option \"databases\": \"%.40s\" is no SID (1 to 30 of "
                                "A-Z a-z 0-9 _ $ #)",
                                databases->items[i]);
        return 0;
}

static int check_text(const char *key, const char *text, size_t max_bytes, Error *err) {
        if (text == NULL || (strlen(text) <= max_bytes && text_is_printable(text)))
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Option \"%s\" may have at most %zu bytes and no control characters",
                key,
                max_bytes);
}

static int check_path(const char *key, const char *path, Error *err) {
        if (path == NULL || path_is_clean(path))
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Option \"%s\" must be an absolute path without \".\" and \"..\"",
                key);
}

/* --- CreateBackup --- */

typedef struct CreateArguments {
        const char *name, *description, *parent;
        StringList databases;
} CreateArguments;

static int read_create(sd_bus_message *message, void *arguments, Error *err) {
        static const Option options[] = {
                {"name", OPTION_STRING, offsetof(CreateArguments, name)},
                {"description", OPTION_STRING, offsetof(CreateArguments, description)},
                {"parent", OPTION_STRING, offsetof(CreateArguments, parent)},
                {"databases", OPTION_STRINGS, offsetof(CreateArguments, databases)},
        };
        CreateArguments *create = arguments;
        int r = options_read(message, options, ELEMENTSOF(options), create, err);
        if (r >= 0)
                r = check_text("name", create->name, NAME_BYTES, err);
        if (r >= 0)
                r = check_text("description", create->description, DESCRIPTION_BYTES, err);
        if (r >= 0 && create->parent != NULL && !string_equal(create->parent, "latest"))
                r = check_backup_id(create->parent, err);
        return r < 0 ? r : check_databases(&create->databases, err);
}

/* A SID that this host does not have is known before any job begins. */
static int prepare_create(const Settings *settings, void *arguments, Error *err) {
        const CreateArguments *create = arguments;
        const char *path = settings->config->oratab;
        Oratab oratab = {0};
        if (create->databases.n == 0 || oratab_read(path, &oratab, NULL) < 0)
                return 0;
        int r = 0;
        for (size_t i = 0; r >= 0 && i < create->databases.n; i++)
                if (oratab_find(&oratab, create->databases.items[i]) == NULL)
                        r = error_set(
                                err,
                                ERROR_NO_SUCH_DATABASE,
                                -ENOENT,
                                "There is no database %s in %s",
                                create->databases.items[i],
                                path);
        oratab_done(&oratab);
        return r;
}

static int reply_job(Call *call, const Job *job, Error *err) {
        char path[JOB_PATH_BYTES];
        job_path(job_id(job), path);
        return call_reply_with(call, err, "o", path);
}

static int run_create(Call *call, void *arguments, Error *err) {
        const CreateArguments *create = arguments;
        BackupRequest request = {
                .name = create->name,
                .description = create->description,
                .parent = create->parent,
                .databases = &create->databases};
        Job *job = NULL;
        char path[JOB_PATH_BYTES];
        int r = manager_create_backup(call->service->manager, &request, &job, err);
        if (r < 0)
                return r;
        job_path(job_id(job), path);
        return call_reply_with(call, err, "so", request.backup_id, path);
}

static void release_create(void *arguments) {
        CreateArguments *create = arguments;
        string_list_done(&create->databases);
}

/* --- RestoreBackup --- */

static const uint64_t NO_SCN = UINT64_MAX;

typedef struct RestoreArguments {
        const char *backup_id, *trust, *oracle_home, *backup_dir, *until_time;
        uint64_t until_scn, until_usec; /* NO_SCN; 0: not given */
        StringList databases;
        int identity;
        bool accept_unsigned, overwrite, dry_run;
        AgeIdentities *identities;
} RestoreArguments;

static int read_restore_options(sd_bus_message *message, RestoreArguments *restore, Error *err) {
        static const Option options[] = {
                {"databases", OPTION_STRINGS, offsetof(RestoreArguments, databases)},
                {"identity", OPTION_HANDLE, offsetof(RestoreArguments, identity)},
                {"trust", OPTION_STRING, offsetof(RestoreArguments, trust)},
                {"unsigned", OPTION_BOOL, offsetof(RestoreArguments, accept_unsigned)},
                {"until_scn", OPTION_UINT64, offsetof(RestoreArguments, until_scn)},
                {"until_time", OPTION_STRING, offsetof(RestoreArguments, until_time)},
                {"oracle_home", OPTION_STRING, offsetof(RestoreArguments, oracle_home)},
                {"backup_dir", OPTION_STRING, offsetof(RestoreArguments, backup_dir)},
                {"overwrite", OPTION_BOOL, offsetof(RestoreArguments, overwrite)},
                {"dry_run", OPTION_BOOL, offsetof(RestoreArguments, dry_run)},
        };
        return options_read(message, options, ELEMENTSOF(options), restore, err);
}

/* The key itself is taken apart where it is used; here only what cannot be one is refused. */
static int check_trust(const char *trust, Error *err) {
        if (trust == NULL || string_starts_with(trust, "ed25519:"))
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Option \"trust\" must be a key as \"ed25519:<base64>\"");
}

/* A time without an offset would be ambiguous; Oracle's own have whole seconds. */
static int check_until(RestoreArguments *restore, Error *err) {
        bool has_scn = restore->until_scn != NO_SCN;
        if (has_scn && restore->until_time != NULL)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Options \"until_scn\" and \"until_time\" exclude each other");
        if (has_scn && restore->databases.n > 1)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"until_scn\" needs exactly one database: name it with "
                        "\"databases\"");
        if (restore->until_time != NULL &&
            parse_time(restore->until_time, &restore->until_usec) < 0)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"until_time\": \"%.40s\" is no time of RFC 3339 with its offset, "
                        "like 2026-11-22T06:10:44Z or 2026-11-22T07:10:44+01:00",
                        restore->until_time);
        return 0;
}

static int read_restore(sd_bus_message *message, void *arguments, Error *err) {
        RestoreArguments *restore = arguments;
        restore->identity = -1;
        restore->until_scn = NO_SCN;
        int r = manager_read_backup_id(message, &restore->backup_id, err);
        if (r >= 0)
                r = read_restore_options(message, restore, err);
        if (r >= 0)
                r = check_databases(&restore->databases, err);
        if (r >= 0)
                r = check_trust(restore->trust, err);
        if (r >= 0)
                r = check_until(restore, err);
        if (r >= 0)
                r = check_path("oracle_home", restore->oracle_home, err);
        return r < 0 ? r : check_path("backup_dir", restore->backup_dir, err);
}

static int prepare_restore(const Settings *settings, void *arguments, Error *err) {
        RestoreArguments *restore = arguments;
        char *text = NULL;
        size_t size = 0;
        if (restore->identity < 0)
                return 0;
        int r = option_handle_read(restore->identity, "identity", &text, &size, err);
        if (r < 0)
                return r;
        r = age_identities_parse(text, size, "Option \"identity\"", &restore->identities, err);
        wipe(text, size);
        free(text);
        return r;
}

static int run_restore(Call *call, void *arguments, Error *err) {
        RestoreArguments *restore = arguments;
        RestoreRequest request = {
                .databases = &restore->databases,
                .identities = restore->identities,
                .trust = restore->trust,
                .accept_unsigned = restore->accept_unsigned,
                .has_until_scn = restore->until_scn != NO_SCN,
                .until_scn = restore->until_scn,
                .until_usec = restore->until_usec,
                .oracle_home = restore->oracle_home,
                .backup_dir = restore->backup_dir,
                .overwrite = restore->overwrite,
                .dry_run = restore->dry_run};
        Job *job = NULL;
        memcpy(request.backup_id, restore->backup_id, sizeof(request.backup_id));
        int r = manager_restore_backup(call->service->manager, &request, &job, err);
        restore->identities = request.identities; /* NULL when it was taken over */
        return r < 0 ? r : reply_job(call, job, err);
}

static void release_restore(void *arguments) {
        RestoreArguments *restore = arguments;
        string_list_done(&restore->databases);
        age_identities_free(restore->identities);
}

/* --- TakeOver --- */

static int read_take_over(sd_bus_message *message, void *arguments, Error *err) {
        const char **instance = arguments;
        int r = read_string(message, instance, err);
        return r < 0 ? r : options_read(message, NULL, 0, NULL, err);
}

static int run_take_over(Call *call, void *arguments, Error *err) {
        const char **instance = arguments;
        const char *own = call->settings->config->instance;
        Job *job = NULL;
        if (!string_equal(*instance, own))
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "The instance of this host is %s, not \"%.64s\"; only it can be taken over",
                        own,
                        *instance);
        int r = manager_take_over(call->service->manager, &job, err);
        return r < 0 ? r : reply_job(call, job, err);
}

/* --- jobs --- */

static int append_jobs(sd_bus_message *reply, Manager *manager) {
        int r = sd_bus_message_open_container(reply, 'a', "(uosss)");
        for (Job *job = NULL; r >= 0 && (job = manager_next(manager, job)) != NULL;) {
                char path[JOB_PATH_BYTES];
                job_path(job_id(job), path);
                r = sd_bus_message_append(
                        reply,
                        "(uosss)",
                        job_id(job),
                        path,
                        job_type_name(job_type(job)),
                        job_state_name(job_state(job)),
                        job_backup_id(job));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int run_list_jobs(Call *call, void *arguments, Error *err) {
        sd_bus_message *reply = NULL;
        int r = call_reply_new(call, &reply, err);
        if (r < 0)
                return r;
        return call_reply_or(call, reply, append_jobs(reply, call->service->manager), err);
}

static int read_job_id(sd_bus_message *message, void *arguments, Error *err) {
        int r = sd_bus_message_read(message, "u", arguments);
        return r <= 0 ? no_arguments(r, err) : 0;
}

static int run_get_job(Call *call, void *arguments, Error *err) {
        const uint32_t *id = arguments;
        const Job *job = manager_find(call->service->manager, *id);
        if (job == NULL)
                return error_set(err, ERROR_NO_SUCH_JOB, -ESRCH, "There is no job %u", *id);
        return reply_job(call, job, err);
}

static int run_cancel_job(Call *call, void *arguments, Error *err) {
        const uint32_t *id = arguments;
        int r = manager_cancel(call->service->manager, *id, err);
        return r < 0 ? r : call_reply_with(call, err, "");
}

static int run_reload(Call *call, void *arguments, Error *err) {
        int r = bus_server_ask_reload(call->server, err);
        if (r < 0)
                return r;
        call->awaits_reload = true;
        return 0;
}

static const Method methods[] = {
        {"CreateBackup",
         sizeof(CreateArguments),
         read_create,
         prepare_create,
         run_create,
         release_create},
        {"RestoreBackup",
         sizeof(RestoreArguments),
         read_restore,
         prepare_restore,
         run_restore,
         release_restore},
        {"TakeOver", sizeof(const char *), read_take_over, NULL, run_take_over, NULL},
        {"ListJobs", 0, NULL, NULL, run_list_jobs, NULL},
        {"GetJob", sizeof(uint32_t), read_job_id, NULL, run_get_job, NULL},
        {"CancelJob", sizeof(uint32_t), read_job_id, NULL, run_cancel_job, NULL},
        {"Reload", 0, NULL, NULL, run_reload, NULL},
};

const Method *manager_method_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}
