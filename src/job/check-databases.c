/* oratab -> each selected database in turn. Owned by job/check. */
#include "job/check-databases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job/plan.h"
#include "oracle/survey.h"
#include "repository/chain.h"

struct DatabaseCheck {
        DatabaseCheckOptions options;
        OracleDatabase *selected;
        size_t n_selected, next;
        Work *work;
        Survey *survey;
        DatabaseCheckResult result;
};

/* What the worker touches; outlives a cancelled check. */
typedef struct Selecting {
        DatabaseCheck *check;
        Settings *settings;
        OracleDatabase *selected;
        size_t n;
        int r;
        Error error;
} Selecting;

static void ask_next(DatabaseCheck *check);

static void finish(DatabaseCheck *check, const Error *err) {
        check->options.on_done(err == NULL ? &check->result : NULL, err, check->options.userdata);
}

/* ---- one database ---- */

static const char *sid_of(const DatabaseCheck *check) {
        return check->selected[check->next].sid;
}

/* A failure of ours is no row: the check has failed then. */
static void add_refusal(DatabaseCheck *check, const Error *err) {
        bool access = err->kind == ERROR_ORACLE_AUTH;

        advice_bad(
                check->options.rows,
                access ? "connection" : "open",
                sid_of(check),
                ADVICE_ERROR,
                access ? "%s; let the service user into the OSDBA group of the home, or correct "
                         "[oracle] connect and its credential"
                       : "%s; open it, or leave its SID out of [oracle] databases",
                err->message);
}

static int keep_facts(DatabaseCheck *check, const DatabaseFacts *facts) {
        DatabaseCheckResult *result = &check->result;
        const char *home = check->selected[check->next].oracle_home;
        const char *area = facts->recovery_dest;

        result->expected_bytes += facts->used_bytes;
        if (area != NULL && *area == '/' && string_list_add(&result->recovery_areas, area) < 0)
                return -ENOMEM;
        return string_list_has(&result->homes, home) ? 0 : string_list_add(&result->homes, home);
}

static AdviceContext context_of(const DatabaseCheck *check) {
        const DatabaseCheckOptions *options = &check->options;
        const Config *config = options->settings->config;
        const char *sid = sid_of(check);
        const RecordDatabase *last =
                options->newest == NULL ? NULL : chain_find_database(options->newest, sid);

        return (AdviceContext){
                .sid = sid,
                .channels = config->channels,
                .level0_age_days = options->level0_age_days,
                .own_deletes = check_memory_deletes(options->memory, sid),
                .own_crosschecks = check_memory_crosschecks(options->memory, sid),
                .last_low_scn = last == NULL ? 0 : last->low_scn,
                .keeps_pieces = config->release == RELEASE_CHAIN,
                .forgets = config->repository_forget,
        };
}

static void
on_surveyed(const DatabaseFacts *facts, const LocalFacts *local, const Error *err, void *userdata) {
        DatabaseCheck *check = userdata;
        Error error = {0};

        if (err != NULL && err->kind == ERROR_INTERNAL) {
                error = *err;
        } else if (err != NULL) {
                add_refusal(check, err);
        } else {
                const AdviceContext context = context_of(check);

                advice_good(
                        check->options.rows,
                        "connection",
                        context.sid,
                        "SQL*Plus connects as SYSDBA");
                advice_database(&context, facts, local, check->options.rows);
                if (keep_facts(check, facts) < 0)
                        (void)error_oom(&error);
        }
        check->survey = survey_free(check->survey);
        check->next++;
        if (error_is_set(&error))
                finish(check, &error);
        else
                ask_next(check);
}

static void ask_next(DatabaseCheck *check) {
        SurveyOptions options = {.on_done = on_surveyed, .userdata = check};
        Error error = {0};

        if (check->next == check->n_selected) {
                finish(check, NULL);
                return;
        }
        options.database = &check->selected[check->next];
        check->options.on_database(sid_of(check), check->options.userdata);
        if (survey_start(&check->options.service->oracle, &options, &check->survey, &error) < 0)
                finish(check, &error);
}

/* ---- which ---- */

static void select_run(void *userdata) {
        Selecting *selecting = userdata;

        selecting->r = select_databases(
                selecting->settings->config,
                NULL,
                &selecting->selected,
                &selecting->n,
                &selecting->error);
}

static void select_done(void *userdata) {
        Selecting *selecting = userdata;
        DatabaseCheck *check = selecting->check;
        AdviceList *rows = check->options.rows;
        const char *oratab = check->options.settings->config->oratab;

        check->work = NULL;
        check->selected = TAKE_PTR(selecting->selected);
        check->n_selected = selecting->n;
        selecting->n = 0;
        if (selecting->r == -ENOMEM) {
                finish(check, &selecting->error);
                return;
        }
        if (selecting->r < 0)
                advice_bad(
                        rows,
                        "databases",
                        NULL,
                        ADVICE_ERROR,
                        "%s; correct oratab or [oracle] databases",
                        selecting->error.message);
        else if (check->n_selected == 0)
                advice_bad(
                        rows,
                        "databases",
                        NULL,
                        ADVICE_ERROR,
                        "%s names no database that is selected; add a line SID:HOME:N for each",
                        oratab);
        else
                advice_good(
                        rows, "databases", NULL, "%zu databases of %s", check->n_selected, oratab);
        ask_next(check);
}

static void free_selected(OracleDatabase *selected, size_t n) {
        for (size_t i = 0; i < n; i++)
                oracle_database_done(&selected[i]);
        free(selected);
}

static void select_release(void *userdata) {
        Selecting *selecting = userdata;

        free_selected(selecting->selected, selecting->n);
        settings_unref(selecting->settings);
        free(selecting);
}

int database_check_start(const DatabaseCheckOptions *options, DatabaseCheck **ret, Error *err) {
        static const WorkFunctions functions = {
                .run = select_run, .on_done = select_done, .release = select_release};
        DatabaseCheck *check = calloc(1, sizeof(DatabaseCheck));
        Selecting *selecting = calloc(1, sizeof(Selecting));

        if (check == NULL || selecting == NULL) {
                free(check);
                free(selecting);
                return error_oom(err);
        }
        check->options = *options;
        selecting->check = check;
        selecting->settings = settings_ref(options->settings);
        int r = work_start(options->service->files, &functions, selecting, &check->work, err);
        if (r < 0) {
                select_release(selecting);
                free(check);
                return r;
        }
        *ret = check;
        return 0;
}

DatabaseCheck *database_check_free(DatabaseCheck *check) {
        if (check == NULL)
                return NULL;
        work_cancel(check->work);
        survey_free(check->survey);
        free_selected(check->selected, check->n_selected);
        string_list_done(&check->result.recovery_areas);
        string_list_done(&check->result.homes);
        free(check);
        return NULL;
}
