/* What must be settled before an instance can start on a bare host: the parameters as text, the
 * directories they name, net service names that nobody here knows, memory that is not there. Called
 * by restore-run.c alone; the reading and making is done on a worker. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/pfile.h"
#include "oracle/restore-run-private.h"
#include "oracle/sql.h"
#include "oracle/tns.h"

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

typedef struct PrepareJob {
        char sid[31];
        char *pfile;    /* the text to read */
        char *edited;   /* where it goes when something had to be reset */
        char *tnsnames; /* what aliases are looked up in */
        char *sqlnet;
        bool was_edited;
        StringList notes, remote;
} PrepareJob;

/* --- the workplace --- */

static int workplace_run(void *data, Error *err) {
        int r = directory_remove_tree(data, err); /* of an earlier attempt */
        return r < 0 ? r : directory_make(data, 0750, err);
}

static void *free_data(void *data) {
        free(data);
        return NULL;
}

int restore_begin_workplace(RestoreRun *run, Error *err) {
        static const StepWork make = {workplace_run, free_data};
        const OracleDatabase *database = run->options.database;
        bool has_spfile = run->options.has_spfile;
        const char *directory = has_spfile ? run->workplace : database->dbs_dir;
        run->pfile = string_printf("%s/init%s.ora", directory, database->sid);
        run->edited = string_printf(
                "%s/%s%s.ora", directory, has_spfile ? "edited-" : "init", database->sid);
        char *path = strdup(run->workplace);
        if (path == NULL || run->pfile == NULL || run->edited == NULL) {
                free(path);
                return error_oom(err);
        }
        return step_work(&run->step, &make, path, err);
}

/* --- the parameters as text --- */

static char *spfile_of(const RestoreRun *run) {
        return string_printf(
                "%s/spfile%s.ora", run->options.database->dbs_dir, run->options.database->sid);
}

int restore_begin_pfile(RestoreRun *run, Error *err) {
        CLEANUP(cleanup_free) char *spfile = spfile_of(run);
        Text statements = TEXT_INIT;
        if (!run->options.has_spfile)
                return 1;
        int r = spfile != NULL ? sql_create_pfile(run->pfile, spfile, &statements, err)
                               : error_oom(err);
        return restore_run_ask(run, STEP_SQL_IDLE, &statements, r, err);
}

int restore_begin_spfile(RestoreRun *run, Error *err) {
        CLEANUP(cleanup_free) char *spfile = spfile_of(run);
        Text statements = TEXT_INIT;
        if (!run->was_edited || !run->options.has_spfile)
                return 1;
        int r = spfile != NULL ? sql_create_spfile(spfile, run->edited, &statements, err)
                               : error_oom(err);
        return restore_run_ask(run, STEP_SQL_IDLE, &statements, r, err);
}

/* --- reading it --- */

static int job_note(PrepareJob *job, char *text, Error *err) {
        int r = text != NULL && string_list_add(&job->notes, text) >= 0 ? 0 : error_oom(err);
        free(text);
        return r;
}

static int refuse_asm(const PrepareJob *job, const Pfile *pfile, Error *err) {
        StringList names = {0};
        int r = pfile_asm_names(pfile, &names) < 0 ? error_oom(err) : 0;
        if (r >= 0 && names.n > 0)
                r = error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EOPNOTSUPP,
                        "%s: its parameters name \"%s\" in ASM, which a restore cannot make",
                        job->sid,
                        names.items[0]);
        string_list_done(&names);
        return r;
}

/* STARTUP would end with ORA-00845, which does not say how much is missing. */
static int check_memory(const PrepareJob *job, const Pfile *pfile, Error *err) {
        const StringList *values = pfile_get(pfile, "memory_target");
        uint64_t wanted;
        struct statvfs shm;
        if (values == NULL || values->n == 0 || parse_size(values->items[0], &wanted) < 0 ||
            statvfs("/dev/shm", &shm) < 0)
                return 0;
        uint64_t size = (uint64_t)shm.f_blocks * shm.f_frsize;
        if (size >= wanted)
                return 0;
        return error_set(
                err,
                ERROR_NO_SPACE,
                -ENOSPC,
                "%s: memory_target is %llu bytes, /dev/shm has %llu (ORA-00845); enlarge it",
                job->sid,
                (unsigned long long)wanted,
                (unsigned long long)size);
}

static int make_directories(const Pfile *pfile, Error *err) {
        StringList paths = {0};
        int r = pfile_directories(pfile, &paths) < 0 ? error_oom(err) : 0;
        for (size_t i = 0; r >= 0 && i < paths.n; i++)
                r = directory_make(paths.items[i], 0750, err);
        string_list_done(&paths);
        return r;
}

static int take_remote(PrepareJob *job, const Pfile *pfile, Error *err) {
        int r = pfile_remote_destinations(pfile, &job->remote) < 0 ? error_oom(err) : 0;
        for (size_t i = 0; r >= 0 && i < job->remote.n; i++) /* as V$ARCHIVE_DEST writes them */
                for (char *p = job->remote.items[i]; *p != '\0'; p++)
                        *p = (char)toupper((unsigned char)*p);
        return r;
}

/* --- aliases --- */

typedef struct Names {
        char *tnsnames, *sqlnet, *domain;
        size_t tnsnames_size, sqlnet_size;
} Names;

static void names_done(Names *names) {
        free(names->tnsnames);
        free(names->sqlnet);
        free(names->domain);
}

static int read_optional(const char *path, char **ret, size_t *ret_size, Error *err) {
        Error error = {0};
        int r = file_read(path, TEXT_BYTES_MAX, ERROR_ORACLE, ret, ret_size, &error);
        if (r == -ENOENT || r >= 0)
                return 0;
        if (err != NULL)
                *err = error;
        return r;
}

static int names_read(const PrepareJob *job, Names *names, Error *err) {
        int r = read_optional(job->tnsnames, &names->tnsnames, &names->tnsnames_size, err);
        if (r >= 0)
                r = read_optional(job->sqlnet, &names->sqlnet, &names->sqlnet_size, err);
        if (r >= 0 && names->sqlnet != NULL)
                names->domain = tns_default_domain(names->sqlnet, names->sqlnet_size);
        return r;
}

/* The first alias of the parameter that is not defined here; NULL: none. */
static const char *undefined_alias(const Names *names, const StringList *aliases) {
        const char *text = names->tnsnames != NULL ? names->tnsnames : "";
        for (size_t i = 0; i < aliases->n; i++)
                if (tns_defined(text, names->tnsnames_size, aliases->items[i], names->domain) ==
                    TNS_UNDEFINED)
                        return aliases->items[i];
        return NULL;
}

static int
reset_parameter(PrepareJob *job, const char *parameter, const char *alias, Text *text, Error *err) {
        Text without = TEXT_INIT;
        pfile_reset(text_get(text), text->length, parameter, &without);
        if (without.failed)
                return error_oom(err);
        text_done(text);
        *text = without;
        job->was_edited = true;
        return job_note(
                job,
                string_printf(
                        "%s named \"%s\", which tnsnames.ora of this host does not define (the "
                        "instance would not start, ORA-00119); it was reset, set it again",
                        parameter,
                        alias),
                err);
}

static int
settle_aliases(PrepareJob *job, const Pfile *pfile, const Names *names, Text *text, Error *err) {
        static const char *const parameters[] = {
                "local_listener", "remote_listener", "dispatchers"};
        int r = 0;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parameters); i++) {
                StringList aliases = {0};
                r = pfile_aliases(pfile, parameters[i], &aliases) < 0 ? error_oom(err) : 0;
                const char *alias = r >= 0 ? undefined_alias(names, &aliases) : NULL;
                if (alias != NULL)
                        r = reset_parameter(job, parameters[i], alias, text, err);
                string_list_done(&aliases);
        }
        return r;
}

static int
resolve_aliases(PrepareJob *job, const Pfile *pfile, const char *text, size_t size, Error *err) {
        Names names = {0};
        Text edited = TEXT_INIT;
        text_append_bytes(&edited, text, size);
        int r = edited.failed ? error_oom(err) : names_read(job, &names, err);
        if (r >= 0)
                r = settle_aliases(job, pfile, &names, &edited, err);
        if (r >= 0 && job->was_edited)
                r = file_write_durably(job->edited, text_get(&edited), edited.length, 0640, err);
        text_done(&edited);
        names_done(&names);
        return r;
}

/* --- on the worker --- */

static int
prepare_parsed(PrepareJob *job, const Pfile *pfile, const char *text, size_t size, Error *err) {
        int r = refuse_asm(job, pfile, err);
        if (r >= 0)
                r = check_memory(job, pfile, err);
        if (r >= 0)
                r = make_directories(pfile, err);
        if (r >= 0)
                r = take_remote(job, pfile, err);
        return r >= 0 ? resolve_aliases(job, pfile, text, size, err) : r;
}

static int prepare_run(void *data, Error *err) {
        PrepareJob *job = data;
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;
        Pfile pfile = {0};
        int r = file_read(job->pfile, TEXT_BYTES_MAX, ERROR_ORACLE, &text, &size, err);
        if (r < 0)
                return error_prefix(err, "parameters of %s", job->sid);
        r = pfile_parse(text, size, job->pfile, job->sid, &pfile, err);
        if (r >= 0)
                r = prepare_parsed(job, &pfile, text, size, err);
        pfile_done(&pfile);
        return r;
}

static void *prepare_free(void *data) {
        PrepareJob *job = data;
        free(job->pfile);
        free(job->edited);
        free(job->tnsnames);
        free(job->sqlnet);
        string_list_done(&job->notes);
        string_list_done(&job->remote);
        free(job);
        return NULL;
}

int restore_begin_prepare(RestoreRun *run, Error *err) {
        static const StepWork prepare = {prepare_run, prepare_free};
        const OracleDatabase *database = run->options.database;
        PrepareJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        memcpy(job->sid, database->sid, sizeof job->sid);
        job->pfile = strdup(run->pfile);
        job->edited = strdup(run->edited);
        job->tnsnames = path_join(database->network_dir, "tnsnames.ora");
        job->sqlnet = path_join(database->network_dir, "sqlnet.ora");
        if (job->pfile == NULL || job->edited == NULL || job->tnsnames == NULL ||
            job->sqlnet == NULL) {
                prepare_free(job);
                return error_oom(err);
        }
        return step_work(&run->step, &prepare, job, err);
}

int restore_judge_prepare(RestoreRun *run, const Rows *rows, void *data, Error *err) {
        PrepareJob *job = data;
        for (size_t i = 0; i < job->notes.n; i++)
                restore_run_note(run, "%s", job->notes.items[i]);
        run->was_edited = job->was_edited;
        run->remote = job->remote;
        job->remote = (StringList){0};
        return 0;
}
