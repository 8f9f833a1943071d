/* A child program, run through orabackup-exec so that it is no descendant of the daemon.
 *
 * Its standard output and error come as one stream of lines; it has ended when it is reaped AND
 * that stream is at EOF. Nothing is ever signalled but the pid of the program itself. When the
 * daemon's end of the socket closes, the runner ends the program: SIGINT, SIGTERM, at last SIGKILL.
 * Protocol: exec/protocol.h. Link seam: tests/fakes/child.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/loop.h"

typedef struct ChildRunner ChildRunner;
typedef struct Child Child;

/* socket_path: orabackup-exec.socket of systemd; NULL: program_path is spawned on a socketpair. */
typedef struct ChildRunnerOptions {
        const char *socket_path;
        const char *program_path;
} ChildRunnerOptions;

int child_runner_new(Loop *loop, const ChildRunnerOptions *options, ChildRunner **ret, Error *err);
ChildRunner *child_runner_free(ChildRunner *runner); /* no child may be left */
DEFINE_CLEANUP(ChildRunner, child_runner);

typedef struct ChildExit {
        int status; /* exit status, or -1 */
        int signal; /* 0, or the signal that ended it */
} ChildExit;

typedef struct ChildOptions {
        const char *const *argv;        /* argv[0] is the absolute path; copied; no secret, ever */
        const char *const *environment; /* "NAME=value", the whole of it; copied */
        const char *directory;          /* where it starts; NULL: / */
        /* One line without its end; `cut` when it was longer than LIMIT_CHILD_LINE_BYTES (the rest
         * of it is dropped). A last line without an end comes too. */
        void (*on_line)(const char *line, size_t length, bool cut, void *userdata);
        /* Last call of all. exit == NULL: it could not be started or the runner was lost, err says
         * why (ERROR_ORACLE names argv[0]). */
        void (*on_exit)(const ChildExit *exit, const Error *err, void *userdata);
        void *userdata;
} ChildOptions;

int child_start(ChildRunner *runner, const ChildOptions *options, Child **ret, Error *err);
Child *child_free(Child *child); /* before on_exit: the runner ends the program (SIGINT, SIGTERM,
                                    SIGKILL); no callback any more */
DEFINE_CLEANUP(Child, child);

/* Queues bytes for its standard input: copied, wiped when sent. -ENOBUFS beyond
 * LIMIT_CHILD_STDIN_BYTES. */
int child_write(Child *child, const void *bytes, size_t size, Error *err);
int child_close_input(Child *child, Error *err); /* after what is queued */
int child_signal(
        Child *child,
        int signal_number,
        Error *err); /* SIGINT, SIGTERM, SIGKILL: to its pid alone */
bool child_has_input_queued(const Child *child);
