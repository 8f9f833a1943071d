/* One database after the other: what is in the way is saved and shut down, the small files are
 * placed, Oracle's phases run. Part of job/restore. */
#include <errno.h>
#include <string.h>

#include "base/files.h"
#include "base/message-ids.h"
#include "job/restore-internal.h"

static TargetDatabase *target_of(Restore *restore) {
        return &restore->plan.databases[restore->current];
}

static void add_notes(Restore *restore, const StringList *notes) {
        const char *sid = target_of(restore)->database.sid;
        LogFields fields = restore_log_fields(restore);

        fields.database = sid;
        for (size_t i = 0; notes != NULL && i < notes->n; i++) {
                JobValue row[] = {
                        {.key = "sid", .type = JOB_VALUE_STRING, .string = sid},
                        {.key = "note", .type = JOB_VALUE_STRING, .string = notes->items[i]},
                };
                job_add_row(restore->job, row, ELEMENTSOF(row));
                log_notice(&fields, "Database %s: %s", sid, notes->items[i]);
        }
}

/* ---- Oracle ---- */

static int remove_mark(Restore *restore, LedgerDb *db, Error *err) {
        (void)db;
        return restore_mark_remove(
                restore->service->state_directory, target_of(restore)->database.sid, err);
}

static void on_mark_removed(Restore *restore) {
        const TargetDatabase *target = target_of(restore);
        JobValue row[] = {
                {.key = "sid", .type = JOB_VALUE_STRING, .string = target->database.sid},
                {.key = "restored", .type = JOB_VALUE_BOOL, .number = 1},
                {.key = "until_scn", .type = JOB_VALUE_UINT, .number = target->until_scn},
                {.key = "until_time", .type = JOB_VALUE_STRING, .string = target->until_time},
                {.key = "note",
                 .type = JOB_VALUE_STRING,
                 .string =
                         "open with RESETLOGS: the next backup of this database must be a level 0"},
        };
        job_add_row(restore->job, row, ELEMENTSOF(row));
        restore->current++;
        restore_next_database(restore);
}

static void on_phase(const char *phase, void *userdata) {
        Restore *restore = userdata;
        job_set_phase(restore->job, phase);
}

static void on_run_done(const StringList *notes, bool started, const Error *err, void *userdata) {
        Restore *restore = userdata;
        const char *sid = target_of(restore)->database.sid;
        LogFields fields = restore_log_fields(restore);
        Error error = {0};

        add_notes(restore, notes);
        restore->run = restore_run_free(restore->run);
        if (err != NULL && started) {
                fields.database = sid;
                log_warning(
                        &fields,
                        "The instance of database %s was started and is left as it is",
                        sid);
        }
        if (restore->phase == RESTORE_STOPPING) {
                restore_settle(restore);
        } else if (err != NULL) {
                error = *err;
                (void)error_prefix(&error, "database %s", sid);
                restore_fail(restore, &error);
        } else if (restore_step_files(restore, remove_mark, on_mark_removed, &error) < 0) {
                restore_fail(restore, &error);
        }
}

static int
created_in_logs(const RecordDatabase *record, uint32_t **ret, size_t *ret_n, Error *err) {
        uint32_t *files = calloc(record->n_datafiles + 1, sizeof(uint32_t));
        size_t n = 0;

        if (files == NULL)
                return error_oom(err);
        for (size_t i = 0; i < record->n_datafiles; i++)
                if (record->datafiles[i].created_in_logs)
                        files[n++] = record->datafiles[i].file;
        *ret = files;
        *ret_n = n;
        return 0;
}

static int start_oracle(Restore *restore, Error *err) {
        const TargetDatabase *target = target_of(restore);
        const RecordDatabase *record = target->record;
        CLEANUP(cleanup_free) uint32_t *created = NULL;
        CLEANUP(cleanup_free) char *work_directory = path_parent(restore->plan.directory);
        char job_name[16];
        RestoreRunOptions options = {
                .database = &target->database,
                .db_name = record->db_name,
                .dbid = record->dbid,
                .resetlogs_scn = record->resetlogs_scn,
                .resetlogs_time = record->resetlogs_time,
                .until_scn = target->until_scn,
                .until_time = target->until_time,
                .tempfiles = record->tempfiles,
                .has_spfile = target->has_spfile,
                .control_file_piece = target->control_file_piece,
                .directories = &target->directories,
                .pieces = &target->pieces,
                .open_pdbs = &record->open_pdbs,
                .block_change_tracking = record->block_change_tracking,
                .work_directory = work_directory,
                .job_name = job_name,
                .channels = restore->settings->config->channels,
                .oratab = restore->settings->config->oratab,
                .on_phase = on_phase,
                .on_done = on_run_done,
                .userdata = restore,
        };
        if (work_directory == NULL)
                return error_oom(err);
        (void)snprintf(job_name, sizeof(job_name), "%u", job_id(restore->job));
        int r = created_in_logs(record, &created, &options.n_created_in_logs, err);
        options.created_in_logs = created;
        return r < 0 ? r
                     : restore_run_start(&restore->service->oracle, &options, &restore->run, err);
}

/* ---- places ---- */

static int place(Restore *restore, LedgerDb *db, Error *err) {
        const TargetDatabase *target = target_of(restore);

        (void)db;
        int r = restore_mark_set(
                restore->service->state_directory, target->database.sid, restore->backup_id, err);
        return r < 0 ? r : restore_place_files(target, &restore->notes, err);
}

static void on_placed(Restore *restore) {
        Error error = {0};

        add_notes(restore, &restore->notes);
        string_list_done(&restore->notes);
        restore->notes = (StringList){0};
        restore_enter(restore, RESTORE_ORACLE);
        if (start_oracle(restore, &error) < 0)
                restore_fail(restore, &error);
}

static void start_placing(Restore *restore) {
        Error error = {0};

        restore_enter(restore, RESTORE_PLACE);
        if (restore_step_files(restore, place, on_placed, &error) < 0)
                restore_fail(restore, &error);
}

/* ---- what is in the way ---- */

static void on_overwritten(const StringList *notes, const Error *err, void *userdata) {
        Restore *restore = userdata;
        Error error = {0};

        add_notes(restore, notes);
        restore->overwrite_run = overwrite_run_free(restore->overwrite_run);
        if (restore->phase == RESTORE_STOPPING) {
                restore_settle(restore);
        } else if (err != NULL) {
                error = *err;
                (void)error_prefix(
                        &error,
                        "database %s, which is to be overwritten",
                        target_of(restore)->database.sid);
                restore_fail(restore, &error);
        } else {
                start_placing(restore);
        }
}

static void start_overwriting(Restore *restore) {
        Error error = {0};
        CLEANUP(cleanup_free) char *parent = path_parent(restore->plan.directory);

        restore_enter(restore, RESTORE_OVERWRITE);
        if (restore->save_directory == NULL && parent != NULL)
                restore->save_directory =
                        string_printf("%s/.before-%u", parent, job_id(restore->job));
        OverwriteRunOptions options = {
                .database = &target_of(restore)->database,
                .save_directory = restore->save_directory,
                .on_done = on_overwritten,
                .userdata = restore,
        };
        int r = restore->save_directory == NULL ? error_oom(&error)
                                                : overwrite_run_start(
                                                          &restore->service->oracle,
                                                          &options,
                                                          &restore->overwrite_run,
                                                          &error);
        if (r < 0)
                restore_fail(restore, &error);
}

void restore_next_database(Restore *restore) {
        if (restore->current == restore->plan.n_databases) {
                job_set_database(restore->job, "");
                restore_finished(restore);
                return;
        }
        job_set_database(restore->job, target_of(restore)->database.sid);
        if (target_of(restore)->in_the_way != NULL)
                start_overwriting(restore);
        else
                start_placing(restore);
}
