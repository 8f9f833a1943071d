/* Work off the loop that a backup waits for. Part of job/backup. */
#include "job/backup-internal.h"

static void step_end(BackupStep *step) {
        Backup *backup = step->backup;

        backup->n_steps--;
        if (backup->phase == BACKUP_STOPPING)
                backup_settle(backup);
        else if (step->r >= 0)
                step->on_done(backup);
        else if (backup->phase == BACKUP_FAILING)
                backup_over(
                        backup,
                        &backup->cause); /* the job's row stays; the next start takes it up */
        else
                backup_fail(backup, &step->error, NULL);
}

static int step_ledger_run(LedgerDb *db, void *userdata, Error *err) {
        BackupStep *step = userdata;
        return step->run(step, db, err);
}

static void step_ledger_done(int r, const Error *err, void *userdata) {
        BackupStep *step = userdata;

        step->r = r;
        if (r < 0)
                step->error = *err;
        step_end(step);
}

static void step_files_run(void *userdata) {
        BackupStep *step = userdata;
        step->r = step->run(step, NULL, &step->error);
}

static void step_files_done(void *userdata) {
        step_end(userdata);
}

static BackupStep *
step_new(Backup *backup, int (*run)(BackupStep *, LedgerDb *, Error *), void (*on_done)(Backup *)) {
        BackupStep *step = calloc(1, sizeof(BackupStep));

        if (step != NULL)
                *step = (BackupStep){.backup = backup, .run = run, .on_done = on_done};
        return step;
}

int backup_step_ledger(
        Backup *backup,
        int (*run)(BackupStep *, LedgerDb *, Error *),
        void (*on_done)(Backup *),
        Error *err) {
        static const LedgerFunctions functions = {
                .run = step_ledger_run, .on_done = step_ledger_done, .release = free};
        BackupStep *step = step_new(backup, run, on_done);

        if (step == NULL)
                return error_oom(err);
        int r = ledger_call(backup->service->ledger, &functions, step, NULL, err);
        if (r < 0)
                free(step);
        else
                backup->n_steps++;
        return r;
}

int backup_step_files(
        Backup *backup,
        int (*run)(BackupStep *, LedgerDb *, Error *),
        void (*on_done)(Backup *),
        Error *err) {
        static const WorkFunctions functions = {
                .run = step_files_run, .on_done = step_files_done, .release = free};
        BackupStep *step = step_new(backup, run, on_done);

        if (step == NULL)
                return error_oom(err);
        int r = work_start(backup->service->files, &functions, step, NULL, err);
        if (r < 0)
                free(step);
        else
                backup->n_steps++;
        return r;
}
