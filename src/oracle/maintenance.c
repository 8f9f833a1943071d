/* What is left of a run in RMAN's repository is removed by its tag, with FORCE (the pieces may be
 * gone already), and only a count of 0 is taken as proof. Uncataloging takes records away and
 * leaves files alone. Used after failed, cancelled and deleted backups, and after COMPLETED. */
#include "oracle/maintenance.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/queries.h"
#include "oracle/script.h"
#include "oracle/sessions.h"
#include "oracle/sql.h"
#include "oracle/step.h"

typedef enum MaintenanceState {
        MAINTENANCE_SESSIONS, /* of a run that was cut off */
        MAINTENANCE_DELETE,
        MAINTENANCE_PROOF,
        MAINTENANCE_UNCATALOG,
        MAINTENANCE_ENDED,
        MAINTENANCE_N_STATES,
} MaintenanceState;

static const bool moves[MAINTENANCE_N_STATES][MAINTENANCE_N_STATES] = {
        [MAINTENANCE_SESSIONS] = {[MAINTENANCE_DELETE] = true, [MAINTENANCE_ENDED] = true},
        [MAINTENANCE_DELETE] = {[MAINTENANCE_PROOF] = true, [MAINTENANCE_ENDED] = true},
        [MAINTENANCE_PROOF] = {[MAINTENANCE_ENDED] = true},
        [MAINTENANCE_UNCATALOG] = {[MAINTENANCE_ENDED] = true},
};

struct Maintenance {
        const Oracle *oracle;
        OracleDatabase database;
        MaintenanceState state;
        char *tag;
        Step step;
        Sessions *sessions;
        void (*on_done)(const Error *err, void *userdata);
        void *userdata;
};

static void maintenance_enter(Maintenance *maintenance, MaintenanceState state) {
        assert(moves[maintenance->state][state]);
        maintenance->state = state;
}

static void maintenance_finish(Maintenance *maintenance, const Error *err) {
        Error error = {0};
        if (err != NULL)
                error = *err;
        maintenance_enter(maintenance, MAINTENANCE_ENDED);
        maintenance->on_done(err != NULL ? &error : NULL, maintenance->userdata);
}

static RmanConnect maintenance_connect(const Maintenance *maintenance) {
        const Oracle *oracle = maintenance->oracle;
        return (RmanConnect){
                .user = oracle->user, .password = oracle->password, .service = oracle->service};
}

static int start_script(Maintenance *maintenance, Text *script, int r, Error *err) {
        if (r < 0) {
                text_wipe(script);
                return r;
        }
        return step_rman(
                &maintenance->step, &(StepRman){.phase = RMAN_PHASE_MAINTENANCE}, script, err);
}

static int start_delete(Maintenance *maintenance, Error *err) {
        Text script = TEXT_INIT;
        const RmanConnect connect = maintenance_connect(maintenance);
        int r = rman_script_delete_tag(&connect, maintenance->tag, &script, err);
        return start_script(maintenance, &script, r, err);
}

static int start_proof(Maintenance *maintenance, Error *err) {
        Text statements = TEXT_INIT;
        int r = sql_ask_tag(SQL_RUN_LEFT, maintenance->tag, &statements, err);
        if (r >= 0)
                r = step_sql(&maintenance->step, STEP_SQL_ASK, text_get(&statements), err);
        text_done(&statements);
        return r;
}

static int judge_proof(const Maintenance *maintenance, const Rows *rows, Error *err) {
        uint64_t left;
        int r = queries_count(rows, "L1", &left, err);
        if (r < 0)
                return error_prefix(
                        err,
                        "what is left of tag %s in %s",
                        maintenance->tag,
                        maintenance->database.sid);
        if (left == 0)
                return 0;
        return error_set(
                err,
                ERROR_RMAN_FAILED,
                -EBUSY,
                "the control file of %s still holds %llu pieces of tag %s after they were deleted",
                maintenance->database.sid,
                (unsigned long long)left,
                maintenance->tag);
}

static int maintenance_go_on(Maintenance *maintenance, MaintenanceState state, Error *err) {
        maintenance_enter(maintenance, state);
        return state == MAINTENANCE_DELETE ? start_delete(maintenance, err)
                                           : start_proof(maintenance, err);
}

static void on_step(const Rows *rows, void *data, const Error *err, void *userdata) {
        Maintenance *maintenance = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        else if (maintenance->state == MAINTENANCE_DELETE) {
                if (maintenance_go_on(maintenance, MAINTENANCE_PROOF, &error) >= 0)
                        return;
        } else if (maintenance->state == MAINTENANCE_PROOF)
                judge_proof(maintenance, rows, &error);
        maintenance_finish(maintenance, error_is_set(&error) ? &error : NULL);
}

static void on_sessions(const Error *err, void *userdata) {
        Maintenance *maintenance = userdata;
        Error error = {0};
        if (err != NULL)
                error = *err;
        maintenance->sessions = sessions_free(maintenance->sessions);
        if (!error_is_set(&error) &&
            maintenance_go_on(maintenance, MAINTENANCE_DELETE, &error) >= 0)
                return;
        maintenance_finish(maintenance, &error);
}

static int maintenance_new(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err) {
        Maintenance *maintenance = calloc(1, sizeof *maintenance);
        if (maintenance == NULL)
                return error_oom(err);
        maintenance->oracle = oracle;
        maintenance->on_done = options->on_done;
        maintenance->userdata = options->userdata;
        int r = oracle_database_copy(options->database, &maintenance->database);
        r = r < 0 ? error_oom(err)
                  : step_init(&maintenance->step, oracle, &maintenance->database, err);
        if (r < 0) {
                maintenance_free(maintenance);
                return r;
        }
        maintenance->step.on_done = on_step;
        maintenance->step.userdata = maintenance;
        *ret = maintenance;
        return 0;
}

static int start_sessions(Maintenance *maintenance, Error *err) {
        char command_id[RMAN_COMMAND_ID_BYTES];
        rman_command_id(maintenance->tag, command_id);
        return sessions_end(
                maintenance->oracle,
                &(SessionsOptions){
                        .database = &maintenance->database,
                        .command_id = command_id,
                        .on_done = on_sessions,
                        .userdata = maintenance,
                },
                &maintenance->sessions,
                err);
}

int maintenance_delete_tag(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err) {
        Maintenance *maintenance = NULL;
        int r = maintenance_new(oracle, options, &maintenance, err);
        if (r < 0)
                return r;
        maintenance->state = MAINTENANCE_SESSIONS;
        maintenance->tag = strdup(options->tag);
        r = maintenance->tag != NULL ? start_sessions(maintenance, err) : error_oom(err);
        if (r < 0) {
                maintenance_free(maintenance);
                return r;
        }
        *ret = maintenance;
        return 0;
}

int maintenance_uncatalog(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err) {
        Maintenance *maintenance = NULL;
        Text script = TEXT_INIT;
        int r = maintenance_new(oracle, options, &maintenance, err);
        if (r < 0)
                return r;
        maintenance->state = MAINTENANCE_UNCATALOG;
        const RmanConnect connect = maintenance_connect(maintenance);
        r = rman_script_uncatalog(&connect, options->handles, &script, err);
        r = start_script(maintenance, &script, r, err);
        if (r < 0) {
                maintenance_free(maintenance);
                return r;
        }
        *ret = maintenance;
        return 0;
}

Maintenance *maintenance_free(Maintenance *maintenance) {
        if (maintenance == NULL)
                return NULL;
        sessions_free(maintenance->sessions);
        step_done(&maintenance->step);
        oracle_database_done(&maintenance->database);
        free(maintenance->tag);
        free(maintenance);
        return NULL;
}
