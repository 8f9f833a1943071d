/* Rules about a database as it is: what a backup of it would lack, and what a restore of one would
 * meet. */
#include "oracle/advice-rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "oracle/preflight-rules.h"

enum { KEEP_TIME_MARGIN_DAYS = 7, NAMES_MAX = 5 };

#define GOOD(...) advice_good(input->list, check, input->context->sid, __VA_ARGS__)
#define BAD(severity, ...)                                                                         \
        advice_bad(input->list, check, input->context->sid, severity, __VA_ARGS__)

void advice_refusals(const RuleInput *input) {
        size_t n;
        const PreflightRefusal *refusals = preflight_refusals(&n);
        bool open = string_equal(input->facts->status, "OPEN");

        for (size_t i = 0; i < n; i++) {
                const char *check = refusals[i].check;

                if (refusals[i].of_open && !open)
                        continue;
                if (refusals[i].holds(input->facts))
                        BAD(ADVICE_ERROR, "%s", refusals[i].sentence);
                else
                        GOOD("%s", refusals[i].good);
        }
}

static void append_names(Text *text, const StringList *names) {
        for (size_t i = 0; i < names->n && i < NAMES_MAX; i++)
                text_appendf(text, "%s%s", i > 0 ? ", " : "", names->items[i]);
        if (names->n > NAMES_MAX)
                text_appendf(text, " and %zu more", names->n - NAMES_MAX);
}

/* Calls `bad` with the names, or says that there are none. */
static void judge_names(
        const RuleInput *input,
        const char *check,
        const StringList *names,
        AdviceSeverity severity,
        const char *const sentences[3]) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        if (names->n == 0) {
                GOOD("%s", sentences[0]);
                return;
        }
        append_names(&text, names);
        if (text.failed)
                input->list->failed = true;
        else
                BAD(severity, "%s%s%s", sentences[1], text_get(&text), sentences[2]);
}

static void judge_offline(const RuleInput *input, const char *check) {
        const DatafileFacts *file = preflight_lost_file(input->facts);

        if (file == NULL)
                GOOD("no data file is offline but with its tablespace");
        else
                BAD(ADVICE_ERROR,
                    "data file %" PRIu32 " (%s) is %s and would be lost by a restore; recover it "
                    "and set it online, or take its tablespace offline normal or drop it",
                    file->file,
                    file->name,
                    file->status);
}

static void judge_rman_program(const RuleInput *input, const char *check) {
        if (input->local->has_rman)
                GOOD("rman is in the Oracle home");
        else
                BAD(ADVICE_ERROR,
                    "there is no rman in the Oracle home that can be run; install the server "
                    "software there, or correct the home in oratab");
}

static void judge_spfile(const RuleInput *input, const char *check) {
        if (input->facts->spfile != NULL && *input->facts->spfile != '\0')
                GOOD("it runs on spfile %s", input->facts->spfile);
        else
                BAD(ADVICE_INFO,
                    "it runs on a parameter file; that is archived instead of a server parameter "
                    "file. What ALTER SYSTEM changed in memory is lost with the instance: CREATE "
                    "SPFILE FROM PFILE and restart it");
}

static void judge_password_file(const RuleInput *input, const char *check) {
        if (input->local->has_password_file)
                GOOD("there is a password file");
        else if (string_equal(input->facts->password_mode, "NONE"))
                GOOD("no password file, and none is wanted (remote_login_passwordfile = NONE)");
        else
                BAD(ADVICE_WARNING,
                    "there is no password file where backups look for it: after a restore nobody "
                    "connects as SYSDBA over the network; make one with orapwd");
}

static void judge_local_listener(const RuleInput *input, const char *check) {
        if (input->local->undefined_alias == NULL)
                GOOD("its listener parameters can be resolved");
        else
                BAD(ADVICE_WARNING,
                    "%s is not defined in tnsnames.ora of its home: the instance would not start "
                    "again (ORA-00119); add it there or ALTER SYSTEM RESET the parameter",
                    input->local->undefined_alias);
}

static void judge_listener(const RuleInput *input, const char *check) {
        if (!input->local->listener_known) {
                BAD(ADVICE_WARNING,
                    "lsnrctl of its home does not answer; look why `lsnrctl status` does not work");
                return;
        }
        switch (input->local->listener) {
        case LISTENER_READY:
                GOOD("the listener knows it");
                break;
        case LISTENER_DOWN:
                BAD(ADVICE_WARNING, "no listener answers; start it (lsnrctl start)");
                break;
        case LISTENER_MISSING:
        case LISTENER_UNREADY:
                BAD(ADVICE_WARNING,
                    "the listener runs and does not offer it; look at local_listener, then ALTER "
                    "SYSTEM REGISTER");
                break;
        }
}

static void judge_destinations(const RuleInput *input, const char *check) {
        judge_names(
                input,
                check,
                &input->facts->failed_destinations,
                ADVICE_ERROR,
                (const char *const[]){
                        "its archive destinations are valid",
                        "archive destination failed: ",
                        "; a database whose logs cannot be archived stops (ORA-00257): make room "
                        "or "
                        "correct the destination"});
}

/* Of the recovery area: what is used and cannot be reclaimed. */
static uint64_t used_of_area(const DatabaseFacts *facts) {
        uint64_t reclaimable = facts->recovery_reclaimable < facts->recovery_used
                                       ? facts->recovery_reclaimable
                                       : facts->recovery_used;

        return facts->recovery_used - reclaimable;
}

static bool area_is_full(const DatabaseFacts *facts) {
        uint64_t limit = facts->recovery_limit;

        return limit > 0 && used_of_area(facts) >= limit - limit / 10;
}

static bool is_too_small(uint64_t bytes, uint64_t redo_bytes) {
        return bytes / 2 <= redo_bytes;
}

static bool area_takes_no_log(const DatabaseFacts *facts) {
        uint64_t used = used_of_area(facts);

        return facts->archives_to_area && facts->redo_bytes > 0 && facts->recovery_limit > 0 &&
               is_too_small(
                       facts->recovery_limit > used ? facts->recovery_limit - used : 0,
                       facts->redo_bytes);
}

static void judge_archive_space(const RuleInput *input, const char *check) {
        const DatabaseFacts *facts = input->facts;
        const LocalFacts *local = input->local;
        uint64_t used = used_of_area(facts);

        if (area_takes_no_log(facts) || area_is_full(facts))
                BAD(area_takes_no_log(facts) ? ADVICE_ERROR : ADVICE_WARNING,
                    "the recovery area %s is %" PRIu64
                    " %% full; the database stops when archived logs do not fit any more: make "
                    "room there or enlarge db_recovery_file_dest_size",
                    facts->recovery_dest != NULL ? facts->recovery_dest : "",
                    used >= UINT64_MAX / 100 ? UINT64_MAX : used * 100 / facts->recovery_limit);
        else if (
                local != NULL && local->archive_directory != NULL &&
                is_too_small(local->archive_directory_free, facts->redo_bytes))
                BAD(ADVICE_ERROR,
                    "archive destination %s has %" PRIu64
                    " bytes free and one log may have %" PRIu64
                    "; the database stops when they do not fit any more: make room there",
                    local->archive_directory,
                    local->archive_directory_free,
                    facts->redo_bytes);
        else
                GOOD("there is room for archived logs");
}

static void judge_force_logging(const RuleInput *input, const char *check) {
        if (input->facts->force_logging)
                GOOD("FORCE LOGGING is on");
        else
                BAD(ADVICE_WARNING,
                    "FORCE LOGGING is off: what is changed without redo (NOLOGGING) while a backup "
                    "runs cannot be read after a restore; ALTER DATABASE FORCE LOGGING");
}

static void judge_unrecoverable(const RuleInput *input, const char *check) {
        const DatabaseFacts *facts = input->facts;
        uint64_t since = input->context->last_low_scn;

        for (size_t i = 0; i < facts->n_datafiles && since > 0; i++) {
                const DatafileFacts *file = &facts->datafiles[i];

                if (file->unrecoverable_scn <= since)
                        continue;
                BAD(ADVICE_WARNING,
                    "data file %" PRIu32 " (%s) was changed without redo at SCN %" PRIu64
                    ", after the newest backup began: those blocks are not in it; make a backup",
                    file->file,
                    file->name,
                    file->unrecoverable_scn);
                return;
        }
        GOOD("nothing was changed without redo since the newest backup");
}

static void judge_corruption(const RuleInput *input, const char *check) {
        if (input->facts->corrupt_ranges == 0)
                GOOD("no corrupt block is known");
        else
                BAD(ADVICE_WARNING,
                    "V$DATABASE_BLOCK_CORRUPTION lists %" PRIu64
                    " ranges of corrupt blocks, which backups carry along; recover them (RECOVER "
                    "CORRUPTION LIST) while an older backup has them whole",
                    input->facts->corrupt_ranges);
}

static void judge_excluded(const RuleInput *input, const char *check) {
        judge_names(
                input,
                check,
                &input->facts->excluded_tablespaces,
                ADVICE_INFO,
                (const char *const[]){
                        "no tablespace is excluded from whole database backups",
                        "CONFIGURE EXCLUDE leaves these out of whole database backups: tablespace ",
                        "; ours include them (NOEXCLUDE), nothing need be done"});
}

static void judge_tde(const RuleInput *input, const char *check) {
        if (!input->facts->tde)
                GOOD("it has no encrypted tablespaces and no open wallet");
        else
                BAD(ADVICE_WARNING,
                    "it has encrypted tablespaces or an open wallet; the wallet is not in the "
                    "backup and a restore needs it, keep a copy of it apart");
}

static void judge_keep_time(const RuleInput *input, const char *check) {
        uint64_t days = input->facts->control_file_record_keep_time;
        uint64_t wanted = input->context->level0_age_days + KEEP_TIME_MARGIN_DAYS;

        if (days == 0 || days >= wanted)
                GOOD("the control file keeps its records long enough");
        else
                BAD(ADVICE_WARNING,
                    "control_file_record_keep_time is %" PRIu64
                    " days; records that a level 1 needs may be overwritten, set it to %" PRIu64
                    " or more",
                    days,
                    wanted);
}

static void judge_restore_points(const RuleInput *input, const char *check) {
        judge_names(
                input,
                check,
                &input->facts->guaranteed_points,
                ADVICE_WARNING,
                (const char *const[]){
                        "it has no guaranteed restore point",
                        "guaranteed restore points: ",
                        "; flashback logs are in no backup, so OPEN RESETLOGS of a restore may "
                        "fail "
                        "(ORA-38760) until they are dropped: drop those that are of no use any "
                        "more"});
}

static void judge_flashback(const RuleInput *input, const char *check) {
        const char *flashback = input->facts->flashback;

        if (flashback == NULL || string_equal(flashback, "NO"))
                GOOD("flashback is off");
        else
                BAD(ADVICE_INFO,
                    "flashback is on; a restore switches it off before it opens the database and "
                    "says so: switch it on again then");
}

static void judge_change_tracking(const RuleInput *input, const char *check) {
        if (input->facts->block_change_tracking == NULL)
                GOOD("block change tracking is off");
        else
                BAD(ADVICE_INFO,
                    "block change tracking is on; its file %s is in no backup, a restore makes it "
                    "anew: its directory must exist then",
                    input->facts->block_change_tracking);
}

static void judge_remote(const RuleInput *input, const char *check) {
        judge_names(
                input,
                check,
                &input->facts->remote_destinations,
                ADVICE_INFO,
                (const char *const[]){
                        "it ships redo nowhere",
                        "it ships redo elsewhere: ",
                        "; a restore defers these before it opens the database and says so: enable "
                        "them again then, if the copy is to feed that standby"});
}

static void judge_channels(const RuleInput *input, const char *check) {
        if (input->facts->edition == NULL || !string_equal(input->facts->edition, "Standard") ||
            input->context->channels <= 1)
                GOOD("its edition has the channels that are configured");
        else
                BAD(ADVICE_WARNING,
                    "Standard Edition uses one channel, not %u; set [oracle] channels = 1",
                    input->context->channels);
}

static void judge_pdbs(const RuleInput *input, const char *check) {
        judge_names(
                input,
                check,
                &input->facts->restricted_pdbs,
                ADVICE_WARNING,
                (const char *const[]){
                        "no pluggable database is open restricted",
                        "open restricted: pluggable database ",
                        "; after a restore it is so, too: settle what PDB_PLUG_IN_VIOLATIONS says, "
                        "and open it again"});
}

static const Rule rules[] = {
        {"offline_files", judge_offline, false},
        {"rman_program", judge_rman_program, false},
        {"spfile", judge_spfile, false},
        {"password_file", judge_password_file, false},
        {"local_listener", judge_local_listener, false},
        {"listener", judge_listener, false},
        {"archive_destinations", judge_destinations, true},
        {"archive_space", judge_archive_space, true},
        {"force_logging", judge_force_logging, false},
        {"unrecoverable_files", judge_unrecoverable, false},
        {"corruption", judge_corruption, false},
        {"excluded_tablespaces", judge_excluded, true},
        {"tde", judge_tde, true},
        {"record_keep_time", judge_keep_time, true},
        {"restore_points", judge_restore_points, false},
        {"flashback", judge_flashback, false},
        {"change_tracking", judge_change_tracking, false},
        {"remote_destinations", judge_remote, false},
        {"channels", judge_channels, true},
        {"pluggable_databases", judge_pdbs, false},
        {"other_rman_users", judge_other_users, true},
        {"rman_copies", judge_copies, false},
        {"rman_compression", judge_compression, false},
        {"rman_encryption", judge_rman_encryption, true},
        {"rman_device", judge_device, false},
        {"rman_autobackup", judge_autobackup, false},
        {"rman_optimization", judge_optimization, false},
};

const Rule *advice_rules(size_t *ret_n) {
        *ret_n = ELEMENTSOF(rules);
        return rules;
}
