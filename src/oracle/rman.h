/* One RMAN process: feeds a script, reads its output line by line, watches for a stall, and judges
 * the run (exit status, text, expected markers). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "oracle/oracle.h"
#include "oracle/output.h"

typedef struct Rman Rman;

typedef struct RmanOptions {
        const OracleDatabase *database;
        RmanPhase phase;
        const char *script;      /* copied, wiped; may hold a password */
        unsigned expect_backups; /* "Finished backup at" this often (phase BACKUP) */
        /* No stall while files below these grow or are written; copied. NULL: output only. */
        const StringList *growth_directories;
        const char *command_id; /* NULL: none. On a stop, sessions with this CLIENT_INFO are ended
                                   in SQL */
        const uint32_t *created_in_logs; /* data files that recovery may create */
        size_t n_created_in_logs;
        /* May call rman_stop(), not rman_free(). NULL: nobody listens. */
        void (*on_event)(const RmanEvent *event, void *userdata);
        /* Last. err NULL: exit 0, no error, every marker. RmanStalled, NoSpace, NotArchivelog,
         * OracleAuth, .. as the contract says. */
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} RmanOptions;
/* The command id of the runs of a tag: 8 hex digits, always the same ones, so that sessions of a
 * run that was cut off are found by its tag alone. */
enum { RMAN_COMMAND_ID_BYTES = 9 };
void rman_command_id(const char *tag, char ret[RMAN_COMMAND_ID_BYTES]);

int rman_start(const Oracle *oracle, const RmanOptions *options, Rman **ret, Error *err);
/* Ends it (SIGINT, SIGTERM, after 30 s sessions in SQL, at last SIGKILL to its pid); on_done comes
 * with Cancelled when it is gone. */
void rman_stop(Rman *rman);
Rman *rman_free(Rman *rman); /* the runner ends the program; no callback */
