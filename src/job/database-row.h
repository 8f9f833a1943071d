/* The row in the ledger of a job that works at one database of this host: after a crash the next
 * start names it. */
#pragma once

#include "job/job.h"
#include "job/service.h"

/* on_done: once, later, from the loop; never after ledger_cancel(). */
typedef struct DatabaseRow {
        Service *service;
        const Job *job;
        const char *sid;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} DatabaseRow;
int database_row_put(const DatabaseRow *row, LedgerCall **ret, Error *err);
int database_row_remove(const DatabaseRow *row, LedgerCall **ret, Error *err);
