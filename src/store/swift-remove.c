/* Removes the segments and sub-manifests of an attempt, or of all attempts of a backup.
 *
 *     SWEEP   what the listing shows, page after page
 *     PROBE   of each attempt: by name, what the listing does not show (it lags): segments up to
 *             the last known one and on, until a whole round was absent; sub-manifests
 *     DOUBTS  segments whose PUT was cancelled when it was all sent: once more, when that is over
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/swift-internal.h"
#include "store/swift-url.h"

enum {
        ATTEMPT_DIGITS = 8,
        NUMBER_DIGITS = 8,
        ROUND_LEAST = 24,
        KNOWN_ROUND = 1000,
        SUB_MANIFESTS_BEYOND = 8,
        /* A server that has a whole body stores it within: */
        DOUBT_MSEC = 2000,
};

/* What is known of one attempt. */
typedef struct Attempt {
        char name[ATTEMPT_DIGITS + 1];
        uint64_t n_listed, end;     /* segments: seen, and the highest index + 1 */
        uint64_t n_sub_listed, sub; /* sub-manifests likewise */
} Attempt;

typedef enum RemoveStep {
        REMOVE_SWEEP,
        REMOVE_KNOWN,
        REMOVE_BEYOND,
        REMOVE_SUB,
        REMOVE_DOUBTS
} RemoveStep;

typedef struct Removal {
        SwiftCall *call;
        char *prefix, *marker;
        Attempt *attempts;
        size_t n_attempts, at; /* at: the one that is probed */
        RemoveStep step;
        uint64_t next; /* index to ask for */
        SwiftPage *page;
        SwiftDelete *del;
        StringList names;
        Timer *timer;
} Removal;

static int go_on(Removal *removal, Error *err);

static void remove_free(void *part) {
        Removal *removal = part;
        swift_page_cancel(removal->page);
        swift_delete_cancel(removal->del);
        timer_free(removal->timer);
        string_list_done(&removal->names);
        free(removal->attempts);
        free(removal->prefix);
        free(removal->marker);
        free(removal);
}

static void proceed(Removal *removal) {
        Error error = {0};
        if (go_on(removal, &error) < 0)
                swift_call_end(removal->call, &error);
}

/* --- what a listed name says --- */

static int find_attempt(Removal *removal, const char *name, Attempt **ret) {
        for (size_t i = 0; i < removal->n_attempts; i++)
                if (string_equal(removal->attempts[i].name, name)) {
                        *ret = &removal->attempts[i];
                        return 0;
                }
        void *larger = realloc(removal->attempts, (removal->n_attempts + 1) * sizeof(Attempt));
        if (larger == NULL)
                return -ENOMEM;
        removal->attempts = larger;
        *ret = &removal->attempts[removal->n_attempts++];
        **ret = (Attempt){0};
        memcpy((*ret)->name, name, ATTEMPT_DIGITS);
        return 0;
}

/* "0123abcd/00000017", "0123abcd/m00000002"; anything else is removed and teaches nothing. */
static int learn(Removal *removal, const char *rest) {
        char name[ATTEMPT_DIGITS + 1] = "";
        Attempt *attempt = NULL;
        uint64_t number;
        if (strlen(rest) < ATTEMPT_DIGITS + 2 || rest[ATTEMPT_DIGITS] != '/')
                return 0;
        memcpy(name, rest, ATTEMPT_DIGITS);
        rest += ATTEMPT_DIGITS + 1;
        bool is_sub = *rest == 'm';
        if (is_sub)
                rest++;
        if (strlen(rest) != NUMBER_DIGITS || parse_uint64(rest, &number) < 0)
                return 0;
        if (find_attempt(removal, name, &attempt) < 0)
                return -ENOMEM;
        uint64_t *n = is_sub ? &attempt->n_sub_listed : &attempt->n_listed;
        uint64_t *end = is_sub ? &attempt->sub : &attempt->end;
        (*n)++;
        if (number >= *end)
                *end = number + 1;
        return 0;
}

/* --- deleting --- */

static void on_deleted(uint64_t n_deleted, const Error *err, void *userdata) {
        Removal *removal = userdata;
        removal->del = NULL;
        string_list_done(&removal->names);
        if (err != NULL) {
                swift_call_end(removal->call, err);
                return;
        }
        /* A round that found something is followed by another. */
        if (removal->step == REMOVE_BEYOND) {
                Attempt *attempt = &removal->attempts[removal->at];
                if (n_deleted > 0)
                        attempt->end = removal->next;
                else
                        removal->step = REMOVE_SUB;
        }
        proceed(removal);
}

static int delete_names(Removal *removal, Error *err) {
        const SwiftDeleteOptions options = {
                .container = removal->call->store->segment_container,
                .names = &removal->names,
                .on_done = on_deleted,
                .userdata = removal,
        };
        return swift_delete_start(removal->call->store, &options, &removal->del, err);
}

/* --- the listing --- */

static void on_page(const StoreEntry *entries, size_t n, const Error *err, void *userdata) {
        Removal *removal = userdata;
        size_t prefix = strlen(removal->prefix) -
                        (removal->call->asked.attempt != NULL ? ATTEMPT_DIGITS + 1 : 0);
        Error error = {0};
        int r = 0;
        removal->page = NULL;
        if (err != NULL) {
                swift_call_end(removal->call, err);
                return;
        }
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = string_list_add(&removal->names, entries[i].name);
                if (r == 0 && strlen(entries[i].name) > prefix)
                        r = learn(removal, entries[i].name + prefix);
        }
        if (n > 0) {
                free(removal->marker);
                removal->marker = strdup(entries[n - 1].name);
        } else {
                removal->step = REMOVE_KNOWN;
                removal->next = 0;
        }
        if (r < 0 || removal->marker == NULL)
                r = error_oom(&error);
        else
                r = n > 0 ? delete_names(removal, &error) : go_on(removal, &error);
        if (r < 0)
                swift_call_end(removal->call, &error);
}

static int sweep(Removal *removal, Error *err) {
        const SwiftPageOptions options = {
                .container = removal->call->store->segment_container,
                .prefix = removal->prefix,
                .marker = removal->marker,
                .on_done = on_page,
                .userdata = removal,
        };
        return swift_page_start(removal->call->store, &options, &removal->page, err);
}

/* --- by name --- */

static int add_name(Removal *removal, uint64_t index, bool is_sub) {
        const StoreAttempt attempt = {
                removal->call->asked.instance,
                removal->call->asked.backup_id,
                removal->attempts[removal->at].name,
        };
        CLEANUP(cleanup_free)
        char *name = is_sub ? swift_sub_manifest_name(&attempt, index)
                            : store_segment_name(&attempt, index);
        return name == NULL ? -ENOMEM : string_list_add(&removal->names, name);
}

static int add_names(Removal *removal, uint64_t to, bool is_sub) {
        int r = 0;
        for (; r == 0 && removal->next < to; removal->next++)
                r = add_name(removal, removal->next, is_sub);
        return r;
}

static int delete_segments(Removal *removal, uint64_t to, Error *err) {
        return add_names(removal, to, false) < 0 ? error_oom(err) : delete_names(removal, err);
}

/* Holes in what the listing showed. */
static int remove_known(Removal *removal, Error *err) {
        const Attempt *attempt = &removal->attempts[removal->at];
        if (attempt->n_listed >= attempt->end || removal->next >= attempt->end) {
                removal->step = REMOVE_BEYOND;
                removal->next = attempt->end;
                return go_on(removal, err);
        }
        uint64_t to = removal->next + KNOWN_ROUND;
        return delete_segments(removal, to < attempt->end ? to : attempt->end, err);
}

static int remove_sub(Removal *removal, Error *err) {
        const Attempt *attempt = &removal->attempts[removal->at];
        uint64_t per_manifest = removal->call->store->info.max_manifest_segments;
        uint64_t end = attempt->sub;
        if (attempt->end > per_manifest && attempt->end / per_manifest + 1 > end)
                end = attempt->end / per_manifest + 1;
        int r = 0;
        removal->next = 0;
        if (end > 0)
                r = add_names(removal, end + SUB_MANIFESTS_BEYOND, true);
        removal->at++;
        removal->step = REMOVE_KNOWN;
        removal->next = 0;
        if (r < 0)
                return error_oom(err);
        return end > 0 ? delete_names(removal, err) : go_on(removal, err);
}

/* --- what was cancelled --- */

/* Ours, or NULL. */
static SwiftDoubt **find_doubt(Removal *removal) {
        SwiftDoubt **at = &removal->call->store->doubts;
        while (*at != NULL && !string_starts_with((*at)->name, removal->prefix))
                at = &(*at)->next;
        return *at != NULL ? at : NULL;
}

static int remove_doubts(Removal *removal, Error *err) {
        SwiftDoubt **at = find_doubt(removal);
        if (at == NULL) {
                swift_call_end(removal->call, NULL);
                return 0;
        }
        uint64_t now = clock_monotonic_usec(),
                 due = (*at)->since_usec + DOUBT_MSEC * UINT64_C(1000);
        if (now < due) {
                timer_arm(removal->timer, (due - now + 999) / 1000);
                return 0;
        }
        while (at != NULL) {
                SwiftDoubt *doubt = *at;
                int r = string_list_add(&removal->names, doubt->name);
                if (r < 0)
                        return error_oom(err);
                *at = doubt->next;
                free(doubt->name);
                free(doubt);
                at = find_doubt(removal);
        }
        return delete_names(removal, err);
}

/* --- the story --- */

/* Segments are stored out of order: behind as many absent ones as there are buffers, there may be
 * another. Twice that, as the daemon before this one may have had more. */
static uint64_t round_of(const Removal *removal) {
        uint64_t n = 2 * (uint64_t)removal->call->store->buffers + 8;
        return n > ROUND_LEAST ? n : ROUND_LEAST;
}

static int go_on(Removal *removal, Error *err) {
        if (removal->step == REMOVE_SWEEP)
                return sweep(removal, err);
        if (removal->at == removal->n_attempts)
                removal->step = REMOVE_DOUBTS;
        switch (removal->step) {
        case REMOVE_SWEEP:
        case REMOVE_KNOWN:
                return remove_known(removal, err);
        case REMOVE_BEYOND:
                return delete_segments(removal, removal->next + round_of(removal), err);
        case REMOVE_SUB:
                return remove_sub(removal, err);
        case REMOVE_DOUBTS:
                return remove_doubts(removal, err);
        }
        return 0;
}

static void on_timer(void *userdata) {
        proceed(userdata);
}

static int remove_init(Removal *removal, SwiftCall *call, Error *err) {
        Attempt *attempt = NULL;
        removal->call = call;
        removal->marker = strdup("");
        removal->prefix =
                call->asked.attempt != NULL
                        ? string_printf(
                                  "%s/%s/%s/",
                                  call->asked.instance,
                                  call->asked.backup_id,
                                  call->asked.attempt)
                        : string_printf("%s/%s/", call->asked.instance, call->asked.backup_id);
        if (removal->marker == NULL || removal->prefix == NULL)
                return error_oom(err);
        if (call->asked.attempt != NULL && strlen(call->asked.attempt) != ATTEMPT_DIGITS)
                return error_set(
                        err,
                        ERROR_INVALID_ARGS,
                        -EINVAL,
                        "'%s' is no attempt",
                        call->asked.attempt);
        if (call->asked.attempt != NULL && find_attempt(removal, call->asked.attempt, &attempt) < 0)
                return error_oom(err);
        return timer_new(call->store->loop, on_timer, removal, &removal->timer, err);
}

int swift_remove_segments(SwiftCall *call, Error *err) {
        Removal *removal = calloc(1, sizeof(*removal));
        if (removal == NULL)
                return error_oom(err);
        int r = remove_init(removal, call, err);
        if (r == 0)
                r = sweep(removal, err);
        if (r < 0) {
                remove_free(removal);
                return r;
        }
        call->part = removal;
        call->part_free = remove_free;
        return 0;
}
