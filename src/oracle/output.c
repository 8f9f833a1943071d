/* RMAN's output as events and as a verdict: a table of line beginnings, the stacks of error lines
 * (output-stack.h), and what was seen of the markers. Pure and bounded: a parser is one allocation
 * of fixed size (and the list of files that may be created). Fed a line at a time by oracle/rman.c.
 */
#include "oracle/output.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "oracle/output-stack.h"

#define COPY(field, text) rman_copy(field, sizeof(field), text, strlen(text))

enum { CHANNELS_MAX = 64, CHANNEL_NAME_BYTES = 32 };

/* Lines that only have to be there. */
typedef enum Marker {
        SEEN_NOTHING,
        SEEN_OUTPUT_FILE,
        SEEN_MEDIA_RECOVERED,
        SEEN_MAINTAINED,
        SEEN_COMPLETE,
        _SEEN_MAX,
} Marker;

typedef struct Channel {
        char name[CHANNEL_NAME_BYTES];
        bool control_file; /* its present set announced one */
} Channel;

struct RmanParser {
        RmanPhase phase;
        uint32_t *created;
        size_t n_created;

        Channel channels[CHANNELS_MAX];
        size_t n_channels;
        Channel *describing; /* whose set the unprefixed lines describe */
        Channel *finishing;  /* whose piece the next handle is */
        char copies_tag[64]; /* of "with 2 copies and tag .." */
        bool in_autobackup, in_restore, implicit, cut;

        unsigned backups_started, backups, restores, recovers;
        unsigned sets_started, sets_ended;
        bool cataloged, crosschecked;
        bool seen[_SEEN_MAX];

        RmanStack stack;

        char line[LIMIT_CHILD_LINE_BYTES + 1];
        RmanEvent event;
        RmanOnEvent on_event;
        void *userdata;
};

static void emit(RmanParser *parser, RmanEventType type) {
        parser->event.type = type;
        parser->on_event(&parser->event, parser->userdata);
        parser->event = (RmanEvent){0};
}

static void emit_detail(RmanParser *parser, RmanEventType type, uint32_t file, const char *what) {
        parser->event.file = file;
        COPY(parser->event.what, what);
        COPY(parser->event.detail, parser->line);
        emit(parser, type);
}

/* Channels: lines of several interleave, so what a set announced is kept for each. */
static Channel *channel_find(RmanParser *parser, const char *name) {
        size_t i;

        for (i = 0; i < parser->n_channels; i++)
                if (strcmp(parser->channels[i].name, name) == 0)
                        return &parser->channels[i];
        if (parser->n_channels == CHANNELS_MAX)
                return &parser->channels[CHANNELS_MAX - 1];
        COPY(parser->channels[i].name, name);
        parser->n_channels++;
        return &parser->channels[i];
}

/* Handlers: `rest` is what follows the beginning that was matched. */
typedef void (*Handler)(RmanParser *parser, Channel *channel, const char *rest);

static void on_session(RmanParser *parser, Channel *channel, const char *rest) {
        parser->event.session = rman_number_at(rest);
        emit(parser, RMAN_EVENT_SESSION);
}

static void on_set_start(RmanParser *parser, Channel *channel, const char *rest) {
        bool set = strstr(rest, "backup set") != NULL || strstr(rest, "backupset") != NULL;

        if (!set || strstr(rest, " restore") != NULL)
                return;
        channel->control_file = false;
        parser->describing = channel;
        parser->sets_started++;
}

static void on_set_describe(RmanParser *parser, Channel *channel, const char *rest) {
        parser->describing = channel;
}

static void on_control_file(RmanParser *parser, Channel *channel, const char *rest) {
        if (parser->describing != NULL)
                parser->describing->control_file = true;
}

static void on_piece_finished(RmanParser *parser, Channel *channel, const char *rest) {
        const char *tag = strstr(rest, " copies and tag ");

        parser->finishing = channel;
        COPY(parser->copies_tag, tag == NULL ? "" : tag + strlen(" copies and tag "));
}

static void on_set_complete(RmanParser *parser, Channel *channel, const char *rest) {
        channel->control_file = false;
        parser->sets_ended++;
        emit(parser, RMAN_EVENT_SET_COMPLETE);
}

static void on_set_cancelled(RmanParser *parser, Channel *channel, const char *rest) {
        parser->sets_ended++;
}

/* "<handle>[ tag=<tag>][ comment=<comment>]": handle and tag may hold blanks. */
static void on_piece(RmanParser *parser, Channel *channel, const char *rest) {
        size_t length = strlen(rest);
        const char *tag, *comment;
        RmanEvent *event = &parser->event;

        if (parser->in_restore) /* 10g: the piece that is read */
                return;
        comment = rman_last_of(rest, length, " comment=");
        if (comment != NULL)
                length = (size_t)(comment - rest);
        tag = rman_last_of(rest, length, " tag=");
        COPY(event->tag, parser->copies_tag);
        if (tag != NULL) {
                const char *value = tag + strlen(" tag=");

                rman_copy(event->tag, sizeof(event->tag), value, length - (size_t)(value - rest));
                length = (size_t)(tag - rest);
        }
        if (parser->cut || length == 0 || length >= sizeof(event->handle)) {
                rman_stack_note(
                        &parser->stack, RMAN_RANK_RMAN, "", "a piece handle is empty or too long");
                *event = (RmanEvent){0};
                return;
        }
        rman_copy(event->handle, sizeof(event->handle), rest, length);
        event->autobackup = parser->in_autobackup;
        emit(parser, RMAN_EVENT_PIECE);
        if (parser->in_autobackup)
                return;
        if (parser->finishing == NULL)
                parser->finishing = parser->describing;
        if (parser->finishing == NULL || !parser->finishing->control_file)
                return;
        rman_copy(event->handle, sizeof(event->handle), rest, length);
        emit(parser, RMAN_EVENT_CONTROL_FILE);
}

static void on_autobackup_start(RmanParser *parser, Channel *channel, const char *rest) {
        parser->in_autobackup = true;
        parser->copies_tag[0] = '\0';
}

static void on_autobackup_end(RmanParser *parser, Channel *channel, const char *rest) {
        parser->in_autobackup = false;
}

static void finished(RmanParser *parser, const char *what, unsigned *counter) {
        (*counter)++;
        COPY(parser->event.what, what);
        emit(parser, RMAN_EVENT_FINISHED);
}

static void on_backup_start(RmanParser *parser, Channel *channel, const char *rest) {
        parser->backups_started++;
        parser->in_restore = parser->implicit = parser->in_autobackup = false;
        parser->describing = parser->finishing = NULL;
}

static void on_backup_end(RmanParser *parser, Channel *channel, const char *rest) {
        finished(parser, "backup", &parser->backups);
}

static void on_restore_start(RmanParser *parser, Channel *channel, const char *rest) {
        parser->in_restore = true;
}

static void on_restore_end(RmanParser *parser, Channel *channel, const char *rest) {
        parser->in_restore = false;
        finished(parser, "restore", &parser->restores);
}

static void on_recover_end(RmanParser *parser, Channel *channel, const char *rest) {
        parser->in_restore = false;
        finished(parser, "recover", &parser->recovers);
}

/* "skipping datafile 5; already backed up", "skipping archived log of thread ..", "skipping read
 * only file 7" */
static void on_skipping(RmanParser *parser, Channel *channel, const char *rest) {
        bool log = strstr(rest, "archived log") != NULL;
        bool datafile = strncmp(rest, "datafile ", 9) == 0;
        uint32_t file = datafile ? rman_number_at(rest + 9) : 0;

        if (datafile && strstr(rest, " because it has not changed") != NULL) {
                emit_detail(parser, RMAN_EVENT_UNCHANGED, file, "datafile");
                return;
        }
        if (!log && (parser->phase == RMAN_PHASE_BACKUP || parser->phase == RMAN_PHASE_RESTORE))
                rman_stack_note(&parser->stack, RMAN_RANK_RMAN, "", parser->line);
        emit_detail(parser, RMAN_EVENT_SKIPPED, file, log ? "archived log" : "datafile");
}

static void on_excluded(RmanParser *parser, Channel *channel, const char *rest) {
        if (strstr(rest, " is excluded from whole database backup") == NULL)
                return;
        if (parser->phase == RMAN_PHASE_BACKUP)
                rman_stack_note(&parser->stack, RMAN_RANK_RMAN, "", parser->line);
        emit_detail(parser, RMAN_EVENT_SKIPPED, rman_number_at(rest), "datafile");
}

static void on_no_parent(RmanParser *parser, Channel *channel, const char *rest) {
        emit_detail(parser, RMAN_EVENT_NO_PARENT, rman_number_at(rest), "datafile");
}

static bool creation_allowed(const RmanParser *parser, uint32_t file) {
        for (size_t i = 0; i < parser->n_created; i++)
                if (parser->created[i] == file)
                        return true;
        return false;
}

static void on_creating(RmanParser *parser, Channel *channel, const char *rest) {
        uint32_t file = rman_number_at(rest);

        if (parser->phase == RMAN_PHASE_RESTORE && !creation_allowed(parser, file))
                rman_stack_note(&parser->stack, RMAN_RANK_RMAN, "", parser->line);
        emit_detail(parser, RMAN_EVENT_CREATING, file, "datafile");
}

static void on_failover(RmanParser *parser, Channel *channel, const char *rest) {
        if (parser->phase == RMAN_PHASE_RESTORE)
                rman_stack_note(&parser->stack, RMAN_RANK_RMAN, "", parser->line);
        emit_detail(parser, RMAN_EVENT_FAILOVER, 0, "");
}

static void on_failure(RmanParser *parser, Channel *channel, const char *rest) {
        rman_stack_note(&parser->stack, RMAN_RANK_MARKER, "", parser->line);
}

static void on_implicit(RmanParser *parser, Channel *channel, const char *rest) {
        parser->implicit = true;
}

static void on_explicit(RmanParser *parser, Channel *channel, const char *rest) {
        parser->implicit = false;
}

static void on_cataloged(RmanParser *parser, Channel *channel, const char *rest) {
        if (!parser->implicit)
                parser->cataloged = true;
}

static void on_crosschecked(RmanParser *parser, Channel *channel, const char *rest) {
        if (!parser->implicit)
                parser->crosschecked = true;
}

typedef struct Rule {
        const char *beginning;
        Handler handler; /* NULL: none */
        Marker marker;
} Rule;

/* After "channel <name>: ". */
static const Rule channel_rules[] = {
        {"SID=", on_session, SEEN_NOTHING},
        {"sid=", on_session, SEEN_NOTHING},
        {"starting piece ", NULL, SEEN_NOTHING},
        {"starting ", on_set_start, SEEN_NOTHING},
        {"specifying ", on_set_describe, SEEN_NOTHING},
        {"finished piece ", on_piece_finished, SEEN_NOTHING},
        {"backup set complete", on_set_complete, SEEN_NOTHING},
        {"backupset complete", on_set_complete, SEEN_NOTHING},
        {"backup cancelled", on_set_cancelled, SEEN_NOTHING},
        {"skipping ", on_skipping, SEEN_NOTHING},
};

static const Rule line_rules[] = {
        {"piece handle=", on_piece, SEEN_NOTHING},
        {"including current control", on_control_file, SEEN_NOTHING},
        {"Starting Control File and SPFILE Autobackup", on_autobackup_start, SEEN_NOTHING},
        {"Finished Control File and SPFILE Autobackup", on_autobackup_end, SEEN_NOTHING},
        {"Starting backup at", on_backup_start, SEEN_NOTHING},
        {"Finished backup at", on_backup_end, SEEN_NOTHING},
        {"Starting restore at", on_restore_start, SEEN_NOTHING},
        {"Finished restore at", on_restore_end, SEEN_NOTHING},
        {"Starting recover at", on_restore_start, SEEN_NOTHING},
        {"Finished recover at", on_recover_end, SEEN_NOTHING},
        {"skipping ", on_skipping, SEEN_NOTHING},
        {"file ", on_excluded, SEEN_NOTHING},
        {"no parent backup or copy of datafile ", on_no_parent, SEEN_NOTHING},
        {"creating datafile file number=", on_creating, SEEN_NOTHING},
        {"creating datafile fno=", on_creating, SEEN_NOTHING},
        {"failover to previous backup", on_failover, SEEN_NOTHING},
        {"continuing other job steps", on_failure, SEEN_NOTHING},
        {"starting Oracle instance without parameter file", on_failure, SEEN_NOTHING},
        {"Starting implicit crosscheck", on_implicit, SEEN_NOTHING},
        {"searching for all files in the recovery area", on_implicit, SEEN_NOTHING},
        {"searching for all files that match the pattern", on_explicit, SEEN_NOTHING},
        {"crosschecked ", on_explicit, SEEN_NOTHING},
        {"cataloging done", on_cataloged, SEEN_NOTHING},
        {"no files found to be unknown to the database", on_cataloged, SEEN_NOTHING},
        {"Crosschecked ", on_crosschecked, SEEN_NOTHING},
        {"output file name=", NULL, SEEN_OUTPUT_FILE},
        {"output filename=", NULL, SEEN_OUTPUT_FILE},
        {"media recovery complete", NULL, SEEN_MEDIA_RECOVERED},
        {"Deleted ", NULL, SEEN_MAINTAINED},
        {"Uncataloged ", NULL, SEEN_MAINTAINED},
        {"uncataloged ", NULL, SEEN_MAINTAINED},
        {"specification does not match any backup", NULL, SEEN_MAINTAINED},
        {"Recovery Manager complete.", NULL, SEEN_COMPLETE},
};

static void
apply_rules(RmanParser *parser, const Rule *rules, size_t n, Channel *channel, const char *line) {
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(rules[i].beginning);

                if (strncmp(line, rules[i].beginning, length) != 0)
                        continue;
                parser->seen[rules[i].marker] = true;
                if (rules[i].handler != NULL)
                        rules[i].handler(parser, channel, line + length);
                return;
        }
}

static void add_error(RmanParser *parser, const char *code, const char *message) {
        rman_stack_enter(&parser->stack, false);
        if (rman_stack_seen(&parser->stack, code, message))
                return;
        rman_stack_note(&parser->stack, rman_code_rank(code), code, message);
        COPY(parser->event.code, code);
        COPY(parser->event.message, message);
        emit(parser, RMAN_EVENT_ERROR);
}

/* "error from target database: ORA-01017: invalid ..": the cause stands inside the message. */
static void add_inner_error(RmanParser *parser, const char *message) {
        char code[ERROR_CODE_BYTES];
        const char *inner = strstr(message, ": ORA-");
        const char *text = inner == NULL ? NULL : rman_parse_code(inner + 2, code);

        if (text != NULL)
                add_error(parser, code, text);
}

static void add_warning(RmanParser *parser, const char *code, const char *message) {
        COPY(parser->event.code, code);
        COPY(parser->event.message, message);
        emit(parser, RMAN_EVENT_WARNING);
}

/* Lines that carry a code and are no error, or not in every phase. */
static bool handle_report_line(RmanParser *parser, const char *code, const char *message) {
        static const char *const mismatch[] = {
                "RMAN-06210", "RMAN-06211", "RMAN-06212", "RMAN-06213", "RMAN-06214"};
        bool warning = strncasecmp(message, "warning", 7) == 0 && strncmp(code, "RMAN-", 5) == 0;

        if (strncmp(message, "Reason: ", 8) == 0 && strncmp(code, "RMAN-075", 8) == 0) {
                if (parser->phase == RMAN_PHASE_CATALOG && !parser->implicit)
                        return false;
                add_warning(parser, code, message);
                return true;
        }
        if (strcmp(code, "RMAN-08056") == 0) {
                apply_rules(parser, line_rules, ELEMENTSOF(line_rules), NULL, message);
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(mismatch); i++)
                if (strcmp(code, mismatch[i]) == 0 && !parser->stack.open)
                        return true;
        if ((!warning && strcmp(code, "RMAN-06208") != 0) || parser->stack.framed)
                return false;
        /* records that could not be deleted stay in the repository */
        if (strcmp(code, "RMAN-06207") == 0 && parser->phase == RMAN_PHASE_MAINTENANCE)
                rman_stack_note(&parser->stack, RMAN_RANK_RMAN, code, message);
        add_warning(parser, code, message);
        return true;
}

static bool handle_code_line(RmanParser *parser, const char *line) {
        char code[ERROR_CODE_BYTES];
        const char *message = rman_parse_code(line, code);

        if (message == NULL)
                return false;
        if (strcmp(code, "RMAN-00569") == 0)
                rman_stack_enter(&parser->stack, true);
        else if (strcmp(code, "RMAN-00571") != 0 && !handle_report_line(parser, code, message)) {
                add_error(parser, code, message);
                add_inner_error(parser, message);
        }
        return true;
}

/* "Linux-x86_64 Error: 28: No space left on device" and the lines that may stand within a stack
 * without ending it. */
static bool handle_stack_detail(RmanParser *parser, const char *line) {
        const char *number = strstr(line, " Error: ");

        if (!parser->stack.open)
                return false;
        if (number != NULL && isdigit((unsigned char)number[8])) {
                rman_stack_os_error(&parser->stack, (int)(rman_number_at(number + 8) & 0xffff));
                return true;
        }
        return *line == '\0' || strncmp(line, "Additional information:", 23) == 0 ||
               strncmp(line, "released channel:", 17) == 0;
}

static void handle_channel_line(RmanParser *parser, const char *line) {
        char name[CHANNEL_NAME_BYTES], code[ERROR_CODE_BYTES];
        const char *colon = strstr(line, ": "), *text, *message;

        if (colon == NULL || (size_t)(colon - line) >= sizeof(name))
                return;
        rman_copy(name, sizeof(name), line, (size_t)(colon - line));
        text = colon + 2;
        message = rman_parse_code(text, code);
        if (message != NULL) {
                add_error(parser, code, message);
                return;
        }
        rman_stack_end(&parser->stack);
        apply_rules(
                parser, channel_rules, ELEMENTSOF(channel_rules), channel_find(parser, name), text);
}

static void handle_line(RmanParser *parser, const char *line) {
        const char *text = line + strspn(line, " ");

        if (strncmp(line, "channel ", 8) == 0)
                handle_channel_line(parser, line + 8);
        else if (handle_code_line(parser, text) || handle_stack_detail(parser, line))
                return;
        else if (strncmp(line, "startup failed: ", 16) == 0)
                handle_code_line(parser, line + 16);
        else {
                rman_stack_end(&parser->stack);
                apply_rules(parser, line_rules, ELEMENTSOF(line_rules), NULL, line);
        }
}

void rman_parser_line(
        RmanParser *parser,
        const char *line,
        size_t length,
        bool cut,
        RmanOnEvent on_event,
        void *userdata) {
        const char *start;

        if (length >= sizeof(parser->line)) {
                length = sizeof(parser->line) - 1;
                cut = true;
        }
        rman_copy(parser->line, sizeof(parser->line), line, length);
        for (size_t i = 0; i < length; i++)
                if (parser->line[i] == '\0' || parser->line[i] == '\t')
                        parser->line[i] = ' ';
        while (length > 0 && strchr(" \r\n", parser->line[length - 1]) != NULL)
                parser->line[--length] = '\0';
        parser->cut = cut;
        parser->on_event = on_event;
        parser->userdata = userdata;
        start = rman_strip_prompts(parser->line);
        memmove(parser->line, start, strlen(start) + 1);
        handle_line(parser, parser->line);
}

/* The markers of a phase: what a run that went well has printed. */
static const char *missing_of_backup(const RmanParser *parser) {
        if (parser->backups == 0 || parser->backups < parser->backups_started)
                return "\"Finished backup at\"";
        return parser->sets_ended < parser->sets_started ? "\"backup set complete\"" : NULL;
}

static const char *missing_of_restore(const RmanParser *parser) {
        if (parser->restores == 0)
                return "\"Finished restore at\"";
        if (!parser->seen[SEEN_MEDIA_RECOVERED])
                return "\"media recovery complete\"";
        return parser->recovers == 0 ? "\"Finished recover at\"" : NULL;
}

static const char *missing_of_phase(const RmanParser *parser) {
        switch (parser->phase) {
        case RMAN_PHASE_BACKUP:
                return missing_of_backup(parser);
        case RMAN_PHASE_CONTROLFILE:
                if (!parser->seen[SEEN_OUTPUT_FILE])
                        return "\"output file name=\"";
                return parser->restores == 0 ? "\"Finished restore at\"" : NULL;
        case RMAN_PHASE_CATALOG:
                return !parser->cataloged && !parser->crosschecked
                               ? "\"cataloging done\" or \"Crosschecked .. objects\""
                               : NULL;
        case RMAN_PHASE_RESTORE:
                return missing_of_restore(parser);
        case RMAN_PHASE_MAINTENANCE:
                return parser->seen[SEEN_MAINTAINED]
                               ? NULL
                               : "\"Deleted .. objects\" or \"Uncataloged .. objects\"";
        }
        return "its phase";
}

int rman_parser_verdict(const RmanParser *parser, Error *err) {
        const RmanCause *cause = &parser->stack.cause;
        const char *missing;
        int r;

        if (cause->rank != RMAN_RANK_NONE) {
                r = error_set(
                        err,
                        rman_error_kind(cause->code, cause->os_error),
                        -EIO,
                        *cause->code != '\0' ? "RMAN: %s: %s" : "RMAN: %s%s",
                        cause->code,
                        cause->message);
                if (err != NULL)
                        COPY(err->ora_code, cause->code);
                return r;
        }
        missing = missing_of_phase(parser);
        if (missing == NULL && !parser->seen[SEEN_COMPLETE])
                missing = "\"Recovery Manager complete.\"";
        if (missing != NULL)
                return error_set(
                        err,
                        ERROR_RMAN_FAILED,
                        -EIO,
                        "RMAN ended without having printed %s",
                        missing);
        return 0;
}

unsigned rman_parser_finished_count(const RmanParser *parser, const char *what) {
        if (strcmp(what, "backup") == 0)
                return parser->backups;
        if (strcmp(what, "restore") == 0)
                return parser->restores;
        return strcmp(what, "recover") == 0 ? parser->recovers : 0;
}

int rman_parser_allow_created(RmanParser *parser, const uint32_t *files, size_t n_files) {
        uint32_t *copy = calloc(n_files + 1, sizeof(uint32_t));

        if (copy == NULL)
                return -ENOMEM;
        if (n_files > 0)
                memcpy(copy, files, n_files * sizeof(uint32_t));
        free(parser->created);
        parser->created = copy;
        parser->n_created = n_files;
        return 0;
}

int rman_parser_new(RmanPhase phase, RmanParser **ret, Error *err) {
        RmanParser *parser = calloc(1, sizeof(RmanParser));

        if (parser == NULL)
                return error_oom(err);
        parser->phase = phase;
        *ret = parser;
        return 0;
}

RmanParser *rman_parser_free(RmanParser *parser) {
        if (parser != NULL)
                free(parser->created);
        free(parser);
        return NULL;
}
