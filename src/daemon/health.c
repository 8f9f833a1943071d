#include "daemon/health.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

enum { N_POOLS = 3 };
static const uint64_t STUCK_USEC = UINT64_C(600) * 1000 * 1000;

typedef struct Probe {
        const char *name;
        WorkPool *pool;
        Work *work;
        bool busy; /* full queues give none back, so a refusal counts as a probe on its way */
        uint64_t since_usec;
} Probe;

struct Health {
        Service *service;
        Probe pools[N_POOLS];
        Probe ledger;
        LedgerCall *call;
};

static void probe_run(void *userdata) {
}

static void probe_done(void *userdata) {
        Probe *probe = userdata;
        probe->work = NULL;
        probe->busy = false;
}

static int ledger_run(LedgerDb *db, void *userdata, Error *err) {
        return 0;
}

static void ledger_done(int r, const Error *err, void *userdata) {
        Health *health = userdata;
        health->call = NULL;
        health->ledger.busy = false;
}

static bool is_stuck(const Probe *probe) {
        if (!probe->busy || clock_monotonic_usec() - probe->since_usec < STUCK_USEC)
                return false;
        log_error(NULL, "The workers of '%s' have been stuck for ten minutes", probe->name);
        return true;
}

static void mark(Probe *probe) {
        probe->busy = true;
        probe->since_usec = clock_monotonic_usec();
}

static void send_probe(Probe *probe) {
        static const WorkFunctions functions = {.run = probe_run, .on_done = probe_done};
        if (probe->busy && probe->work != NULL)
                return;
        int r = work_start(probe->pool, &functions, probe, &probe->work, NULL);
        if (r < 0)
                probe->work = NULL;
        if (!probe->busy)
                mark(probe);
}

static void send_ledger_probe(Health *health) {
        static const LedgerFunctions functions = {.run = ledger_run, .on_done = ledger_done};
        if (health->call != NULL)
                return;
        if (ledger_call(health->service->ledger, &functions, health, &health->call, NULL) < 0)
                health->call = NULL;
        if (!health->ledger.busy)
                mark(&health->ledger);
}

bool health_check(void *userdata) {
        Health *health = userdata;
        bool healthy = !is_stuck(&health->ledger);
        for (size_t i = 0; i < N_POOLS; i++) {
                healthy = !is_stuck(&health->pools[i]) && healthy;
                send_probe(&health->pools[i]);
        }
        send_ledger_probe(health);
        return healthy;
}

Health *health_free(Health *health) {
        if (health == NULL)
                return NULL;
        for (size_t i = 0; i < N_POOLS; i++)
                work_cancel(health->pools[i].work);
        if (health->call != NULL)
                ledger_cancel(health->call);
        free(health);
        return NULL;
}

int health_new(Service *service, WorkPool *store_pool, Health **ret, Error *err) {
        Health *health = calloc(1, sizeof(*health));
        if (health == NULL)
                return error_oom(err);
        health->service = service;
        health->ledger.name = "ledger";
        health->pools[0] = (Probe){.name = "files", .pool = service->files};
        health->pools[1] = (Probe){.name = "sealing", .pool = service->sealing};
        health->pools[2] = (Probe){.name = "store", .pool = store_pool};
        *ret = health;
        return 0;
}
