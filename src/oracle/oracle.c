/* Databases as things that live in an Oracle home: their value type, the environment of every
 * child, whether an instance runs, and which errors pass by themselves. */
#include "oracle/oracle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void oracle_database_done(OracleDatabase *database) {
        free(database->oracle_home);
        free(database->oracle_base);
        free(database->dbs_dir);
        free(database->network_dir);
        *database = (OracleDatabase){0};
}

static int copy_string(const char *from, char **ret) {
        if (from == NULL)
                return 0;
        *ret = strdup(from);
        return *ret != NULL ? 0 : -ENOMEM;
}

int oracle_database_copy(const OracleDatabase *database, OracleDatabase *ret) {
        OracleDatabase copy = {0};
        memcpy(copy.sid, database->sid, sizeof copy.sid);
        int r = copy_string(database->oracle_home, &copy.oracle_home);
        if (r >= 0)
                r = copy_string(database->oracle_base, &copy.oracle_base);
        if (r >= 0)
                r = copy_string(database->dbs_dir, &copy.dbs_dir);
        if (r >= 0)
                r = copy_string(database->network_dir, &copy.network_dir);
        if (r < 0) {
                oracle_database_done(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

static int add_variable(StringList *list, const char *name, const char *value, const char *tail) {
        CLEANUP(cleanup_free) char *line = string_printf("%s=%s%s", name, value, tail);
        return line != NULL ? string_list_add(list, line) : -ENOMEM;
}

/* TWO_TASK, LOCAL, ORACLE_PDB_SID, SQLPATH and the like would send a child elsewhere or run a
 * login script: what is not named here is not there. NLS_LANG keeps the output English. */
int oracle_environment(const OracleDatabase *database, StringList *ret) {
        const char *zone = getenv("TZ");
        const struct {
                const char *name, *value, *tail;
        } variables[] = {
                {"ORACLE_HOME", database->oracle_home, ""},
                {"ORACLE_SID", database->sid, ""},
                {"ORACLE_BASE", database->oracle_base, ""},
                {"PATH", database->oracle_home, "/bin:/usr/bin:/bin"},
                {"LD_LIBRARY_PATH", database->oracle_home, "/lib"},
                {"NLS_LANG", "AMERICAN_AMERICA.AL32UTF8", ""},
                {"NLS_DATE_FORMAT", "YYYY-MM-DD HH24:MI:SS", ""},
                {"LC_ALL", "C", ""},
                {"TZ", zone, ""},
        };
        StringList list = {0};
        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                if (variables[i].value == NULL)
                        continue;
                int r = add_variable(
                        &list, variables[i].name, variables[i].value, variables[i].tail);
                if (r < 0) {
                        string_list_done(&list);
                        return r;
                }
        }
        *ret = list;
        return 0;
}

/* A program may rewrite its argv[0] and its comm; the background processes of an instance show
 * their name in both, comm is cut at 15 bytes. */
static bool process_is(const char *pid, const char *name) {
        char path[64], line[128];
        snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
        CLEANUP(cleanup_fclose) FILE *file = fopen(path, "re");
        if (file == NULL)
                return false;
        size_t n = fread(line, 1, sizeof line - 1, file);
        line[n] = '\0';
        return strcmp(line, name) == 0;
}

bool oracle_instance_runs(const char *sid) {
        char name[64];
        snprintf(name, sizeof name, "ora_pmon_%s", sid);
        DIR *proc = opendir("/proc");
        bool found = false;
        if (proc == NULL)
                return false;
        for (const struct dirent *entry = readdir(proc); entry != NULL && !found;
             entry = readdir(proc))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        found = process_is(entry->d_name, name);
        closedir(proc);
        return found;
}

bool oracle_error_is_transient(const Error *err) {
        static const char *const codes[] = {
                "RMAN-08512", /* waiting for the snapshot control file enqueue: another run */
                "ORA-00230",  /* the same, seen by the server */
                "RMAN-10038", /* the server process of a channel died */
                "RMAN-03010",
                "RMAN-00601",
                "ORA-03113",
                "ORA-03114",
                "ORA-03135",
                "ORA-00020", /* more processes than the instance allows, at the moment */
                "ORA-00018",
        };
        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (string_equal(err->ora_code, codes[i]))
                        return true;
        return false;
}
