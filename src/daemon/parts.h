/* The parts of the service: made in order at the start, freed in the reverse order at the end. */
#pragma once

#include "daemon/keys.h"
#include "job/manager.h"
#include "job/service.h"

/* The configuration with everything that was read along with it; replaced as a whole by a reload.
 */
typedef struct LoadedSettings {
        Settings *settings;
        char *oracle_password; /* NULL: connects as the owner of Oracle */
        size_t oracle_password_size;
        char *swift_secret; /* NULL: none, swift_error says why */
        size_t swift_secret_size;
        Error swift_error;
} LoadedSettings;

/* Blocks. */
int loaded_settings_read(
        const char *config_path, const StringList *own_keys, LoadedSettings *ret, Error *err);
void loaded_settings_done(LoadedSettings *loaded);

typedef struct Parts {
        Service service; /* lent to the jobs; its members are owned here */
        LoadedSettings loaded;
        OwnKeys keys;
        WorkPool *store_pool;
        char *state_directory, *runtime_directory, *hostname;
        int lock; /* of the state directory */
} Parts;

#define PARTS_INIT ((Parts){.lock = -1})

int parts_make(Parts *parts, Loop *loop, const char *config_path, Error *err);
/* New settings hold from now on; what was there is freed when the last job lets go. */
void parts_use_settings(Parts *parts, LoadedSettings *loaded);
void parts_done(Parts *parts);
