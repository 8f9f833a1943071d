/* What a DBA should know of a database before its backups can be relied on: facts in, rows out.
 * Pure. A check shows every row, a backup warns of those that concern it. Sources:
 * docs/architecture.md, "Before a backup". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oracle/facts.h"
#include "oracle/listener.h"

typedef enum AdviceSeverity {
        ADVICE_ERROR,   /* a backup, or the restore of one, will fail */
        ADVICE_WARNING, /* they work, but something may be lost or surprise */
        ADVICE_INFO,    /* worth knowing; nothing need be done */
} AdviceSeverity;
const char *advice_severity_name(AdviceSeverity severity);

/* A row that is ok is an info. The detail of one that is not ends with what to do. */
typedef struct Advice {
        const char *check; /* static */
        char database[31]; /* "": of the host */
        bool ok;
        AdviceSeverity severity;
        char *detail;
} Advice;

/* A list that remembers a failed allocation. */
typedef struct AdviceList {
        Advice *items;
        size_t n;
        bool failed;
} AdviceList;
void advice_list_done(AdviceList *list);
/* sid NULL: of the host. */
void advice_good(AdviceList *list, const char *check, const char *sid, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
void advice_bad(
        AdviceList *list,
        const char *check,
        const char *sid,
        AdviceSeverity severity,
        const char *format,
        ...) __attribute__((format(printf, 5, 6)));

/* What the configuration and this host's memory add to the facts. */
typedef struct AdviceContext {
        const char *sid;
        unsigned channels;
        uint64_t level0_age_days;              /* of the chain that a level 1 continues; 0: none */
        uint64_t own_deletes, own_crosschecks; /* of the last 31 days, by ourselves */
        uint64_t last_low_scn; /* where the newest backup of this database begins; 0: none */
        bool keeps_pieces;     /* [store] release = chain */
        bool forgets;          /* [oracle] repository = forget */
} AdviceContext;

/* What is seen from outside of the instance, by a check only. */
typedef struct LocalFacts {
        bool has_rman;          /* the program can be run */
        bool has_password_file; /* orapw<SID> in the dbs directory, from where backups take it */
        char *undefined_alias;  /* "local_listener = LISTENER_X": not in tnsnames.ora; NULL: none */
        ListenerState listener;
        bool listener_known;
        char *archive_directory;         /* the fullest one that is archived to; NULL: none */
        uint64_t archive_directory_free; /* bytes */
} LocalFacts;
void local_facts_done(LocalFacts *local);

/* Every row of a database that could be asked. */
void advice_database(
        const AdviceContext *context,
        const DatabaseFacts *facts,
        const LocalFacts *local,
        AdviceList *list);
/* Of these, what is not ok and concerns a backup that is about to run; local facts are not needed.
 */
void advice_backup(const AdviceContext *context, const DatabaseFacts *facts, AdviceList *list);
