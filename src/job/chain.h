/* A backup and all its ancestors as they are in the store: every record read by name, signed,
 * linked by its digest, with its checked list of segments. Nothing is changed. */
#pragma once

#include "job/source.h"

typedef struct Chain {
        Source *links; /* links[0]: the level 0; the last: the backup that was asked for */
        size_t n;
} Chain;
void chain_done(Chain *chain);
Source *chain_last(const Chain *chain);

typedef struct ChainReader ChainReader;
typedef struct ChainOptions {
        Service *service;
        const TrustedKeys *trusted;     /* lives until on_done */
        const TrustedKeys *trusted_too; /* NULL: none; lives until on_done */
        const char *backup_id;
        bool accept_unsigned;
        /* Of the backup itself: as source.h. Of an ancestor: ChainBroken when it is missing,
         * damaged or not the one the child was based on; Untrusted, Incompatible or the store's.
         * The caller may take the chain (leave it zeroed). */
        void (*on_done)(Chain *chain, const Error *err, void *userdata);
        void *userdata;
} ChainOptions;
int chain_reader_start(const ChainOptions *options, ChainReader **ret, Error *err);
ChainReader *chain_reader_free(ChainReader *reader); /* cancels */
