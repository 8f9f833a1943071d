/* What the files of the Oracle fake share: a call is a list element with a step function that runs
 * from the loop. */
#pragma once

#include <stdlib.h>

#include "fakes/oracle.h"
#include "oracle/oracle.h"

typedef struct FakeCall FakeCall;
struct FakeCall {
        FakeCall *next;
        FakeOracleType type;
        char sid[31];
        bool posted, dead, stopped;
        unsigned step_number;
        void (*step)(FakeCall *call);
        bool (*is_at_hold)(const FakeCall *call); /* NULL: always */
};

/* First member of what a start function returns. */
void *
fake_call_new(FakeOracleType type, size_t size, const char *sid, void (*step)(FakeCall *call));
void fake_call_free(FakeCall *call); /* NULL: nothing; also from inside its step */
void fake_call_post(FakeCall *call);
/* True: this call fails, *ret says how. */
bool fake_call_fails(const FakeCall *call, Error *ret);
void fake_oracle_note(const char *what, const char *sid, const char *more);
char *fake_copy(const char *text);
