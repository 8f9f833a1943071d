/* Leaving RMAN's repository as it should be: a tag deleted with FORCE and with proof, pieces
 * uncataloged. */
#pragma once

#include "oracle/oracle.h"

typedef struct Maintenance Maintenance;

/* Copied by the call. */
typedef struct MaintenanceOptions {
        const OracleDatabase *database;
        const char *tag;           /* maintenance_delete_tag() */
        const StringList *handles; /* maintenance_uncatalog() */
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} MaintenanceOptions;

/* First ends sessions of a run of this tag that was cut off, then `delete force noprompt backup
 * tag`, then the count of what is left must be 0. */
int maintenance_delete_tag(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err);
int maintenance_uncatalog(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err);
Maintenance *maintenance_free(Maintenance *maintenance);
