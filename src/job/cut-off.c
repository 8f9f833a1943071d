/* Names what a cut off job may have left, by its type: it is never continued and nothing of Oracle
 * is touched. Called by job/recovery.c. */
#include "job/cut-off.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/message-ids.h"

typedef struct CutOff {
        const char *type, *message_id, *left;
} CutOff;

static const CutOff jobs[] = {
        {"restore", MESSAGE_ID_RESTORE_FAILED, "; an instance that it started is left as it is: "},
        {"create-database",
         NULL,
         "; what dbca made (files, instance, line of oratab) is left as it is, for you to finish "
         "or to remove with dbca -deleteDatabase: database "},
        {"enable-archivelog",
         NULL,
         "; the restart is left where it was, see V$INSTANCE and open it: database "},
};

static CutOff find(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++)
                if (string_equal(jobs[i].type, type))
                        return jobs[i];
        return (CutOff){.left = ""};
}

void cut_off_log(const LedgerJob *row) {
        const CutOff job = find(row->type);
        bool named = row->object_size > 0;
        Error error = {0};
        (void)error_set(
                &error,
                ERROR_INTERRUPTED,
                -EINTR,
                "it was cut off and is not continued%s%.*s",
                named ? job.left : "",
                (int)row->object_size,
                named ? (const char *)row->object : "");
        log_warning(
                &(LogFields){
                        .job = row->id,
                        .backup = row->backup_id,
                        .instance = row->instance,
                        .message_id = job.message_id,
                        .error = &error,
                },
                "%s%s%s failed",
                row->type,
                row->backup_id[0] != '\0' ? " " : "",
                row->backup_id);
}
