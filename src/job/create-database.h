/* CreateDatabase: dbca -> ARCHIVELOG mode -> oratab, listener. */
#pragma once

#include "job/job.h"
#include "job/service.h"
#include "oracle/dbca-response.h"

typedef struct CreateDatabaseRequest {
        const char *sid;
        const char *oracle_home;
        DbcaChoices choices;      /* checked by dbca_check_choices() */
        const char *sys_password; /* checked by dbca_check_password(); copied */
} CreateDatabaseRequest;

/* Begins at the next turn of the loop. Busy, Interrupted, .. */
int create_database_submit(
        Service *service, const CreateDatabaseRequest *request, Job **ret, Error *err);

extern const JobFunctions create_database_functions;
