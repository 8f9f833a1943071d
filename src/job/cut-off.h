/* What the journal says of a job that is no backup and that the service or the host cut off. */
#pragma once

#include "ledger/db.h"

/* A row of stage LEDGER_OTHER; its object holds the names of its databases. */
void cut_off_log(const LedgerJob *row);
