/* Makes and frees the parts of the service. What they may wait for (disks, NSS) is waited for: this
 * is before the loop runs. Owned by daemon.c. */
#include "daemon/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/message-ids.h"
#include "daemon/store-kit.h"
#include "job/summary.h"
#include "ledger/cache.h"
#include "store/swift.h"

enum {
        FILES_THREADS = 4,
        POOL_QUEUE = 4096,
        SUMMARY_BYTES = 1024 * 1024, /* some 1500 backups; all of the daemon idles below 8 MiB */
        SQL_TIMEOUT_MSEC = 120 * 1000,
        SHUTDOWN_MSEC = 240 * 1000, /* below TimeoutStopSec= of the unit */
        RETRY_DELAY_MSEC = 60 * 1000,
        HOSTNAME_BYTES = HOST_NAME_MAX + 1,
};

static char *directory_of(const char *variable, const char *otherwise) {
        const char *value = getenv(variable);
        return strdup(value == NULL || value[0] == '\0' ? otherwise : value);
}

static int make_directories(Parts *parts, Error *err) {
        parts->state_directory = directory_of("STATE_DIRECTORY", "/var/lib/orabackup");
        parts->runtime_directory = directory_of("RUNTIME_DIRECTORY", "/run/orabackup");
        if (parts->state_directory == NULL || parts->runtime_directory == NULL)
                return error_oom(err);
        int r = directory_make(parts->state_directory, 0750, err);
        return r < 0 ? r : directory_make(parts->runtime_directory, 0750, err);
}

/* Two daemons on one state would hand out the same sequence numbers. */
static int take_lock(Parts *parts, Error *err) {
        CLEANUP(cleanup_free) char *path = path_join(parts->state_directory, "lock");
        if (path == NULL)
                return error_oom(err);
        parts->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (parts->lock < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", path);
        if (flock(parts->lock, LOCK_EX | LOCK_NB) == 0)
                return 0;
        if (errno != EWOULDBLOCK)
                return error_set_errno(err, ERROR_CONFIG, -errno, "%s", path);
        return error_set(
                err,
                ERROR_CONFIG,
                -EWOULDBLOCK,
                "Another orabackupd uses %s; end it first or set STATE_DIRECTORY",
                parts->state_directory);
}

static int find_hostname(Parts *parts, Error *err) {
        char name[HOSTNAME_BYTES];
        if (gethostname(name, sizeof(name)) < 0)
                return error_set_errno(err, ERROR_CONFIG, -errno, "The host has no name");
        name[sizeof(name) - 1] = '\0';
        parts->hostname = strdup(name);
        return parts->hostname == NULL ? error_oom(err) : 0;
}

/* One that is not there is a state, as with the recipients: the store's calls fail and say so. */
static int read_swift_secret(LoadedSettings *loaded, Error *err) {
        const Config *config = loaded->settings->config;
        const char *name = config->swift_application_credential_id[0] != '\0'
                                   ? "swift-application-credential-secret"
                                   : "swift-password";
        if (config->store_type != STORE_TYPE_SWIFT)
                return 0;
        int r = credential_read(
                name, &loaded->swift_secret, &loaded->swift_secret_size, &loaded->swift_error);
        if (r >= 0)
                return swift_secret_check(loaded->swift_secret, err);
        if (r == -ENOENT)
                return 0;
        if (err != NULL)
                *err = loaded->swift_error;
        return r;
}

int loaded_settings_read(
        const char *config_path, const StringList *own_keys, LoadedSettings *ret, Error *err) {
        LoadedSettings loaded = {0};
        int r = settings_load(config_path, own_keys, &loaded.settings, err);
        if (r >= 0 && strcmp(loaded.settings->config->connect, "/") != 0)
                r = credential_read(
                        "oracle-password",
                        &loaded.oracle_password,
                        &loaded.oracle_password_size,
                        err);
        if (r >= 0)
                r = read_swift_secret(&loaded, err);
        if (r < 0) {
                loaded_settings_done(&loaded);
                return r;
        }
        *ret = loaded;
        return 0;
}

void loaded_settings_done(LoadedSettings *loaded) {
        settings_unref(loaded->settings);
        if (loaded->oracle_password != NULL)
                wipe(loaded->oracle_password, loaded->oracle_password_size);
        free(loaded->oracle_password);
        if (loaded->swift_secret != NULL)
                wipe(loaded->swift_secret, loaded->swift_secret_size);
        free(loaded->swift_secret);
        *loaded = (LoadedSettings){0};
}

/* What a reload may change. */
static void tune_store(Parts *parts) {
        Store *store = parts->service.store;
        const Config *config = parts->loaded.settings->config;
        Error error = {0};
        if (store_kit_tune(store, &parts->loaded, &error) < 0)
                log_error(&(LogFields){.error = &error}, "The store keeps its old settings");
        store_set_rate(store, config->rate_limit);
}

void parts_use_settings(Parts *parts, LoadedSettings *loaded) {
        LoadedSettings old = parts->loaded;
        Service *service = &parts->service;
        parts->loaded = *loaded;
        *loaded = (LoadedSettings){0};
        const Config *config = parts->loaded.settings->config;
        service->settings = parts->loaded.settings;
        service->oracle.user = config->connect;
        service->oracle.service = config->service;
        service->oracle.password = parts->loaded.oracle_password;
        service->oracle.stall_timeout_msec = config->oracle_stall_timeout_msec;
        if (service->store != NULL)
                tune_store(parts);
        loaded_settings_done(&old);
}

static int trust_own_keys(Parts *parts, Error *err) {
        const Settings *settings = parts->service.settings;
        for (size_t i = 0; i < parts->keys.public.n; i++) {
                int r = trusted_keys_add(
                        settings->trusted,
                        settings->config->instance,
                        parts->keys.public.items[i],
                        "own key",
                        err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_keys(Parts *parts, Error *err) {
        int r = own_keys_load(parts->state_directory, &parts->keys, err);
        if (r < 0)
                return r;
        parts->service.signing_key = parts->keys.key;
        parts->service.own_keys = &parts->keys.public;
        if (parts->keys.made)
                log_notice(
                        &(LogFields){.message_id = MESSAGE_ID_NEW_SIGNING_KEY},
                        "A new signing key was made: %s; a host that restores these backups must "
                        "trust "
                        "it",
                        signing_key_public(parts->keys.key));
        return trust_own_keys(parts, err);
}

static int make_pools(Parts *parts, Loop *loop, Error *err) {
        Service *service = &parts->service;
        const Config *config = service->settings->config;
        int r = work_pool_new(loop, "files", FILES_THREADS, POOL_QUEUE, &service->files, err);
        if (r >= 0)
                r = work_pool_new(
                        loop, "sealing", config->threads, POOL_QUEUE, &service->sealing, err);
        if (r >= 0)
                r = work_pool_new(
                        loop,
                        "store",
                        config->concurrency + 2,
                        POOL_QUEUE,
                        &parts->store_pool,
                        err);
        return r;
}

static int make_store(Parts *parts, Loop *loop, Error *err) {
        int r = store_kit_make(loop, parts->store_pool, &parts->loaded, &parts->service.store, err);
        if (r < 0)
                return r;
        tune_store(parts);
        return 0;
}

/* Where the child runner is: ORABACKUP_EXEC_SOCKET, or the socket of orabackup-exec.socket when it
 * is there; else a program that is spawned: ORABACKUP_EXEC, or the installed one, or the one of the
 * build that this program lies in. */
static const char *find_runner_socket(void) {
        const char *socket = getenv("ORABACKUP_EXEC_SOCKET");
        if (socket != NULL)
                return socket;
        if (getenv("ORABACKUP_EXEC") != NULL || access(ORABACKUP_EXEC_SOCKET_PATH, F_OK) < 0)
                return NULL;
        return ORABACKUP_EXEC_SOCKET_PATH;
}

static char *find_runner_program(void) {
        const char *named = getenv("ORABACKUP_EXEC");
        if (named != NULL)
                return strdup(named);
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (access(ORABACKUP_EXEC_PROGRAM, X_OK) == 0 || n < 0)
                return strdup(ORABACKUP_EXEC_PROGRAM);
        self[n] = '\0';
        CLEANUP(cleanup_free) char *directory = path_parent(self);
        return directory == NULL ? NULL : string_printf("%s/../exec/orabackup-exec", directory);
}

static int make_oracle(Parts *parts, Loop *loop, Error *err) {
        Oracle *oracle = &parts->service.oracle;
        CLEANUP(cleanup_free) char *program = find_runner_program();
        if (program == NULL)
                return error_oom(err);
        const ChildRunnerOptions options = {
                .socket_path = find_runner_socket(), .program_path = program};
        oracle->loop = loop;
        oracle->files = parts->service.files;
        oracle->sql_timeout_msec = SQL_TIMEOUT_MSEC;
        return child_runner_new(loop, &options, &oracle->runner, err);
}

/* Without it lists read more from the store; no reason not to start. */
static void make_cache(Parts *parts, Loop *loop) {
        Error error = {0};
        int r = cache_new(loop, parts->state_directory, &parts->service.cache, &error);
        if (r > 0)
                log_warning(
                        &(LogFields){.error = &error},
                        "What was known of the control objects is read from the store again");
        else if (r < 0)
                log_warning(
                        &(LogFields){.error = &error},
                        "What the control objects say is not kept on disk");
}

static int make_memory(Parts *parts, Error *err) {
        parts->service.summaries = summary_cache_new(SUMMARY_BYTES);
        return parts->service.summaries == NULL ? error_oom(err) : 0;
}

static int read_settings(Parts *parts, const char *config_path, Error *err) {
        static const StringList none = {0};
        LoadedSettings loaded = {0};
        int r = loaded_settings_read(config_path, &none, &loaded, err);
        if (r < 0)
                return r;
        parts_use_settings(parts, &loaded);
        const Settings *settings = parts->service.settings;
        if (settings->recipients == NULL)
                log_warning(
                        &(LogFields){.error = &settings->recipients_error},
                        "Backups will fail until there are recipients; restores work");
        return 0;
}

int parts_make(Parts *parts, Loop *loop, const char *config_path, Error *err) {
        Service *service = &parts->service;
        service->loop = loop;
        service->config_path = config_path;
        service->shutdown_msec = SHUTDOWN_MSEC;
        service->retry_delay_msec = RETRY_DELAY_MSEC;
        int r = read_settings(parts, config_path, err);
        if (r >= 0)
                r = find_hostname(parts, err);
        if (r >= 0)
                r = make_directories(parts, err);
        if (r >= 0)
                r = take_lock(parts, err);
        if (r < 0)
                return r;
        service->hostname = parts->hostname;
        service->state_directory = parts->state_directory;
        service->runtime_directory = parts->runtime_directory;
        r = make_keys(parts, err);
        if (r >= 0)
                r = ledger_new(loop, parts->state_directory, &service->ledger, err);
        if (r >= 0)
                r = make_pools(parts, loop, err);
        if (r >= 0)
                r = make_store(parts, loop, err);
        if (r >= 0)
                r = make_oracle(parts, loop, err);
        if (r >= 0)
                make_cache(parts, loop);
        return r < 0 ? r : make_memory(parts, err);
}

void parts_done(Parts *parts) {
        Service *service = &parts->service;
        service->summaries = summary_cache_free(service->summaries);
        service->cache = cache_free(service->cache);
        service->oracle.runner = child_runner_free(service->oracle.runner);
        service->store = store_free(service->store);
        parts->store_pool = work_pool_free(parts->store_pool);
        service->sealing = work_pool_free(service->sealing);
        service->files = work_pool_free(service->files);
        service->ledger = ledger_free(service->ledger);
        own_keys_done(&parts->keys);
        loaded_settings_done(&parts->loaded);
        free(parts->state_directory);
        free(parts->runtime_directory);
        free(parts->hostname);
        if (parts->lock >= 0)
                close(parts->lock);
        *parts = PARTS_INIT;
}
