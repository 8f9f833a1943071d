/* event/notify.c, with a socket that stands for systemd's. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/strings.h"
#include "event/notify.h"
#include "event/timer.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        Notifier *notifier;
        int fd;
        int asked;
} Fixture;

static bool is_healthy(void *userdata) {
        Fixture *f = userdata;

        f->asked++;
        if (f->asked == 4)
                loop_stop(f->loop, 0);
        return f->asked != 2 && f->asked != 4;
}

static int setup(void **state) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        static Fixture f;
        char name[64];

        f = (Fixture){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        *state = &f;
        snprintf(name, sizeof(name), "@orabackup-test-notify-%d", (int)getpid());
        memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
        if (bind(f.fd,
                 (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) < 0)
                return -1;
        setenv("NOTIFY_SOCKET", name, 1);
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        return loop_new(&f.loop, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        notifier_free(f->notifier);
        loop_free(f->loop);
        close(f->fd);
        return 0;
}

static void assert_told(const Fixture *f, const char *text) {
        char message[1024] = "";
        ssize_t n = recv(f->fd, message, sizeof(message) - 1, 0);

        assert_true(n > 0);
        assert_string_equal(message, text);
}

static void assert_told_nothing(const Fixture *f) {
        char message[8];

        assert_int_equal(recv(f->fd, message, sizeof(message), 0), -1);
}

static void systemd_is_told_what_we_do(void **state) {
        Fixture *f = *state;
        char message[128] = "";

        assert_int_equal(notifier_new(f->loop, is_healthy, f, &f->notifier, NULL), 0);
        notifier_ready(f->notifier);
        assert_told(f, "READY=1");
        notifier_status(f->notifier, "Job %d\nREADY=0", 3);
        assert_told(f, "STATUS=Job 3 READY=0");
        notifier_reloading(f->notifier);
        assert_true(recv(f->fd, message, sizeof(message) - 1, 0) > 0);
        assert_true(string_starts_with(message, "RELOADING=1\nMONOTONIC_USEC="));
        notifier_stopping(f->notifier);
        assert_told(f, "STOPPING=1");
        assert_int_equal(f->asked, 0);
}

static void the_watchdog_is_fed_only_while_healthy(void **state) {
        Fixture *f = *state;
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("WATCHDOG_USEC", "10000", 1);
        setenv("WATCHDOG_PID", pid, 1);
        assert_int_equal(notifier_new(f->loop, is_healthy, f, &f->notifier, NULL), 0);
        loop_run(f->loop);
        assert_int_equal(f->asked, 4);
        assert_told(f, "WATCHDOG=1");
        assert_told(f, "WATCHDOG=1");
        assert_told_nothing(f);
}

static void without_a_socket_nothing_is_said(void **state) {
        Fixture *f = *state;

        unsetenv("NOTIFY_SOCKET");
        assert_int_equal(notifier_new(f->loop, is_healthy, f, &f->notifier, NULL), 0);
        notifier_ready(f->notifier);
        assert_told_nothing(f);
        assert_null(notifier_free(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(systemd_is_told_what_we_do),
                TEST(the_watchdog_is_fed_only_while_healthy),
                TEST(without_a_socket_nothing_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
