/* Rows and the table of rules. A rule is one small function that adds one row. Callers:
 * preflight-rules.c (warnings of a backup), job/check-databases.c (everything). */
#include "oracle/advice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "oracle/advice-rules.h"

const char *advice_severity_name(AdviceSeverity severity) {
        static const char *const names[] = {
                [ADVICE_ERROR] = "error",
                [ADVICE_WARNING] = "warning",
                [ADVICE_INFO] = "info",
        };
        return names[severity];
}

void advice_list_done(AdviceList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].detail);
        free(list->items);
        *list = (AdviceList){0};
}

__attribute__((format(printf, 3, 0))) static void
add(AdviceList *list, const Advice *row, const char *format, va_list ap) {
        CLEANUP(text_done) Text detail = TEXT_INIT;
        Advice *items = reallocarray(list->items, list->n + 1, sizeof(Advice));

        if (items == NULL) {
                list->failed = true;
                return;
        }
        list->items = items;
        text_appendf_va(&detail, format, ap);
        items[list->n] = *row;
        items[list->n].detail = text_take(&detail);
        if (items[list->n].detail == NULL)
                list->failed = true;
        else
                list->n++;
}

static Advice row_of(const char *check, const char *sid, bool ok, AdviceSeverity severity) {
        Advice row = {.check = check, .ok = ok, .severity = severity};

        (void)snprintf(row.database, sizeof(row.database), "%s", sid != NULL ? sid : "");
        return row;
}

void advice_good(AdviceList *list, const char *check, const char *sid, const char *format, ...) {
        const Advice row = row_of(check, sid, true, ADVICE_INFO);
        va_list ap;

        va_start(ap, format);
        add(list, &row, format, ap);
        va_end(ap);
}

void advice_bad(
        AdviceList *list,
        const char *check,
        const char *sid,
        AdviceSeverity severity,
        const char *format,
        ...) {
        const Advice row = row_of(check, sid, false, severity);
        va_list ap;

        va_start(ap, format);
        add(list, &row, format, ap);
        va_end(ap);
}

void local_facts_done(LocalFacts *local) {
        free(local->undefined_alias);
        free(local->archive_directory);
        *local = (LocalFacts){0};
}

static void run_rules(const RuleInput *input, bool backup) {
        size_t n;
        const Rule *rules = advice_rules(&n);

        for (size_t i = 0; i < n; i++)
                if (!backup || rules[i].concerns_backup)
                        rules[i].judge(input, rules[i].check);
}

void advice_database(
        const AdviceContext *context,
        const DatabaseFacts *facts,
        const LocalFacts *local,
        AdviceList *list) {
        advice_refusals(&(RuleInput){context, facts, local, list});
        run_rules(&(RuleInput){context, facts, local, list}, false);
}

void advice_backup(const AdviceContext *context, const DatabaseFacts *facts, AdviceList *list) {
        AdviceList all = {0};

        run_rules(&(RuleInput){context, facts, NULL, &all}, true);
        for (size_t i = 0; i < all.n; i++)
                if (!all.items[i].ok)
                        advice_bad(
                                list,
                                all.items[i].check,
                                all.items[i].database,
                                all.items[i].severity,
                                "%s",
                                all.items[i].detail);
        list->failed |= all.failed;
        advice_list_done(&all);
}
