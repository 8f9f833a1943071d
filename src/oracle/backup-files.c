/* Parameter file, password file and network files of a database, copied while the database may
 * change them: file_copy() refuses one that grows meanwhile. Runs on a worker; called by
 * BackupRun. */
#include "oracle/backup-files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/limits.h"

/* One file to copy: from `path` to <directory>/<name>. */
typedef struct Wanted {
        BackupFileKind kind;
        const char *path;   /* of origin, as the record will have it */
        const char *source; /* where it is read: often the same */
        const char *name;
        bool optional; /* absent: not an error */
} Wanted;

void backup_file_done(BackupFile *file) {
        free(file->path);
        free(file->source);
        *file = (BackupFile){0};
}

static void *job_free(void *data) {
        BackupFilesJob *job = data;
        if (job == NULL)
                return NULL;
        for (size_t i = 0; i < job->n_files; i++)
                backup_file_done(&job->files[i]);
        free(job->files);
        string_list_done(&job->warnings);
        oracle_database_done(&job->database);
        free(job->directory);
        free(job->spfile);
        free(job->made_pfile);
        free(job);
        return NULL;
}

/* SPFILE as V$PARAMETER shows it may be written with '?' and '@'; what is meant then is the usual
 * place. */
static char *spfile_path(const BackupRunOptions *options) {
        const char *value = options->facts->spfile;
        if (path_is_clean(value) && strpbrk(value, "?@") == NULL)
                return strdup(value);
        return string_printf("%s/spfile%s.ora", options->database->dbs_dir, options->database->sid);
}

static int job_fill(BackupFilesJob *job, const BackupRunOptions *options, bool with_made_pfile) {
        bool has_spfile = options->facts->spfile != NULL && options->facts->spfile[0] != '\0';
        job->with_network = options->with_network_files;
        job->files = calloc(BACKUP_FILES_MAX, sizeof *job->files);
        job->directory = string_printf("%s/.files", options->destination);
        if (job->files == NULL || job->directory == NULL ||
            oracle_database_copy(options->database, &job->database) < 0)
                return -ENOMEM;
        if (has_spfile && (job->spfile = spfile_path(options)) == NULL)
                return -ENOMEM;
        if (!with_made_pfile)
                return 0;
        job->made_pfile = string_printf("%s/init%s.ora", job->directory, job->database.sid);
        return job->made_pfile != NULL ? 0 : -ENOMEM;
}

int backup_files_job_new(
        const BackupRunOptions *options, bool with_made_pfile, BackupFilesJob **ret, Error *err) {
        BackupFilesJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        if (job_fill(job, options, with_made_pfile) < 0) {
                job_free(job);
                return error_oom(err);
        }
        *ret = job;
        return 0;
}

/* --- prepare --- */

static int prepare_run(void *data, Error *err) {
        const BackupFilesJob *job = data;
        int r = directory_make(job->directory, 0700, err);
        if (r < 0)
                return r;
        if (job->made_pfile != NULL && unlink(job->made_pfile) < 0 && errno != ENOENT)
                return error_set_errno(
                        err, ERROR_ORACLE, -errno, "removing an old \"%s\"", job->made_pfile);
        return 0;
}

const StepWork backup_files_prepare = {prepare_run, job_free};

/* --- collect --- */

static int stat_wanted(const Wanted *wanted, struct stat *ret, Error *err) {
        if (stat(wanted->source, ret) < 0)
                return wanted->optional && errno == ENOENT
                               ? -ENOENT
                               : error_set_errno(
                                         err, ERROR_ORACLE, -errno, "\"%s\"", wanted->source);
        if (!S_ISREG(ret->st_mode))
                return error_set(
                        err, ERROR_ORACLE, -EINVAL, "\"%s\" is no regular file", wanted->source);
        return 0;
}

static int
add_file(BackupFilesJob *job, const Wanted *wanted, const char *copy, uint32_t mode, Error *err) {
        BackupFile *file = &job->files[job->n_files];
        struct stat st;
        if (stat(copy, &st) < 0)
                return error_set_errno(err, ERROR_ORACLE, -errno, "\"%s\"", copy);
        *file = (BackupFile){
                .kind = wanted->kind,
                .path = strdup(wanted->path),
                .source = strdup(copy),
                .size = (uint64_t)st.st_size,
                .mode = mode,
                .mtime = st.st_mtim.tv_sec,
        };
        job->n_files++;
        return file->path != NULL && file->source != NULL ? 0 : error_oom(err);
}

static int copy_wanted(BackupFilesJob *job, const Wanted *wanted, bool *ret_found, Error *err) {
        struct stat st = {0};
        int r = stat_wanted(wanted, &st, err);
        *ret_found = r >= 0;
        if (r == -ENOENT && wanted->optional)
                return 0;
        CLEANUP(cleanup_free) char *copy = string_printf("%s/%s", job->directory, wanted->name);
        if (r >= 0 && copy == NULL)
                r = error_oom(err);
        if (r < 0)
                return r;
        unlink(copy); /* of an earlier attempt */
        r = file_copy(wanted->source, copy, 0600, LIMIT_SMALL_FILE_BYTES, err);
        if (r < 0)
                return r;
        r = add_file(job, wanted, copy, st.st_mode & 0777, err);
        if (r >= 0)
                job->files[job->n_files - 1].mtime = st.st_mtim.tv_sec;
        return r;
}

static int collect_in_dbs(
        BackupFilesJob *job,
        BackupFileKind kind,
        const char *name,
        const char *source,
        bool *ret_found,
        Error *err) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s", job->database.dbs_dir, name);
        if (path == NULL)
                return error_oom(err);
        return copy_wanted(
                job,
                &(Wanted){
                        .kind = kind,
                        .path = path,
                        .source = source != NULL ? source : path,
                        .name = name,
                        .optional = kind == BACKUP_FILE_ORAPW,
                },
                ret_found,
                err);
}

/* The file that CREATE PFILE wrote stays where it is. */
static int collect_made_pfile(BackupFilesJob *job, const char *name, Error *err) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s", job->database.dbs_dir, name);
        struct stat st;
        if (path == NULL)
                return error_oom(err);
        const Wanted wanted = {
                .kind = BACKUP_FILE_PFILE, .path = path, .source = job->made_pfile, .name = name};
        int r = stat_wanted(&wanted, &st, err);
        if (r < 0)
                return error_prefix(err, "CREATE PFILE wrote no file");
        if (st.st_size == 0 || st.st_size > LIMIT_SMALL_FILE_BYTES)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EFBIG,
                        "\"%s\", written by CREATE PFILE, is empty or too large",
                        job->made_pfile);
        if (chmod(job->made_pfile, 0600) < 0)
                return error_set_errno(err, ERROR_ORACLE, -errno, "\"%s\"", job->made_pfile);
        return add_file(job, &wanted, job->made_pfile, 0640, err);
}

static int collect_parameters(BackupFilesJob *job, Error *err) {
        char pfile[64], spfile[64];
        bool found;
        snprintf(pfile, sizeof pfile, "init%s.ora", job->database.sid);
        snprintf(spfile, sizeof spfile, "spfile%s.ora", job->database.sid);
        if (job->spfile == NULL)
                return collect_in_dbs(job, BACKUP_FILE_PFILE, pfile, NULL, &found, err);
        int r = collect_in_dbs(job, BACKUP_FILE_SPFILE, spfile, job->spfile, &found, err);
        return r < 0 ? r : collect_made_pfile(job, pfile, err);
}

static int collect_password_file(BackupFilesJob *job, Error *err) {
        char name[64];
        bool found;
        snprintf(name, sizeof name, "orapw%s", job->database.sid);
        int r = collect_in_dbs(job, BACKUP_FILE_ORAPW, name, NULL, &found, err);
        if (r < 0 || found)
                return r;
        CLEANUP(cleanup_free)
        char *warning = string_printf(
                "no password file %s/%s: after a restore nobody connects as SYSDBA over the "
                "network",
                job->database.dbs_dir,
                name);
        return warning != NULL && string_list_add(&job->warnings, warning) >= 0 ? 0
                                                                                : error_oom(err);
}

static int collect_network(BackupFilesJob *job, Error *err) {
        static const char *const names[] = {"tnsnames.ora", "listener.ora", "sqlnet.ora"};
        int r = 0;
        for (size_t i = 0; r >= 0 && job->with_network && i < ELEMENTSOF(names); i++) {
                bool found;
                CLEANUP(cleanup_free)
                char *path = string_printf("%s/%s", job->database.network_dir, names[i]);
                CLEANUP(cleanup_free)
                char *name = string_printf("%s-%s", job->database.sid, names[i]);
                if (path == NULL || name == NULL)
                        return error_oom(err);
                r = copy_wanted(
                        job, &(Wanted){BACKUP_FILE_NETWORK, path, path, name, true}, &found, err);
        }
        return r;
}

static int collect_run(void *data, Error *err) {
        BackupFilesJob *job = data;
        int r = collect_parameters(job, err);
        if (r >= 0)
                r = collect_password_file(job, err);
        if (r >= 0)
                r = collect_network(job, err);
        return r < 0 ? error_prefix(err, "files of %s", job->database.sid) : 0;
}

const StepWork backup_files_collect = {collect_run, job_free};
