/* orabackup-exec: runs one program for orabackupd, relays its standard input and output, and ends
 * it, and nothing else, on command or when the daemon is gone. It is a program of its own because
 * what the program forks (an Oracle instance) must outlive the daemon, outside its sandbox. See
 * exec/protocol.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exec/protocol.h"

enum { SOCKET_FD = 3, STAGES = 3 };

typedef struct Message {
        ExecHeader header;
        char data[EXEC_DATA_BYTES + 1];
        size_t size; /* of the data */
} Message;

typedef struct Runner {
        pid_t pid;                  /* 0: reaped or not started */
        int signals, input, output; /* -1: closed */
        bool daemon_gone, close_input;
        char queued[EXEC_STDIN_WINDOW];
        size_t n_queued;
        /* What is still to be said, in this order. */
        int32_t taken;
        char said[EXEC_OUTPUT_BYTES];
        size_t n_said;
        bool say_end, say_exited;
        int32_t status, by_signal;
        /* Ending the program: how far we are and when it goes on. */
        int stage;
        int64_t next_stage_msec;
        Message message;
} Runner;

static int64_t now_msec(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t pause_msec(const char *name, int64_t msec) {
#ifdef ORABACKUP_TEST_HOOKS
        const char *value = getenv(name);

        if (value != NULL)
                return atoll(value);
#else
        (void)name;
#endif
        return msec;
}

static int
send_message(ExecMessageType type, int32_t value, int32_t other, const struct iovec *data) {
        ExecHeader header = {.type = type, .value = value, .other = other};
        struct iovec parts[2] = {{.iov_base = &header, .iov_len = sizeof(header)}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1};

        if (data != NULL)
                parts[message.msg_iovlen++] = *data;
        return sendmsg(SOCKET_FD, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void fail(int error, const char *what, const char *name) {
        char text[512];
        struct iovec data = {.iov_base = text};

        snprintf(text, sizeof(text), "%s %.400s", what, name);
        data.iov_len = strlen(text);
        send_message(EXEC_FAILED, error, 0, &data);
        _exit(EXIT_FAILURE);
}

/* 1: a message; 0: nothing there; -1: the daemon is gone or speaks another language. */
static int receive(Message *message) {
        struct iovec parts[2] = {
                {.iov_base = &message->header, .iov_len = sizeof(message->header)},
                {.iov_base = message->data, .iov_len = EXEC_DATA_BYTES},
        };
        struct msghdr received = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = recvmsg(SOCKET_FD, &received, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < (ssize_t)sizeof(message->header) || (received.msg_flags & MSG_TRUNC) != 0)
                return -1;
        message->size = (size_t)n - sizeof(message->header);
        message->data[message->size] = '\0';
        return 1;
}

static void close_fd(int *fd) {
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* --- the program ----------------------------------------------------------------------------- */

/* n strings and NULL, all within the message; *at goes on behind them. */
static char **take_strings(const Message *message, char **at, int32_t n) {
        const char *end = message->data + message->size;
        char **strings;

        if (n < 0 || n > EXEC_DATA_BYTES)
                return NULL;
        strings = calloc((size_t)n + 1, sizeof(*strings));
        for (int32_t i = 0; strings != NULL && i < n; i++) {
                if (*at >= end)
                        return NULL;
                strings[i] = *at;
                *at += strlen(*at) + 1;
        }
        return strings;
}

static void become_program(
        const char *directory, char **argv, char **environment, const int fds[2], int error_fd) {
        struct sigaction by_default = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                sigaction(i, &by_default, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* All three are above 2, as 0 to 3 are taken. Everything else is close-on-exec. */
        if (dup2(fds[0], STDIN_FILENO) >= 0 && dup2(fds[1], STDOUT_FILENO) >= 0 &&
            dup2(fds[1], STDERR_FILENO) >= 0 && chdir(directory) == 0)
                execve(argv[0], argv, environment);
        int error = errno;
        (void)!write(error_fd, &error, sizeof(error));
        _exit(127);
}

static void start_program(Runner *runner) {
        char *at = runner->message.data, *directory = at;
        int input[2], output[2], failure[2], error = 0;
        char **argv, **environment;

        at += strlen(at) + 1;
        argv = take_strings(&runner->message, &at, runner->message.header.value);
        environment = argv != NULL
                              ? take_strings(&runner->message, &at, runner->message.header.other)
                              : NULL;
        if (environment == NULL || argv[0] == NULL)
                fail(EPROTO, "Cannot understand", "the start message");
        if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ||
            pipe2(failure, O_CLOEXEC) < 0)
                fail(errno, "Cannot make pipes for", argv[0]);
        runner->pid = fork();
        if (runner->pid < 0)
                fail(errno, "Cannot make a process for", argv[0]);
        if (runner->pid == 0)
                become_program(
                        directory, argv, environment, (int[2]){input[0], output[1]}, failure[1]);
        close(input[0]);
        close(output[1]);
        close(failure[1]);
        if (read(failure[0], &error, sizeof(error)) == sizeof(error)) {
                waitpid(runner->pid, NULL, 0);
                fail(error,
                     access(directory, X_OK) < 0 ? "Cannot enter" : "Cannot start",
                     access(directory, X_OK) < 0 ? directory : argv[0]);
        }
        close(failure[0]);
        free(argv);
        free(environment);
        fcntl(input[1], F_SETFL, O_NONBLOCK);
        fcntl(output[0], F_SETFL, O_NONBLOCK);
        runner->input = input[1];
        runner->output = output[0];
        send_message(EXEC_STARTED, runner->pid, 0, NULL);
}

static void signal_program(const Runner *runner, int signal_number) {
        if (runner->pid > 0) /* not reaped, so the pid is still its own */
                kill(runner->pid, signal_number);
}

static void reap_program(Runner *runner) {
        int status;

        if (runner->pid <= 0 || waitpid(runner->pid, &status, WNOHANG) != runner->pid)
                return;
        runner->pid = 0;
        runner->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        runner->by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        runner->say_exited = true;
}

/* --- ending it ------------------------------------------------------------------------------- */

static void next_stage(Runner *runner) {
        static const int signals[STAGES] = {SIGINT, SIGTERM, SIGKILL};

        signal_program(runner, signals[runner->stage++]);
        runner->next_stage_msec =
                now_msec() + (runner->stage == 1
                                      ? pause_msec("ORABACKUP_EXEC_TERM_MSEC", EXEC_TERM_MSEC)
                                      : pause_msec("ORABACKUP_EXEC_KILL_MSEC", EXEC_KILL_MSEC));
}

static void begin_ending(Runner *runner) {
        if (runner->stage == 0)
                next_stage(runner);
}

static void lose_daemon(Runner *runner) {
        if (runner->daemon_gone)
                return;
        runner->daemon_gone = true;
        close_fd(&runner->input);
        begin_ending(runner);
}

static int timeout_msec(const Runner *runner) {
        int64_t left = runner->next_stage_msec - now_msec();

        if (runner->stage == 0 || runner->stage == STAGES)
                return -1;
        return left > 0 ? (int)left : 0;
}

/* --- relaying -------------------------------------------------------------------------------- */

static void queue_input(Runner *runner) {
        const Message *message = &runner->message;

        if (message->size > sizeof(runner->queued) - runner->n_queued) {
                lose_daemon(runner); /* beyond the window: no daemon of ours */
                return;
        }
        if (runner->input < 0) {
                runner->taken += (int32_t)message->size;
                return;
        }
        memcpy(runner->queued + runner->n_queued, message->data, message->size);
        runner->n_queued += message->size;
}

static void write_input(Runner *runner) {
        ssize_t n = 0;

        if (runner->input >= 0 && runner->n_queued > 0)
                n = write(runner->input, runner->queued, runner->n_queued);
        if (n < 0 && errno == EPIPE) { /* the program reads no more; what is queued is dropped */
                n = (ssize_t)runner->n_queued;
                close_fd(&runner->input);
        }
        if (n > 0) {
                runner->n_queued -= (size_t)n;
                memmove(runner->queued, runner->queued + n, runner->n_queued);
                explicit_bzero(runner->queued + runner->n_queued, (size_t)n);
                runner->taken += (int32_t)n;
        }
        if (runner->close_input && runner->n_queued == 0)
                close_fd(&runner->input);
}

static void handle_message(Runner *runner) {
        switch (runner->message.header.type) {
        case EXEC_STDIN:
                queue_input(runner);
                break;
        case EXEC_STDIN_CLOSE:
                runner->close_input = true;
                break;
        case EXEC_SIGNAL:
                signal_program(runner, runner->message.header.value);
                break;
        default:
                lose_daemon(runner);
        }
        explicit_bzero(runner->message.data, runner->message.size); /* a password may be in it */
}

static void read_socket(Runner *runner) {
        int r;

        while (!runner->daemon_gone && (r = receive(&runner->message)) != 0) {
                if (r < 0)
                        lose_daemon(runner);
                else
                        handle_message(runner);
        }
}

static void read_output(Runner *runner) {
        ssize_t n;

        if (runner->output < 0 || runner->n_said > 0)
                return;
        n = read(runner->output, runner->said, sizeof(runner->said));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0) {
                runner->n_said = (size_t)n;
                return;
        }
        close_fd(&runner->output);
        runner->say_end = true;
}

/* True: sent, or nobody is there to hear it. */
static bool
said(Runner *runner, ExecMessageType type, int32_t value, int32_t other, const struct iovec *data) {
        int r = runner->daemon_gone ? 0 : send_message(type, value, other, data);

        if (r < 0 && r != -EAGAIN && r != -ENOBUFS)
                lose_daemon(runner);
        return r != -EAGAIN && r != -ENOBUFS;
}

static void speak(Runner *runner) {
        struct iovec output = {.iov_base = runner->said, .iov_len = runner->n_said};

        if (runner->taken > 0 && said(runner, EXEC_STDIN_TAKEN, runner->taken, 0, NULL))
                runner->taken = 0;
        if (runner->n_said > 0 && said(runner, EXEC_OUTPUT, 0, 0, &output))
                runner->n_said = 0;
        if (runner->say_end && runner->n_said == 0 && said(runner, EXEC_OUTPUT_END, 0, 0, NULL))
                runner->say_end = false;
        if (runner->say_exited &&
            said(runner, EXEC_EXITED, runner->status, runner->by_signal, NULL))
                runner->say_exited = false;
}

static bool has_to_speak(const Runner *runner) {
        return runner->taken > 0 || runner->n_said > 0 || runner->say_end || runner->say_exited;
}

/* The daemon closes once it heard both ends; then, or without it, the program's end is ours. */
static bool is_done(const Runner *runner) {
        return runner->pid == 0 && runner->daemon_gone;
}

static void read_signals(Runner *runner) {
        struct signalfd_siginfo info;

        while (read(runner->signals, &info, sizeof(info)) == sizeof(info))
                if (info.ssi_signo != SIGCHLD)
                        begin_ending(runner);
        reap_program(runner);
}

static void turn(Runner *runner) {
        /* With the daemon gone its socket is ready for ever: no longer looked at. */
        struct pollfd fds[] = {
                {.fd = runner->daemon_gone ? -1 : SOCKET_FD,
                 .events = (short)(POLLIN | (has_to_speak(runner) ? POLLOUT : 0))},
                {.fd = runner->signals, .events = POLLIN},
                {.fd = runner->n_said > 0 ? -1 : runner->output, .events = POLLIN},
                {.fd = runner->n_queued > 0 ? runner->input : -1, .events = POLLOUT},
        };

        if (poll(fds, 4, timeout_msec(runner)) < 0 && errno != EINTR)
                exit(EXIT_FAILURE);
        if (fds[0].revents != 0)
                read_socket(runner);
        read_signals(runner);
        write_input(runner);
        read_output(runner);
        speak(runner);
        if (runner->stage > 0 && runner->stage < STAGES && now_msec() >= runner->next_stage_msec)
                next_stage(runner);
}

/* --- coming up ------------------------------------------------------------------------------- */

static int find_socket(int argc, char **argv) {
        const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

        if (argc == 3 && strcmp(argv[1], "--fd") == 0)
                return atoi(argv[2]);
        if (n != NULL && pid != NULL && strcmp(n, "1") == 0 && atoi(pid) == getpid())
                return SOCKET_FD;
        return STDIN_FILENO;
}

/* The socket becomes 3, 0 and 1 /dev/null, nothing is open above. stderr stays: our own last words.
 */
static void arrange_descriptors(int fd) {
        int null = open("/dev/null", O_RDWR);

        if (null < 0 || dup2(fd, SOCKET_FD) < 0 || fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0)
                exit(EXIT_FAILURE);
        if (null == SOCKET_FD) /* the descriptor was free and has just been taken back */
                null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        if (fcntl(STDERR_FILENO, F_GETFD) < 0)
                dup2(null, STDERR_FILENO);
        if (syscall(SYS_close_range, SOCKET_FD + 1, ~0U, 0) < 0)
                for (int i = SOCKET_FD + 1; i < (int)sysconf(_SC_OPEN_MAX); i++)
                        close(i);
}

static int catch_signals(void) {
        sigset_t signals;

        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL); /* ignored, it would reap the program for us */
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        sigprocmask(SIG_SETMASK, &signals, NULL);
        return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool wait_for_start(Runner *runner) {
        struct pollfd fd = {.fd = SOCKET_FD, .events = POLLIN};
        int r;

        do
                if (poll(&fd, 1, -1) < 0 && errno != EINTR)
                        return false;
        while ((r = receive(&runner->message)) == 0);
        return r > 0 && runner->message.header.type == EXEC_START;
}

int main(int argc, char **argv) {
        static Runner runner = {.input = -1, .output = -1};
        int type = 0, fd = find_socket(argc, argv);
        socklen_t size = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
                fprintf(stderr,
                        "orabackup-exec is started by orabackupd or orabackup-exec.socket\n");
                return EXIT_FAILURE;
        }
        if (argc == 3 && fork() != 0)
                _exit(EXIT_SUCCESS); /* spawned: the daemon waits for this one only */
        setsid();
        umask(027);
        arrange_descriptors(fd);
        runner.signals = catch_signals();
        if (runner.signals < 0 || !wait_for_start(&runner))
                return EXIT_FAILURE;
        start_program(&runner);
        while (!is_done(&runner))
                turn(&runner);
        return EXIT_SUCCESS;
}
