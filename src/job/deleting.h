/* One backup is taken out of the store, in the order of repository/deletion.h. The intent is in the
 * ledger before delete.json is sent and leaves it with the last object, so that a crash at any
 * point is gone on with (job/owed); before anything is removed, its tags are owed to leave the
 * control files. Owned by job/delete and job/owed. */
#pragma once

#include "job/service.h"

typedef struct Deleting Deleting;
typedef struct DeletingOptions {
        Service *service;
        const char *backup_id;
        /* delete.json as it is sent; copied. NULL: the one in the store, and nothing is to be done
         * when there is none. */
        const char *envelope;
        size_t envelope_size;
        bool is_owed; /* it was begun before: the intent outlives every failure */
        /* err NULL: nothing of it is left but, as long as it has the highest claim, that and
         * delete.json. begun: delete.json may be there, the backup is not COMPLETED any more. */
        void (*on_done)(const Error *err, bool begun, void *userdata);
        void *userdata;
} DeletingOptions;
int deleting_start(const DeletingOptions *options, Deleting **ret, Error *err);
bool deleting_has_begun(const Deleting *deleting);
/* Also in the middle: what was begun stays owed. */
Deleting *deleting_free(Deleting *deleting);
/* Instead, when a person does not want it any more: only another delete goes on. */
Deleting *deleting_abandon(Deleting *deleting);
