/* See swift-page.h. Used by swift-list.c and swift-remove.c. */
#include "store/swift-page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "store/swift-internal.h"
#include "store/swift-url.h"

struct SwiftPage {
        SwiftPageOptions options;
        SwiftRequest *request;
};

/* Swift's times have no zone: they are UTC. */
static uint64_t time_of(const Json *row) {
        char with_zone[40];
        const char *text = NULL;
        uint64_t usec = 0;
        if (json_get_string(row, "last_modified", &text, NULL) < 0 || strlen(text) > 32)
                return 0;
        (void)snprintf(with_zone, sizeof(with_zone), "%sZ", text);
        return parse_time(with_zone, &usec) == 0 ? usec : 0;
}

static int read_rows(const Json *json, StoreEntry **ret, size_t *ret_n, Error *err) {
        size_t n = json_length(json), kept = 0;
        CLEANUP(cleanup_free) StoreEntry *entries = calloc(n + 1, sizeof(StoreEntry));
        if (entries == NULL)
                return error_oom(err);
        for (size_t i = 0; i < n; i++) {
                const Json *row = json_at(json, i);
                StoreEntry *entry = &entries[kept];
                int r = json_is_object(row) ? json_get_string(row, "name", &entry->name, err)
                                            : error_set(
                                                      err,
                                                      ERROR_STORE_UNAVAILABLE,
                                                      -EPROTO,
                                                      "the listing holds what is no object");
                if (r == 0)
                        r = json_get_uint(row, "bytes", &entry->size, err);
                if (r < 0)
                        return r;
                entry->modified_usec = time_of(row);
                kept++;
        }
        *ret = TAKE_PTR(entries);
        *ret_n = kept;
        return 0;
}

static void finish(SwiftPage *page, const StoreEntry *entries, size_t n, const Error *err) {
        SwiftPageOptions options = page->options;
        free(page);
        options.on_done(entries, n, err, options.userdata);
}

/* A container that is gone has no objects: the next PUT makes it. */
static SwiftVerdict judge(const SwiftAnswer *answer, Error *err, void *userdata) {
        return answer->status == 404 ? SWIFT_DONE : swift_judge(answer, err);
}

static void on_answer(const SwiftAnswer *answer, const Error *err, void *userdata) {
        SwiftPage *page = userdata;
        CLEANUP(cleanup_json) Json *json = NULL;
        CLEANUP(cleanup_free) StoreEntry *entries = NULL;
        Error error = {0};
        size_t n = 0;
        page->request = NULL;
        if (err != NULL || answer->status == 404 || answer->status == 204) {
                finish(page, NULL, 0, err);
                return;
        }
        int r = json_parse(
                answer->body_size > 0 ? answer->body : "",
                answer->body_size,
                &(JsonDocument){"the listing", LIMIT_LISTING_PAGE_BYTES, ERROR_STORE_UNAVAILABLE},
                &json,
                &error);
        if (r == 0)
                r = read_rows(json, &entries, &n, &error);
        if (r < 0)
                (void)error_prefix(&error, "Listing %s", page->options.container);
        finish(page, entries, n, r < 0 ? &error : NULL);
}

static char *query_of(const SwiftStore *store, const SwiftPageOptions *options) {
        Text query = TEXT_INIT;
        text_appendf(&query, "format=json&limit=%" PRIu64 "&prefix=", store->info.listing_names);
        swift_url_append(&query, options->prefix, false);
        if (options->marker[0] != '\0') {
                text_append(&query, "&marker=");
                swift_url_append(&query, options->marker, false);
        }
        return text_take(&query);
}

int swift_page_start(
        SwiftStore *store, const SwiftPageOptions *options, SwiftPage **ret, Error *err) {
        CLEANUP(cleanup_free) char *query = query_of(store, options);
        SwiftPage *page = calloc(1, sizeof(*page));
        if (query == NULL || page == NULL) {
                free(page);
                return error_oom(err);
        }
        page->options = *options;
        const SwiftRequestOptions request = {
                .doing = "Listing",
                .method = "GET",
                .container = options->container,
                .query = query,
                .max_reply_bytes = LIMIT_LISTING_PAGE_BYTES,
                .judge = judge,
                .on_done = on_answer,
                .userdata = page,
        };
        int r = swift_request_start(store, &request, &page->request, err);
        if (r < 0) {
                free(page);
                return r;
        }
        *ret = page;
        return 0;
}

void swift_page_cancel(SwiftPage *page) {
        if (page == NULL)
                return;
        swift_request_cancel(page->request);
        free(page);
}
