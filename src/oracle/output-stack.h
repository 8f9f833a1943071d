/* The stacks of error lines in RMAN's output, and which of their codes is the cause. Private to
 * output.c; pure and of fixed size. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oracle/output-text.h"

/* How much a code says about why: the strongest of the first stack becomes the verdict. */
typedef enum RmanRank {
        RMAN_RANK_NONE,
        RMAN_RANK_MARKER,  /* something expected was not seen, or something unexpected was */
        RMAN_RANK_WRAPPER, /* "failure of backup command": says only that there is a cause */
        RMAN_RANK_DETAIL,  /* what the operating system said, which file */
        RMAN_RANK_RMAN,
        RMAN_RANK_ORACLE,
        RMAN_RANK_KNOWN_RMAN, /* has a kind of its own */
        RMAN_RANK_KNOWN_ORACLE,
} RmanRank;

typedef struct RmanCause {
        int rank;
        unsigned stack;
        int os_error; /* of "Linux-x86_64 Error: 28: .." in the same stack, 0: none */
        char code[ERROR_CODE_BYTES];
        char message[ERROR_MESSAGE_BYTES];
} RmanCause;

enum { RMAN_STACK_PAIRS_MAX = 64 };

typedef struct RmanStack {
        unsigned number; /* counts the stacks */
        bool open, framed;
        uint64_t pairs[RMAN_STACK_PAIRS_MAX]; /* (code, message) pairs seen in this one, hashed */
        size_t n_pairs;
        RmanCause cause;
} RmanStack;

/* An error line came: opens a stack unless one is open. framed: the line of the frame itself; a
 * second frame begins another stack. */
void rman_stack_enter(RmanStack *stack, bool framed);
void rman_stack_end(RmanStack *stack);
/* Has this pair been seen in this stack? Remembers it. */
bool rman_stack_seen(RmanStack *stack, const char *code, const char *message);
/* The first stack decides, and in it the code that says most; a later stack only over a mere
 * wrapper. */
void rman_stack_note(RmanStack *stack, int rank, const char *code, const char *message);
void rman_stack_os_error(RmanStack *stack, int os_error);

int rman_code_rank(const char *code);
