/* Who may write under an instance: what the ledger knows of its claims against what the store
 * showed. Pure.
 *
 * The caller lists <instance>/begin/, reads the claim claim_rules_first() names by name, and then
 * the ones after it until one is absent: a listing lags, a GET of n+1 does not. What it found last
 * goes to claim_rules_decide(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "repository/control.h"

/* The last claim of the instance that this host knows of (the ledger's). */
typedef struct ClaimKnown {
        uint64_t sequence; /* 0: none */
        const char *id, *hostname;
} ClaimKnown;

/* The highest claim the store showed by name. */
typedef struct ClaimSeen {
        uint64_t sequence;  /* 0: none */
        const Claim *claim; /* NULL: it is there, but is none or its signature is not trusted */
} ClaimSeen;

/* The claim to read first; from there upwards until one is absent. At least 1. */
uint64_t claim_rules_first(const ClaimKnown *known, uint64_t highest_listed);

/* Free: 0 and the sequence of the next claim. Else -EPERM NotOwner, naming host and time. */
int claim_rules_decide(
        const char *instance,
        const ClaimKnown *known,
        const ClaimSeen *seen,
        uint64_t *ret_next,
        Error *err);

/* A claim whose PUT was on its way when the process ended, or is read back after its PUT. */
typedef enum ClaimFate {
        CLAIM_FORGET,  /* it never arrived */
        CLAIM_OURS,    /* it did */
        CLAIM_FOREIGN, /* another's has its place: *err is NotOwner */
} ClaimFate;
ClaimFate
claim_rules_fate(const char *instance, const ClaimKnown *own, const ClaimSeen *seen, Error *err);

/* For a take-over: the sequence after everything known and seen. */
uint64_t claim_rules_after(const ClaimKnown *known, const ClaimSeen *seen);
