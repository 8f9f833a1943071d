/* One SQL*Plus process: preamble, statements, rows. Success is `~OK~` as the last line and no line
 * that begins with ORA-, SP2- or ERROR. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "oracle/oracle.h"
#include "oracle/rows.h"

typedef struct SqlPlus SqlPlus;

typedef struct SqlPlusOptions {
        const OracleDatabase *database;
        const char *statements; /* from oracle/sql.h; copied */
        bool idle; /* the instance may be idle (startup, create pfile): alter session is left out */
        uint64_t timeout_msec; /* 0: oracle->sql_timeout_msec */
        /* rows: those of the run (also the lines that are no rows, in rows->lines), valid within
         * the call. err NULL: success. Oracle, OracleAuth, Timeout .. name the SID and the first
         * ORA- line. */
        void (*on_done)(const Rows *rows, const Error *err, void *userdata);
        void *userdata;
} SqlPlusOptions;
int sqlplus_start(const Oracle *oracle, const SqlPlusOptions *options, SqlPlus **ret, Error *err);
SqlPlus *sqlplus_free(SqlPlus *sqlplus); /* cancels */
