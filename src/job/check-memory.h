/* What the ledger of this host knows: work that is still owed, and how often we ran DELETE and
 * CROSSCHECK in each database of late (V$RMAN_STATUS does not tell ours from others'). */
#pragma once

#include "job/service.h"
#include "ledger/db.h"
#include "oracle/advice.h"

typedef struct CheckMemory {
        Owed *owed;
        size_t n_owed;
        LedgerOperations *operations;
        size_t n_operations;
} CheckMemory;

/* On the ledger's thread. */
int check_memory_read(LedgerDb *db, CheckMemory *ret, Error *err);
void check_memory_done(CheckMemory *memory);

uint64_t check_memory_deletes(const CheckMemory *memory, const char *sid);
uint64_t check_memory_crosschecks(const CheckMemory *memory, const char *sid);
/* "owed_work"; what a running job owes is its own matter. manager NULL: no job runs. */
void check_memory_judge(const CheckMemory *memory, struct Manager *manager, AdviceList *rows);
