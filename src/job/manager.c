/* The jobs of the service: who may begin, in what order, and how long an ended one stays readable.
 *
 * Jobs are kept in a list ordered by id. An exclusive one begins at once (there is no other), the
 * others one at a time beside it. Ids come from a reserve that the ledger gave in advance, because
 * a method's reply names the id and must not wait for a disk. */
#include "job/manager.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "event/timer.h"
#include "job/job-internal.h"
#include "job/take-over.h"
#include "ledger/db.h"

enum {
        FINISHED_READABLE_MSEC = 60 * 1000,
        USEC_PER_MSEC = 1000,
        IDS_RESERVED = 2 * LIMIT_JOB_QUEUE, /* a burst of this many methods finds an id at once */
        IDS_LOW = LIMIT_JOB_QUEUE,
};

typedef struct Entry Entry;
struct Entry {
        Job *job;
        Manager *manager;
        bool announced;
        uint64_t ended_usec; /* monotonic; 0: live */
        Entry *next;
};

typedef struct Reserve {
        uint32_t ids[IDS_RESERVED];
        size_t n;
} Reserve;

struct Manager {
        Service *service;
        ManagerEvents events;
        Entry *entries; /* by id */
        Reserve reserve;
        LedgerCall *reserving;
        Timer *turn_timer;   /* announces and begins jobs */
        Timer *expiry_timer; /* forgets ended ones */
        bool open, closing;
        Error refusal; /* set: what ends jobs before the manager is open */
        void (*on_idle)(void *userdata);
        void *on_idle_userdata;
};

static int reserve_ids(LedgerDb *db, void *userdata, Error *err) {
        Reserve *reserve = userdata;
        while (reserve->n < IDS_RESERVED) {
                int r = ledger_next_job_id(db, &reserve->ids[reserve->n], err);
                if (r < 0)
                        return r;
                reserve->n++;
        }
        return 0;
}

typedef struct Reserving {
        Reserve reserve;
        Manager *manager;
} Reserving;

static int reserving_run(LedgerDb *db, void *userdata, Error *err) {
        Reserving *reserving = userdata;
        reserving->reserve.n = IDS_LOW; /* the other half is still in use */
        return reserve_ids(db, &reserving->reserve, err);
}

static void reserving_done(int r, const Error *err, void *userdata) {
        Reserving *reserving = userdata;
        Manager *manager = reserving->manager;
        manager->reserving = NULL;
        if (r < 0) {
                log_warning(&(LogFields){.error = err}, "No job ids could be reserved");
                return;
        }
        for (size_t i = IDS_LOW; i < reserving->reserve.n; i++)
                manager->reserve.ids[manager->reserve.n++] = reserving->reserve.ids[i];
}

static void reserve_more(Manager *manager) {
        static const LedgerFunctions functions = {
                .run = reserving_run, .on_done = reserving_done, .release = free};
        if (manager->reserve.n > IDS_LOW || manager->reserving != NULL)
                return;
        Reserving *reserving = calloc(1, sizeof(*reserving));
        if (reserving == NULL)
                return;
        reserving->manager = manager;
        Error error = {0};
        int r = ledger_call(
                manager->service->ledger, &functions, reserving, &manager->reserving, &error);
        if (r >= 0)
                return;
        log_warning(&(LogFields){.error = &error}, "No job ids could be reserved");
        free(reserving);
}

static int take_id(Manager *manager, uint32_t *ret, Error *err) {
        Reserve *reserve = &manager->reserve;
        reserve_more(manager);
        if (reserve->n == 0)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "Too many jobs were asked for at once; ask again in a moment");
        *ret = reserve->ids[0];
        reserve->n--;
        memmove(reserve->ids, reserve->ids + 1, reserve->n * sizeof(reserve->ids[0]));
        return 0;
}

static Entry *find_exclusive(const Manager *manager) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (job_is_live(entry->job) && job_type_is_exclusive(job_type(entry->job)))
                        return entry;
        return NULL;
}

static Entry *find_live(const Manager *manager, const char *backup_id, JobType type) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (job_is_live(entry->job) && job_type(entry->job) == type &&
                    string_equal(job_backup_id(entry->job), backup_id))
                        return entry;
        return NULL;
}

int manager_check_exclusive(const Manager *manager, JobType type, Error *err) {
        if (!job_type_is_exclusive(type))
                return 0;
        const Entry *entry = find_exclusive(manager);
        if (entry == NULL)
                return 0;
        const char *id = job_backup_id(entry->job);
        return error_set(
                err,
                ERROR_BUSY,
                -EBUSY,
                "Job %u (%s%s%s) is %s; wait until it has ended, or cancel it",
                job_id(entry->job),
                job_type_name(job_type(entry->job)),
                id[0] == '\0' ? "" : " of ",
                id,
                job_state_name(job_state(entry->job)));
}

static int check_queue(const Manager *manager, JobType type, Error *err) {
        if (job_type_is_exclusive(type))
                return manager_check_exclusive(manager, type, err);
        unsigned n = 0;
        for (const Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                n += job_state(entry->job) == JOB_QUEUED &&
                     !job_type_is_exclusive(job_type(entry->job));
        if (n < LIMIT_JOB_QUEUE)
                return 0;
        return error_set(
                err,
                ERROR_BUSY,
                -EBUSY,
                "%u jobs wait already; ask again when some of them have ended",
                n);
}

unsigned manager_running(const Manager *manager) {
        unsigned n = 0;
        for (const Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                n += job_is_live(entry->job);
        return n;
}

static void tell_idle(Manager *manager) {
        if (manager->on_idle == NULL || manager_running(manager) > 0)
                return;
        void (*on_idle)(void *userdata) = manager->on_idle;
        manager->on_idle = NULL;
        on_idle(manager->on_idle_userdata);
}

/* The first job that may begin now, NULL: none. */
static Entry *find_next(const Manager *manager) {
        bool beside = false;
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                beside = beside || (job_state(entry->job) == JOB_RUNNING &&
                                    !job_type_is_exclusive(job_type(entry->job)));
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next) {
                bool exclusive = job_type_is_exclusive(job_type(entry->job));
                if (job_can_begin(entry->job) && entry->announced && (exclusive || !beside))
                        return entry;
        }
        return NULL;
}

/* Interrupts what is queued: its end comes from the loop, so the list stays as it is. */
static void interrupt_queued(Manager *manager) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (job_state(entry->job) == JOB_QUEUED)
                        job_cancel(entry->job, ERROR_INTERRUPTED, NULL);
}

static void refuse_queued(Manager *manager) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (job_can_begin(entry->job))
                        job_finish(entry->job, &manager->refusal);
}

static void on_turn(void *userdata) {
        Manager *manager = userdata;
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next) {
                if (entry->announced)
                        continue;
                entry->announced = true;
                manager->events.on_new(entry->job, manager->events.userdata);
        }
        if (!manager->open && error_is_set(&manager->refusal))
                refuse_queued(manager);
        for (Entry *entry;
             manager->open && !manager->closing && (entry = find_next(manager)) != NULL;) {
                log_info(
                        &(LogFields){
                                .job = job_id(entry->job), .backup = job_backup_id(entry->job)},
                        "Job %u (%s) begins",
                        job_id(entry->job),
                        job_type_name(job_type(entry->job)));
                job_begin(entry->job);
        }
        tell_idle(manager);
}

static void forget(Manager *manager, Entry **link) {
        Entry *entry = *link;
        uint32_t id = job_id(entry->job);
        *link = entry->next;
        job_free(entry->job);
        free(entry);
        manager->events.on_gone(id, manager->events.userdata);
}

static Entry **oldest_ended(Manager *manager, size_t *ret_n) {
        Entry **oldest = NULL;
        *ret_n = 0;
        for (Entry **link = &manager->entries; *link != NULL; link = &(*link)->next) {
                if ((*link)->ended_usec == 0)
                        continue;
                (*ret_n)++;
                if (oldest == NULL || (*link)->ended_usec < (*oldest)->ended_usec)
                        oldest = link;
        }
        return oldest;
}

static void on_expiry(void *userdata) {
        Manager *manager = userdata;
        const uint64_t readable_usec = (uint64_t)FINISHED_READABLE_MSEC * USEC_PER_MSEC;
        size_t n;
        for (Entry **link; (link = oldest_ended(manager, &n)) != NULL;) {
                uint64_t now_usec = clock_monotonic_usec();
                uint64_t due_usec = (*link)->ended_usec + readable_usec;
                if (n <= LIMIT_JOBS_FINISHED && due_usec > now_usec) {
                        timer_arm(manager->expiry_timer, (due_usec - now_usec) / USEC_PER_MSEC + 1);
                        return;
                }
                forget(manager, link);
        }
}

static void job_changed(Job *job, void *userdata) {
        const Entry *entry = userdata;
        if (entry->announced)
                entry->manager->events.on_changed(job, entry->manager->events.userdata);
}

static void log_end(Job *job) {
        const Error *error = job_error(job);
        LogFields fields = {.job = job_id(job), .backup = job_backup_id(job)};
        if (error_is_set(error))
                fields.error = error;
        log_info(
                &fields,
                "Job %u (%s) ended: %s",
                job_id(job),
                job_type_name(job_type(job)),
                job_state_name(job_state(job)));
}

/* Runs within a timer of the job: the job may not be freed here, so forgetting is left to another
 * turn. */
static void job_finished(Job *job, void *userdata) {
        Entry *entry = userdata;
        Manager *manager = entry->manager;
        entry->ended_usec = clock_monotonic_usec();
        log_end(job);
        if (!entry->announced) {
                entry->announced = true;
                manager->events.on_new(job, manager->events.userdata);
        }
        manager->events.on_removed(job, manager->events.userdata);
        timer_arm(manager->expiry_timer, 0);
        timer_arm(manager->turn_timer, 0);
}

static void append(Manager *manager, Entry *entry) {
        Entry **link = &manager->entries;
        while (*link != NULL && job_id((*link)->job) < job_id(entry->job))
                link = &(*link)->next;
        entry->next = *link;
        *link = entry;
}

static int
entry_add(Manager *manager, uint32_t id, const ManagerWork *work, Job **ret, Error *err) {
        CLEANUP(cleanup_free) Entry *entry = calloc(1, sizeof(*entry));
        if (entry == NULL)
                return error_oom(err);
        entry->manager = manager;
        JobSpec spec = {
                .type = work->type,
                .id = id,
                .backup_id = work->backup_id,
                .name = work->name,
                .description = work->description,
                .parent = work->parent,
                .functions = work->functions,
                .work = work->work,
                .listener = {
                        .on_changed = job_changed, .on_finished = job_finished, .userdata = entry}};
        int r = job_new(manager->service->loop, &spec, &entry->job, err);
        if (r < 0)
                return r;
        *ret = entry->job;
        append(manager, TAKE_PTR(entry));
        return 0;
}

static int check_open(const Manager *manager, Error *err) {
        if (!manager->closing)
                return 0;
        return error_set(
                err,
                ERROR_INTERRUPTED,
                -ESHUTDOWN,
                "The service is ending and takes no new jobs; ask again when it runs");
}

int manager_add(Manager *manager, const ManagerWork *work, Job **ret, Error *err) {
        int r = check_open(manager, err);
        if (r < 0)
                return r;
        r = check_queue(manager, work->type, err);
        if (r < 0)
                return r;
        uint32_t id = 0;
        r = take_id(manager, &id, err);
        if (r < 0)
                return r;
        r = entry_add(manager, id, work, ret, err);
        if (r < 0)
                return r;
        timer_arm(manager->turn_timer, 0);
        return 0;
}

/* Before work is made: what it would cost nothing to refuse. */
static int check_start(const Manager *manager, JobType type, Error *err) {
        int r = check_open(manager, err);
        return r < 0 ? r : manager_check_exclusive(manager, type, err);
}

static char *default_name(const Manager *manager, unsigned level) {
        char time[21];
        format_time(clock_realtime_usec(), time);
        return string_printf(
                "%s-L%u-%s", manager->service->settings->config->instance, level, time);
}

int manager_create_backup(Manager *manager, BackupRequest *request, Job **ret, Error *err) {
        int r = check_start(manager, JOB_BACKUP, err);
        if (r < 0)
                return r;
        CLEANUP(cleanup_free) char *name = default_name(manager, request->parent == NULL ? 0 : 1);
        if (name == NULL)
                return error_oom(err);
        BackupRequest named = *request;
        if (named.name == NULL)
                named.name = name;
        random_uuid(named.backup_id);
        void *work = NULL;
        r = backup_new(manager->service, &named, &work, err);
        if (r < 0)
                return r;
        ManagerWork add = {
                .type = JOB_BACKUP,
                .backup_id = named.backup_id,
                .name = named.name,
                .description = named.description,
                .parent = named.parent,
                .functions = &backup_functions,
                .work = work};
        r = manager_add(manager, &add, ret, err);
        if (r < 0) {
                backup_functions.free(work);
                return r;
        }
        memcpy(request->backup_id, named.backup_id, sizeof(request->backup_id));
        return 0;
}

int manager_restore_backup(Manager *manager, RestoreRequest *request, Job **ret, Error *err) {
        const Entry *making = find_live(manager, request->backup_id, JOB_BACKUP);
        if (making != NULL)
                return error_set(
                        err,
                        ERROR_NOT_COMPLETED,
                        -EBUSY,
                        "Backup %s is still being made by job %u",
                        request->backup_id,
                        job_id(making->job));
        const Job *deleting = manager_deletes(manager, request->backup_id);
        if (deleting != NULL)
                return error_set(
                        err,
                        ERROR_BUSY,
                        -EBUSY,
                        "Backup %s is being deleted by job %u",
                        request->backup_id,
                        job_id(deleting));
        int r = check_start(manager, JOB_RESTORE, err);
        if (r < 0)
                return r;
        void *work = NULL;
        r = restore_new(manager->service, request, &work, err);
        if (r < 0)
                return r;
        request->identities = NULL; /* the work's now, also when it is freed below */
        ManagerWork add = {
                .type = JOB_RESTORE,
                .backup_id = request->backup_id,
                .functions = &restore_functions,
                .work = work};
        r = manager_add(manager, &add, ret, err);
        if (r < 0)
                restore_functions.free(work);
        return r;
}

int manager_take_over(Manager *manager, Job **ret, Error *err) {
        int r = check_start(manager, JOB_TAKE_OVER, err);
        if (r < 0)
                return r;
        void *work = NULL;
        r = take_over_new(manager->service, &work, err);
        if (r < 0)
                return r;
        ManagerWork add = {.type = JOB_TAKE_OVER, .functions = &take_over_functions, .work = work};
        r = manager_add(manager, &add, ret, err);
        if (r < 0)
                take_over_functions.free(work);
        return r;
}

int manager_check(Manager *manager, CheckRequest *request, Job **ret, Error *err) {
        void *work = NULL;
        int r = check_new(manager->service, request, &work, err);
        if (r < 0)
                return r;
        ManagerWork add = {.type = JOB_CHECK, .functions = &check_functions, .work = work};
        r = manager_add(manager, &add, ret, err);
        if (r < 0)
                check_functions.free(work);
        return r;
}

Job *manager_find(Manager *manager, uint32_t id) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (job_id(entry->job) == id)
                        return entry->job;
        return NULL;
}

Job *manager_next(Manager *manager, const Job *after) {
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next)
                if (after == NULL || job_id(entry->job) > job_id(after))
                        return entry->job;
        return NULL;
}

int manager_cancel(Manager *manager, uint32_t id, Error *err) {
        Job *job = manager_find(manager, id);
        if (job == NULL)
                return error_set(err, ERROR_NO_SUCH_JOB, -ESRCH, "There is no job %u", id);
        return job_cancel(job, ERROR_CANCELLED, err);
}

void manager_open(Manager *manager) {
        manager->open = true;
        timer_arm(manager->turn_timer, 0);
}

void manager_refuse(Manager *manager, const Error *err) {
        manager->refusal = err != NULL ? *err : (Error){0};
        timer_arm(manager->turn_timer, 0);
}

void manager_drain(Manager *manager, void (*on_idle)(void *userdata), void *userdata) {
        manager->closing = true;
        manager->on_idle = on_idle;
        manager->on_idle_userdata = userdata;
        interrupt_queued(manager);
        timer_arm(manager->turn_timer, 0);
}

/* A job that cannot be cancelled any more (its record is on its way) is waited for. */
void manager_shut_down(Manager *manager, void (*on_idle)(void *userdata), void *userdata) {
        manager_drain(manager, on_idle, userdata);
        for (Entry *entry = manager->entries; entry != NULL; entry = entry->next) {
                Error error = {0};
                if (job_state(entry->job) != JOB_RUNNING)
                        continue;
                if (job_cancel(entry->job, ERROR_INTERRUPTED, &error) < 0)
                        log_notice(
                                &(LogFields){.job = job_id(entry->job), .error = &error},
                                "Job %u goes on to its end",
                                job_id(entry->job));
        }
}

Manager *manager_free(Manager *manager) {
        if (manager == NULL)
                return NULL;
        assert(manager_running(manager) == 0);
        if (manager->reserving != NULL)
                ledger_cancel(manager->reserving);
        timer_free(manager->turn_timer);
        timer_free(manager->expiry_timer);
        while (manager->entries != NULL) {
                Entry *entry = manager->entries;
                manager->entries = entry->next;
                job_free(entry->job);
                free(entry);
        }
        free(manager);
        return NULL;
}

int manager_new(Service *service, const ManagerEvents *events, Manager **ret, Error *err) {
        CLEANUP(cleanup_manager) Manager *manager = calloc(1, sizeof(*manager));
        if (manager == NULL)
                return error_oom(err);
        manager->service = service;
        manager->events = *events;
        int r = timer_new(service->loop, on_turn, manager, &manager->turn_timer, err);
        if (r < 0)
                return r;
        r = timer_new(service->loop, on_expiry, manager, &manager->expiry_timer, err);
        if (r < 0)
                return r;
        r = ledger_call_now(service->ledger, reserve_ids, &manager->reserve, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}
