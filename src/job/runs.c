/* See runs.h. Owned by job/backup. */
#include "job/runs.h"

#include <errno.h>
#include <string.h>

typedef struct DatabaseRun {
        struct Runs *runs;
        size_t index;
        BackupRun *run;
        BackupRunResult result;
} DatabaseRun;

struct Runs {
        RunsOptions options;
        char *destination;
        DatabaseRun *databases;
        size_t n, next, n_running;
        Error first;
        const char *first_sid;
        bool stopping;
};

static void start_more(Runs *runs);

static void stop_all(Runs *runs) {
        runs->stopping = true;
        for (size_t i = 0; i < runs->n; i++)
                if (runs->databases[i].run != NULL)
                        backup_run_stop(runs->databases[i].run);
}

static void note_failure(Runs *runs, size_t index, const Error *err) {
        if (error_is_set(&runs->first))
                return;
        runs->first = *err;
        runs->first_sid = runs->options.plan->databases[index].database.sid;
        stop_all(runs);
}

static void
on_piece(const char *handle, uint64_t size, uint32_t mode, int64_t mtime, void *userdata) {
        DatabaseRun *database = userdata;
        RunsPiece piece = {handle, size, mode, mtime};

        database->runs->options.on_piece(database->index, &piece, database->runs->options.userdata);
}

static void on_done(BackupRunResult *result, const Error *err, void *userdata) {
        DatabaseRun *database = userdata;
        Runs *runs = database->runs;

        database->run = backup_run_free(database->run);
        runs->n_running--;
        if (err != NULL) {
                note_failure(runs, database->index, err);
        } else {
                database->result = *result;
                *result = (BackupRunResult){0};
                runs->options.on_database_done(
                        database->index, &database->result, runs->options.userdata);
        }
        start_more(runs);
}

static int start_one(Runs *runs, size_t index, Error *err) {
        const PlannedDatabase *planned = &runs->options.plan->databases[index];
        const Config *config = runs->options.settings->config;
        BackupRunOptions options = {
                .database = &planned->database,
                .facts = &planned->facts,
                .level = runs->options.level,
                .parent_files = planned->parent_files,
                .n_parent_files = planned->n_parent_files,
                .new_files = planned->new_files,
                .n_new_files = planned->n_new_files,
                .tag = planned->tag,
                .destination = runs->destination,
                .compressed = config->compressed,
                .channels = config->channels,
                .max_piece_size = config->max_piece_size,
                .with_network_files = planned->with_network_files,
                .on_piece = on_piece,
                .on_done = on_done,
                .userdata = &runs->databases[index],
        };
        return backup_run_start(
                &runs->options.service->oracle, &options, &runs->databases[index].run, err);
}

/* Last touch of the runs: on_done may free them. */
static void start_more(Runs *runs) {
        Error error = {0};

        while (!runs->stopping && runs->next < runs->n &&
               runs->n_running < runs->options.settings->config->parallel_databases) {
                size_t index = runs->next++;

                runs->options.on_database(index, runs->options.userdata);
                if (start_one(runs, index, &error) < 0)
                        note_failure(runs, index, &error);
                else
                        runs->n_running++;
        }
        if (runs->n_running > 0)
                return;
        if (runs->stopping && !error_is_set(&runs->first))
                (void)error_set(
                        &runs->first, ERROR_CANCELLED, -ECANCELED, "the backup was stopped");
        bool failed = error_is_set(&runs->first);
        runs->options.on_done(
                failed ? &runs->first : NULL,
                failed ? runs->first_sid : NULL,
                runs->options.userdata);
}

static void start_posted(void *userdata) {
        start_more(userdata);
}

void runs_stop(Runs *runs) {
        if (!runs->stopping)
                stop_all(runs);
}

const BackupRunResult *runs_result(const Runs *runs, size_t database) {
        return &runs->databases[database].result;
}

int runs_start(const RunsOptions *options, Runs **ret, Error *err) {
        Runs *runs = calloc(1, sizeof(Runs));
        int r = runs == NULL ? error_oom(err) : 0;

        if (r >= 0) {
                runs->options = *options;
                runs->n = options->plan->n_databases;
                runs->destination = strdup(options->destination);
                runs->databases = calloc(runs->n, sizeof(DatabaseRun));
                if (runs->destination == NULL || runs->databases == NULL)
                        r = error_oom(err);
        }
        if (r >= 0) {
                for (size_t i = 0; i < runs->n; i++)
                        runs->databases[i] = (DatabaseRun){.runs = runs, .index = i};
                r = loop_post(options->service->loop, start_posted, runs);
                if (r < 0)
                        (void)error_oom(err);
        }
        if (r < 0) {
                runs_free(runs);
                return r;
        }
        *ret = runs;
        return 0;
}

Runs *runs_free(Runs *runs) {
        if (runs == NULL)
                return NULL;
        for (size_t i = 0; runs->databases != NULL && i < runs->n; i++) {
                backup_run_free(runs->databases[i].run);
                backup_run_result_done(&runs->databases[i].result);
        }
        free(runs->databases);
        free(runs->destination);
        free(runs);
        return NULL;
}
