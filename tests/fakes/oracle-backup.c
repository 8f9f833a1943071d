/* Backup runs of the Oracle fake. See oracle.h. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "fakes/oracle-internal.h"
#include "oracle/backup-run.h"

struct BackupRun {
        FakeCall call;
        BackupRunOptions options;
        char destination[256], tag[31];
        BackupRunResult result;
};

void backup_run_result_done(BackupRunResult *result) {
        run_facts_done(&result->facts);
        consistency_done(&result->consistency);
        free(result->control_file_piece);
        for (size_t i = 0; i < result->n_files; i++) {
                free(result->files[i].path);
                free(result->files[i].source);
        }
        free(result->files);
        string_list_done(&result->warnings);
        *result = (BackupRunResult){0};
}

static void write_pattern(const char *path, size_t size, unsigned seed) {
        uint8_t *bytes = malloc(size + 1);
        CLEANUP(cleanup_free) char *parent = path_parent(path);

        assert(bytes != NULL && parent != NULL);
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251 + seed);
        int r = directory_make(parent, 0750, NULL);
        if (r >= 0)
                r = file_write_durably(path, bytes, size, 0640, NULL);
        assert(r >= 0);
        free(bytes);
}

static void add_piece(BackupRun *run) {
        RunFacts *facts = &run->result.facts;
        unsigned n = run->call.step_number;
        bool control = n + 1 == fake_oracle.n_pieces;
        char *handle =
                string_printf("%s/%s/%s.%u.bkp", run->destination, run->call.sid, run->tag, n);

        assert(handle != NULL);
        write_pattern(handle, fake_oracle.piece_size, n + (unsigned)run->call.sid[2]);
        facts->pieces = realloc(facts->pieces, (facts->n_pieces + 1) * sizeof(PieceFacts));
        assert(facts->pieces != NULL);
        PieceFacts *piece = &facts->pieces[facts->n_pieces++];
        *piece = (PieceFacts){
                .handle = handle,
                .bytes = fake_oracle.piece_size,
                .set_stamp = 1,
                .set_count = n + 1,
                .controlfile_included = control,
        };
        (void)snprintf(piece->backup_type, sizeof(piece->backup_type), "%s", n == 1 ? "L" : "D");
        run->options.on_piece(
                handle, fake_oracle.piece_size, 0640, 1700000000 + n, run->options.userdata);
        if (control)
                run->result.control_file_piece = fake_copy(handle);
}

static void add_small_file(BackupRun *run, BackupFileKind kind, const char *name, bool in_dbs) {
        BackupRunResult *result = &run->result;
        BackupFile *file = &result->files[result->n_files];
        uint64_t size = 1000 + result->n_files;

        file->kind = kind;
        file->path =
                string_printf("%s/%s/%s", fake_oracle.home_dir, in_dbs ? "dbs" : "network", name);
        file->source =
                string_printf("%s/.files/%s-%zu", run->destination, run->call.sid, result->n_files);
        file->size = size;
        file->mode = 0640;
        file->mtime = 1700000000;
        assert(file->path != NULL && file->source != NULL);
        write_pattern(file->source, size, (unsigned)result->n_files + 40);
        result->n_files++;
}

static void fill_result(BackupRun *run) {
        BackupRunResult *result = &run->result;
        RunFacts *facts = &result->facts;
        char name[64];

        facts->structure = calloc(1, sizeof(DatafileFacts));
        facts->datafiles = calloc(1, sizeof(BackupDatafileFacts));
        result->files = calloc(4, sizeof(BackupFile));
        result->consistency.logs = calloc(1, sizeof(LogRange));
        assert(facts->structure != NULL && facts->datafiles != NULL && result->files != NULL &&
               result->consistency.logs != NULL);
        facts->n_structure = facts->n_datafiles = 1;
        facts->structure[0] = (DatafileFacts){
                .file = 1,
                .bytes = 8192,
                .creation_scn = 5,
                .name = string_printf(
                        "%s/oradata/%s/system01.dbf", fake_oracle.home_dir, run->call.sid)};
        facts->datafiles[0] = (BackupDatafileFacts){
                .file = 1,
                .creation_scn = 5,
                .checkpoint_scn = 100,
                .set_stamp = 1,
                .set_count = 1};
        int r = string_list_add(&facts->structure_files, facts->structure[0].name);
        if (r >= 0)
                r = string_list_add(&result->warnings, "a warning of the run");
        assert(r >= 0);
        result->consistency.low_scn = 90;
        result->consistency.fuzzy_scn = 110;
        result->consistency.until_scn = 120;
        result->consistency.logs[0] = (LogRange){1, 7, 9, 80, 120};
        result->consistency.n_logs = 1;
        (void)snprintf(name, sizeof(name), "spfile%s.ora", run->call.sid);
        add_small_file(run, BACKUP_FILE_SPFILE, name, true);
        (void)snprintf(name, sizeof(name), "init%s.ora", run->call.sid);
        add_small_file(run, BACKUP_FILE_PFILE, name, true);
        (void)snprintf(name, sizeof(name), "orapw%s", run->call.sid);
        add_small_file(run, BACKUP_FILE_ORAPW, name, true);
        if (run->options.with_network_files)
                add_small_file(run, BACKUP_FILE_NETWORK, "tnsnames.ora", false);
}

static void spoil(BackupRunResult *result) {
        if (fake_oracle.without_control) {
                free(result->control_file_piece);
                result->control_file_piece = fake_copy("/nowhere/cf.bkp");
        }
        if (fake_oracle.unknown_piece)
                free(result->facts.pieces[--result->facts.n_pieces].handle);
}

static void backup_run_step(FakeCall *call) {
        BackupRun *run = (BackupRun *)call;
        BackupRunOptions options = run->options;
        BackupRunResult result = {0};
        Error error = {0};

        if (call->step_number < fake_oracle.n_pieces && !call->stopped) {
                add_piece(run);
                call->step_number++;
                if (!call->posted)
                        fake_call_post(call);
                return;
        }
        if (fake_call_fails(call, &error)) {
                options.on_done(NULL, &error, options.userdata);
                return;
        }
        fill_result(run);
        spoil(&run->result);
        result = run->result;
        run->result = (BackupRunResult){0};
        options.on_done(&result, NULL, options.userdata);
        backup_run_result_done(&result);
}

static bool backup_run_is_at_hold(const FakeCall *call) {
        return call->step_number == fake_oracle.n_pieces;
}

int backup_run_start(
        const Oracle *oracle, const BackupRunOptions *options, BackupRun **ret, Error *err) {
        BackupRun *run = fake_call_new(
                FAKE_BACKUP_RUN, sizeof(BackupRun), options->database->sid, backup_run_step);
        run->call.is_at_hold = backup_run_is_at_hold;
        run->options = *options;
        (void)snprintf(run->destination, sizeof(run->destination), "%s", options->destination);
        (void)snprintf(run->tag, sizeof(run->tag), "%s", options->tag);
        fake_oracle_note("run", options->database->sid, options->tag);
        *ret = run;
        return 0;
}

void backup_run_stop(BackupRun *run) {
        run->call.stopped = true;
        if (!run->call.posted)
                fake_call_post(&run->call);
}

BackupRun *backup_run_free(BackupRun *run) {
        if (run == NULL)
                return NULL;
        backup_run_result_done(&run->result);
        fake_call_free(&run->call);
        return NULL;
}
