/* A backup as it is in the store, for reading it back: its record, found by id, its signature
 * judged, and the list of its segments checked against the record. Nothing is changed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "job/service.h"
#include "repository/record.h"
#include "repository/segments.h"

typedef struct Source {
        Record record;
        char record_sha256[65];
        Trust trust;
        char signer[64];
        SegmentLine *segments;
        size_t n_segments;
} Source;
void source_done(Source *source);

typedef struct SourceReader SourceReader;
typedef struct SourceOptions {
        Service *service;
        const TrustedKeys *trusted;     /* lives until on_done */
        const TrustedKeys *trusted_too; /* NULL: none; lives until on_done */
        const char *backup_id;
        const char *instance; /* where it is looked for; NULL: the own one, then every other */
        bool accept_unsigned; /* a missing or bad signature is logged and taken */
        /* NoSuchBackup, NotCompleted, Signature, Untrusted (shows the key), Incompatible,
         * Integrity, or the store's. The caller may take the source (leave it zeroed). */
        void (*on_done)(Source *source, const Error *err, void *userdata);
        void *userdata;
} SourceOptions;
int source_reader_start(const SourceOptions *options, SourceReader **ret, Error *err);
SourceReader *source_reader_free(SourceReader *reader); /* cancels */
