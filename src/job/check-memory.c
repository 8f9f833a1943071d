/* See check-memory.h. Read once by a check, and by the plan of a backup. */
#include "job/check-memory.h"

#include <errno.h>
#include <stdlib.h>

#include "job/manager.h"

int check_memory_read(LedgerDb *db, CheckMemory *ret, Error *err) {
        CheckMemory memory = {0};
        int r = ledger_owed(db, &memory.owed, &memory.n_owed, err);

        if (r >= 0)
                r = ledger_operations(db, &memory.operations, &memory.n_operations, err);
        if (r < 0) {
                check_memory_done(&memory);
                return r;
        }
        *ret = memory;
        return 0;
}

void check_memory_done(CheckMemory *memory) {
        for (size_t i = 0; i < memory->n_owed; i++)
                owed_done(&memory->owed[i]);
        free(memory->owed);
        free(memory->operations);
        *memory = (CheckMemory){0};
}

static const LedgerOperations *find(const CheckMemory *memory, const char *sid) {
        for (size_t i = 0; i < memory->n_operations; i++)
                if (string_equal(memory->operations[i].sid, sid))
                        return &memory->operations[i];
        return NULL;
}

uint64_t check_memory_deletes(const CheckMemory *memory, const char *sid) {
        const LedgerOperations *operations = find(memory, sid);
        return operations == NULL ? 0 : operations->deletes;
}

uint64_t check_memory_crosschecks(const CheckMemory *memory, const char *sid) {
        const LedgerOperations *operations = find(memory, sid);
        return operations == NULL ? 0 : operations->crosschecks;
}

static const char *describe(OwedType type) {
        switch (type) {
        case OWED_PUT:
                return "an object has to reach the store";
        case OWED_CLEAN_TAG:
                return "a tag has to leave the control file (no level 1 starts before)";
        case OWED_UNCATALOG:
                return "records of pieces have to leave the control file";
        case OWED_SEGMENTS:
                return "segments have to be removed";
        case OWED_DIRECTORY:
                return "a directory has to be removed";
        case OWED_DELETE:
                return "a backup has to be deleted";
        case OWED_STAGED:
        case OWED_CLAIM:
                break; /* is_waiting() */
        }
        return "something";
}

/* What stays until there is a later level 0, or a later claim, is as it should be. */
static bool is_waiting(const Owed *owed) {
        return owed->type == OWED_STAGED || owed->type == OWED_CLAIM;
}

static bool is_of_running_job(struct Manager *manager, const Owed *owed) {
        for (Job *job = manager == NULL ? NULL : manager_next(manager, NULL); job != NULL;
             job = manager_next(manager, job))
                if (job_state(job) == JOB_RUNNING &&
                    string_equal(job_backup_id(job), owed->backup_id))
                        return true;
        return false;
}

void check_memory_judge(const CheckMemory *memory, struct Manager *manager, AdviceList *rows) {
        const Owed *first = NULL;
        char since[21];
        size_t n = 0;

        for (size_t i = 0; i < memory->n_owed; i++) {
                if (is_waiting(&memory->owed[i]) || is_of_running_job(manager, &memory->owed[i]))
                        continue;
                if (n++ == 0)
                        first = &memory->owed[i];
        }
        if (first == NULL) {
                advice_good(rows, "owed_work", NULL, "no work of an earlier backup is left");
                return;
        }
        format_time(first->since_usec, since);
        advice_bad(
                rows,
                "owed_work",
                NULL,
                ADVICE_WARNING,
                "%zu things are still to be done, the oldest since %s: %s: %s, of backup %s; it is "
                "tried again and again, the journal says why it does not work: remove that cause",
                n,
                since,
                describe(first->type),
                first->name,
                first->backup_id);
}
