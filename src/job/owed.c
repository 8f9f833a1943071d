/* One pass over the owed rows, in their order. Owned by job/backup (its own rows) and job/recovery
 * (all). */
#include "job/owed.h"

#include <errno.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "job/deleting.h"
#include "job/manager.h"
#include "oracle/maintenance.h"
#include "repository/names.h"

struct OwedPass {
        OwedPassOptions options;
        char backup_id[37];
        Owed *rows; /* as last read; read anew for each row, since jobs work at theirs meanwhile */
        size_t n, next, n_left;
        uint64_t last_claim; /* of this instance, as last read */
        uint64_t last_id;    /* rows up to this one have been tried or left out */
        Error first;
        unsigned step; /* within a row of several steps */
        OracleDatabase database;

        LedgerCall *call;
        StoreRequest *request;
        Maintenance *maintenance;
        Deleting *deleting;
        Work *work;
};

/* What crosses threads is a block of its own: it outlives a cancelled pass. */
typedef struct ReadRows {
        OwedPass *pass;
        Owed *rows;
        size_t n;
        char instance[65];
        uint64_t last_claim;
} ReadRows;

typedef struct RemoveRow {
        OwedPass *pass;
        uint64_t id;
        char deleted_in[31]; /* the SID in which RMAN ran our DELETE; "": none */
} RemoveRow;

typedef struct RemoveTree {
        OwedPass *pass;
        char *path;
        int r;
        Error error;
} RemoveTree;

static void read_next(OwedPass *pass);

/* What is handed out lives here and not in the pass, which the owner may free at once. */
static void tell_done(const OwedPass *pass) {
        Error first = pass->first;
        pass->options.on_done(pass->n_left, &first, pass->options.userdata);
}

static const Owed *row_of(const OwedPass *pass) {
        return &pass->rows[pass->next];
}

/* ---- the end of a row ---- */

static void row_stays(OwedPass *pass, const Error *err) {
        pass->n_left++;
        if (!error_is_set(&pass->first))
                pass->first = *err;
        read_next(pass);
}

static int remove_row(LedgerDb *db, void *userdata, Error *err) {
        const RemoveRow *remove = userdata;
        int r = ledger_owed_remove(db, remove->id, err);

        if (r >= 0 && remove->deleted_in[0] != '\0')
                r = ledger_operation_add(db, LEDGER_DELETE, remove->deleted_in, 1, err);
        return r;
}

static void row_removed(int r, const Error *err, void *userdata) {
        RemoveRow *remove = userdata;
        OwedPass *pass = remove->pass;

        pass->call = NULL;
        if (r < 0) {
                row_stays(pass, err);
                return;
        }
        read_next(pass);
}

static void row_done(OwedPass *pass) {
        static const LedgerFunctions functions = {
                .run = remove_row, .on_done = row_removed, .release = free};
        RemoveRow *remove = calloc(1, sizeof(RemoveRow));
        Error error = {0};
        int r = remove == NULL ? error_oom(&error) : 0;

        if (r >= 0) {
                remove->pass = pass;
                remove->id = row_of(pass)->id;
                if (row_of(pass)->type == OWED_CLEAN_TAG)
                        (void)snprintf(
                                remove->deleted_in,
                                sizeof(remove->deleted_in),
                                "%s",
                                row_of(pass)->name);
                r = ledger_call(
                        pass->options.service->ledger, &functions, remove, &pass->call, &error);
        }
        if (r < 0) {
                free(remove);
                row_stays(pass, &error);
        }
}

/* ---- objects ---- */

/* Another failed.json of this backup that verifies counts as ours, whatever its bytes. */
static void on_conflict_read(const StoreReply *reply, void *userdata) {
        OwedPass *pass = userdata;
        Envelope envelope = {0};
        Error error = {0};

        pass->request = NULL;
        int r = reply->r;
        if (r < 0)
                error = *reply->err;
        else
                r = envelope_open(
                        (const char *)reply->data,
                        reply->size,
                        "failed",
                        row_of(pass)->name,
                        &envelope,
                        &error);
        bool good = r >= 0 &&
                    envelope_trust(
                            &envelope,
                            pass->options.service->settings->trusted,
                            pass->options.service->settings->config->instance) == TRUST_TRUSTED;
        envelope_done(&envelope);
        if (r >= 0 && !good)
                r = error_set(
                        &error,
                        ERROR_SIGNATURE,
                        -EEXIST,
                        "%s is there already and is not signed by us",
                        row_of(pass)->name);
        if (r < 0)
                row_stays(pass, &error);
        else
                row_done(pass);
}

static void on_put(const StoreReply *reply, void *userdata) {
        OwedPass *pass = userdata;
        Error error = {0};

        pass->request = NULL;
        if (reply->r >= 0) {
                row_done(pass);
                return;
        }
        if (reply->r != -EEXIST) {
                row_stays(pass, reply->err);
                return;
        }
        int r = store_get_object(
                pass->options.service->store,
                row_of(pass)->name,
                2 * LIMIT_RECORD_BYTES,
                &(StoreCall){on_conflict_read, pass, &pass->request},
                &error);
        if (r < 0)
                row_stays(pass, &error);
}

static int start_put(OwedPass *pass, Error *err) {
        const Owed *row = row_of(pass);
        return store_put_object(
                pass->options.service->store,
                row->name,
                row->data,
                row->size,
                &(StoreCall){on_put, pass, &pass->request},
                err);
}

static int start_segments(OwedPass *pass, Error *err);

static void on_removed(const StoreReply *reply, void *userdata) {
        OwedPass *pass = userdata;
        Error error = {0};

        pass->request = NULL;
        if (reply->r < 0) {
                row_stays(pass, reply->err);
                return;
        }
        if (++pass->step == 3 || row_of(pass)->size > 0)
                row_done(pass);
        else if (start_segments(pass, &error) < 0)
                row_stays(pass, &error);
}

/* Of a backup: the large object first, so that it is never there without its segments; then the
 * segments; the list of them last. Of one attempt: its segments only. */
static int start_segments(OwedPass *pass, Error *err) {
        Store *store = pass->options.service->store;
        const char *instance = pass->options.service->settings->config->instance;
        const Owed *row = row_of(pass);
        char name_of_attempt[9] = "";
        StoreAttempt attempt = {instance, row->name, row->size > 0 ? name_of_attempt : NULL};

        if (row->size > 0)
                (void)snprintf(
                        name_of_attempt,
                        sizeof(name_of_attempt),
                        "%.*s",
                        (int)row->size,
                        (const char *)row->data);
        if (row->size > 0)
                return store_remove_segments(
                        store, &attempt, &(StoreCall){on_removed, pass, &pass->request}, err);
        if (pass->step == 0)
                return store_remove_large_object(
                        store,
                        instance,
                        row->name,
                        &(StoreCall){on_removed, pass, &pass->request},
                        err);
        if (pass->step == 1)
                return store_remove_segments(
                        store, &attempt, &(StoreCall){on_removed, pass, &pass->request}, err);

        CLEANUP(cleanup_free) char *name = object_name(instance, row->name, OBJECT_SEGMENTS);
        if (name == NULL)
                return error_oom(err);
        return store_remove_object(
                store, name, &(StoreCall){on_removed, pass, &pass->request}, err);
}

/* ---- deletions ---- */

static void on_deleted(const Error *err, bool begun, void *userdata) {
        OwedPass *pass = userdata;

        pass->deleting = deleting_free(pass->deleting);
        if (err != NULL) {
                row_stays(pass, err);
                return;
        }
        if (begun)
                log_notice(
                        &(LogFields){.backup = row_of(pass)->backup_id},
                        "Nothing is left of the deleted backup %s",
                        row_of(pass)->backup_id);
        read_next(pass);
}

/* Also of one whose claim had to stay: it is looked through once more, listings lag. */
static int start_delete(OwedPass *pass, Error *err) {
        const Owed *row = row_of(pass);
        DeletingOptions options = {
                .service = pass->options.service,
                .backup_id = row->backup_id,
                .envelope = row->data,
                .envelope_size = row->size,
                .is_owed = true,
                .on_done = on_deleted,
                .userdata = pass,
        };
        return deleting_start(&options, &pass->deleting, err);
}

/* ---- Oracle ---- */

static void on_maintained(const Error *err, void *userdata) {
        OwedPass *pass = userdata;

        pass->maintenance = maintenance_free(pass->maintenance);
        if (err != NULL)
                row_stays(pass, err);
        else
                row_done(pass);
}

static int split_lines(const Owed *row, StringList *ret, Error *err) {
        CLEANUP(cleanup_free) char *text = strndup(row->data, row->size);
        char *state = NULL;

        for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &state); line != NULL;
             line = strtok_r(NULL, "\n", &state))
                if (string_list_add(ret, line) < 0)
                        return error_oom(err);
        return text == NULL ? error_oom(err) : 0;
}

static int start_maintenance(OwedPass *pass, const StringList *lines, Error *err) {
        const Oracle *oracle = &pass->options.service->oracle;
        const StringList handles = {.items = lines->items + 1, .n = lines->n - 1};
        MaintenanceOptions options = {
                .database = &pass->database,
                .on_done = on_maintained,
                .userdata = pass,
        };

        oracle_database_done(&pass->database);
        (void)snprintf(pass->database.sid, sizeof(pass->database.sid), "%s", row_of(pass)->name);
        pass->database.oracle_home = strdup(lines->items[0]);
        if (pass->database.oracle_home == NULL)
                return error_oom(err);
        if (row_of(pass)->type == OWED_UNCATALOG) {
                options.handles = &handles;
                return maintenance_uncatalog(oracle, &options, &pass->maintenance, err);
        }
        options.tag = lines->items[2];
        return maintenance_delete_tag(oracle, &options, &pass->maintenance, err);
}

static int start_oracle(OwedPass *pass, Error *err) {
        size_t at_least = row_of(pass)->type == OWED_CLEAN_TAG ? 3 : 2;
        StringList lines = {0};

        int r = split_lines(row_of(pass), &lines, err);
        if (r >= 0 && lines.n < at_least)
                r = error_set(
                        err,
                        ERROR_INTERNAL,
                        -EBADMSG,
                        "the ledger's owed row for %s is malformed",
                        row_of(pass)->name);
        if (r >= 0)
                r = start_maintenance(pass, &lines, err);
        string_list_done(&lines);
        return r;
}

/* ---- directories ---- */

static void tree_run(void *userdata) {
        RemoveTree *tree = userdata;
        tree->r = directory_remove_tree(tree->path, &tree->error);
}

static void tree_done(void *userdata) {
        RemoveTree *tree = userdata;
        OwedPass *pass = tree->pass;

        pass->work = NULL;
        if (tree->r < 0)
                row_stays(pass, &tree->error);
        else
                row_done(pass);
}

static void tree_release(void *userdata) {
        RemoveTree *tree = userdata;
        free(tree->path);
        free(tree);
}

static int start_directory(OwedPass *pass, Error *err) {
        static const WorkFunctions functions = {
                .run = tree_run, .on_done = tree_done, .release = tree_release};
        RemoveTree *tree = calloc(1, sizeof(RemoveTree));

        if (tree == NULL)
                return error_oom(err);
        tree->pass = pass;
        tree->path = strdup(row_of(pass)->name);
        int r = tree->path == NULL
                        ? error_oom(err)
                        : work_start(
                                  pass->options.service->files, &functions, tree, &pass->work, err);
        if (r < 0)
                tree_release(tree);
        return r;
}

/* ---- the pass ---- */

static bool needs_store(OwedType type) {
        return type == OWED_PUT || type == OWED_SEGMENTS || type == OWED_DELETE ||
               type == OWED_CLAIM;
}

static bool needs_oracle(OwedType type) {
        return type == OWED_CLEAN_TAG || type == OWED_UNCATALOG;
}

static int start_row(OwedPass *pass, Error *err) {
        switch (row_of(pass)->type) {
        case OWED_PUT:
                return start_put(pass, err);
        case OWED_CLEAN_TAG:
        case OWED_UNCATALOG:
                return start_oracle(pass, err);
        case OWED_SEGMENTS:
                return start_segments(pass, err);
        case OWED_DIRECTORY:
                return start_directory(pass, err);
        case OWED_DELETE:
        case OWED_CLAIM:
                return start_delete(pass, err);
        case OWED_STAGED:
                break; /* is_left_out() */
        }
        return error_set(
                err, ERROR_INTERNAL, -EINVAL, "the ledger has an owed row of an unknown type");
}

/* A job that runs has its own pass for its rows. */
static bool is_of_running_job(const OwedPass *pass, const Owed *row) {
        struct Manager *manager = pass->options.service->manager;

        for (Job *job = manager == NULL ? NULL : manager_next(manager, NULL); job != NULL;
             job = manager_next(manager, job))
                if (job_state(job) == JOB_RUNNING &&
                    (string_equal(job_backup_id(job), row->backup_id) ||
                     job_is_using(job, row->backup_id)))
                        return true;
        return false;
}

/* The highest claim of the instance holds its number until there is a later one; that is no
 * failure.
 */
static bool is_claim_that_stays(const OwedPass *pass, const Owed *row) {
        ObjectName name;

        if (row->type != OWED_CLAIM)
                return false;
        object_name_parse(row->name, &name);
        return name.sequence >= pass->last_claim;
}

/* True for a row that is not tried in this pass; it stays owed. */
static bool is_left_out(OwedPass *pass, const Owed *row) {
        if (row->id <= pass->last_id || row->type == OWED_STAGED || is_claim_that_stays(pass, row))
                return true;
        if (pass->options.backup_id != NULL ? !string_equal(pass->backup_id, row->backup_id)
                                            : is_of_running_job(pass, row))
                return true;
        if (!(pass->options.skip_store && needs_store(row->type)) &&
            !(pass->options.skip_oracle && needs_oracle(row->type)))
                return false;
        pass->n_left++;
        return true;
}

static void try_next(OwedPass *pass) {
        Error error = {0};

        for (pass->next = 0; pass->next < pass->n && is_left_out(pass, row_of(pass)); pass->next++)
                if (row_of(pass)->id > pass->last_id)
                        pass->last_id = row_of(pass)->id;
        if (pass->next == pass->n) {
                tell_done(pass);
                return;
        }
        pass->last_id = row_of(pass)->id;
        pass->step = 0;
        if (start_row(pass, &error) < 0)
                row_stays(pass, &error);
}

static void free_rows(Owed *rows, size_t n);

static int read_rows(LedgerDb *db, void *userdata, Error *err) {
        ReadRows *read = userdata;
        LedgerClaim last = {0};

        int r = ledger_claim_get(db, read->instance, &last, err);
        read->last_claim = last.sequence;
        ledger_claim_done(&last);
        return r < 0 ? r : ledger_owed(db, &read->rows, &read->n, err);
}

static void end_with(OwedPass *pass, const Error *err) {
        pass->n_left++;
        if (!error_is_set(&pass->first))
                pass->first = *err;
        tell_done(pass);
}

static void rows_read(int r, const Error *err, void *userdata) {
        ReadRows *read = userdata;
        OwedPass *pass = read->pass;

        pass->call = NULL;
        if (r < 0) {
                end_with(pass, err);
                return;
        }
        free_rows(pass->rows, pass->n);
        pass->rows = TAKE_PTR(read->rows);
        pass->n = read->n;
        pass->last_claim = read->last_claim;
        read->n = 0;
        try_next(pass);
}

static void free_rows(Owed *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                owed_done(&rows[i]);
        free(rows);
}

static void release_read(void *userdata) {
        ReadRows *read = userdata;
        free_rows(read->rows, read->n);
        free(read);
}

static int start_reading(OwedPass *pass, Error *err) {
        static const LedgerFunctions functions = {
                .run = read_rows, .on_done = rows_read, .release = release_read};
        ReadRows *read = calloc(1, sizeof(ReadRows));

        if (read == NULL)
                return error_oom(err);
        read->pass = pass;
        (void)snprintf(
                read->instance,
                sizeof(read->instance),
                "%s",
                pass->options.service->settings->config->instance);
        int r = ledger_call(pass->options.service->ledger, &functions, read, &pass->call, err);
        if (r < 0)
                free(read);
        return r;
}

static void read_next(OwedPass *pass) {
        Error error = {0};

        if (start_reading(pass, &error) < 0)
                end_with(pass, &error);
}

int owed_pass_start(const OwedPassOptions *options, OwedPass **ret, Error *err) {
        OwedPass *pass = calloc(1, sizeof(OwedPass));

        if (pass == NULL)
                return error_oom(err);
        pass->options = *options;
        if (options->backup_id != NULL)
                (void)snprintf(pass->backup_id, sizeof(pass->backup_id), "%s", options->backup_id);
        int r = start_reading(pass, err);
        if (r < 0) {
                free(pass);
                return r;
        }
        *ret = pass;
        return 0;
}

OwedPass *owed_pass_free(OwedPass *pass) {
        if (pass == NULL)
                return NULL;
        ledger_cancel(pass->call);
        store_cancel(pass->request);
        maintenance_free(pass->maintenance);
        deleting_free(pass->deleting);
        work_cancel(pass->work);
        oracle_database_done(&pass->database);
        free_rows(pass->rows, pass->n);
        free(pass);
        return NULL;
}
