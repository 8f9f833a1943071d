/* One database of a record as JSON. */
#include "repository/record-internal.h"

static Json *strings_json(const StringList *list) {
        Json *array = json_new_array();
        for (size_t i = 0; i < list->n; i++)
                json_add_string(array, list->items[i]);
        return array;
}

static Json *datafiles_json(const RecordDatabase *database) {
        Json *array = json_new_array();
        for (size_t i = 0; i < database->n_datafiles; i++) {
                const RecordDatafile *file = &database->datafiles[i];
                Json *one = json_new_object();
                json_set_uint(one, "file", file->file);
                json_set_string(one, "name", file->name);
                json_set_uint(one, "bytes", file->bytes);
                json_set_uint(one, "creation_scn", file->creation_scn);
                if (file->has_incremental_scn)
                        json_set_uint(one, "incremental_scn", file->incremental_scn);
                else
                        json_set_null(one, "incremental_scn");
                json_set_uint(one, "base_scn", file->base_scn);
                json_set_bool(one, "unchanged", file->unchanged);
                json_set_bool(one, "created_in_logs", file->created_in_logs);
                json_add(array, one);
        }
        return array;
}

static Json *logs_json(const RecordDatabase *database) {
        Json *array = json_new_array();
        for (size_t i = 0; i < database->n_archived_logs; i++) {
                const RecordLogs *logs = &database->archived_logs[i];
                Json *one = json_new_object();
                json_set_uint(one, "thread", logs->thread);
                json_set_uint(one, "first_sequence", logs->first_sequence);
                json_set_uint(one, "last_sequence", logs->last_sequence);
                json_set_uint(one, "first_scn", logs->first_scn);
                json_set_uint(one, "next_scn", logs->next_scn);
                json_add(array, one);
        }
        return array;
}

static Json *directories_json(const RecordDatabase *database) {
        Json *array = json_new_array();
        for (size_t i = 0; i < database->n_directories; i++) {
                const RecordDirectory *directory = &database->directories[i];
                Json *one = json_new_object();
                json_set_string(one, "path", directory->path);
                json_set_uint(one, "mode", directory->mode);
                json_set_string(one, "group", directory->group);
                json_add(array, one);
        }
        return array;
}

static void set_identity(Json *one, const RecordDatabase *database) {
        json_set_string(one, "sid", database->sid);
        json_set_string(one, "oracle_home", database->oracle_home);
        json_set_string(one, "dbs_dir", database->dbs_dir);
        json_set_string(one, "db_name", database->db_name);
        json_set_string(one, "db_unique_name", database->db_unique_name);
        json_set_uint(one, "dbid", database->dbid);
        json_set_string(one, "version", database->version);
        json_set_string(one, "edition", database->edition);
        json_set_bool(one, "cdb", database->cdb);
        json_set(one, "open_pdbs", strings_json(&database->open_pdbs));
        json_set_uint(one, "resetlogs_scn", database->resetlogs_scn);
        if (database->resetlogs_time != NULL)
                json_set_string(one, "resetlogs_time", database->resetlogs_time);
        json_set_string(one, "time_zone", database->time_zone);
        json_set_string(one, "utc_offset", database->utc_offset);
}

static void set_run(Json *one, const RecordDatabase *database) {
        json_set_string(one, "tag", database->tag);
        json_set_string(one, "control_file_piece", database->control_file_piece);
        json_set_uint(one, "low_scn", database->low_scn);
        json_set_uint(one, "fuzzy_scn", database->fuzzy_scn);
        json_set_uint(one, "until_scn", database->until_scn);
        json_set_string(one, "fuzzy_time", database->fuzzy_time);
        json_set_string(one, "until_time", database->until_time);
        json_set_uint(one, "tempfiles", database->tempfiles);
        json_set(one, "restore_points", strings_json(&database->restore_points));
        json_set(one, "other_files", strings_json(&database->other_files));
        json_set_bool(one, "force_logging", database->force_logging);
        json_set_bool(one, "tde", database->tde);
        json_set_string(one, "block_change_tracking", database->block_change_tracking);
}

Json *record_database_json(const RecordDatabase *database) {
        Json *one = json_new_object();
        set_identity(one, database);
        set_run(one, database);
        json_set(one, "datafiles", datafiles_json(database));
        json_set(one, "archived_logs", logs_json(database));
        json_set(one, "directories", directories_json(database));
        json_set(one, "notes", strings_json(&database->notes));
        return one;
}
