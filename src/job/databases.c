/* Reads oratab on a worker, then asks the databases, some at a time. Owned by the bus' call. */
#include "job/databases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/timer.h"
#include "oracle/oratab.h"

enum { LIST_TIMEOUT_MSEC = 18000, SLOTS = 4 };

typedef struct Slot {
        DatabaseList *list;
        StatusQuery *query;
        size_t index;
} Slot;

typedef struct Reading {
        DatabaseList *list;
        char *path;
        Oratab oratab;
        int r;
        Error error;
} Reading;

struct DatabaseList {
        Service *service;
        Settings *settings; /* the strings that the runs use live in it */
        Work *work;
        DatabaseView *views;
        size_t n_views, next, n_done;
        Slot slots[SLOTS];
        Timer *timeout, *timer;
        bool ended;
        Error error;
        void (*on_done)(
                const DatabaseView *views, size_t n_views, const Error *err, void *userdata);
        void *userdata;
};

static void ask_next(Slot *slot);

static void tell(void *userdata) {
        DatabaseList *list = userdata;
        const Error *error = error_is_set(&list->error) ? &list->error : NULL;
        list->on_done(list->views, error == NULL ? list->n_views : 0, error, list->userdata);
}

static void cancel_all(DatabaseList *list) {
        work_cancel(list->work);
        list->work = NULL;
        for (size_t i = 0; i < SLOTS; i++)
                list->slots[i].query = database_status_free(list->slots[i].query);
}

static void end(DatabaseList *list) {
        if (list->ended)
                return;
        list->ended = true;
        timer_disarm(list->timeout);
        timer_arm(list->timer, 0);
}

static void fail(DatabaseList *list, const Error *error) {
        list->error = *error;
        end(list);
}

/* What was answered so far is worth more than an error. */
static void on_timeout(void *userdata) {
        DatabaseList *list = userdata;
        bool no_list = list->work != NULL;
        cancel_all(list);
        if (no_list)
                error_set(
                        &list->error,
                        ERROR_TIMEOUT,
                        -ETIMEDOUT,
                        "%s could not be read in time",
                        list->settings->config->oratab);
        end(list);
}

static int view_fill(DatabaseView *view, const DatabaseStatus *status) {
        const char *texts[] = {
                status->db_name,
                status->db_unique_name,
                status->log_mode,
                status->version,
                status->role,
        };
        char **places[] = {
                &view->db_name,
                &view->db_unique_name,
                &view->log_mode,
                &view->version,
                &view->role,
        };
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char *copy = strdup(texts[i] == NULL ? "" : texts[i]);
                if (copy == NULL)
                        return -ENOMEM;
                free(*places[i]);
                *places[i] = copy;
        }
        strncpy(view->state, status->state, sizeof(view->state) - 1);
        view->dbid = status->dbid;
        return 0;
}

static void on_status(const DatabaseStatus *status, void *userdata) {
        Slot *slot = userdata;
        DatabaseList *list = slot->list;
        Error error = {0};
        if (view_fill(&list->views[slot->index], status) < 0) {
                error_oom(&error);
                fail(list, &error);
                return;
        }
        if (++list->n_done == list->n_views)
                end(list);
        else
                ask_next(slot);
}

static void ask_next(Slot *slot) {
        DatabaseList *list = slot->list;
        slot->query = database_status_free(slot->query);
        if (list->ended || list->next == list->n_views)
                return;
        slot->index = list->next++;
        Error error = {0};
        int r = database_status_start(
                &list->service->oracle,
                &list->views[slot->index].database,
                on_status,
                slot,
                &slot->query,
                &error);
        if (r < 0)
                fail(list, &error);
}

static void oratab_run(void *userdata) {
        Reading *reading = userdata;
        reading->r = oratab_read(reading->path, &reading->oratab, &reading->error);
}

static void reading_release(void *userdata) {
        Reading *reading = userdata;
        oratab_done(&reading->oratab);
        free(reading->path);
        free(reading);
}

static int make_views(DatabaseList *list, const Oratab *oratab) {
        static const DatabaseStatus unknown = {.state = "UNKNOWN"};
        const StringList *configured = &list->settings->config->databases;
        list->views = calloc(oratab->n + 1, sizeof(*list->views));
        if (list->views == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < oratab->n; i++) {
                DatabaseView *view = &list->views[list->n_views++];
                memcpy(view->database.sid, oratab->entries[i].sid, sizeof(view->database.sid));
                view->database.oracle_home = strdup(oratab->entries[i].oracle_home);
                view->selected =
                        configured->n == 0 || string_list_has(configured, view->database.sid);
                if (view->database.oracle_home == NULL || view_fill(view, &unknown) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static void oratab_there(void *userdata) {
        Reading *reading = userdata;
        DatabaseList *list = reading->list;
        list->work = NULL;
        Error error = {0};
        if (reading->r < 0) {
                fail(list, &reading->error);
                return;
        }
        if (make_views(list, &reading->oratab) < 0) {
                error_oom(&error);
                fail(list, &error);
                return;
        }
        if (list->n_views == 0)
                end(list);
        for (size_t i = 0; i < SLOTS; i++)
                ask_next(&list->slots[i]);
}

static int read_oratab(DatabaseList *list, Error *err) {
        static const WorkFunctions functions = {
                .run = oratab_run, .on_done = oratab_there, .release = reading_release};
        Reading *reading = calloc(1, sizeof(*reading));
        if (reading == NULL)
                return error_oom(err);
        reading->list = list;
        reading->path = strdup(list->settings->config->oratab);
        int r = reading->path == NULL
                        ? error_oom(err)
                        : work_start(list->service->files, &functions, reading, &list->work, err);
        if (r < 0)
                reading_release(reading);
        return r;
}

static void view_done(DatabaseView *view) {
        oracle_database_done(&view->database);
        free(view->db_name);
        free(view->db_unique_name);
        free(view->log_mode);
        free(view->version);
        free(view->role);
}

DatabaseList *database_list_free(DatabaseList *list) {
        if (list == NULL)
                return NULL;
        cancel_all(list);
        timer_free(list->timeout);
        timer_free(list->timer);
        for (size_t i = 0; i < list->n_views; i++)
                view_done(&list->views[i]);
        free(list->views);
        settings_unref(list->settings);
        free(list);
        return NULL;
}

DEFINE_CLEANUP(DatabaseList, database_list);

int database_list_start(
        Service *service,
        void (*on_done)(
                const DatabaseView *views, size_t n_views, const Error *err, void *userdata),
        void *userdata,
        DatabaseList **ret,
        Error *err) {
        CLEANUP(cleanup_database_list) DatabaseList *list = calloc(1, sizeof(*list));
        if (list == NULL)
                return error_oom(err);
        list->service = service;
        list->settings = settings_ref(service->settings);
        list->on_done = on_done;
        list->userdata = userdata;
        for (size_t i = 0; i < SLOTS; i++)
                list->slots[i].list = list;
        int r = timer_new(service->loop, on_timeout, list, &list->timeout, err);
        if (r >= 0)
                r = timer_new(service->loop, tell, list, &list->timer, err);
        if (r >= 0)
                r = read_oratab(list, err);
        if (r < 0)
                return r;
        timer_arm(list->timeout, LIST_TIMEOUT_MSEC);
        *ret = TAKE_PTR(list);
        return 0;
}
