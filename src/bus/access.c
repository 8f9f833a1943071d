/* Access by user and group. The loop never waits for the bus daemon or for NSS: the first is asked
 * asynchronously, the second from a worker. Owned by a call (bus/call.c). */
#include "bus/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
        CREDENTIALS_TIMEOUT_USEC = 10 * 1000 * 1000,
        NSS_BUFFER_BYTES = 1024 * 1024, /* a group may have thousands of members */
        GROUPS_MAX = 65536,             /* as the kernel's NGROUPS_MAX */
};

/* What the worker has in hands. */
typedef struct Lookup {
        AccessCheck *check;
        AccessCaller caller;
        char *group;
        int r;
        Error error;
} Lookup;

struct AccessCheck {
        Service *service;
        sd_bus_slot *slot;
        Work *work;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
};

bool access_is_privileged(const AccessCaller *caller, uid_t own_uid) {
        return caller->uid == 0 || caller->uid == own_uid;
}

static int find_group(const char *name, char *buffer, gid_t *ret) {
        struct group group, *found = NULL;
        int r = getgrnam_r(name, &group, buffer, NSS_BUFFER_BYTES, &found);
        if (found == NULL)
                return r == 0 ? -ENOENT : -r;
        *ret = found->gr_gid;
        return 0;
}

static bool has_gid(const gid_t *gids, size_t n, gid_t gid) {
        for (size_t i = 0; i < n; i++)
                if (gids[i] == gid)
                        return true;
        return false;
}

/* The groups of the user database: also those that a long session does not have yet. */
static bool user_has_group(const struct passwd *user, gid_t gid) {
        int n = 64;
        CLEANUP(cleanup_free) gid_t *gids = calloc((size_t)n, sizeof(gid_t));
        while (gids != NULL && getgrouplist(user->pw_name, user->pw_gid, gids, &n) < 0) {
                if (n <= 0 || n > GROUPS_MAX)
                        return false;
                gid_t *more = reallocarray(gids, (size_t)n, sizeof(gid_t));
                if (more == NULL)
                        return false;
                gids = more;
        }
        return gids != NULL && has_gid(gids, (size_t)n, gid);
}

static int check_member(const AccessCaller *caller, const char *group, char *buffer, Error *err) {
        struct passwd user, *found = NULL;
        gid_t gid = 0;
        int r = find_group(group, buffer, &gid);
        if (r >= 0 && has_gid(caller->gids, caller->n_gids, gid))
                return 0;
        if (getpwuid_r(caller->uid, &user, buffer, NSS_BUFFER_BYTES, &found) != 0)
                found = NULL;
        if (r >= 0 && found != NULL && user_has_group(found, gid))
                return 0;
        return error_set(
                err,
                ERROR_ACCESS_DENIED,
                -EACCES,
                "User %s (uid %u) may not call this service: only root, the user it runs as and "
                "members of group %s may%s",
                found == NULL ? "unknown" : found->pw_name,
                (unsigned)caller->uid,
                group,
                r == -ENOENT ? " (there is no such group here)" : "");
}

int access_check_member(const AccessCaller *caller, const char *group, Error *err) {
        char *buffer = malloc(NSS_BUFFER_BYTES);
        if (buffer == NULL)
                return error_oom(err);
        int r = check_member(caller, group, buffer, err);
        free(buffer);
        return r;
}

static void lookup_run(void *userdata) {
        Lookup *lookup = userdata;
        lookup->r = access_check_member(&lookup->caller, lookup->group, &lookup->error);
}

static void lookup_done(void *userdata) {
        Lookup *lookup = userdata;
        AccessCheck *check = lookup->check;
        check->work = NULL;
        Error error = lookup->error;
        check->on_done(lookup->r < 0 ? &error : NULL, check->userdata);
}

static void lookup_release(void *userdata) {
        Lookup *lookup = userdata;
        free(lookup->caller.gids);
        free(lookup->group);
        free(lookup);
}

/* Takes the caller's gids over in every case. */
static int look_up(AccessCheck *check, AccessCaller *caller, Error *err) {
        static const WorkFunctions functions = {
                .run = lookup_run, .on_done = lookup_done, .release = lookup_release};
        Lookup *lookup = calloc(1, sizeof(*lookup));
        if (lookup == NULL) {
                free(TAKE_PTR(caller->gids));
                return error_oom(err);
        }
        lookup->check = check;
        lookup->caller = *caller;
        caller->gids = NULL;
        lookup->group = strdup(check->service->settings->config->access_group);
        int r = lookup->group == NULL
                        ? error_oom(err)
                        : work_start(check->service->files, &functions, lookup, &check->work, err);
        if (r < 0)
                lookup_release(lookup);
        return r;
}

static int read_gids(sd_bus_message *reply, AccessCaller *caller) {
        const void *gids = NULL;
        size_t size = 0;
        int r = sd_bus_message_enter_container(reply, 'v', "au");
        if (r > 0)
                r = sd_bus_message_read_array(reply, 'u', &gids, &size);
        if (r < 0)
                return r;
        free(caller->gids);
        caller->gids = malloc(size + sizeof(gid_t));
        if (caller->gids == NULL)
                return -ENOMEM;
        if (size > 0)
                memcpy(caller->gids, gids, size);
        caller->n_gids = size / sizeof(gid_t);
        return sd_bus_message_exit_container(reply);
}

static int read_uid(sd_bus_message *reply, AccessCaller *caller, bool *ret_known) {
        uint32_t uid = 0;
        int r = sd_bus_message_read(reply, "v", "u", &uid);
        if (r < 0)
                return r;
        caller->uid = uid;
        *ret_known = true;
        return 0;
}

/* a{sv} of GetConnectionCredentials; keys that are not known are skipped. */
static int read_credentials(sd_bus_message *reply, AccessCaller *caller) {
        bool uid_known = false;
        int r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const char *key = NULL;
                r = sd_bus_message_read(reply, "s", &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "UnixUserID") == 0)
                        r = read_uid(reply, caller, &uid_known);
                else if (strcmp(key, "UnixGroupIDs") == 0)
                        r = read_gids(reply, caller);
                else
                        r = sd_bus_message_skip(reply, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r < 0)
                return r;
        return uid_known ? 0 : -ENODATA;
}

static int judge(AccessCheck *check, sd_bus_message *reply, bool *ret_settled, Error *err) {
        AccessCaller caller = {0};
        *ret_settled = true;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int r = error != NULL ? -EACCES : read_credentials(reply, &caller);
        if (r < 0) {
                free(caller.gids);
                return error_set(
                        err,
                        ERROR_ACCESS_DENIED,
                        r,
                        "The bus does not say who the caller is%s%s",
                        error == NULL ? "" : ": ",
                        error == NULL || error->message == NULL ? "" : error->message);
        }
        if (access_is_privileged(&caller, geteuid())) {
                free(caller.gids);
                return 0;
        }
        *ret_settled = false;
        return look_up(check, &caller, err);
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        AccessCheck *check = userdata;
        Error error = {0};
        bool settled = true;
        check->slot = sd_bus_slot_unref(check->slot);
        int r = judge(check, reply, &settled, &error);
        if (r < 0)
                check->on_done(&error, check->userdata);
        else if (settled)
                check->on_done(NULL, check->userdata);
        return 1;
}

AccessCheck *access_check_free(AccessCheck *check) {
        if (check == NULL)
                return NULL;
        sd_bus_slot_unref(check->slot);
        work_cancel(check->work);
        free(check);
        return NULL;
}

static int ask_bus(AccessCheck *check, sd_bus_message *call) {
        sd_bus *bus = sd_bus_message_get_bus(call);
        sd_bus_message *request = NULL;
        int r = sd_bus_message_new_method_call(
                bus,
                &request,
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "GetConnectionCredentials");
        if (r >= 0)
                r = sd_bus_message_append(request, "s", sd_bus_message_get_sender(call));
        if (r >= 0)
                r = sd_bus_call_async(
                        bus,
                        &check->slot,
                        request,
                        on_credentials,
                        check,
                        CREDENTIALS_TIMEOUT_USEC);
        sd_bus_message_unref(request);
        return r;
}

int access_check_start(
        Service *service,
        sd_bus_message *call,
        void (*on_done)(const Error *err, void *userdata),
        void *userdata,
        AccessCheck **ret,
        Error *err) {
        AccessCheck *check = calloc(1, sizeof(*check));
        if (check == NULL)
                return error_oom(err);
        check->service = service;
        check->on_done = on_done;
        check->userdata = userdata;
        int r = ask_bus(check, call);
        if (r < 0) {
                access_check_free(check);
                return error_set_errno(
                        err, ERROR_ACCESS_DENIED, r, "The bus cannot be asked who the caller is");
        }
        *ret = check;
        return 0;
}
