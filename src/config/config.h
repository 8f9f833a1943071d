/* The configuration: one struct, one table of keys (config/keys.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strings.h"

typedef enum StoreType { STORE_TYPE_DIRECTORY, STORE_TYPE_SWIFT } StoreType;
typedef enum ReleasePolicy { RELEASE_COMMITTED, RELEASE_STORED, RELEASE_CHAIN } ReleasePolicy;

typedef struct Config {
        /* [instance] */
        char *instance;
        /* [oracle] */
        char *oratab;
        StringList databases; /* SIDs; empty: all of oratab */
        char *backup_dir;
        char *connect; /* "/" or a user name */
        char *service; /* "" : none */
        bool compressed;
        unsigned channels;
        uint64_t max_piece_size; /* 0: no clause */
        unsigned parallel_databases;
        uint64_t oracle_stall_timeout_msec;
        unsigned retries;
        bool skip_unavailable;
        bool repository_forget;
        /* [store] */
        StoreType store_type;
        uint64_t segment_size;
        unsigned concurrency;
        unsigned threads; /* never 0 here: the default is resolved */
        uint64_t rate_limit;
        bool resume;
        ReleasePolicy release;
        uint64_t retry_time_msec;
        /* [directory] */
        char *directory_path;
        /* [swift] */
        char *swift_auth_url;
        unsigned swift_auth_version;
        char *swift_username, *swift_application_credential_id, *swift_project_name,
                *swift_project_domain_name, *swift_user_domain_name, *swift_region_name,
                *swift_interface, *swift_container, *swift_segment_container, *swift_ca_file;
        uint64_t swift_connect_timeout_msec, swift_stall_timeout_msec;
        /* [encryption] [signing] */
        char *recipients_file, *trusted_keys_file;
        /* [retention] [schedule] */
        unsigned retention_full, retention_days;
        bool on_broken_chain_full;
        /* [access] */
        char *access_group;
} Config;

/* Reads path and <path>.d/ drop-ins (orabackup.conf.d beside it). Every mistake: file, line, key,
 * what was found, what is allowed (ERROR_CONFIG). May wait for a disk. */
int config_load(const char *path, Config **ret, Error *err);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config, config);
/* What Reload may not change: instance, store type, container. ERROR_CONFIG names the key. */
int config_check_reload(const Config *old, const Config *new, Error *err);

/* Credentials come from CREDENTIALS_DIRECTORY only. -ENOENT with ERROR_CONFIG naming it when
 * absent. Caller wipes and frees. */
int credential_read(const char *name, char **ret, size_t *ret_size, Error *err);
bool credential_exists(const char *name);
