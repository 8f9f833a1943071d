/* Is every worker still getting through its queue? A probe goes into each; one that does not come
 * back within ten minutes means that the queue is stuck. The watchdog asks. */
#pragma once

#include <stdbool.h>

#include "job/service.h"

typedef struct Health Health;

int health_new(Service *service, WorkPool *store_pool, Health **ret, Error *err);
Health *health_free(Health *health); /* before the pools */
bool health_check(void *health);     /* for notifier_new(): sends probes, false when one is lost */
