/* Fault points. The whole state is the test's directory, so it holds across processes and restarts
 * of the daemon. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/files.h"

#ifdef ORABACKUP_TEST_HOOKS

typedef enum FaultAction { FAULT_NONE, FAULT_CRASH, FAULT_ERROR, FAULT_HOLD } FaultAction;

static char *fault_path(const char *name) {
        const char *directory = getenv("ORABACKUP_FAULTS");

        return directory != NULL && directory[0] != '\0' ? path_join(directory, name) : NULL;
}

static void note_pass(const char *name) {
        CLEANUP(cleanup_free) char *path = fault_path("passed");
        CLEANUP(cleanup_close) int fd = -1;
        char line[128];

        if (path == NULL)
                return;
        snprintf(line, sizeof(line), "%s\n", name);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0)
                (void)write_all(fd, line, strlen(line));
}

static void write_again(const char *path, const char *text) {
        (void)file_write_durably(path, text, strlen(text), 0600, NULL);
}

/* "error N [nth]": counts nth down in the file itself; at the last pass the file goes. */
static int take_error(const char *path, int number, int nth) {
        char text[64];

        if (nth <= 1) {
                unlink(path);
                return -number;
        }
        snprintf(text, sizeof(text), "error %d %d\n", number, nth - 1);
        write_again(path, text);
        return 0;
}

/* "crash [nth]": the same, but the file stays. */
static bool take_crash(const char *path, int nth) {
        char text[64];

        if (nth <= 1)
                return true;
        snprintf(text, sizeof(text), "crash %d\n", nth - 1);
        write_again(path, text);
        return false;
}

static FaultAction fault_read(const char *path, int *ret_number, int *ret_nth) {
        CLEANUP(cleanup_free) char *text = NULL;
        size_t size;

        *ret_nth = 1;
        if (file_read(path, 128, ERROR_INTERNAL, &text, &size, NULL) < 0)
                return FAULT_NONE;
        if (strncmp(text, "crash", 5) == 0) {
                (void)sscanf(text, "crash %d", ret_nth);
                return FAULT_CRASH;
        }
        if (strncmp(text, "hold", 4) == 0)
                return FAULT_HOLD;
        if (sscanf(text, "error %d %d", ret_number, ret_nth) >= 1 && *ret_number > 0)
                return FAULT_ERROR;
        return FAULT_NONE;
}

/* 0, a negative errno or 1: hold. */
static int fault_pass(const char *name) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        CLEANUP(cleanup_free) char *path = fault_path(name);
        int number = 0, nth = 1, r = 0;
        FaultAction action;

        if (path == NULL)
                return 0;
        pthread_mutex_lock(&lock);
        action = fault_read(path, &number, &nth);
        if (action == FAULT_ERROR)
                r = take_error(path, number, nth);
        note_pass(name);
        if (action == FAULT_CRASH && take_crash(path, nth))
                kill(getpid(), SIGKILL);
        pthread_mutex_unlock(&lock);
        return action == FAULT_HOLD ? 1 : r;
}

bool fault_point_is_released(const char *name) {
        CLEANUP(cleanup_free) char *path = fault_path(name);

        return path == NULL || access(path, F_OK) < 0;
}

int fault_point_held(const char *name) {
        return fault_pass(name);
}

int fault_point(const char *name) {
        const struct timespec pause = {.tv_nsec = 2000000};
        int r = fault_pass(name);

        if (r <= 0)
                return r;
        while (!fault_point_is_released(name))
                nanosleep(&pause, NULL);
        return 0;
}

#else
typedef int fault_not_compiled_in; /* ISO C wants a declaration in every file */
#endif
