/* Shows a picture: which state each backup is in and what a person sees of it. See picture.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "job/picture-internal.h"

/* A line of the list before it is filled: an item of the store, or a backup only this host knows.
 */
typedef struct Line {
        const PictureItem *item;
        const PictureOwn *own;
        const char *id;
        BackupState state;
        uint64_t created_usec;
        uint64_t sequence; /* what only this host knows has none yet, and is the newest */
} Line;

void backup_view_done(BackupView *view) {
        free(view->name);
        free(view->description);
        free(view->hostname);
        free(view->location);
        free(view->checksum);
        free(view->signer);
        string_list_done(&view->children);
        if (view->has_record)
                record_done(&view->record);
        *view = (BackupView){0};
}

const Summary *picture_main_summary(const PictureItem *item) {
        const Summary *all[] = {item->record, item->claim, item->failed, item->deletion};
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (all[i] != NULL && all[i]->readable)
                        return all[i];
        return item->record;
}

/* An object that does not verify changes no state: it counts as not being there. A deletion of ours
 * counts before the listing shows it. */
static BackupObjects proven_objects(const Picture *picture, const PictureItem *item) {
        BackupObjects objects = item->objects;
        objects.failed = picture_is_trusted(picture, item->failed);
        objects.deletion = picture_is_trusted(picture, item->deletion) ||
                           string_list_has(&picture->deletions, item->id);
        objects.record = item->record != NULL;
        objects.claim = item->claim != NULL || objects.record;
        return objects;
}

static bool has_data(const PictureItem *item) {
        const BackupObjects *objects = &item->objects;
        return objects->record || objects->failed || objects->tar || objects->segments;
}

bool picture_state(const Picture *picture, const PictureItem *item, BackupState *ret) {
        BackupObjects objects = proven_objects(picture, item);
        bool being_deleted = string_list_has(&picture->being_deleted, item->id);

        if (!objects.record && !objects.failed && !objects.deletion && !objects.claim)
                return false;
        if (objects.deletion && !being_deleted && !has_data(item))
                return false;
        *ret = backup_state(&objects, picture_is_trusted(picture, item->record), being_deleted);
        return true;
}

static bool make_item_line(const Picture *picture, const PictureItem *item, Line *ret) {
        const Summary *summary = picture_main_summary(item);
        bool readable = summary != NULL && summary->readable;
        Line line = {
                .item = item,
                .own = picture_find_own(picture, item->id),
                .id = item->id,
                .created_usec = readable ? summary->created_usec : item->updated_usec,
                .sequence = readable ? summary->sequence : 0};
        if (!picture_state(picture, item, &line.state))
                return false;
        *ret = line;
        return true;
}

static int compare_lines(const void *a, const void *b) {
        const Line *one = a, *other = b;
        if (one->created_usec != other->created_usec)
                return one->created_usec < other->created_usec ? 1 : -1;
        if (one->sequence != other->sequence) /* made within the same second */
                return one->sequence < other->sequence ? 1 : -1;
        return strcmp(one->id, other->id);
}

static bool is_shown(const Picture *picture, const ListOptions *options, const char *instance) {
        if (options != NULL && options->instance != NULL)
                return strcmp(options->instance, instance) == 0;
        return !picture->one_instance || strcmp(picture->instance, instance) == 0;
}

static int
make_lines(const Picture *picture, const ListOptions *options, Line **ret, size_t *ret_n) {
        CLEANUP(cleanup_free)
        Line *lines = calloc(picture->n_items + picture->n_own + 1, sizeof(*lines));
        if (lines == NULL)
                return -ENOMEM;
        size_t n = 0;
        for (size_t i = 0; i < picture->n_items; i++)
                if (is_shown(picture, options, picture->items[i].instance))
                        n += make_item_line(picture, &picture->items[i], &lines[n]);
        size_t n_found = n;
        for (size_t i = 0; i < picture->n_own; i++) {
                const PictureOwn *own = &picture->own[i];
                bool found = !is_shown(picture, options, own->instance);
                for (size_t k = 0; k < n_found && !found; k++)
                        found = strcmp(lines[k].id, own->id) == 0;
                if (found)
                        continue;
                lines[n++] =
                        (Line){.own = own,
                               .id = own->id,
                               .state = own->acknowledged ? STATE_BUILDING : STATE_NEW,
                               .created_usec = own->started_usec,
                               .sequence = UINT64_MAX};
        }
        qsort(lines, n, sizeof(*lines), compare_lines);
        *ret = TAKE_PTR(lines);
        *ret_n = n;
        return 0;
}

static char *copy_text(const char *text) {
        return strdup(text == NULL ? "" : text);
}

static Trust trust_of(const Picture *picture, const PictureItem *item, const Summary *summary) {
        if (item->record != NULL)
                return summary_trust(item->record, picture->trusted);
        return summary == NULL ? TRUST_MISSING : summary_trust(summary, picture->trusted);
}

static void fill_own(BackupView *view, const PictureOwn *own) {
        memcpy(view->instance, own->instance, sizeof(view->instance));
        view->created_usec = view->updated_usec = own->started_usec;
        view->size = own->bytes_stored;
        view->level = own->level;
        memcpy(view->parent_id, own->parent_id, sizeof(view->parent_id));
        view->signature = TRUST_MISSING;
        view->name = copy_text(own->name);
        view->description = copy_text(own->description);
}

static void fill_item(const Picture *picture, BackupView *view, const Line *line) {
        const PictureItem *item = line->item;
        const Summary *summary = picture_main_summary(item);
        memcpy(view->instance, item->instance, sizeof(view->instance));
        view->created_usec = line->created_usec;
        view->updated_usec = item->updated_usec;
        view->size = line->own != NULL ? line->own->bytes_stored : item->tar_size;
        view->signature = trust_of(picture, item, summary);
        if (item->record != NULL)
                view->location = string_printf(
                        "%s/%s/%s/backup.tar.age", picture->container, item->instance, item->id);
        if (line->state == STATE_FAILED && item->failed != NULL)
                error_set(
                        &view->error, item->failed->error, -EIO, "%s", item->failed->error_message);
        if (summary == NULL)
                return;
        memcpy(view->parent_id, summary->parent_id, sizeof(view->parent_id));
        view->level = summary->level;
        view->sequence = summary->sequence;
        if (summary->type == OBJECT_RECORD && summary->readable) {
                view->size = summary->size;
                view->checksum = copy_text(summary->etag);
        }
        view->name = copy_text(summary->name);
        view->description = copy_text(summary->description);
        view->hostname = copy_text(summary->hostname);
        view->signer = copy_text(summary->signer);
}

static int fill_view(const Picture *picture, const Line *line, BackupView *ret) {
        BackupView *view = ret;
        *view = (BackupView){.state = line->state};
        memcpy(view->id, line->id, sizeof(view->id));
        if (line->item != NULL)
                fill_item(picture, view, line);
        else
                fill_own(view, line->own);
        char **texts[] = {
                &view->name,
                &view->description,
                &view->hostname,
                &view->location,
                &view->checksum,
                &view->signer,
        };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                if (*texts[i] == NULL)
                        *texts[i] = strdup("");
                if (*texts[i] == NULL)
                        return -ENOMEM;
        }
        return 0;
}

static void views_free(BackupView *views, size_t n) {
        for (size_t i = 0; i < n; i++)
                backup_view_done(&views[i]);
        free(views);
}

static int
find_page(const Line *lines, size_t n_lines, const char *marker, size_t *ret_first, Error *err) {
        *ret_first = 0;
        if (marker == NULL)
                return 0;
        for (size_t i = 0; i < n_lines; i++)
                if (strcmp(lines[i].id, marker) == 0) {
                        *ret_first = i + 1;
                        return 0;
                }
        return error_set(
                err,
                ERROR_INVALID_ARGS,
                -EINVAL,
                "There is no backup %s (any more) to go on after; begin with the first page",
                marker);
}

int picture_list(
        const Picture *picture,
        const ListOptions *options,
        BackupView **ret,
        size_t *ret_n,
        Error *err) {
        CLEANUP(cleanup_free) Line *lines = NULL;
        size_t n_lines = 0, first = 0, n = 0;
        if (make_lines(picture, options, &lines, &n_lines) < 0)
                return error_oom(err);
        int r = find_page(lines, n_lines, options->marker, &first, err);
        if (r < 0)
                return r;
        size_t limit = options->limit == 0 || options->limit > LIMIT_LIST_PAGE ? LIMIT_LIST_PAGE
                                                                               : options->limit;
        size_t n_max = options->other_datastore ? 0 : limit;
        BackupView *views = calloc(n_max + 1, sizeof(*views));
        if (views == NULL)
                return error_oom(err);
        for (size_t i = first; i < n_lines && n < n_max; i++) {
                if (options->has_state && lines[i].state != options->state)
                        continue;
                if (fill_view(picture, &lines[i], &views[n++]) < 0) {
                        views_free(views, n);
                        return error_oom(err);
                }
        }
        *ret = views;
        *ret_n = n;
        return 0;
}

static int add_children(const Line *lines, size_t n_lines, BackupView *view) {
        for (size_t i = 0; i < n_lines; i++) {
                const Summary *summary =
                        lines[i].item == NULL ? NULL : picture_main_summary(lines[i].item);
                if (summary == NULL || lines[i].state == STATE_FAILED ||
                    strcmp(summary->parent_id, view->id) != 0)
                        continue;
                if (string_list_add(&view->children, lines[i].id) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int picture_view(
        const Picture *picture,
        const char *id,
        BackupView **ret,
        bool *ret_has_record,
        Error *err) {
        CLEANUP(cleanup_free) Line *lines = NULL;
        size_t n_lines = 0, i = 0;
        if (make_lines(picture, NULL, &lines, &n_lines) < 0)
                return error_oom(err);
        while (i < n_lines && strcmp(lines[i].id, id) != 0)
                i++;
        if (i == n_lines)
                return error_set(
                        err,
                        ERROR_NO_SUCH_BACKUP,
                        -ENOENT,
                        "There is no backup %s in the store",
                        id);
        BackupView *view = calloc(1, sizeof(*view));
        if (view == NULL)
                return error_oom(err);
        if (fill_view(picture, &lines[i], view) < 0 || add_children(lines, n_lines, view) < 0) {
                views_free(view, 1);
                return error_oom(err);
        }
        const PictureItem *item = lines[i].item;
        *ret_has_record = item != NULL && item->record != NULL && item->record->readable;
        *ret = view;
        return 0;
}
