/* Asks a database everything the rules want to know, in three processes: what it is (its release
 * decides which columns exist), everything else, and where the directories of its home are. The
 * rules themselves are preflight-rules.c. Owned by job/. */
#include "oracle/preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/preflight-rules.h"
#include "oracle/queries.h"
#include "oracle/sql.h"
#include "oracle/step.h"

typedef enum PreflightState {
        PREFLIGHT_LOCATE,
        PREFLIGHT_INSTANCE,
        PREFLIGHT_DATABASE,
        PREFLIGHT_ENDED,
} PreflightState;

struct Preflight {
        const Oracle *oracle;
        PreflightOptions options;
        PreflightState state;
        OracleLocate *locate;
        Step step;
        DatabaseFacts facts;
};

/* What is handed out lives here and not in the preflight, which the caller may free at once. */
static void preflight_end(Preflight *preflight, const Error *err, const StringList *warnings) {
        DatabaseFacts facts = preflight->facts;
        Error error = {0};
        if (err != NULL)
                error = *err;
        preflight->facts = (DatabaseFacts){0};
        preflight->state = PREFLIGHT_ENDED;
        preflight->options.on_done(
                err != NULL ? NULL : &facts,
                warnings,
                err != NULL ? &error : NULL,
                preflight->options.userdata);
        database_facts_done(&facts);
}

static int judge_facts(Preflight *preflight, StringList *warnings, Error *err) {
        const AdviceContext *context = &preflight->options.context;
        if (preflight->options.without_verdict)
                return 0;
        int r = preflight_judge(context, &preflight->facts, err);
        return r < 0 ? r : preflight_warnings(context, &preflight->facts, warnings, err);
}

static void preflight_finish(Preflight *preflight) {
        StringList warnings = {0};
        Error error = {0};
        int r = judge_facts(preflight, &warnings, &error);
        preflight_end(preflight, r < 0 ? &error : NULL, &warnings);
        string_list_done(&warnings);
}

static int ask(Preflight *preflight, Text *statements, Error *err) {
        int r = statements->failed
                        ? error_oom(err)
                        : step_sql(&preflight->step, STEP_SQL_ASK, text_get(statements), err);
        text_done(statements);
        return r;
}

static int ask_instance(Preflight *preflight, Error *err) {
        Text statements = TEXT_INIT;
        preflight->state = PREFLIGHT_INSTANCE;
        sql_ask(SQL_INSTANCE, 0, &statements);
        return ask(preflight, &statements, err);
}

static int ask_database(Preflight *preflight, Error *err) {
        static const SqlQuestion questions[] = {
                SQL_VERSION_FULL,
                SQL_DATABASE,
                SQL_PARAMETERS,
                SQL_CONTROL_FILES,
                SQL_DATAFILES,
                SQL_TABLESPACES,
                SQL_DESTINATIONS,
                SQL_RECOVERY_AREA,
                SQL_CHANGE_TRACKING,
                SQL_RESTORE_POINTS,
                SQL_RMAN_CONFIGURATION,
                SQL_WALLET,
                SQL_TEMPFILES,
                SQL_FOREIGN_BACKUPS,
                SQL_SIZE,
                SQL_PDBS,
                SQL_THREADS,
                SQL_LOGFILES,
        };
        static const SqlQuestion of_check[] = {SQL_REDO, SQL_CORRUPTION};
        unsigned version = sql_version(preflight->facts.version);
        Text statements = TEXT_INIT;
        preflight->state = PREFLIGHT_DATABASE;
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                sql_ask(questions[i], version, &statements);
        for (size_t i = 0; i < ELEMENTSOF(of_check) && preflight->options.without_verdict; i++)
                sql_ask(of_check[i], version, &statements);
        if (preflight->options.with_bases)
                sql_ask(SQL_BASES, version, &statements);
        return ask(preflight, &statements, err);
}

/* An instance that is only started has no control file to ask. */
static int judge_instance(Preflight *preflight, const Rows *rows, Error *err) {
        int r = queries_instance(rows, &preflight->facts, err);
        if (r < 0)
                return error_prefix(err, "%s", preflight->options.database->sid);
        if (string_equal(preflight->facts.status, "STARTED"))
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -ENODATA,
                        "%s is started, but neither mounted nor open; open it",
                        preflight->options.database->sid);
        return ask_database(preflight, err);
}

static int take_database(Preflight *preflight, const Rows *rows, Error *err) {
        DatabaseFacts *facts = &preflight->facts;
        int r = queries_database(rows, facts, err);
        if (r >= 0)
                r = queries_threads(rows, &facts->threads, &facts->n_threads, err);
        if (r >= 0 && preflight->options.with_bases)
                r = queries_bases(rows, &facts->bases, &facts->n_bases, err);
        return r < 0 ? error_prefix(err, "%s", preflight->options.database->sid) : 0;
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        Preflight *preflight = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        else if (preflight->state == PREFLIGHT_INSTANCE)
                (void)judge_instance(preflight, rows, &error);
        else if (take_database(preflight, rows, &error) >= 0) {
                preflight_finish(preflight);
                return;
        }
        if (error_is_set(&error))
                preflight_end(preflight, &error, &(StringList){0});
}

static void on_located(int r, const Error *err, void *userdata) {
        Preflight *preflight = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        preflight->locate = oracle_locate_free(preflight->locate);
        if (error_is_set(&error) || ask_instance(preflight, &error) < 0)
                preflight_end(preflight, &error, &(StringList){0});
}

int preflight_start(
        const Oracle *oracle, const PreflightOptions *options, Preflight **ret, Error *err) {
        Preflight *preflight = calloc(1, sizeof *preflight);
        if (preflight == NULL)
                return error_oom(err);
        preflight->oracle = oracle;
        preflight->options = *options;
        preflight->options.context.sid = options->database->sid;
        preflight->state = PREFLIGHT_LOCATE;
        int r = step_init(&preflight->step, oracle, options->database, err);
        preflight->step.on_done = on_step;
        preflight->step.userdata = preflight;
        if (r >= 0)
                r = oracle_locate(
                        oracle, options->database, on_located, preflight, &preflight->locate, err);
        if (r < 0) {
                preflight_free(preflight);
                return r;
        }
        *ret = preflight;
        return 0;
}

Preflight *preflight_free(Preflight *preflight) {
        if (preflight == NULL)
                return NULL;
        oracle_locate_free(preflight->locate);
        step_done(&preflight->step);
        database_facts_done(&preflight->facts);
        free(preflight);
        return NULL;
}
