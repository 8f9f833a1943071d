/* Do files below some directories grow or change? Asked from time to time, answered on a worker. */
#pragma once

#include <stdbool.h>

#include "oracle/oracle.h"

typedef struct Growth Growth;

int growth_new(WorkPool *files, const StringList *directories, Growth **ret, Error *err);
Growth *growth_free(Growth *growth);

/* Starts a look, when none is under way. on_changed comes later, only when something differs from
 * the look before (the first look tells nothing). */
void growth_look(Growth *growth, void (*on_changed)(void *userdata), void *userdata);
