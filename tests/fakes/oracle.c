/* See oracle.h. A call is a list element with a step function that runs from the loop. */
#include "fakes/oracle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "fakes/oracle-internal.h"
#include "oracle/maintenance.h"
#include "oracle/preflight.h"

FakeOracle fake_oracle;
const char FAKE_TRANSIENT_CODE[] = "ORA-00603";

static struct Script {
        unsigned fail_times;
        char fail_sid[31];
        Error error;
        bool held;
        unsigned calls;
} scripts[_FAKE_ORACLE_MAX];
static FakeCall *all_calls;

static void run_step(void *userdata);

static void unlink_call(FakeCall *call) {
        FakeCall **at = &all_calls;
        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
}

void fake_call_post(FakeCall *call) {
        int r = loop_post(fake_oracle.loop, run_step, call);
        assert(r == 0);
        call->posted = true;
}

static bool is_held(const FakeCall *call) {
        return scripts[call->type].held && !call->stopped &&
               (call->is_at_hold == NULL || call->is_at_hold(call));
}

static void run_step(void *userdata) {
        FakeCall *call = userdata;

        call->posted = false;
        if (call->dead)
                free(call);
        else if (!is_held(call))
                call->step(call);
}

void fake_call_free(FakeCall *call) {
        if (call == NULL)
                return;
        unlink_call(call);
        call->dead = true;
        if (!call->posted)
                free(call);
}

void *
fake_call_new(FakeOracleType type, size_t size, const char *sid, void (*step)(FakeCall *call)) {
        FakeCall *call = calloc(1, size);
        assert(call != NULL);
        call->type = type;
        (void)snprintf(call->sid, sizeof(call->sid), "%s", sid);
        call->step = step;
        call->next = all_calls;
        all_calls = call;
        scripts[type].calls++;
        fake_call_post(call);
        return call;
}

/* True: this call fails, *ret says how. */
bool fake_call_fails(const FakeCall *call, Error *ret) {
        struct Script *script = &scripts[call->type];

        if (call->stopped) {
                (void)error_set(ret, ERROR_CANCELLED, -ECANCELED, "stopped");
                return true;
        }
        if (script->fail_times == 0 ||
            (script->fail_sid[0] != '\0' && !string_equal(script->fail_sid, call->sid)))
                return false;
        script->fail_times--;
        *ret = script->error;
        return true;
}

void fake_oracle_note(const char *what, const char *sid, const char *more) {
        CLEANUP(cleanup_free) char *line = string_printf("%s %s %s", what, sid, more);
        int r = string_list_add(&fake_oracle.log, line);
        assert(r == 0);
}

char *fake_copy(const char *text) {
        char *string = strdup(text);
        assert(string != NULL);
        return string;
}

/* ---- script ---- */

void fake_oracle_init(Loop *loop) {
        memset(scripts, 0, sizeof(scripts));
        fake_oracle = (FakeOracle){
                .loop = loop,
                .n_pieces = 3,
                .piece_size = 150000,
                .restore_phase = "restore",
                .used_bytes = 1000,
        };
}

void fake_oracle_done(void) {
        assert(all_calls == NULL);
        string_list_done(&fake_oracle.log);
        fake_oracle.log = (StringList){0};
}

void fake_oracle_fail(
        FakeOracleType type, const char *sid, unsigned times, ErrorKind kind, const char *code) {
        struct Script *script = &scripts[type];

        script->fail_times = times;
        (void)snprintf(script->fail_sid, sizeof(script->fail_sid), "%s", sid == NULL ? "" : sid);
        (void)error_set(&script->error, kind, -EIO, "Oracle says no");
        (void)snprintf(script->error.ora_code, sizeof(script->error.ora_code), "%s", code);
}

void fake_oracle_hold(FakeOracleType type) {
        scripts[type].held = true;
}

void fake_oracle_let_go(FakeOracleType type) {
        scripts[type].held = false;
        for (FakeCall *call = all_calls; call != NULL; call = call->next)
                if (call->type == type && !call->posted)
                        fake_call_post(call);
}

unsigned fake_oracle_held(FakeOracleType type) {
        unsigned n = 0;
        for (const FakeCall *call = all_calls; call != NULL; call = call->next)
                n += call->type == type && !call->posted && is_held(call);
        return n;
}

unsigned fake_oracle_calls(FakeOracleType type) {
        return scripts[type].calls;
}

unsigned fake_oracle_log_count(const char *beginning) {
        unsigned n = 0;
        for (size_t i = 0; i < fake_oracle.log.n; i++)
                n += string_starts_with(fake_oracle.log.items[i], beginning);
        return n;
}

/* ---- oracle.h ---- */

bool oracle_instance_runs(const char *sid) {
        return fake_oracle.instance_runs;
}

bool oracle_error_is_transient(const Error *err) {
        return string_equal(err->ora_code, FAKE_TRANSIENT_CODE);
}

void oracle_database_done(OracleDatabase *database) {
        free(database->oracle_home);
        free(database->oracle_base);
        free(database->dbs_dir);
        free(database->network_dir);
        *database = (OracleDatabase){0};
}

static void fill_places(OracleDatabase *database) {
        free(database->dbs_dir);
        free(database->network_dir);
        database->dbs_dir = path_join(fake_oracle.home_dir, "dbs");
        database->network_dir = path_join(fake_oracle.home_dir, "network");
        assert(database->dbs_dir != NULL && database->network_dir != NULL);
}

struct OracleLocate {
        FakeCall call;
        OracleDatabase *database;
        void (*on_done)(int r, const Error *err, void *userdata);
        void *userdata;
};

static void locate_step(FakeCall *call) {
        struct OracleLocate *locate = (struct OracleLocate *)call;
        Error error = {0};

        if (fake_call_fails(call, &error)) {
                locate->on_done(error.r, &error, locate->userdata);
                return;
        }
        fill_places(locate->database);
        locate->on_done(0, NULL, locate->userdata);
}

int oracle_locate(
        const Oracle *oracle,
        OracleDatabase *database,
        void (*on_done)(int r, const Error *err, void *userdata),
        void *userdata,
        OracleLocate **ret,
        Error *err) {
        OracleLocate *locate =
                fake_call_new(FAKE_LOCATE, sizeof(OracleLocate), database->sid, locate_step);
        locate->database = database;
        locate->on_done = on_done;
        locate->userdata = userdata;
        *ret = locate;
        return 0;
}

OracleLocate *oracle_locate_free(OracleLocate *locate) {
        fake_call_free((FakeCall *)locate);
        return NULL;
}

/* ---- preflight.h ---- */

struct Preflight {
        FakeCall call;
        PreflightOptions options;
};

static void preflight_step(FakeCall *call) {
        const PreflightOptions options = ((struct Preflight *)call)->options;
        StringList warnings = {0};
        DatabaseFacts facts = {0};
        Error error = {0};
        char sid[31];

        if (fake_call_fails(call, &error)) {
                options.on_done(NULL, NULL, &error, options.userdata);
                return;
        }
        memcpy(sid, call->sid, sizeof(sid));
        fill_places(options.database);
        facts.version = fake_copy("19.0.0.0.0");
        facts.edition = fake_copy("Enterprise Edition");
        facts.db_name = fake_copy(sid);
        facts.db_unique_name = fake_copy(sid);
        facts.utc_offset = fake_copy("+00:00");
        facts.dbid = 1000 + (uint64_t)sid[strlen(sid) - 1];
        facts.resetlogs_scn = 1;
        facts.used_bytes = fake_oracle.used_bytes;
        int r = string_list_add(&warnings, "a warning of the preflight");
        assert(r == 0);
        options.on_done(&facts, &warnings, NULL, options.userdata);
        database_facts_done(&facts);
        string_list_done(&warnings);
}

int preflight_start(
        const Oracle *oracle, const PreflightOptions *options, Preflight **ret, Error *err) {
        Preflight *preflight = fake_call_new(
                FAKE_PREFLIGHT, sizeof(Preflight), options->database->sid, preflight_step);
        preflight->options = *options;
        *ret = preflight;
        return 0;
}

Preflight *preflight_free(Preflight *preflight) {
        fake_call_free((FakeCall *)preflight);
        return NULL;
}

/* ---- maintenance.h ---- */

struct Maintenance {
        FakeCall call;
        MaintenanceOptions options;
};

static void maintenance_step(FakeCall *call) {
        const MaintenanceOptions options = ((struct Maintenance *)call)->options;
        Error error = {0};
        bool failed = fake_call_fails(call, &error);

        options.on_done(failed ? &error : NULL, options.userdata);
}

static Maintenance *maintenance_new(FakeOracleType type, const MaintenanceOptions *options) {
        Maintenance *maintenance =
                fake_call_new(type, sizeof(Maintenance), options->database->sid, maintenance_step);
        maintenance->options = *options;
        return maintenance;
}

int maintenance_delete_tag(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err) {
        fake_oracle_note("delete-tag", options->database->sid, options->tag);
        *ret = maintenance_new(FAKE_DELETE_TAG, options);
        return 0;
}

int maintenance_uncatalog(
        const Oracle *oracle, const MaintenanceOptions *options, Maintenance **ret, Error *err) {
        for (size_t i = 0; i < options->handles->n; i++)
                fake_oracle_note("uncatalog", options->database->sid, options->handles->items[i]);
        *ret = maintenance_new(FAKE_UNCATALOG, options);
        return 0;
}

Maintenance *maintenance_free(Maintenance *maintenance) {
        fake_call_free((FakeCall *)maintenance);
        return NULL;
}
