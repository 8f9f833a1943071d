/* The store with a probe object: create-only PUT, a PUT of other bytes that must be refused, read
 * back, listed (it may lag), removed. Its name is outside of the scheme of backups,
 * "<instance>/probe/<uuid>"; what an earlier check left behind goes, too. */
#pragma once

#include "job/service.h"
#include "oracle/advice.h"

typedef struct StoreProbe StoreProbe;

typedef struct StoreProbeResult {
        Error error;          /* the first failure; it names the step */
        bool lags;            /* the listing did not show the probe */
        uint64_t probe_usec;  /* the store's time of the probe; 0: not known */
        uint64_t newest_usec; /* of the newest object of the instance; 0: none */
        const char *newest;   /* its name; valid within on_done */
} StoreProbeResult;

typedef struct StoreProbeOptions {
        Service *service;
        const char *instance; /* lives until on_done */
        void (*on_done)(const StoreProbeResult *result, void *userdata);
        void *userdata;
} StoreProbeOptions;
int store_probe_start(const StoreProbeOptions *options, StoreProbe **ret, Error *err);
/* No more steps but the removal; on_done follows. */
void store_probe_stop(StoreProbe *probe);
StoreProbe *store_probe_free(StoreProbe *probe); /* cancels; a probe that is there stays */

/* The rows "store" and, when it answers, "clock". `store`: for people. */
void store_probe_judge(const StoreProbeResult *result, const char *store, AdviceList *rows);
