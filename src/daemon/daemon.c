/* The life of the service. See daemon.h. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "bus/server.h"
#include "daemon/health.h"
#include "daemon/parts.h"
#include "event/notify.h"
#include "event/timer.h"
#include "job/recovery.h"

enum {
        STORE_RETRY_MSEC = 10 * 1000,
        /* Callers are let in after this time even if the store does not answer: their jobs wait,
         * and they can be told so. What a person has to mend is told at once. */
        SERVE_ANYWAY_MSEC = 20 * 1000,
};

typedef struct Reloading {
        Daemon *daemon;
        StringList own_keys;
        LoadedSettings loaded;
        int r;
        Error error;
} Reloading;

struct Daemon {
        Loop *loop;
        Parts parts;
        char *config_path;
        Health *health;
        Notifier *notifier;
        BusServer *server;
        Manager *manager;
        Recovery *recovery;
        StoreRequest *opening;
        Timer *store_timer, *serve_timer, *end_timer;
        Work *reloading;
        bool name_asked, serving, ending;
        bool store_failed; /* said once */
        uint64_t
                store_failed_usec; /* since when it cannot be opened; 0: it can, or is asked anew */
};

/* --- reload --- */

static void reload_run(void *userdata) {
        Reloading *reloading = userdata;
        reloading->r = loaded_settings_read(
                reloading->daemon->config_path,
                &reloading->own_keys,
                &reloading->loaded,
                &reloading->error);
}

/* A recipients file that is not there is a state; one that is malformed is a mistake. */
static int check_new_settings(const Daemon *daemon, const LoadedSettings *loaded, Error *err) {
        const Settings *settings = loaded->settings;
        int r = config_check_reload(daemon->parts.service.settings->config, settings->config, err);
        if (r < 0)
                return r;
        if (settings->recipients == NULL && settings->recipients_error.r != -ENOENT) {
                *err = settings->recipients_error;
                return err->r;
        }
        return 0;
}

static void reload_done(void *userdata) {
        Reloading *reloading = userdata;
        Daemon *daemon = reloading->daemon;
        Error *error = &reloading->error;
        daemon->reloading = NULL;
        int r = reloading->r;
        if (r >= 0)
                r = check_new_settings(daemon, &reloading->loaded, error);
        if (r >= 0) {
                parts_use_settings(&daemon->parts, &reloading->loaded);
                log_notice(NULL, "The configuration was read again and holds from now on");
                if (timer_is_armed(daemon->store_timer)) {
                        daemon->store_failed_usec = 0;
                        manager_refuse(daemon->manager, NULL);
                        timer_arm(daemon->store_timer, 0);
                }
        } else
                log_error(&(LogFields){.error = error}, "The old configuration stays");
        if (daemon->serving && !daemon->ending)
                notifier_ready(daemon->notifier);
        bus_server_reloaded(daemon->server, r < 0 ? error : NULL);
}

static void reload_release(void *userdata) {
        Reloading *reloading = userdata;
        loaded_settings_done(&reloading->loaded);
        string_list_done(&reloading->own_keys);
        free(reloading);
}

static int reload(void *userdata, Error *err) {
        static const WorkFunctions functions = {
                .run = reload_run, .on_done = reload_done, .release = reload_release};
        Daemon *daemon = userdata;
        if (daemon->reloading != NULL)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "The configuration is being read already; ask again");
        Reloading *reloading = calloc(1, sizeof(*reloading));
        if (reloading == NULL)
                return error_oom(err);
        reloading->daemon = daemon;
        int r = string_list_copy(&daemon->parts.keys.public, &reloading->own_keys) < 0
                        ? error_oom(err)
                        : work_start(
                                  daemon->parts.service.files,
                                  &functions,
                                  reloading,
                                  &daemon->reloading,
                                  err);
        if (r < 0) {
                reload_release(reloading);
                return r;
        }
        if (daemon->serving)
                notifier_reloading(daemon->notifier);
        return 0;
}

static void on_hangup(int signal_number, void *userdata) {
        Error error = {0};
        if (reload(userdata, &error) < 0)
                log_error(&(LogFields){.error = &error}, "The old configuration stays");
}

/* --- the end --- */

static void on_idle_after_signal(void *userdata) {
        const Daemon *daemon = userdata;
        loop_stop(daemon->loop, EXIT_SUCCESS);
}

static void on_idle_after_loss(void *userdata) {
        const Daemon *daemon = userdata;
        loop_stop(daemon->loop, EXIT_FAILURE);
}

/* A job that does not let go is left to the next start, which finds it in the ledger. */
static void on_end_timeout(void *userdata) {
        log_error(NULL, "A job did not end in time; it is left to the next start");
        log_stop();
        _exit(EXIT_FAILURE);
}

static void on_terminate(int signal_number, void *userdata) {
        Daemon *daemon = userdata;
        if (daemon->ending)
                return;
        daemon->ending = true;
        log_notice(NULL, "The service ends");
        notifier_stopping(daemon->notifier);
        timer_arm(daemon->end_timer, daemon->parts.service.shutdown_msec);
        manager_shut_down(daemon->manager, on_idle_after_signal, daemon);
}

static void on_lost(const Error *err, void *userdata) {
        Daemon *daemon = userdata;
        if (daemon->ending)
                return;
        log_error(
                &(LogFields){.error = err},
                "The bus is lost; running jobs go on to their end, then the service ends");
        manager_drain(daemon->manager, on_idle_after_loss, daemon);
}

/* --- the start --- */

static void on_named(void *userdata) {
        Daemon *daemon = userdata;
        const Service *service = &daemon->parts.service;
        daemon->serving = true;
        if (daemon->ending)
                return;
        notifier_ready(daemon->notifier);
        log_notice(
                &(LogFields){
                        .instance = service->settings->config->instance,
                        .message_id = MESSAGE_ID_DAEMON_READY},
                "The service is ready: instance %s, store %s, signing key %s",
                service->settings->config->instance,
                store_describe(service->store),
                signing_key_public(service->signing_key));
}

static void give_up(Daemon *daemon, const Error *error) {
        log_error(&(LogFields){.error = error}, "The service cannot go on");
        loop_stop(daemon->loop, EXIT_FAILURE);
}

static void serve(void *userdata) {
        Daemon *daemon = userdata;
        Error error = {0};
        if (daemon->name_asked)
                return;
        daemon->name_asked = true;
        timer_disarm(daemon->serve_timer);
        if (bus_server_request_name(daemon->server, &error) < 0)
                give_up(daemon, &error);
}

static void on_recovered(void *userdata) {
        Daemon *daemon = userdata;
        manager_open(daemon->manager);
        serve(daemon);
}

/* A password that is wrong stays so, whatever time jobs wait; a server that is away is waited for
 * as long as each of its requests would be tried again. */
static bool may_pass(Daemon *daemon, const Error *err) {
        uint64_t now = clock_monotonic_usec();
        if (daemon->store_failed_usec == 0)
                daemon->store_failed_usec = now;
        uint64_t away_msec = (now - daemon->store_failed_usec) / 1000;
        return err->kind == ERROR_STORE_UNAVAILABLE &&
               away_msec <= daemon->parts.service.settings->config->retry_time_msec;
}

static void on_store_open(const StoreReply *reply, void *userdata) {
        Daemon *daemon = userdata;
        Error error = {0};
        daemon->opening = NULL;
        if (reply->r < 0) {
                bool passes = may_pass(daemon, reply->err);
                if (!daemon->store_failed)
                        log_warning(
                                &(LogFields){
                                        .error = reply->err,
                                        .message_id = MESSAGE_ID_STORE_UNAVAILABLE},
                                "The store (%s) cannot be used yet; it is tried again and jobs %s",
                                store_describe(daemon->parts.service.store),
                                passes ? "wait" : "fail");
                daemon->store_failed = true;
                manager_refuse(daemon->manager, passes ? NULL : reply->err);
                timer_arm(daemon->store_timer, STORE_RETRY_MSEC);
                if (!passes)
                        serve(daemon);
                return;
        }
        if (daemon->store_failed)
                log_notice(
                        NULL,
                        "The store (%s) answers",
                        store_describe(daemon->parts.service.store));
        int r = recovery_start(
                &daemon->parts.service, on_recovered, daemon, &daemon->recovery, &error);
        if (r < 0)
                give_up(daemon, &error);
        else
                daemon->parts.service.recovery = daemon->recovery;
}

static void open_store(void *userdata) {
        Daemon *daemon = userdata;
        Error error = {0};
        int r = store_open(
                daemon->parts.service.store,
                &(StoreCall){on_store_open, daemon, &daemon->opening},
                &error);
        if (r < 0)
                give_up(daemon, &error);
}

static int make_timers(Daemon *daemon, Error *err) {
        int r = timer_new(daemon->loop, open_store, daemon, &daemon->store_timer, err);
        if (r >= 0)
                r = timer_new(daemon->loop, serve, daemon, &daemon->serve_timer, err);
        if (r >= 0)
                r = timer_new(daemon->loop, on_end_timeout, daemon, &daemon->end_timer, err);
        return r;
}

static int make_server(Daemon *daemon, Error *err) {
        Service *service = &daemon->parts.service;
        const BusServerHooks hooks = {
                .on_named = on_named, .on_lost = on_lost, .reload = reload, .userdata = daemon};
        const BusServerOptions options = {
                .service = service, .hooks = &hooks, .version = ORABACKUP_VERSION};
        int r = bus_server_new(&options, &daemon->server, err);
        if (r < 0)
                return r;
        const ManagerEvents events = bus_server_events(daemon->server);
        r = manager_new(service, &events, &daemon->manager, err);
        if (r < 0)
                return r;
        service->manager = daemon->manager;
        return bus_server_connect(daemon->server, err);
}

static int take_signals(Daemon *daemon, Error *err) {
        int r = loop_on_signal(daemon->loop, SIGTERM, on_terminate, daemon, err);
        if (r >= 0)
                r = loop_on_signal(daemon->loop, SIGINT, on_terminate, daemon, err);
        return r < 0 ? r : loop_on_signal(daemon->loop, SIGHUP, on_hangup, daemon, err);
}

Daemon *daemon_free(Daemon *daemon) {
        if (daemon == NULL)
                return NULL;
        work_cancel(daemon->reloading);
        store_cancel(daemon->opening);
        daemon->parts.service.recovery = NULL;
        daemon->recovery = recovery_free(daemon->recovery);
        daemon->server = bus_server_free(daemon->server);
        daemon->manager = manager_free(daemon->manager);
        health_free(daemon->health);
        notifier_free(daemon->notifier);
        timer_free(daemon->store_timer);
        timer_free(daemon->serve_timer);
        timer_free(daemon->end_timer);
        parts_done(&daemon->parts);
        loop_free(daemon->loop);
        free(daemon->config_path);
        free(daemon);
        return NULL;
}

static int make(Daemon *daemon, Error *err) {
        int r = loop_new(&daemon->loop, err);
        if (r >= 0)
                r = parts_make(&daemon->parts, daemon->loop, daemon->config_path, err);
        if (r >= 0)
                r = make_timers(daemon, err);
        if (r >= 0)
                r = health_new(
                        &daemon->parts.service, daemon->parts.store_pool, &daemon->health, err);
        if (r >= 0)
                r = notifier_new(
                        daemon->loop, health_check, daemon->health, &daemon->notifier, err);
        if (r >= 0)
                r = make_server(daemon, err);
        return r < 0 ? r : take_signals(daemon, err);
}

int daemon_new(const char *config_path, Daemon **ret, Error *err) {
        CLEANUP(cleanup_daemon) Daemon *daemon = calloc(1, sizeof(*daemon));
        if (daemon == NULL)
                return error_oom(err);
        daemon->parts = PARTS_INIT;
        daemon->config_path = strdup(config_path);
        if (daemon->config_path == NULL)
                return error_oom(err);
        int r = make(daemon, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(daemon);
        return 0;
}

int daemon_run(Daemon *daemon) {
        timer_arm(daemon->serve_timer, SERVE_ANYWAY_MSEC);
        timer_arm(daemon->store_timer, 0);
        int status = loop_run(daemon->loop);
        log_debug(
                NULL,
                "The loop's longest turn took %llu us",
                (unsigned long long)loop_longest_turn_usec(daemon->loop));
        return status;
}
