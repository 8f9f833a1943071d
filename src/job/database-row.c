/* Puts and removes rows for job/create-database.c and job/enable-archivelog.c. */
#include "job/database-row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "ledger/db.h"

/* A block of its own for the ledger's thread. */
typedef struct RowCall {
        LedgerJob row;
        char sid[LIMIT_SID_BYTES + 1];
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} RowCall;

static int put_run(LedgerDb *db, void *userdata, Error *err) {
        const RowCall *call = userdata;
        return ledger_job_put(db, &call->row, err);
}

static int remove_run(LedgerDb *db, void *userdata, Error *err) {
        const RowCall *call = userdata;
        return ledger_job_remove(db, call->row.id, err);
}

static void call_done(int r, const Error *err, void *userdata) {
        const RowCall *call = userdata;
        call->on_done(r < 0 ? err : NULL, call->userdata);
}

static int
start(const DatabaseRow *row,
      int (*run)(LedgerDb *db, void *userdata, Error *err),
      LedgerCall **ret,
      Error *err) {
        const LedgerFunctions functions = {.run = run, .on_done = call_done, .release = free};
        const char *instance = row->service->settings->config->instance;
        RowCall *call = calloc(1, sizeof(*call));
        if (call == NULL)
                return error_oom(err);
        call->on_done = row->on_done;
        call->userdata = row->userdata;
        (void)snprintf(call->sid, sizeof(call->sid), "%s", row->sid);
        call->row = (LedgerJob){
                .id = job_id(row->job),
                .stage = LEDGER_OTHER,
                .started_usec = clock_realtime_usec(),
                .object = call->sid,
                .object_size = strlen(call->sid),
        };
        const char *type = job_type_name(job_type(row->job));
        (void)snprintf(call->row.type, sizeof(call->row.type), "%s", type);
        (void)snprintf(call->row.instance, sizeof(call->row.instance), "%s", instance);
        int r = ledger_call(row->service->ledger, &functions, call, ret, err);
        if (r < 0)
                free(call);
        return r;
}

int database_row_put(const DatabaseRow *row, LedgerCall **ret, Error *err) {
        return start(row, put_run, ret, err);
}

int database_row_remove(const DatabaseRow *row, LedgerCall **ret, Error *err) {
        return start(row, remove_run, ret, err);
}
