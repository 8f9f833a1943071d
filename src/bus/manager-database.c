/* Methods of org.orabackup1.Manager that change a database of this host: CreateDatabase and
 * EnableArchivelog. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bus/options.h"
#include "bus/server-internal.h"
#include "job/create-database.h"
#include "job/enable-archivelog.h"
#include "oracle/oratab.h"

static int read_sid(sd_bus_message *message, const char **ret, Error *err) {
        int r = sd_bus_message_read(message, "s", ret);
        if (r <= 0)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        r == 0 ? -EBADMSG : r,
                        "The arguments are malformed");
        if (sid_valid(*ret))
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "\"%.40s\" is no SID (1 to 30 of A-Z a-z 0-9 _ $ #)",
                *ret);
}

static int reply_job(Call *call, const Job *job, Error *err) {
        char path[JOB_PATH_BYTES];
        job_path(job_id(job), path);
        return call_reply_with(call, err, "o", path);
}

/* --- CreateDatabase --- */

static const uint32_t NO_PERCENTAGE = UINT32_MAX;

typedef struct CreateArguments {
        const char *sid, *oracle_home;
        const char *template_name, *charset, *pdb, *data_directory, *recovery_area;
        uint32_t memory_percentage;
        int password_handle;
        char *found_home;
        char *password; /* a secret */
        size_t password_size;
} CreateArguments;

static DbcaChoices choices_of(const CreateArguments *create) {
        bool has_percentage = create->memory_percentage != NO_PERCENTAGE;
        return (DbcaChoices){
                .template_name = create->template_name,
                .charset = create->charset,
                .pdb = create->pdb,
                .data_directory = create->data_directory,
                .recovery_area = create->recovery_area,
                .memory_percentage = has_percentage ? create->memory_percentage : 0,
        };
}

static int read_create_options(sd_bus_message *message, CreateArguments *create, Error *err) {
        static const Option options[] = {
                {"template", OPTION_STRING, offsetof(CreateArguments, template_name)},
                {"charset", OPTION_STRING, offsetof(CreateArguments, charset)},
                {"memory_percentage", OPTION_UINT32, offsetof(CreateArguments, memory_percentage)},
                {"sys_password", OPTION_HANDLE, offsetof(CreateArguments, password_handle)},
                {"oracle_home", OPTION_STRING, offsetof(CreateArguments, oracle_home)},
                {"pdb", OPTION_STRING, offsetof(CreateArguments, pdb)},
                {"data_directory", OPTION_STRING, offsetof(CreateArguments, data_directory)},
                {"recovery_area", OPTION_STRING, offsetof(CreateArguments, recovery_area)},
        };
        return options_read(message, options, ELEMENTSOF(options), create, err);
}

static int check_create(const CreateArguments *create, Error *err) {
        const DbcaChoices choices = choices_of(create);
        if (create->memory_percentage == 0)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"memory_percentage\" must be 1 to 90");
        if (create->oracle_home != NULL && !path_is_clean(create->oracle_home))
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "Option \"oracle_home\" must be an absolute path without \".\" and "
                        "\"..\"");
        return dbca_check_choices(&choices, err);
}

static int read_create(sd_bus_message *message, void *arguments, Error *err) {
        CreateArguments *create = arguments;
        create->memory_percentage = NO_PERCENTAGE;
        create->password_handle = -1;
        int r = read_sid(message, &create->sid, err);
        if (r >= 0)
                r = read_create_options(message, create, err);
        return r < 0 ? r : check_create(create, err);
}

/* The home of all databases of oratab, when it is one. */
static int find_home(const char *path, char **ret, Error *err) {
        Oratab oratab = {0};
        const char *home = NULL, *other = NULL;
        int r = oratab_read(path, &oratab, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < oratab.n; i++) {
                if (home == NULL)
                        home = oratab.entries[i].oracle_home;
                else if (!string_equal(home, oratab.entries[i].oracle_home))
                        other = oratab.entries[i].oracle_home;
        }
        if (home == NULL || other != NULL)
                r = error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        home == NULL ? "No Oracle home is known, %s names no database: say which "
                                       "with the option \"oracle_home\"%s%s"
                                     : "%s names several Oracle homes, say which with the option "
                                       "\"oracle_home\": %s, %s, ..",
                        path,
                        home == NULL ? "" : home,
                        home == NULL ? "" : other);
        else if ((*ret = strdup(home)) == NULL)
                r = error_oom(err);
        oratab_done(&oratab);
        return r;
}

/* As a file of one line may end with a newline. */
static int take_password(CreateArguments *create, Error *err) {
        char *password = create->password;
        if (create->password_size > 0 && password[create->password_size - 1] == '\n')
                password[create->password_size - 1] = '\0';
        else if (strlen(password) != create->password_size)
                password[0] = '\0'; /* a NUL byte in it: refused as every other odd one */
        return dbca_check_password(password, err);
}

static int read_password(CreateArguments *create, Error *err) {
        static const char credential[] = "sys-password";
        int r;
        if (create->password_handle >= 0)
                r = option_handle_read(
                        create->password_handle,
                        "sys_password",
                        &create->password,
                        &create->password_size,
                        err);
        else if (!credential_exists(credential))
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "There is no password for SYS: give a handle with the option "
                        "\"sys_password\", or the credential sys-password");
        else
                r = credential_read(credential, &create->password, &create->password_size, err);
        return r < 0 ? r : take_password(create, err);
}

static int prepare_create(const Settings *settings, void *arguments, Error *err) {
        CreateArguments *create = arguments;
        int r = read_password(create, err);
        if (r < 0 || create->oracle_home != NULL)
                return r;
        r = find_home(settings->config->oratab, &create->found_home, err);
        create->oracle_home = create->found_home;
        return r;
}

static int run_create(Call *call, void *arguments, Error *err) {
        const CreateArguments *create = arguments;
        const CreateDatabaseRequest request = {
                .sid = create->sid,
                .oracle_home = create->oracle_home,
                .choices = choices_of(create),
                .sys_password = create->password,
        };
        Job *job = NULL;
        int r = create_database_submit(call->service, &request, &job, err);
        return r < 0 ? r : reply_job(call, job, err);
}

static void release_create(void *arguments) {
        CreateArguments *create = arguments;
        free(create->found_home);
        if (create->password != NULL)
                wipe(create->password, create->password_size);
        free(create->password);
}

/* --- EnableArchivelog --- */

typedef struct EnableArguments {
        const char *sid;
        bool confirm;
} EnableArguments;

static int read_enable(sd_bus_message *message, void *arguments, Error *err) {
        static const Option options[] = {
                {"confirm", OPTION_BOOL, offsetof(EnableArguments, confirm)},
        };
        EnableArguments *enable = arguments;
        int r = read_sid(message, &enable->sid, err);
        if (r >= 0)
                r = options_read(message, options, ELEMENTSOF(options), enable, err);
        if (r < 0 || enable->confirm)
                return r;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "Database %s is restarted for this, its sessions are ended: say so with the option "
                "\"confirm\" = true",
                enable->sid);
}

/* A SID that this host does not have is known before any job begins. */
static int prepare_enable(const Settings *settings, void *arguments, Error *err) {
        const EnableArguments *enable = arguments;
        Oratab oratab = {0};
        int r = 0;
        if (oratab_read(settings->config->oratab, &oratab, NULL) < 0)
                return 0;
        if (oratab_find(&oratab, enable->sid) == NULL)
                r = error_set(
                        err,
                        ERROR_NO_SUCH_DATABASE,
                        -ENOENT,
                        "There is no database %s in %s",
                        enable->sid,
                        settings->config->oratab);
        oratab_done(&oratab);
        return r;
}

static int run_enable(Call *call, void *arguments, Error *err) {
        const EnableArguments *enable = arguments;
        Job *job = NULL;
        int r = enable_archivelog_submit(call->service, enable->sid, &job, err);
        return r < 0 ? r : reply_job(call, job, err);
}

static const Method methods[] = {
        {"CreateDatabase",
         sizeof(CreateArguments),
         read_create,
         prepare_create,
         run_create,
         release_create},
        {"EnableArchivelog",
         sizeof(EnableArguments),
         read_enable,
         prepare_enable,
         run_enable,
         NULL},
};

const Method *manager_database_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}
