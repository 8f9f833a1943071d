/* Writes and removes dbca's response file for oracle/create-run.c and job/recovery.c. Up to 12.1 it
 * has sections and NAME = "value" lines, from 12.2 on name=value lines and a schema in the first.
 */
#include "oracle/dbca-response.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/limits.h"

static const char DEFAULT_TEMPLATE[] = "General_Purpose.dbc";
static const char DEFAULT_CHARSET[] = "AL32UTF8";
static const char NAME_CHARACTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
static const char PATH_CHARACTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/+@%,";
static const char FILE_PREFIX[] = "dbca-", FILE_SUFFIX[] = ".rsp";
enum {
        NAME_MAX_BYTES = 128,
        PDB_MAX_BYTES = 30,
        PATH_MAX_BYTES = 512,
        MEMORY_MAX_PERCENT = 90,
        VERSION_CDB = 1201,
        VERSION_FLAT = 1202, /* name=value lines, -enableArchive */
};

/* ---- checks ---- */

static bool consists_of(const char *text, const char *characters, size_t max) {
        size_t n = strlen(text);
        return n > 0 && n <= max && strspn(text, characters) == n;
}

static int check(const char *key, bool good, const char *rule, Error *err) {
        if (good)
                return 0;
        return error_set(err, ERROR_INVALID_ARGS, -EINVAL, "Option \"%s\" %s", key, rule);
}

static bool is_path(const char *path) {
        return path_is_clean(path) && consists_of(path, PATH_CHARACTERS, PATH_MAX_BYTES);
}

static bool is_pdb(const char *name) {
        return isalpha((unsigned char)*name) && strpbrk(name, ".-") == NULL &&
               consists_of(name, NAME_CHARACTERS, PDB_MAX_BYTES);
}

int dbca_check_choices(const DbcaChoices *choices, Error *err) {
        static const char path_rule[] =
                "must be an absolute path of letters, digits and _ . - / + @ % ,";
        const char *template_name = choices->template_name, *charset = choices->charset;
        int r = check(
                "template",
                template_name == NULL || is_path(template_name) ||
                        (consists_of(template_name, NAME_CHARACTERS, NAME_MAX_BYTES) &&
                         template_name[0] != '-'),
                "must be the name of a template of the Oracle home, or the absolute path of one: "
                "letters, digits and _ . -",
                err);
        if (r >= 0)
                r = check(
                        "charset",
                        charset == NULL || (consists_of(charset, NAME_CHARACTERS, PDB_MAX_BYTES) &&
                                            strpbrk(charset, "_.-") == NULL),
                        "must be the name of a character set, like AL32UTF8",
                        err);
        if (r >= 0)
                r =
                        check("memory_percentage",
                              choices->memory_percentage <= MEMORY_MAX_PERCENT,
                              "must be 1 to 90",
                              err);
        if (r >= 0)
                r =
                        check("pdb",
                              choices->pdb == NULL || is_pdb(choices->pdb),
                              "must be 1 to 30 letters, digits and _, a letter first",
                              err);
        if (r >= 0)
                r =
                        check("data_directory",
                              choices->data_directory == NULL || is_path(choices->data_directory),
                              path_rule,
                              err);
        if (r < 0)
                return r;
        return check(
                "recovery_area",
                choices->recovery_area == NULL || is_path(choices->recovery_area),
                path_rule,
                err);
}

int dbca_check_password(const char *password, Error *err) {
        size_t n = strlen(password);
        bool good = n > 0 && n <= LIMIT_ORACLE_PASSWORD_BYTES;
        for (size_t i = 0; good && i < n; i++)
                good = isgraph((unsigned char)password[i]) && (unsigned char)password[i] < 0x80 &&
                       strchr("\"'\\{}", password[i]) == NULL;
        if (good)
                return 0;
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "The password of SYS must be 1 to %d printable ASCII characters without blanks, "
                "quotation marks, backslashes and braces: dbca's response file takes no other",
                (int)LIMIT_ORACLE_PASSWORD_BYTES);
}

/* ---- text ---- */

/* The names of one thing in both forms. */
typedef struct Key {
        const char *flat, *sectioned;
} Key;

static void add(Text *text, unsigned version, Key key, const char *value) {
        if (value == NULL)
                return;
        if (version >= VERSION_FLAT)
                text_appendf(text, "%s=%s\n", key.flat, value);
        else
                text_appendf(text, "%s = \"%s\"\n", key.sectioned, value);
}

static void begin(Text *text, unsigned version) {
        if (version >= VERSION_FLAT)
                text_appendf(
                        text,
                        "responseFileVersion=/oracle/assistants/"
                        "rspfmt_dbca_response_schema_v%u.%u.0\n",
                        version / 100,
                        version % 100);
        else
                text_appendf(
                        text,
                        "[GENERAL]\nRESPONSEFILE_VERSION = \"%u.%u.0\"\n"
                        "OPERATION_TYPE = \"createDatabase\"\n[CREATEDATABASE]\n",
                        version / 100,
                        version % 100);
}

static void
add_container(Text *text, unsigned version, const DbcaChoices *choices, const char *password) {
        if (choices->pdb == NULL)
                return;
        add(text, version, (Key){"createAsContainerDatabase", "CREATEASCONTAINERDATABASE"}, "true");
        add(text, version, (Key){"numberOfPDBs", "NUMBEROFPDBS"}, "1");
        add(text, version, (Key){"pdbName", "PDBNAME"}, choices->pdb);
        add(text, version, (Key){"pdbAdminPassword", "PDBADMINPASSWORD"}, password);
}

int dbca_response_text(
        const char *sid,
        unsigned version,
        const DbcaChoices *choices,
        const char *password,
        Text *ret,
        Error *err) {
        const char *template_name = choices->template_name, *charset = choices->charset;
        char percentage[8];
        if (choices->pdb != NULL && version < VERSION_CDB)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EOPNOTSUPP,
                        "Oracle %u.%u has no pluggable databases: leave out the option \"pdb\"",
                        version / 100,
                        version % 100);
        begin(ret, version);
        add(ret, version, (Key){"gdbName", "GDBNAME"}, sid);
        add(ret, version, (Key){"sid", "SID"}, sid);
        if (version >= VERSION_FLAT)
                text_append(ret, "databaseConfigType=SI\n");
        add_container(ret, version, choices, password);
        add(ret,
            version,
            (Key){"templateName", "TEMPLATENAME"},
            template_name != NULL ? template_name : DEFAULT_TEMPLATE);
        add(ret, version, (Key){"sysPassword", "SYSPASSWORD"}, password);
        add(ret, version, (Key){"systemPassword", "SYSTEMPASSWORD"}, password);
        add(ret, version, (Key){"emConfiguration", "EMCONFIGURATION"}, "NONE");
        add(ret, version, (Key){"storageType", "STORAGETYPE"}, "FS");
        add(ret,
            version,
            (Key){"datafileDestination", "DATAFILEDESTINATION"},
            choices->data_directory);
        add(ret,
            version,
            (Key){"recoveryAreaDestination", "RECOVERYAREADESTINATION"},
            choices->recovery_area);
        add(ret,
            version,
            (Key){"characterSet", "CHARACTERSET"},
            charset != NULL ? charset : DEFAULT_CHARSET);
        /* Automatic memory management is refused on hosts with more than 4 GiB (DBT-11211). */
        add(ret, version, (Key){"automaticMemoryManagement", "AUTOMATICMEMORYMANAGEMENT"}, "FALSE");
        (void)snprintf(percentage, sizeof(percentage), "%u", choices->memory_percentage);
        add(ret,
            version,
            (Key){"memoryPercentage", "MEMORYPERCENTAGE"},
            choices->memory_percentage > 0 ? percentage : NULL);
        return ret->failed ? error_oom(err) : 0;
}

bool dbca_can_archive(unsigned version) {
        return version >= VERSION_FLAT;
}

void dbca_arguments(
        unsigned version, const char *response_file, const char *ret[static DBCA_ARGUMENTS]) {
        size_t n = 0;
        ret[n++] = "-silent";
        if (version >= VERSION_FLAT)
                ret[n++] = "-createDatabase";
        ret[n++] = "-responseFile";
        ret[n++] = response_file;
        if (dbca_can_archive(version)) {
                ret[n++] = "-enableArchive";
                ret[n++] = "true";
        }
        ret[n] = NULL;
}

/* ---- file ---- */

char *dbca_response_path(const char *directory, uint32_t job) {
        return string_printf("%s/%s%u%s", directory, FILE_PREFIX, job, FILE_SUFFIX);
}

int dbca_response_write(const char *path, const char *text, Error *err) {
        CLEANUP(cleanup_close)
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : write_all(fd, text, strlen(text));
        if (r >= 0)
                return 0;
        if (fd >= 0)
                (void)unlink(path);
        return error_set_errno(
                err, ERROR_INTERNAL, r, "dbca's response file %s cannot be written", path);
}

int dbca_response_remove(const char *path, Error *err) {
        if (unlink(path) == 0 || errno == ENOENT)
                return 0;
        return error_set_errno(
                err,
                ERROR_INTERNAL,
                -errno,
                "dbca's response file %s, which holds the password of SYS, cannot be removed; "
                "remove it by hand",
                path);
}

static void cleanup_directory(DIR **directory) {
        if (*directory != NULL)
                closedir(*directory);
}

int dbca_response_remove_all(const char *directory, Error *err) {
        CLEANUP(cleanup_directory) DIR *listing = opendir(directory);
        int r = 0;
        if (listing == NULL)
                return errno == ENOENT
                               ? 0
                               : error_set_errno(err, ERROR_CONFIG, -errno, "%s", directory);
        for (const struct dirent *entry = readdir(listing); r >= 0 && entry != NULL;
             entry = readdir(listing)) {
                if (!string_starts_with(entry->d_name, FILE_PREFIX) ||
                    !string_ends_with(entry->d_name, FILE_SUFFIX))
                        continue;
                CLEANUP(cleanup_free) char *path = path_join(directory, entry->d_name);
                r = path != NULL ? dbca_response_remove(path, err) : error_oom(err);
        }
        return r;
}
