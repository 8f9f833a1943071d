/* Rows of a check about this host: its files, keys and directories. Plain blocking functions on
 * plain data, for a worker. */
#pragma once

#include "job/service.h"
#include "oracle/advice.h"

typedef struct HostCheck {
        /* in */
        const char *config_path;
        const Config *config; /* the running one */
        const TrustedKeys *trusted;
        const StringList *own_keys;
        const SigningKey *signing_key;
        const char *state_directory;
        const AgeIdentities *identities; /* NULL: the credential "identity", where there is one */
        AdviceList *rows;
} HostCheck;
void check_host(const HostCheck *check);

/* What the databases said, for the rows about room. */
typedef struct RoomCheck {
        const Config *config;
        const StringList *recovery_areas; /* paths */
        const StringList *homes;          /* Oracle homes */
        uint64_t expected_bytes;          /* of the next level 0; 0: not known */
        AdviceList *rows;
} RoomCheck;
void check_room(const RoomCheck *check);
