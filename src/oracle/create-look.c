/* Looks at the host on a worker, for oracle/create-run.c: what is in the way of a new database, and
 * what a failed dbca left. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/create-run-private.h"
#include "oracle/oratab.h"

enum { RECOVERY_AREA_MODE = 0750 };

void *create_look_free(void *data) {
        CreateLook *look = data;
        oracle_database_done(&look->database);
        free(look->oratab);
        free(look->data_directory);
        free(look->recovery_area);
        string_list_done(&look->left);
        free(look);
        return NULL;
}

static int copy(const char *from, char **to) {
        *to = from != NULL ? strdup(from) : NULL;
        return from != NULL && *to == NULL ? -ENOMEM : 0;
}

CreateLook *create_look_new(
        const OracleDatabase *database,
        const char *oratab,
        const char *data_directory,
        const char *recovery_area) {
        CreateLook *look = calloc(1, sizeof *look);
        if (look == NULL)
                return NULL;
        if (oracle_database_copy(database, &look->database) < 0 ||
            copy(oratab, &look->oratab) < 0 || copy(data_directory, &look->data_directory) < 0 ||
            copy(recovery_area, &look->recovery_area) < 0)
                return create_look_free(look);
        return look;
}

/* The Oracle base of a home that is laid out as Oracle recommends: what is before "/product/".
 * NULL: another layout, or no memory. */
static char *base_of(const char *oracle_home) {
        const char *at = strstr(oracle_home, "/product/");
        return at != NULL && at != oracle_home ? strndup(oracle_home, (size_t)(at - oracle_home))
                                               : NULL;
}

/* ---- before ---- */

static int exists(const CreateLook *look, const char *what, Error *err) {
        return error_set(
                err,
                ERROR_DATABASE_EXISTS,
                -EEXIST,
                "database %s exists on this host: %s; choose another SID, or remove it with dbca "
                "-deleteDatabase first",
                look->database.sid,
                what);
}

static int check_oratab(const CreateLook *look, Error *err) {
        Oratab oratab = {0};
        int r = oratab_read(look->oratab, &oratab, err);
        if (r >= 0 && oratab_find(&oratab, look->database.sid) != NULL) {
                CLEANUP(cleanup_free) char *what = string_printf("%s names it", look->oratab);
                r = what != NULL ? exists(look, what, err) : error_oom(err);
        }
        oratab_done(&oratab);
        return r;
}

static char *parameter_file(const CreateLook *look, const char *prefix) {
        return string_printf("%s/%s%s.ora", look->database.dbs_dir, prefix, look->database.sid);
}

static int check_parameter_files(const CreateLook *look, Error *err) {
        static const char *const prefixes[] = {"spfile", "init"};
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                CLEANUP(cleanup_free) char *path = parameter_file(look, prefixes[i]);
                if (path == NULL)
                        return error_oom(err);
                if (access(path, F_OK) == 0)
                        return exists(look, path, err);
        }
        return 0;
}

static int check_program(const CreateLook *look, Error *err) {
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/bin/dbca", look->database.oracle_home);
        if (path == NULL)
                return error_oom(err);
        if (access(path, X_OK) == 0)
                return 0;
        return error_set_errno(
                err, ERROR_ORACLE, -errno, "there is no dbca to run in this Oracle home: %s", path);
}

static int choose_recovery_area(CreateLook *look, Error *err) {
        CLEANUP(cleanup_free) char *base = base_of(look->database.oracle_home);
        if (look->recovery_area != NULL)
                return 0;
        if (base == NULL)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -ENOENT,
                        "the Oracle base of home %s is not known (it has no /product/ in its "
                        "path): say with the option \"recovery_area\" where archived logs go",
                        look->database.oracle_home);
        look->recovery_area = path_join(base, "fast_recovery_area");
        return look->recovery_area != NULL ? 0 : error_oom(err);
}

static int look_run(void *data, Error *err) {
        CreateLook *look = data;
        int r = check_oratab(look, err);
        if (r >= 0 && oracle_instance_runs(look->database.sid))
                r = exists(look, "its instance runs", err);
        if (r >= 0)
                r = check_parameter_files(look, err);
        if (r >= 0)
                r = check_program(look, err);
        if (r >= 0)
                r = choose_recovery_area(look, err);
        return r < 0 ? r : directory_make(look->recovery_area, RECOVERY_AREA_MODE, err);
}

const StepWork create_look = {look_run, create_look_free};

/* ---- after a failure ---- */

static int add_if_there(CreateLook *look, const char *directory, const char *name) {
        CLEANUP(cleanup_free) char *path = path_join(directory, name);
        if (path == NULL)
                return -ENOMEM;
        if (access(path, F_OK) < 0 || string_list_has(&look->left, path))
                return 0;
        return string_list_add(&look->left, path);
}

/* Directories below the usual places carry the name as it was given or in capitals. */
static int add_directory(CreateLook *look, const char *directory) {
        char name[sizeof(look->database.sid)];
        size_t n = strlen(look->database.sid);
        if (directory == NULL)
                return 0;
        for (size_t i = 0; i <= n; i++)
                name[i] =
                        (char)(look->database.sid[i] >= 'a' && look->database.sid[i] <= 'z'
                                       ? look->database.sid[i] - 'a' + 'A'
                                       : look->database.sid[i]);
        int r = add_if_there(look, directory, look->database.sid);
        return r < 0 ? r : add_if_there(look, directory, name);
}

static int add_files(CreateLook *look) {
        static const struct {
                const char *prefix, *suffix;
        } files[] = {{"spfile", ".ora"}, {"init", ".ora"}, {"orapw", ""}};
        int r = 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(files); i++) {
                CLEANUP(cleanup_free)
                char *name = string_printf(
                        "%s%s%s", files[i].prefix, look->database.sid, files[i].suffix);
                r = name != NULL ? add_if_there(look, look->database.dbs_dir, name) : -ENOMEM;
        }
        return r;
}

static int add_line_of_oratab(CreateLook *look) {
        Oratab oratab = {0};
        int r = 0;
        if (oratab_read(look->oratab, &oratab, NULL) >= 0 &&
            oratab_find(&oratab, look->database.sid) != NULL) {
                CLEANUP(cleanup_free)
                char *line =
                        string_printf("the line of %s in %s", look->database.sid, look->oratab);
                r = line != NULL ? string_list_add(&look->left, line) : -ENOMEM;
        }
        oratab_done(&oratab);
        return r;
}

static int add_instance(CreateLook *look) {
        CLEANUP(cleanup_free)
        char *text = string_printf("the running instance %s", look->database.sid);
        if (text == NULL)
                return -ENOMEM;
        return oracle_instance_runs(look->database.sid) ? string_list_add(&look->left, text) : 0;
}

static int left_run(void *data, Error *err) {
        CreateLook *look = data;
        CLEANUP(cleanup_free) char *base = base_of(look->database.oracle_home);
        CLEANUP(cleanup_free) char *usual = base != NULL ? path_join(base, "oradata") : NULL;
        int r = add_instance(look);
        if (r >= 0)
                r = add_line_of_oratab(look);
        if (r >= 0)
                r = add_files(look);
        if (r >= 0)
                r = add_directory(
                        look, look->data_directory != NULL ? look->data_directory : usual);
        if (r >= 0)
                r = add_directory(look, look->recovery_area);
        return r < 0 ? error_oom(err) : 0;
}

const StepWork create_left = {left_run, create_look_free};

/* ---- oratab ---- */

static int oratab_run(void *data, Error *err) {
        CreateLook *look = data;
        Oratab oratab = {0};
        int r = oratab_read(look->oratab, &oratab, err);
        if (r < 0)
                return r;
        const OratabEntry *entry = oratab_find(&oratab, look->database.sid);
        bool there = entry != NULL && string_equal(entry->oracle_home, look->database.oracle_home);
        oratab_done(&oratab);
        if (there)
                return 0;
        CLEANUP(cleanup_free)
        char *note = string_printf(
                "dbca wrote no line of this home into %s: it was added", look->oratab);
        if (note == NULL || string_list_add(&look->left, note) < 0)
                return error_oom(err);
        return oratab_set(look->oratab, look->database.sid, look->database.oracle_home, err);
}

const StepWork create_oratab = {oratab_run, create_look_free};
