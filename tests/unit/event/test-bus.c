/* event/bus.c against a dbus-daemon of the test's own. Two of hacking.md's traps are named here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/strings.h"
#include "event/bus.h"
#include "event/timer.h"
#include "unit/test.h"

typedef struct Fixture {
        Loop *loop;
        char *directory, *address;
        pid_t daemon;
        sd_bus *service, *client;
        BusPump *service_pump, *client_pump;
        int calls, replies, lost;
        bool frees_pump, silent;
        int reply_errno;
} Fixture;

static const char config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
        "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
        "<busconfig><type>session</type><listen>unix:path=%s/bus</listen>"
        "<policy context=\"default\"><allow send_destination=\"*\"/>"
        "<allow receive_sender=\"*\"/><allow own=\"*\"/></policy>"
        "</busconfig>";

static int start_daemon(Fixture *f) {
        CLEANUP(cleanup_free) char *path = path_join(f->directory, "bus.conf");
        CLEANUP(cleanup_free) char *text = string_printf(config, f->directory);
        CLEANUP(cleanup_free) char *option = string_printf("--config-file=%s", path);
        char byte;
        int ready[2];

        if (file_write_durably(path, text, strlen(text), 0600, NULL) < 0 || pipe(ready) < 0)
                return -1;
        f->daemon = fork();
        if (f->daemon == 0) {
                char address_fd[40];

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(ready[0]);
                dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                snprintf(address_fd, sizeof(address_fd), "--print-address=%d", ready[1]);
                execlp("dbus-daemon", "dbus-daemon", option, "--nofork", address_fd, NULL);
                _exit(127);
        }
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
                return -1;
        close(ready[0]);
        f->address = string_printf("unix:path=%s/bus", f->directory);
        return 0;
}

static void end_daemon(Fixture *f) {
        if (f->daemon <= 0)
                return;
        kill(f->daemon, SIGKILL);
        waitpid(f->daemon, NULL, 0);
        f->daemon = 0;
}

static sd_bus *connect_to(const Fixture *f) {
        sd_bus *bus = NULL;

        assert_int_equal(sd_bus_new(&bus), 0);
        assert_true(sd_bus_set_address(bus, f->address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        return bus;
}

static void on_lost(const Error *err, void *userdata) {
        Fixture *f = userdata;

        assert_non_null(strstr(err->message, "The connection to the bus is lost"));
        f->lost++;
        loop_stop(f->loop, 0);
}

static int on_method(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;
        int r;

        f->calls++;
        if (f->silent)
                return 1;
        r = sd_bus_reply_method_return(m, "s", "pong");
        if (f->frees_pump)
                f->service_pump = bus_pump_free(f->service_pump);
        return r;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Ping", "", "s", on_method, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = strdup("/tmp/orabackup-test-bus-XXXXXX")};
        *state = &f;
        if (mkdtemp(f.directory) == NULL || start_daemon(&f) < 0 || loop_new(&f.loop, NULL) < 0)
                return -1;
        f.service = connect_to(&f);
        f.client = connect_to(&f);
        if (sd_bus_request_name(f.service, "org.example.Test", 0) < 0 ||
            sd_bus_add_object_vtable(f.service, NULL, "/o", "org.example.Test", vtable, &f) < 0)
                return -1;
        if (bus_pump_new(f.loop, f.service, on_lost, &f, &f.service_pump, NULL) < 0)
                return -1;
        return bus_pump_new(f.loop, f.client, on_lost, &f, &f.client_pump, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        bus_pump_free(f->service_pump);
        bus_pump_free(f->client_pump);
        sd_bus_close_unref(f->service);
        sd_bus_close_unref(f->client);
        end_daemon(f);
        loop_free(f->loop);
        directory_remove_tree(f->directory, NULL);
        free(f->directory);
        free(f->address);
        return 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        f->replies++;
        f->reply_errno = sd_bus_message_get_errno(m);
        loop_stop(f->loop, 0);
        return 0;
}

static int ping(Fixture *f, uint64_t timeout_usec) {
        CLEANUP(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(
                f->client, &m, "org.example.Test", "/o", "org.example.Test", "Ping");

        return r < 0 ? r : sd_bus_call_async(f->client, NULL, m, on_reply, f, timeout_usec);
}

static void a_call_is_answered(void **state) {
        Fixture *f = *state;

        assert_true(ping(f, 0) >= 0);
        loop_run(f->loop);
        assert_int_equal(f->calls, 1);
        assert_int_equal(f->replies, 1);
        assert_int_equal(f->reply_errno, 0);
}

static void ping_shortly(void *userdata) {
        Fixture *f = userdata;

        assert_true(ping(f, 50000) >= 0);
}

/* Trap: events and deadline are asked for again before each poll; a past deadline is now. The call
 * is made from a timer, when the pump had asked already, and nothing else wakes the loop. */
static void a_deadline_set_meanwhile_is_seen_before_the_next_poll(void **state) {
        Fixture *f = *state;
        uint64_t began = clock_monotonic_usec();
        Timer *timer;

        f->silent = true;
        assert_int_equal(timer_new(f->loop, ping_shortly, f, &timer, NULL), 0);
        timer_arm(timer, 20);
        loop_run(f->loop);
        timer_free(timer);
        assert_int_equal(f->reply_errno, ETIMEDOUT);
        assert_in_range(clock_monotonic_usec() - began, 69000, 5000000);
}

static void be_late(void *userdata) {
        Fixture *f = userdata;
        uint64_t until;

        assert_true(ping(f, 1000) >= 0);
        until = clock_monotonic_usec() + 10000;
        while (clock_monotonic_usec() < until)
                ;
}

static void a_past_deadline_is_now(void **state) {
        Fixture *f = *state;
        Timer *timer;

        f->silent = true;
        assert_int_equal(timer_new(f->loop, be_late, f, &timer, NULL), 0);
        timer_arm(timer, 0);
        loop_run(f->loop);
        timer_free(timer);
        assert_int_equal(f->reply_errno, ETIMEDOUT);
}

/* Trap: sd_bus_process is not called from within a handler, not even when that frees the pump. */
static void the_pump_may_be_freed_by_a_handler(void **state) {
        Fixture *f = *state;

        f->frees_pump = true;
        assert_true(ping(f, 0) >= 0);
        loop_run(f->loop);
        assert_null(f->service_pump);
        assert_int_equal(f->replies, 1);
}

static void a_lost_bus_is_said_once(void **state) {
        Fixture *f = *state;

        f->service_pump = bus_pump_free(f->service_pump);
        assert_true(ping(f, 0) >= 0);
        end_daemon(f);
        while (f->lost == 0)
                loop_run(f->loop);
        assert_int_equal(f->lost, 1);
}

/* A daemon that does not read must not keep us from ending. */
static void the_last_flush_is_bounded(void **state) {
        Fixture *f = *state;
        uint64_t queued = 0, began;
        char *large = malloc(100001);

        memset(large, 'x', 100000);
        large[100000] = '\0';
        assert_true(ping(f, 0) >= 0);
        loop_run(f->loop);
        kill(f->daemon, SIGSTOP);
        for (int i = 0; i < 200 && queued < 5; i++) {
                assert_true(
                        sd_bus_emit_signal(
                                f->client, "/o", "org.example.Test", "Large", "s", large) >= 0);
                assert_true(sd_bus_get_n_queued_write(f->client, &queued) >= 0);
        }
        assert_true(queued >= 5);
        began = clock_monotonic_usec();
        f->client_pump = bus_pump_free(f->client_pump);
        assert_in_range(clock_monotonic_usec() - began, 900000, 3000000);
        free(large);
}

static void a_bus_that_is_not_connected_is_refused(void **state) {
        Fixture *f = *state;
        BusPump *pump = NULL;
        sd_bus *bus = NULL;
        Error err = {0};

        assert_int_equal(sd_bus_new(&bus), 0);
        assert_true(bus_pump_new(f->loop, bus, on_lost, f, &pump, &err) < 0);
        assert_null(pump);
        sd_bus_unref(bus);
        assert_null(bus_pump_free(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_call_is_answered),
                TEST(a_deadline_set_meanwhile_is_seen_before_the_next_poll),
                TEST(a_past_deadline_is_now),
                TEST(the_pump_may_be_freed_by_a_handler),
                TEST(a_lost_bus_is_said_once),
                TEST(the_last_flush_is_bounded),
                TEST(a_bus_that_is_not_connected_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
