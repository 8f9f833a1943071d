/* Which backups are based on one, at whatever distance. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Kin {
        const char *id, *parent_id; /* parent_id "": a level 0 */
        uint64_t sequence;
} Kin;

/* Indices of all descendants, the youngest (the highest sequence) first: the order in which they
 * can be deleted without one that is left losing its parent. Caller frees. 0 or -ENOMEM. */
int descendants_find(const Kin *kin, size_t n, const char *id, size_t **ret, size_t *ret_n);
