/* The daemon's end of orabackup-exec (exec/protocol.h): a Child is a socket to its runner. Losing
 * or closing it ends the program, so freeing a Child needs no goodbye. The runner is spawned on a
 * thread of its own, as an exec may wait for a disk. */
#include "event/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/strings.h"
#include "event/lines.h"
#include "event/loop-internal.h"
#include "event/work.h"
#include "exec/protocol.h"

enum { RUNNER_FD = 3, MESSAGES_PER_TURN = 16, SPAWNS_QUEUED_MAX = 64 };

struct ChildRunner {
        Loop *loop;
        char *socket_path, *program_path;
        WorkPool *spawner; /* NULL with a socket_path */
        size_t n_children;
};

typedef struct Spawn {
        Child *child; /* NULL: freed meanwhile; loop thread only */
        char *program_path;
        int fd;
        int r;
} Spawn;

struct Child {
        ChildRunner *runner;
        char *name; /* argv[0] */
        void (*on_exit)(const ChildExit *exit, const Error *err, void *userdata);
        void *userdata;
        int fd;
        Watch *watch;
        Lines *lines;
        Spawn *spawn; /* NULL once it is done */
        Work *spawning;
        bool *freed; /* set for whoever is calling out */
        /* Input: queued bytes, how many of them the runner may be sent now, what follows them. */
        char *input;
        size_t n_input, input_capacity, window;
        bool close_input, input_closed;
        int signal_to_send;
        /* Ends: both must have come. */
        bool output_ended, exited;
        ChildExit exit;
        char data[EXEC_DATA_BYTES];
};

static int send_message(
        const Child *child, ExecMessageType type, int32_t value, int32_t other, struct iovec data) {
        ExecHeader header = {.type = type, .value = value, .other = other};
        struct iovec parts[2] = {{.iov_base = &header, .iov_len = sizeof(header)}, data};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = data.iov_len > 0 ? 2 : 1};

        return sendmsg(child->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static bool send_again_later(int r) {
        return r == -EAGAIN || r == -ENOBUFS || r == -EINTR;
}

static int send_input(Child *child) {
        while (child->n_input > 0 && child->window > 0) {
                size_t size = child->n_input < child->window ? child->n_input : child->window;
                int r = send_message(
                        child,
                        EXEC_STDIN,
                        0,
                        0,
                        (struct iovec){.iov_base = child->input, .iov_len = size});

                if (r < 0)
                        return r;
                child->n_input -= size;
                child->window -= size;
                memmove(child->input, child->input + size, child->n_input);
                wipe(child->input + child->n_input, size);
        }
        if (child->n_input > 0 || !child->close_input || child->input_closed)
                return 0;
        child->input_closed = true;
        return send_message(child, EXEC_STDIN_CLOSE, 0, 0, (struct iovec){0});
}

/* Sends what can be sent; a failure that lasts is found by reading, where the runner's last words
 * are. */
static void send_queued(Child *child) {
        int r = 0;

        if (child->signal_to_send != 0) {
                r = send_message(child, EXEC_SIGNAL, child->signal_to_send, 0, (struct iovec){0});
                if (r == 0)
                        child->signal_to_send = 0;
        }
        if (r == 0)
                r = send_input(child);
        if (send_again_later(r) && child->close_input && child->n_input == 0)
                child->input_closed = false;
        watch_set(child->watch, WATCH_READABLE | (send_again_later(r) ? WATCH_WRITABLE : 0));
}

/* The last call: the owner frees the child in it. */
static void end(Child *child, const ChildExit *how, const Error *err) {
        watch_set(child->watch, 0);
        child->exited = child->output_ended = true;
        child->on_exit(how, err, child->userdata);
}

static void lose(Child *child, int r, const char *what) {
        Error err = {0};

        error_set_errno(&err, ERROR_ORACLE, r, "%s of %s", what, child->name);
        end(child, NULL, &err);
}

static void fail(Child *child, const ExecHeader *header, size_t size) {
        Error err = {0};

        error_set_errno(
                &err,
                ERROR_ORACLE,
                header->value > 0 ? -header->value : -EIO,
                "%s: %.*s",
                child->name,
                (int)(size < 512 ? size : 512),
                child->data);
        end(child, NULL, &err);
}

static void end_if_over(Child *child) {
        ChildExit how = child->exit;

        if (child->exited && child->output_ended)
                end(child, &how, NULL);
}

/* False: nothing more may be touched, or nothing more will come. */
static bool handle_message(Child *child, const ExecHeader *header, size_t size) {
        bool freed = false;

        child->freed = &freed;
        switch (header->type) {
        case EXEC_STARTED:
                break;
        case EXEC_STDIN_TAKEN:
                child->window += (size_t)header->value;
                send_queued(child);
                break;
        case EXEC_OUTPUT:
                lines_push(child->lines, child->data, size);
                break;
        case EXEC_OUTPUT_END:
                lines_end(child->lines);
                if (freed)
                        return false;
                child->output_ended = true;
                end_if_over(child);
                break;
        case EXEC_EXITED:
                child->exited = true;
                child->exit = (ChildExit){.status = header->value, .signal = header->other};
                end_if_over(child);
                break;
        case EXEC_FAILED:
                fail(child, header, size);
                break;
        default:
                lose(child, -EPROTO, "Not understood: the runner");
        }
        if (!freed)
                child->freed = NULL;
        return !freed && !(child->exited && child->output_ended);
}

/* 1: a message, 0: none, negative: the runner is gone. */
static int receive(Child *child, ExecHeader *ret, size_t *ret_size) {
        struct iovec parts[2] = {
                {.iov_base = ret, .iov_len = sizeof(*ret)},
                {.iov_base = child->data, .iov_len = sizeof(child->data)},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = recvmsg(child->fd, &message, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return n < 0 ? -errno : -ECONNRESET;
        if ((size_t)n < sizeof(*ret) || (message.msg_flags & MSG_TRUNC) != 0)
                return -EPROTO;
        *ret_size = (size_t)n - sizeof(*ret);
        return 1;
}

static void on_ready(int status, int events, void *userdata) {
        Child *child = userdata;

        if ((events & WATCH_WRITABLE) != 0)
                send_queued(child);
        for (int i = 0; i < MESSAGES_PER_TURN; i++) {
                ExecHeader header;
                size_t size = 0;
                int r = receive(child, &header, &size);

                if (r < 0)
                        lose(child, r, "Lost: the runner");
                if (r <= 0 || !handle_message(child, &header, size))
                        return;
        }
}

/* --- starting -------------------------------------------------------------------------------- */

/* On a worker thread. The program that is spawned detaches itself at once, which is what is waited
 * for. */
static void spawn_run(void *userdata) {
        Spawn *spawn = userdata;
        char *argv[] = {spawn->program_path, (char[]){"--fd"}, (char[]){"3"}, NULL};
        posix_spawn_file_actions_t actions;
        int status = 0;
        pid_t pid;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, spawn->fd, RUNNER_FD);
        spawn->r = -posix_spawn(&pid, spawn->program_path, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (spawn->r < 0)
                return;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        break;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                spawn->r = -ECHILD;
}

static void spawn_done(void *userdata) {
        Spawn *spawn = userdata;
        Child *child = spawn->child;
        Error err = {0};

        if (child == NULL)
                return;
        child->spawn = NULL;
        child->spawning = NULL;
        spawn->child = NULL;
        /* Our copy is closed in spawn_release(); with the runner's gone reading tells us so. */
        if (spawn->r == 0) {
                send_queued(child);
                return;
        }
        error_set_errno(
                &err,
                ERROR_ORACLE,
                spawn->r,
                "%s: cannot start the child runner %s",
                child->name,
                spawn->program_path);
        end(child, NULL, &err);
}

static void spawn_release(void *userdata) {
        Spawn *spawn = userdata;

        close(spawn->fd);
        free(spawn->program_path);
        free(spawn);
}

static const WorkFunctions spawn_functions = {
        .run = spawn_run,
        .on_done = spawn_done,
        .release = spawn_release,
};

static int spawn_runner(Child *child, Error *err) {
        int fds[2], r;
        Spawn *spawn;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Cannot make a socket");
        child->fd = fds[0];
        spawn = calloc(1, sizeof(*spawn));
        if (spawn == NULL) {
                close(fds[1]);
                return error_oom(err);
        }
        spawn->fd = fds[1];
        spawn->child = child;
        spawn->program_path = strdup(child->runner->program_path);
        r = spawn->program_path != NULL ? work_start(
                                                  child->runner->spawner,
                                                  &spawn_functions,
                                                  spawn,
                                                  &child->spawning,
                                                  err)
                                        : error_oom(err);
        if (r < 0) {
                spawn_release(spawn);
                return r;
        }
        child->spawn = spawn;
        return 0;
}

static int connect_runner(Child *child, Error *err) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const char *path = child->runner->socket_path;

        if (strlen(path) >= sizeof(address.sun_path))
                return error_set(
                        err, ERROR_CONFIG, -ENAMETOOLONG, "The socket path %s is too long", path);
        memcpy(address.sun_path, path, strlen(path) + 1);
        child->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (child->fd < 0)
                return error_set_errno(err, ERROR_INTERNAL, -errno, "Cannot make a socket");
        if (connect(child->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return error_set_errno(
                        err,
                        ERROR_ORACLE,
                        -errno,
                        "%s: cannot reach the child runner at %s",
                        child->name,
                        path);
        return 0;
}

static size_t append_strings(Text *text, const char *const *strings) {
        size_t n = 0;

        for (; strings[n] != NULL; n++)
                text_append_bytes(text, strings[n], strlen(strings[n]) + 1);
        return n;
}

static int send_start(const Child *child, const ChildOptions *options, Error *err) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        const char *directory = options->directory != NULL ? options->directory : "/";
        size_t n_arguments, n_variables;
        int r;

        text_append_bytes(&text, directory, strlen(directory) + 1);
        n_arguments = append_strings(&text, options->argv);
        n_variables = append_strings(&text, options->environment);
        if (text.failed)
                return error_oom(err);
        if (text.length > EXEC_DATA_BYTES)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -E2BIG,
                        "%s: arguments and environment are larger than %d bytes",
                        child->name,
                        EXEC_DATA_BYTES);
        r = send_message(
                child,
                EXEC_START,
                (int32_t)n_arguments,
                (int32_t)n_variables,
                (struct iovec){.iov_base = text.data, .iov_len = text.length});
        if (r < 0)
                return error_set_errno(
                        err, ERROR_ORACLE, r, "%s: cannot reach the child runner", child->name);
        return 0;
}

static int set_up(Child *child, const ChildOptions *options, Error *err) {
        int r;

        child->name = strdup(options->argv[0]);
        if (child->name == NULL)
                return error_oom(err);
        r = lines_new(options->on_line, options->userdata, &child->lines, err);
        if (r < 0)
                return r;
        r = child->runner->socket_path != NULL ? connect_runner(child, err)
                                               : spawn_runner(child, err);
        if (r < 0)
                return r;
        r = watch_new(child->runner->loop, child->fd, on_ready, child, &child->watch, err);
        if (r < 0)
                return r;
        r = send_start(child, options, err);
        if (r < 0)
                return r;
        if (child->spawn == NULL)
                send_queued(child);
        return 0;
}

int child_start(ChildRunner *runner, const ChildOptions *options, Child **ret, Error *err) {
        CLEANUP(cleanup_child) Child *child = calloc(1, sizeof(*child));
        int r;

        if (child == NULL)
                return error_oom(err);
        child->runner = runner;
        child->fd = -1;
        child->window = EXEC_STDIN_WINDOW;
        child->on_exit = options->on_exit;
        child->userdata = options->userdata;
        runner->n_children++;
        r = set_up(child, options, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(child);
        return 0;
}

Child *child_free(Child *child) {
        if (child == NULL)
                return NULL;
        if (child->freed != NULL)
                *child->freed = true;
        if (child->spawn != NULL) {
                child->spawn->child = NULL;
                work_cancel(child->spawning);
        }
        watch_free(child->watch);
        lines_free(child->lines);
        if (child->fd >= 0)
                close(child->fd);
        wipe(child->input, child->input_capacity);
        free(child->input);
        free(child->name);
        child->runner->n_children--;
        free(child);
        return NULL;
}

/* --- talking to it --------------------------------------------------------------------------- */

static int check_running(const Child *child, Error *err) {
        if (!child->exited)
                return 0;
        return error_set(err, ERROR_ORACLE, -EPIPE, "%s has ended", child->name);
}

/* By hand and not by realloc: a password may be queued. */
static int reserve_input(Child *child, size_t size) {
        char *input;

        if (size <= child->input_capacity)
                return 0;
        size = size * 2 < LIMIT_CHILD_STDIN_BYTES ? size * 2 : LIMIT_CHILD_STDIN_BYTES;
        input = malloc(size);
        if (input == NULL)
                return -ENOMEM;
        if (child->n_input > 0)
                memcpy(input, child->input, child->n_input);
        wipe(child->input, child->input_capacity);
        free(child->input);
        child->input = input;
        child->input_capacity = size;
        return 0;
}

int child_write(Child *child, const void *bytes, size_t size, Error *err) {
        int r = check_running(child, err);

        if (r < 0)
                return r;
        if (child->close_input)
                return error_set(
                        err, ERROR_INTERNAL, -EPIPE, "The input of %s is closed", child->name);
        if (size > LIMIT_CHILD_STDIN_BYTES - child->n_input)
                return error_set(
                        err,
                        ERROR_INTERNAL,
                        -ENOBUFS,
                        "More than %d bytes wait for %s",
                        LIMIT_CHILD_STDIN_BYTES,
                        child->name);
        if (size == 0)
                return 0;
        if (reserve_input(child, child->n_input + size) < 0)
                return error_oom(err);
        memcpy(child->input + child->n_input, bytes, size);
        child->n_input += size;
        if (child->spawn == NULL)
                send_queued(child);
        return 0;
}

int child_close_input(Child *child, Error *err) {
        int r = check_running(child, err);

        if (r < 0)
                return r;
        child->close_input = true;
        if (child->spawn == NULL)
                send_queued(child);
        return 0;
}

int child_signal(Child *child, int signal_number, Error *err) {
        int r = check_running(child, err);

        if (r < 0)
                return r;
        child->signal_to_send = signal_number;
        if (child->spawn == NULL)
                send_queued(child);
        return 0;
}

bool child_has_input_queued(const Child *child) {
        return child->n_input > 0;
}

/* --- the runner ------------------------------------------------------------------------------ */

int child_runner_new(Loop *loop, const ChildRunnerOptions *options, ChildRunner **ret, Error *err) {
        CLEANUP(cleanup_child_runner) ChildRunner *runner = calloc(1, sizeof(*runner));
        int r;

        assert(options->socket_path != NULL || options->program_path != NULL);
        if (runner == NULL)
                return error_oom(err);
        runner->loop = loop;
        if (options->socket_path != NULL) {
                runner->socket_path = strdup(options->socket_path);
                if (runner->socket_path == NULL)
                        return error_oom(err);
        } else {
                runner->program_path = strdup(options->program_path);
                if (runner->program_path == NULL)
                        return error_oom(err);
                r = work_pool_new(loop, "spawn", 1, SPAWNS_QUEUED_MAX, &runner->spawner, err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(runner);
        return 0;
}

ChildRunner *child_runner_free(ChildRunner *runner) {
        if (runner == NULL)
                return NULL;
        assert(runner->n_children == 0);
        work_pool_free(runner->spawner);
        free(runner->socket_path);
        free(runner->program_path);
        free(runner);
        return NULL;
}
