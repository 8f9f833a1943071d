/* See oracle-host.h. */
#include "unit/oracle/oracle-host.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "event/timer.h"

enum { DEADLINE_MSEC = 10 * 1000, TICK_MSEC = 2 };

static const char *program_of(const ChildFake *child) {
        return path_name(child_fake_argument(child, 0));
}

static Answer *find_answer(OracleHost *host, const ChildFake *child, const char *input) {
        for (size_t i = 0; i < host->n_answers; i++) {
                Answer *answer = &host->answers[i];
                if (strcmp(answer->program, program_of(child)) == 0 &&
                    strstr(input, answer->needle) != NULL && answer->times != UINT32_MAX)
                        return answer;
        }
        return NULL;
}

static void answer_child(OracleHost *host, ChildFake *child, const char *input) {
        Answer *answer = find_answer(host, child, input);
        if (answer == NULL) {
                fprintf(stderr, "no answer for %s:\n%s\n", program_of(child), input);
                abort();
        }
        if (answer->times > 0 && --answer->times == 0)
                answer->times = UINT32_MAX;
        if (answer->before != NULL)
                answer->before(host->userdata);
        if (answer->output == NULL)
                return;
        child_fake_lines(child, answer->output);
        if (answer->status >= 0)
                child_fake_exit(child, answer->status);
}

static void on_input(ChildFake *child, const char *input, void *userdata) {
        answer_child(userdata, child, input);
}

static void on_start(ChildFake *child, void *userdata) {
        const char *program = program_of(child);
        const char *first = child_fake_argument(child, 1);
        bool asks_release = first != NULL && strcmp(first, "-V") == 0;
        if (asks_release || (strcmp(program, "rman") != 0 && strcmp(program, "sqlplus") != 0))
                answer_child(userdata, child, asks_release ? first : "");
}

void oracle_host_init(OracleHost *host) {
        Error error = {0};
        *host = (OracleHost){0};
        strcpy(host->directory, "/tmp/test-oracle-XXXXXX");
        int r = mkdtemp(host->directory) != NULL ? 0 : -1;
        assert(r == 0);
        r = loop_new(&host->loop, &error);
        assert(r >= 0);
        r = child_runner_new(
                host->loop, &(ChildRunnerOptions){.program_path = "/x"}, &host->runner, &error);
        assert(r >= 0);
        r = work_pool_new(host->loop, "files", 1, 64, &host->files, &error);
        assert(r >= 0);
        host->oracle = (Oracle){
                .loop = host->loop,
                .runner = host->runner,
                .files = host->files,
                .user = "/",
                .service = "",
                .stop_delay_msec = 30,
        };
        strcpy(host->database.sid, "TESTDB15");
        host->database.oracle_home = oracle_host_path(host, "home");
        host->database.dbs_dir = oracle_host_path(host, "home/dbs");
        host->database.network_dir = oracle_host_path(host, "home/network/admin");
        r = directory_make(host->database.dbs_dir, 0755, &error);
        assert(r >= 0);
        r = directory_make(host->database.network_dir, 0755, &error);
        assert(r >= 0);
        child_fake_on_input(on_input, host);
        child_fake_on_start(on_start, host);
        (void)r;
}

void oracle_host_done(OracleHost *host) {
        oracle_database_done(&host->database);
        free(host->answers);
        host->runner = child_runner_free(host->runner);
        host->files = work_pool_free(host->files);
        host->loop = loop_free(host->loop);
        child_fake_reset();
        directory_remove_tree(host->directory, NULL);
}

void oracle_host_answer(OracleHost *host, const Answer *answers, size_t n) {
        free(host->answers);
        host->answers = calloc(n, sizeof *answers);
        assert(host->answers != NULL);
        memcpy(host->answers, answers, n * sizeof *answers);
        host->n_answers = n;
}

void oracle_host_finish(OracleHost *host, const Error *err) {
        host->error = err != NULL ? *err : (Error){0};
        host->n_done++;
        loop_stop(host->loop, 0);
}

static void on_deadline(void *userdata) {
        fprintf(stderr, "the run did not end in time\n");
        abort();
}

void oracle_host_run(OracleHost *host) {
        CLEANUP(cleanup_timer) Timer *deadline = NULL;
        int r = timer_new(host->loop, on_deadline, NULL, &deadline, NULL);
        assert(r >= 0);
        (void)r;
        timer_arm(deadline, DEADLINE_MSEC);
        loop_run(host->loop);
}

typedef struct Until {
        OracleHost *host;
        Timer *tick;
        bool (*condition)(void *userdata);
        void *userdata;
} Until;

static void on_tick(void *userdata) {
        Until *until = userdata;
        if (until->condition(until->userdata))
                loop_stop(until->host->loop, 0);
        else
                timer_arm(until->tick, TICK_MSEC);
}

void oracle_host_run_until(OracleHost *host, bool (*condition)(void *userdata), void *userdata) {
        Until until = {.host = host, .condition = condition, .userdata = userdata};
        int r = timer_new(host->loop, on_tick, &until, &until.tick, NULL);
        assert(r >= 0);
        (void)r;
        timer_arm(until.tick, 0);
        oracle_host_run(host);
        timer_free(until.tick);
}

ChildFake *oracle_host_told(const char *needle) {
        for (size_t i = 0; i < child_fake_count(); i++)
                if (strstr(child_fake_input(child_fake_at(i)), needle) != NULL)
                        return child_fake_at(i);
        return NULL;
}

bool oracle_host_was_told(const char *needle) {
        return oracle_host_told(needle) != NULL;
}

char *oracle_host_path(const OracleHost *host, const char *below) {
        char *path = path_join(host->directory, below);
        assert(path != NULL);
        return path;
}

void oracle_host_write(const OracleHost *host, const char *below, const char *text) {
        CLEANUP(cleanup_free) char *path = oracle_host_path(host, below);
        CLEANUP(cleanup_free) char *parent = path_parent(path);
        int r = directory_make(parent, 0755, NULL);
        assert(r >= 0);
        CLEANUP(cleanup_fclose) FILE *file = fopen(path, "we");
        assert(file != NULL);
        fputs(text, file);
        (void)r;
}
