/* What rules a restart in ARCHIVELOG mode out, and the reading of the parameters that name the
 * places of archived logs. Called by oracle/archivelog-run.c. */
#include "oracle/archivelog-rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* ---- the database ---- */

static bool in_asm(const char *name) {
        return name != NULL && *name == '+';
}

static bool list_in_asm(const StringList *list) {
        for (size_t i = 0; i < list->n; i++)
                if (in_asm(list->items[i]))
                        return true;
        return false;
}

static bool is_in_asm(const DatabaseFacts *facts, const StringList *logfiles) {
        for (size_t i = 0; i < facts->n_datafiles; i++)
                if (in_asm(facts->datafiles[i].name))
                        return true;
        return in_asm(facts->spfile) || list_in_asm(&facts->control_files) || list_in_asm(logfiles);
}

static int refuse(const char *sid, ErrorKind kind, const char *why, Error *err) {
        return error_set(
                err,
                kind,
                -EOPNOTSUPP,
                "database %s is not put into ARCHIVELOG mode: %s; nothing was changed",
                sid,
                why);
}

int archivelog_judge(
        const char *sid, const DatabaseFacts *facts, const StringList *logfiles, Error *err) {
        if (facts->parallel || facts->n_threads > 1)
                return refuse(
                        sid,
                        ERROR_UNSUPPORTED,
                        "it is a RAC database (more than one redo thread or instance); stop all "
                        "instances and do it with srvctl and SQL*Plus",
                        err);
        if (!string_equal(facts->role, "PRIMARY"))
                return refuse(
                        sid,
                        ERROR_UNSUPPORTED,
                        "it is a standby; its primary decides about the mode",
                        err);
        if (!string_equal(facts->controlfile_type, "CURRENT"))
                return refuse(
                        sid,
                        ERROR_UNSUPPORTED,
                        "its control file is a restored or standby one; open the database with "
                        "RESETLOGS first",
                        err);
        if (is_in_asm(facts, logfiles))
                return refuse(
                        sid,
                        ERROR_UNSUPPORTED,
                        "files of it are in ASM ('+..'); move them to a file system, or do it by "
                        "hand",
                        err);
        if (!string_equal(facts->status, "OPEN") || !string_equal(facts->open_mode, "READ WRITE"))
                return refuse(
                        sid,
                        ERROR_ORACLE,
                        "it is not open read write; open it, so that it is known to start",
                        err);
        return 0;
}

/* ---- destinations ---- */

enum { DESTINATIONS_MAX = 31 };

typedef struct Parameters {
        const char *recovery_area, *single; /* db_recovery_file_dest, log_archive_dest */
        const char *numbered[DESTINATIONS_MAX + 1], *states[DESTINATIONS_MAX + 1];
} Parameters;

/* "log_archive_dest_12" -> 12; 0: another name. */
static unsigned number_after(const char *name, const char *prefix) {
        uint64_t number;
        size_t n = strlen(prefix);
        if (strncasecmp(name, prefix, n) != 0 || parse_uint64(name + n, &number) < 0 ||
            number > DESTINATIONS_MAX)
                return 0;
        return (unsigned)number;
}

static void take_parameter(Parameters *parameters, const char *name, const char *value) {
        unsigned number = number_after(name, "log_archive_dest_");
        unsigned state = number_after(name, "log_archive_dest_state_");
        if (*value == '\0')
                return;
        if (strcasecmp(name, "db_recovery_file_dest") == 0)
                parameters->recovery_area = value;
        else if (strcasecmp(name, "log_archive_dest") == 0)
                parameters->single = value;
        else if (state > 0)
                parameters->states[state] = value;
        else if (number > 0)
                parameters->numbered[number] = value;
}

static void read_parameters(const Rows *rows, ParameterSource source, Parameters *ret) {
        bool in_force = source == PARAMETERS_IN_FORCE;
        const char *label = in_force ? "P3A" : "P3S";
        for (size_t i = 0; i < rows_count(rows, label); i++) {
                const Row *row = rows_get(rows, label, i);
                const char *name, *value;
                if (row_string(row, 0, &name, NULL) >= 0 &&
                    row_string(row, in_force ? 1 : 2, &value, NULL) >= 0)
                        take_parameter(ret, name, value);
        }
}

/* The directory of "LOCATION=/u03/arch MANDATORY", quotation marks taken off; NULL: none, or no
 * memory. */
static char *location_of(const char *value) {
        static const char key[] = "location";
        const char *at = strcasestr(value, key);
        if (at == NULL)
                return NULL;
        at += strlen(key);
        at += strspn(at, " ");
        if (*at != '=')
                return NULL;
        at++;
        at += strspn(at, " ");
        bool quoted = *at == '"' || *at == '\'';
        const char mark[2] = {*at, '\0'};
        at += quoted ? 1 : 0;
        return strndup(at, strcspn(at, quoted ? mark : " ,"));
}

static bool is_enabled(const Parameters *parameters, unsigned number) {
        const char *state = parameters->states[number];
        return state == NULL || strcasecmp(state, "enable") == 0;
}

/* '?' stands for the Oracle home; its dbs directory fills the software's own file system. */
static bool is_in_dbs(const char *path, const char *oracle_home) {
        size_t n = strlen(oracle_home);
        const char *rest = NULL;
        if (*path == '?')
                rest = path + 1;
        else if (strncmp(path, oracle_home, n) == 0)
                rest = path + n;
        return rest != NULL && strncmp(rest, "/dbs", 4) == 0 && (rest[4] == '/' || rest[4] == '\0');
}

void archive_destination_done(ArchiveDestination *destination) {
        free(destination->name);
        string_list_done(&destination->directories);
        *destination = (ArchiveDestination){0};
}

static int
add_place(ArchiveDestination *destination, const char *parameter, const char *path, Error *err) {
        if (destination->name == NULL)
                destination->name = string_printf("%s = %s", parameter, path);
        if (destination->name == NULL ||
            (*path == '/' && string_list_add(&destination->directories, path) < 0))
                return error_oom(err);
        return 0;
}

static int none(const char *sid, ParameterSource source, const char *found, Error *err) {
        return error_set(
                err,
                ERROR_ORACLE,
                -ENOENT,
                "database %s has no place for archived logs%s%s%s, they would go into the dbs "
                "directory of the Oracle home: set db_recovery_file_dest and "
                "db_recovery_file_dest_size, or log_archive_dest_1 = 'LOCATION=/directory', with "
                "scope = both",
                sid,
                source == PARAMETERS_OF_SPFILE ? " that outlives a restart" : "",
                *found != '\0' ? ": " : "",
                found);
}

/* Numbered destinations rule out the recovery area as the implicit place. */
static int read_numbered(
        const Parameters *parameters,
        const char *oracle_home,
        ArchiveDestination *destination,
        Text *in_dbs,
        Error *err) {
        int r = 0;
        for (unsigned i = 1; r >= 0 && i <= DESTINATIONS_MAX; i++) {
                const char *value = parameters->numbered[i];
                char name[32];
                if (value == NULL || !is_enabled(parameters, i))
                        continue;
                (void)snprintf(name, sizeof(name), "log_archive_dest_%u", i);
                CLEANUP(cleanup_free) char *path = location_of(value);
                if (path == NULL || *path == '\0')
                        continue; /* a service */
                if (strcasecmp(path, "USE_DB_RECOVERY_FILE_DEST") == 0)
                        r = parameters->recovery_area == NULL
                                    ? 0
                                    : add_place(destination, name, parameters->recovery_area, err);
                else if (is_in_dbs(path, oracle_home))
                        text_appendf(in_dbs, "%s = %s", name, value);
                else
                        r = add_place(destination, name, path, err);
        }
        return r;
}

int archivelog_destination(
        const char *sid,
        const char *oracle_home,
        const Rows *rows,
        ParameterSource source,
        ArchiveDestination *ret,
        Error *err) {
        Parameters parameters = {0};
        ArchiveDestination destination = {0};
        CLEANUP(text_done) Text in_dbs = TEXT_INIT;
        read_parameters(rows, source, &parameters);
        int r = read_numbered(&parameters, oracle_home, &destination, &in_dbs, err);
        if (r >= 0 && parameters.single != NULL && !is_in_dbs(parameters.single, oracle_home))
                r = add_place(&destination, "log_archive_dest", parameters.single, err);
        if (r >= 0 && destination.name == NULL && in_dbs.length == 0 &&
            parameters.recovery_area != NULL)
                r = add_place(&destination, "db_recovery_file_dest", parameters.recovery_area, err);
        if (r >= 0 && (destination.name == NULL || in_dbs.length > 0))
                r = none(sid, source, text_get(&in_dbs), err);
        if (r < 0) {
                archive_destination_done(&destination);
                return r;
        }
        *ret = destination;
        return 0;
}
