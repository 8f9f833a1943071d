/* A backup's files back on this host: segments are fetched (concurrency of them in flight), opened
 * on the sealing pool, and each slice of plaintext is written to its file at its offset; header
 * bytes must be what the record implies. Files are made O_EXCL under temporary names and renamed
 * only after the last segment verified.
 *
 * States: creating -> fetching -> renaming -> done, or stopping -> stopped from each. */
#pragma once

#include "job/service.h"
#include "job/source.h"

typedef struct DownloadFile {
        size_t member; /* index in the record */
        char *target;  /* absolute; its directories are made */
} DownloadFile;

typedef struct Download Download;
typedef struct DownloadOptions {
        Service *service;
        Settings *settings;
        const Source *source;      /* lives as long as the download */
        const AgePayload *payload; /* copied */
        const DownloadFile *files; /* live as long as the download; members that are not among them
                                      are skipped */
        size_t n_files;
        void (*on_progress)(
                uint64_t bytes, uint32_t segments, void *userdata); /* ciphertext verified so far */
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
} DownloadOptions;
int download_start(const DownloadOptions *options, Download **ret, Error *err);
void download_stop(
        Download *download,
        void (*on_stopped)(void *userdata),
        void *userdata);                     /* no other callback any more */
Download *download_free(Download *download); /* done, or stopped only */
