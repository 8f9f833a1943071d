/* Rows of a check about the databases, one after the other. A database that cannot be asked gives
 * its row and does not keep the others from theirs. */
#pragma once

#include "job/check-memory.h"
#include "job/service.h"
#include "oracle/advice.h"
#include "repository/record.h"

typedef struct DatabaseCheck DatabaseCheck;

/* Beside the rows, for those about room. */
typedef struct DatabaseCheckResult {
        StringList recovery_areas, homes;
        uint64_t expected_bytes; /* of a level 0 of all that could be asked */
} DatabaseCheckResult;

typedef struct DatabaseCheckOptions {
        Service *service;
        Settings *settings; /* live until on_done, as the next three do */
        const CheckMemory *memory;
        const Record *newest; /* the newest backup; NULL: none */
        AdviceList *rows;
        uint64_t level0_age_days;
        void (*on_database)(const char *sid, void *userdata);
        void (*on_done)(const DatabaseCheckResult *result, const Error *err, void *userdata);
        void *userdata;
} DatabaseCheckOptions;
int database_check_start(const DatabaseCheckOptions *options, DatabaseCheck **ret, Error *err);
DatabaseCheck *database_check_free(DatabaseCheck *check); /* cancels */
