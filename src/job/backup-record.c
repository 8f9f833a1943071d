/* Copies, nothing else: the record owns all of its strings. Called by job/backup. */
#include "job/backup-record.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

/* Remembers that a copy failed, so that a run of copies needs one check. */
static void copy(char **to, const char *from, bool *failed) {
        if (from == NULL)
                return;
        *to = strdup(from);
        *failed = *failed || *to == NULL;
}

static void copy_list(StringList *to, const StringList *from, bool *failed) {
        *failed = *failed || string_list_copy(from, to) < 0;
}

/* The row of this run that a later level 1 of the file starts from. */
static const BackupDatafileFacts *last_row(const RunFacts *facts, const DatafileFacts *file) {
        const BackupDatafileFacts *last = NULL;

        for (size_t i = 0; i < facts->n_datafiles; i++)
                if (facts->datafiles[i].file == file->file &&
                    facts->datafiles[i].creation_scn == file->creation_scn &&
                    (last == NULL || facts->datafiles[i].checkpoint_scn > last->checkpoint_scn))
                        last = &facts->datafiles[i];
        return last;
}

/* A file without a row has not changed since the parent (the run proved it): RMAN's base of it
 * stays the older one. */
static int fill_datafile(
        const PlannedDatabase *planned,
        const DatafileFacts *file,
        const BackupDatafileFacts *row,
        RecordDatafile *ret,
        Error *err) {
        const LinkFile *before = link_find(
                planned->parent_files, planned->n_parent_files, file->file, file->creation_scn);

        if (row == NULL && before == NULL)
                return error_set(
                        err,
                        ERROR_NOT_CONSISTENT,
                        -ENOENT,
                        "data file %u (%s) is not in the backup",
                        file->file,
                        file->name);
        ret->file = file->file;
        ret->bytes = file->bytes;
        ret->creation_scn = file->creation_scn;
        ret->unchanged = row == NULL;
        ret->base_scn = row == NULL ? before->base_scn : row->checkpoint_scn;
        ret->has_incremental_scn = row != NULL && row->has_level && row->level == 1;
        ret->incremental_scn = ret->has_incremental_scn ? row->incremental_scn : 0;
        return 0;
}

static int add_datafiles(
        const PlannedDatabase *planned,
        const BackupRunResult *result,
        RecordDatabase *ret,
        Error *err) {
        const RunFacts *facts = &result->facts;

        ret->datafiles = calloc(facts->n_structure + 1, sizeof(RecordDatafile));
        if (ret->datafiles == NULL)
                return error_oom(err);
        for (size_t i = 0; i < facts->n_structure; i++) {
                const DatafileFacts *file = &facts->structure[i];
                RecordDatafile *item = &ret->datafiles[ret->n_datafiles];

                int r = fill_datafile(planned, file, last_row(facts, file), item, err);
                if (r < 0)
                        return r;
                item->name = strdup(file->name);
                if (item->name == NULL)
                        return error_oom(err);
                ret->n_datafiles++;
        }
        return 0;
}

static int add_logs(const Consistency *consistency, RecordDatabase *ret, Error *err) {
        ret->archived_logs = calloc(consistency->n_logs + 1, sizeof(RecordLogs));
        if (ret->archived_logs == NULL)
                return error_oom(err);
        for (size_t i = 0; i < consistency->n_logs; i++) {
                const LogRange *range = &consistency->logs[i];
                ret->archived_logs[i] = (RecordLogs){
                        range->thread,
                        range->first_sequence,
                        range->last_sequence,
                        range->first_scn,
                        range->next_scn};
        }
        ret->n_archived_logs = consistency->n_logs;
        return 0;
}

static bool is_datafile(const RunFacts *facts, const char *name) {
        for (size_t i = 0; i < facts->n_structure; i++)
                if (string_equal(facts->structure[i].name, name))
                        return true;
        return false;
}

static int add_other_files(const RunFacts *facts, RecordDatabase *ret, Error *err) {
        for (size_t i = 0; i < facts->structure_files.n; i++) {
                const char *name = facts->structure_files.items[i];
                if (!is_datafile(facts, name) && string_list_add(&ret->other_files, name) < 0)
                        return error_oom(err);
        }
        return 0;
}

static bool has_directory(const RecordDatabase *database, const char *path) {
        for (size_t i = 0; i < database->n_directories; i++)
                if (string_equal(database->directories[i].path, path))
                        return true;
        return false;
}

static int add_directories(const RunFacts *facts, RecordDatabase *ret, Error *err) {
        ret->directories = calloc(facts->structure_files.n + 1, sizeof(RecordDirectory));
        if (ret->directories == NULL)
                return error_oom(err);
        for (size_t i = 0; i < facts->structure_files.n; i++) {
                CLEANUP(cleanup_free) char *parent = path_parent(facts->structure_files.items[i]);
                if (parent == NULL)
                        return error_oom(err);
                if (has_directory(ret, parent))
                        continue;
                RecordDirectory *directory = &ret->directories[ret->n_directories];
                directory->group = strdup("");
                if (directory->group == NULL)
                        return error_oom(err);
                directory->path = TAKE_PTR(parent);
                directory->mode = 0750;
                ret->n_directories++;
        }
        return 0;
}

static void copy_identity(const PlannedDatabase *planned, RecordDatabase *ret, bool *failed) {
        const DatabaseFacts *facts = &planned->facts;

        copy(&ret->sid, planned->database.sid, failed);
        copy(&ret->oracle_home, planned->database.oracle_home, failed);
        copy(&ret->dbs_dir, planned->database.dbs_dir, failed);
        copy(&ret->db_name, facts->db_name, failed);
        copy(&ret->db_unique_name, facts->db_unique_name, failed);
        copy(&ret->version, facts->version, failed);
        copy(&ret->edition, facts->edition, failed);
        copy(&ret->time_zone, "", failed);
        copy(&ret->utc_offset, facts->utc_offset, failed);
        copy(&ret->resetlogs_time, facts->resetlogs_time, failed);
        copy(&ret->tag, planned->tag, failed);
        copy(&ret->block_change_tracking, facts->block_change_tracking, failed);
        copy_list(&ret->open_pdbs, &facts->open_pdbs, failed);
        copy_list(&ret->restore_points, &facts->restore_points, failed);
        ret->dbid = facts->dbid;
        ret->cdb = facts->cdb;
        ret->resetlogs_scn = facts->resetlogs_scn;
        ret->tempfiles = facts->tempfiles;
        ret->force_logging = facts->force_logging;
        ret->tde = facts->tde || facts->rman_encryption;
}

static int add_database(
        const PlannedDatabase *planned,
        const BackupRunResult *result,
        RecordDatabase *ret,
        Error *err) {
        bool failed = false;

        copy_identity(planned, ret, &failed);
        copy(&ret->control_file_piece, result->control_file_piece, &failed);
        copy(&ret->fuzzy_time,
             result->facts.fuzzy_time == NULL ? "" : result->facts.fuzzy_time,
             &failed);
        copy(&ret->until_time,
             result->facts.until_time == NULL ? "" : result->facts.until_time,
             &failed);
        copy_list(&ret->notes, &planned->warnings, &failed);
        for (size_t i = 0; i < result->warnings.n; i++)
                failed = failed || string_list_add(&ret->notes, result->warnings.items[i]) < 0;
        ret->low_scn = result->consistency.low_scn;
        ret->fuzzy_scn = result->consistency.fuzzy_scn;
        ret->until_scn = result->consistency.until_scn;

        int r = failed ? error_oom(err) : add_datafiles(planned, result, ret, err);
        if (r >= 0)
                r = add_logs(&result->consistency, ret, err);
        if (r >= 0)
                r = add_directories(&result->facts, ret, err);
        if (r >= 0)
                r = add_other_files(&result->facts, ret, err);
        return r < 0 && err != NULL ? error_prefix(err, "database %s", planned->database.sid) : r;
}

static int add_databases(const BackupRecordInput *input, Record *ret, Error *err) {
        const BackupPlan *plan = input->plan;
        int r = 0;

        ret->databases = calloc(plan->n_databases + 1, sizeof(RecordDatabase));
        if (ret->databases == NULL)
                return error_oom(err);
        for (size_t i = 0; r >= 0 && i < plan->n_databases; i++) {
                ret->n_databases++;
                r = add_database(
                        &plan->databases[i], runs_result(input->runs, i), &ret->databases[i], err);
        }
        return r;
}

static int add_skipped(const BackupPlan *plan, Record *ret, Error *err) {
        bool failed = false;

        ret->skipped = calloc(plan->n_skipped + 1, sizeof(RecordSkipped));
        if (ret->skipped == NULL)
                return error_oom(err);
        for (size_t i = 0; i < plan->n_skipped; i++) {
                copy(&ret->skipped[i].sid, plan->skipped[i].sid, &failed);
                copy(&ret->skipped[i].reason, plan->skipped[i].reason, &failed);
                ret->n_skipped++;
        }
        return failed ? error_oom(err) : 0;
}

static void copy_header(const BackupRecordInput *input, Record *ret, bool *failed) {
        const Claim *claim = input->claim;

        copy(&ret->id, claim->id, failed);
        copy(&ret->name, claim->name, failed);
        copy(&ret->description, claim->description, failed);
        copy(&ret->instance, claim->instance, failed);
        copy(&ret->hostname, claim->hostname, failed);
        copy(&ret->datastore_version, input->plan->databases[0].facts.version, failed);
        copy(&ret->backup_dir, input->config->backup_dir, failed);
        ret->sequence = claim->sequence;
        ret->created_usec = claim->created_usec;
        ret->level = claim->level;
        if (input->parent != NULL) {
                copy(&ret->parent_id, input->parent->record.id, failed);
                memcpy(ret->parent_sha256,
                       input->parent->record_sha256,
                       sizeof(ret->parent_sha256));
        }
        if (input->previous->id[0] != '\0') {
                copy(&ret->previous_id, input->previous->id, failed);
                ret->previous_sequence = input->previous->sequence;
                memcpy(ret->previous_sha256,
                       input->previous->record_sha256,
                       sizeof(ret->previous_sha256));
        }
        ret->passphrase = age_recipients_is_passphrase(input->recipients);
        for (size_t i = 0; i < age_recipients_count(input->recipients); i++)
                *failed = *failed ||
                          string_list_add(
                                  &ret->recipients, age_recipients_name(input->recipients, i)) < 0;
}

int backup_record_make(const BackupRecordInput *input, Record *ret, Error *err) {
        Record record = {0};
        bool failed = false;

        copy_header(input, &record, &failed);
        int r = failed ? error_oom(err) : add_databases(input, &record, err);
        if (r >= 0)
                r = add_skipped(input->plan, &record, err);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

static void stat_directory(RecordDirectory *directory) {
        struct stat st;
        struct group group, *found = NULL;
        char buffer[4096];

        if (stat(directory->path, &st) < 0)
                return;
        directory->mode = st.st_mode & 07777;
        if (getgrgid_r(st.st_gid, &group, buffer, sizeof(buffer), &found) != 0 || found == NULL)
                return;
        char *name = strdup(group.gr_name);
        if (name == NULL)
                return;
        free(directory->group);
        directory->group = name;
}

/* What Oracle's programs are given as TZ, else what /etc/localtime is a link to; "": unknown. */
static char *zone_name(void) {
        static const char mark[] = "/zoneinfo/";
        const char *name = getenv("TZ");
        char link[256] = "";

        if (name == NULL && readlink("/etc/localtime", link, sizeof(link) - 1) > 0)
                name = strstr(link, mark) == NULL ? NULL : strstr(link, mark) + strlen(mark);
        return strdup(name != NULL && text_is_printable(name) ? name : "");
}

static void set_zone(RecordDatabase *database) {
        char *name = zone_name();

        if (name == NULL)
                return;
        free(database->time_zone);
        database->time_zone = name;
}

void backup_record_look_around(Record *record) {
        for (size_t i = 0; i < record->n_databases; i++) {
                set_zone(&record->databases[i]);
                for (size_t j = 0; j < record->databases[i].n_directories; j++)
                        stat_directory(&record->databases[i].directories[j]);
        }
}
