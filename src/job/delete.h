/* DeleteBackup: a backup and, when asked so, its descendants leave the store, the youngest first.
 * Nothing is removed before all of it may be. */
#pragma once

#include <stdbool.h>

#include "job/job.h"
#include "job/service.h"

typedef struct DeleteRequest {
        char backup_id[37];
        bool recursive;
} DeleteRequest;

extern const JobFunctions delete_functions;
int delete_new(Service *service, const DeleteRequest *request, void **ret, Error *err);
