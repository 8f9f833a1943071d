/* The payload key of a running backup and a line per sealed segment, together in one file of the
 * runtime directory (a tmpfs): both die with the kernel and neither alone. The line is written
 * after sealing and before the segment's first byte leaves. Plain file functions: call from worker
 * threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

typedef struct RunKey RunKey;

/* What the file begins with. */
typedef struct RunKeyStart {
        const uint8_t *key; /* 32 bytes */
        const void *header; /* of the age file */
        size_t header_size;
} RunKeyStart;

/* Creates <directory>/<backup_id>.<attempt>.key (0600, O_EXCL), holding boot id, key and header. */
int run_key_create(
        const char *directory,
        const char *backup_id,
        const char *attempt,
        const RunKeyStart *start,
        RunKey **ret,
        Error *err);
RunKey *run_key_free(RunKey *run_key); /* closes; the file stays */
DEFINE_CLEANUP(RunKey, run_key);
int run_key_append(
        RunKey *run_key,
        uint64_t segment,
        uint64_t size,
        const char *md5,
        Error *err); /* one write(2); thread-safe */
int run_key_remove(
        const char *directory,
        const char *backup_id,
        const char *attempt,
        Error *err); /* absent: 0 */
int run_key_remove_all(const char *directory, Error *err);
