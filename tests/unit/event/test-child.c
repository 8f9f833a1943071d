/* event/child.c and orabackup-exec, the real one, whose path is in ORABACKUP_EXEC. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/strings.h"
#include "event/child.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        ChildRunner *runner;
        Child *child;
        char *directory;
        Text seen;      /* "line\n" for each, then how it ended */
        size_t n_bytes; /* of lines, when they are too many to keep */
        bool cut, count_only, stop_at_line, free_at_line;
        int ends;
        pid_t server;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = strdup("/tmp/orabackup-test-child-XXXXXX")};
        *state = &f;
        if (mkdtemp(f.directory) == NULL || loop_new(&f.loop, NULL) < 0)
                return -1;
        setenv("ORABACKUP_EXEC_TERM_MSEC", "50", 1);
        setenv("ORABACKUP_EXEC_KILL_MSEC", "50", 1);
        return child_runner_new(
                f.loop,
                &(ChildRunnerOptions){.program_path = getenv("ORABACKUP_EXEC")},
                &f.runner,
                NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        child_free(f->child);
        child_runner_free(f->runner);
        loop_free(f->loop);
        text_done(&f->seen);
        directory_remove_tree(f->directory, NULL);
        free(f->directory);
        return 0;
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        Fixture *f = userdata;

        assert_int_equal(line[length], '\0');
        f->n_bytes += length;
        f->cut = f->cut || cut;
        if (!f->count_only)
                text_appendf(&f->seen, "%s\n", line);
        if (f->free_at_line)
                f->child = child_free(f->child);
        if (f->stop_at_line)
                loop_stop(f->loop, 0);
}

static void on_exit_of(const ChildExit *how, const Error *err, void *userdata) {
        Fixture *f = userdata;

        f->ends++;
        if (how == NULL) {
                assert_int_equal(err->kind, ERROR_ORACLE);
                text_append(&f->seen, err->message);
        } else if (how->signal != 0)
                text_appendf(&f->seen, "signal %d", how->signal);
        else
                text_appendf(&f->seen, "exit %d", how->status);
        f->child = child_free(f->child);
        loop_stop(f->loop, 0);
}

static int start(Fixture *f, const char *const *argv, const char *directory, Error *err) {
        static const char *const environment[] = {"PATH=/usr/bin:/bin", "ORACLE_SID=ORCL", NULL};
        const ChildOptions options = {
                .argv = argv,
                .environment = environment,
                .directory = directory,
                .on_line = on_line,
                .on_exit = on_exit_of,
                .userdata = f,
        };

        return child_start(f->runner, &options, &f->child, err);
}

static void start_shell(Fixture *f, const char *script) {
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        Error err = {0};

        if (start(f, argv, f->directory, &err) < 0)
                fail_msg("%s", err.message);
}

static void assert_shell_gives(Fixture *f, const char *script, const char *expected) {
        start_shell(f, script);
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), expected);
        assert_int_equal(f->ends, 1);
}

static void output_and_errors_are_one_stream_of_lines(void **state) {
        assert_shell_gives(
                *state,
                "echo one; echo two >&2; echo; printf three; exit 3",
                "one\ntwo\n\nthree\nexit 3");
}

static void the_program_gets_its_environment_and_nothing_else(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) char *expected = NULL;

        expected = string_printf(
                "ORACLE_SID=ORCL\nPATH=/usr/bin:/bin\n%s\n0027\n0 1 2 3\nexit 0", f->directory);
        /* 3 is the directory that ls itself reads; PWD and _ are the shell's. */
        assert_shell_gives(
                f,
                "env | grep -v -e ^PWD -e ^_= | sort; pwd; umask; echo $(ls /proc/self/fd)",
                expected);
}

static void signals_are_as_for_a_program_of_a_shell(void **state) {
        assert_shell_gives(
                *state,
                "sed -n 's/SigBlk:.*\\(........\\)$/\\1/p' /proc/self/status;"
                "ignored=$(sed -n 's/SigIgn:.*\\(........\\)$/\\1/p' /proc/self/status);"
                "echo $((0x$ignored & 0x7fffffff))", /* 32 and 33 are the C library's own */
                "00000000\n0\nexit 0");
}

static void input_is_written_and_closed(void **state) {
        Fixture *f = *state;

        start_shell(f, "cat; echo end");
        assert_int_equal(child_write(f->child, "connect /\n", 10, NULL), 0);
        assert_true(child_has_input_queued(f->child));
        assert_int_equal(child_write(f->child, "exit\n", 5, NULL), 0);
        assert_int_equal(child_close_input(f->child, NULL), 0);
        assert_int_equal(child_write(f->child, "x", 1, NULL), -EPIPE);
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "connect /\nexit\nend\nexit 0");
}

static void much_input_and_output_flow_at_once(void **state) {
        enum { LINE = 1000, LINES = 1000 };
        Fixture *f = *state;
        char line[LINE];

        f->count_only = true;
        start_shell(f, "cat");
        memset(line, 'x', LINE);
        line[LINE - 1] = '\n';
        for (int i = 0; i < LINES; i++)
                assert_int_equal(child_write(f->child, line, LINE, NULL), 0);
        assert_int_equal(child_close_input(f->child, NULL), 0);
        loop_run(f->loop);
        assert_int_equal(f->n_bytes, (LINE - 1) * LINES);
        assert_string_equal(text_get(&f->seen), "exit 0");
}

static void the_queue_of_input_is_bounded(void **state) {
        char *large = calloc(1, LIMIT_CHILD_STDIN_BYTES + 1);
        Fixture *f = *state;
        Error err = {0};

        start_shell(f, "read x");
        assert_int_equal(child_write(f->child, large, LIMIT_CHILD_STDIN_BYTES + 1, &err), -ENOBUFS);
        assert_int_equal(child_write(f->child, large, LIMIT_CHILD_STDIN_BYTES, &err), 0);
        assert_int_equal(child_write(f->child, "", 1, &err), -ENOBUFS);
        free(large);
}

static void input_that_nobody_reads_does_not_hinder_the_end(void **state) {
        char *large = calloc(1, LIMIT_CHILD_STDIN_BYTES);
        Fixture *f = *state;

        start_shell(f, "echo bye");
        assert_int_equal(child_write(f->child, large, LIMIT_CHILD_STDIN_BYTES, NULL), 0);
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "bye\nexit 0");
        free(large);
}

static void a_line_has_a_limit(void **state) {
        Fixture *f = *state;

        f->count_only = true;
        assert_shell_gives(f, "head -c 32768 /dev/zero | tr '\\0' x; echo; echo y", "exit 0");
        assert_int_equal(f->n_bytes, LIMIT_CHILD_LINE_BYTES + 1);
        assert_false(f->cut);
        f->n_bytes = 0;
        f->ends = 0;
        text_clear(&f->seen);
        assert_shell_gives(f, "head -c 40000 /dev/zero | tr '\\0' x; echo; echo y", "exit 0");
        assert_int_equal(f->n_bytes, LIMIT_CHILD_LINE_BYTES + 1);
        assert_true(f->cut);
}

/* Trap: a child has ended when it is reaped AND its output is at EOF. */
static void what_a_grandchild_prints_after_the_exit_comes_before_the_end(void **state) {
        assert_shell_gives(*state, "(sleep 0.1; echo late) & exit 3", "late\nexit 3");
}

static void closed_output_is_not_the_end(void **state) {
        assert_shell_gives(*state, "echo x; exec >&- 2>&-; sleep 0.1; exit 4", "x\nexit 4");
}

static void a_signal_reaches_the_program_and_is_reported(void **state) {
        Fixture *f = *state;

        f->stop_at_line = true;
        start_shell(f, "echo ready; exec sleep 1000");
        loop_run(f->loop);
        assert_int_equal(child_signal(f->child, SIGTERM, NULL), 0);
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "ready\nsignal 15");
}

static void a_program_that_is_not_there_is_named(void **state) {
        const char *const argv[] = {"/nonexistent/rman", NULL};
        Fixture *f = *state;

        assert_int_equal(start(f, argv, "/", NULL), 0);
        loop_run(f->loop);
        assert_string_equal(
                text_get(&f->seen),
                "/nonexistent/rman: Cannot start /nonexistent/rman: No such file or directory");
}

static void a_directory_that_is_not_there_is_named(void **state) {
        const char *const argv[] = {"/bin/true", NULL};
        Fixture *f = *state;

        assert_int_equal(start(f, argv, "/nonexistent", NULL), 0);
        loop_run(f->loop);
        assert_string_equal(
                text_get(&f->seen),
                "/bin/true: Cannot enter /nonexistent: No such file or directory");
}

static void too_large_a_start_is_refused(void **state) {
        CLEANUP(cleanup_free) char *large = malloc(70001);
        const char *const argv[] = {"/bin/true", large, NULL};
        Fixture *f = *state;
        Error err = {0};

        memset(large, 'x', 70000);
        large[70000] = '\0';
        assert_int_equal(start(f, argv, "/", &err), -E2BIG);
        assert_null(f->child);
}

static void a_runner_that_dies_is_noticed(void **state) {
        Fixture *f = *state;

        f->stop_at_line = true;
        start_shell(f, "echo $PPID; trap '' INT; read x");
        loop_run(f->loop);
        pid_t server = atoi(text_get(&f->seen));
        assert_true(server > 1); /* 0 would be everybody in this process group */
        assert_int_equal(kill(server, SIGKILL), 0);
        text_clear(&f->seen);
        loop_run(f->loop);
        assert_string_equal(
                text_get(&f->seen), "Lost: the runner of /bin/sh: Connection reset by peer");
}

static void a_runner_that_is_not_there_is_named(void **state) {
        Fixture *f = *state;

        child_runner_free(f->runner);
        assert_int_equal(
                child_runner_new(
                        f->loop,
                        &(ChildRunnerOptions){.program_path = "/nonexistent"},
                        &f->runner,
                        NULL),
                0);
        start_shell(f, "true");
        loop_run(f->loop);
        assert_string_equal(
                text_get(&f->seen),
                "/bin/sh: cannot start the child runner /nonexistent: No such file or directory");
}

static char *fifo(const Fixture *f, const char *name) {
        char *path = path_join(f->directory, name);

        assert_int_equal(mkfifo(path, 0600), 0);
        return path;
}

/* Until nobody holds the writing end. */
static void assert_fifo_gives(int fd, const char *expected) {
        CLEANUP(text_done) Text text = TEXT_INIT;
        char bytes[256];
        ssize_t n;

        fcntl(fd, F_SETFL, 0);
        while ((n = read(fd, bytes, sizeof(bytes))) > 0)
                text_append_bytes(&text, bytes, (size_t)n);
        assert_string_equal(text_get(&text), expected);
        close(fd);
}

static void the_program_ends_with_its_owner(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free) char *path = fifo(f, "f");
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        f->stop_at_line = true;
        start_shell(
                f,
                "exec 9>f; trap 'echo INT >&9' INT; trap 'echo TERM >&9' TERM; echo ready;"
                "while :; do sleep 0.01 9>&-; done");
        loop_run(f->loop);
        f->child = child_free(f->child);
        assert_fifo_gives(fd, "INT\nTERM\n"); /* and EOF by SIGKILL */
        assert_int_equal(f->ends, 0);
}

static void a_child_that_was_freed_before_it_began_ends_too(void **state) {
        Fixture *f = *state;

        start_shell(f, "exec sleep 1000");
        f->child = child_free(f->child);
        start_shell(f, "echo next");
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "next\nexit 0");
}

static void what_the_program_started_is_left_alone(void **state) {
        Fixture *f = *state;
        CLEANUP(cleanup_free)
        char *in = fifo(f, "in"), *out = fifo(f, "out"), *end = fifo(f, "end");
        int out_fd = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        int end_fd = open(end, O_RDONLY | O_NONBLOCK | O_CLOEXEC), in_fd;

        f->stop_at_line = true;
        start_shell(f, "cat >out <in 2>&- & exec 9>end; echo ready; exec sleep 1000 2>&-");
        loop_run(f->loop);
        f->child = child_free(f->child);
        assert_fifo_gives(end_fd, ""); /* the program itself is gone */
        in_fd = open(in, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write_all(in_fd, "alive", 5), 0);
        close(in_fd);
        assert_fifo_gives(out_fd, "alive");
}

static void a_child_may_be_freed_by_its_own_line(void **state) {
        Fixture *f = *state;

        f->stop_at_line = f->free_at_line = true;
        start_shell(f, "echo one; echo two; echo three; read x");
        loop_run(f->loop);
        assert_null(f->child);
        assert_string_equal(text_get(&f->seen), "one\n");
}

/* What systemd does for each connection: with the socket as standard input, or as descriptor 3. */
static void serve_once(Fixture *f, int listener, bool as_stdin) {
        f->server = fork();
        if (f->server != 0)
                return;
        int fd = accept(listener, NULL, NULL);
        char pid[16];

        if (as_stdin) {
                dup2(fd, STDIN_FILENO);
                dup2(fd, STDOUT_FILENO);
        } else {
                dup2(fd, 3);
                snprintf(pid, sizeof(pid), "%d", (int)getpid());
                setenv("LISTEN_FDS", "1", 1);
                setenv("LISTEN_PID", pid, 1);
        }
        execl(getenv("ORABACKUP_EXEC"), "orabackup-exec", NULL);
        _exit(127);
}

static void assert_works_through_a_socket(void **state, bool as_stdin) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;
        Fixture *f = *state;

        snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/socket", f->directory);
        child_runner_free(f->runner);
        assert_int_equal(
                child_runner_new(
                        f->loop,
                        &(ChildRunnerOptions){.socket_path = address.sun_path},
                        &f->runner,
                        NULL),
                0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        serve_once(f, listener, as_stdin);
        start_shell(f, "read x; echo $x $LISTEN_FDS; ls /proc/self/fd");
        assert_int_equal(child_write(f->child, "hello\n", 6, NULL), 0);
        loop_run(f->loop);
        assert_string_equal(text_get(&f->seen), "hello\n0\n1\n2\n3\nexit 0");
        assert_int_equal(waitpid(f->server, &status, 0), f->server);
        assert_int_equal(status, 0); /* the runner ends when it was heard */
        close(listener);
}

static void a_runner_may_have_its_socket_as_standard_input(void **state) {
        assert_works_through_a_socket(state, true);
}

static void a_runner_may_have_its_socket_as_descriptor_3(void **state) {
        assert_works_through_a_socket(state, false);
}

static void a_socket_nobody_listens_at_is_named(void **state) {
        const char *const argv[] = {"/bin/true", NULL};
        Fixture *f = *state;
        Error err = {0};

        child_runner_free(f->runner);
        assert_int_equal(
                child_runner_new(
                        f->loop,
                        &(ChildRunnerOptions){.socket_path = "/nonexistent/socket"},
                        &f->runner,
                        NULL),
                0);
        assert_int_equal(start(f, argv, "/", &err), -ENOENT);
        assert_string_equal(
                err.message,
                "/bin/true: cannot reach the child runner at /nonexistent/socket: "
                "No such file or directory");
}

static void a_runner_without_a_socket_says_who_starts_it(void **state) {
        CLEANUP(cleanup_free)
        char *command = string_printf("%s </dev/null 2>/dev/null", getenv("ORABACKUP_EXEC"));

        assert_int_equal(WEXITSTATUS(system(command)), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(output_and_errors_are_one_stream_of_lines),
                TEST(the_program_gets_its_environment_and_nothing_else),
                TEST(signals_are_as_for_a_program_of_a_shell),
                TEST(input_is_written_and_closed),
                TEST(much_input_and_output_flow_at_once),
                TEST(the_queue_of_input_is_bounded),
                TEST(input_that_nobody_reads_does_not_hinder_the_end),
                TEST(a_line_has_a_limit),
                TEST(what_a_grandchild_prints_after_the_exit_comes_before_the_end),
                TEST(closed_output_is_not_the_end),
                TEST(a_signal_reaches_the_program_and_is_reported),
                TEST(a_program_that_is_not_there_is_named),
                TEST(a_directory_that_is_not_there_is_named),
                TEST(too_large_a_start_is_refused),
                TEST(a_runner_that_dies_is_noticed),
                TEST(a_runner_that_is_not_there_is_named),
                TEST(the_program_ends_with_its_owner),
                TEST(a_child_that_was_freed_before_it_began_ends_too),
                TEST(what_the_program_started_is_left_alone),
                TEST(a_child_may_be_freed_by_its_own_line),
                TEST(a_runner_may_have_its_socket_as_standard_input),
                TEST(a_runner_may_have_its_socket_as_descriptor_3),
                TEST(a_socket_nobody_listens_at_is_named),
                TEST(a_runner_without_a_socket_says_who_starts_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
