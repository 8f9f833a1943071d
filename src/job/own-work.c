/* Rows of jobs, and of deletions among what is owed. Used by job/query and job/family. */
#include "job/own-work.h"

#include <stdlib.h>

void own_work_done(OwnWork *own) {
        for (size_t i = 0; i < own->n_jobs; i++)
                ledger_job_done(&own->jobs[i]);
        free(own->jobs);
        string_list_done(&own->deletions);
        *own = (OwnWork){0};
}

static int read_deletions(LedgerDb *db, StringList *ret, Error *err) {
        Owed *owed = NULL;
        size_t n = 0;
        int r = ledger_owed(db, &owed, &n, err);

        for (size_t i = 0; i < n; i++) {
                bool is_deletion = owed[i].type == OWED_DELETE || owed[i].type == OWED_CLAIM;
                if (r >= 0 && is_deletion && string_list_add(ret, owed[i].backup_id) < 0)
                        r = error_oom(err);
                owed_done(&owed[i]);
        }
        free(owed);
        return r;
}

int own_work_read(LedgerDb *db, OwnWork *ret, Error *err) {
        OwnWork own = {0};
        int r = ledger_jobs(db, &own.jobs, &own.n_jobs, err);

        if (r >= 0)
                r = read_deletions(db, &own.deletions, err);
        if (r < 0)
                own_work_done(&own);
        else
                *ret = own;
        return r;
}
