/* Walks a call through its steps: read -> access -> prepare -> run. Owned by the server. */
#include "bus/call.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bus/errors.h"
#include "bus/server-internal.h"

static void unlink_call(Calls *calls, const Call *call) {
        for (Call **link = &calls->first; *link != NULL; link = &(*link)->next)
                if (*link == call) {
                        *link = call->next;
                        calls->n--;
                        return;
                }
}

static Call *call_free(Call *call) {
        if (call == NULL)
                return NULL;
        access_check_free(call->access);
        work_cancel(call->work);
        query_free(call->query);
        database_list_free(call->databases);
        /* A worker may still read the arguments: then its release frees them. */
        if (call->work == NULL && call->arguments != NULL) {
                if (call->method->release != NULL)
                        call->method->release(call->arguments);
                free(call->arguments);
        }
        if (call->work == NULL)
                sd_bus_message_unref(call->message);
        settings_unref(call->settings);
        free(call);
        return NULL;
}

static void end(Call *call) {
        unlink_call(bus_server_calls(call->server), call);
        call_free(call);
}

void call_fail(Call *call, const Error *error) {
        bus_reply_error(call->message, error);
        end(call);
}

void call_reply(Call *call, sd_bus_message *reply) {
        sd_bus_message_send(reply);
        sd_bus_message_unref(reply);
        end(call);
}

int call_reply_new(Call *call, sd_bus_message **ret, Error *err) {
        int r = sd_bus_message_new_method_return(call->message, ret);
        return r < 0 ? error_set_errno(err, ERROR_INTERNAL, r, "No reply could be made") : 0;
}

int call_reply_or(Call *call, sd_bus_message *reply, int r, Error *err) {
        if (r < 0) {
                sd_bus_message_unref(reply);
                return error_set_errno(err, ERROR_INTERNAL, r, "The reply could not be written");
        }
        call_reply(call, reply);
        return 0;
}

int call_reply_with(Call *call, Error *err, const char *types, ...) {
        sd_bus_message *reply = NULL;
        int r = call_reply_new(call, &reply, err);
        if (r < 0)
                return r;
        va_list ap;
        va_start(ap, types);
        r = types[0] == '\0' ? 0 : sd_bus_message_appendv(reply, types, ap);
        va_end(ap);
        return call_reply_or(call, reply, r, err);
}

static void run(Call *call) {
        Error error = {0};
        int r = call->method->run(call, call->arguments, &error);
        if (r < 0)
                call_fail(call, &error);
}

/* What the worker has in hands; arguments and message go with it when the call is cancelled. */
typedef struct Preparing {
        Call *call; /* NULL: prepared, or never to be told */
        const Method *method;
        Settings *settings;
        void *arguments;
        sd_bus_message *message;
        bool handed_back;
        int r;
        Error error;
} Preparing;

static void prepare_run(void *userdata) {
        Preparing *preparing = userdata;
        preparing->r = preparing->method->prepare(
                preparing->settings, preparing->arguments, &preparing->error);
}

static void prepare_done(void *userdata) {
        Preparing *preparing = userdata;
        Call *call = preparing->call;
        call->work = NULL;
        preparing->handed_back = true;
        if (preparing->r < 0)
                call_fail(call, &preparing->error);
        else
                run(call);
}

static void prepare_release(void *userdata) {
        Preparing *preparing = userdata;
        settings_unref(preparing->settings);
        if (!preparing->handed_back) {
                if (preparing->method->release != NULL)
                        preparing->method->release(preparing->arguments);
                free(preparing->arguments);
                sd_bus_message_unref(preparing->message);
        }
        free(preparing);
}

static int prepare(Call *call, Error *err) {
        static const WorkFunctions functions = {
                .run = prepare_run, .on_done = prepare_done, .release = prepare_release};
        Preparing *preparing = calloc(1, sizeof(*preparing));
        if (preparing == NULL)
                return error_oom(err);
        *preparing = (Preparing){
                .call = call,
                .method = call->method,
                .settings = settings_ref(call->settings),
                .arguments = call->arguments,
                .message = call->message};
        int r = work_start(call->service->files, &functions, preparing, &call->work, err);
        if (r < 0) {
                settings_unref(preparing->settings);
                free(preparing);
        }
        return r;
}

static void on_access(const Error *denied, void *userdata) {
        Call *call = userdata;
        Error error = {0};
        if (denied != NULL) {
                call_fail(call, denied);
                return;
        }
        if (call->method->prepare == NULL)
                run(call);
        else if (prepare(call, &error) < 0)
                call_fail(call, &error);
}

static int read_arguments(Call *call, Error *err) {
        const Method *method = call->method;
        if (method->arguments_size == 0)
                return 0;
        call->arguments = calloc(1, method->arguments_size);
        if (call->arguments == NULL)
                return error_oom(err);
        return method->read(call->message, call->arguments, err);
}

static int begin(Calls *calls, Call *call, Error *err) {
        int r = read_arguments(call, err);
        if (r < 0)
                return r;
        r = access_check_start(call->service, call->message, on_access, call, &call->access, err);
        if (r < 0)
                return r;
        call->next = calls->first;
        calls->first = call;
        calls->n++;
        return 1;
}

int call_begin(
        Calls *calls,
        BusServer *server,
        const Method *method,
        sd_bus_message *message,
        sd_bus_error *ret_error) {
        if (calls->n >= CALLS_MAX)
                return sd_bus_error_set(
                        ret_error,
                        SD_BUS_ERROR_LIMITS_EXCEEDED,
                        "Too many calls are open; ask again in a moment");
        Call *call = calloc(1, sizeof(*call));
        if (call == NULL)
                return -ENOMEM;
        call->server = server;
        call->service = bus_server_service(server);
        call->settings = settings_ref(call->service->settings);
        call->method = method;
        call->message = sd_bus_message_ref(message);
        Error error = {0};
        int r = begin(calls, call, &error);
        if (r >= 0)
                return r;
        call_free(call);
        return bus_error_set(ret_error, &error);
}

void calls_cancel(Calls *calls) {
        while (calls->first != NULL)
                end(calls->first);
}
