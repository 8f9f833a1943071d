/* One method call on its way: arguments, access, what must be read from files, then the method.
 *
 * A method is a row of a table. Its `run` answers at once or starts something whose completion
 * answers; either way the call ends with call_reply(), call_fail() or by the server's end. */
#pragma once

#include <systemd/sd-bus.h>

#include "bus/access.h"
#include "job/databases.h"
#include "job/query.h"
#include "job/service.h"

typedef struct BusServer BusServer;
typedef struct Call Call;

typedef struct Method {
        const char *name;
        size_t arguments_size;
        /* Each returns 0 or a negative errno with *err, and may be NULL. */
        int (*read)(sd_bus_message *message, void *arguments, Error *err);
        int (*prepare)(const Settings *settings, void *arguments, Error *err); /* on a worker */
        int (*run)(Call *call, void *arguments, Error *err);
        void (*release)(void *arguments);
} Method;

struct Call {
        BusServer *server;
        Service *service;
        const Method *method;
        sd_bus_message *message;
        void *arguments;
        Settings *settings; /* of the moment of the call */
        AccessCheck *access;
        Work *work;
        Query *query;
        DatabaseList *databases;
        bool awaits_reload;
        Call *next;
};

enum { CALLS_MAX = 256 };

/* The calls of a server. */
typedef struct Calls {
        Call *first;
        unsigned n;
} Calls;

/* For a vtable: begins the call, or returns an error through ret_error. */
int call_begin(
        Calls *calls,
        BusServer *server,
        const Method *method,
        sd_bus_message *message,
        sd_bus_error *ret_error);
void calls_cancel(Calls *calls); /* all of them, unanswered */

/* Each answers and ends the call. */
void call_fail(Call *call, const Error *error);
void call_reply(Call *call, sd_bus_message *reply); /* takes the reply over; NULL: no memory */
/* The common case: a reply of basic types, as sd_bus_message_append(). */
int call_reply_with(Call *call, Error *err, const char *types, ...);
int call_reply_new(Call *call, sd_bus_message **ret, Error *err);
/* After appends that returned r: sends the reply or returns the error (the reply is gone then). */
int call_reply_or(Call *call, sd_bus_message *reply, int r, Error *err);
