/* Every SQL statement the product sends, in one place: tables of questions, and a few builders for
 * statements that carry a name. Callers: the runs of this folder, which put preamble, statements
 * and ending together. Nothing here reads or sends anything. */
#include "oracle/sql.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROW(label) "select '~R~'||chr(31)||'" label "'"
#define STR(column) "||chr(31)||nvl(" column ",'')"
#define NUM(column) "||chr(31)||nvl(to_char(" column "),'')"
#define TIME(column) "||chr(31)||nvl(to_char(" column ",'YYYY-MM-DD\"T\"HH24:MI:SS'),'')"
/* The end of an online log that is still written: 2^48-1, from 12.2 also 2^64-1. */
#define SCN_NONE "281474976710655"
#define RESETLOGS_TIME ROW("P2R") TIME("resetlogs_time") " from v$database;\n"
#define TAG_MARK "{tag}"
#define PIECE_OF(alias)                                                                            \
        "exists (select 1 from v$backup_piece bp where bp.set_stamp = " alias                      \
        ".set_stamp and bp.set_count = " alias ".set_count\n   and bp.tag = " TAG_MARK             \
        " and bp.status = 'A')"

enum { LITERAL_BYTES_MAX = 1023, NAME_BYTES_MAX = 128 };

typedef struct VersionedText {
        SqlQuestion question;
        unsigned since; /* the first version that has it; of several the latest that fits */
        const char *text;
} VersionedText;

/* Statements read better as statements. */
/* clang-format off */
#define DATABASE_COLUMNS                                                                        \
        ROW("P2") NUM("dbid") STR("name") STR("db_unique_name") STR("log_mode") STR("open_mode") \
        "\n" STR("database_role") STR("controlfile_type") STR("force_logging") STR("flashback_on") \
        "\n" NUM("resetlogs_change#") NUM("current_scn") STR("to_char(systimestamp,'TZH:TZM')")

static const VersionedText questions[] = {
        {SQL_INSTANCE, 0,
         ROW("P1") STR("instance_name") STR("host_name") STR("version") STR("status") STR("archiver")
         "\n" STR("parallel") NUM("thread#") STR("logins") TIME("startup_time") " from v$instance;\n"
         ROW("P1V") STR("banner") " from v$version where rownum = 1;\n"},
        {SQL_VERSION_FULL, 1800, ROW("P1F") STR("version_full") " from v$instance;\n"},
        {SQL_DATABASE, 0, DATABASE_COLUMNS STR("'NO'") " from v$database;\n" RESETLOGS_TIME},
        {SQL_DATABASE, 1201, DATABASE_COLUMNS STR("cdb") " from v$database;\n" RESETLOGS_TIME},
        {SQL_PARAMETERS, 0,
         ROW("P3") STR("name") STR("substr(value,1,1000)") " from v$parameter where name in\n"
         "('spfile','compatible','db_name','control_file_record_keep_time','db_recovery_file_dest',\n"
         "'local_listener','remote_listener','dispatchers','audit_file_dest','diagnostic_dest','db_create_file_dest',\n"
         "'remote_login_passwordfile','wallet_root','cluster_database','dg_broker_start',"
         "'job_queue_processes');\n"
         ROW("P3S") STR("name") NUM("ordinal") STR("substr(value,1,1000)") " from v$spparameter\n"
         " where isspecified = 'TRUE' and value is not null order by name, ordinal;\n"},
        {SQL_ARCHIVE_PARAMETERS, 0,
         ROW("P3A") STR("name") STR("substr(value,1,1000)") " from v$parameter where value is not null\n"
         " and (name = 'db_recovery_file_dest' or name like 'log_archive_dest%');\n"},
        {SQL_CONTROL_FILES, 0, ROW("P3C") STR("name") " from v$controlfile;\n"},
        {SQL_PASSWORD_FILE, 1202,
         ROW("P3P") STR("file_name") STR("format") STR("is_asm") " from v$passwordfile_info;\n"},
        {SQL_DATAFILES, 0,
         ROW("P4") NUM("d.file#") NUM("d.creation_change#") NUM("d.checkpoint_change#") STR("d.status")
         "\n" STR("d.enabled") NUM("d.bytes") NUM("d.ts#") NUM("d.unrecoverable_change#")
         "\n" NUM("d.last_change#") STR("d.name") " from v$datafile d order by d.file#;\n"},
        {SQL_TABLESPACES, 0,
         ROW("P4T") NUM("ts#") STR("name") STR("included_in_database_backup") " from v$tablespace;\n"},
        {SQL_THREADS, 0,
         ROW("P5") NUM("t.thread#") STR("t.status") STR("t.enabled") NUM("l.sequence#")
         NUM("l.first_change#") "\n from v$thread t, v$log l where l.thread# = t.thread#"
         " and l.status = 'CURRENT' and t.enabled <> 'DISABLED';\n"},
        {SQL_DESTINATIONS, 0,
         ROW("P6D") STR("dest_name") STR("status") STR("target") STR("destination") STR("error")
         "\n from v$archive_dest where status <> 'INACTIVE';\n"},
        {SQL_RECOVERY_AREA, 0,
         ROW("P6F") STR("name") NUM("space_limit") NUM("space_used") NUM("space_reclaimable")
         " from v$recovery_file_dest;\n"},
        {SQL_CHANGE_TRACKING, 0,
         ROW("P6B") STR("status") STR("filename") " from v$block_change_tracking;\n"},
        {SQL_RESTORE_POINTS, 0,
         ROW("P6R") STR("name") STR("guarantee_flashback_database") " from v$restore_point;\n"},
        {SQL_PDBS, 1201,
         ROW("P6P") NUM("con_id") STR("name") STR("open_mode") STR("restricted")
         " from v$pdbs order by con_id;\n"},
        {SQL_RMAN_CONFIGURATION, 0, ROW("P6C") STR("name") STR("value") " from v$rman_configuration;\n"},
        {SQL_WALLET, 0,
         ROW("P6W") STR("wrl_type") STR("wrl_parameter") STR("status") " from v$encryption_wallet;\n"
         ROW("P6N") NUM("count(*)") " from v$encrypted_tablespaces;\n"},
        {SQL_TEMPFILES, 0, ROW("P6T") NUM("count(*)") " from v$tempfile;\n"},
        {SQL_FOREIGN_BACKUPS, 0,
         ROW("P7") STR("nvl(bp.tag,'-')") NUM("count(*)") TIME("max(bp.completion_time)")
         "\n from v$backup_piece bp where bp.status = 'A' and bp.completion_time > sysdate-31"
         "\n   and (exists (select 1 from v$backup_datafile bd where bd.set_stamp = bp.set_stamp"
         "\n   and bd.set_count = bp.set_count and bd.file# > 0) or exists (select 1 from"
         "\n   v$backup_redolog rl where rl.set_stamp = bp.set_stamp and rl.set_count = bp.set_count))"
         "\n group by nvl(bp.tag,'-');\n"
         ROW("P7O") STR("operation") NUM("count(*)") TIME("max(end_time)")
         "\n from v$rman_status s, v$database d where s.start_time > sysdate-31"
         " and s.start_time > d.resetlogs_time and s.status like 'COMPLETED%' group by operation;\n"
         ROW("P7C") NUM("count(*)") " from v$datafile_copy where status = 'A'"
         " and completion_time > sysdate-31;\n"},
        {SQL_BASES, 0,
         ROW("P8") NUM("bd.file#") NUM("bd.creation_change#") NUM("bd.resetlogs_change#")
         "\n" NUM("bd.incremental_level") NUM("bd.checkpoint_change#") STR("bp.tag") STR("bp.device_type")
         "\n" NUM("count(*)") STR("min(bp.status)") STR("max(bp.status)") TIME("max(bd.completion_time)")
         "\n from v$backup_datafile bd, v$backup_piece bp"
         "\n where bp.set_stamp = bd.set_stamp and bp.set_count = bd.set_count and bd.file# > 0"
         "\n   and bd.incremental_level in (0,1) and bp.status <> 'D'"
         "\n group by bd.file#, bd.creation_change#, bd.resetlogs_change#, bd.incremental_level,"
         "\n bd.checkpoint_change#, bp.tag, bp.device_type;\n"
         ROW("P8C") NUM("file#") NUM("creation_change#") NUM("checkpoint_change#")
         NUM("incremental_level") STR("tag") STR("name") TIME("completion_time")
         "\n from v$datafile_copy where status = 'A' and incremental_level is not null;\n"},
        {SQL_SIZE, 0,
         ROW("P9") NUM("nvl(sum(bd.blocks*bd.block_size),0)") " from v$backup_datafile bd"
         "\n where bd.file# > 0 and bd.incremental_level = 0 and bd.checkpoint_change# ="
         "\n (select max(o.checkpoint_change#) from v$backup_datafile o"
         "\n where o.file# = bd.file# and o.incremental_level = 0);\n"},
        {SQL_STRUCTURE, 0,
         ROW("A4N") STR("name") " from v$datafile union\n"
         ROW("A4N") STR("member") " from v$logfile union\n"
         ROW("A4N") STR("name") " from v$tempfile union\n"
         ROW("A4N") STR("name") " from v$controlfile;\n"},
        {SQL_LOGFILES, 0, ROW("A4L") NUM("group#") STR("member") " from v$logfile;\n"},
        {SQL_REDO, 0, ROW("P6L") NUM("nvl(max(bytes),0)") " from v$log;\n"},
        {SQL_CORRUPTION, 0, ROW("A5") NUM("count(*)") " from v$database_block_corruption;\n"},
        {SQL_INCARNATIONS, 0,
         ROW("I1") NUM("incarnation#") NUM("resetlogs_change#") STR("status") TIME("resetlogs_time")
         " from v$database_incarnation order by incarnation#;\n"},
        {SQL_AVAILABLE_PIECES, 0,
         ROW("R5") STR("handle") STR("tag") STR("device_type") " from v$backup_piece where status = 'A';\n"},
        {SQL_HEADERS, 0,
         ROW("R7") NUM("file#") STR("status") STR("error") STR("recover") STR("fuzzy")
         "\n" NUM("checkpoint_change#") NUM("resetlogs_change#") " from v$datafile_header order by file#;\n"},
        {SQL_MISSING_FILES, 0, ROW("R7M") STR("name") " from v$datafile where name like '%MISSING%';\n"},
        {SQL_PDB_VIOLATIONS, 1201,
         ROW("R7V") STR("name") STR("cause") STR("substr(message,1,500)")
         "\n from pdb_plug_in_violations where type = 'ERROR' and status <> 'RESOLVED';\n"},
};

static const char *const tag_questions[_SQL_TAG_QUESTION_MAX] = {
        [SQL_RUN_PIECES] =
         ROW("A1") STR("bp.handle") NUM("bp.bytes") NUM("bs.block_size") NUM("bp.piece#") NUM("bp.copy#")
         "\n" NUM("bs.pieces") STR("bp.status") STR("bp.device_type") STR("bp.is_recovery_dest_file")
         "\n" STR("bs.backup_type") NUM("bs.incremental_level") STR("bs.controlfile_included")
         "\n" NUM("bs.set_stamp") NUM("bs.set_count") " from v$backup_piece bp, v$backup_set bs"
         "\n where bs.set_stamp = bp.set_stamp and bs.set_count = bp.set_count and bp.tag = " TAG_MARK
         "\n   and bp.status <> 'D' order by bs.recid, bp.piece#, bp.copy#;\n",
        [SQL_RUN_DATAFILES] =
         ROW("A2") NUM("bd.file#") NUM("bd.creation_change#") NUM("bd.resetlogs_change#")
         "\n" NUM("bd.incremental_level") NUM("bd.incremental_change#") NUM("bd.checkpoint_change#")
         "\n" NUM("bd.absolute_fuzzy_change#") NUM("bd.marked_corrupt") NUM("bd.media_corrupt")
         "\n" NUM("bd.logically_corrupt") NUM("bd.datafile_blocks") NUM("bd.blocks") NUM("bd.block_size")
         "\n" NUM("bd.set_stamp") NUM("bd.set_count") " from v$backup_datafile bd where "
         PIECE_OF("bd") "\n order by bd.file#, bd.checkpoint_change#;\n",
        [SQL_RUN_LOGS] =
         ROW("A3") NUM("rl.thread#") NUM("rl.sequence#") NUM("rl.resetlogs_change#")
         "\n" NUM("rl.first_change#") NUM("rl.next_change#") " from v$backup_redolog rl where "
         PIECE_OF("rl") "\n   and rl.next_change# < " SCN_NONE " order by rl.thread#, rl.sequence#;\n",
        [SQL_RUN_LEFT] =
         ROW("L1") NUM("count(*)") " from v$backup_piece where tag = " TAG_MARK " and status <> 'D';\n",
};
/* clang-format on */

static const char *const statements[_SQL_STATEMENT_MAX] = {
        [SQL_MOUNT] = "alter database mount;\n",
        [SQL_OPEN_RESETLOGS] = "alter database open resetlogs;\n",
        [SQL_OPEN] = "alter database open;\n",
        [SQL_ARCHIVELOG] = "alter database archivelog;\n",
        [SQL_DISABLE_CHANGE_TRACKING] = "alter database disable block change tracking;\n",
        [SQL_FLASHBACK_OFF] = "alter database flashback off;\n",
        [SQL_ARCHIVE_LOG_CURRENT] = "alter system archive log current;\n",
        [SQL_REGISTER] = "alter system register;\n",
        [SQL_SHUTDOWN] = "shutdown immediate\n",
};

unsigned sql_version(const char *text) {
        char *end;
        unsigned long major, minor;

        if (text == NULL || !isdigit((unsigned char)*text))
                return 0;
        major = strtoul(text, &end, 10);
        if (*end != '.' || !isdigit((unsigned char)end[1]) || major > 999)
                return 0;
        minor = strtoul(end + 1, &end, 10);
        if ((*end != '.' && *end != '\0') || minor > 99)
                return 0;
        return (unsigned)(major * 100 + minor);
}

static int refuse(Error *err, const char *what, const char *value, const char *why) {
        return error_set(err, ERROR_UNSUPPORTED, -EINVAL, "%s \"%.128s\": %s", what, value, why);
}

static int check_value(const char *what, const char *value, size_t max, Error *err) {
        size_t length = strlen(value);

        if (!text_is_printable(value))
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "%s: a control character or a byte that is not UTF-8 cannot be quoted",
                        what);
        if (length > max)
                return refuse(err, what, value, "too long to be quoted");
        /* SQL*Plus would ask for a substitution, trim a blank, join or end a line there. */
        if (strchr(value, '&') != NULL || *value == ' ' || *value == '@' ||
            (length > 0 && strchr(" -;", value[length - 1]) != NULL))
                return refuse(
                        err,
                        what,
                        value,
                        "a '&', a blank or '@' in front, or a blank, '-' or ';' at the end cannot "
                        "be quoted for SQL*Plus");
        return 0;
}

int sql_quote(const char *what, const char *value, Text *ret, Error *err) {
        int r;

        r = check_value(what, value, LITERAL_BYTES_MAX, err);
        if (r < 0)
                return r;
        text_append_quoted(ret, value);
        return 0;
}

int sql_quote_name(const char *what, const char *value, Text *ret, Error *err) {
        int r;

        r = check_value(what, value, NAME_BYTES_MAX, err);
        if (r < 0)
                return r;
        if (*value == '\0' || strchr(value, '"') != NULL)
                return refuse(err, what, value, "empty or with a quotation mark: cannot be quoted");
        text_appendf(ret, "\"%s\"", value);
        return 0;
}

/* A name that stands in a statement without quotes. */
static int check_word(const char *what, const char *word, Error *err) {
        if (*word == '\0' ||
            strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
                    strlen(word))
                return refuse(err, what, word, "only letters, digits and '_' are allowed");
        return 0;
}

static int append_connect(const RmanConnect *connect, Text *ret, Error *err) {
        int r;

        if (rman_connect_is_local(connect)) {
                text_append(ret, "connect / as sysdba\n");
                return 0;
        }
        text_append(ret, "set define off\n"); /* an '&' in a password is no variable */
        text_append(ret, "connect ");
        r = rman_connect_string(connect, ret, err);
        if (r < 0)
                return r;
        text_append(ret, " as sysdba\n");
        return 0;
}

int sql_preamble(const RmanConnect *connect, bool idle, Text *ret, Error *err) {
        int r;

        text_append(
                ret,
                "whenever oserror exit 9 rollback\n"
                "whenever sqlerror exit 2 rollback\n");
        r = append_connect(connect, ret, err);
        if (r < 0)
                return r;
        text_append(
                ret,
                "set echo off feedback off heading off pagesize 0 verify off define off tab off "
                "trimspool on trimout on linesize 32767 numwidth 40 long 1000000 longchunksize "
                "32767 sqlblanklines on\n");
        if (!idle)
                text_append(
                        ret,
                        "alter session set nls_numeric_characters='.,' "
                        "nls_date_format='YYYY-MM-DD\"T\"HH24:MI:SS';\n");
        return 0;
}

void sql_ending(Text *ret) {
        text_append(ret, "select '~OK~' from dual;\nexit success\n");
}

void sql_ask(SqlQuestion question, unsigned version, Text *ret) {
        const VersionedText *best = NULL;

        assert(question < _SQL_QUESTION_MAX);
        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                if (questions[i].question == question && questions[i].since <= version)
                        best = &questions[i]; /* the table is in rising order */
        if (best != NULL)
                text_append(ret, best->text);
}

int sql_ask_tag(SqlTagQuestion question, const char *tag, Text *ret, Error *err) {
        const char *mark, *text;
        int r;

        assert(question < _SQL_TAG_QUESTION_MAX);
        text = tag_questions[question];
        mark = strstr(text, TAG_MARK);
        assert(mark != NULL);
        text_append_bytes(ret, text, (size_t)(mark - text));
        r = sql_quote("tag", tag, ret, err);
        if (r < 0)
                return r;
        text_append(ret, mark + strlen(TAG_MARK));
        return 0;
}

void sql_ask_times(uint64_t fuzzy_scn, uint64_t until_scn, Text *ret) {
        text_append(ret, ROW("A6"));
        text_appendf(
                ret,
                "||chr(31)||to_char(scn_to_timestamp(%" PRIu64 "),'YYYY-MM-DD\"T\"HH24:MI:SS')"
                "||chr(31)||to_char(scn_to_timestamp(%" PRIu64
                "),'YYYY-MM-DD\"T\"HH24:MI:SS') from dual;\n",
                fuzzy_scn,
                until_scn);
}

void sql_ask_hole(uint32_t thread, uint64_t first, uint64_t last, Text *ret) {
        text_append(
                ret,
                ROW("A7") NUM("sequence#") STR("deleted") STR("status")
                        STR("name") "\n from v$archived_log where standby_dest = 'NO'");
        text_appendf(
                ret,
                " and thread# = %" PRIu32 " and sequence# between %" PRIu64 " and %" PRIu64
                " order by sequence#;\n",
                thread,
                first,
                last);
}

int sql_ask_sessions(
        const char *command_id, const uint32_t *sids, size_t n_sids, Text *ret, Error *err) {
        int r;

        r = check_word("command id", command_id, err);
        if (r < 0)
                return r;
        text_append(
                ret,
                ROW("S1") NUM("sid") NUM("serial#")
                        STR("program") "\n from v$session where type = 'USER' and (");
        text_appendf(ret, "client_info like '%%id=%%%s%%'", command_id);
        if (n_sids > 0)
                text_append(ret, "\n   or (lower(program) like 'rman%' and sid in (");
        for (size_t i = 0; i < n_sids; i++)
                text_appendf(ret, "%s%" PRIu32, i > 0 ? "," : "", sids[i]);
        text_append(ret, n_sids > 0 ? ")));\n" : ");\n");
        return 0;
}

void sql_kill_session(uint32_t sid, uint32_t serial, Text *ret) {
        text_appendf(
                ret,
                "alter system kill session '%" PRIu32 ",%" PRIu32 "' immediate;\n",
                sid,
                serial);
}

/* "<before>'<value>'<after>" */
static int append_quoted(
        const char *before,
        const char *what,
        const char *value,
        const char *after,
        Text *ret,
        Error *err) {
        int r;

        text_append(ret, before);
        r = sql_quote(what, value, ret, err);
        if (r < 0)
                return r;
        text_append(ret, after);
        return 0;
}

int sql_create_pfile(const char *pfile, const char *spfile, Text *ret, Error *err) {
        int r;

        r = append_quoted("create pfile=", "parameter file", pfile, " from spfile", ret, err);
        if (r < 0)
                return r;
        if (spfile == NULL)
                text_append(ret, ";\n");
        else
                r = append_quoted("=", "server parameter file", spfile, ";\n", ret, err);
        return r;
}

int sql_create_spfile(const char *spfile, const char *pfile, Text *ret, Error *err) {
        int r;

        r = append_quoted("create spfile=", "server parameter file", spfile, " from ", ret, err);
        if (r < 0)
                return r;
        return append_quoted("pfile=", "parameter file", pfile, ";\n", ret, err);
}

static int startup(const char *upto, const char *pfile, Text *ret, Error *err) {
        text_appendf(ret, "startup %s", upto);
        if (pfile != NULL)
                return append_quoted(" pfile=", "parameter file", pfile, "\n", ret, err);
        text_append(ret, "\n");
        return 0;
}

int sql_startup_nomount(const char *pfile, Text *ret, Error *err) {
        return startup("nomount", pfile, ret, err);
}

int sql_startup_mount(const char *pfile, Text *ret, Error *err) {
        return startup("mount", pfile, ret, err);
}

void sql_statement(SqlStatement statement, Text *ret) {
        assert(statement < _SQL_STATEMENT_MAX);
        text_append(ret, statements[statement]);
}

int sql_enable_change_tracking(const char *file, Text *ret, Error *err) {
        return append_quoted(
                "alter database enable block change tracking using file ",
                "change tracking file",
                file,
                " reuse;\n",
                ret,
                err);
}

int sql_set_parameter(const char *name, const char *value, bool in_spfile, Text *ret, Error *err) {
        int r;

        r = check_word("parameter", name, err);
        if (r < 0)
                return r;
        r = check_word("parameter value", value, err);
        if (r < 0)
                return r;
        text_appendf(
                ret,
                "alter system set %s=%s scope=%s;\n",
                name,
                value,
                in_spfile ? "both" : "memory");
        return 0;
}

int sql_defer_destination(const char *destination, bool in_spfile, Text *ret, Error *err) {
        static const char prefix[] = "LOG_ARCHIVE_DEST_";
        uint64_t number;
        char name[64];

        if (strncasecmp(destination, prefix, strlen(prefix)) != 0 ||
            parse_uint64(destination + strlen(prefix), &number) < 0 || number < 1 || number > 31)
                return refuse(
                        err, "archive destination", destination, "not LOG_ARCHIVE_DEST_1 to 31");
        snprintf(name, sizeof(name), "log_archive_dest_state_%u", (unsigned)number);
        return sql_set_parameter(name, "defer", in_spfile, ret, err);
}

static int open_pdb(const char *name, const char *how, Text *ret, Error *err) {
        int r;

        text_append(ret, "alter pluggable database ");
        r = sql_quote_name("pluggable database", name, ret, err);
        if (r < 0)
                return r;
        text_appendf(ret, " open%s;\n", how);
        return 0;
}

int sql_open_pdb(const char *name, Text *ret, Error *err) {
        return open_pdb(name, "", ret, err);
}

int sql_open_pdb_read_only(const char *name, Text *ret, Error *err) {
        return open_pdb(name, " read only", ret, err);
}

int sql_backup_controlfile(const char *path, Text *ret, Error *err) {
        return append_quoted(
                "alter database backup controlfile to ",
                "control file copy",
                path,
                " reuse;\n",
                ret,
                err);
}
