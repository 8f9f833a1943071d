/* EnableArchivelog: restarts one database in ARCHIVELOG mode. */
#pragma once

#include "job/job.h"
#include "job/service.h"

int enable_archivelog_new(Service *service, const char *sid, void **ret, Error *err);
/* As a job of the service's manager. Begins at the next turn of the loop. Busy, Interrupted, .. */
int enable_archivelog_submit(Service *service, const char *sid, Job **ret, Error *err);

extern const JobFunctions enable_archivelog_functions;
