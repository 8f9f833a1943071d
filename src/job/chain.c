/* From the youngest to the level 0, one record after the other: each names its parent. Owned by
 * job/restore and job/parent. */
#include "job/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "event/timer.h"
#include "repository/chain.h"

struct ChainReader {
        ChainOptions options;
        Chain chain; /* youngest first while it is read */
        char id[37]; /* that is being read */
        SourceReader *source;
        Timer *next; /* a reader is not freed within its callback's turn */
};

void chain_done(Chain *chain) {
        for (size_t i = 0; i < chain->n; i++)
                source_done(&chain->links[i]);
        free(chain->links);
        *chain = (Chain){0};
}

Source *chain_last(const Chain *chain) {
        return &chain->links[chain->n - 1];
}

static void turn_around(Chain *chain) {
        for (size_t i = 0; i < chain->n / 2; i++) {
                Source other = chain->links[i];
                chain->links[i] = chain->links[chain->n - 1 - i];
                chain->links[chain->n - 1 - i] = other;
        }
}

static void finish(ChainReader *reader, const Error *err) {
        if (err == NULL)
                turn_around(&reader->chain);
        reader->options.on_done(err == NULL ? &reader->chain : NULL, err, reader->options.userdata);
}

/* What is wrong with an ancestor breaks the chain; a key or a store that is not right does not. */
static void blame_chain(const ChainReader *reader, Error *err) {
        if (err->kind == ERROR_NO_SUCH_BACKUP || err->kind == ERROR_NOT_COMPLETED ||
            err->kind == ERROR_INTEGRITY || err->kind == ERROR_SIGNATURE)
                err->kind = ERROR_CHAIN_BROKEN;
        (void)error_prefix(
                err, "backup %s, an ancestor of backup %s", reader->id, reader->options.backup_id);
}

static int keep(ChainReader *reader, Source *source, Error *err) {
        Chain *chain = &reader->chain;

        if (chain->n == LIMIT_CHAIN_LINKS)
                return error_set(
                        err,
                        ERROR_TOO_LARGE,
                        -EFBIG,
                        "the chain of backup %s has more than %d links",
                        reader->options.backup_id,
                        LIMIT_CHAIN_LINKS);
        if (chain->n > 0) {
                int r = chain_check_link(
                        &source->record,
                        source->record_sha256,
                        &chain->links[chain->n - 1].record,
                        err);
                if (r < 0)
                        return r;
        }
        Source *links = reallocarray(chain->links, chain->n + 1, sizeof(Source));
        if (links == NULL)
                return error_oom(err);
        chain->links = links;
        links[chain->n++] = *source;
        *source = (Source){0};
        return 0;
}

static int read_link(ChainReader *reader, Error *err);

static void on_source(Source *source, const Error *err, void *userdata) {
        ChainReader *reader = userdata;
        Error error = {0};

        if (err != NULL) {
                error = *err;
                if (reader->chain.n > 0)
                        blame_chain(reader, &error);
                finish(reader, &error);
                return;
        }
        int r = keep(reader, source, &error);
        if (r < 0)
                finish(reader, &error);
        else if (chain_last(&reader->chain)->record.parent_id == NULL)
                finish(reader, NULL);
        else
                timer_arm(reader->next, 0);
}

static void on_next(void *userdata) {
        ChainReader *reader = userdata;
        Error error = {0};

        reader->source = source_reader_free(reader->source);
        (void)snprintf(
                reader->id, sizeof(reader->id), "%s", chain_last(&reader->chain)->record.parent_id);
        if (read_link(reader, &error) < 0)
                finish(reader, &error);
}

static int read_link(ChainReader *reader, Error *err) {
        const ChainOptions *options = &reader->options;
        SourceOptions source = {
                .service = options->service,
                .trusted = options->trusted,
                .trusted_too = options->trusted_too,
                .backup_id = reader->id,
                .instance = reader->chain.n == 0 ? NULL : reader->chain.links[0].record.instance,
                .accept_unsigned = options->accept_unsigned,
                .on_done = on_source,
                .userdata = reader,
        };
        return source_reader_start(&source, &reader->source, err);
}

int chain_reader_start(const ChainOptions *options, ChainReader **ret, Error *err) {
        ChainReader *reader = calloc(1, sizeof(ChainReader));

        if (reader == NULL)
                return error_oom(err);
        reader->options = *options;
        (void)snprintf(reader->id, sizeof(reader->id), "%s", options->backup_id);
        int r = timer_new(options->service->loop, on_next, reader, &reader->next, err);
        if (r >= 0)
                r = read_link(reader, err);
        if (r < 0) {
                chain_reader_free(reader);
                return r;
        }
        *ret = reader;
        return 0;
}

ChainReader *chain_reader_free(ChainReader *reader) {
        if (reader == NULL)
                return NULL;
        source_reader_free(reader->source);
        timer_free(reader->next);
        chain_done(&reader->chain);
        free(reader);
        return NULL;
}
