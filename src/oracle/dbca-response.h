/* dbca's response file: what it is told, in the two forms that 11.2 to 19c and later read, and the
 * file itself. It is the only place where the password of SYS goes: never argv, never the
 * environment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct DbcaChoices {
        const char *template_name; /* NULL: General_Purpose.dbc */
        const char *charset;       /* NULL: AL32UTF8 */
        const char *pdb; /* NULL: no container database; else its one pluggable database */
        const char *data_directory; /* NULL: dbca's own */
        const char *recovery_area;  /* directory */
        unsigned memory_percentage; /* 0: dbca's own */
} DbcaChoices;

/* What a caller asks for: InvalidArgs that names the option. */
int dbca_check_choices(const DbcaChoices *choices, Error *err);
/* 1 to 30 printable ASCII characters without blanks, quotes, backslash, braces: what both forms of
 * the file and Oracle take. The password is not in the message. */
int dbca_check_password(const char *password, Error *err);

/* version as of sql_version(). Unsupported: a container database before 12.1. */
int dbca_response_text(
        const char *sid,
        unsigned version,
        const DbcaChoices *choices,
        const char *password,
        Text *ret, /* holds a secret: text_wipe() */
        Error *err);

/* Does this release make the database in ARCHIVELOG mode by itself (-enableArchive, 12.2)? */
bool dbca_can_archive(unsigned version);
enum { DBCA_ARGUMENTS = 8 };
/* After argv[0], NULL-terminated. response_file is not copied. */
void dbca_arguments(
        unsigned version, const char *response_file, const char *ret[static DBCA_ARGUMENTS]);

/* <directory>/dbca-<job>.rsp; NULL: no memory. directory: the runtime directory, which does not
 * outlive the kernel. */
char *dbca_response_path(const char *directory, uint32_t job);
/* Blocking. O_EXCL, 0600. */
int dbca_response_write(const char *path, const char *text, Error *err);
/* Blocking. 0 also when it is not there. */
int dbca_response_remove(const char *path, Error *err);
/* Blocking. All that earlier processes left. */
int dbca_response_remove_all(const char *directory, Error *err);
