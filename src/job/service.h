/* What every job works with: the parts of the service, owned by daemon/, lent to jobs. A job keeps
 * the configuration it began with (config_ref). */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "event/loop.h"
#include "event/work.h"
#include "ledger/ledger.h"
#include "oracle/oracle.h"
#include "store/store.h"
#include "stream/age.h"
#include "stream/sign.h"

/* A configuration that jobs share; freed when the last user lets go (Reload replaces the
 * service's). */
typedef struct Settings {
        unsigned users;
        Config *config;
        AgeRecipients *recipients; /* NULL: none usable; recipients_error says why */
        Error recipients_error;
        TrustedKeys *trusted; /* own keys and the file's */
} Settings;
Settings *settings_ref(Settings *settings);
Settings *settings_unref(Settings *settings); /* NULL */

typedef struct Service {
        Loop *loop;
        WorkPool *files;   /* what may wait on a disk */
        WorkPool *sealing; /* segments: sealing and opening */
        Ledger *ledger;
        Store *store;
        Oracle oracle;
        Settings *settings; /* the present ones; a job takes settings_ref() */
        SigningKey *signing_key;
        const char *hostname;
        const char *runtime_directory; /* keys and digests */
        const char *state_directory;
        uint64_t shutdown_msec; /* how long a stop may take */
} Service;
