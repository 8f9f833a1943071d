/* rman-events --phase backup|controlfile|catalog|restore|maintenance: RMAN's output on standard
 * input, one JSON object a line on standard output, the verdict last. Exit 0: the text is that of a
 * run that went well; 1: it is not; 2: wrong usage. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "oracle/output.h"

enum { EXIT_USAGE = 2 };

static const struct {
        const char *name;
        RmanPhase phase;
} phases[] = {
        {"backup", RMAN_PHASE_BACKUP},
        {"controlfile", RMAN_PHASE_CONTROLFILE},
        {"catalog", RMAN_PHASE_CATALOG},
        {"restore", RMAN_PHASE_RESTORE},
        {"maintenance", RMAN_PHASE_MAINTENANCE},
};

static size_t sequence_length(const unsigned char *p) {
        size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
        char copy[5] = {0};

        for (size_t i = 0; i < n && p[i] != '\0'; i++)
                copy[i] = (char)p[i];
        return utf8_valid(copy) && strlen(copy) == n ? n : 0;
}

/* JSON carries UTF-8 only: what is none, or a control character, becomes U+FFFD. */
static char *valid_text(const char *raw) {
        Text text = TEXT_INIT;

        for (const unsigned char *p = (const unsigned char *)raw; *p != '\0';) {
                size_t n = sequence_length(p);

                if (n == 0 || *p < ' ' || *p == 0x7f)
                        text_append(&text, "\xef\xbf\xbd");
                else
                        text_append_bytes(&text, p, n);
                p += n == 0 ? 1 : n;
        }
        return text_take(&text);
}

static void set_text(Json *object, const char *key, const char *raw) {
        char *text = valid_text(raw);

        json_set_string(object, key, text);
        free(text);
}

static void print(Json *object) {
        char *text;
        size_t size;
        Error err = {0};

        if (json_print(object, &text, &size, &err) < 0) {
                fprintf(stderr, "rman-events: %s\n", err.message);
                exit(EXIT_FAILURE);
        }
        printf("%.*s\n", (int)size, text);
        free(text);
        json_free(object);
}

static Json *new_event(const char *name) {
        Json *object = json_new_object();

        json_set_string(object, "event", name);
        return object;
}

static Json *piece(const RmanEvent *event) {
        Json *object = new_event("piece");

        set_text(object, "handle", event->handle);
        if (*event->tag != '\0')
                set_text(object, "tag", event->tag);
        else
                json_set_null(object, "tag");
        if (event->autobackup)
                json_set_bool(object, "autobackup", true);
        return object;
}

static Json *two_texts(
        const char *name,
        const char *key1,
        const char *value1,
        const char *key2,
        const char *value2) {
        Json *object = new_event(name);

        set_text(object, key1, value1);
        if (key2 != NULL)
                set_text(object, key2, value2);
        return object;
}

static Json *event_json(const RmanEvent *event) {
        switch (event->type) {
        case RMAN_EVENT_PIECE:
                return piece(event);
        case RMAN_EVENT_CONTROL_FILE:
                return two_texts("control-file", "handle", event->handle, NULL, NULL);
        case RMAN_EVENT_SET_COMPLETE:
                return new_event("set-complete");
        case RMAN_EVENT_SKIPPED:
        case RMAN_EVENT_UNCHANGED:
                return two_texts("skipped", "what", event->what, "detail", event->detail);
        case RMAN_EVENT_WARNING:
                return two_texts("warning", "code", event->code, "message", event->message);
        case RMAN_EVENT_ERROR:
                return two_texts("error", "code", event->code, "message", event->message);
        case RMAN_EVENT_FINISHED:
                return two_texts("finished", "what", event->what, NULL, NULL);
        case RMAN_EVENT_NONE: /* of use to the service only */
        case RMAN_EVENT_SESSION:
        case RMAN_EVENT_NO_PARENT:
        case RMAN_EVENT_CREATING:
        case RMAN_EVENT_FAILOVER:
                return NULL;
        }
        return NULL;
}

static void on_event(const RmanEvent *event, void *userdata) {
        Json *object = event_json(event);

        if (object != NULL)
                print(object);
}

static int judge(const RmanParser *parser) {
        Json *object = new_event("verdict");
        Error err = {0};
        int r = rman_parser_verdict(parser, &err);

        json_set_bool(object, "ok", r == 0);
        if (r == 0)
                json_set_null(object, "error");
        else
                json_set_string(object, "error", error_dbus_name(err.kind));
        print(object);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(RmanPhase phase) {
        RmanParser *parser;
        Error err = {0};
        char *line = NULL;
        size_t capacity = 0;
        ssize_t length;
        int status;

        if (rman_parser_new(phase, &parser, &err) < 0) {
                fprintf(stderr, "rman-events: %s\n", err.message);
                return EXIT_FAILURE;
        }
        while ((length = getline(&line, &capacity, stdin)) >= 0) {
                if (length > 0 && line[length - 1] == '\n')
                        length--;
                rman_parser_line(parser, line, (size_t)length, false, on_event, NULL);
        }
        status = ferror(stdin) != 0 ? EXIT_FAILURE : judge(parser);
        if (fflush(stdout) != 0) {
                perror("rman-events: stdout");
                status = EXIT_FAILURE;
        }
        free(line);
        rman_parser_free(parser);
        return status;
}

int main(int argc, char **argv) {
        const char *name = NULL;

        if (argc == 3 && strcmp(argv[1], "--phase") == 0)
                name = argv[2];
        else if (argc == 2 && strncmp(argv[1], "--phase=", 8) == 0)
                name = argv[1] + 8;
        for (size_t i = 0; name != NULL && i < sizeof(phases) / sizeof(phases[0]); i++)
                if (strcmp(name, phases[i].name) == 0)
                        return run(phases[i].phase);
        fprintf(stderr,
                "usage: rman-events --phase backup|controlfile|catalog|restore|maintenance\n");
        return EXIT_USAGE;
}
