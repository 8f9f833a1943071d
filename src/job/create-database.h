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

int create_database_new(
        Service *service, const CreateDatabaseRequest *request, void **ret, Error *err);
/* As a job of the service's manager. Begins at the next turn of the loop. Busy, Interrupted, .. */
int create_database_submit(
        Service *service, const CreateDatabaseRequest *request, Job **ret, Error *err);

extern const JobFunctions create_database_functions;
