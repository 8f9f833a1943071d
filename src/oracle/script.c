/* The golden RMAN scripts, written from facts. One process each; channels c1..cn are allocated in
 * every run{} so that no configured channel is used. Called by the runs of this folder. */
#include "oracle/script.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"

enum { TAG_BYTES_MAX = 30, QUOTED_BYTES_MAX = 1023, HANDLES_A_COMMAND = 50, CHANNELS_MAX = 64 };

static const uint64_t KILO = 1024;
static const uint64_t PIECE_SIZE_MAX = 2048ULL * 1024 * 1024 * 1024;

static const char LETTERS_AND_DIGITS[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool only_of(const char *string, const char *others) {
        if (*string == '\0')
                return false;
        for (; *string != '\0'; string++)
                if (strchr(LETTERS_AND_DIGITS, *string) == NULL && strchr(others, *string) == NULL)
                        return false;
        return true;
}

static int refuse(Error *err, const char *what, const char *value, const char *why) {
        return error_set(err, ERROR_UNSUPPORTED, -EINVAL, "%s \"%.128s\": %s", what, value, why);
}

static int quote(const char *what, const char *value, Text *ret, Error *err) {
        if (!text_is_printable(value) || *value == '\0')
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "%s: empty, or with a control character or a byte that is not UTF-8; it "
                        "cannot be quoted for RMAN",
                        what);
        if (strlen(value) > QUOTED_BYTES_MAX)
                return refuse(err, what, value, "too long to be quoted for RMAN");
        text_append_quoted(ret, value);
        return 0;
}

bool rman_connect_is_local(const RmanConnect *connect) {
        return connect == NULL || connect->user == NULL || string_equal(connect->user, "/");
}

int rman_connect_string(const RmanConnect *connect, Text *ret, Error *err) {
        const char *service = connect->service, *password = connect->password;

        if (!only_of(connect->user, "_$#") || strlen(connect->user) > 128)
                return refuse(err, "user", connect->user, "only letters, digits, '_', '$', '#'");
        if (service != NULL && *service != '\0' && !only_of(service, "_$#.:/-"))
                return refuse(err, "service", service, "only letters, digits and _$#.:/-");
        if (password == NULL || *password == '\0' || !text_is_printable(password) ||
            strchr(password, '"') != NULL || strlen(password) > 128)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "the password of %s is absent, too long, or has a quotation mark or a "
                        "control character and cannot be sent",
                        connect->user);
        text_appendf(ret, "%s/\"%s\"", connect->user, password);
        if (service != NULL && *service != '\0')
                text_appendf(ret, "@%s", service);
        return 0;
}

static int begin(const RmanConnect *connect, Text *ret, Error *err) {
        int r;

        text_append(ret, "set echo off;\nconnect target ");
        if (rman_connect_is_local(connect)) {
                text_append(ret, "/;\n");
                return 0;
        }
        r = rman_connect_string(connect, ret, err);
        if (r < 0)
                return r;
        text_append(ret, ";\n");
        return 0;
}

static int finish(Text *ret, Error *err) {
        text_append(ret, "exit;\n");
        return ret->failed ? error_oom(err) : 0;
}

static int check_tag(const char *tag, Error *err) {
        if (!only_of(tag, "_-") || strlen(tag) > TAG_BYTES_MAX)
                return refuse(err, "tag", tag, "1 to 30 letters, digits, '-' or '_'");
        return 0;
}

static int check_command_id(const char *id, Error *err) {
        if (!only_of(id, "") || strlen(id) > TAG_BYTES_MAX)
                return refuse(err, "command id", id, "1 to 30 letters or digits");
        return 0;
}

/* RMAN takes the suffixes K, M and G only. */
static int append_piece_size(uint64_t bytes, Text *ret, Error *err) {
        static const char suffixes[] = "KMG";
        uint64_t n = bytes / KILO;
        size_t i = 0;

        if (bytes % KILO != 0 || bytes == 0 || bytes > PIECE_SIZE_MAX)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -ERANGE,
                        "max_piece_size %" PRIu64 ": RMAN takes multiples of 1K from 1K to 2048G",
                        bytes);
        for (; i < 2 && n % KILO == 0; i++)
                n /= KILO;
        text_appendf(ret, " maxpiecesize %" PRIu64 "%c", n, suffixes[i]);
        return 0;
}

static int append_channels(
        unsigned channels,
        const char *destination,
        uint64_t max_piece_size,
        Text *ret,
        Error *err) {
        int r = 0;

        if (channels < 1 || channels > CHANNELS_MAX)
                return error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -ERANGE,
                        "channels %u: 1 to 64 are allowed",
                        channels);
        for (unsigned i = 1; i <= channels && r == 0; i++) {
                text_appendf(ret, "  allocate channel c%u device type disk", i);
                if (destination != NULL) {
                        text_append(ret, " to destination ");
                        r = quote("destination", destination, ret, err);
                }
                if (r == 0 && max_piece_size > 0)
                        r = append_piece_size(max_piece_size, ret, err);
                text_append(ret, ";\n");
        }
        return r;
}

static void append_run_options(const char *command_id, Text *ret) {
        text_appendf(
                ret,
                "run {\n"
                "  set command id to 'orabackup %s';\n"
                "  set backup copies = 1;\n",
                command_id);
}

static const char *backup_words(bool compressed) {
        return compressed ? "  backup as compressed backupset" : "  backup as backupset";
}

static void append_file_numbers(const RmanBackupScript *script, Text *ret) {
        text_appendf(ret, "%s incremental level=0 datafile ", backup_words(script->compressed));
        for (size_t i = 0; i < script->n_datafiles; i++)
                text_appendf(ret, "%s%" PRIu32, i > 0 ? "," : "", script->datafiles[i]);
        text_appendf(ret, " force tag='%s';\n", script->tag);
}

static void append_backups(const RmanBackupScript *script, Text *ret) {
        const char *words = backup_words(script->compressed);

        if (script->n_datafiles > 0)
                append_file_numbers(script, ret);
        if (!script->supplementary)
                text_appendf(
                        ret,
                        "%s incremental level=%u database noexclude force tag='%s';\n",
                        words,
                        script->level,
                        script->tag);
        text_append(ret, "  sql 'alter system archive log current';\n");
        for (size_t i = 0; i < script->n_logs; i++)
                text_appendf(
                        ret,
                        "%s archivelog from sequence %" PRIu64 " thread %" PRIu32
                        " force tag='%s';\n",
                        words,
                        script->logs[i].sequence,
                        script->logs[i].thread,
                        script->tag);
        if (script->has_spfile && !script->supplementary)
                text_appendf(ret, "%s spfile tag='%s';\n", words, script->tag);
        text_appendf(ret, "%s current controlfile tag='%s';\n}\n", words, script->tag);
}

int rman_script_backup(const RmanBackupScript *script, Text *ret, Error *err) {
        int r;

        r = check_tag(script->tag, err);
        if (r == 0)
                r = check_command_id(script->command_id, err);
        if (r == 0 && script->level > 1)
                r = error_set(err, ERROR_UNSUPPORTED, -EINVAL, "level %u: 0 or 1", script->level);
        if (r == 0 && script->n_logs == 0)
                r = error_set(
                        err,
                        ERROR_UNSUPPORTED,
                        -EINVAL,
                        "a backup needs the archived logs of a thread");
        if (r == 0)
                r = begin(&script->connect, ret, err);
        if (r < 0)
                return r;
        if (script->set_compression)
                text_append(ret, "set compression algorithm 'BASIC';\n");
        append_run_options(script->command_id, ret);
        r = append_channels(
                script->channels, script->destination, script->max_piece_size, ret, err);
        if (r < 0)
                return r;
        append_backups(script, ret);
        return finish(ret, err);
}

unsigned rman_script_backup_count(const RmanBackupScript *script) {
        unsigned n = 1 + (unsigned)script->n_logs; /* the control file */

        if (script->n_datafiles > 0)
                n++;
        if (!script->supplementary)
                n += script->has_spfile ? 2 : 1;
        return n;
}

static void append_range(const RmanLogCure *cure, Text *ret) {
        text_appendf(
                ret,
                " archivelog from sequence %" PRIu64 " until sequence %" PRIu64 " thread %" PRIu32,
                cure->first_sequence,
                cure->last_sequence,
                cure->thread);
}

int rman_script_log_cure(const RmanLogCure *cure, Text *ret, Error *err) {
        const char *words = backup_words(cure->compressed);
        int r;

        r = check_tag(cure->tag, err);
        if (r == 0)
                r = check_command_id(cure->command_id, err);
        if (r == 0)
                r = begin(&cure->connect, ret, err);
        if (r < 0)
                return r;
        if (cure->set_compression)
                text_append(ret, "set compression algorithm 'BASIC';\n");
        append_run_options(cure->command_id, ret);
        r = append_channels(1, cure->destination, 0, ret, err);
        if (r < 0)
                return r;
        text_append(ret, "  set archivelog destination to ");
        r = quote("log directory", cure->log_directory, ret, err);
        if (r < 0)
                return r;
        text_append(ret, ";\n  restore");
        append_range(cure, ret);
        text_appendf(ret, ";\n%s", words);
        append_range(cure, ret);
        text_appendf(
                ret,
                " force tag='%s' delete input;\n%s current controlfile tag='%s';\n}\n",
                cure->tag,
                words,
                cure->tag);
        return finish(ret, err);
}

int rman_script_delete_tag(const RmanConnect *connect, const char *tag, Text *ret, Error *err) {
        int r;

        r = check_tag(tag, err);
        if (r == 0)
                r = begin(connect, ret, err);
        if (r < 0)
                return r;
        text_appendf(ret, "delete force noprompt backup tag='%s' device type disk;\n", tag);
        return finish(ret, err);
}

int rman_script_uncatalog(
        const RmanConnect *connect, const StringList *handles, Text *ret, Error *err) {
        int r;

        r = begin(connect, ret, err);
        for (size_t i = 0; i < handles->n && r == 0; i++) {
                bool last = i + 1 == handles->n || (i + 1) % HANDLES_A_COMMAND == 0;

                text_append(ret, i % HANDLES_A_COMMAND == 0 ? "change backuppiece " : "  ");
                r = quote("piece", handles->items[i], ret, err);
                text_append(ret, last ? " uncatalog;\n" : ",\n");
        }
        return r < 0 ? r : finish(ret, err);
}

int rman_script_restore_controlfile(uint64_t dbid, const char *piece, Text *ret, Error *err) {
        int r;

        r = begin(NULL, ret, err);
        if (r < 0)
                return r;
        text_appendf(ret, "set dbid %" PRIu64 ";\nrestore controlfile from ", dbid);
        r = quote("control file piece", piece, ret, err);
        if (r < 0)
                return r;
        text_append(ret, ";\n");
        return finish(ret, err);
}

static int append_catalog(const char *directory, Text *ret, Error *err) {
        char path[LIMIT_PATH_BYTES + 2];

        if (!path_is_clean(directory) || strlen(directory) > LIMIT_PATH_BYTES)
                return refuse(err, "directory of pieces", directory, "not a clean absolute path");
        /* without the slash RMAN would take siblings that begin with this name, too */
        (void)snprintf(path, sizeof(path), "%s/", directory);
        text_append(ret, "catalog start with ");
        return quote("directory of pieces", path, ret, err);
}

int rman_script_catalog(
        uint64_t incarnation, const StringList *directories, Text *ret, Error *err) {
        int r;

        r = begin(NULL, ret, err);
        if (r < 0)
                return r;
        if (incarnation != 0)
                text_appendf(ret, "reset database to incarnation %" PRIu64 ";\n", incarnation);
        for (size_t i = 0; i < directories->n; i++) {
                r = append_catalog(directories->items[i], ret, err);
                if (r < 0)
                        return r;
                text_append(ret, " noprompt;\n");
        }
        text_append(
                ret,
                "allocate channel for maintenance device type disk;\n"
                "crosscheck backup;\n"
                "crosscheck copy;\n"
                "crosscheck archivelog all;\n");
        return finish(ret, err);
}

static int append_until(const RmanUntil *until, Text *ret, Error *err) {
        struct tm tm = {0};

        if (until->time == NULL || *until->time == '\0') {
                text_appendf(ret, "  set until scn %" PRIu64 ";\n", until->scn);
                return 0;
        }
        const char *end = strptime(until->time, "%Y-%m-%dT%H:%M:%S", &tm);
        if (end == NULL || *end != '\0')
                return refuse(err, "time", until->time, "YYYY-MM-DDTHH:MM:SS");
        text_appendf(
                ret,
                "  set until time \"to_date('%.10s %s','YYYY-MM-DD HH24:MI:SS')\";\n",
                until->time,
                until->time + strlen("YYYY-MM-DDT"));
        return 0;
}

int rman_script_restore(
        const RmanUntil *until,
        const char *log_directory,
        unsigned channels,
        Text *ret,
        Error *err) {
        int r;

        r = begin(NULL, ret, err);
        if (r < 0)
                return r;
        text_append(ret, "run {\n");
        r = append_channels(channels, NULL, 0, ret, err);
        if (r < 0)
                return r;
        r = append_until(until, ret, err);
        if (r < 0)
                return r;
        text_append(ret, "  set archivelog destination to ");
        r = quote("log directory", log_directory, ret, err);
        if (r < 0)
                return r;
        text_append(
                ret,
                ";\n"
                "  restore database force;\n"
                "  recover database delete archivelog maxsize 10G;\n"
                "}\n");
        return finish(ret, err);
}
