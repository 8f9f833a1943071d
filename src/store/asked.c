/* See asked.h. Used by both drivers. */
#include "store/asked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_string(const char *from, char **ret) {
        *ret = from != NULL ? strdup(from) : NULL;
        return from == NULL || *ret != NULL ? 0 : -ENOMEM;
}

static void *copy_bytes(const void *from, size_t size) {
        void *bytes = malloc(size + 1);
        if (bytes != NULL && size > 0)
                memcpy(bytes, from, size);
        return bytes;
}

int store_asked_copy(const StoreOperation *operation, StoreAsked *ret) {
        *ret = (StoreAsked){
                .type = operation->type,
                .n_segments = operation->n_segments,
                .bytes = operation->type == STORE_PUT_SEGMENT ? operation->bytes : NULL,
                .buffer = operation->buffer,
                .size = operation->size,
                .index = operation->segment.index,
                .offset = operation->segment.offset,
        };
        if (operation->segment.md5 != NULL)
                (void)snprintf(ret->md5, sizeof(ret->md5), "%s", operation->segment.md5);
        if (copy_string(operation->name, &ret->name) < 0 ||
            copy_string(operation->attempt.instance, &ret->instance) < 0 ||
            copy_string(operation->attempt.backup_id, &ret->backup_id) < 0 ||
            copy_string(operation->attempt.attempt, &ret->attempt) < 0)
                return -ENOMEM;
        if (operation->type == STORE_PUT_OBJECT) {
                ret->object = copy_bytes(operation->bytes, operation->size);
                return ret->object != NULL ? 0 : -ENOMEM;
        }
        if (operation->type == STORE_COMMIT) {
                ret->segments = copy_bytes(
                        operation->segments, operation->n_segments * sizeof(StoreCommitSegment));
                return ret->segments != NULL ? 0 : -ENOMEM;
        }
        return 0;
}

void store_asked_done(StoreAsked *asked) {
        free(asked->name);
        free(asked->instance);
        free(asked->backup_id);
        free(asked->attempt);
        free(asked->object);
        free(asked->segments);
        *asked = (StoreAsked){0};
}

StoreAttempt store_asked_attempt(const StoreAsked *asked) {
        return (StoreAttempt){asked->instance, asked->backup_id, asked->attempt};
}

char *store_asked_segment(const StoreAsked *asked) {
        StoreAttempt attempt = store_asked_attempt(asked);
        return store_segment_name(&attempt, asked->index);
}
