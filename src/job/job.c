/* A job: state, progress and result of one piece of work, and when its changes are told.
 *
 * Owned by the manager. The work sees job_set_*(), job_add_row() and job_finish(); whatever it
 * tells is collected and passed on at most 4 times a second. A finish is told from the loop, so
 * that work never finds itself freed within its own call. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strings.h"
#include "event/timer.h"
#include "job/job-internal.h"

enum { CHANGE_INTERVAL_MSEC = 250, USEC_PER_MSEC = 1000 };

typedef struct Row {
        JobValue *values;
        size_t n_values;
} Row;

struct Job {
        JobType type;
        JobState state;
        uint32_t id;
        char backup_id[37];
        char *name, *description;
        unsigned backup_level;
        char parent_id[37];
        StringList used;
        char database[LIMIT_SID_BYTES + 1];
        const char *phase;
        JobProgress progress;
        uint64_t created_usec, started_usec, finished_usec;
        Error error;
        Row *rows;
        size_t n_rows;
        bool rows_truncated;

        const JobFunctions *functions;
        void *work;
        JobListener listener;
        Timer *change_timer, *finish_timer;
        uint64_t changed_usec; /* monotonic, when on_changed was last called; 0: never */
        bool finishing;        /* job_finish() was called */
};

typedef struct TypeProperties {
        const char *name;
        bool exclusive;
} TypeProperties;

static const TypeProperties job_types[] = {
        [JOB_BACKUP] = {"backup", true},
        [JOB_RESTORE] = {"restore", true},
        [JOB_DELETE] = {"delete", false},
        [JOB_VERIFY] = {"verify", false},
        [JOB_CHECK] = {"check", false},
        [JOB_PRUNE] = {"prune", false},
        [JOB_CREATE_DATABASE] = {"create-database", true},
        [JOB_ENABLE_ARCHIVELOG] = {"enable-archivelog", true},
        [JOB_TAKE_OVER] = {"take-over", true},
};

static const char *const job_states[] = {
        [JOB_QUEUED] = "queued",
        [JOB_RUNNING] = "running",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

const char *job_type_name(JobType type) {
        return job_types[type].name;
}

bool job_type_is_exclusive(JobType type) {
        return job_types[type].exclusive;
}

const char *job_state_name(JobState state) {
        return job_states[state];
}

static void mark_changed(Job *job) {
        if (job->finishing || timer_is_armed(job->change_timer))
                return;
        uint64_t now_usec = clock_monotonic_usec();
        uint64_t due_usec = job->changed_usec + (uint64_t)CHANGE_INTERVAL_MSEC * USEC_PER_MSEC;
        bool wait = job->changed_usec != 0 && due_usec > now_usec;
        timer_arm(job->change_timer, wait ? (due_usec - now_usec) / USEC_PER_MSEC + 1 : 0);
}

static void tell_changed(void *userdata) {
        Job *job = userdata;
        job->changed_usec = clock_monotonic_usec();
        job->listener.on_changed(job, job->listener.userdata);
}

static JobState final_state(const Error *error) {
        if (!error_is_set(error))
                return JOB_DONE;
        return error->kind == ERROR_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
}

static void tell_finished(void *userdata) {
        Job *job = userdata;
        if (job->work != NULL)
                job->work = job->functions->free(job->work);
        job->state = final_state(&job->error);
        job->finished_usec = clock_realtime_usec();
        tell_changed(job);
        job->listener.on_finished(job, job->listener.userdata);
}

void job_set_phase(Job *job, const char *phase) {
        if (string_equal(job->phase, phase))
                return;
        job->phase = phase;
        mark_changed(job);
}

void job_set_database(Job *job, const char *sid) {
        if (string_equal(job->database, sid) || strlen(sid) >= sizeof(job->database))
                return;
        memcpy(job->database, sid, strlen(sid) + 1);
        mark_changed(job);
}

void job_set_parent(Job *job, const char *backup_id) {
        (void)snprintf(job->parent_id, sizeof(job->parent_id), "%s", backup_id);
}

static bool is_same_progress(const JobProgress *a, const JobProgress *b) {
        return a->bytes_expected == b->bytes_expected && a->bytes_staged == b->bytes_staged &&
               a->bytes_stored == b->bytes_stored && a->pieces_staged == b->pieces_staged &&
               a->segments_stored == b->segments_stored && a->percent == b->percent;
}

void job_set_progress(Job *job, const JobProgress *progress) {
        if (is_same_progress(&job->progress, progress))
                return;
        job->progress = *progress;
        mark_changed(job);
}

int job_use(Job *job, const char *backup_id) {
        return string_list_add(&job->used, backup_id);
}

static void row_done(Row *row) {
        for (size_t i = 0; i < row->n_values; i++) {
                free((char *)(uintptr_t)row->values[i].key);
                free((char *)(uintptr_t)row->values[i].string);
        }
        free(row->values);
        *row = (Row){0};
}

static int row_copy(const JobValue *values, size_t n_values, Row *ret) {
        Row row = {.values = calloc(n_values == 0 ? 1 : n_values, sizeof(JobValue))};
        if (row.values == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < n_values; i++) {
                JobValue *value = &row.values[row.n_values++];
                bool text = values[i].type == JOB_VALUE_STRING;
                *value = (JobValue){.type = values[i].type, .number = values[i].number};
                value->key = strdup(values[i].key);
                value->string = text ? strdup(values[i].string) : NULL;
                if (value->key == NULL || (text && value->string == NULL)) {
                        row_done(&row);
                        return -ENOMEM;
                }
        }
        *ret = row;
        return 0;
}

static int rows_grow(Job *job) {
        Row *rows = reallocarray(job->rows, job->n_rows + 1, sizeof(Row));
        if (rows == NULL) {
                job->rows_truncated = true;
                return -ENOMEM;
        }
        job->rows = rows;
        return 0;
}

/* A row that memory does not allow is told in the same way as one beyond the limit. */
void job_add_row(Job *job, const JobValue *values, size_t n_values) {
        static const JobValue truncated = {.key = "truncated", .type = JOB_VALUE_BOOL, .number = 1};
        if (job->rows_truncated || rows_grow(job) < 0)
                return;
        Row row = {0};
        bool last = job->n_rows == LIMIT_RESULT_ROWS - 1;
        if (last || row_copy(values, n_values, &row) < 0) {
                job->rows_truncated = true;
                if (row_copy(&truncated, 1, &row) < 0)
                        return;
        }
        job->rows[job->n_rows++] = row;
}

void job_finish(Job *job, const Error *err) {
        assert(!job->finishing);
        job->finishing = true;
        if (err != NULL)
                job->error = *err;
        timer_disarm(job->change_timer);
        timer_arm(job->finish_timer, 0);
}

void job_begin(Job *job) {
        assert(job->state == JOB_QUEUED && !job->finishing);
        job->state = JOB_RUNNING;
        job->started_usec = clock_realtime_usec();
        mark_changed(job);
        Error error = {0};
        int r = job->functions->start(job->work, job, &error);
        if (r >= 0)
                return;
        if (!error_is_set(&error))
                error_set_errno(&error, ERROR_INTERNAL, r, "The job could not be started");
        job_finish(job, &error);
}

int job_cancel(Job *job, ErrorKind reason, Error *err) {
        if (job->finishing)
                return error_set(
                        err, ERROR_NO_SUCH_JOB, -ESRCH, "Job %u has ended already", job->id);
        if (job->state == JOB_RUNNING)
                return job->functions->cancel(job->work, reason, err);
        Error error = {0};
        error_set(
                &error,
                reason,
                -ECANCELED,
                reason == ERROR_INTERRUPTED ? "The service ended before the job began"
                                            : "The job was cancelled before it began");
        job_finish(job, &error);
        return 0;
}

uint32_t job_id(const Job *job) {
        return job->id;
}

JobType job_type(const Job *job) {
        return job->type;
}

JobState job_state(const Job *job) {
        return job->state;
}

const char *job_backup_id(const Job *job) {
        return job->backup_id;
}

const StringList *job_used(const Job *job) {
        return &job->used;
}

bool job_is_using(const Job *job, const char *backup_id) {
        return string_list_has(&job->used, backup_id);
}

uint64_t job_created_usec(const Job *job) {
        return job->created_usec;
}

const char *job_name(const Job *job) {
        return job->name;
}

const char *job_description(const Job *job) {
        return job->description;
}

unsigned job_backup_level(const Job *job) {
        return job->backup_level;
}

const char *job_parent_id(const Job *job) {
        return job->parent_id;
}

const char *job_phase(const Job *job) {
        return job->phase;
}

const char *job_database(const Job *job) {
        return job->database;
}

const JobProgress *job_progress(const Job *job) {
        return &job->progress;
}

uint64_t job_started_usec(const Job *job) {
        return job->started_usec;
}

uint64_t job_finished_usec(const Job *job) {
        return job->finished_usec;
}

const Error *job_error(const Job *job) {
        return &job->error;
}

size_t job_row_count(const Job *job) {
        return job->n_rows;
}

const JobValue *job_row(const Job *job, size_t index, size_t *ret_n_values) {
        assert(index < job->n_rows);
        *ret_n_values = job->rows[index].n_values;
        return job->rows[index].values;
}

bool job_is_live(const Job *job) {
        return job->state == JOB_QUEUED || job->state == JOB_RUNNING;
}

bool job_can_begin(const Job *job) {
        return job->state == JOB_QUEUED && !job->finishing;
}

Job *job_free(Job *job) {
        if (job == NULL)
                return NULL;
        timer_free(job->change_timer);
        timer_free(job->finish_timer);
        if (job->work != NULL)
                job->functions->free(job->work);
        for (size_t i = 0; i < job->n_rows; i++)
                row_done(&job->rows[i]);
        free(job->rows);
        string_list_done(&job->used);
        free(job->name);
        free(job->description);
        free(job);
        return NULL;
}

DEFINE_CLEANUP(Job, job);

static int fill(Job *job, Loop *loop, const JobSpec *spec, Error *err) {
        job->name = strdup(spec->name == NULL ? "" : spec->name);
        job->description = strdup(spec->description == NULL ? "" : spec->description);
        job->backup_level = spec->parent == NULL ? 0 : 1;
        if (spec->parent != NULL && !string_equal(spec->parent, "latest"))
                job_set_parent(job, spec->parent);
        if (job->name == NULL || job->description == NULL)
                return error_oom(err);
        int r = timer_new(loop, tell_changed, job, &job->change_timer, err);
        if (r < 0)
                return r;
        return timer_new(loop, tell_finished, job, &job->finish_timer, err);
}

int job_new(Loop *loop, const JobSpec *spec, Job **ret, Error *err) {
        CLEANUP(cleanup_job) Job *job = calloc(1, sizeof(*job));
        if (job == NULL)
                return error_oom(err);
        job->type = spec->type;
        job->id = spec->id;
        job->phase = "";
        job->created_usec = clock_realtime_usec();
        job->functions = spec->functions;
        job->listener = spec->listener;
        if (spec->backup_id != NULL) {
                assert(strlen(spec->backup_id) < sizeof(job->backup_id));
                memcpy(job->backup_id, spec->backup_id, strlen(spec->backup_id) + 1);
        }
        int r = fill(job, loop, spec, err);
        if (r < 0)
                return r;
        job->work = spec->work;
        *ret = TAKE_PTR(job);
        return 0;
}
