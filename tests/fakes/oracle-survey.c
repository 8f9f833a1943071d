/* survey.h: a database in perfect health, unless the call is to fail. See oracle.h. */
#include <assert.h>
#include <string.h>

#include "fakes/oracle-internal.h"
#include "oracle/survey.h"

struct Survey {
        FakeCall call;
        SurveyOptions options;
};

static void survey_step(FakeCall *call) {
        const SurveyOptions options = ((struct Survey *)call)->options;
        LocalFacts local = {
                .has_rman = true,
                .has_password_file = true,
                .listener = LISTENER_READY,
                .listener_known = true};
        DatabaseFacts facts = {.used_bytes = fake_oracle.used_bytes, .force_logging = true};
        Error error = {0};

        if (fake_call_fails(call, &error)) {
                options.on_done(NULL, NULL, &error, options.userdata);
                return;
        }
        facts.status = fake_copy("OPEN");
        facts.open_mode = fake_copy("READ WRITE");
        facts.log_mode = fake_copy("ARCHIVELOG");
        facts.role = fake_copy("PRIMARY");
        facts.controlfile_type = fake_copy("CURRENT");
        facts.spfile = fake_copy("/dbs/spfile.ora");
        options.on_done(&facts, &local, NULL, options.userdata);
        database_facts_done(&facts);
}

int survey_start(const Oracle *oracle, const SurveyOptions *options, Survey **ret, Error *err) {
        Survey *survey =
                fake_call_new(FAKE_SURVEY, sizeof(Survey), options->database->sid, survey_step);
        survey->options = *options;
        *ret = survey;
        return 0;
}

Survey *survey_free(Survey *survey) {
        fake_call_free((FakeCall *)survey);
        return NULL;
}
