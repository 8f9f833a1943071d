/* A body that says what came of a request under a status that does not: a manifest stored with
 * heartbeats, a bulk delete, the refusal of a manifest. Pure. */
#pragma once

#include "store/swift-answer.h"

typedef struct SwiftReport {
        int status; /* of the whole */
        uint64_t n_deleted, n_not_found;
        /* Of the errors: how many there are, how many of them may pass, the first that does not
         * (else the first of all). */
        size_t n_errors, n_passing;
        char first[320];
        int first_status; /* 0: it has none */
        bool unauthorized;
} SwiftReport;

/* *ret is the report, also when it says that something failed. */
int swift_report_read(const SwiftAnswer *answer, SwiftReport *ret, Error *err);
