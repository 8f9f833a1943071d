/* EnableArchivelog: restarts one database in ARCHIVELOG mode. */
#pragma once

#include "job/job.h"
#include "job/service.h"

/* Begins at the next turn of the loop. Busy, Interrupted, .. */
int enable_archivelog_submit(Service *service, const char *sid, Job **ret, Error *err);

extern const JobFunctions enable_archivelog_functions;
