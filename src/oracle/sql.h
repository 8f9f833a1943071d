/* All SQL of the product, as text. Pure.
 *
 * A question prints each of its rows as '~R~' CHR(31) <label> CHR(31) column CHR(31) ..; the labels
 * and the order of columns stand beside each name below and are what oracle/queries.c reads. Every
 * number goes through TO_CHAR, every NULL becomes "". Statements that change something print no
 * row. A version is major * 100 + minor (1102, 1201, 1202, 1800, 1900): what a release lacks is not
 * asked. What cannot be quoted is refused with Unsupported that names it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strings.h"
#include "oracle/script.h"

typedef enum SqlQuestion {
        SQL_INSTANCE, /* P1: instance_name host_name version status archiver parallel thread logins
                         startup_time. From NOMOUNT on. P1V: banner */
        SQL_VERSION_FULL, /* P1F (18+): version_full */
        SQL_DATABASE,     /* P2: dbid name db_unique_name log_mode open_mode role controlfile_type
                             force_logging flashback resetlogs_scn current_scn utc_offset cdb;
                             P2R: resetlogs_time */
        SQL_PARAMETERS, /* P3: name value; P3S: name ordinal value (of the spfile). From NOMOUNT on
                         */
        SQL_ARCHIVE_PARAMETERS, /* P3A: name value, of all that say where archived logs go */
        SQL_CONTROL_FILES,      /* P3C: name */
        SQL_PASSWORD_FILE,      /* P3P (12.2+): name format is_asm */
        SQL_DATAFILES,       /* P4: file creation_scn checkpoint_scn status enabled bytes tablespace
                                unrecoverable_scn last_scn name */
        SQL_TABLESPACES,     /* P4T: number name included_in_database_backup */
        SQL_THREADS,         /* P5: thread status enabled sequence first_scn; right before RMAN */
        SQL_DESTINATIONS,    /* P6D: name status target destination error */
        SQL_RECOVERY_AREA,   /* P6F: name limit used reclaimable */
        SQL_CHANGE_TRACKING, /* P6B: status filename */
        SQL_RESTORE_POINTS,  /* P6R: name guarantee */
        SQL_PDBS,            /* P6P (12.1+): con_id name open_mode restricted */
        SQL_RMAN_CONFIGURATION, /* P6C: name value */
        SQL_WALLET,             /* P6W: type parameter status; P6N: encrypted tablespaces */
        SQL_TEMPFILES,          /* P6T: count */
        SQL_FOREIGN_BACKUPS,    /* P7: tag pieces newest (of sets with data files or logs); P7O, of
                                   this incarnation and of those that ended well: operation count
                                   newest; P7C: copies */
        SQL_BASES,      /* P8: file creation_scn resetlogs_scn level checkpoint_scn tag device count
                           min_status max_status newest; P8C: file creation_scn checkpoint_scn
                           level tag name completed */
        SQL_SIZE,       /* P9: bytes of the newest level 0 of each file, 0: none */
        SQL_STRUCTURE,  /* A4N: name of each data, redo log, temp and control file */
        SQL_LOGFILES,   /* A4L: group member */
        SQL_CORRUPTION, /* A5: count */
        SQL_REDO,       /* P6L: bytes of the largest redo log */
        SQL_INCARNATIONS,     /* I1: incarnation resetlogs_scn status resetlogs_time */
        SQL_AVAILABLE_PIECES, /* R5: handle tag device: STATUS 'A' only */
        SQL_HEADERS,          /* R7: file status error recover fuzzy checkpoint_scn resetlogs_scn */
        SQL_MISSING_FILES,    /* R7M: name of each MISSINGnnnnn */
        SQL_PDB_VIOLATIONS,   /* R7V (12.1+): name cause message, unresolved errors */
        _SQL_QUESTION_MAX,
} SqlQuestion;

/* Questions about one run, by its tag. */
typedef enum SqlTagQuestion {
        SQL_RUN_PIECES,    /* A1: handle bytes block_size piece copy pieces status device
                              in_recovery_area backup_type level controlfile_included set_stamp
                              set_count */
        SQL_RUN_DATAFILES, /* A2: file creation_scn resetlogs_scn level incremental_scn
                              checkpoint_scn fuzzy_scn marked_corrupt media_corrupt
                              logically_corrupt datafile_blocks blocks block_size set_stamp
                              set_count */
        SQL_RUN_LOGS,      /* A3: thread sequence resetlogs_scn first_scn next_scn */
        SQL_RUN_LEFT,      /* L1: count of pieces of the tag that are not deleted */
        _SQL_TAG_QUESTION_MAX,
} SqlTagQuestion;

/* "11.2.0.4.0" -> 1102; 0 when it is none. */
unsigned sql_version(const char *text);

/* What stands before and after the statements of one SQL*Plus process. idle: the instance may be
 * idle, so `alter session` is left out. The text holds the password when there is one. */
int sql_preamble(const RmanConnect *connect, bool idle, Text *ret, Error *err);
void sql_ending(Text *ret);

void sql_ask(SqlQuestion question, unsigned version, Text *ret);
int sql_ask_tag(SqlTagQuestion question, const char *tag, Text *ret, Error *err);
/* A6: local times of two SCNs; raises ORA-08180/08181 for an SCN that Oracle cannot map any more:
 * ask in a process of its own, and do without when it fails. */
void sql_ask_times(uint64_t fuzzy_scn, uint64_t until_scn, Text *ret);
/* A7: sequence deleted status name: who removed the logs of a hole, and is one still known. */
void sql_ask_hole(uint32_t thread, uint64_t first, uint64_t last, Text *ret);

/* S1: sid serial program: sessions of a run, by its command id and by the SIDs RMAN told. */
int sql_ask_sessions(
        const char *command_id, const uint32_t *sids, size_t n_sids, Text *ret, Error *err);
void sql_kill_session(uint32_t sid, uint32_t serial, Text *ret);

/* spfile NULL: the one the instance runs on. */
int sql_create_pfile(const char *pfile, const char *spfile, Text *ret, Error *err);
int sql_create_spfile(const char *spfile, const char *pfile, Text *ret, Error *err);
int sql_startup_nomount(
        const char *pfile, Text *ret, Error *err); /* NULL: as the dbs directory has it */
int sql_startup_mount(const char *pfile, Text *ret, Error *err);
/* The statements of a restore and of a restart that need no name. */
typedef enum SqlStatement {
        SQL_MOUNT,
        SQL_OPEN,
        SQL_OPEN_RESETLOGS,
        SQL_ARCHIVELOG,
        SQL_DISABLE_CHANGE_TRACKING,
        SQL_FLASHBACK_OFF,
        SQL_ARCHIVE_LOG_CURRENT,
        SQL_REGISTER,
        SQL_SHUTDOWN,
        _SQL_STATEMENT_MAX,
} SqlStatement;
void sql_statement(SqlStatement statement, Text *ret);
int sql_enable_change_tracking(const char *file, Text *ret, Error *err);
/* in_spfile: scope=both, else memory (the instance runs on a pfile). name and value: letters,
 * digits, '_' only. */
int sql_set_parameter(const char *name, const char *value, bool in_spfile, Text *ret, Error *err);
int sql_defer_destination(
        const char *destination, bool in_spfile, Text *ret, Error *err); /* LOG_ARCHIVE_DEST_n */
int sql_open_pdb(const char *name, Text *ret, Error *err);
int sql_open_pdb_read_only(const char *name, Text *ret, Error *err);
int sql_backup_controlfile(const char *path, Text *ret, Error *err);

/* 'literal' with quotes doubled; "identifier". `what` names the thing in the refusal. */
int sql_quote(const char *what, const char *value, Text *ret, Error *err);
int sql_quote_name(const char *what, const char *value, Text *ret, Error *err);
