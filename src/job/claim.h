/* Claiming the next sequence number of the instance: what this host knows (ledger) against what the
 * store shows, then a create-only PUT whose bytes are in the ledger first. A claim that this host
 * does not know is another writer: NotOwner, until TakeOver. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/service.h"
#include "ledger/db.h"
#include "repository/control.h"

typedef struct Claiming Claiming;

typedef struct ClaimingOptions {
        Service *service;
        Settings *settings;
        LedgerJob *row;  /* the job's row: stage, sequence and object (the envelope that is stored)
                            are filled in and written; lives until on_done */
        Claim *claim;    /* sequence is filled in; lives until on_done */
        bool take_over;  /* foreign claims are no obstacle */
        bool only_check; /* is this host the writer? Nothing is claimed; row and claim are NULL */
        /* err NULL: the claim is acknowledged and the ledger says so. sent: the PUT was begun, so
         * that the claim may be there in spite of the error. */
        void (*on_done)(const Error *err, bool sent, void *userdata);
        void *userdata;
} ClaimingOptions;
int claiming_start(const ClaimingOptions *options, Claiming **ret, Error *err);
Claiming *claiming_free(Claiming *claiming); /* cancels; not between claiming_is_sending() and
                                                on_done but at the very end of the service */
bool claiming_is_sending(const Claiming *claiming);
uint64_t claiming_last(const Claiming *claiming); /* within on_done: the highest claim of the
                                                     instance, known or seen; 0: none */
