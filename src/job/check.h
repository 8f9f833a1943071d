/* CheckConfiguration: what must hold before a backup can work, tried for real. All rows are tried,
 * whatever one of them says; the job fails only when it could not look. */
#pragma once

#include "job/job.h"
#include "job/service.h"

typedef struct CheckRequest {
        AgeIdentities *identities; /* taken over when check_new() succeeds; NULL: the credential */
} CheckRequest;

extern const JobFunctions check_functions;
int check_new(Service *service, CheckRequest *request, void **ret, Error *err);
