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

/* Reads the configuration, the recipients (or the credential passphrase) and the trusted keys, to
 * which every key of own_keys
 * ("ed25519:..") is added for the own instance. Unusable recipients are recipients_error, all else
 * is the error. Blocks. */
int settings_load(const char *config_path, const StringList *own_keys, Settings **ret, Error *err);
/* Its parts, each for itself. Block. */
int settings_read_recipients(const Config *config, AgeRecipients **ret, Error *err);
int settings_read_trusted(
        const Config *config, const StringList *own_keys, TrustedKeys **ret, Error *err);

struct Manager;
struct SummaryCache;

typedef struct Service {
        Loop *loop;
        WorkPool *files;   /* what may wait on a disk */
        WorkPool *sealing; /* segments: sealing and opening */
        Ledger *ledger;
        Store *store;
        Oracle oracle;
        Settings *settings; /* the present ones; a job takes settings_ref() */
        SigningKey *signing_key;
        const StringList *own_keys; /* public ones, older ones too */
        const char *config_path;
        const char *hostname;
        const char *runtime_directory; /* keys and digests */
        const char *state_directory;
        uint64_t shutdown_msec;  /* how long a stop may take */
        struct Manager *manager; /* the jobs; set once it is there, for the List and Get methods */
        struct SummaryCache
                *summaries;  /* what the control objects said; NULL: every list reads them anew */
        struct Cache *cache; /* the same, on disk; NULL: none */
        struct Recovery *recovery; /* owed work; set once it is there */
        uint64_t retry_delay_msec; /* before another attempt of a backup */
} Service;
