/* The record of a backup, put together from what the plan, the runs and the upload know. Pure. */
#pragma once

#include "config/config.h"
#include "job/members.h"
#include "job/plan.h"
#include "job/runs.h"
#include "job/source.h"
#include "ledger/db.h"
#include "repository/control.h"
#include "repository/record.h"
#include "stream/age.h"

typedef struct BackupRecordInput {
        const Claim
                *claim; /* id, name, description, instance, hostname, sequence, created, level */
        const LedgerPrevious *previous; /* id "": none */
        const Source *parent;           /* NULL: level 0 */
        const BackupPlan *plan;
        const Runs *runs; /* every database is done */
        const Config *config;
        const AgeRecipients *recipients;
} BackupRecordInput;

/* Everything but members, volume, encryption header and finished; the caller frees with
 * record_done(). */
int backup_record_make(const BackupRecordInput *input, Record *ret, Error *err);

/* What of this host belongs into a record: mode and group of the directories that a restore has to
 * create, the name of its time zone. Blocking: from a worker. */
void backup_record_look_around(Record *record);
