/* CheckConfiguration: reads the identity it may be given, begins the job. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bus/options.h"
#include "bus/server-internal.h"

typedef struct CheckArguments {
        int identity;
        AgeIdentities *identities;
} CheckArguments;

static int read_check(sd_bus_message *message, void *arguments, Error *err) {
        static const Option options[] = {
                {"identity", OPTION_HANDLE, offsetof(CheckArguments, identity)},
        };
        CheckArguments *check = arguments;
        check->identity = -1;
        return options_read(message, options, ELEMENTSOF(options), check, err);
}

static int prepare_check(const Settings *settings, void *arguments, Error *err) {
        CheckArguments *check = arguments;
        char *text = NULL;
        size_t size = 0;
        if (check->identity < 0)
                return 0;
        int r = option_handle_read(check->identity, "identity", &text, &size, err);
        if (r < 0)
                return r;
        r = age_identities_parse(text, size, "Option \"identity\"", &check->identities, err);
        wipe(text, size);
        free(text);
        return r;
}

static int run_check(Call *call, void *arguments, Error *err) {
        CheckArguments *check = arguments;
        CheckRequest request = {.identities = check->identities};
        char path[JOB_PATH_BYTES];
        Job *job = NULL;
        int r = manager_check(call->service->manager, &request, &job, err);
        check->identities = request.identities; /* NULL when it was taken over */
        if (r < 0)
                return r;
        job_path(job_id(job), path);
        return call_reply_with(call, err, "o", path);
}

static void release_check(void *arguments) {
        CheckArguments *check = arguments;
        age_identities_free(check->identities);
}

static const Method method = {
        "CheckConfiguration",
        sizeof(CheckArguments),
        read_check,
        prepare_check,
        run_check,
        release_check,
};

const Method *manager_check_find(const char *name) {
        return strcmp(name, method.name) == 0 ? &method : NULL;
}
