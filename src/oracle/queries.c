/* Rows of the preflight -> DatabaseFacts: a table of columns, or a handler, for each label. Called
 * by the runs of this folder after a SQL*Plus process went well. */
#include "oracle/queries.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oracle/queries-fill.h"

static const Field instance_fields[] = {
        FIELD(DatabaseFacts, 0, FIELD_STRING, instance_name),
        FIELD(DatabaseFacts, 1, FIELD_STRING, host_name),
        FIELD(DatabaseFacts, 2, FIELD_STRING, version),
        FIELD(DatabaseFacts, 3, FIELD_STRING, status),
        FIELD(DatabaseFacts, 5, FIELD_YES, parallel),
};
static const Field identity_fields[] = {
        FIELD(DatabaseFacts, 0, FIELD_U64, dbid),
        FIELD(DatabaseFacts, 1, FIELD_STRING, db_name),
        FIELD(DatabaseFacts, 2, FIELD_STRING, db_unique_name),
        FIELD(DatabaseFacts, 3, FIELD_STRING, log_mode),
        FIELD(DatabaseFacts, 4, FIELD_STRING, open_mode),
        FIELD(DatabaseFacts, 5, FIELD_STRING, role),
        FIELD(DatabaseFacts, 6, FIELD_STRING, controlfile_type),
        FIELD(DatabaseFacts, 7, FIELD_YES, force_logging),
        FIELD(DatabaseFacts, 8, FIELD_STRING, flashback),
        FIELD(DatabaseFacts, 9, FIELD_U64, resetlogs_scn),
        FIELD(DatabaseFacts, 10, FIELD_U64_OR_0, current_scn),
        FIELD(DatabaseFacts, 11, FIELD_STRING, utc_offset),
        FIELD(DatabaseFacts, 12, FIELD_YES, cdb),
};
static const Field recovery_area_fields[] = {
        FIELD(DatabaseFacts, 1, FIELD_U64_OR_0, recovery_limit),
        FIELD(DatabaseFacts, 2, FIELD_U64_OR_0, recovery_used),
        FIELD(DatabaseFacts, 3, FIELD_U64_OR_0, recovery_reclaimable),
};
static int read_edition(const Rows *rows, DatabaseFacts *facts, Error *err) {
        static const char *const names[] = {"Enterprise", "Standard", "Express", "Free"};
        const Row *row = rows_get(rows, "P1V", 0);
        const char *banner = "";
        int r;

        if (row == NULL)
                return facts_set(&facts->edition, "", err);
        r = row_string(row, 0, &banner, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strstr(banner, names[i]) != NULL)
                        return facts_set(&facts->edition, names[i], err);
        return facts_set(&facts->edition, banner, err);
}

int queries_instance(const Rows *rows, DatabaseFacts *facts, Error *err) {
        const Row *row = NULL;
        int r;

        r = rows_only(rows, "P1", &row, err);
        if (r == 0)
                r = FILL(row, instance_fields, facts, err);
        return r < 0 ? r : read_edition(rows, facts, err);
}

/* From 18c on V$INSTANCE.VERSION stands still at the first release. */
static int read_full_version(const Rows *rows, DatabaseFacts *facts, Error *err) {
        const Row *row = rows_get(rows, "P1F", 0);
        const char *version = "";
        int r = row != NULL ? row_string(row, 0, &version, err) : 0;

        return r < 0 || *version == '\0' ? r : facts_set(&facts->version, version, err);
}

static int read_resetlogs_time(const Rows *rows, DatabaseFacts *facts, Error *err) {
        const Row *row = rows_get(rows, "P2R", 0);
        const char *moment = "";
        int r = row != NULL ? row_string(row, 0, &moment, err) : 0;

        return r < 0 || *moment == '\0' ? r : facts_set(&facts->resetlogs_time, moment, err);
}

int queries_identity(const Rows *rows, DatabaseFacts *facts, Error *err) {
        const Row *row = NULL;
        int r;

        r = rows_only(rows, "P2", &row, err);
        if (r == 0)
                r = FILL(row, identity_fields, facts, err);
        if (r == 0)
                r = read_resetlogs_time(rows, facts, err);
        return r < 0 ? r : read_full_version(rows, facts, err);
}

const char *queries_parameter(const Rows *rows, const char *name) {
        for (size_t i = 0; i < rows->n; i++) {
                const Row *row = &rows->rows[i];

                if (string_equal(row->label, "P3") && row->n_columns == 2 &&
                    string_equal(row->columns[0], name))
                        return *row->columns[1] != '\0' ? row->columns[1] : NULL;
        }
        return NULL;
}

static int read_parameters(const Rows *rows, DatabaseFacts *facts, Error *err) {
        const struct {
                const char *name;
                char **target;
        } texts[] = {
                {"spfile", &facts->spfile},
                {"db_recovery_file_dest", &facts->recovery_dest},
                {"local_listener", &facts->local_listener},
                {"remote_listener", &facts->remote_listener},
                {"dispatchers", &facts->dispatchers},
                {"remote_login_passwordfile", &facts->password_mode},
        };
        const char *days = queries_parameter(rows, "control_file_record_keep_time");
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(texts); i++) {
                const char *value = queries_parameter(rows, texts[i].name);
                r = facts_set(texts[i].target, value != NULL ? value : "", err);
        }
        if (r == 0 && days != NULL && parse_uint64(days, &facts->control_file_record_keep_time) < 0)
                r = error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "parameter control_file_record_keep_time: \"%.32s\" is no number",
                        days);
        return r;
}

/* For rows whose handling is one string or one list. */
typedef int (*RowHandler)(DatabaseFacts *facts, char *const *columns, Error *err);

static int add(StringList *list, const char *text, Error *err) {
        return string_list_add(list, text) < 0 ? error_oom(err) : 0;
}

static int addf(StringList *list, Error *err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int addf(StringList *list, Error *err, const char *format, ...) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        va_list ap;

        va_start(ap, format);
        text_appendf_va(&text, format, ap);
        va_end(ap);
        return text.failed ? error_oom(err) : add(list, text_get(&text), err);
}

static int on_control_file(DatabaseFacts *facts, char *const *columns, Error *err) {
        return add(&facts->control_files, columns[0], err);
}

static int on_tablespace(DatabaseFacts *facts, char *const *columns, Error *err) {
        return string_equal(columns[2], "NO") ? add(&facts->excluded_tablespaces, columns[1], err)
                                              : 0;
}

/* Where a database archives to: what is deferred counts as little as what fails. */
static int keep_destination(DatabaseFacts *facts, char *const *columns, Error *err) {
        bool remote = string_equal(columns[2], "STANDBY") || string_equal(columns[2], "REMOTE");

        if (remote)
                return add(&facts->remote_destinations, columns[0], err);
        if (!string_equal(columns[1], "VALID"))
                return 0;
        facts->archives_to_area |= string_equal(columns[3], "USE_DB_RECOVERY_FILE_DEST");
        return *columns[3] == '/' ? add(&facts->archive_directories, columns[3], err) : 0;
}

static int on_destination(DatabaseFacts *facts, char *const *columns, Error *err) {
        int r = keep_destination(facts, columns, err);

        if (r < 0)
                return r;
        if (*columns[4] == '\0' && !string_equal(columns[1], "ERROR") &&
            !string_equal(columns[1], "BAD PARAM"))
                return 0;
        return addf(
                &facts->failed_destinations,
                err,
                "%s: %s",
                columns[0],
                *columns[4] != '\0' ? columns[4] : columns[1]);
}

static int on_change_tracking(DatabaseFacts *facts, char *const *columns, Error *err) {
        if (string_equal(columns[0], "DISABLED") || *columns[1] == '\0')
                return 0;
        return facts_set(&facts->block_change_tracking, columns[1], err);
}

static int on_restore_point(DatabaseFacts *facts, char *const *columns, Error *err) {
        int r = add(&facts->restore_points, columns[0], err);

        return r == 0 && string_equal(columns[1], "YES")
                       ? add(&facts->guaranteed_points, columns[0], err)
                       : r;
}

static int on_pdb(DatabaseFacts *facts, char *const *columns, Error *err) {
        bool open = string_starts_with(columns[2], "READ") && !string_equal(columns[1], "PDB$SEED");
        int r = open ? add(&facts->open_pdbs, columns[1], err) : 0;

        return r == 0 && string_equal(columns[3], "YES")
                       ? add(&facts->restricted_pdbs, columns[1], err)
                       : r;
}

static int on_configuration(DatabaseFacts *facts, char *const *columns, Error *err) {
        if (string_starts_with(columns[0], "ENCRYPTION") && string_starts_with(columns[1], "ON"))
                facts->rman_encryption = true;
        return addf(&facts->rman_settings, err, "%s %s", columns[0], columns[1]);
}

static int on_wallet(DatabaseFacts *facts, char *const *columns, Error *err) {
        facts->tde |= string_starts_with(columns[2], "OPEN");
        return 0;
}

static int on_encrypted(DatabaseFacts *facts, char *const *columns, Error *err) {
        facts->tde |= !string_equal(columns[0], "0");
        return 0;
}

/* LEVEL0-20261122T061044Z, with a number behind it. A tag of this shape that another installation
 * made is taken for ours: that what RMAN bases a level 1 on is the parent is proved by SCNs. */
static bool tag_is_ours(const char *tag) {
        static const char shape[] = "LEVEL_-________T______Z";

        for (size_t i = 0; i < strlen(shape); i++)
                if (shape[i] == '_' ? !isdigit((unsigned char)tag[i]) : tag[i] != shape[i])
                        return false;
        tag += strlen(shape);
        return *tag == '\0' ||
               (*tag == '-' && tag[1] != '\0' && strspn(tag + 1, "0123456789") == strlen(tag + 1));
}

static int on_foreign_tag(DatabaseFacts *facts, char *const *columns, Error *err) {
        if (tag_is_ours(columns[0]))
                return 0;
        return addf(
                &facts->foreign,
                err,
                "%s backup pieces of data files or logs with tag %s, the newest of %s",
                columns[1],
                columns[0],
                columns[2]);
}

static int on_foreign_operation(DatabaseFacts *facts, char *const *columns, Error *err) {
        OperationFacts *operations = string_starts_with(columns[0], "CROSSCHECK")
                                             ? &facts->crosschecks
                                     : string_starts_with(columns[0], "DELETE") ? &facts->deletes
                                                                                : NULL;
        uint64_t count = 0;

        if (operations == NULL)
                return 0;
        if (parse_uint64(columns[1], &count) < 0)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "row P7O of SQL*Plus, column 2: \"%.32s\" is no number",
                        columns[1]);
        operations->count += count;
        if (strcmp(columns[2], operations->newest) > 0)
                (void)snprintf(operations->newest, sizeof(operations->newest), "%s", columns[2]);
        return 0;
}

static int on_logfile(DatabaseFacts *facts, char *const *columns, Error *err) {
        return add(&facts->logfiles, columns[1], err);
}

static int on_foreign_copies(DatabaseFacts *facts, char *const *columns, Error *err) {
        return string_equal(columns[0], "0")
                       ? 0
                       : addf(&facts->foreign, err, "%s image copies of data files", columns[0]);
}

static int on_recovery_area(DatabaseFacts *facts, char *const *columns, Error *err) {
        Row row = {
                .label = (char[]){"P6F"}, .columns = (char **)(uintptr_t)columns, .n_columns = 4};

        return FILL(&row, recovery_area_fields, facts, err);
}

static const struct {
        const char *label;
        size_t n_columns;
        RowHandler handler;
} database_rows[] = {
        {"P3C", 1, on_control_file},
        {"A4L", 2, on_logfile},
        {"P4T", 3, on_tablespace},
        {"P6D", 5, on_destination},
        {"P6F", 4, on_recovery_area},
        {"P6B", 2, on_change_tracking},
        {"P6R", 2, on_restore_point},
        {"P6P", 4, on_pdb},
        {"P6C", 2, on_configuration},
        {"P6W", 3, on_wallet},
        {"P6N", 1, on_encrypted},
        {"P7", 3, on_foreign_tag},
        {"P7O", 3, on_foreign_operation},
        {"P7C", 1, on_foreign_copies},
};

static int read_database_row(const Row *row, DatabaseFacts *facts, Error *err) {
        const char *last;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(database_rows); i++) {
                if (!string_equal(row->label, database_rows[i].label))
                        continue;
                r = row_string(row, database_rows[i].n_columns - 1, &last, err);
                return r < 0 ? r : database_rows[i].handler(facts, row->columns, err);
        }
        return 0;
}

static int read_sizes(const Rows *rows, DatabaseFacts *facts, Error *err) {
        int r = 0;

        if (rows_count(rows, "P6T") > 0)
                r = queries_count(rows, "P6T", &facts->tempfiles, err);
        if (r == 0 && rows_count(rows, "P9") > 0)
                r = queries_count(rows, "P9", &facts->used_bytes, err);
        if (r == 0 && rows_count(rows, "P6L") > 0)
                r = queries_count(rows, "P6L", &facts->redo_bytes, err);
        if (r == 0 && rows_count(rows, "A5") > 0)
                r = queries_count(rows, "A5", &facts->corrupt_ranges, err);
        if (facts->used_bytes > 0)
                return r;
        for (size_t i = 0; i < facts->n_datafiles; i++)
                facts->used_bytes += facts->datafiles[i].bytes;
        return r;
}

int queries_database(const Rows *rows, DatabaseFacts *facts, Error *err) {
        int r;

        r = queries_identity(rows, facts, err);
        if (r == 0)
                r = read_parameters(rows, facts, err);
        if (r == 0) {
                datafile_facts_done(facts->datafiles, facts->n_datafiles);
                facts->datafiles = NULL;
                facts->n_datafiles = 0;
                r = facts_read_datafiles(rows, &facts->datafiles, &facts->n_datafiles, err);
        }
        for (size_t i = 0; i < rows->n && r == 0; i++)
                r = read_database_row(&rows->rows[i], facts, err);
        return r < 0 ? r : read_sizes(rows, facts, err);
}
