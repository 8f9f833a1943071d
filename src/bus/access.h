/* Who may call: root, the user the service runs as, and members of the group that the configuration
 * names. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "job/service.h"

typedef struct AccessCheck AccessCheck;

/* Asks the bus for the caller's user and groups and, where that does not settle it, the user
 * database from a worker. err: AccessDenied that says who may, or why it could not be found out. */
int access_check_start(
        Service *service,
        sd_bus_message *call,
        void (*on_done)(const Error *err, void *userdata),
        void *userdata,
        AccessCheck **ret,
        Error *err);
AccessCheck *access_check_free(AccessCheck *check); /* cancels */

/* The caller as the bus knows it; gids may be empty (a bus that does not tell). */
typedef struct AccessCaller {
        uid_t uid;
        gid_t *gids;
        size_t n_gids;
} AccessCaller;

/* Root and the service itself need no look into the user database. */
bool access_is_privileged(const AccessCaller *caller, uid_t own_uid);
/* Blocks (NSS): does the caller's session or the user database say that it belongs to the group?
 * AccessDenied. */
int access_check_member(const AccessCaller *caller, const char *group, Error *err);
