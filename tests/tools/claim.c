/* Claims the next sequence of an instance in a Swift, as a backup does before RMAN starts, and
 * nothing else: for tests that let two of these meet.
 *
 *   claim AUTH-URL USER CONTAINER HOST DIRECTORY
 *
 * The first line of stdin is the secret; each further one names an instance. For each it prints
 * "claimed N", or the error's name and message. DIRECTORY holds its ledger. */
#include "job/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/strings.h"
#include "store/swift.h"

enum { LINE_BYTES = LIMIT_INSTANCE_BYTES + 1, RETRY_MSEC = 30 * 1000 };

typedef struct Claimer {
        Service service;
        Settings settings;
        Config config;
        Error error;
} Claimer;

static _Noreturn void fail(const char *what, const Error *err) {
        fprintf(stderr, "claim: %s: %s\n", what, err->message);
        exit(EXIT_FAILURE);
}

static bool read_line(char line[LINE_BYTES]) {
        if (fgets(line, LINE_BYTES, stdin) == NULL)
                return false;
        line[strcspn(line, "\n")] = '\0';
        return true;
}

static SigningKey *new_key(void) {
        CLEANUP(cleanup_free) char *pem = NULL;
        SigningKey *key = NULL;
        Error error = {0};
        size_t size;
        if (signing_key_generate(&pem, &size, &error) < 0 ||
            signing_key_parse(pem, size, "claim", &key, &error) < 0)
                fail("its key", &error);
        return key;
}

static void begin(Claimer *claimer, char *argv[], const char *secret) {
        Service *service = &claimer->service;
        const SwiftOptions options = {
                .auth_url = argv[1],
                .auth_version = 1,
                .username = argv[2],
                .secret = secret,
                .container = argv[3],
                .segment_container = argv[3],
                .connect_timeout_msec = RETRY_MSEC,
                .stall_timeout_msec = RETRY_MSEC,
                .retry_time_msec = RETRY_MSEC,
                .concurrency = 1,
                .buffers = 1,
        };
        Error error = {0};
        service->hostname = argv[4];
        service->settings = &claimer->settings;
        claimer->settings = (Settings){.users = 1, .config = &claimer->config};
        service->signing_key = new_key();
        if (trusted_keys_new(&claimer->settings.trusted, &error) < 0 ||
            loop_new(&service->loop, &error) < 0 ||
            work_pool_new(service->loop, "files", 1, 16, &service->files, &error) < 0 ||
            ledger_new(service->loop, argv[5], &service->ledger, &error) < 0 ||
            swift_store_new(service->loop, service->files, &options, &service->store, &error) < 0)
                fail("its parts", &error);
}

static void end(Claimer *claimer) {
        Service *service = &claimer->service;
        ledger_free(service->ledger);
        store_free(service->store);
        work_pool_free(service->files);
        loop_free(service->loop);
        signing_key_free(service->signing_key);
        trusted_keys_free(claimer->settings.trusted);
}

static void on_done(const Error *err, bool sent, void *userdata) {
        Claimer *claimer = userdata;
        (void)sent;
        claimer->error = err == NULL ? (Error){0} : *err;
        loop_stop(claimer->service.loop, 0);
}

static void claim_one(Claimer *claimer, uint32_t number, char *instance) {
        LedgerJob row = {.id = number, .type = "backup"};
        Error error = {0};
        Claiming *claiming = NULL;
        Claim claim = {
                .id = calloc(1, UUID_BYTES),
                .instance = strdup(instance),
                .hostname = strdup(claimer->service.hostname),
                .name = strdup("race"),
                .description = strdup(""),
                .created_usec = clock_realtime_usec(),
        };
        if (claim.id == NULL || claim.instance == NULL || claim.hostname == NULL ||
            claim.name == NULL || claim.description == NULL)
                exit(EXIT_FAILURE);
        random_uuid(claim.id);
        claimer->config.instance = instance;
        memcpy(row.backup_id, claim.id, UUID_BYTES);
        memcpy(row.instance, instance, strlen(instance) + 1);
        const ClaimingOptions options = {
                .service = &claimer->service,
                .settings = &claimer->settings,
                .row = &row,
                .claim = &claim,
                .on_done = on_done,
                .userdata = claimer,
        };
        if (claiming_start(&options, &claiming, &error) < 0)
                fail(instance, &error);
        loop_run(claimer->service.loop);
        if (error_is_set(&claimer->error))
                printf("%s %s\n", error_dbus_name(claimer->error.kind), claimer->error.message);
        else
                printf("claimed %llu\n", (unsigned long long)claim.sequence);
        fflush(stdout);
        claiming_free(claiming);
        claim_done(&claim);
        ledger_job_done(&row);
}

int main(int argc, char *argv[]) {
        Claimer claimer = {0};
        char secret[LINE_BYTES], line[LINE_BYTES];
        if (argc != 6 || !read_line(secret)) {
                fputs("usage: claim AUTH-URL USER CONTAINER HOST DIRECTORY\n", stderr);
                return EXIT_FAILURE;
        }
        begin(&claimer, argv, secret);
        for (uint32_t number = 1; read_line(line); number++)
                claim_one(&claimer, number, line);
        end(&claimer);
        return EXIT_SUCCESS;
}
