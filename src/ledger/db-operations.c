/* Our own DELETE and CROSSCHECK in each database, as counters named
 * "rman/<operation>/<sid>/<day>". Called by job/ through ledger_call(). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/database.h"
#include "ledger/db.h"

enum { KEPT_DAYS = 32, KIND_BYTES = 64, NAME_BYTES = 96 };

static const uint64_t DAY_USEC = UINT64_C(86400000000);
static const char *const NAMES[] = {[LEDGER_DELETE] = "delete", [LEDGER_CROSSCHECK] = "crosscheck"};

static unsigned today(void) {
        return (unsigned)(clock_realtime_usec() / DAY_USEC);
}

/* The day is the name's end, in digits of one length: names of one kind sort by it. */
static int forget_old(LedgerDb *db, const char *kind, Error *err) {
        char first[NAME_BYTES], last[NAME_BYTES];
        Statement statement =
                statement_begin(db, "DELETE FROM counter WHERE name >= ? AND name < ?");

        (void)snprintf(first, sizeof(first), "%s/", kind);
        (void)snprintf(last, sizeof(last), "%s/%010u", kind, today() - KEPT_DAYS);
        statement_bind_text(&statement, first);
        statement_bind_text(&statement, last);
        return statement_run(&statement, err);
}

int ledger_operation_add(
        LedgerDb *db, LedgerOperation operation, const char *sid, uint64_t count, Error *err) {
        char kind[KIND_BYTES], name[NAME_BYTES];

        (void)snprintf(kind, sizeof(kind), "rman/%s/%.30s", NAMES[operation], sid);
        (void)snprintf(name, sizeof(name), "%s/%010u", kind, today());
        int r = forget_old(db, kind, err);
        if (r < 0)
                return r;
        Statement statement = statement_begin(
                db,
                "INSERT INTO counter VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value");
        statement_bind_text(&statement, name);
        statement_bind_uint(&statement, count);
        return statement_run(&statement, err);
}

static LedgerOperations *find_or_add(void **array, size_t *n, const char *sid) {
        LedgerOperations *all = *array;

        for (size_t i = 0; i < *n; i++)
                if (strcmp(all[i].sid, sid) == 0)
                        return &all[i];
        LedgerOperations *one = array_extend(array, n, sizeof(LedgerOperations));
        if (one != NULL)
                (void)snprintf(one->sid, sizeof(one->sid), "%s", sid);
        return one;
}

static int take_counter(char *name, uint64_t value, void **array, size_t *n) {
        char *save = NULL;
        const char *rman = strtok_r(name, "/", &save);
        const char *operation = strtok_r(NULL, "/", &save);
        const char *sid = strtok_r(NULL, "/", &save);
        const char *day = strtok_r(NULL, "/", &save);
        uint64_t number = 0;

        if (rman == NULL || day == NULL || parse_uint64(day, &number) < 0 ||
            number + KEPT_DAYS < today())
                return 0;
        LedgerOperations *one = find_or_add(array, n, sid);
        if (one == NULL)
                return -ENOMEM;
        if (strcmp(operation, NAMES[LEDGER_DELETE]) == 0)
                one->deletes += value;
        else
                one->crosschecks += value;
        return 0;
}

int ledger_operations(LedgerDb *db, LedgerOperations **ret, size_t *ret_n, Error *err) {
        void *all = NULL;
        size_t n = 0;
        int r;
        Statement statement = statement_begin(
                db,
                "SELECT name, value FROM counter WHERE name >= 'rman/' AND name < 'rman0'"
                " ORDER BY name");

        while ((r = statement_step(&statement, err)) > 0) {
                char name[NAME_BYTES];

                statement_copy(&statement, 0, name, sizeof(name));
                if (take_counter(name, statement_uint(&statement, 1), &all, &n) < 0) {
                        r = error_oom(err);
                        break;
                }
        }
        statement_end(&statement);
        if (r < 0) {
                free(all);
                return r;
        }
        *ret = all;
        *ret_n = n;
        return 0;
}
