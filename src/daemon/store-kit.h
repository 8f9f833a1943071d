/* The store of the configuration, by its type. */
#pragma once

#include "daemon/parts.h"

int store_kit_make(
        Loop *loop, WorkPool *workers, const LoadedSettings *loaded, Store **ret, Error *err);
/* What a reload may change but for the rate. An error leaves the store as it was. */
int store_kit_tune(Store *store, const LoadedSettings *loaded, Error *err);
