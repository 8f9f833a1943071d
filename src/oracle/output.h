/* RMAN's output, a line at a time, as events. Pure: no I/O, no allocation that grows with the
 * input; fuzzed.
 *
 * The parser strips prompts ("RMAN> ", "2> "), understands 11g to 19c wording, and judges the text
 * alone: the session (rman.h) adds exit status, expected counts and files. Sources: Oracle's Backup
 * and Recovery Reference, and the specimens in tests/data/rman. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum RmanPhase {
        RMAN_PHASE_BACKUP,
        RMAN_PHASE_CONTROLFILE, /* restore controlfile */
        RMAN_PHASE_CATALOG,     /* reset database, catalog, crosscheck */
        RMAN_PHASE_RESTORE,     /* restore and recover */
        RMAN_PHASE_MAINTENANCE, /* delete, change uncatalog */
} RmanPhase;

typedef enum RmanEventType {
        RMAN_EVENT_NONE,         /* a line that says nothing to us */
        RMAN_EVENT_PIECE,        /* handle, tag ("" when none), autobackup */
        RMAN_EVENT_CONTROL_FILE, /* handle: right after the piece of a set that announced one */
        RMAN_EVENT_SET_COMPLETE,
        RMAN_EVENT_SKIPPED, /* what, detail */
        RMAN_EVENT_WARNING, /* code, message */
        RMAN_EVENT_ERROR,   /* code, message: each pair once a stack, framed or not; frame lines are
                               none */
        RMAN_EVENT_FINISHED,  /* what: "backup", "restore", "recover" */
        RMAN_EVENT_SESSION,   /* session: SID of "channel X: SID=n" */
        RMAN_EVENT_UNCHANGED, /* file, what, detail: RMAN-08056 "skipping datafile N because it has
                               * not changed"
                               */
        RMAN_EVENT_NO_PARENT, /* file, detail: "no parent backup or copy of datafile N found" */
        RMAN_EVENT_CREATING,  /* file, detail: "creating datafile file number=N": an empty file, to
                                 be  filled from the logs */
        RMAN_EVENT_FAILOVER,  /* detail: "failover to previous backup": a piece could not be read */
} RmanEventType;

typedef struct RmanEvent {
        RmanEventType type;
        char handle[1024];
        char tag[64];
        bool autobackup;
        char code[16];
        char message[768];
        char what[32];
        char detail[1024];
        uint32_t file;
        uint32_t session;
} RmanEvent;

typedef struct RmanParser RmanParser;
int rman_parser_new(RmanPhase phase, RmanParser **ret, Error *err);
RmanParser *rman_parser_free(RmanParser *parser);

/* Phase restore: these files may be created empty and filled from the logs; any other that is
 * created makes the verdict a failure. Copied. */
int rman_parser_allow_created(RmanParser *parser, const uint32_t *files, size_t n_files);

/* One line without its end; calls on_event for each event of it (at most three). `cut`: the line
 * was longer than the bound. */
typedef void (*RmanOnEvent)(const RmanEvent *event, void *userdata);
void rman_parser_line(
        RmanParser *parser,
        const char *line,
        size_t length,
        bool cut,
        RmanOnEvent on_event,
        void *userdata);

/* After the last line. 0 when the text is that of a run that went well for this phase: no error,
 * the marker of the phase seen, "Recovery Manager complete.". Else *err has kind and message of the
 * first cause (the code that says most: ORA-19809 rather than RMAN-03009), and err->ora_code. */
int rman_parser_verdict(const RmanParser *parser, Error *err);
unsigned rman_parser_finished_count(const RmanParser *parser, const char *what);

/* Which kind of the contract an error code stands for; ERROR_RMAN_FAILED when none is special.
 * `os_error`: of a "Linux-x86_64 Error: N" line, 0: none. */
ErrorKind rman_error_kind(const char *code, int os_error);
