/* One SQL*Plus process: the session text goes in on standard input (the password only there, wiped
 * afterwards), rows come out, and `~OK~` as the last line says that every statement was reached.
 * SQL*Plus leaves with 0 whatever happened, so its exit status alone says nothing. */
#include "oracle/sqlplus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "event/timer.h"
#include "oracle/output.h"
#include "oracle/program.h"
#include "oracle/script.h"
#include "oracle/sql.h"

struct SqlPlus {
        const Oracle *oracle;
        char sid[31];
        Child *child;
        Timer *deadline;
        Rows rows;
        Error error; /* of a line that could not be taken in */
        void (*on_done)(const Rows *rows, const Error *err, void *userdata);
        void *userdata;
};

static void sqlplus_finish(SqlPlus *sqlplus, const Error *err) {
        timer_disarm(sqlplus->deadline);
        sqlplus->child = child_free(sqlplus->child);
        sqlplus->on_done(&sqlplus->rows, err, sqlplus->userdata);
}

/* "ORA-01034" of "ORA-01034: ORACLE not available". */
static void copy_code(const char *line, char ret[static ERROR_CODE_BYTES]) {
        size_t n = strcspn(line, ": \t");
        if (n >= ERROR_CODE_BYTES || memchr(line, '-', n) == NULL)
                n = 0;
        memcpy(ret, line, n);
        ret[n] = '\0';
}

static ErrorKind kind_of(const char *code) {
        static const struct {
                const char *code;
                ErrorKind kind;
        } known[] = {
                {"ORA-01034", ERROR_ORACLE},
                {"ORA-27101", ERROR_ORACLE},
                {"ORA-01507", ERROR_ORACLE},
                {"ORA-01109", ERROR_ORACLE},
                {"ORA-01017", ERROR_ORACLE_AUTH},
                {"ORA-01031", ERROR_ORACLE_AUTH},
                {"ORA-01005", ERROR_ORACLE_AUTH},
                {"ORA-28000", ERROR_ORACLE_AUTH},
        };
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(code, known[i].code) == 0)
                        return known[i].kind;
        ErrorKind kind = rman_error_kind(code, 0);
        return kind == ERROR_RMAN_FAILED ? ERROR_ORACLE : kind;
}

static const char *advice_for(const char *code) {
        static const struct {
                const char *code, *advice;
        } known[] = {
                {"ORA-01034", "; the instance is down: start it"},
                {"ORA-27101", "; the instance is down: start it"},
                {"ORA-01507", "; the database is not mounted: mount or open it"},
                {"ORA-01109", "; the database is not open: open it"},
                {"ORA-01017", "; set [oracle] connect and the credential oracle-password"},
                {"ORA-01031",
                 "; run the service as a member of the OSDBA group of this Oracle home, or give "
                 "the database a password file"},
                {"ORA-28000", "; unlock the account"},
        };
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(code, known[i].code) == 0)
                        return known[i].advice;
        return "";
}

static int error_of_line(const SqlPlus *sqlplus, const char *line, Error *err) {
        char code[ERROR_CODE_BYTES];
        copy_code(line, code);
        int r = error_set(
                err,
                kind_of(code),
                -EIO,
                "SQL*Plus on %s: %s%s",
                sqlplus->sid,
                line,
                advice_for(code));
        memcpy(err->ora_code, code, sizeof code);
        return r;
}

static int sqlplus_judge(const SqlPlus *sqlplus, const ChildExit *exit, Error *err) {
        if (sqlplus->rows.error_line != NULL)
                return error_of_line(sqlplus, sqlplus->rows.error_line, err);
        if (error_is_set(&sqlplus->error)) {
                *err = sqlplus->error;
                return err->r;
        }
        if (!sqlplus->rows.ok || exit->signal != 0 || exit->status != 0)
                return error_set(
                        err,
                        ERROR_ORACLE,
                        -EIO,
                        "SQL*Plus on %s ended (status %d, signal %d) before it had answered",
                        sqlplus->sid,
                        exit->status,
                        exit->signal);
        return 0;
}

static void on_line(const char *line, size_t length, bool cut, void *userdata) {
        SqlPlus *sqlplus = userdata;
        if (error_is_set(&sqlplus->error))
                return;
        if (cut)
                error_set(
                        &sqlplus->error,
                        ERROR_ORACLE,
                        -EMSGSIZE,
                        "SQL*Plus on %s printed a line that is too long",
                        sqlplus->sid);
        else if (rows_add_line(&sqlplus->rows, line, length, &sqlplus->error) < 0)
                error_prefix(&sqlplus->error, "SQL*Plus on %s", sqlplus->sid);
}

static void on_exit_of_sqlplus(const ChildExit *exit, const Error *err, void *userdata) {
        SqlPlus *sqlplus = userdata;
        Error error = {0};
        if (exit == NULL)
                error = *err;
        else
                sqlplus_judge(sqlplus, exit, &error);
        sqlplus_finish(sqlplus, error_is_set(&error) ? &error : NULL);
}

static void on_deadline(void *userdata) {
        SqlPlus *sqlplus = userdata;
        Error error = {0};
        error_set(
                &error,
                ERROR_TIMEOUT,
                -ETIMEDOUT,
                "SQL*Plus on %s did not answer in time; see whether the instance hangs (a full "
                "archive destination, ORA-00257)",
                sqlplus->sid);
        sqlplus_finish(sqlplus, &error);
}

static int
sqlplus_text(const Oracle *oracle, const SqlPlusOptions *options, Text *ret, Error *err) {
        const RmanConnect connect = {
                .user = oracle->user, .password = oracle->password, .service = oracle->service};
        int r = sql_preamble(&connect, options->idle, ret, err);
        if (r < 0)
                return r;
        text_append(ret, options->statements);
        /* An idle instance has no DUAL. */
        if (options->idle)
                text_append(ret, "prompt ~OK~\nexit success\n");
        else
                sql_ending(ret);
        return ret->failed ? error_oom(err) : 0;
}

static int
sqlplus_spawn(SqlPlus *sqlplus, const SqlPlusOptions *options, const char *text, Error *err) {
        static const char *const arguments[] = {"-S", "-L", "/nolog", NULL};
        return program_start(
                sqlplus->oracle,
                &(ProgramOptions){
                        .database = options->database,
                        .name = "sqlplus",
                        .arguments = arguments,
                        .input = text,
                        .on_line = on_line,
                        .on_exit = on_exit_of_sqlplus,
                        .userdata = sqlplus,
                },
                &sqlplus->child,
                err);
}

static uint64_t sqlplus_timeout(const Oracle *oracle, const SqlPlusOptions *options) {
        if (options->timeout_msec != 0)
                return options->timeout_msec;
        return oracle->sql_timeout_msec != 0 ? oracle->sql_timeout_msec : ORACLE_SQL_TIMEOUT_MSEC;
}

int sqlplus_start(const Oracle *oracle, const SqlPlusOptions *options, SqlPlus **ret, Error *err) {
        Text text = TEXT_INIT;
        SqlPlus *sqlplus = calloc(1, sizeof *sqlplus);
        if (sqlplus == NULL)
                return error_oom(err);
        sqlplus->oracle = oracle;
        sqlplus->on_done = options->on_done;
        sqlplus->userdata = options->userdata;
        memcpy(sqlplus->sid, options->database->sid, sizeof sqlplus->sid);
        int r = timer_new(oracle->loop, on_deadline, sqlplus, &sqlplus->deadline, err);
        if (r >= 0)
                r = sqlplus_text(oracle, options, &text, err);
        if (r >= 0)
                r = sqlplus_spawn(sqlplus, options, text_get(&text), err);
        text_wipe(&text);
        if (r < 0) {
                sqlplus_free(sqlplus);
                return r;
        }
        timer_arm(sqlplus->deadline, sqlplus_timeout(oracle, options));
        *ret = sqlplus;
        return 0;
}

SqlPlus *sqlplus_free(SqlPlus *sqlplus) {
        if (sqlplus == NULL)
                return NULL;
        child_free(sqlplus->child);
        timer_free(sqlplus->deadline);
        rows_done(&sqlplus->rows);
        free(sqlplus);
        return NULL;
}
