/* See swift-delete.h. Used by swift-remove.c. */
#include "store/swift-delete.h"

#include <errno.h>
#include <stdlib.h>

#include "store/swift-internal.h"
#include "store/swift-report.h"
#include "store/swift-url.h"

enum { AT_ONCE = 8, BULK_NAMES = 1000 };

/* Free while request is NULL. */
typedef struct DeleteSlot {
        SwiftDelete *del;
        SwiftRequest *request;
} DeleteSlot;

struct SwiftDelete {
        SwiftStore *store;
        SwiftDeleteOptions options;
        size_t next; /* the first name that was not asked for */
        uint64_t n_deleted;
        DeleteSlot slots[AT_ONCE];
        Text body; /* of a bulk delete */
};

static void delete_free(SwiftDelete *del) {
        for (size_t i = 0; i < AT_ONCE; i++)
                swift_request_cancel(del->slots[i].request);
        text_done(&del->body);
        free(del);
}

static void finish(SwiftDelete *del, const Error *err) {
        SwiftDeleteOptions options = del->options;
        Error error = err != NULL ? *err : (Error){0};
        uint64_t n_deleted = del->n_deleted;
        delete_free(del);
        options.on_done(n_deleted, err != NULL ? &error : NULL, options.userdata);
}

/* --- one each --- */

static bool is_busy(const SwiftDelete *del) {
        for (size_t i = 0; i < AT_ONCE; i++)
                if (del->slots[i].request != NULL)
                        return true;
        return false;
}

static int fill_slots(SwiftDelete *del, Error *err);

static SwiftVerdict judge_one(const SwiftAnswer *answer, Error *err, void *userdata) {
        return answer->status == 404 ? SWIFT_DONE : swift_judge(answer, err);
}

static void on_one(const SwiftAnswer *answer, const Error *err, void *userdata) {
        DeleteSlot *slot = userdata;
        SwiftDelete *del = slot->del;
        Error error = {0};
        slot->request = NULL;
        if (err == NULL)
                del->n_deleted += answer->status == 404 ? 0 : 1;
        else
                error = *err;
        if (err == NULL)
                (void)fill_slots(del, &error);
        if (error_is_set(&error) || !is_busy(del))
                finish(del, error_is_set(&error) ? &error : NULL);
}

static int fill_slots(SwiftDelete *del, Error *err) {
        for (size_t i = 0; i < AT_ONCE && del->next < del->options.names->n; i++) {
                DeleteSlot *slot = &del->slots[i];
                if (slot->request != NULL)
                        continue;
                const SwiftRequestOptions options = {
                        .doing = "Removing",
                        .method = "DELETE",
                        .container = del->options.container,
                        .object = del->options.names->items[del->next],
                        .judge = judge_one,
                        .on_done = on_one,
                        .userdata = slot,
                };
                int r = swift_request_start(del->store, &options, &slot->request, err);
                if (r < 0)
                        return r;
                del->next++;
        }
        return 0;
}

/* --- many at once --- */

static int start_bulk(SwiftDelete *del, Error *err);

static SwiftVerdict judge_bulk(const SwiftAnswer *answer, Error *err, void *userdata) {
        SwiftDelete *del = userdata;
        SwiftReport report;
        SwiftVerdict verdict = swift_judge(answer, err);
        if (verdict != SWIFT_DONE)
                return verdict;
        if (swift_report_read(answer, &report, err) < 0)
                return SWIFT_AGAIN;
        del->n_deleted += report.n_deleted;
        if (report.status == 401 || report.unauthorized) {
                (void)swift_judge_status(401, answer, err);
                return SWIFT_UNAUTHORIZED;
        }
        if (report.n_errors == 0)
                return swift_judge_status(report.status, answer, err);
        (void)swift_refuse(
                answer,
                report.first_status == 403 ? ERROR_STORE_AUTH : ERROR_STORE_UNAVAILABLE,
                report.first_status == 403 ? -EACCES : -EIO,
                err,
                "%zu objects could not be removed, first %s",
                report.n_errors,
                report.first);
        return report.n_passing == report.n_errors ? SWIFT_AGAIN : SWIFT_FAILED;
}

static void on_bulk(const SwiftAnswer *answer, const Error *err, void *userdata) {
        DeleteSlot *slot = userdata;
        SwiftDelete *del = slot->del;
        Error error = {0};
        slot->request = NULL;
        if (err != NULL)
                error = *err;
        else if (del->next < del->options.names->n && start_bulk(del, &error) == 0)
                return;
        finish(del, error_is_set(&error) ? &error : NULL);
}

static SwiftVerdict judge_bulk_slot(const SwiftAnswer *answer, Error *err, void *userdata) {
        DeleteSlot *slot = userdata;
        return judge_bulk(answer, err, slot->del);
}

static int start_bulk(SwiftDelete *del, Error *err) {
        uint64_t most = del->store->info.max_deletes < BULK_NAMES ? del->store->info.max_deletes
                                                                  : BULK_NAMES;
        text_clear(&del->body);
        for (uint64_t i = 0; i < most && del->next < del->options.names->n; i++) {
                swift_url_append(&del->body, del->options.container, false);
                text_append(&del->body, "/");
                swift_url_append(&del->body, del->options.names->items[del->next++], true);
                text_append(&del->body, "\n");
        }
        if (del->body.failed)
                return error_oom(err);
        const SwiftRequestOptions options = {
                .doing = "Removing objects",
                .method = "POST",
                .query = "bulk-delete",
                .headers = {"Content-Type: text/plain", "Accept: application/json"},
                .body = text_get(&del->body),
                .body_size = del->body.length,
                .judge = judge_bulk_slot,
                .on_done = on_bulk,
                .userdata = &del->slots[0],
        };
        return swift_request_start(del->store, &options, &del->slots[0].request, err);
}

int swift_delete_start(
        SwiftStore *store, const SwiftDeleteOptions *options, SwiftDelete **ret, Error *err) {
        SwiftDelete *del = calloc(1, sizeof(*del));
        if (del == NULL)
                return error_oom(err);
        del->store = store;
        del->options = *options;
        for (size_t i = 0; i < AT_ONCE; i++)
                del->slots[i].del = del;
        int r = store->info.max_deletes > 0 ? start_bulk(del, err) : fill_slots(del, err);
        if (r < 0) {
                delete_free(del);
                return r;
        }
        *ret = del;
        return 0;
}

void swift_delete_cancel(SwiftDelete *del) {
        if (del != NULL)
                delete_free(del);
}
