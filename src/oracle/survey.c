/* Preflight -> a look at the files of the home -> the listener. Owned by job/check-databases. */
#include "oracle/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oracle/pfile.h"
#include "oracle/preflight.h"
#include "oracle/step.h"
#include "oracle/tns.h"

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

struct Survey {
        const Oracle *oracle;
        SurveyOptions options;
        OracleDatabase database;
        Preflight *preflight;
        Step step;
        ListenerQuery *listener;
        DatabaseFacts facts;
        LocalFacts local;
};

static void survey_end(Survey *survey, const Error *err) {
        Error error = {0};

        if (err != NULL)
                error = *err;
        survey->options.on_done(
                err == NULL ? &survey->facts : NULL,
                err == NULL ? &survey->local : NULL,
                err == NULL ? NULL : &error,
                survey->options.userdata);
}

/* ---- the files of the home (worker) ---- */

/* What the worker looks at; outlives a cancelled survey. */
typedef struct Look {
        OracleDatabase database;
        char *listener_values[3]; /* of the parameters below; "" : not set */
        StringList directories;
        LocalFacts local;
} Look;

static const char *const LISTENER_PARAMETERS[] = {
        "local_listener", "remote_listener", "dispatchers"};

static bool is_file(const char *directory, const char *prefix, const char *sid) {
        CLEANUP(cleanup_free) char *path = string_printf("%s/%s%s", directory, prefix, sid);
        return path != NULL && access(path, F_OK) == 0;
}

/* A backup takes orapw<SID> of the dbs directory; what the instance names elsewhere is none. */
static void look_for_programs(Look *look) {
        const OracleDatabase *database = &look->database;
        CLEANUP(cleanup_free) char *rman = path_join(database->oracle_home, "bin/rman");

        look->local.has_rman = rman != NULL && access(rman, X_OK) == 0;
        look->local.has_password_file = is_file(database->dbs_dir, "orapw", database->sid);
}

static int look_for_space(Look *look, Error *err) {
        for (size_t i = 0; i < look->directories.n; i++) {
                uint64_t free_bytes = 0;

                if (directory_space(look->directories.items[i], &free_bytes, NULL) < 0)
                        continue; /* V$ARCHIVE_DEST says what is wrong with it */
                if (look->local.archive_directory != NULL &&
                    free_bytes >= look->local.archive_directory_free)
                        continue;
                free(look->local.archive_directory);
                look->local.archive_directory = strdup(look->directories.items[i]);
                look->local.archive_directory_free = free_bytes;
                if (look->local.archive_directory == NULL)
                        return error_oom(err);
        }
        return 0;
}

typedef struct Names {
        char *tnsnames, *domain;
        size_t tnsnames_size;
} Names;

static void names_read(const Look *look, Names *ret) {
        CLEANUP(cleanup_free)
        char *tnsnames = path_join(look->database.network_dir, "tnsnames.ora");
        CLEANUP(cleanup_free) char *sqlnet = path_join(look->database.network_dir, "sqlnet.ora");
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size = 0;

        if (tnsnames != NULL)
                (void)file_read(
                        tnsnames,
                        TEXT_BYTES_MAX,
                        ERROR_ORACLE,
                        &ret->tnsnames,
                        &ret->tnsnames_size,
                        NULL);
        if (sqlnet != NULL &&
            file_read(sqlnet, TEXT_BYTES_MAX, ERROR_ORACLE, &text, &size, NULL) >= 0)
                ret->domain = tns_default_domain(text, size);
}

/* The value as V$PARAMETER shows it, taken apart as a parameter file would be. */
static int look_for_alias(Look *look, size_t i, const Names *names, Error *err) {
        CLEANUP(cleanup_free)
        char *line = string_printf("*.%s='%s'\n", LISTENER_PARAMETERS[i], look->listener_values[i]);
        const char *text = names->tnsnames != NULL ? names->tnsnames : "";
        StringList aliases = {0};
        Pfile pfile = {0};

        if (line == NULL)
                return error_oom(err);
        if (*look->listener_values[i] == '\0' ||
            pfile_parse(
                    line, strlen(line), LISTENER_PARAMETERS[i], look->database.sid, &pfile, NULL) <
                    0)
                return 0;
        int r = pfile_aliases(&pfile, LISTENER_PARAMETERS[i], &aliases) < 0 ? error_oom(err) : 0;
        for (size_t j = 0; r == 0 && j < aliases.n && look->local.undefined_alias == NULL; j++) {
                if (tns_defined(text, names->tnsnames_size, aliases.items[j], names->domain) !=
                    TNS_UNDEFINED)
                        continue;
                look->local.undefined_alias =
                        string_printf("%s = %s", LISTENER_PARAMETERS[i], aliases.items[j]);
                if (look->local.undefined_alias == NULL)
                        r = error_oom(err);
        }
        string_list_done(&aliases);
        pfile_done(&pfile);
        return r;
}

static int look_run(void *data, Error *err) {
        Look *look = data;
        Names names = {0};
        int r = look_for_space(look, err);

        look_for_programs(look);
        names_read(look, &names);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(LISTENER_PARAMETERS); i++)
                r = look_for_alias(look, i, &names, err);
        free(names.tnsnames);
        free(names.domain);
        return r;
}

static void *look_free(void *data) {
        Look *look = data;

        if (look == NULL)
                return NULL;
        oracle_database_done(&look->database);
        for (size_t i = 0; i < ELEMENTSOF(look->listener_values); i++)
                free(look->listener_values[i]);
        string_list_done(&look->directories);
        local_facts_done(&look->local);
        free(look);
        return NULL;
}

static int look_fill(Look *look, const Survey *survey) {
        const DatabaseFacts *facts = &survey->facts;
        const char *const values[] = {
                facts->local_listener, facts->remote_listener, facts->dispatchers};

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                look->listener_values[i] = strdup(values[i] != NULL ? values[i] : "");
                if (look->listener_values[i] == NULL)
                        return -ENOMEM;
        }
        if (string_list_copy(&facts->archive_directories, &look->directories) < 0)
                return -ENOMEM;
        return oracle_database_copy(&survey->database, &look->database);
}

static int start_look(Survey *survey, Error *err) {
        static const StepWork work = {look_run, look_free};
        Look *look = calloc(1, sizeof(Look));

        if (look == NULL)
                return error_oom(err);
        if (look_fill(look, survey) < 0) {
                look_free(look);
                return error_oom(err);
        }
        return step_work(&survey->step, &work, look, err);
}

/* ---- the listener ---- */

static void on_listener(ListenerState state, const Error *err, void *userdata) {
        Survey *survey = userdata;

        survey->listener = listener_query_free(survey->listener);
        survey->local.listener = state;
        survey->local.listener_known = err == NULL;
        survey_end(survey, NULL);
}

static void on_looked(const Rows *rows, void *data, const Error *err, void *userdata) {
        Survey *survey = userdata;
        Look *look = data;
        Error error = {0};

        if (err != NULL) {
                survey_end(survey, err);
                return;
        }
        survey->local = look->local;
        look->local = (LocalFacts){0};
        if (listener_query_start(
                    survey->oracle,
                    &survey->database,
                    on_listener,
                    survey,
                    &survey->listener,
                    &error) < 0)
                survey_end(survey, &error);
}

/* ---- the instance ---- */

static void
on_asked(DatabaseFacts *facts, const StringList *warnings, const Error *err, void *userdata) {
        Survey *survey = userdata;
        Error error = {0};

        if (err != NULL) {
                error = *err;
        } else {
                survey->facts = *facts;
                *facts = (DatabaseFacts){0};
        }
        survey->preflight = preflight_free(survey->preflight);
        if (error_is_set(&error) || start_look(survey, &error) < 0)
                survey_end(survey, &error);
}

int survey_start(const Oracle *oracle, const SurveyOptions *options, Survey **ret, Error *err) {
        Survey *survey = calloc(1, sizeof(Survey));

        if (survey == NULL)
                return error_oom(err);
        survey->oracle = oracle;
        survey->options = *options;
        int r = oracle_database_copy(options->database, &survey->database) < 0
                        ? error_oom(err)
                        : step_init(&survey->step, oracle, &survey->database, err);
        survey->step.on_done = on_looked;
        survey->step.userdata = survey;
        PreflightOptions preflight = {
                .database = &survey->database,
                .without_verdict = true,
                .on_done = on_asked,
                .userdata = survey,
        };
        if (r >= 0)
                r = preflight_start(oracle, &preflight, &survey->preflight, err);
        if (r < 0) {
                survey_free(survey);
                return r;
        }
        *ret = survey;
        return 0;
}

Survey *survey_free(Survey *survey) {
        if (survey == NULL)
                return NULL;
        preflight_free(survey->preflight);
        listener_query_free(survey->listener);
        step_done(&survey->step);
        database_facts_done(&survey->facts);
        local_facts_done(&survey->local);
        oracle_database_done(&survey->database);
        free(survey);
        return NULL;
}
