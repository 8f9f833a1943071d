/* One database of a record, read and checked by itself. */
#include <string.h>

#include "base/limits.h"
#include "repository/record-internal.h"

enum { MAX_LOG_RANGES = 100000, MAX_DIRECTORIES = 100000, MAX_MODE = 07777 };

/* The offset Oracle's TZH:TZM gives: "+02:00". */
static bool is_utc_offset(const char *value) {
        return strlen(value) == 6 && (value[0] == '+' || value[0] == '-') && value[3] == ':' &&
               strspn(value + 1, "0123456789") == 2 && strspn(value + 4, "0123456789") == 2;
}

/* No time when no block was fuzzy, or when the database could not tell one. */
static bool is_local_time_or_empty(const char *value) {
        return *value == '\0' || field_is_local_time(value);
}

static void parse_datafile(Fields *fields, RecordDatafile *ret) {
        fields_uint32(fields, "file", 1, LIMIT_DATAFILES, &ret->file);
        fields_string(fields, "name", path_is_clean, "a clean absolute path", &ret->name);
        fields_uint(fields, "bytes", 0, FIELD_UINT_MAX, &ret->bytes);
        fields_uint(fields, "creation_scn", 0, FIELD_UINT_MAX, &ret->creation_scn);
        if (fields->r == 0 && !json_is_null(fields->object, "incremental_scn")) {
                ret->has_incremental_scn = true;
                fields_uint(fields, "incremental_scn", 0, FIELD_UINT_MAX, &ret->incremental_scn);
        }
        fields_uint(fields, "base_scn", 0, FIELD_UINT_MAX, &ret->base_scn);
        fields_bool(fields, "unchanged", &ret->unchanged);
        fields_bool(fields, "created_in_logs", &ret->created_in_logs);
}

static void parse_datafiles(Fields *fields, RecordDatabase *ret) {
        void *elements = NULL;
        const Json *array = fields_array(
                fields, "datafiles", LIMIT_DATAFILES, sizeof(RecordDatafile), &elements);
        if (array == NULL)
                return;
        ret->datafiles = elements;
        ret->n_datafiles = json_length(array);
        if (ret->n_datafiles == 0)
                fields_refuse(fields, "datafiles", "a database has at least one");
        bool *seen = calloc(LIMIT_DATAFILES + 1, sizeof(bool));
        if (seen == NULL) {
                fields->r = error_oom(fields->err);
                return;
        }
        for (size_t i = 0; i < ret->n_datafiles; i++) {
                Fields one;
                if (!fields_enter_element(fields, "datafiles", array, i, &one))
                        break;
                parse_datafile(&one, &ret->datafiles[i]);
                if (one.r == 0 && seen[ret->datafiles[i].file])
                        fields_refuse(&one, "file", "%u is there twice", ret->datafiles[i].file);
                seen[ret->datafiles[i].file] = true;
                fields_leave(fields, &one);
        }
        free(seen);
}

static void parse_log_range(Fields *fields, RecordLogs *ret) {
        fields_uint32(fields, "thread", 1, UINT32_MAX, &ret->thread);
        fields_uint(fields, "first_sequence", 1, FIELD_UINT_MAX, &ret->first_sequence);
        fields_uint(
                fields, "last_sequence", ret->first_sequence, FIELD_UINT_MAX, &ret->last_sequence);
        fields_uint(fields, "first_scn", 0, FIELD_UINT_MAX, &ret->first_scn);
        fields_uint(fields, "next_scn", ret->first_scn, FIELD_UINT_MAX, &ret->next_scn);
}

static void parse_logs(Fields *fields, RecordDatabase *ret) {
        void *elements = NULL;
        const Json *array = fields_array(
                fields, "archived_logs", MAX_LOG_RANGES, sizeof(RecordLogs), &elements);
        if (array == NULL)
                return;
        ret->archived_logs = elements;
        ret->n_archived_logs = json_length(array);
        for (size_t i = 0; i < ret->n_archived_logs; i++) {
                Fields one;
                if (!fields_enter_element(fields, "archived_logs", array, i, &one))
                        return;
                parse_log_range(&one, &ret->archived_logs[i]);
                fields_leave(fields, &one);
        }
}

static void parse_directories(Fields *fields, RecordDatabase *ret) {
        void *elements = NULL;
        const Json *array = fields_array(
                fields, "directories", MAX_DIRECTORIES, sizeof(RecordDirectory), &elements);
        if (array == NULL)
                return;
        ret->directories = elements;
        ret->n_directories = json_length(array);
        for (size_t i = 0; i < ret->n_directories; i++) {
                RecordDirectory *directory = &ret->directories[i];
                Fields one;
                if (!fields_enter_element(fields, "directories", array, i, &one))
                        return;
                fields_string(
                        &one, "path", path_is_clean, "a clean absolute path", &directory->path);
                fields_uint32(&one, "mode", 0, MAX_MODE, &directory->mode);
                fields_string(&one, "group", field_is_text, "printable", &directory->group);
                fields_leave(fields, &one);
        }
}

static void parse_identity(Fields *fields, RecordDatabase *ret) {
        fields_string(fields, "sid", sid_valid, "a SID", &ret->sid);
        fields_string(
                fields, "oracle_home", path_is_clean, "a clean absolute path", &ret->oracle_home);
        fields_string(fields, "dbs_dir", path_is_clean, "a clean absolute path", &ret->dbs_dir);
        fields_string(fields, "db_name", sid_valid, "a database name", &ret->db_name);
        fields_string(fields, "db_unique_name", sid_valid, "a database name", &ret->db_unique_name);
        fields_uint(fields, "dbid", 0, FIELD_UINT_MAX, &ret->dbid);
        fields_string(fields, "version", field_is_printable, "printable", &ret->version);
        fields_string(fields, "edition", field_is_text, "printable", &ret->edition);
        fields_bool(fields, "cdb", &ret->cdb);
        fields_strings(fields, "open_pdbs", field_is_printable, "printable", &ret->open_pdbs);
        fields_uint(fields, "resetlogs_scn", 0, FIELD_UINT_MAX, &ret->resetlogs_scn);
        fields_string_or_null(
                fields, "resetlogs_time", field_is_printable, "printable", &ret->resetlogs_time);
        fields_string(fields, "time_zone", field_is_text, "printable", &ret->time_zone);
        fields_string(
                fields, "utc_offset", is_utc_offset, "an offset like +02:00", &ret->utc_offset);
}

static void parse_run(Fields *fields, RecordDatabase *ret) {
        fields_string(fields, "tag", field_is_tag, "an RMAN tag", &ret->tag);
        fields_string(
                fields,
                "control_file_piece",
                path_is_clean,
                "a clean absolute path",
                &ret->control_file_piece);
        fields_uint(fields, "low_scn", 0, FIELD_UINT_MAX, &ret->low_scn);
        fields_uint(fields, "fuzzy_scn", 0, FIELD_UINT_MAX, &ret->fuzzy_scn);
        fields_uint(fields, "until_scn", 0, FIELD_UINT_MAX, &ret->until_scn);
        fields_string(
                fields,
                "fuzzy_time",
                is_local_time_or_empty,
                "a time like 2026-11-22T06:10:44",
                &ret->fuzzy_time);
        fields_string(
                fields,
                "until_time",
                is_local_time_or_empty,
                "a time like 2026-11-22T06:10:44",
                &ret->until_time);
        fields_uint(fields, "tempfiles", 0, FIELD_UINT_MAX, &ret->tempfiles);
        fields_strings(
                fields, "restore_points", field_is_printable, "printable", &ret->restore_points);
        if (fields->r >= 0 && !json_is_null(fields->object, "other_files"))
                fields_strings(
                        fields,
                        "other_files",
                        path_is_clean,
                        "a clean absolute path",
                        &ret->other_files);
        fields_bool(fields, "force_logging", &ret->force_logging);
        fields_bool(fields, "tde", &ret->tde);
        fields_string_or_null(
                fields,
                "block_change_tracking",
                field_is_printable,
                "printable",
                &ret->block_change_tracking);
}

void record_database_parse(Fields *fields, RecordDatabase *ret) {
        parse_identity(fields, ret);
        parse_run(fields, ret);
        parse_datafiles(fields, ret);
        parse_logs(fields, ret);
        parse_directories(fields, ret);
        fields_strings(fields, "notes", field_is_text, "printable", &ret->notes);
}
