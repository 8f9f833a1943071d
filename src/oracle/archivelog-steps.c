/* What each state of a restart in ARCHIVELOG mode asks, and how its answer is judged. Called by
 * archivelog-run.c alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/archivelog-run-private.h"
#include "oracle/queries.h"
#include "oracle/sql.h"

/* ---- work on a disk ---- */

typedef struct LookJob {
        char *sid, *dbs_dir, *pfile;
        bool on_spfile;
        StringList directories;
} LookJob;

static void *look_free(void *data) {
        LookJob *job = data;
        free(job->sid);
        free(job->dbs_dir);
        free(job->pfile);
        string_list_done(&job->directories);
        free(job);
        return NULL;
}

static bool is_there(const LookJob *job, const char *before, const char *after) {
        CLEANUP(cleanup_free)
        char *path = string_printf("%s/%s%s%s", job->dbs_dir, before, job->sid, after);
        return path != NULL && access(path, R_OK) == 0;
}

/* The next start finds a parameter file in Oracle's order; one that the instance was started with
 * by name it does not. */
static int look_at_parameter_file(const LookJob *job, Error *err) {
        CLEANUP(cleanup_free) char *common = string_printf("%s/spfile.ora", job->dbs_dir);
        bool pfile = is_there(job, "init", ".ora");
        bool good = job->on_spfile ? pfile || is_there(job, "spfile", ".ora") ||
                                             (common != NULL && access(common, R_OK) == 0)
                                   : pfile;
        if (good)
                return 0;
        return error_set(
                err,
                ERROR_ORACLE,
                -ENOENT,
                "database %s would not start again: there is no %s%s.ora in %s, it was started "
                "with a parameter file of another place; nothing was changed",
                job->sid,
                job->on_spfile ? "spfile" : "init",
                job->sid,
                job->dbs_dir);
}

static int look_run(void *data, Error *err) {
        const LookJob *job = data;
        struct stat st;
        for (size_t i = 0; i < job->directories.n; i++)
                if (stat(job->directories.items[i], &st) < 0 || !S_ISDIR(st.st_mode))
                        return error_set(
                                err,
                                ERROR_ORACLE,
                                -ENOENT,
                                "database %s would not start again: the directory %s of its "
                                "archived logs is not there; make it, owned by the owner of "
                                "Oracle; nothing was changed",
                                job->sid,
                                job->directories.items[i]);
        return look_at_parameter_file(job, err);
}

static int begin_look(ArchivelogRun *run, Error *err) {
        static const StepWork look = {look_run, look_free};
        LookJob *job = calloc(1, sizeof *job);
        if (job == NULL)
                return error_oom(err);
        job->sid = strdup(arch_sid(run));
        job->dbs_dir = strdup(run->database.dbs_dir);
        job->on_spfile = !string_equal(run->facts.spfile, "");
        if (job->sid == NULL || job->dbs_dir == NULL ||
            string_list_copy(&run->destination.directories, &job->directories) < 0) {
                look_free(job);
                return error_oom(err);
        }
        return step_work(&run->step, &look, job, err);
}

/* ---- statements ---- */

static void ask_all(const ArchivelogRun *run, Text *statements) {
        static const SqlQuestion questions[] = {
                SQL_DATABASE,
                SQL_PARAMETERS,
                SQL_ARCHIVE_PARAMETERS,
                SQL_CONTROL_FILES,
                SQL_DATAFILES,
                SQL_LOGFILES,
                SQL_PDBS,
                SQL_THREADS,
        };
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                sql_ask(questions[i], sql_version(run->facts.version), statements);
}

static void ask_identity(const ArchivelogRun *run, Text *statements) {
        unsigned version = sql_version(run->facts.version);
        sql_ask(SQL_DATABASE, version, statements);
        if (run->facts.cdb)
                sql_ask(SQL_PDBS, version, statements);
}

static int open_pdbs(const ArchivelogRun *run, Text *statements, Error *err) {
        int r = 0;
        for (size_t i = 0; r >= 0 && i < run->closed_pdbs.n; i++) {
                const char *name = run->closed_pdbs.items[i];
                r = string_list_has(&run->read_only_pdbs, name)
                            ? sql_open_pdb_read_only(name, statements, err)
                            : sql_open_pdb(name, statements, err);
        }
        return r;
}

/* From DOWN or MOUNTED to OPEN. */
static int reopen(const ArchivelogRun *run, Text *statements, Error *err) {
        int r = 0;
        if (string_equal(run->now, "DOWN"))
                r = sql_startup_mount(run->pfile, statements, err);
        sql_statement(SQL_OPEN, statements);
        ask_identity(run, statements);
        return r;
}

static int write_statements(ArchivelogRun *run, Text *statements, Error *err) {
        int r = 0;
        switch (run->state) {
        case ARCH_INSTANCE:
                sql_ask(SQL_INSTANCE, 0, statements);
                break;
        case ARCH_STATE: /* one that is started only has no control file to ask */
                sql_ask(SQL_INSTANCE, 0, statements);
                sql_ask(SQL_DATABASE, sql_version(run->facts.version), statements);
                break;
        case ARCH_DATABASE:
                ask_all(run, statements);
                break;
        case ARCH_SHUTDOWN:
                sql_statement(SQL_SHUTDOWN, statements);
                break;
        case ARCH_MOUNT:
                r = sql_startup_mount(run->pfile, statements, err);
                sql_ask(SQL_ARCHIVE_PARAMETERS, 0, statements);
                break;
        case ARCH_MODE:
                sql_statement(SQL_ARCHIVELOG, statements);
                break;
        case ARCH_OPEN:
                sql_statement(SQL_OPEN, statements);
                ask_identity(run, statements);
                break;
        case ARCH_PDBS:
                r = open_pdbs(run, statements, err);
                break;
        case ARCH_VERIFY:
                ask_identity(run, statements);
                break;
        case ARCH_REOPEN:
                r = reopen(run, statements, err);
                break;
        case ARCH_REOPEN_PDBS:
                r = open_pdbs(run, statements, err);
                ask_identity(run, statements);
                break;
        case ARCH_LOCATE:
        case ARCH_LOOK:
        case ARCH_GONE:
        case ARCH_ENDED:
        case ARCH_N_STATES:
                break;
        }
        return r >= 0 && statements->failed ? error_oom(err) : r;
}

static StepSqlMode sql_mode(const ArchivelogRun *run) {
        if (run->state == ARCH_SHUTDOWN || run->state == ARCH_MOUNT || run->state == ARCH_REOPEN)
                return STEP_SQL_IDLE;
        bool works = run->state == ARCH_MODE || run->state == ARCH_OPEN ||
                     run->state == ARCH_PDBS || run->state == ARCH_REOPEN_PDBS;
        return works ? STEP_SQL_WORK : STEP_SQL_ASK;
}

static int begin_sql(ArchivelogRun *run, Error *err) {
        Text statements = TEXT_INIT;
        int r = write_statements(run, &statements, err);
        run->step.timeout_msec = run->state == ARCH_SHUTDOWN ? run->options.shutdown_msec : 0;
        if (r >= 0)
                r = step_sql(&run->step, sql_mode(run), text_get(&statements), err);
        text_done(&statements);
        return r;
}

int arch_begin_step(ArchivelogRun *run, Error *err) {
        if (run->state == ARCH_LOOK)
                return begin_look(run, err);
        return run->state == ARCH_GONE ? step_gone(&run->step, err) : begin_sql(run, err);
}

/* ---- what each state brought ---- */

static int take_pdbs(ArchivelogRun *run, const Rows *rows, Error *err) {
        for (size_t i = 0; i < rows_count(rows, "P6P"); i++) {
                const char *name, *mode;
                const Row *row = rows_get(rows, "P6P", i);
                int r = row_string(row, 1, &name, err);
                if (r >= 0)
                        r = row_string(row, 2, &mode, err);
                if (r < 0)
                        return r;
                if (string_equal(mode, "READ ONLY") &&
                    string_list_add(&run->read_only_pdbs, name) < 0)
                        return error_oom(err);
        }
        return 0;
}

static int take_logfiles(ArchivelogRun *run, const Rows *rows, Error *err) {
        for (size_t i = 0; i < rows_count(rows, "A4L"); i++) {
                const char *name;
                int r = row_string(rows_get(rows, "A4L", i), 1, &name, err);
                if (r >= 0 && string_list_add(&run->logfiles, name) < 0)
                        r = error_oom(err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int find_destination(ArchivelogRun *run, const Rows *rows, Error *err) {
        ArchiveDestination after = {0};
        const char *home = run->database.oracle_home, *sid = arch_sid(run);
        archive_destination_done(&run->destination);
        int r = archivelog_destination(
                sid, home, rows, PARAMETERS_IN_FORCE, &run->destination, err);
        if (r < 0 || string_equal(run->facts.spfile, ""))
                return r;
        /* What is set in memory only is gone after the restart. */
        r = archivelog_destination(sid, home, rows, PARAMETERS_OF_SPFILE, &after, err);
        if (r < 0)
                return r;
        archive_destination_done(&run->destination);
        run->destination = after;
        return 0;
}

static int judge_database(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        int r = queries_database(rows, &run->facts, err);
        if (r >= 0)
                r = queries_threads(rows, &run->facts.threads, &run->facts.n_threads, err);
        if (r >= 0)
                r = take_logfiles(run, rows, err);
        if (r >= 0)
                r = take_pdbs(run, rows, err);
        if (r < 0)
                return error_prefix(err, "%s", arch_sid(run));
        if (string_equal(run->facts.log_mode, "ARCHIVELOG")) {
                run->already = true;
                if (find_destination(run, rows, NULL) < 0)
                        archive_destination_done(&run->destination);
                *ret_next = ARCH_ENDED;
                return 0;
        }
        r = archivelog_judge(arch_sid(run), &run->facts, &run->logfiles, err);
        if (r >= 0)
                r = find_destination(run, rows, err);
        if (r >= 0 && string_equal(run->facts.spfile, "")) {
                run->pfile = string_printf("%s/init%s.ora", run->database.dbs_dir, arch_sid(run));
                r = run->pfile != NULL ? 0 : error_oom(err);
        }
        *ret_next = ARCH_LOOK;
        return r;
}

static int judge_instance(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        int r = queries_instance(rows, &run->facts, err);
        *ret_next = ARCH_DATABASE;
        if (r >= 0 && string_equal(run->facts.status, "STARTED"))
                r = error_set(
                        err,
                        ERROR_ORACLE,
                        -ENODATA,
                        "database %s is started, but neither mounted nor open; open it",
                        arch_sid(run));
        return r;
}

bool arch_has_line(const Rows *rows, const char *start) {
        for (size_t i = 0; rows != NULL && i < rows->lines.n; i++)
                if (string_starts_with(rows->lines.items[i], start))
                        return true;
        return false;
}

static int judge_shutdown(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        *ret_next = ARCH_GONE;
        if (arch_has_line(rows, "ORACLE instance shut down"))
                return 0;
        return error_set(
                err,
                ERROR_ORACLE,
                -EIO,
                "SHUTDOWN IMMEDIATE of %s did not say that the instance was shut down",
                arch_sid(run));
}

/* The parameters are those of the new start: only now it is certain where logs will go. */
static int judge_mount(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        *ret_next = ARCH_MODE;
        archive_destination_done(&run->destination);
        return archivelog_destination(
                arch_sid(run),
                run->database.oracle_home,
                rows,
                PARAMETERS_IN_FORCE,
                &run->destination,
                err);
}

static const char *pdb_mode(const Rows *rows, const char *name) {
        for (size_t i = 0; i < rows_count(rows, "P6P"); i++) {
                const char *found, *mode;
                const Row *row = rows_get(rows, "P6P", i);
                if (row_string(row, 1, &found, NULL) >= 0 && string_equal(found, name) &&
                    row_string(row, 2, &mode, NULL) >= 0)
                        return mode;
        }
        return "";
}

/* Those that were open and are not. */
int arch_find_closed_pdbs(ArchivelogRun *run, const Rows *rows, Error *err) {
        string_list_done(&run->closed_pdbs);
        run->closed_pdbs = (StringList){0};
        for (size_t i = 0; i < run->facts.open_pdbs.n; i++) {
                const char *name = run->facts.open_pdbs.items[i];
                if (!string_starts_with(pdb_mode(rows, name), "READ") &&
                    string_list_add(&run->closed_pdbs, name) < 0)
                        return error_oom(err);
        }
        return 0;
}

static int judge_open(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        int r = arch_find_closed_pdbs(run, rows, err);
        *ret_next = run->closed_pdbs.n > 0 ? ARCH_PDBS : ARCH_VERIFY;
        return r;
}

static int judge_verify(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        *ret_next = ARCH_ENDED;
        int r = queries_identity(rows, &run->facts, err);
        if (r >= 0)
                r = arch_find_closed_pdbs(run, rows, err);
        if (r < 0)
                return r;
        if (!string_equal(run->facts.log_mode, "ARCHIVELOG") ||
            !string_equal(run->facts.open_mode, "READ WRITE"))
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EIO,
                        "after the restart V$DATABASE says %s, %s of database %s",
                        run->facts.log_mode,
                        run->facts.open_mode,
                        arch_sid(run));
        for (size_t i = 0; i < run->closed_pdbs.n; i++)
                arch_note(
                        run,
                        "pluggable database %s was open before the restart and is not open now: "
                        "open "
                        "it by hand",
                        run->closed_pdbs.items[i]);
        return 0;
}

int arch_judge(ArchivelogRun *run, const Rows *rows, ArchState *ret_next, Error *err) {
        switch (run->state) {
        case ARCH_INSTANCE:
                return judge_instance(run, rows, ret_next, err);
        case ARCH_DATABASE:
                return judge_database(run, rows, ret_next, err);
        case ARCH_LOOK:
                *ret_next = ARCH_SHUTDOWN;
                return 0;
        case ARCH_SHUTDOWN:
                return judge_shutdown(run, rows, ret_next, err);
        case ARCH_GONE:
                *ret_next = ARCH_MOUNT;
                return 0;
        case ARCH_MOUNT:
                return judge_mount(run, rows, ret_next, err);
        case ARCH_MODE:
                *ret_next = ARCH_OPEN;
                return 0;
        case ARCH_OPEN:
                return judge_open(run, rows, ret_next, err);
        case ARCH_PDBS:
                *ret_next = ARCH_VERIFY;
                return 0;
        case ARCH_VERIFY:
                return judge_verify(run, rows, ret_next, err);
        case ARCH_LOCATE:
        case ARCH_STATE:
        case ARCH_REOPEN:
        case ARCH_REOPEN_PDBS:
        case ARCH_ENDED:
        case ARCH_N_STATES:
                break;
        }
        return error_set(err, ERROR_INTERNAL, -EINVAL, "an ended restart went on");
}
