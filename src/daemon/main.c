/* orabackupd: the process around the daemon: what must hold before anything is read, and what is
 * said when it ends. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "daemon/arguments.h"
#include "daemon/daemon.h"
#include "job/service.h"
#include "stream/age.h"

enum { EXIT_USAGE = 2 };

/* Leak checkers and debuggers need what keeps other processes of this user out of our memory. */
static void hide_memory(void) {
        static const struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
#if !defined(ORABACKUP_TEST_HOOKS) && !defined(__SANITIZE_ADDRESS__)
        prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int set_locale(Error *err) {
        if (setlocale(LC_CTYPE, "C.UTF-8") != NULL || setlocale(LC_CTYPE, "C.utf8") != NULL)
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                0,
                "The locale C.UTF-8 is missing; names of files could not be archived as they are");
}

static int check_user(const Arguments *arguments, Error *err) {
        if (geteuid() != 0 || arguments->allow_root)
                return 0;
        return error_set(
                err,
                ERROR_CONFIG,
                0,
                "orabackupd runs as the owner of the Oracle software, not as root; --allow-root "
                "overrules that");
}

static int run(const Arguments *arguments, Error *err) {
        CLEANUP(cleanup_daemon) Daemon *daemon = NULL;
        int r = set_locale(err);
        if (r >= 0)
                r = check_user(arguments, err);
        if (r >= 0)
                r = age_selftest(err);
        if (r >= 0)
                r = daemon_new(arguments->config, &daemon, err);
        return r < 0 ? r : daemon_run(daemon);
}

static int run_logged(const Arguments *arguments) {
        Error error = {0};
        if (log_start(arguments->log_target, arguments->log_level, &error) < 0) {
                fprintf(stderr, "orabackupd: %s\n", error.message);
                return EXIT_FAILURE;
        }
        int status = run(arguments, &error);
        if (status < 0) {
                log_error(&(LogFields){.error = &error}, "The service cannot start");
                status = EXIT_FAILURE;
        }
        log_stop();
        return status;
}

static int check_config(const Arguments *arguments) {
        static const StringList none = {0};
        Error error = {0};
        Settings *settings = NULL;
        if (settings_load(arguments->config, &none, &settings, &error) < 0) {
                fprintf(stderr, "orabackupd: %s\n", error.message);
                return EXIT_FAILURE;
        }
        if (settings->recipients == NULL)
                fprintf(stderr,
                        "orabackupd: backups would fail: %s\n",
                        settings->recipients_error.message);
        bool ok = settings->recipients != NULL;
        settings_unref(settings);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* One heap for all threads. What moves bytes has the slab, so they seldom meet there; a heap for
 * each would keep what the largest list once took in each of them. */
static void share_one_heap(void) {
        (void)mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv) {
        Arguments arguments;
        Error error = {0};
        if (arguments_parse(argc, argv, &arguments, &error) < 0) {
                fprintf(stderr, "orabackupd: %s (--help shows the options)\n", error.message);
                return EXIT_USAGE;
        }
        umask(027);
        signal(SIGPIPE, SIG_IGN);
        hide_memory();
        share_one_heap();
        switch (arguments.action) {
        case ACTION_RUN:
                return run_logged(&arguments);
        case ACTION_CHECK_CONFIG:
                return check_config(&arguments);
        case ACTION_VERSION:
                puts("orabackupd " ORABACKUP_VERSION);
                return EXIT_SUCCESS;
        case ACTION_HELP:
                fputs(arguments_help(), stdout);
                return EXIT_SUCCESS;
        }
        return EXIT_FAILURE;
}
