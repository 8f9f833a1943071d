/* The log: sentences with fields, to the journal or to stderr, from a thread of its own.
 *
 * log_write() never waits: a line goes into a bounded ring (LIMIT_LOG_RING_LINES); when the writer
 * hangs (a stopped journald), new lines are dropped and counted, and one line says how many when it
 * goes on. Lines longer than LIMIT_LOG_LINE_BYTES are cut. On stderr a line is "LEVEL message
 * KEY=VALUE ..". No secret, token, URL query or environment is ever logged. Library folders (base/
 * to config/) do not log: they return errors. job/, bus/ and daemon/ log each once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum LogLevel {
        LOG_LEVEL_ERR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
} LogLevel;
typedef enum LogTarget { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_STDERR } LogTarget;

/* Fields are added to a line in the order given; a NULL or "" value leaves the field out. */
typedef struct LogFields {
        uint32_t job;         /* ORABACKUP_JOB; 0: none */
        const char *backup;   /* ORABACKUP_BACKUP */
        const char *instance; /* ORABACKUP_INSTANCE */
        const char *database; /* ORABACKUP_DATABASE */
        const char *phase;    /* ORABACKUP_PHASE */
        const char *piece;    /* ORABACKUP_PIECE */
        const char *segment;  /* ORABACKUP_SEGMENT */
        const Error *error; /* ORABACKUP_ERROR, _ORA_CODE, _HTTP_STATUS; its message is appended to
                               the line after ": " */
        const char *trans_id;   /* ORABACKUP_TRANS_ID */
        uint64_t bytes;         /* ORABACKUP_BYTES; 0: none */
        const char *message_id; /* MESSAGE_ID, one of base/message-ids.h */
} LogFields;

int log_start(
        LogTarget target,
        LogLevel max_level,
        Error *err); /* AUTO: the journal when stderr is connected to it (JOURNAL_STREAM) */
/* Before log_start() and after log_stop() lines go nowhere. */
void log_stop(void); /* writes what is queued, waits at most 2 s for a hung target */
void log_set_level(LogLevel max_level);

void log_write(LogLevel level, const LogFields *fields, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* log_info(&(LogFields){.job = 3}, "Segment %u stored", i); fields may be NULL. */
#define log_error(fields, ...) log_write(LOG_LEVEL_ERR, fields, __VA_ARGS__)
#define log_warning(fields, ...) log_write(LOG_LEVEL_WARNING, fields, __VA_ARGS__)
#define log_notice(fields, ...) log_write(LOG_LEVEL_NOTICE, fields, __VA_ARGS__)
#define log_info(fields, ...) log_write(LOG_LEVEL_INFO, fields, __VA_ARGS__)
#define log_debug(fields, ...) log_write(LOG_LEVEL_DEBUG, fields, __VA_ARGS__)
