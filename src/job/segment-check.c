/* A few slots, each with one request. Owned by job/restore and job/parent. */
#include "job/segment-check.h"

#include <errno.h>
#include <stdlib.h>

#include "event/timer.h"
#include "stream/age.h"

enum { SLOTS = 8 };

/* Free while request is NULL. */
typedef struct Slot {
        SegmentCheck *check;
        StoreRequest *request;
} Slot;

struct SegmentCheck {
        Service *service;
        const Source *source;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
        Slot slots[SLOTS];
        size_t next, n_there;
        Error error;
        Timer *done;
};

static void end(SegmentCheck *check) {
        for (size_t i = 0; i < SLOTS; i++) {
                store_cancel(check->slots[i].request);
                check->slots[i].request = NULL;
        }
        timer_arm(check->done, 0);
}

static void on_end(void *userdata) {
        SegmentCheck *check = userdata;
        check->on_done(error_is_set(&check->error) ? &check->error : NULL, check->userdata);
}

static void go_on(SegmentCheck *check);

static void on_there(const StoreReply *reply, void *userdata) {
        Slot *slot = userdata;
        SegmentCheck *check = slot->check;

        slot->request = NULL;
        if (reply->r < 0) {
                check->error = *reply->err;
                if (reply->r == -ENOENT)
                        check->error.kind = ERROR_INTEGRITY;
                (void)error_prefix(
                        &check->error, "backup %s is not whole", check->source->record.id);
                end(check);
                return;
        }
        check->n_there++;
        go_on(check);
}

static int ask(Slot *slot, Error *err) {
        const Source *source = slot->check->source;
        const RecordVolume *volume = &source->record.volume;
        size_t index = slot->check->next++;
        StoreSegment segment = {
                .attempt = {source->record.instance, source->record.id, volume->attempt},
                .index = index,
                .offset = age_segment_offset(
                        source->record.payload_offset, volume->segment_size, index),
                .size = (size_t)source->segments[index].size,
                .md5 = source->segments[index].md5,
        };
        return store_stat_segment(
                slot->check->service->store,
                &segment,
                &(StoreCall){on_there, slot, &slot->request},
                err);
}

static void go_on(SegmentCheck *check) {
        if (check->n_there == check->source->n_segments) {
                end(check);
                return;
        }
        for (size_t i = 0; i < SLOTS && check->next < check->source->n_segments; i++) {
                if (check->slots[i].request != NULL || ask(&check->slots[i], &check->error) >= 0)
                        continue;
                end(check);
                return;
        }
}

int segment_check_start(
        Service *service,
        const Source *source,
        void (*on_done)(const Error *err, void *userdata),
        void *userdata,
        SegmentCheck **ret,
        Error *err) {
        SegmentCheck *check = calloc(1, sizeof(SegmentCheck));

        if (check == NULL)
                return error_oom(err);
        check->service = service;
        check->source = source;
        check->on_done = on_done;
        check->userdata = userdata;
        for (size_t i = 0; i < SLOTS; i++)
                check->slots[i].check = check;
        int r = timer_new(service->loop, on_end, check, &check->done, err);
        if (r < 0) {
                free(check);
                return r;
        }
        go_on(check);
        *ret = check;
        return 0;
}

SegmentCheck *segment_check_free(SegmentCheck *check) {
        if (check == NULL)
                return NULL;
        for (size_t i = 0; i < SLOTS; i++)
                store_cancel(check->slots[i].request);
        timer_free(check->done);
        free(check);
        return NULL;
}
