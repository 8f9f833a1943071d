/* Creation of databases and restarts in ARCHIVELOG mode of the Oracle fake. See oracle.h. */
#include <assert.h>
#include <errno.h>

#include "fakes/oracle-internal.h"
#include "oracle/archivelog-run.h"
#include "oracle/create-run.h"

struct CreateRun {
        FakeCall call;
        CreateRunOptions options;
        char password[32];
};

static void create_run_step(FakeCall *call) {
        const struct CreateRun *run = (struct CreateRun *)call;
        const CreateRunOptions options = run->options;
        StringList left = {0}, notes = {0};
        Error error = {0};
        bool failed = fake_call_fails(call, &error);

        if (!failed && call->step_number++ == 0) {
                options.on_progress("Copying database files", 40, options.userdata);
                fake_call_post(call);
                return;
        }
        int r = failed ? string_list_add(&left, "/u02/oradata/NEWDB")
                       : string_list_add(&notes, "a note of dbca");
        assert(r == 0);
        const CreateReport report = {
                .created = !failed,
                .destination = "db_recovery_file_dest = /u03/fra",
                .log_file = "/u01/x.log",
                .listener = "ready",
                .left = &left,
                .notes = &notes,
        };
        fake_oracle_note("create", call->sid, run->password);
        options.on_done(&report, failed ? &error : NULL, options.userdata);
        string_list_done(&left);
        string_list_done(&notes);
}

int create_run_start(
        const Oracle *oracle, const CreateRunOptions *options, CreateRun **ret, Error *err) {
        CreateRun *run = fake_call_new(
                FAKE_CREATE_RUN, sizeof(CreateRun), options->database->sid, create_run_step);
        run->options = *options;
        (void)snprintf(run->password, sizeof(run->password), "%s", options->sys_password);
        *ret = run;
        return 0;
}

int create_run_stop(CreateRun *run, Error *err) {
        if (fake_oracle.is_restarting)
                return error_set(err, ERROR_BUSY, -EBUSY, "it is being restarted");
        run->call.stopped = true;
        if (!run->call.posted)
                fake_call_post(&run->call);
        return 0;
}

CreateRun *create_run_free(CreateRun *run) {
        fake_call_free((FakeCall *)run);
        return NULL;
}

struct ArchivelogRun {
        FakeCall call;
        ArchivelogRunOptions options;
};

static void archivelog_step(FakeCall *call) {
        const ArchivelogRunOptions options = ((struct ArchivelogRun *)call)->options;
        StringList notes = {0};
        Error error = {0};
        bool failed = fake_call_fails(call, &error);
        int r = string_list_add(&notes, "a note of the restart");

        assert(r == 0);
        const ArchivelogReport report = {.restarted = true, .notes = &notes};
        options.on_phase("open", options.userdata);
        options.on_done(&report, failed ? &error : NULL, options.userdata);
        string_list_done(&notes);
}

int archivelog_run_start(
        const Oracle *oracle,
        const ArchivelogRunOptions *options,
        ArchivelogRun **ret,
        Error *err) {
        ArchivelogRun *run = fake_call_new(
                FAKE_ARCHIVELOG, sizeof(ArchivelogRun), options->database->sid, archivelog_step);
        run->options = *options;
        fake_oracle_note("archivelog", options->database->sid, options->database->oracle_home);
        *ret = run;
        return 0;
}

int archivelog_run_stop(ArchivelogRun *run, Error *err) {
        if (fake_oracle.is_restarting)
                return error_set(err, ERROR_BUSY, -EBUSY, "it is being restarted");
        run->call.stopped = true;
        if (!run->call.posted)
                fake_call_post(&run->call);
        return 0;
}

ArchivelogRun *archivelog_run_free(ArchivelogRun *run) {
        fake_call_free((FakeCall *)run);
        return NULL;
}
