/* Restore and overwrite runs of the Oracle fake. See oracle.h. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "fakes/oracle-internal.h"
#include "oracle/restore-run.h"

static const char *const PHASES[] = {
        "nomount", "mount", "catalog", "restore", "recover", "open", "register"};

struct RestoreRun {
        FakeCall call;
        RestoreRunOptions options;
};

static bool is_at_phase(const FakeCall *call) {
        return call->step_number < ELEMENTSOF(PHASES) &&
               string_equal(PHASES[call->step_number], fake_oracle.restore_phase);
}

static void restore_run_step(FakeCall *call) {
        RestoreRun *run = (RestoreRun *)call;
        RestoreRunOptions options = run->options;
        bool ended = call->step_number == ELEMENTSOF(PHASES);
        StringList notes = {0};
        Error error = {0};

        if ((call->stopped || is_at_phase(call)) && fake_call_fails(call, &error))
                ended = true;
        if (!ended) {
                options.on_phase(PHASES[call->step_number++], options.userdata);
                if (!call->posted)
                        fake_call_post(call);
                return;
        }
        int r = string_list_add(&notes, "a note of the restore");
        assert(r == 0);
        options.on_done(
                &notes,
                call->step_number > 0,
                error_is_set(&error) ? &error : NULL,
                options.userdata);
        string_list_done(&notes);
}

int restore_run_start(
        const Oracle *oracle, const RestoreRunOptions *options, RestoreRun **ret, Error *err) {
        RestoreRun *run = fake_call_new(
                FAKE_RESTORE_RUN, sizeof(RestoreRun), options->database->sid, restore_run_step);
        run->call.is_at_hold = is_at_phase;
        run->options = *options;
        fake_oracle_note("restore", options->database->sid, options->control_file_piece);
        for (size_t i = 0; i < options->pieces->n; i++)
                assert(access(options->pieces->items[i], R_OK) == 0);
        *ret = run;
        return 0;
}

void restore_run_stop(RestoreRun *run) {
        run->call.stopped = true;
        if (!run->call.posted)
                fake_call_post(&run->call);
}

RestoreRun *restore_run_free(RestoreRun *run) {
        fake_call_free((FakeCall *)run);
        return NULL;
}

struct OverwriteRun {
        FakeCall call;
        OverwriteRunOptions options;
};

static void overwrite_step(FakeCall *call) {
        const OverwriteRunOptions options = ((struct OverwriteRun *)call)->options;
        StringList notes = {0};
        Error error = {0};
        bool failed = fake_call_fails(call, &error);

        options.on_done(&notes, failed ? &error : NULL, options.userdata);
}

int overwrite_run_start(
        const Oracle *oracle, const OverwriteRunOptions *options, OverwriteRun **ret, Error *err) {
        OverwriteRun *run = fake_call_new(
                FAKE_OVERWRITE, sizeof(OverwriteRun), options->database->sid, overwrite_step);
        run->options = *options;
        fake_oracle_note("overwrite", options->database->sid, options->save_directory);
        *ret = run;
        return 0;
}

OverwriteRun *overwrite_run_free(OverwriteRun *run) {
        fake_call_free((FakeCall *)run);
        return NULL;
}
