/* What was asked of a driver, as it keeps it until the reply: strings, small objects and lists are
 * copies; the memory of a segment stays the caller's. */
#pragma once

#include "store/driver.h"

typedef struct StoreAsked {
        StoreOperationType type;
        char *name, *instance, *backup_id, *attempt;
        uint8_t *object; /* the small object to put */
        StoreCommitSegment *segments;
        size_t n_segments;
        const uint8_t *bytes; /* the caller's: the segment to put */
        uint8_t *buffer;      /* the caller's: where a segment goes */
        size_t size;          /* of object, bytes, buffer; of an object to get: at most */
        uint64_t index, offset;
        char md5[33]; /* "": not known */
} StoreAsked;

/* 0 or -ENOMEM; store_asked_done() either way. */
int store_asked_copy(const StoreOperation *operation, StoreAsked *ret);
void store_asked_done(StoreAsked *asked);
StoreAttempt store_asked_attempt(const StoreAsked *asked); /* borrowed */
char *store_asked_segment(const StoreAsked *asked);        /* its name, owned; NULL: no memory */
