/* TakeOver: a claim of kind "take-over" at last + 1, then every unfinished foreign claim is ended
 * with failed.json and its segments removed. */
#pragma once

#include "job/job.h"
#include "job/service.h"

extern const JobFunctions take_over_functions;
int take_over_new(Service *service, void **ret, Error *err);
