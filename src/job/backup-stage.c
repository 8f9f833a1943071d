/* From RMAN's pieces and the small files to a closed layout. Part of job/backup. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "job/backup-internal.h"
#include "job/backup-record.h"

/* ---- members ---- */

/* A member's line in the ledger, on its way there. */
typedef struct MemberRow {
        Backup *backup;
        uint32_t job;
        char *path, *source;
        void *header;
        LedgerMember member;
} MemberRow;

static int member_run(LedgerDb *db, void *userdata, Error *err) {
        MemberRow *row = userdata;

        row->member.path = row->path;
        row->member.source = row->source;
        row->member.header = row->header;
        return ledger_member_add(db, row->job, &row->member, err);
}

static void member_done(int r, const Error *err, void *userdata) {
        MemberRow *row = userdata;
        Backup *backup = row->backup;

        backup->n_steps--;
        if (backup->phase == BACKUP_STOPPING)
                backup_settle(backup);
        else if (r < 0)
                backup_fail(backup, err, NULL);
}

static void member_release(void *userdata) {
        MemberRow *row = userdata;

        free(row->path);
        free(row->source);
        free(row->header);
        free(row);
}

static int write_member(Backup *backup, const TarMember *member, uint64_t offset, Error *err) {
        static const LedgerFunctions functions = {
                .run = member_run, .on_done = member_done, .release = member_release};
        const TarLayout *layout = upload_layout(backup->upload);
        size_t header_size;
        const uint8_t *header =
                tar_layout_header(layout, tar_layout_member_count(layout) - 1, &header_size);
        MemberRow *row = calloc(1, sizeof(MemberRow));

        if (row == NULL)
                return error_oom(err);
        row->backup = backup;
        row->job = backup->row.id;
        row->path = strdup(member->path);
        row->source = strdup(member->source);
        row->header = malloc(header_size);
        row->member =
                (LedgerMember){.offset = offset, .size = member->size, .header_size = header_size};
        int r = row->path == NULL || row->source == NULL || row->header == NULL ? error_oom(err)
                                                                                : 0;
        if (r >= 0) {
                memcpy(row->header, header, header_size);
                r = ledger_call(backup->service->ledger, &functions, row, NULL, err);
        }
        if (r < 0)
                member_release(row);
        else
                backup->n_steps++;
        return r;
}

/* `path` is absolute, where the file came from; source is where it is read. */
static int
add_member(Backup *backup, const char *path, const char *source, RecordMember *member, Error *err) {
        TarMember tar = {
                .path = path + (path[0] == '/' ? 1 : 0),
                .source = source,
                .size = member->size,
                .mode = member->mode & 0777,
                .mtime = member->mtime,
        };
        member->mode = tar.mode;
        int r = upload_add(backup->upload, &tar, &member->offset, err);
        if (r >= 0)
                r = write_member(backup, &tar, member->offset, err);
        return r;
}

static int add_listed_member(
        Backup *backup, const char *path, const char *source, RecordMember *member, Error *err) {
        int r = add_member(backup, path, source, member, err);
        if (r >= 0)
                r = members_add(&backup->members, path, member, err);
        return r;
}

/* ---- RMAN ---- */

static void on_database(size_t database, void *userdata) {
        Backup *backup = userdata;
        job_set_database(backup->job, backup->plan.databases[database].database.sid);
}

static void on_piece(size_t database, const RunsPiece *piece, void *userdata) {
        Backup *backup = userdata;
        const char *sid = backup->plan.databases[database].database.sid;
        LogFields fields = backup_log_fields(backup);
        Error error = {0};
        RecordMember member = {
                .kind = MEMBER_PIECE,
                .database = backup->plan.databases[database].database.sid,
                .size = piece->size,
                .mode = piece->mode,
                .mtime = piece->mtime,
        };

        if (backup->phase != BACKUP_RMAN)
                return;
        if (add_listed_member(backup, piece->handle, piece->handle, &member, &error) < 0) {
                backup_fail(backup, &error, NULL);
                return;
        }
        backup->staged_bytes += piece->size;
        backup->pieces_staged++;
        fields.database = sid;
        fields.piece = piece->handle;
        fields.bytes = piece->size;
        log_info(
                &fields,
                "Piece %u of backup %s is finished",
                backup->pieces_staged,
                backup->claim.id);
        backup_show_progress(backup);
}

static void on_database_done(size_t database, const BackupRunResult *result, void *userdata) {
        Backup *backup = userdata;
        const char *sid = backup->plan.databases[database].database.sid;
        LogFields fields = backup_log_fields(backup);
        Error error = {0};

        fields.database = sid;
        for (size_t i = 0; i < result->warnings.n; i++)
                log_warning(&fields, "Database %s: %s", sid, result->warnings.items[i]);
        if (backup->phase == BACKUP_RMAN &&
            members_confirm(&backup->members, sid, &result->facts, &error) < 0)
                backup_fail(backup, &error, sid);
}

static void on_runs_done(const Error *err, const char *sid, void *userdata) {
        Backup *backup = userdata;
        Error error = {0};

        if (backup->phase == BACKUP_STOPPING) {
                backup->runs = runs_free(backup->runs);
                backup_settle(backup);
                return;
        }
        if (err != NULL) {
                error = *err;
                char name[31] = "";
                (void)snprintf(name, sizeof(name), "%s", sid == NULL ? "" : sid);
                backup->runs = runs_free(backup->runs);
                backup_fail(backup, &error, name);
                return;
        }
        job_set_database(backup->job, "");
        if (backup_stage_files(backup, &error) < 0)
                backup_fail(backup, &error, NULL);
}

int backup_stage_start(Backup *backup, Error *err) {
        RunsOptions options = {
                .service = backup->service,
                .settings = backup->settings,
                .plan = &backup->plan,
                .level = backup->claim.level,
                .destination = backup->directory,
                .on_database = on_database,
                .on_piece = on_piece,
                .on_database_done = on_database_done,
                .on_done = on_runs_done,
                .userdata = backup,
        };
        for (size_t i = 0; i < backup->plan.n_databases; i++) {
                const PlannedDatabase *planned = &backup->plan.databases[i];
                LogFields fields = backup_log_fields(backup);

                fields.database = planned->database.sid;
                for (size_t j = 0; j < planned->warnings.n; j++)
                        log_warning(
                                &fields,
                                "Database %s: %s",
                                planned->database.sid,
                                planned->warnings.items[j]);
        }
        return runs_start(&options, &backup->runs, err);
}

/* ---- releasing staged pieces (release = stored) ---- */

typedef struct ReleaseWork {
        StringList paths;
} ReleaseWork;

static void release_run(void *userdata) {
        ReleaseWork *work = userdata;
        for (size_t i = 0; i < work->paths.n; i++)
                (void)unlink(work->paths.items[i]); /* what stays goes with the directory */
}

static void release_nothing_to_do(void *userdata) {
        (void)userdata;
}

static void release_done(void *userdata) {
        ReleaseWork *work = userdata;
        string_list_done(&work->paths);
        free(work);
}

void backup_release_pieces(Backup *backup) {
        static const WorkFunctions functions = {
                .run = release_run, .on_done = release_nothing_to_do, .release = release_done};
        ReleaseWork *work = calloc(1, sizeof(ReleaseWork));
        Error error = {0};

        if (work == NULL)
                return;
        int r = members_release(
                &backup->members, upload_stored_below(backup->upload), &work->paths, &error);
        if (r < 0 || work->paths.n == 0 ||
            work_start(backup->service->files, &functions, work, NULL, &error) < 0)
                release_done(work);
}

/* ---- the small files ---- */

static MemberKind kind_of(BackupFileKind kind) {
        switch (kind) {
        case BACKUP_FILE_SPFILE:
                return MEMBER_SPFILE;
        case BACKUP_FILE_PFILE:
                return MEMBER_PFILE;
        case BACKUP_FILE_ORAPW:
                return MEMBER_ORAPW;
        case BACKUP_FILE_NETWORK:
                return MEMBER_NETWORK;
        }
        return MEMBER_NETWORK;
}

static int add_files(Backup *backup, size_t database, bool network, Error *err) {
        const BackupRunResult *result = runs_result(backup->runs, database);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < result->n_files; i++) {
                const BackupFile *file = &result->files[i];
                RecordMember member = {
                        .kind = kind_of(file->kind),
                        .database = backup->plan.databases[database].database.sid,
                        .size = file->size,
                        .mode = file->mode,
                        .mtime = file->mtime,
                };
                if ((file->kind == BACKUP_FILE_NETWORK) == network)
                        r = add_listed_member(backup, file->path, file->source, &member, err);
        }
        return r;
}

static int make_record(Backup *backup, Error *err) {
        BackupRecordInput input = {
                .claim = &backup->claim,
                .previous = &backup->previous,
                .parent = backup->claim.level == 0 ? NULL : &backup->parent,
                .plan = &backup->plan,
                .runs = backup->runs,
                .config = backup->settings->config,
                .recipients = backup->settings->recipients,
        };
        int r = backup_record_make(&input, &backup->record, err);
        if (r < 0)
                return r;
        /* Pieces are released by this list while the record is on its way. */
        backup->record.members = backup->members.items;
        backup->record.n_members = backup->members.n;
        backup->members.lent = true;
        return 0;
}

static char *summary_path(const Backup *backup) {
        return string_printf("%s/.files/orabackup.json", backup->directory);
}

static int write_summary(BackupStep *step, LedgerDb *db, Error *err) {
        Backup *backup = step->backup;
        CLEANUP(cleanup_free) char *path = summary_path(backup), *text = NULL;
        size_t size;

        (void)db;
        if (path == NULL)
                return error_oom(err);
        backup_record_look_around(&backup->record);
        int r = record_print_summary(&backup->record, &text, &size, err);
        if (r >= 0)
                r = file_write_durably(path, text, size, 0600, err);
        backup->summary_size = size;
        return r;
}

static void on_summary_written(Backup *backup) {
        CLEANUP(cleanup_free) char *path = summary_path(backup);
        Error error = {0};
        RecordMember member = {
                .size = backup->summary_size,
                .mode = 0600,
                .mtime = (int64_t)(clock_realtime_usec() / 1000000)};
        int r = path == NULL ? error_oom(&error)
                             : add_member(backup, "orabackup.json", path, &member, &error);

        if (r < 0)
                backup_fail(backup, &error, NULL);
        else
                backup_staged(backup);
}

int backup_stage_files(Backup *backup, Error *err) {
        int r = 0;

        backup_enter(backup, BACKUP_FILES);
        for (size_t i = 0; r >= 0 && i < backup->plan.n_databases; i++)
                r = add_files(backup, i, false, err);
        for (size_t i = 0; r >= 0 && i < backup->plan.n_databases; i++)
                r = add_files(backup, i, true, err);
        if (r >= 0)
                r = make_record(backup, err);
        backup->runs = runs_free(backup->runs);
        if (r >= 0)
                r = backup_step_files(backup, write_summary, on_summary_written, err);
        return r;
}
