/* RestoreBackup: plan -> download -> (for each database) nomount .. register. Nothing is changed
 * before the whole plan is checked. */
#pragma once

#include "job/job.h"
#include "job/service.h"

typedef struct RestoreRequest {
        char backup_id[37];
        const StringList *databases; /* empty: all of the backup */
        AgeIdentities *identities;   /* taken over; NULL: the credential */
        const char *trust;           /* NULL, or "ed25519:.." */
        bool accept_unsigned;
        bool has_until_scn;
        uint64_t until_scn;
        uint64_t until_usec;     /* CLOCK_REALTIME; 0: none */
        const char *oracle_home; /* NULL: oratab's, else the recorded one */
        const char *backup_dir;  /* NULL: the configured one */
        bool overwrite, dry_run;
} RestoreRequest;

extern const JobFunctions restore_functions;
int restore_new(Service *service, const RestoreRequest *request, void **ret, Error *err);
