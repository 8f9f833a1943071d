/* Claims: free to go on, not ours, or never arrived. Called by job/ before a backup, a take-over
 * and at recovery. */
#include "repository/claim-rules.h"

#include <errno.h>
#include <inttypes.h>

#include "base/strings.h"

uint64_t claim_rules_first(const ClaimKnown *known, uint64_t highest_listed) {
        uint64_t first = known->sequence > highest_listed ? known->sequence : highest_listed;
        return first > 0 ? first : 1;
}

static int not_owner(const char *instance, const ClaimSeen *seen, Error *err) {
        char time[32];
        if (seen->claim == NULL)
                return error_set(
                        err,
                        ERROR_NOT_OWNER,
                        -EPERM,
                        "Claim %" PRIu64 " of instance %s is not one of this host, and who made "
                        "it cannot be read or is not trusted: if no other host uses the name, "
                        "take it over (TakeOver)",
                        seen->sequence,
                        instance);
        format_time(seen->claim->created_usec, time);
        return error_set(
                err,
                ERROR_NOT_OWNER,
                -EPERM,
                "Claim %" PRIu64 " of instance %s was made by host %s at %s: another host uses "
                "the name or the state of this host is old; if that host no longer backs up, take "
                "the name over (TakeOver)",
                seen->sequence,
                instance,
                seen->claim->hostname,
                time);
}

static bool is_known(const ClaimKnown *known, const ClaimSeen *seen) {
        return seen->claim != NULL && string_equal(known->id, seen->claim->id) &&
               string_equal(known->hostname, seen->claim->hostname);
}

uint64_t claim_rules_after(const ClaimKnown *known, const ClaimSeen *seen) {
        return (known->sequence > seen->sequence ? known->sequence : seen->sequence) + 1;
}

int claim_rules_decide(
        const char *instance,
        const ClaimKnown *known,
        const ClaimSeen *seen,
        uint64_t *ret_next,
        Error *err) {
        bool later = seen->sequence > known->sequence;
        bool other =
                seen->sequence > 0 && seen->sequence == known->sequence && !is_known(known, seen);
        if (later || other)
                return not_owner(instance, seen, err);
        *ret_next = claim_rules_after(known, seen);
        return 0;
}

ClaimFate
claim_rules_fate(const char *instance, const ClaimKnown *own, const ClaimSeen *seen, Error *err) {
        if (seen->sequence < own->sequence)
                return CLAIM_FORGET;
        if (seen->sequence == own->sequence && is_known(own, seen))
                return CLAIM_OURS;
        not_owner(instance, seen, err);
        return CLAIM_FOREIGN;
}
