/* The keys this host signs with: the one in use, and those it ever used, which stay trusted for its
 * own instance. */
#pragma once

#include "base/strings.h"
#include "stream/sign.h"

typedef struct OwnKeys {
        SigningKey *key;   /* in use */
        StringList public; /* "ed25519:..": every own key, the one in use included */
        bool made;         /* just now */
} OwnKeys;

/* The credential signing-key, else the newest <state_directory>/signing/<time>.pem, which is made
 * when there is none. ERROR_CONFIG names the file. Blocks: at the start. */
int own_keys_load(const char *state_directory, OwnKeys *ret, Error *err);
void own_keys_done(OwnKeys *keys);
