/* What an earlier process left: unfinished jobs are ended as the crash table says, owed work is
 * done now and again later until it works. */
#pragma once

#include "job/service.h"

typedef struct Recovery Recovery;

/* on_ready: unfinished backups are settled as far as the store and Oracle can be reached (the rest
 * is owed); new jobs may start from then on. */
int recovery_start(
        Service *service,
        void (*on_ready)(void *userdata),
        void *userdata,
        Recovery **ret,
        Error *err);
Recovery *recovery_free(Recovery *recovery);
/* Asks for owed work to be tried soon (a job owes something, the store answered again). */
void recovery_nudge(Recovery *recovery);
