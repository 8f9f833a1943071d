/* Where an Oracle home keeps its changing files: a read-only home (18c and later) has them below
 * $ORACLE_BASE, and says so through orabaseconfig and orabasehome. A home without these programs
 * keeps them within itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "event/timer.h"
#include "oracle/oracle.h"
#include "oracle/program.h"

enum { LOCATE_CONFIG, LOCATE_HOME, LOCATE_N };
static const char *const programs[LOCATE_N] = {
        [LOCATE_CONFIG] = "orabaseconfig", [LOCATE_HOME] = "orabasehome"};
static const char *const below[LOCATE_N] = {
        [LOCATE_CONFIG] = "dbs", [LOCATE_HOME] = "network/admin"};

/* What a worker looks at; outlives the OracleLocate when that is freed early. */
typedef struct LocateProbe {
        OracleLocate *locate;
        char *oracle_home;
        bool exists[LOCATE_N];
} LocateProbe;

struct OracleLocate {
        const Oracle *oracle;
        OracleDatabase *database;
        void (*on_done)(int r, const Error *err, void *userdata);
        void *userdata;
        Work *work;
        Child *child;
        Timer *timer;
        unsigned next; /* the program that runs or comes next */
        bool exists[LOCATE_N];
        char *directory[LOCATE_N];
        char *answer; /* of the running program: its only line */
        bool spoilt;  /* more than one line, or one that is cut */
};

static void locate_next(OracleLocate *locate);

static void locate_finish(OracleLocate *locate, const Error *err) {
        timer_disarm(locate->timer);
        locate->on_done(err != NULL ? err->r : 0, err, locate->userdata);
}

static void locate_deliver(OracleLocate *locate) {
        free(locate->database->dbs_dir);
        free(locate->database->network_dir);
        locate->database->dbs_dir = TAKE_PTR(locate->directory[LOCATE_CONFIG]);
        locate->database->network_dir = TAKE_PTR(locate->directory[LOCATE_HOME]);
        locate_finish(locate, NULL);
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        OracleLocate *locate = userdata;
        if (length == 0)
                return;
        locate->spoilt = locate->spoilt || cut || locate->answer != NULL;
        if (!locate->spoilt)
                locate->answer = strndup(line, length);
}

static int locate_take_answer(OracleLocate *locate, const ChildExit *exit, Error *err) {
        CLEANUP(cleanup_free) char *answer = TAKE_PTR(locate->answer);
        const char *program = programs[locate->next];
        if (exit->status != 0 || locate->spoilt || answer == NULL || !path_is_clean(answer))
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EBADMSG,
                        "%s/bin/%s did not answer with a directory (exit status %d); run it as "
                        "this user to see why",
                        locate->database->oracle_home,
                        program,
                        exit->status);
        locate->directory[locate->next] = string_printf("%s/%s", answer, below[locate->next]);
        return locate->directory[locate->next] != NULL ? 0 : error_oom(err);
}

static void on_exit_of_program(const ChildExit *exit, const Error *err, void *userdata) {
        OracleLocate *locate = userdata;
        Error error = {0};
        locate->child = child_free(locate->child);
        if (exit == NULL) {
                error = *err;
                locate_finish(locate, &error);
                return;
        }
        if (locate_take_answer(locate, exit, &error) < 0) {
                locate_finish(locate, &error);
                return;
        }
        locate->next++;
        locate_next(locate);
}

static int locate_run(OracleLocate *locate, Error *err) {
        timer_arm(
                locate->timer,
                locate->oracle->sql_timeout_msec != 0 ? locate->oracle->sql_timeout_msec
                                                      : ORACLE_SQL_TIMEOUT_MSEC);
        return program_start(
                locate->oracle,
                &(ProgramOptions){
                        .database = locate->database,
                        .name = programs[locate->next],
                        .on_line = on_line,
                        .on_exit = on_exit_of_program,
                        .userdata = locate,
                },
                &locate->child,
                err);
}

static int locate_fall_back(OracleLocate *locate, Error *err) {
        locate->directory[locate->next] =
                string_printf("%s/%s", locate->database->oracle_home, below[locate->next]);
        return locate->directory[locate->next] != NULL ? 0 : error_oom(err);
}

static void locate_next(OracleLocate *locate) {
        Error error = {0};
        int r = 0;
        for (; r >= 0 && locate->next < LOCATE_N && !locate->exists[locate->next]; locate->next++)
                r = locate_fall_back(locate, &error);
        if (r >= 0 && locate->next == LOCATE_N) {
                locate_deliver(locate);
                return;
        }
        if (r >= 0)
                r = locate_run(locate, &error);
        if (r < 0)
                locate_finish(locate, &error);
}

static void on_timeout(void *userdata) {
        OracleLocate *locate = userdata;
        Error error = {0};
        locate->child = child_free(locate->child);
        error_set(
                &error,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "%s/bin/%s did not answer in time",
                locate->database->oracle_home,
                programs[locate->next < LOCATE_N ? locate->next : LOCATE_CONFIG]);
        locate_finish(locate, &error);
}

static void probe_run(void *userdata) {
        LocateProbe *probe = userdata;
        for (unsigned i = 0; i < LOCATE_N; i++) {
                CLEANUP(cleanup_free)
                char *path = string_printf("%s/bin/%s", probe->oracle_home, programs[i]);
                probe->exists[i] = path != NULL && access(path, X_OK) == 0;
        }
}

static void probe_done(void *userdata) {
        const LocateProbe *probe = userdata;
        OracleLocate *locate = probe->locate;
        locate->work = NULL;
        memcpy(locate->exists, probe->exists, sizeof locate->exists);
        locate_next(locate);
}

static void probe_release(void *userdata) {
        LocateProbe *probe = userdata;
        free(probe->oracle_home);
        free(probe);
}

static int locate_probe(OracleLocate *locate, Error *err) {
        static const WorkFunctions functions = {probe_run, probe_done, probe_release};
        LocateProbe *probe = calloc(1, sizeof *probe);
        if (probe == NULL)
                return error_oom(err);
        probe->locate = locate;
        probe->oracle_home = strdup(locate->database->oracle_home);
        int r = probe->oracle_home != NULL
                        ? work_start(locate->oracle->files, &functions, probe, &locate->work, err)
                        : error_oom(err);
        if (r < 0)
                probe_release(probe);
        return r;
}

int oracle_locate(
        const Oracle *oracle,
        OracleDatabase *database,
        void (*on_done)(int r, const Error *err, void *userdata),
        void *userdata,
        OracleLocate **ret,
        Error *err) {
        OracleLocate *locate = calloc(1, sizeof *locate);
        if (locate == NULL)
                return error_oom(err);
        locate->oracle = oracle;
        locate->database = database;
        locate->on_done = on_done;
        locate->userdata = userdata;
        int r = timer_new(oracle->loop, on_timeout, locate, &locate->timer, err);
        if (r >= 0)
                r = locate_probe(locate, err);
        if (r < 0) {
                oracle_locate_free(locate);
                return r;
        }
        *ret = locate;
        return 0;
}

OracleLocate *oracle_locate_free(OracleLocate *locate) {
        if (locate == NULL)
                return NULL;
        work_cancel(locate->work);
        child_free(locate->child);
        timer_free(locate->timer);
        for (unsigned i = 0; i < LOCATE_N; i++)
                free(locate->directory[i]);
        free(locate->answer);
        free(locate);
        return NULL;
}
