/* Tables of what is refused and what is warned about. Called by oracle/preflight.c, and after a run
 * by oracle/backup-run.c. */
#include "oracle/preflight-rules.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/output.h"

static bool is_rac(const DatabaseFacts *facts) {
        return facts->parallel || facts->n_threads > 1;
}

static bool is_standby(const DatabaseFacts *facts) {
        return facts->role != NULL && !string_equal(facts->role, "PRIMARY");
}

static bool is_not_open(const DatabaseFacts *facts) {
        return !string_equal(facts->status, "OPEN") || facts->open_mode == NULL;
}

static bool is_read_only(const DatabaseFacts *facts) {
        return !string_equal(facts->open_mode, "READ WRITE");
}

static bool is_noarchivelog(const DatabaseFacts *facts) {
        return !string_equal(facts->log_mode, "ARCHIVELOG");
}

static bool has_old_control_file(const DatabaseFacts *facts) {
        return !string_equal(facts->controlfile_type, "CURRENT");
}

static bool in_asm(const char *name) {
        return name != NULL && *name == '+';
}

static bool list_in_asm(const StringList *list) {
        for (size_t i = 0; i < list->n; i++)
                if (in_asm(list->items[i]))
                        return true;
        return false;
}

static bool is_in_asm(const DatabaseFacts *facts) {
        for (size_t i = 0; i < facts->n_datafiles; i++)
                if (in_asm(facts->datafiles[i].name))
                        return true;
        return in_asm(facts->spfile) || list_in_asm(&facts->control_files) ||
               list_in_asm(&facts->logfiles);
}

/* In this order: the first that holds is what the caller hears. */
static const PreflightRefusal refusals[] = {
        {"rac",
         is_rac,
         ERROR_UNSUPPORTED,
         "it is a RAC database (more than one redo thread or instance); back it up with RMAN "
         "itself, or leave its SID out of [oracle] databases",
         "it is a single instance",
         false},
        {"open",
         is_not_open,
         ERROR_ORACLE,
         "it is not open; open it, or set [oracle] unavailable = skip to leave it out",
         "it is open",
         false},
        {"role",
         is_standby,
         ERROR_UNSUPPORTED,
         "it is a standby; back up its primary, or leave its SID out of [oracle] databases",
         "it is a primary",
         false},
        {"control_file",
         has_old_control_file,
         ERROR_UNSUPPORTED,
         "its control file is a restored or standby one; open the database with RESETLOGS first",
         "its control file is current",
         false},
        {"archivelog",
         is_noarchivelog,
         ERROR_NOT_ARCHIVELOG,
         "it runs in NOARCHIVELOG mode; an open database can be backed up only in ARCHIVELOG mode: "
         "startup mount, alter database archivelog, open it",
         "it runs in ARCHIVELOG mode",
         false},
        {"read_write",
         is_read_only,
         ERROR_ORACLE,
         "it is not open read write; open it read write, or set [oracle] unavailable = skip",
         "it is open read write",
         true},
        {"asm",
         is_in_asm,
         ERROR_UNSUPPORTED,
         "files of it are in ASM ('+..'); a bare host could not be restored from this backup: move "
         "them to a file system, or leave its SID out of [oracle] databases",
         "its files are on file systems",
         false},
};

const PreflightRefusal *preflight_refusals(size_t *ret_n) {
        *ret_n = ELEMENTSOF(refusals);
        return refusals;
}

static bool is_lost_by_resetlogs(const DatafileFacts *file) {
        return !file->settled &&
               (string_equal(file->status, "OFFLINE") || string_equal(file->status, "RECOVER"));
}

const DatafileFacts *preflight_lost_file(const DatabaseFacts *facts) {
        for (size_t i = 0; i < facts->n_datafiles; i++)
                if (is_lost_by_resetlogs(&facts->datafiles[i]))
                        return &facts->datafiles[i];
        return NULL;
}

static int refuse_offline(const char *sid, const DatabaseFacts *facts, Error *err) {
        const DatafileFacts *file = preflight_lost_file(facts);

        if (file == NULL)
                return 0;
        return error_set(
                err,
                ERROR_UNSUPPORTED,
                -EOPNOTSUPP,
                "database %s cannot be backed up: data file %" PRIu32
                " (%s) is %s and would be lost by a restore; recover it and set it online, or take "
                "its tablespace offline normal or drop it",
                sid,
                file->file,
                file->name,
                file->status);
}

int preflight_judge(const AdviceContext *context, const DatabaseFacts *facts, Error *err) {
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (refusals[i].holds(facts))
                        return error_set(
                                err,
                                refusals[i].kind,
                                -EOPNOTSUPP,
                                "database %s cannot be backed up: %s",
                                context->sid,
                                refusals[i].sentence);
        return refuse_offline(context->sid, facts, err);
}

/* A list of warnings that remembers a failed allocation. */
typedef struct Warnings {
        const char *sid;
        StringList *list;
        bool failed;
} Warnings;

static void warn(Warnings *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(Warnings *warnings, const char *format, ...) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        va_list ap;

        text_appendf(&text, "database %s: ", warnings->sid);
        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        if (text.failed || string_list_add(warnings->list, text_get(&text)) < 0)
                warnings->failed = true;
}

int preflight_warnings(
        const AdviceContext *context, const DatabaseFacts *facts, StringList *ret, Error *err) {
        Warnings warnings = {context->sid, ret, false};
        AdviceList advice = {0};

        advice_backup(context, facts, &advice);
        for (size_t i = 0; i < advice.n; i++)
                warn(&warnings, "%s", advice.items[i].detail);
        warnings.failed |= advice.failed;
        advice_list_done(&advice);
        return warnings.failed ? error_oom(err) : 0;
}

int preflight_run_warnings(
        const char *sid, const RunFacts *run, uint64_t low_scn, StringList *ret, Error *err) {
        Warnings warnings = {sid, ret, false};
        uint64_t corrupt = run->corrupt_blocks;

        for (size_t i = 0; i < run->n_structure; i++)
                if (run->structure[i].unrecoverable_scn > low_scn)
                        warn(&warnings,
                             "data file %" PRIu32 " (%s) was changed without redo at SCN %" PRIu64
                             "; those blocks are unreadable after a restore",
                             run->structure[i].file,
                             run->structure[i].name,
                             run->structure[i].unrecoverable_scn);
        for (size_t i = 0; i < run->n_datafiles; i++)
                if (run->datafiles[i].corrupt > 0) {
                        warn(&warnings,
                             "%" PRIu64 " corrupt blocks of data file %" PRIu32
                             " are in the backup",
                             run->datafiles[i].corrupt,
                             run->datafiles[i].file);
                        corrupt = 0;
                }
        if (corrupt > 0)
                warn(&warnings,
                     "V$DATABASE_BLOCK_CORRUPTION lists %" PRIu64 " ranges of corrupt blocks",
                     corrupt);
        return warnings.failed ? error_oom(err) : 0;
}

int preflight_sql_error(const char *sid, const Rows *rows, Error *err) {
        const char *line = rows->error_line;
        char code[ERROR_CODE_BYTES] = "";
        ErrorKind kind = ERROR_ORACLE;
        int r;

        if (line == NULL)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EIO,
                        "database %s: SQL*Plus ended without \"~OK~\" and without an error",
                        sid);
        if (string_starts_with(line, "ORA-") && strlen(line) >= 9) {
                memcpy(code, line, 9);
                if (rman_error_kind(code, 0) == ERROR_ORACLE_AUTH)
                        kind = ERROR_ORACLE_AUTH;
        }
        r = error_set(err, kind, -EIO, "database %s: %s", sid, line);
        if (err != NULL)
                memcpy(err->ora_code, code, sizeof(code));
        return r;
}
