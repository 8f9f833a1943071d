/* RMAN scripts: the golden scripts, written from facts. Pure. Every name that goes in is checked or
 * quoted; what cannot be quoted is refused with Unsupported that names it. No CONFIGURE is ever
 * written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"

typedef struct RmanConnect {
        const char *user;     /* NULL or "/": operating system authentication */
        const char *password; /* goes to standard input only */
        const char *service;
} RmanConnect;

/* Operating system authentication: no user, or "/". NULL: yes. */
bool rman_connect_is_local(const RmanConnect *connect);
/* user/"password"@service, as RMAN and SQL*Plus take it; never for a command line. */
int rman_connect_string(const RmanConnect *connect, Text *ret, Error *err);

typedef struct RmanLogStart {
        uint32_t thread;
        uint64_t sequence;
} RmanLogStart;

typedef struct RmanBackupScript {
        RmanConnect connect;
        unsigned level;          /* 0 or 1 */
        bool supplementary;      /* only `datafiles`, logs, control file: the round of rule 1.6 */
        const char *tag;         /* at most 30 characters */
        const char *command_id;  /* 8 hex digits */
        const char *destination; /* <backup_dir>/<backup_id> */
        bool compressed;
        bool set_compression; /* 11.2 and later */
        unsigned channels;
        uint64_t max_piece_size; /* bytes, 0: no clause */
        const uint32_t
                *datafiles; /* level 1: new files as level 0; supplementary: the missing ones */
        size_t n_datafiles;
        const RmanLogStart *logs;
        size_t n_logs;
        bool has_spfile;
} RmanBackupScript;
int rman_script_backup(const RmanBackupScript *script, Text *ret, Error *err);
/* How many "Finished backup at" the script must produce. */
unsigned rman_script_backup_count(const RmanBackupScript *script);

/* Missing logs from the site's own backup (rule 1.5), then back up with our tag. */
typedef struct RmanLogCure {
        RmanConnect connect;
        const char *tag, *command_id, *destination, *log_directory;
        bool compressed, set_compression;
        uint32_t thread;
        uint64_t first_sequence, last_sequence;
} RmanLogCure;
int rman_script_log_cure(const RmanLogCure *cure, Text *ret, Error *err);
enum { RMAN_LOG_CURE_BACKUPS = 2 }; /* "Finished backup at": the logs, the control file again */

int rman_script_delete_tag(const RmanConnect *connect, const char *tag, Text *ret, Error *err);
int rman_script_uncatalog(
        const RmanConnect *connect, const StringList *handles, Text *ret, Error *err);
int rman_script_restore_controlfile(
        uint64_t dbid, const char *piece, Text *ret, Error *err); /* R3 */
/* incarnation 0: no reset. directories: one per link, without trailing slash. */
int rman_script_catalog(
        uint64_t incarnation, const StringList *directories, Text *ret, Error *err); /* R5 */
/* Exclusive. time "YYYY-MM-DDTHH:MM:SS" by the clock of the database; NULL or "": the SCN counts.
 */
typedef struct RmanUntil {
        uint64_t scn;
        const char *time;
} RmanUntil;
int rman_script_restore(
        const RmanUntil *until,
        const char *log_directory,
        unsigned channels,
        Text *ret,
        Error *err); /* R6 */
