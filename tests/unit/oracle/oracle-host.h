/* A host for the runs of src/oracle without Oracle: a loop, a pool, a home in a temporary
 * directory, and programs that answer from a table (tests/fakes/child.c). */
#pragma once

#include "event/work.h"
#include "fakes/child.h"
#include "oracle/oracle.h"

/* The first row whose program is the child's and whose needle is in its input answers. output NULL:
 * the program stays silent and runs on. times 0: as often as it is asked. */
typedef struct Answer {
        const char *program;
        const char *needle;
        const char *output;
        int status;
        unsigned times;
        /* Called before the answer; may make files. */
        void (*before)(void *userdata);
} Answer;

typedef struct OracleHost {
        Loop *loop;
        ChildRunner *runner;
        WorkPool *files;
        Oracle oracle;
        OracleDatabase database;
        char directory[64];
        Answer *answers;
        size_t n_answers;
        void *userdata;
        /* the end of what is tested */
        unsigned n_done;
        Error error;
} OracleHost;

void oracle_host_init(OracleHost *host);
void oracle_host_done(OracleHost *host); /* nothing is left running */
void oracle_host_answer(OracleHost *host, const Answer *answers, size_t n);
/* For an on_done: keeps the error, ends oracle_host_run(). */
void oracle_host_finish(OracleHost *host, const Error *err);
/* Until oracle_host_finish(), or a failure of the test after 10 s. */
void oracle_host_run(OracleHost *host);
/* Until the condition holds. */
void oracle_host_run_until(OracleHost *host, bool (*condition)(void *userdata), void *userdata);
/* Has any child been given this on its input? */
bool oracle_host_was_told(const char *needle);
ChildFake *oracle_host_told(const char *needle); /* NULL: none */
char *oracle_host_path(const OracleHost *host, const char *below);
void oracle_host_write(const OracleHost *host, const char *below, const char *text);

#define SQL_OK "~OK~\n"
#define R "~R~\x1f"
#define F "\x1f"
