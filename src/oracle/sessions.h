/* Ends RMAN's own sessions in SQL, those that stayed when RMAN was stopped or cut off. No process
 * of Oracle is ever signalled. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "oracle/oracle.h"

enum { SESSIONS_MAX = 64 };

typedef struct Sessions Sessions;

typedef struct SessionsOptions {
        const OracleDatabase *database;
        const char *command_id; /* of SET COMMAND ID; NULL: by SIDs alone */
        const uint32_t *sids; /* of RMAN's channel lines; only sessions of an rman program count */
        size_t n_sids;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} SessionsOptions;
int sessions_end(const Oracle *oracle, const SessionsOptions *options, Sessions **ret, Error *err);
Sessions *sessions_free(Sessions *sessions);
