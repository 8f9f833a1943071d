/* Everything a check wants to know of one database: the facts of the preflight, without its
 * verdict, and what is seen from outside of the instance. */
#pragma once

#include "oracle/advice.h"
#include "oracle/oracle.h"

typedef struct Survey Survey;

typedef struct SurveyOptions {
        const OracleDatabase *database; /* copied */
        /* err: it could not be asked (Oracle: down, not mounted; OracleAuth); facts and local are
         * NULL then. Both belong to the survey and are valid within the call. */
        void (*on_done)(
                const DatabaseFacts *facts,
                const LocalFacts *local,
                const Error *err,
                void *userdata);
        void *userdata;
} SurveyOptions;
int survey_start(const Oracle *oracle, const SurveyOptions *options, Survey **ret, Error *err);
Survey *survey_free(Survey *survey); /* cancels */
