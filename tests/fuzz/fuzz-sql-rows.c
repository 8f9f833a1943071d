/* Any bytes as SQL*Plus' output, read as rows and as facts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/queries.h"
#include "oracle/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_facts(const Rows *rows) {
        DatabaseFacts database = {0};
        RunFacts run = {0};
        ThreadFacts *threads = NULL;
        BaseFacts *bases = NULL;
        size_t n;

        if (queries_instance(rows, &database, NULL) == 0)
                queries_database(rows, &database, NULL);
        database_facts_done(&database);
        if (queries_run(rows, &run, NULL) == 0)
                queries_times(rows, &run, NULL);
        run_facts_done(&run);
        if (queries_threads(rows, &threads, &n, NULL) == 0)
                free(threads);
        if (queries_bases(rows, &bases, &n, NULL) == 0)
                free(bases);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *)data, *end = p + size;
        Rows rows = {0};

        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t)(end - p));
                const char *stop = newline == NULL ? end : newline;

                rows_add_line(&rows, p, (size_t)(stop - p), NULL);
                p = newline == NULL ? end : newline + 1;
        }
        read_facts(&rows);
        rows_done(&rows);
        return 0;
}
