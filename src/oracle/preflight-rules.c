/* Tables of what is refused and what is warned about. Called by oracle/preflight.c, and after a run
 * by oracle/backup-run.c. */
#include "oracle/preflight-rules.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/output.h"

enum { KEEP_TIME_MARGIN_DAYS = 7, MESSAGE_FILES_MAX = 5 };

typedef bool (*Condition)(const PreflightContext *context, const DatabaseFacts *facts);

static bool is_rac(const PreflightContext *context, const DatabaseFacts *facts) {
        return facts->parallel || facts->n_threads > 1;
}

static bool is_standby(const PreflightContext *context, const DatabaseFacts *facts) {
        return facts->role != NULL && !string_equal(facts->role, "PRIMARY");
}

static bool is_not_open(const PreflightContext *context, const DatabaseFacts *facts) {
        return !string_equal(facts->status, "OPEN") || facts->open_mode == NULL;
}

static bool is_read_only(const PreflightContext *context, const DatabaseFacts *facts) {
        return !string_equal(facts->open_mode, "READ WRITE");
}

static bool is_noarchivelog(const PreflightContext *context, const DatabaseFacts *facts) {
        return !string_equal(facts->log_mode, "ARCHIVELOG");
}

static bool has_old_control_file(const PreflightContext *context, const DatabaseFacts *facts) {
        return !string_equal(facts->controlfile_type, "CURRENT");
}

static bool in_asm(const char *name) {
        return name != NULL && *name == '+';
}

static bool list_in_asm(const StringList *list) {
        for (size_t i = 0; list != NULL && i < list->n; i++)
                if (in_asm(list->items[i]))
                        return true;
        return false;
}

static bool is_in_asm(const PreflightContext *context, const DatabaseFacts *facts) {
        for (size_t i = 0; i < facts->n_datafiles; i++)
                if (in_asm(facts->datafiles[i].name))
                        return true;
        return in_asm(facts->spfile) || list_in_asm(&facts->control_files) ||
               list_in_asm(context->logfiles);
}

/* In this order: the first that holds is what the caller hears. */
static const struct {
        Condition holds;
        ErrorKind kind;
        const char *sentence;
} refusals[] = {
        {is_rac,
         ERROR_UNSUPPORTED,
         "it is a RAC database (more than one redo thread or instance); back it up with RMAN "
         "itself, or leave its SID out of [oracle] databases"},
        {is_not_open,
         ERROR_ORACLE,
         "it is not open; open it, or set [oracle] unavailable = skip to leave it out"},
        {is_standby,
         ERROR_UNSUPPORTED,
         "it is a standby; back up its primary, or leave its SID out of [oracle] databases"},
        {has_old_control_file,
         ERROR_UNSUPPORTED,
         "its control file is a restored or standby one; open the database with RESETLOGS first"},
        {is_noarchivelog,
         ERROR_NOT_ARCHIVELOG,
         "it runs in NOARCHIVELOG mode; an open database can be backed up only in ARCHIVELOG mode: "
         "startup mount, alter database archivelog, open it"},
        {is_read_only,
         ERROR_ORACLE,
         "it is not open read write; open it read write, or set [oracle] unavailable = skip"},
        {is_in_asm,
         ERROR_UNSUPPORTED,
         "files of it are in ASM ('+..'); a bare host could not be restored from this backup: move "
         "them to a file system, or leave its SID out of [oracle] databases"},
};

static bool is_lost_by_resetlogs(const DatafileFacts *file) {
        return !file->settled &&
               (string_equal(file->status, "OFFLINE") || string_equal(file->status, "RECOVER"));
}

static int refuse_offline(const char *sid, const DatabaseFacts *facts, Error *err) {
        for (size_t i = 0; i < facts->n_datafiles; i++) {
                const DatafileFacts *file = &facts->datafiles[i];

                if (is_lost_by_resetlogs(file))
                        return error_set(
                                err,
                                ERROR_UNSUPPORTED,
                                -EOPNOTSUPP,
                                "database %s cannot be backed up: data file %" PRIu32
                                " (%s) is %s and would be lost by a restore; recover it and set it "
                                "online, or take its tablespace offline normal or drop it",
                                sid,
                                file->file,
                                file->name,
                                file->status);
        }
        return 0;
}

int preflight_judge(const PreflightContext *context, const DatabaseFacts *facts, Error *err) {
        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (refusals[i].holds(context, facts))
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

static void warn_each(Warnings *warnings, const StringList *list, const char *what) {
        for (size_t i = 0; i < list->n; i++)
                warn(warnings, "%s%s", what, list->items[i]);
}

/* Records of released pieces stay in the control file; others who use it see them, too. */
static void warn_foreign(Warnings *warnings, const DatabaseFacts *facts) {
        if (facts->foreign.n == 0)
                return;
        warn(warnings,
             "somebody else uses RMAN on this database, and pieces of ours that went to the store "
             "stay recorded: (1) their CROSSCHECK with DELETE EXPIRED removes the base of our next "
             "level 1, (2) their next incremental may be based on a backup of ours, (3) their "
             "DELETE OBSOLETE counts ours and may delete their own last full backup, (4) until a "
             "run ends its archived logs count as backed up for their deletion policy, (5) their "
             "RESTORE tries our released pieces first; set [oracle] repository = forget, or "
             "[store] release = chain");
        warn_each(warnings, &facts->foreign, "other RMAN user: ");
}

static void
warn_keep_time(Warnings *warnings, const PreflightContext *context, const DatabaseFacts *facts) {
        uint64_t days = facts->control_file_record_keep_time;

        if (days > 0 && days < context->level0_age_days + KEEP_TIME_MARGIN_DAYS)
                warn(warnings,
                     "control_file_record_keep_time is %" PRIu64
                     " days; records that a level 1 needs may be overwritten, set it to %" PRIu64
                     " or more",
                     days,
                     context->level0_age_days + KEEP_TIME_MARGIN_DAYS);
}

static void warn_recovery_area(Warnings *warnings, const DatabaseFacts *facts) {
        uint64_t reclaimable = facts->recovery_reclaimable < facts->recovery_used
                                       ? facts->recovery_reclaimable
                                       : facts->recovery_used;
        uint64_t used = facts->recovery_used - reclaimable;

        if (facts->recovery_limit == 0 || used < facts->recovery_limit - facts->recovery_limit / 10)
                return;
        warn(warnings,
             "the recovery area %s is %" PRIu64
             " %% full; the database stops when archived logs do not fit any more",
             facts->recovery_dest != NULL ? facts->recovery_dest : "",
             used >= UINT64_MAX / 100 ? UINT64_MAX : used * 100 / facts->recovery_limit);
}

int preflight_warnings(
        const PreflightContext *context, const DatabaseFacts *facts, StringList *ret, Error *err) {
        Warnings warnings = {context->sid, ret, false};

        warn_foreign(&warnings, facts);
        warn_keep_time(&warnings, context, facts);
        warn_recovery_area(&warnings, facts);
        warn_each(&warnings, &facts->failed_destinations, "archive destination failed: ");
        for (size_t i = 0; i < facts->excluded_tablespaces.n; i++)
                warn(&warnings,
                     "tablespace %s is excluded from whole database backups by CONFIGURE EXCLUDE; "
                     "this backup includes it (NOEXCLUDE)",
                     facts->excluded_tablespaces.items[i]);
        if (facts->rman_encryption)
                warn(&warnings,
                     "RMAN encryption is configured; the pieces need the wallet at a restore, and "
                     "the wallet is not in the backup");
        if (facts->tde)
                warn(&warnings,
                     "it has encrypted tablespaces or an open wallet; the wallet is not in the "
                     "backup, keep it apart");
        if (facts->edition != NULL && string_equal(facts->edition, "Standard") &&
            context->channels > 1)
                warn(&warnings, "Standard Edition uses one channel, not %u", context->channels);
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
