/* The log. A line is formatted by whoever logs, as the journal's fields one after the other, each
 * ended by NUL; the writer thread sends it to the journal or prints it. Only the writer ever waits
 * for either. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

/* The place in the source is no field of ours. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "base/thread.h"

enum { LOG_FIELDS_MAX = 24, STOP_TIMEOUT_SEC = 2 };

typedef struct LogLine {
        LogLevel level;
        size_t size;
        char fields[]; /* "MESSAGE=..\0PRIORITY=..\0.." */
} LogLine;

typedef struct Log {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t writer;
        bool running, stopping;
        bool to_journal;
        _Atomic int max_level;
        LogLine *ring[LIMIT_LOG_RING_LINES];
        size_t first, n;
        uint64_t dropped;
} Log;

/* The one object of the program that is everywhere: a line is written from any thread. */
static Log *the_log(void) {
        static Log instance = {
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .changed = PTHREAD_COND_INITIALIZER,
        };

        return &instance;
}

/* Control characters would end the line or move a terminal. */
static void make_one_line(char *text) {
        for (; *text != '\0'; text++)
                if ((uint8_t)*text < 0x20 || *text == 0x7f)
                        *text = ' ';
}

/* What was cut by bytes may end within a character. */
static void cut_half_character(char *text) {
        size_t length = strlen(text), last = length;

        for (size_t i = 0; i < 3 && last > 1 && ((uint8_t)text[last - 1] & 0xc0) == 0x80; i++)
                last--;
        if (last > 0 && (uint8_t)text[last - 1] >= 0xc0 &&
            utf8_character(text + last - 1, length - last + 1) == 0)
                text[last - 1] = '\0';
}

typedef struct LineBuffer {
        char bytes[LIMIT_LOG_LINE_BYTES];
        size_t size;
} LineBuffer;

/* What does not fit is cut at a character; a field of which nothing fits is left out. */
static void put_field(LineBuffer *line, const char *name, const char *value) {
        size_t left = sizeof(line->bytes) - line->size;
        char *at = line->bytes + line->size;
        int n;

        if (value == NULL || value[0] == '\0' || left <= strlen(name) + 2)
                return;
        n = snprintf(at, left, "%s=%s", name, value);
        if (n < 0)
                return;
        cut_half_character(at);
        make_one_line(at);
        line->size += strlen(at) + 1;
}

static void put_number(LineBuffer *line, const char *name, uint64_t value) {
        char text[24];

        if (value == 0)
                return;
        snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
        put_field(line, name, text);
}

static void put_fields(LineBuffer *line, const LogFields *fields) {
        const Error *error = fields->error;

        put_field(line, "MESSAGE_ID", fields->message_id);
        put_number(line, "ORABACKUP_JOB", fields->job);
        put_field(line, "ORABACKUP_BACKUP", fields->backup);
        put_field(line, "ORABACKUP_INSTANCE", fields->instance);
        put_field(line, "ORABACKUP_DATABASE", fields->database);
        put_field(line, "ORABACKUP_PHASE", fields->phase);
        put_field(line, "ORABACKUP_PIECE", fields->piece);
        put_field(line, "ORABACKUP_SEGMENT", fields->segment);
        if (error != NULL && error_is_set(error)) {
                put_field(line, "ORABACKUP_ERROR", error_dbus_name(error->kind));
                put_field(line, "ORABACKUP_ORA_CODE", error->ora_code);
                put_number(line, "ORABACKUP_HTTP_STATUS", (uint64_t)error->http_status);
        }
        put_field(line, "ORABACKUP_TRANS_ID", fields->trans_id);
        put_number(line, "ORABACKUP_BYTES", fields->bytes);
}

static LogLine *line_new(LogLevel level, const char *message, const LogFields *fields) {
        LineBuffer line = {.size = 0};
        /* A message may not crowd out what the line is about. */
        char text[LIMIT_LOG_LINE_BYTES * 3 / 4];
        LogLine *made;

        if (fields != NULL && fields->error != NULL && error_is_set(fields->error))
                snprintf(text, sizeof(text), "%s: %s", message, fields->error->message);
        else
                snprintf(text, sizeof(text), "%s", message);
        put_field(&line, "MESSAGE", text);
        put_number(&line, "PRIORITY", (uint64_t)level);
        put_field(&line, "SYSLOG_IDENTIFIER", "orabackupd");
        if (fields != NULL)
                put_fields(&line, fields);
        made = malloc(sizeof(*made) + line.size);
        if (made == NULL)
                return NULL;
        made->level = level;
        made->size = line.size;
        memcpy(made->fields, line.bytes, line.size);
        return made;
}

static const char *level_name(LogLevel level) {
        switch (level) {
        case LOG_LEVEL_ERR:
                return "ERR";
        case LOG_LEVEL_WARNING:
                return "WARNING";
        case LOG_LEVEL_NOTICE:
                return "NOTICE";
        case LOG_LEVEL_INFO:
                return "INFO";
        case LOG_LEVEL_DEBUG:
                return "DEBUG";
        }
        return "ERR";
}

static void print_line(const LogLine *line) {
        CLEANUP(text_done) Text text = TEXT_INIT;

        text_append(&text, level_name(line->level));
        for (const char *field = line->fields; field < line->fields + line->size;
             field += strlen(field) + 1) {
                if (string_starts_with(field, "MESSAGE="))
                        text_appendf(&text, " %s", field + strlen("MESSAGE="));
                else if (
                        !string_starts_with(field, "PRIORITY=") &&
                        !string_starts_with(field, "SYSLOG_IDENTIFIER="))
                        text_appendf(&text, " %s", field);
        }
        text_append(&text, "\n");
        if (!text.failed)
                (void)write_all(STDERR_FILENO, text.data, text.length);
}

static int send_line(LogLine *line) {
        struct iovec fields[LOG_FIELDS_MAX];
        int n = 0;

        for (char *field = line->fields; field < line->fields + line->size && n < LOG_FIELDS_MAX;
             field += strlen(field) + 1)
                fields[n++] = (struct iovec){.iov_base = field, .iov_len = strlen(field)};
        return sd_journal_sendv(fields, n);
}

static void deliver(const Log *log, LogLine *line) {
        if (line == NULL)
                return;
        if (!log->to_journal || send_line(line) < 0)
                print_line(line);
        free(line);
}

/* NULL when the log was stopped and nothing is left; *ret_dropped lines were lost before this one.
 */
static LogLine *take_line(Log *log, uint64_t *ret_dropped) {
        LogLine *line = NULL;

        pthread_mutex_lock(&log->lock);
        while (log->n == 0 && !log->stopping)
                pthread_cond_wait(&log->changed, &log->lock);
        if (log->n > 0) {
                line = log->ring[log->first];
                log->first = (log->first + 1) % LIMIT_LOG_RING_LINES;
                log->n--;
        }
        /* The lines in the ring are older than those that found it full. */
        *ret_dropped = log->n == 0 ? log->dropped : 0;
        if (log->n == 0)
                log->dropped = 0;
        pthread_mutex_unlock(&log->lock);
        return line;
}

static void say_dropped(const Log *log, uint64_t dropped) {
        char message[128];

        if (dropped == 0)
                return;
        snprintf(
                message,
                sizeof(message),
                "%ju log lines were dropped because the log did not take them",
                (uintmax_t)dropped);
        deliver(log, line_new(LOG_LEVEL_WARNING, message, NULL));
}

static void *write_lines(void *userdata) {
        Log *log = userdata;
        uint64_t dropped;
        LogLine *line;

        do {
                line = take_line(log, &dropped);
                deliver(log, line);
                say_dropped(log, dropped);
        } while (line != NULL);
        return NULL;
}

void log_write(LogLevel level, const LogFields *fields, const char *format, ...) {
        char message[LIMIT_LOG_LINE_BYTES];
        Log *log = the_log();
        bool kept = false;
        LogLine *line;
        va_list ap;

        if ((int)level > atomic_load(&log->max_level))
                return;
        va_start(ap, format);
        if (vsnprintf(message, sizeof(message), format, ap) < 0)
                message[0] = '\0';
        va_end(ap);
        line = line_new(level, message, fields);
        pthread_mutex_lock(&log->lock);
        if (line != NULL && log->running && log->n < LIMIT_LOG_RING_LINES) {
                log->ring[(log->first + log->n++) % LIMIT_LOG_RING_LINES] = line;
                kept = true;
                pthread_cond_signal(&log->changed);
        } else if (log->running)
                log->dropped++;
        pthread_mutex_unlock(&log->lock);
        if (!kept)
                free(line);
}

/* JOURNAL_STREAM holds device and inode of the journal's stream, as systemd sets it; the variable
 * may have been inherited by a program whose stderr is another by now. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long device, inode;
        struct stat st;

        if (stream == NULL || sscanf(stream, "%lu:%lu", &device, &inode) != 2)
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int log_start(LogTarget target, LogLevel max_level, Error *err) {
        Log *log = the_log();
        int r;

        if (log->running)
                return error_set(err, ERROR_INTERNAL, -EALREADY, "The log was started before");
        log->stopping = false;
        log->dropped = 0;
        log->to_journal =
                target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO && stderr_is_journal());
        atomic_store(&log->max_level, (int)max_level);
        log->running = true;
        r = thread_start("log", write_lines, log, &log->writer);
        if (r < 0) {
                log->running = false;
                return error_set_errno(
                        err, ERROR_INTERNAL, r, "Cannot start the thread of the log");
        }
        return 0;
}

void log_set_level(LogLevel max_level) {
        atomic_store(&the_log()->max_level, (int)max_level);
}

void log_stop(void) {
        Log *log = the_log();
        struct timespec until;

        if (!log->running)
                return;
        pthread_mutex_lock(&log->lock);
        log->stopping = true;
        pthread_cond_signal(&log->changed);
        pthread_mutex_unlock(&log->lock);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += STOP_TIMEOUT_SEC;
        if (pthread_timedjoin_np(log->writer, NULL, &until) != 0) {
                pthread_detach(log->writer); /* it hangs in a write and ends with the process */
                return;
        }
        pthread_mutex_lock(&log->lock);
        log->running = false;
        pthread_mutex_unlock(&log->lock);
}
