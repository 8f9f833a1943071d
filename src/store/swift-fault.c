/* Where a test makes a call of the store fail, hold or crash (base/fault.h): the same names as the
 * directory driver's. A point may hold, so a worker passes it; a failure there is one of the store
 * that passes. Nothing of this is in other builds. */
#include <errno.h>

#include "store/swift-internal.h"

#ifdef ORABACKUP_TEST_HOOKS

#include <string.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/random.h"
#include "base/strings.h"

typedef struct SwiftPause {
        SwiftCall *call; /* NULL: cancelled */
        Work *work;
        Timer *timer;
        char point[64];
        int r;
        void (*passed)(SwiftCall *call, const Error *err);
        void (*waited)(SwiftCall *call);
} SwiftPause;

static const char *const points[_STORE_OPERATION_MAX] = {
        [STORE_OPEN] = "store-open",
        [STORE_GET_OBJECT] = "store-get-object",
        [STORE_REMOVE_OBJECT] = "store-remove-object",
        [STORE_STAT_OBJECT] = "store-stat-object",
        [STORE_LIST] = "store-list",
        [STORE_PUT_SEGMENT] = "store-put-segment",
        [STORE_GET_SEGMENT] = "store-get-segment",
        [STORE_STAT_SEGMENT] = "store-stat-segment",
        [STORE_REMOVE_SEGMENTS] = "store-remove-segments",
        [STORE_COMMIT] = "store-commit",
        [STORE_REMOVE_LARGE_OBJECT] = "store-remove-large-object",
        [STORE_SPACE] = "store-space",
};

static void pause_run(void *userdata) {
        SwiftPause *pause = userdata;
        pause->r = fault_point(pause->point);
}

static void pause_done(void *userdata) {
        SwiftPause *pause = userdata;
        SwiftCall *call = pause->call;
        Error error = {0};
        if (pause->r < 0)
                (void)error_set_errno(
                        &error, ERROR_STORE_UNAVAILABLE, pause->r, "%s", pause->point);
        pause->work = NULL;
        call->pause = NULL;
        pause->passed(call, pause->r < 0 ? &error : NULL);
}

static void pause_release(void *userdata) {
        SwiftPause *pause = userdata;
        timer_free(pause->timer);
        free(pause);
}

int swift_fault_pass(
        SwiftCall *call,
        const char *suffix,
        void (*passed)(SwiftCall *call, const Error *err),
        Error *err) {
        static const WorkFunctions functions = {pause_run, pause_done, pause_release};
        const char *point = points[call->asked.type];
        if (getenv("ORABACKUP_FAULTS") == NULL)
                return 1;
        SwiftPause *pause = calloc(1, sizeof(*pause));
        if (pause == NULL)
                return error_oom(err);
        pause->call = call;
        pause->passed = passed;
        (void)snprintf(
                pause->point,
                sizeof(pause->point),
                "%s%s",
                point != NULL ? point : store_put_fault_point(call->asked.name),
                suffix);
        int r = work_start(call->store->workers, &functions, pause, &pause->work, err);
        if (r < 0) {
                free(pause);
                return r;
        }
        call->pause = pause;
        return 0;
}

static void on_timer(void *userdata) {
        SwiftPause *pause = userdata;
        SwiftCall *call = pause->call;
        void (*waited)(SwiftCall *) = pause->waited;
        call->pause = NULL;
        pause_release(pause);
        waited(call);
}

int swift_fault_wait(SwiftCall *call, void (*waited)(SwiftCall *call), Error *err) {
        enum { PAUSE_MSEC = 250 };
        SwiftPause *pause = calloc(1, sizeof(*pause));
        if (pause == NULL)
                return error_oom(err);
        pause->call = call;
        pause->waited = waited;
        int r = timer_new(call->store->loop, on_timer, pause, &pause->timer, err);
        if (r < 0) {
                free(pause);
                return r;
        }
        timer_arm(pause->timer, PAUSE_MSEC + random_below(PAUSE_MSEC));
        call->pause = pause;
        return 0;
}

void swift_fault_cancel(SwiftCall *call) {
        SwiftPause *pause = call->pause;
        call->pause = NULL;
        if (pause == NULL)
                return;
        pause->call = NULL;
        if (pause->work != NULL)
                work_cancel(pause->work); /* may release the pause */
        else
                pause_release(pause);
}

#else

int swift_fault_pass(
        SwiftCall *call,
        const char *suffix,
        void (*passed)(SwiftCall *call, const Error *err),
        Error *err) {
        return 1;
}

int swift_fault_wait(SwiftCall *call, void (*waited)(SwiftCall *call), Error *err) {
        return error_set(err, ERROR_INTERNAL, -ENOSYS, "There are no fault points in this build");
}

void swift_fault_cancel(SwiftCall *call) {
}

#endif
