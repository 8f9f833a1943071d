/* What dbca prints in silent mode, a line at a time, and what its exit status means. Pure: no I/O,
 * nothing allocated; fuzzed.
 *
 * Sources: Oracle's table of DBCA exit codes, and the transcripts in tests/data/dbca. 11.2 to 12.1
 * print the steps and "N% complete"; later releases add "[FATAL] [DBT-nnnnn] .." with CAUSE and
 * ACTION. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef enum DbcaEvent {
        DBCA_NOTHING,
        DBCA_STEP,    /* parser->step is new */
        DBCA_PERCENT, /* parser->percent has grown */
        DBCA_WARNING, /* parser->warning */
        DBCA_ERROR,   /* a line of an error; the verdict chooses among them */
} DbcaEvent;

enum { DBCA_STEP_BYTES = 64, DBCA_PATH_BYTES = 512, DBCA_LINE_BYTES = 320 };

typedef struct DbcaParser {
        unsigned percent; /* the greatest so far */
        char step[DBCA_STEP_BYTES];
        char log_file[DBCA_PATH_BYTES]; /* "" : it named none */
        char warning[DBCA_LINE_BYTES];  /* the last one */
        unsigned n_warnings;
        /* The error that says most: the first of the highest rank. */
        unsigned rank;
        char error[DBCA_LINE_BYTES], cause[DBCA_LINE_BYTES];
        char code[ERROR_CODE_BYTES];
        int os_error;
        bool awaits_log_file; /* its name is the next line */
        bool awaits_cause;    /* of the error that was chosen last */
} DbcaParser;

#define DBCA_PARSER_INIT ((DbcaParser){0})

DbcaEvent dbca_parser_line(DbcaParser *parser, const char *line, size_t length);

/* After the last line. 0: the database was created (status 0, or 6: with warnings). Else Oracle,
 * NoSpace, OracleAuth, DatabaseExists .. with what dbca said and its log file. */
int dbca_parser_verdict(
        const DbcaParser *parser, const char *sid, int status, int signal_number, Error *err);
