/* CreateBackup: preflight -> claim -> rman with the upload beside it -> commit -> cleanup
 * (docs/architecture.md draws the states). */
#pragma once

#include "job/job.h"
#include "job/service.h"

typedef struct BackupRequest {
        char backup_id[37];
        const char *name;            /* NULL: "<instance>-L<level>-<UTC time>" */
        const char *description;     /* NULL: "" */
        const char *parent;          /* NULL: level 0 */
        const StringList *databases; /* empty: all that the configuration selects */
} BackupRequest;

extern const JobFunctions backup_functions;
int backup_new(Service *service, const BackupRequest *request, void **ret, Error *err);
