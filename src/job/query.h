/* The List and Get methods: what the store and the ledger show, as plain data. Each answers within
 * 20 s or with Timeout. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/service.h"
#include "repository/record.h"
#include "repository/state.h"

/* One backup as GetBackup shows it. Strings belong to the view. Fields marked (l) in the contract
 * are filled for lists, the others for one backup only. */
typedef struct BackupView {
        char id[37], instance[65], parent_id[37];
        char *name, *description, *hostname, *location, *checksum, *signer;
        BackupState state;
        unsigned level;
        uint64_t sequence, created_usec, updated_usec, size;
        StringList children;
        bool has_record;
        Record record; /* zeroed unless has_record: databases, skipped, members, recipients,
                          datastore version */
        Trust signature;
        Error error; /* of failed.json: kind and message */
} BackupView;
void backup_view_done(BackupView *view);

typedef struct ListOptions {
        const char *instance; /* NULL: every instance; else one */
        uint32_t limit;       /* 0: LIMIT_LIST_PAGE */
        const char *marker;   /* NULL: the first page */
        bool has_state;
        BackupState state;
        bool other_datastore; /* a known name that is not oracle: nothing */
} ListOptions;

typedef struct Query Query;
typedef void (*QueryDone)(
        const BackupView *views, size_t n_views, const Error *err, void *userdata);
/* Newest first (created, then id). A marker that is gone is InvalidArgs. */
int query_list(
        Service *service,
        const ListOptions *options,
        QueryDone on_done,
        void *userdata,
        Query **ret,
        Error *err);
int query_get(
        Service *service,
        const char *backup_id,
        QueryDone on_done,
        void *userdata,
        Query **ret,
        Error *err);             /* NoSuchBackup */
Query *query_free(Query *query); /* cancels */
