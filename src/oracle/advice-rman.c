/* Rules about RMAN itself: others who use it on the same database, and what its persistent
 * configuration would do to a run of ours. No CONFIGURE is ever issued; what can be overridden in
 * the script is, and is only told. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "oracle/advice-rules.h"

enum { TRACES_MAX = 5 };

/* ---- other users ---- */

/* Records of released pieces stay in the control file; others who use it see them, too. Keeping
 * the pieces of the chain cures the first and the last. */
static const struct {
        bool kept_pieces_cure;
        const char *sentence;
} effects[] = {
        {true, "their CROSSCHECK with DELETE EXPIRED removes the base of our next level 1"},
        {false, "their next incremental may be based on a backup of ours"},
        {false, "their DELETE OBSOLETE counts ours and may delete their own last full backup"},
        {false,
         "until a run ends its archived logs count as backed up for their deletion policy and for "
         "NOT BACKED UP"},
        {true, "their RESTORE tries our released pieces first"},
};

/* What we did ourselves is known by number: the operations of RMAN carry no name. */
static bool is_foreign(const OperationFacts *operations, uint64_t own) {
        return operations->count > own;
}

static void
append_operation(Text *text, const OperationFacts *operations, uint64_t own, const char *name) {
        if (is_foreign(operations, own))
                text_appendf(
                        text,
                        "; %s was run %" PRIu64 " times, last %s",
                        name,
                        operations->count - own,
                        operations->newest);
}

static void append_traces(const RuleInput *input, Text *text) {
        const StringList *foreign = &input->facts->foreign;

        for (size_t i = 0; i < foreign->n && i < TRACES_MAX; i++)
                text_appendf(text, "; %s", foreign->items[i]);
        if (foreign->n > TRACES_MAX)
                text_appendf(text, "; and %zu more", foreign->n - TRACES_MAX);
        append_operation(
                text, &input->facts->crosschecks, input->context->own_crosschecks, "CROSSCHECK");
        append_operation(text, &input->facts->deletes, input->context->own_deletes, "DELETE");
}

static void append_effects(const RuleInput *input, Text *text) {
        for (size_t i = 0; i < ELEMENTSOF(effects); i++)
                if (!(input->context->keeps_pieces && effects[i].kept_pieces_cure))
                        text_appendf(text, "; (%zu) %s", i + 1, effects[i].sentence);
}

void judge_other_users(const RuleInput *input, const char *check) {
        const AdviceContext *context = input->context;
        CLEANUP(text_done) Text traces = TEXT_INIT;
        CLEANUP(text_done) Text told = TEXT_INIT;

        append_traces(input, &traces);
        append_effects(input, &told);
        if (traces.failed || told.failed)
                input->list->failed = true;
        else if (traces.length == 0)
                advice_good(
                        input->list,
                        check,
                        context->sid,
                        "nobody else used RMAN in the last 31 days");
        else if (context->forgets)
                advice_good(
                        input->list,
                        check,
                        context->sid,
                        "somebody else uses RMAN; nothing of ours stays recorded, since [oracle] "
                        "repository = forget%s",
                        text_get(&traces));
        else
                advice_bad(
                        input->list,
                        check,
                        context->sid,
                        ADVICE_WARNING,
                        "somebody else uses RMAN on this database%s. Data file pieces of ours stay "
                        "recorded%s%s. Set [oracle] repository = forget (then only level 0 is "
                        "possible)%s",
                        text_get(&traces),
                        context->keeps_pieces ? "" : " after they were released to the store",
                        text_get(&told),
                        context->keeps_pieces ? ", or leave RMAN to one of the two"
                                              : ", or [store] release = chain against (1) and (5)");
}

/* ---- its configuration ---- */

/* The first setting that begins with `name`, NULL: the default. */
static const char *setting(const RuleInput *input, const char *name) {
        const StringList *settings = &input->facts->rman_settings;

        for (size_t i = 0; i < settings->n; i++)
                if (string_starts_with(settings->items[i], name))
                        return settings->items[i];
        return NULL;
}

void judge_copies(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;
        const char *found = setting(input, "DATAFILE BACKUP COPIES");

        if (found == NULL)
                found = setting(input, "ARCHIVELOG BACKUP COPIES");
        if (found == NULL || string_ends_with(found, " TO 1"))
                advice_good(input->list, check, sid, "one copy of each piece is configured");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_INFO,
                        "CONFIGURE %s is set; a backup makes one copy all the same (SET BACKUP "
                        "COPIES), nothing need be done",
                        found);
}

void judge_compression(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;
        const char *found = setting(input, "COMPRESSION ALGORITHM");

        if (found == NULL || strstr(found, "'BASIC'") != NULL)
                advice_good(input->list, check, sid, "BASIC compression, which needs no licence");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_INFO,
                        "CONFIGURE %s needs the Advanced Compression licence; a backup uses BASIC "
                        "all the same (SET COMPRESSION ALGORITHM), nothing need be done",
                        found);
}

void judge_rman_encryption(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;

        if (!input->facts->rman_encryption)
                advice_good(input->list, check, sid, "RMAN encrypts nothing by itself");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_WARNING,
                        "RMAN encryption is configured; the pieces need the wallet at a restore, "
                        "and the wallet is not in the backup: keep it apart, or CONFIGURE "
                        "ENCRYPTION FOR DATABASE OFF");
}

void judge_device(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;
        const char *found = setting(input, "DEFAULT DEVICE TYPE");

        if (found == NULL || strstr(found, "SBT") == NULL)
                found = setting(input, "CHANNEL DEVICE TYPE 'SBT");
        if (found == NULL)
                advice_good(input->list, check, sid, "the default device is disk");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_INFO,
                        "CONFIGURE %s is set; our runs allocate disk channels of their own. "
                        "Whoever "
                        "restores by hand on a host without that library does the same: allocate "
                        "channel c1 device type disk",
                        found);
}

void judge_autobackup(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;
        const char *found = setting(input, "CONTROLFILE AUTOBACKUP ON");

        if (found == NULL)
                advice_good(input->list, check, sid, "no autobackup is configured");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_INFO,
                        "CONFIGURE %s is set; each backup leaves one or two autobackups of the "
                        "control file where RMAN puts them. They are not ours and stay: let the "
                        "site's own retention remove them",
                        found);
}

void judge_optimization(const RuleInput *input, const char *check) {
        const char *sid = input->context->sid;

        if (setting(input, "BACKUP OPTIMIZATION ON") == NULL)
                advice_good(input->list, check, sid, "backup optimization is off");
        else
                advice_bad(
                        input->list,
                        check,
                        sid,
                        ADVICE_INFO,
                        "CONFIGURE BACKUP OPTIMIZATION ON is set; a backup takes every file all "
                        "the "
                        "same (FORCE), nothing need be done");
}
